/**
 * A root directory with the program under test, the C library that it needs, and nothing else: no shell, no `ip`, no
 * `/etc`, no `/dev`, no home, nothing that can be written to.
 *
 * @module
 */

import { runtimeTarget } from "../../scripts/build/runtime.ts";
import { hostTarget } from "../../scripts/build/targets.ts";
import { natpmpCommand, parseCommand, runCommand } from "./command.ts";
import { e2eTest } from "./requirements.ts";

/** What of `/proc` there is. */
export type Proc = "mounted" | "only the link to the program";

/** Options of {@linkcode EmptyBox.create}. */
export interface EmptyBoxOptions {
  readonly proc?: Proc;
}

/** Makes `$1` read-only, gives it `/proc` if `$2` is so, and goes there; all of it ends with the program. */
const ENTER = `
  mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 125
  [ "$2" != mounted ] || mount -t proc proc "$1/proc" || exit 125
  root=$1; shift 2
  exec env -i "$(command -v chroot)" "$root" /natpmp "$@"`;

/** Why the `NATPMP` under test is nothing that a box can be made of; `undefined` if it is. */
async function noBinary(): Promise<string | undefined> {
  const readable = Deno.permissions.querySync({ name: "env" }).state === "granted" &&
    Deno.permissions.querySync({ name: "read" }).state === "granted";
  const [path, ...args] = readable ? parseCommand(Deno.env.get("NATPMP") ?? "") : [];
  if (path === undefined) return "NATPMP names no binary";
  const target = args.length > 0 ? undefined : runtimeTarget(await Deno.readFile(path));
  const own = hostTarget(Deno.build)?.name;
  return Deno.build.os === "linux" && target === own
    ? undefined
    : `NATPMP is no Linux program of this machine`;
}

const reason = await noBinary();

/** Registers a test of the binary in a box; ignored where the tests run the source. */
export function boxTest(name: string, fn: () => Promise<void>): void {
  if (reason !== undefined) Deno.test({ name: `e2e: ${name} (ignored: ${reason})`, ignore: true, fn });
  else e2eTest(name, fn, { programs: ["unshare", "chroot", "ldd", "mount"], lab: true, root: true });
}

/** The directory, and how to run the program in it. */
export class EmptyBox implements AsyncDisposable {
  readonly #root: string;
  readonly #proc: Proc;

  private constructor(root: string, proc: Proc) {
    this.#root = root;
    this.#proc = proc;
  }

  /** Makes the box. */
  static async create({ proc = "mounted" }: EmptyBoxOptions = {}): Promise<EmptyBox> {
    const root = await Deno.makeTempDir({ prefix: "natpmp-box-" });
    const [program = ""] = natpmpCommand();
    await Deno.copyFile(program, `${root}/natpmp`);
    for (const library of await librariesOf(program)) {
      await Deno.mkdir(`${root}${library.slice(0, library.lastIndexOf("/"))}`, { recursive: true });
      await Deno.copyFile(library, `${root}${library}`);
    }
    await Deno.mkdir(`${root}/proc`);
    if (proc !== "mounted") {
      await Deno.mkdir(`${root}/proc/self`);
      await Deno.symlink("/natpmp", `${root}/proc/self/exe`);
    }
    return new EmptyBox(root, proc);
  }

  /** The command line that runs the program in the box. */
  natpmp(...args: readonly string[]): string[] {
    return ["unshare", "--mount", "sh", "-c", ENTER, "sh", this.#root, this.#proc, ...args];
  }

  /** Every file of the box but the program, by its path. */
  async files(): Promise<string[]> {
    const { stdout } = await runCommand(["find", this.#root, "!", "-type", "d", "-printf", "/%P\\n"]);
    return stdout.trim().split("\n").filter((path) => path !== "/natpmp").sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

/** The absolute paths of the libraries that a program is linked to, and of what loads them. */
async function librariesOf(program: string): Promise<string[]> {
  const { code, stdout, stderr } = await runCommand(["ldd", program]);
  if (code !== 0) throw new Error(`ldd ${program}: ${stderr}${stdout}`);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}
