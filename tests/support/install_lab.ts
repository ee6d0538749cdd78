/**
 * A place to run `scripts/install.sh` in: a home, a temporary directory, a prefix, and a `PATH` of chosen programs
 * only, so that a test says which downloader and which checksum program there are.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type CommandResult, runCommand } from "./command.ts";
import { hostTarget, ReleaseServer } from "./release_server.ts";
import { programPath } from "./requirements.ts";

/** The installer. */
export const INSTALL_SH: string = new URL("../../scripts/install.sh", import.meta.url).pathname;

/** What `install.sh` needs of the machine beside a downloader, a checksum program and a shell. */
const TOOLS = [
  "chmod",
  "cut",
  "getconf",
  "grep",
  "gzip",
  "mkdir",
  "mktemp",
  "mv",
  "rm",
  "rmdir",
  "sed",
  "sh",
  "sort",
  "tar",
  "tr",
  "uname",
];

/** Programs that nearly every test of the installer needs. */
export const INSTALL_PROGRAMS: readonly string[] = [...TOOLS, "env", "dash", "curl", "sha256sum"];

/** Every file that a release puts below the prefix, and the directories on the way, sorted. */
export const INSTALLED: readonly string[] = [
  "bin/",
  "bin/natpmp",
  "share/",
  "share/bash-completion/",
  "share/bash-completion/completions/",
  "share/bash-completion/completions/natpmp",
  "share/doc/",
  "share/doc/natpmp/",
  "share/doc/natpmp/CHANGELOG.md",
  "share/doc/natpmp/LICENSE",
  "share/doc/natpmp/README.md",
  "share/fish/",
  "share/fish/vendor_completions.d/",
  "share/fish/vendor_completions.d/natpmp.fish",
  "share/man/",
  "share/man/man1/",
  "share/man/man1/natpmp-watch.1",
  "share/man/man1/natpmp.1",
  "share/man/man5/",
  "share/man/man5/natpmp-config.5",
  "share/natpmp/",
  "share/natpmp/config.schema.json",
  "share/natpmp/manifest",
  "share/zsh/",
  "share/zsh/site-functions/",
  "share/zsh/site-functions/_natpmp",
];

/** Options of {@linkcode InstallLab.create}. */
export interface InstallLabOptions {
  /** The downloaders and checksum programs on `PATH`: `curl` and `sha256sum` by default. */
  readonly programs?: readonly string[];
}

/** Options of {@linkcode InstallLab.run}. */
export interface InstallRunOptions {
  /** The shell and its options; `dash` by default. */
  readonly shell?: readonly string[];
  /** Whether the script comes through a pipe, as from `curl … | sh`. */
  readonly piped?: boolean;
  /** What the script is, instead of the real one, when it is piped. */
  readonly script?: string;
  /** A command line that runs the one behind it, such as `unshare -m`. */
  readonly through?: readonly string[];
  /** Variables beside `PATH`, `HOME` and `TMPDIR`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Every file and directory below `root`, by its path from there, sorted; directories end with a stroke. */
export function tree(root: string): string[] {
  const list = (directory: string): string[] =>
    [...Deno.readDirSync(`${root}/${directory}`)].flatMap(({ name, isDirectory }) =>
      isDirectory ? [`${directory}${name}/`, ...list(`${directory}${name}/`)] : [`${directory}${name}`]
    );
  return list("").sort();
}

/** A machine to install on, with a server of releases; removed with its owner. */
export class InstallLab implements AsyncDisposable {
  /** Where the releases come from. */
  readonly server: ReleaseServer = new ReleaseServer();
  /** The directory that holds the others. */
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Makes one, with nothing published. */
  static async create(options: InstallLabOptions = {}): Promise<InstallLab> {
    const { programs = ["curl", "sha256sum"] } = options;
    const lab = new InstallLab(await Deno.makeTempDir({ prefix: "natpmp-install-test-" }));
    // Other users, whom some tests run as, have to get in.
    await Deno.chmod(lab.root, 0o755);
    for (const directory of [lab.home, lab.temporary, lab.path]) await Deno.mkdir(directory);
    for (const program of [...TOOLS, ...programs]) await Deno.symlink(installed(program), lab.tool(program));
    return lab;
  }

  /** The user's home directory. */
  get home(): string {
    return `${this.root}/home`;
  }
  /** Where temporary files go. */
  get temporary(): string {
    return `${this.root}/tmp`;
  }
  /** The only directory on `PATH`. */
  get path(): string {
    return `${this.root}/path`;
  }
  /** Where tests install, not there at first. */
  get prefix(): string {
    return `${this.root}/prefix`;
  }

  /** Where a program of `PATH` is. */
  tool(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Replaces a program of `PATH` by a shell script. */
  async fakeTool(name: string, script: string): Promise<void> {
    await Deno.remove(this.tool(name)).catch(() => {});
    await Deno.writeTextFile(this.tool(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** The command line that runs `install.sh` with these arguments. */
  command(args: readonly string[], options: InstallRunOptions = {}): string[] {
    const { shell: [shell = "dash", ...shellArgs] = [], piped = false, through = [], env = {} } = options;
    const variables = Object.entries({ PATH: this.path, HOME: this.home, TMPDIR: this.temporary, ...env });
    return [
      ...through,
      installed("env"),
      "-i",
      ...variables.map(([name, value]) => `${name}=${value}`),
      installed(shell),
      ...shellArgs,
      ...(piped ? ["-s", "--"] : [INSTALL_SH]),
      ...args,
    ];
  }

  /** Runs `install.sh` with these arguments, as they are. */
  async run(args: readonly string[], options: InstallRunOptions = {}): Promise<CommandResult> {
    const script = options.piped ? { stdin: options.script ?? await Deno.readTextFile(INSTALL_SH) } : {};
    return await runCommand(this.command(args, options), script);
  }

  /** Runs `install.sh` with these arguments, from this lab's server into its prefix. */
  install(args: readonly string[] = [], options: InstallRunOptions = {}): Promise<CommandResult> {
    return this.run(["--base-url", this.server.url, "--prefix", this.prefix, ...args], options);
  }

  /** What the installed `natpmp` says. */
  async installedVersion(prefix = this.prefix): Promise<string> {
    return (await runCommand([`${prefix}/bin/natpmp`])).stdout.trim();
  }

  /** Checks that an installer ended well and left nothing in the temporary directory. */
  assertDone({ code, stdout, stderr }: CommandResult): string {
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(tree(this.temporary), []);
    return stdout;
  }

  /** Removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await Deno.remove(this.root, { recursive: true });
  }
}

function installed(program: string): string {
  const path = programPath(program);
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}

/** The file name of the archive for this machine. */
export function hostArchive(version: string): string {
  return `natpmp-${version}-${hostTarget()}.tar.gz`;
}
