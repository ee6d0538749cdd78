import { resolve as resolvePosix } from "@std/path/posix/resolve";
import { resolve as resolveWindows } from "@std/path/windows/resolve";

/** Where a path begins. */
export interface AbsolutePathOptions {
  /** The working directory. */
  readonly directory: string;
  readonly isWindows: boolean;
}

/**
 * The absolute form of a path, which need not exist. Not by `node:path`, which costs 4 MiB.
 *
 * @param path The path, as typed.
 * @param options Where it begins.
 * @returns The path without `.`, `..` and doubled separators.
 */
export function absolutePath(path: string, { directory, isWindows }: AbsolutePathOptions): string {
  return (isWindows ? resolveWindows : resolvePosix)(directory, path);
}

/**
 * The path of a file that a URL names.
 *
 * @param url Such as `file:///opt/natpmp/main.ts`.
 * @param options The system.
 * @returns The path.
 */
export function filePath(url: string, { isWindows }: Pick<AbsolutePathOptions, "isWindows">): string {
  const path = decodeURIComponent(new URL(url).pathname);
  return isWindows ? path.slice(1).replaceAll("/", "\\") : path;
}
