import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BuildError } from "../../../scripts/build/build_error.ts";
import { archiveContents } from "../../../scripts/build/contents.ts";
import { fromRoot } from "./_root.ts";

/** A Tuesday in November 2023. */
const TIME = { timeSeconds: 1_700_000_000 };

Deno.test("archiveContents() names the file that is not to be had", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await assertRejects(() => archiveContents(directory, TIME), BuildError, "Cannot pack LICENSE: ");
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test("archiveContents() holds documents as they are, what the program prints, and nothing empty", async () => {
  const contents = await archiveContents(fromRoot(""), TIME);
  for (const path of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    const { bytes, isExecutable } = contents.find((entry) => entry.path === path)!;
    assertEquals(bytes, await Deno.readFile(fromRoot(path)));
    assertEquals(isExecutable, false);
  }
  assertEquals(contents.filter(({ bytes }) => bytes.length === 0), []);
  assertEquals(contents.map(({ path }) => path).sort(), [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "completions/_natpmp",
    "completions/natpmp.bash",
    "completions/natpmp.fish",
    "config.schema.json",
    "man/natpmp-config.5",
    "man/natpmp-watch.1",
    "man/natpmp.1",
  ]);
  const text = (path: string) =>
    new TextDecoder().decode(contents.find((entry) => entry.path === path)!.bytes);
  assertMatch(text("completions/_natpmp"), /^#compdef natpmp\n/);
  assertMatch(text("man/natpmp.1"), /^\.Dd November 14, 2023\n\.Dt NATPMP 1$/m);
  assertMatch(text("man/natpmp-watch.1"), /^\.Dt NATPMP-WATCH 1$/m);
  assertMatch(text("man/natpmp-config.5"), /^\.Dt NATPMP-CONFIG 5$/m);
  assertMatch(JSON.parse(text("config.schema.json")).$schema, /json-schema/);
});
