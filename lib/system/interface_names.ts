import { listDirectory } from "./list_directory.ts";

const LINUX_INTERFACES = "/sys/class/net/";

/** The names of this host's interfaces. Linux lists those without an address too. */
export async function interfaceNames(): Promise<readonly string[]> {
  if (Deno.build.os === "linux") {
    const names = (await listDirectory(LINUX_INTERFACES)).filter((path) => path.endsWith("/"));
    if (names.length > 0) return names.map((path) => path.slice(LINUX_INTERFACES.length, -1));
  }
  return [...new Set(Deno.networkInterfaces().map(({ name }) => name))];
}
