import { assertEquals } from "@std/assert";
import { listDirectory } from "../../lib/system/list_directory.ts";

const isWindows = Deno.build.os === "windows";

Deno.test({
  name: "listDirectory() lists what begins like a path; a line of an answer holds each",
  ignore: isWindows,
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      for (const name of ["one", "other $(id)", ".hidden", "two\nlines"]) {
        await Deno.writeTextFile(`${directory}/${name}`, "");
      }
      await Deno.mkdir(`${directory}/old`);
      await Deno.symlink("old", `${directory}/oldest`);
      await Deno.symlink("nowhere", `${directory}/broken`);
      const names = async (begun: string) =>
        (await listDirectory(`${directory}/${begun}`)).map((path) => path.slice(directory.length + 1))
          .sort();
      assertEquals(await names(""), ["broken", "old/", "oldest/", "one", "other $(id)"]);
      assertEquals(await names("o"), ["old/", "oldest/", "one", "other $(id)"]);
      assertEquals(await names(".h"), [".hidden"]);
      assertEquals(await names("one/"), []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
