import { assertEquals, assertRejects } from "@std/assert";
import { BuildError } from "../../../scripts/build/build_error.ts";
import { archiveContents } from "../../../scripts/build/contents.ts";
import { fromRoot } from "./_root.ts";

Deno.test("archiveContents() names the file that is not to be had", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await assertRejects(() => archiveContents(directory), BuildError, "Cannot pack LICENSE: ");
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test("archiveContents() holds the licence and the documents as they are, and nothing empty", async () => {
  const contents = await archiveContents(fromRoot(""));
  for (const path of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    const { bytes, isExecutable } = contents.find((entry) => entry.path === path)!;
    assertEquals(bytes, await Deno.readFile(fromRoot(path)));
    assertEquals(isExecutable, false);
  }
  assertEquals(contents.filter(({ bytes }) => bytes.length === 0), []);
});
