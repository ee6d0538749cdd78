import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../scripts/build/build_error.ts";
import { hostTarget, targetOf, TARGETS } from "../../../scripts/build/targets.ts";

Deno.test("TARGETS are x86-64 and aarch64 of Linux, macOS and Windows", () => {
  assertEquals(
    TARGETS.map(({ name }) => name),
    ["linux-x64", "linux-arm64", "macos-x64", "macos-arm64", "windows-x64", "windows-arm64"],
  );
});

Deno.test("targetOf() finds a target by our name and by the compiler's", () => {
  for (const target of TARGETS) {
    assertEquals(targetOf(target.name), target);
    assertEquals(targetOf(target.triple), target);
  }
});

Deno.test("targetOf() names the targets when there is none of that name", () => {
  for (const word of ["", "linux", "sparc-linux"]) {
    assertThrows(() => targetOf(word), UsageError, "the targets are linux-x64, linux-arm64, macos-x64");
  }
});

Deno.test("hostTarget() knows each target's own machine, and no others", () => {
  assertEquals(hostTarget({ os: "linux", arch: "x86_64" })?.name, "linux-x64");
  assertEquals(hostTarget({ os: "darwin", arch: "aarch64" })?.triple, "aarch64-apple-darwin");
  assertEquals(hostTarget({ os: "windows", arch: "aarch64" })?.programSuffix, ".exe");
  assertEquals(hostTarget({ os: "freebsd", arch: "x86_64" }), undefined);
});
