/** Finds the facts about this host that completions need; nothing here sends a datagram. */
export interface HostValues {
  /** The names of its interfaces. */
  interfaces(): Promise<readonly string[]>;
  /** Its IPv4 addresses. */
  addresses(): readonly string[];
  /** The files whose paths begin like this; directories end with `/`. */
  files(path: string): Promise<readonly string[]>;
}

export const thisHost: HostValues = { interfaces, addresses, files };

const LINUX_INTERFACES = "/sys/class/net";

/** Linux lists those without an address too. */
async function interfaces(): Promise<readonly string[]> {
  if (Deno.build.os === "linux") {
    const names = await list(LINUX_INTERFACES, () => true);
    if (names.length > 0) return names.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1));
  }
  return distinct(Deno.networkInterfaces().map(({ name }) => name));
}

function addresses(): readonly string[] {
  return distinct(
    Deno.networkInterfaces().filter(({ family }) => family === "IPv4").map(({ address }) => address),
  );
}

function distinct(words: readonly string[]): readonly string[] {
  return [...new Set(words)];
}

async function files(path: string): Promise<readonly string[]> {
  const directory = path.slice(0, path.lastIndexOf("/") + 1);
  const begun = path.slice(directory.length);
  const isOffered = (name: string) => name.startsWith(begun) && (begun !== "" || !name.startsWith("."));
  return (await list(directory || ".", isOffered)).map((name) => `${directory}${name}`);
}

/** The names in a directory. Those that a line of an answer cannot hold are left out. */
async function list(directory: string, isWanted: (name: string) => boolean): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(directory)) {
      if (!isWanted(name) || /\p{Cc}/u.test(name)) continue;
      names.push(
        isDirectory || (isSymlink && await leadsToDirectory(`${directory}/${name}`)) ? `${name}/` : name,
      );
    }
  } catch {
    // There is nothing to offer.
  }
  return names;
}

async function leadsToDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}
