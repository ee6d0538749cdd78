/**
 * Builds the binary of another target into `dist/` and runs the short end-to-end suite through it, on Linux x86-64 as
 * root. The compiler fetches the target's runtime, or takes the one that the environment variable `DENORT_BIN` names.
 *
 * Usage: deno task test:arm64, deno task test:windows
 */

import { fitLastSection } from "./fit_last_section.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** How a binary is built and what runs it here. */
interface Target {
  readonly triple: string;
  readonly binary: string;
  /** The words before the binary. */
  through(): readonly string[];
  /** How many times as long as for a native binary is waited. */
  readonly slowness: number;
}

const TARGETS: Readonly<Record<string, Target>> = {
  arm64: {
    triple: "aarch64-unknown-linux-gnu",
    binary: "dist/natpmp-linux-arm64",
    through: () => ["qemu-aarch64-static"],
    slowness: 4,
  },
  windows: {
    triple: "x86_64-pc-windows-msvc",
    binary: "dist/natpmp-windows-x64.exe",
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

/** Runs this very Deno, and ends with its exit code if it fails. */
async function deno(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { success, code } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { ...env },
    stdin: "null",
  }).spawn().status;
  if (!success) Deno.exit(code);
}

async function compile({ triple, binary }: Target): Promise<void> {
  await deno(["compile", "--frozen", "--allow-all", "--target", triple, "--output", binary, "main.ts"]);
  if (!binary.endsWith(".exe")) return;
  const program = await Deno.readFile(`${ROOT}${binary}`);
  if (fitLastSection(program)) await Deno.writeFile(`${ROOT}${binary}`, program);
}

const [name = ""] = Deno.args;
const target = TARGETS[name] ?? fail(`Cannot test "${name}": one of ${Object.keys(TARGETS).join(", ")}`);
const command = [...target.through(), `${ROOT}${target.binary}`];
await compile(target);
await deno(["task", "test:e2e:short"], {
  NATPMP: JSON.stringify(command),
  NATPMP_SLOWNESS: String(target.slowness),
});
