/**
 * The files whose paths begin like this; directories end with `/`. Hidden files are listed where their dot was typed, and
 * names that a line cannot hold are left out.
 */
export async function listDirectory(path: string): Promise<readonly string[]> {
  const directory = path.slice(0, path.lastIndexOf("/") + 1);
  const begun = path.slice(directory.length);
  const isOffered = (name: string) =>
    name.startsWith(begun) && (begun !== "" || !name.startsWith(".")) && !/\p{Cc}/u.test(name);
  const paths: string[] = [];
  try {
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(directory || ".")) {
      if (!isOffered(name)) continue;
      const path = `${directory}${name}`;
      paths.push(isDirectory || (isSymlink && await leadsToDirectory(path)) ? `${path}/` : path);
    }
  } catch {
    // There is nothing to offer.
  }
  return paths;
}

async function leadsToDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}
