import { assert, assertEquals } from "@std/assert";
import { thisHost } from "../../../lib/cli/completions/host_values.ts";

const isWindows = Deno.build.os === "windows";

Deno.test({
  name: "files() lists what begins like a path; a line of an answer holds each",
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
        (await thisHost.files(`${directory}/${begun}`)).map((path) => path.slice(directory.length + 1))
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

Deno.test("interfaces() and addresses() have this host's, each once", async () => {
  const own = Deno.networkInterfaces();
  const interfaces = await thisHost.interfaces();
  for (const { name } of own) assert(interfaces.includes(name), name);
  const addresses = own.filter(({ family }) => family === "IPv4").map(({ address }) => address);
  assertEquals(thisHost.addresses(), [...new Set(addresses)]);
});
