import { assertEquals, assertRejects } from "@std/assert";
import { BuildError } from "../../../scripts/build/build_error.ts";
import {
  chosenRuntime,
  missingRuntimeMessage,
  runtimeTarget,
  runtimeVariable,
} from "../../../scripts/build/runtime.ts";
import { hostTarget, targetOf, TARGETS } from "../../../scripts/build/targets.ts";

/** A header and, far behind it, what a runtime of Deno 2.7.11 says of itself. */
function program(write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(512);
  write(new DataView(bytes.buffer));
  bytes.set(new TextEncoder().encode("Deno/2.7.11+6ddbb09"), 300);
  return bytes;
}

/** The numbers are those of the ELF, Mach-O and PE specifications. */
const PROGRAMS: Readonly<Record<string, Uint8Array>> = {
  "linux-x64": program((view) => (view.setUint32(0, 0x7f454c46), view.setUint16(18, 62, true))),
  "linux-arm64": program((view) => (view.setUint32(0, 0x7f454c46), view.setUint16(18, 183, true))),
  "macos-x64": program((view) => (view.setUint32(0, 0xfeedfacf, true), view.setUint32(4, 0x01000007, true))),
  "macos-arm64": program((
    view,
  ) => (view.setUint32(0, 0xfeedfacf, true), view.setUint32(4, 0x0100000c, true))),
  "windows-x64": portableExecutable(0x8664),
  "windows-arm64": portableExecutable(0xaa64),
};

function portableExecutable(machine: number): Uint8Array {
  return program((view) => {
    view.setUint16(0, 0x4d5a);
    view.setUint32(0x3c, 128, true);
    view.setUint32(128, 0x50450000);
    view.setUint16(132, machine, true);
  });
}

const LINUX = targetOf("linux-x64");

/** A machine on which these files are. */
function options(environment: Record<string, string>, isOneOfSeveral = false) {
  const readFile = (path: string) => {
    const bytes = PROGRAMS[path.slice(1)];
    return bytes ? Promise.resolve(bytes) : Promise.reject(new Deno.errors.NotFound(`No such file: ${path}`));
  };
  return { environment, isOneOfSeveral, denoVersion: "2.7.11", readFile };
}

Deno.test("runtimeTarget() tells each target's programs by their headers", () => {
  for (const { name } of TARGETS) assertEquals(runtimeTarget(PROGRAMS[name]!), name);
});

Deno.test("runtimeTarget() tells the program that runs this test", async () => {
  assertEquals(runtimeTarget(await Deno.readFile(Deno.execPath())), hostTarget(Deno.build)?.name);
});

Deno.test("runtimeTarget() knows nothing of other processors, archives, texts and stumps", () => {
  const others = [
    program((view) => (view.setUint32(0, 0x7f454c46), view.setUint16(18, 243, true))),
    program((view) => view.setUint32(0, 0x504b0304)),
    portableExecutable(0x014c),
    program((view) => (view.setUint16(0, 0x4d5a), view.setUint32(0x3c, 0xffff_fff0, true))),
    new Uint8Array(200),
    PROGRAMS["linux-x64"]!.subarray(0, 20),
    new Uint8Array(),
  ];
  for (const bytes of others) assertEquals(runtimeTarget(bytes), undefined);
});

Deno.test("runtimeVariable() is in capitals", () => {
  assertEquals(runtimeVariable(LINUX), "DENORT_BIN_LINUX_X64");
  assertEquals(runtimeVariable(targetOf("windows-arm64")), "DENORT_BIN_WINDOWS_ARM64");
});

Deno.test("chosenRuntime() leaves it to the compiler where the environment names none", async () => {
  assertEquals(await chosenRuntime(LINUX, options({})), undefined);
  assertEquals(await chosenRuntime(LINUX, options({ DENORT_BIN: "", DENORT_BIN_LINUX_X64: "" })), undefined);
});

Deno.test({
  name: "chosenRuntime() takes a target's own variable before DENORT_BIN (paths as on Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const both = { DENORT_BIN: "/linux-arm64", DENORT_BIN_LINUX_X64: "/linux-x64" };
    assertEquals(await chosenRuntime(LINUX, options(both)), "/linux-x64");
    assertEquals(await chosenRuntime(targetOf("linux-arm64"), options(both)), "/linux-arm64");
  },
});

Deno.test("chosenRuntime() leaves DENORT_BIN alone for a target among several that it is not of", async () => {
  assertEquals(await chosenRuntime(LINUX, options({ DENORT_BIN: "/macos-x64" }, true)), undefined);
});

Deno.test("chosenRuntime() refuses a runtime that does not serve, and says why", async () => {
  const old = { ...options({ DENORT_BIN: "/linux-x64" }), denoVersion: "2.9.6" };
  const cases: readonly (readonly [Parameters<typeof chosenRuntime>[1], string])[] = [
    [options({ DENORT_BIN: "/linux-arm64" }), "DENORT_BIN names /linux-arm64, which is for linux-arm64"],
    [options({ DENORT_BIN_LINUX_X64: "/macos-x64" }, true), "DENORT_BIN_LINUX_X64 names /macos-x64"],
    [options({ DENORT_BIN: "/absent" }), "Cannot read the runtime that DENORT_BIN names: No such file"],
    [old, "which is not of Deno 2.9.6: a runtime serves only its own version"],
  ];
  for (const [given, message] of cases) {
    await assertRejects(() => chosenRuntime(LINUX, given), BuildError, message);
  }
});

Deno.test({
  name: "missingRuntimeMessage() says which file to put where (paths as on Unix)",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const known = { denoVersion: "2.9.6", denoDirectory: "/home/user/.cache/deno", reason: "dns error" };
    assertEquals(
      missingRuntimeMessage(LINUX, known),
      "Deno 2.9.6 has no runtime for linux-x64 at hand and cannot fetch " +
        "https://dl.deno.land/release/v2.9.6/denort-x86_64-unknown-linux-gnu.zip (dns error). For an offline build put " +
        "that file at /home/user/.cache/deno/dl/release/v2.9.6/denort-x86_64-unknown-linux-gnu.zip, or unpack it and " +
        "name the denort in it by DENORT_BIN_LINUX_X64",
    );
  },
});
