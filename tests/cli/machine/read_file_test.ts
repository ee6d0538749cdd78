import { assertEquals, assertRejects } from "@std/assert";
import { readFile } from "../../../lib/cli/machine/read_file.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** Runs a test with a directory of its own. */
async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("readFile() reads a file, no more of it than is wanted", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/file`;
    for (const text of ["", "a", "a".repeat(100_000)]) {
      await Deno.writeTextFile(path, text);
      const { bytes } = await readFile(path, 70_000);
      assertEquals(new TextDecoder().decode(bytes), text.slice(0, 70_000));
    }
  }));

Deno.test({
  name: "readFile() tells the owner and the mode of the file, through a link too",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      await Deno.writeTextFile(`${directory}/file`, "");
      await Deno.chmod(`${directory}/file`, 0o664);
      await Deno.symlink(`${directory}/file`, `${directory}/link`);
      for (const name of ["file", "link"]) {
        const { ownerId, mode } = await readFile(`${directory}/${name}`, 1);
        assertEquals([ownerId, mode], [Deno.uid() ?? -1, 0o664]);
      }
    }),
});

Deno.test("readFile() rejects what is not there, and a directory", () =>
  inDirectory(async (directory) => {
    await assertRejects(() => readFile(`${directory}/none`, 1), Deno.errors.NotFound);
    await assertRejects(() => readFile(directory, 1), Deno.errors.IsADirectory, "It is a directory");
  }));

Deno.test({
  name: "readFile() rejects a pipe that nobody writes to, without waiting for somebody, and a device",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      const { success } = await new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).output();
      assertEquals(success, true);
      for (const path of [`${directory}/pipe`, "/dev/zero"]) {
        await assertRejects(() => readFile(path, 1), TypeError, "It is not a regular file");
      }
    }),
});
