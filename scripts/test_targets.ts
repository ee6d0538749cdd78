/**
 * Builds the binary of another target into `dist/` and runs the short end-to-end suite through it, on Linux x86-64 as
 * root. `DENORT_BIN` names the target's runtime where the compiler cannot fetch it, see `deno task build --help`.
 *
 * Usage: deno task test:arm64, deno task test:windows
 */

import project from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url).pathname;

/** A built program and the runner for it here. */
interface Target {
  /** As the build calls it. */
  readonly name: string;
  readonly programSuffix: string;
  /** The words before the binary. */
  through(): readonly string[];
  /** How many times as long as for a native binary is waited. */
  readonly slowness: number;
}

const TARGETS: Readonly<Record<string, Target>> = {
  arm64: {
    name: "linux-arm64",
    programSuffix: "",
    through: () => ["qemu-aarch64-static"],
    slowness: 4,
  },
  windows: {
    name: "windows-x64",
    programSuffix: ".exe",
    through: () => [`${ROOT}tests/support/wine_run.sh`, wineBox()],
    slowness: 2,
  },
};

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}

function wineBox(): string {
  return Deno.env.get("NATPMP_WINE_BOX") ??
    fail("NATPMP_WINE_BOX has to name a directory that .ci/wine_box made");
}

/** Runs a task with this very Deno, and ends with its exit code if it fails. */
async function task(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { success, code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", ...words],
    cwd: ROOT,
    env: { ...env },
    stdin: "null",
  }).spawn().status;
  if (!success) Deno.exit(code);
}

const [word = ""] = Deno.args;
const target = TARGETS[word] ?? fail(`Cannot test "${word}": one of ${Object.keys(TARGETS).join(", ")}`);
const binary = `${ROOT}dist/natpmp-${project.version}-${target.name}${target.programSuffix}`;
const command = [...target.through(), binary];
await task(["build", "--target", target.name]);
await task(["test:e2e:short"], {
  NATPMP: JSON.stringify(command),
  NATPMP_SLOWNESS: String(target.slowness),
});
