/**
 * The files of this host: those that a user names, and where the state is.
 *
 * @module
 */

import { systemFiles } from "../files/system_files.ts";
import { walkPath } from "../files/trusted_path.ts";
import type { StoredTime } from "../lease/stored_time.ts";
import type { NetworkNamespace } from "../state/network_namespace.ts";
import { pathIn, type StatePaths } from "../state/state_paths.ts";
import type { FileSystem } from "./system.ts";

/** The facts about the system that decide where the state is kept. */
export interface StateDirectoryOptions {
  /** As `Deno.build.os` has it. */
  readonly os: string;
  /** The value of a variable of the environment. */
  readonly env: (name: string) => string | undefined;
  /** The user's number; `null` where there is none. */
  readonly userId: number | null;
}

/**
 * The directory of the state file and the locks.
 *
 * @param options The system.
 * @returns The directory, or why there is none.
 */
export function stateDirectory({ os, env, userId }: StateDirectoryOptions): StatePaths["directory"] {
  if (os === "windows") {
    const local = env("LOCALAPPDATA");
    return local ? `${local}\\natpmp` : { missing: "LOCALAPPDATA is not set" };
  }
  const xdg = env("XDG_STATE_HOME");
  // The specification has relative paths ignored.
  if (xdg?.startsWith("/")) return `${xdg}/natpmp`;
  if (userId === 0) return "/var/lib/natpmp";
  const home = env("HOME");
  return home?.startsWith("/")
    ? `${home}/.local/state/natpmp`
    : { missing: "neither HOME nor XDG_STATE_HOME is set" };
}

/** The system names each of its runs on Linux; elsewhere the uptime has to do. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

function readBoot(): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.readTextFileSync(BOOT_ID).trim();
  } catch {
    return undefined;
  }
}

/** The link's text holds the inode, as in `net:[4026531840]`, so that nothing has to be opened. */
const NETWORK_NAMESPACE = "/proc/self/ns/net";

function readNetworkNamespace(boot: string | undefined): NetworkNamespace | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const [, inode] = /^net:\[([0-9]+)\]$/.exec(Deno.readLinkSync(NETWORK_NAMESPACE)) ?? [];
    if (inode === undefined) return undefined;
    return { inode: Number(inode), ...(boot === undefined ? {} : { boot }) };
  } catch {
    return undefined;
  }
}

/** Another user who can write there could make the program write and delete files. */
function trusted(directory: StatePaths["directory"]): StatePaths["directory"] {
  const doubt = typeof directory === "string" ? doubtAbout(pathIn(directory, "leases.json")) : undefined;
  return doubt === undefined ? directory : { missing: doubt };
}

/** A doubt that the system cannot settle shows when the file is opened. */
function doubtAbout(path: string): string | undefined {
  const userId = Deno.uid();
  if (userId === null) return undefined;
  try {
    // Where umask 002 is the custom, each user has a group of the same number that nobody else is in.
    const groupId = Deno.gid() === userId ? userId : undefined;
    return walkPath(path, { userId, groupId, leadsTo: "file" }).doubt;
  } catch {
    return undefined;
  }
}

const PERMISSIONS = ["env", "read", "write", "sys"] as const;

/** The state's paths of this user on this host. */
function systemStatePaths(): StatePaths {
  // Asked before anything is touched, since Deno would prompt on a terminal for what it was not started with.
  const denied = PERMISSIONS.filter((name) => Deno.permissions.querySync({ name }).state !== "granted");
  const isDenied = denied.length > 0;
  const boot = isDenied ? undefined : readBoot();
  const networkNamespace = isDenied ? undefined : readNetworkNamespace(boot);
  return {
    files: systemFiles,
    directory: isDenied
      ? { missing: `Deno was started without the permissions ${denied.join(", ")}` }
      : trusted(
        stateDirectory({ os: Deno.build.os, env: (name) => Deno.env.get(name), userId: Deno.uid() }),
      ),
    host: isDenied ? "" : Deno.hostname(),
    ...(networkNamespace === undefined ? {} : { networkNamespace }),
    processId: Deno.pid,
    now: (): StoredTime => ({
      wallMs: Date.now(),
      ...(isDenied ? {} : { uptimeMs: Deno.osUptime() * 1000 }),
      ...(boot === undefined ? {} : { boot }),
    }),
    doubtAbout: (path) => isDenied ? undefined : doubtAbout(path),
  };
}

/** Most commands need none of what is loaded on demand here, and each module costs start-up time. */
export function systemFileSystem(): FileSystem {
  return {
    state: systemStatePaths(),
    absolutePath,
    read: async (path, maxBytes) =>
      (await import("./read_named_file.ts")).readNamedFile(await absolutePath(path), maxBytes),
    replace: async (path, text) =>
      (await import("../files/named_file.ts")).writeFile(await absolutePath(path), text),
    clear: async (path) => (await import("../files/named_file.ts")).clearFile(await absolutePath(path)),
    list: async (path) => (await import("./list_directory.ts")).listDirectory(path),
  };
}

async function absolutePath(path: string): Promise<string> {
  const { absolutePath } = await import("../files/absolute_path.ts");
  return absolutePath(path, { directory: Deno.cwd(), isWindows: Deno.build.os === "windows" });
}
