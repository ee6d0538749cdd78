import { assertEquals, assertRejects } from "@std/assert";
import { clearFile, replaceFile } from "../../lib/files/replace_file.ts";
import { systemFiles } from "../../lib/files/system_files.ts";

/** Runs a test with a directory of its own. */
async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

Deno.test("replaceFile() writes a file, then another text over it, and leaves nothing beside it", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/port`;
    for (const text of ["40001\n", "40002\n40003\n"]) {
      await replaceFile(path, text);
      assertEquals(await Deno.readTextFile(path), text);
    }
    assertEquals(namesIn(directory), ["port"]);
  }));

Deno.test({
  name: "replaceFile() gives mode 0644 less the umask",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory(async (directory) => {
      const before = Deno.umask(0o027);
      try {
        await replaceFile(`${directory}/port`, "1\n");
      } finally {
        Deno.umask(before);
      }
      assertEquals((await Deno.stat(`${directory}/port`)).mode! & 0o777, 0o640);
    }),
});

Deno.test("replaceFile() never lets a reader see an empty file or half a line", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/port`;
    const texts = ["40001\n", "50002\n50003\n"];
    await replaceFile(path, texts[0]!);
    let isDone = false;
    const seen = new Set<string>();
    const reading = (async () => {
      while (!isDone) seen.add(await Deno.readTextFile(path));
    })();
    for (let i = 0; i < 300; i++) await replaceFile(path, texts[i % 2]!);
    isDone = true;
    await reading;
    assertEquals([...seen].filter((text) => !texts.includes(text)), []);
  }));

Deno.test("replaceFile() replaces a symbolic link, not what it points to", () =>
  inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/target`, "precious");
    await Deno.symlink(`${directory}/target`, `${directory}/port`);
    await replaceFile(`${directory}/port`, "1\n");
    assertEquals(await Deno.readTextFile(`${directory}/target`), "precious");
  }));

Deno.test("replaceFile() rejects where the file cannot be, and leaves nothing behind", () =>
  inDirectory(async (directory) => {
    await assertRejects(() => replaceFile(`${directory}/no/port`, "1\n"), Deno.errors.NotFound);
    await Deno.mkdir(`${directory}/port`);
    await assertRejects(() => replaceFile(`${directory}/port`, "1\n"), Error);
    assertEquals(namesIn(directory), ["port"]);
  }));

Deno.test("clearFile() removes a file, and is content when there is none", () =>
  inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/port`, "1\n");
    await clearFile(`${directory}/port`);
    await clearFile(`${directory}/port`);
    assertEquals(namesIn(directory), []);
  }));

Deno.test("clearFile() rejects where no file could be written", () =>
  inDirectory(async (directory) => {
    await assertRejects(() => clearFile(`${directory}/no/port`), Deno.errors.NotFound);
  }));

Deno.test("clearFile() refuses a directory, empty or not, and leaves it there", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await assertRejects(() => clearFile(directory), Deno.errors.IsADirectory);
    assertEquals((await Deno.stat(directory)).isDirectory, true);
  } finally {
    await Deno.remove(directory);
  }
});

/** What is no file but has a name: a pipe stands for a device, and a link to one for `/dev/stdout`. */
const SPECIAL_NAMES = ["pipe", "link", "stream"];

async function makeSpecialFiles(directory: string): Promise<void> {
  await new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).output();
  await Deno.symlink(`${directory}/pipe`, `${directory}/link`);
  await Deno.symlink("/proc/self/fd/1", `${directory}/stream`);
}

Deno.test({
  name: "replaceFile() and clearFile() leave a pipe, a device, and links to them where they are",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inDirectory(async (directory) => {
      await makeSpecialFiles(directory);
      for (const name of SPECIAL_NAMES) {
        const path = `${directory}/${name}`;
        await assertRejects(() => replaceFile(path, "1\n"), TypeError, "It is not a regular file");
        await assertRejects(() => clearFile(path), TypeError, "It is not a regular file");
      }
      assertEquals(namesIn(directory), [...SPECIAL_NAMES].sort());
      assertEquals((await Deno.lstat(`${directory}/pipe`)).isFifo, true);
    }),
});

Deno.test({
  name: "systemFiles.readText() refuses a pipe, which could not be set aside either",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inDirectory(async (directory) => {
      await makeSpecialFiles(directory);
      for (const name of SPECIAL_NAMES) {
        await assertRejects(
          () => systemFiles.readText(`${directory}/${name}`),
          TypeError,
          "It is not a regular file",
        );
      }
    }),
});
