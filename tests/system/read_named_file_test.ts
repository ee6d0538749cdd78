import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readNamedFile } from "../../lib/system/read_named_file.ts";

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

Deno.test("readNamedFile() reads a file, no more of it than is wanted", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/file`;
    for (const text of ["", "a", "a".repeat(100_000)]) {
      await Deno.writeTextFile(path, text);
      const { bytes } = await readNamedFile(path, 70_000);
      assertEquals(new TextDecoder().decode(bytes), text.slice(0, 70_000));
    }
  }));

Deno.test({
  name: "readNamedFile() doubts a file that others can write, through a link too, and only that",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      await Deno.writeTextFile(`${directory}/file`, "");
      await Deno.symlink(`${directory}/file`, `${directory}/link`);
      for (const name of ["file", "link"]) {
        await Deno.chmod(`${directory}/file`, 0o644);
        const { doubt } = await readNamedFile(`${directory}/${name}`, 1);
        assertEquals(doubt(), undefined);
        await Deno.chmod(`${directory}/file`, 0o664);
        assertMatch(doubt() ?? "", /\/file belongs to .*, but its group can write it \(mode 0664\)/);
      }
    }),
});

Deno.test({
  name: "readNamedFile() doubts a file that is another one by the time it is judged",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      await Deno.writeTextFile(`${directory}/file`, "first", { mode: 0o644 });
      const { doubt } = await readNamedFile(`${directory}/file`, 1);
      await Deno.writeTextFile(`${directory}/other`, "second", { mode: 0o644 });
      await Deno.rename(`${directory}/other`, `${directory}/file`);
      assertMatch(doubt() ?? "", /\/file was replaced while natpmp read it$/);
    }),
});

Deno.test("readNamedFile() rejects what is not there, and a directory", () =>
  inDirectory(async (directory) => {
    await assertRejects(() => readNamedFile(`${directory}/none`, 1), Deno.errors.NotFound);
    await assertRejects(() => readNamedFile(directory, 1), Deno.errors.IsADirectory, "It is a directory");
  }));

Deno.test({
  name: "readNamedFile() rejects a pipe that nobody writes to, without waiting for somebody, and a device",
  ignore: IS_WINDOWS,
  fn: () =>
    inDirectory(async (directory) => {
      const { success } = await new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).output();
      assertEquals(success, true);
      for (const path of [`${directory}/pipe`, "/dev/zero"]) {
        await assertRejects(() => readNamedFile(path, 1), TypeError, "It is not a regular file");
      }
    }),
});
