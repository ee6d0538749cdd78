import type { ContainerSigns } from "./system.ts";

/** Files that container managers leave in their containers. */
const MARKS = ["/.dockerenv", "/run/.containerenv"];

/** Collects the signs that this process is in a container, behind this interface. */
export async function containerSigns(interfaceName?: string): Promise<ContainerSigns> {
  if (Deno.build.os !== "linux") return { marks: [], controlGroups: "" };
  const marks = await Promise.all(MARKS.map(async (path) => await exists(path) ? [path] : []));
  const link = interfaceName === undefined ? undefined : `/sys/class/net/${interfaceName}`;
  const [index, peer, device] = await Promise.all([
    link && readText(`${link}/ifindex`),
    link && readText(`${link}/iflink`),
    link && exists(`${link}/device`),
  ]);
  return {
    marks: marks.flat(),
    controlGroups: await readText("/proc/1/cgroup") ?? "",
    // The number of the other end differs where there is one, and a virtual link has no device behind it.
    ...(index && peer ? { isHalfOfPair: index !== peer && !device } : {}),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** A file that cannot be read is not a sign. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch {
    return undefined;
  }
}
