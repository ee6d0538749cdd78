import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromRoot } from "./_root.ts";
import { buildInfoText, setTimes, stageSource } from "../../../scripts/build/stage.ts";

const STATE = { version: "0.1.0", commit: "0123abc", timeSeconds: 1_700_000_000 };

Deno.test("buildInfoText() is a module with the commit, or without one", () => {
  assertEquals(
    buildInfoText({ commit: "0123abc-dirty" }),
    'export const BUILD_INFO = {"commit":"0123abc-dirty"};\n',
  );
  assertEquals(buildInfoText({}), "export const BUILD_INFO = {};\n");
});

Deno.test("stageSource() copies the source, tells the copy its commit, and leaves the original alone", async () => {
  const original = await Deno.readTextFile(fromRoot("lib/cli/build_info.ts"));
  let source;
  {
    await using stage = await stageSource(fromRoot(""), STATE);
    source = stage.source;
    assertEquals(await Deno.readTextFile(`${source}/lib/cli/build_info.ts`), buildInfoText(STATE));
    for (const file of ["main.ts", "deno.json", "deno.lock", "lib/net/exchange.ts", "lib/std.d.ts"]) {
      assertEquals(await Deno.readTextFile(`${source}/${file}`), await Deno.readTextFile(fromRoot(file)));
    }
    assert((await Deno.stat(source)).isDirectory);
  }
  assertEquals(await Deno.readTextFile(fromRoot("lib/cli/build_info.ts")), original);
  await assertRejects(() => Deno.stat(source), Deno.errors.NotFound);
});

Deno.test("setTimes() gives every file below a directory the same time", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${directory}/below`);
    for (const file of ["a", "below/b"]) await Deno.writeTextFile(`${directory}/${file}`, "");
    await setTimes(directory, 1_700_000_000);
    for (const file of ["a", "below/b"]) {
      assertEquals((await Deno.stat(`${directory}/${file}`)).mtime, new Date(1_700_000_000_000));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
