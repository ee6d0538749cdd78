/** Files that real routers sent. They are beside the project, not in it, so their tests run only where they are. */
const DIRECTORY = new URL("../../../shared/fixtures/igd/", import.meta.url);

function isThere(): boolean {
  try {
    return Deno.statSync(DIRECTORY).isDirectory;
  } catch {
    return false;
  }
}

const hasFixtures = isThere();

/** Registers a test of one file of the folder; it is ignored where the folder is absent. */
export function testFixture(
  name: string,
  { file, run }: { readonly file: string; readonly run: (bytes: Uint8Array) => void | Promise<void> },
): void {
  const where = hasFixtures ? "" : " (ignored: ../shared/fixtures/igd is absent)";
  Deno.test({
    name: `${name}: ${file}${where}`,
    ignore: !hasFixtures,
    fn: () => run(Deno.readFileSync(new URL(file, DIRECTORY))),
  });
}

/** The body of a file, without the HTTP head that files with `.http` have. */
export function bodyOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  return text.startsWith("HTTP/") ? text.slice(text.indexOf("\r\n\r\n") + 4) : text;
}
