/** Where a path begins. */
export interface AbsolutePathOptions {
  /** The working directory. */
  readonly directory: string;
  readonly isWindows: boolean;
}

/**
 * The absolute form of a path, which need not exist. By itself, as Deno's `node:path` costs 4 MiB.
 *
 * @param path The path, as typed.
 * @param options Where it begins.
 * @returns The path without `.`, `..` and doubled separators.
 */
export function absolutePath(path: string, { directory, isWindows }: AbsolutePathOptions): string {
  if (!isWindows) {
    return `/${segmentsOf(path.startsWith("/") ? path : `${directory}/${path}`, "/").join("/")}`;
  }
  const whole = /^([a-z]:|[\\/]{2})/i.test(path)
    ? path
    : /^[\\/]/.test(path)
    ? `${directory.slice(0, 2)}${path}`
    : `${directory}\\${path}`;
  const [, root = "", rest = ""] = /^([a-z]:|[\\/]{2}[^\\/]+[\\/][^\\/]+)?(.*)$/is.exec(whole)!;
  return `${root}\\${segmentsOf(rest.replaceAll("/", "\\"), "\\").join("\\")}`;
}

function segmentsOf(path: string, separator: string): string[] {
  const segments: string[] = [];
  for (const segment of path.split(separator)) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments;
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
