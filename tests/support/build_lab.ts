/**
 * A place to build in: copies of the source, and caches of Deno that hold what a test wants them to.
 *
 * @module
 */

import { denoDirectory } from "../../scripts/build/deno_process.ts";
import { cachedRuntime, runtimeVariable } from "../../scripts/build/runtime.ts";
import { hostTarget, TARGETS } from "../../scripts/build/targets.ts";
import { fromRoot } from "../scripts/build/_root.ts";
import { type CommandResult, runCommand } from "./command.ts";
import { e2eTest } from "./requirements.ts";

/** Options of {@linkcode BuildLab.build}. */
export interface BuildOptions {
  /** The project's directory; the real one by default. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Options of {@linkcode BuildLab.denoCache}. */
export interface DenoCacheOptions {
  /** Whether Deno's bundler is in it. */
  readonly hasBundler: boolean;
}

/** One build takes some seconds, most of them for packing. */
const BUILD_TIMEOUT_MS = 90_000;

const TARGET = hostTarget(Deno.build);

/** Keeps the runtimes of the caller's environment out, and every fetch from getting anywhere. */
export const OFFLINE: Readonly<Record<string, string>> = {
  DENORT_BIN: "",
  ...Object.fromEntries(TARGETS.map((target) => [runtimeVariable(target), ""])),
  HTTP_PROXY: "http://127.0.0.1:9",
  HTTPS_PROXY: "http://127.0.0.1:9",
  https_proxy: "http://127.0.0.1:9",
  NO_PROXY: "",
  no_proxy: "",
};

/** The Deno to build with: its executable, whatever starts it. */
async function findBuildDeno(): Promise<string> {
  const words = Deno.env.get("NATPMP_BUILD_DENO")?.trim().split(/\s+/);
  if (words === undefined) return Deno.execPath();
  const { code, stdout, stderr } = await runCommand([...words, "eval", "console.log(Deno.execPath())"]);
  if (code !== 0) throw new Error(`NATPMP_BUILD_DENO does not start: ${stderr}`);
  return stdout.trim();
}

const BINARY_UNDER_TEST = "NATPMP names a binary, which is tested here instead of the build";

/** Why the compiler has nothing to compile with here, as far as it can be told without a fetch. */
async function noRuntime(): Promise<string | undefined> {
  if (TARGET === undefined) return `the compiler has no target for ${Deno.build.target}`;
  const granted = (["run", "env", "read"] as const).every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  if (!granted) return "no permission";
  if (Deno.env.get("NATPMP")) return BINARY_UNDER_TEST;
  if (Deno.env.get("DENORT_BIN") || Deno.env.get("NATPMP_BUILD_DENO")) return undefined;
  const known = { denoVersion: Deno.version.deno, denoDirectory: await denoDirectory() };
  const cached = await Deno.stat(cachedRuntime(TARGET, known)).catch(() => undefined);
  return cached
    ? undefined
    : "no runtime of the compiler at hand, and neither DENORT_BIN nor NATPMP_BUILD_DENO";
}

const impediment = await noRuntime();

/** Registers a test that builds; the same with every binary under test, so only where there is none. */
export function buildTest(name: string, fn: (lab: BuildLab) => Promise<void>): void {
  const run = async () => {
    await using lab = await BuildLab.create(await findBuildDeno());
    await fn(lab);
  };
  if (impediment !== BINARY_UNDER_TEST) {
    e2eTest(name, run, { programs: ["tar", "unzip", "sha256sum", "git"], impediment });
  } else Deno.test({ name: `e2e: ${name} (ignored: ${impediment})`, ignore: true, fn: run });
}

/** A temporary directory with builds in it. */
export class BuildLab implements AsyncDisposable {
  readonly directory: string;
  /** The name of this machine's target. */
  readonly target = TARGET!.name;
  /** The executable of the Deno to build with. */
  readonly deno: string;

  private constructor(directory: string, deno: string) {
    this.directory = directory;
    this.deno = deno;
  }

  static async create(deno: string): Promise<BuildLab> {
    return new BuildLab(await Deno.makeTempDir({ prefix: "natpmp-build-lab-" }), deno);
  }

  /** Runs the build script; what it says about `dist` goes to a directory of this lab instead. */
  build(out: string, args: readonly string[], options: BuildOptions = {}): Promise<CommandResult> {
    const { root = fromRoot(""), env = {} } = options;
    const script = ["run", "-q", "--frozen", "-A", `${root}/scripts/build.ts`];
    return runCommand([this.deno, ...script, "--out", this.path(out), ...args], {
      env: { NO_COLOR: "1", ...env },
      timeoutMs: BUILD_TIMEOUT_MS,
    });
  }

  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  /** Copies what builds read to a place of its own, without the history. */
  async copySource(to: string): Promise<string> {
    const root = this.path(to);
    await Deno.mkdir(root, { recursive: true });
    const files = [
      "main.ts",
      "lib",
      "scripts",
      "deno.json",
      "deno.lock",
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
    ];
    for (const file of files) await copy(fromRoot(file), root);
    return root;
  }

  /** Makes a cache for Deno with the packages that a build takes and nothing that was not asked for. */
  async denoCache(name: string, { hasBundler }: DenoCacheOptions): Promise<string> {
    const { denoDirectory: real } = await this.#describe();
    const cache = this.path(name);
    const packages = "npm/registry.npmjs.org";
    await Deno.mkdir(`${cache}/${packages}`, { recursive: true });
    await Deno.mkdir(`${cache}/dl`);
    for (const name of ["deno-std", "fflate", "marked", "modern-tar"]) {
      await copy(`${real}/${packages}/${name}`, `${cache}/${packages}`);
    }
    for await (const { name } of Deno.readDir(`${real}/dl`)) {
      if (hasBundler && name.startsWith("esbuild-")) await copy(`${real}/dl/${name}`, `${cache}/dl`);
    }
    return cache;
  }

  /** The path of an unpacked runtime of this machine's target. */
  async runtime(): Promise<string> {
    const named = Deno.env.get("DENORT_BIN");
    if (named) return named;
    const archive = cachedRuntime(TARGET!, await this.#describe());
    const { code, stderr } = await runCommand(["unzip", "-q", archive, "-d", this.path("runtime")]);
    if (code !== 0) throw new Error(stderr);
    return this.path("runtime/denort");
  }

  async #describe(): Promise<{ readonly denoVersion: string; readonly denoDirectory: string }> {
    const info = await runCommand([this.deno, "info", "--json", "--no-config"]);
    const version = await runCommand([this.deno, "--version"]);
    return {
      denoVersion: /^deno (\S+)/.exec(version.stdout)?.[1] ?? "",
      denoDirectory: JSON.parse(info.stdout).denoDir,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function copy(from: string, intoDirectory: string): Promise<void> {
  const { code, stderr } = await runCommand(["cp", "-r", from, intoDirectory]);
  if (code !== 0) throw new Error(stderr);
}
