import { assertEquals, assertRejects } from "@std/assert";
import { clearFile, writeFile } from "../../lib/files/named_file.ts";

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

Deno.test("writeFile() writes a file, then another text over it, and leaves nothing beside it", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/port`;
    for (const text of ["40001\n", "40002\n40003\n"]) {
      await writeFile(path, text);
      assertEquals(await Deno.readTextFile(path), text);
    }
    assertEquals(namesIn(directory), ["port"]);
  }));

Deno.test({
  name: "writeFile() gives mode 0644 less the umask",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory(async (directory) => {
      const before = Deno.umask(0o027);
      try {
        await writeFile(`${directory}/port`, "1\n");
      } finally {
        Deno.umask(before);
      }
      assertEquals((await Deno.stat(`${directory}/port`)).mode! & 0o777, 0o640);
    }),
});

Deno.test("writeFile() never lets a reader see an empty file or half a line", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/port`;
    const texts = ["40001\n", "50002\n50003\n"];
    await writeFile(path, texts[0]!);
    let isDone = false;
    const seen = new Set<string>();
    const reading = (async () => {
      while (!isDone) seen.add(await Deno.readTextFile(path));
    })();
    for (let i = 0; i < 300; i++) await writeFile(path, texts[i % 2]!);
    isDone = true;
    await reading;
    assertEquals([...seen].filter((text) => !texts.includes(text)), []);
  }));

const isUnix = Deno.build.os !== "windows";
/** Whether files can be given away, and planted for others. */
const isRoot = Deno.uid() === 0;
const STRANGER = 65534;

Deno.test(
  "writeFile() and clearFile() follow a link of the caller's own, and leave it",
  { ignore: !isUnix },
  () =>
    inDirectory(async (directory) => {
      await Deno.mkdir(`${directory}/run`);
      await Deno.symlink("run/../run/port", `${directory}/port`);
      await Deno.symlink("port", `${directory}/other`);
      for (const name of ["port", "other"]) {
        for (const text of ["1\n", "22\n"]) {
          await writeFile(`${directory}/${name}`, text);
          assertEquals(await Deno.readTextFile(`${directory}/run/port`), text);
        }
        await clearFile(`${directory}/${name}`);
        await clearFile(`${directory}/${name}`);
        assertEquals([namesIn(directory), namesIn(`${directory}/run`)], [["other", "port", "run"], []]);
      }
    }),
);

Deno.test(
  "writeFile() and clearFile() refuse a link that somebody else could have made",
  { ignore: !isRoot },
  () =>
    inDirectory(async (directory) => {
      const [own, theirs, shared] = [`${directory}/own`, `${directory}/theirs`, `${directory}/shared`];
      for (const path of [own, theirs, shared]) await Deno.mkdir(path);
      await Deno.writeTextFile(`${own}/number`, "5\n");
      for (const path of [own, theirs, shared]) await Deno.symlink(`${own}/number`, `${path}/link`);
      await Deno.symlink(`${theirs}/port`, `${own}/to-them`);
      await Deno.writeTextFile(`${theirs}/port`, "6\n");
      await Deno.chown(theirs, STRANGER, STRANGER);
      await Deno.chmod(shared, 0o1777);
      for (
        const [path, reason] of [
          [`${theirs}/link`, `It is a symbolic link, and ${theirs} belongs to user 65534`],
          [
            `${shared}/link`,
            `It is a symbolic link, and ${shared} belongs to root, but its group and everybody`,
          ],
          [`${own}/to-them`, `It is a symbolic link, and ${theirs} belongs to user 65534`],
        ] as const
      ) {
        await assertRejects(() => writeFile(path, "1\n"), Error, reason);
        await assertRejects(() => clearFile(path), Error, reason);
      }
      await new Deno.Command("chown", { args: ["-h", String(STRANGER), `${own}/link`] }).output();
      await assertRejects(() => writeFile(`${own}/link`, "1\n"), Error, `${own}/link belongs to user 65534`);
      assertEquals(
        [await Deno.readTextFile(`${own}/number`), await Deno.readTextFile(`${theirs}/port`)],
        ["5\n", "6\n"],
      );
    }),
);

Deno.test(
  "writeFile() keeps the mode of a file, whatever the umask is",
  { ignore: !isUnix },
  () =>
    inDirectory(async (directory) => {
      const path = `${directory}/port`;
      await Deno.writeTextFile(path, "1\n");
      const before = Deno.umask(0o077);
      try {
        for (const mode of [0o666, 0o640, 0o600, 0o444]) {
          await Deno.chmod(path, mode);
          await writeFile(path, "2\n");
          assertEquals((await Deno.stat(path)).mode! & 0o7777, mode);
        }
      } finally {
        Deno.umask(before);
      }
    }),
);

Deno.test("writeFile() keeps the owner of a file, but not of one that anybody can have put there", {
  ignore: !isRoot,
}, () =>
  inDirectory(async (directory) => {
    const path = `${directory}/port`;
    for (const [mode, owner] of [[0o755, STRANGER], [0o1777, 0]] as const) {
      await Deno.writeTextFile(path, "1\n");
      await Deno.chmod(path, 0o666);
      await Deno.chown(path, STRANGER, STRANGER);
      await Deno.chmod(directory, mode);
      await writeFile(path, "2\n");
      const { uid, gid, mode: kept } = await Deno.stat(path);
      assertEquals([uid, gid, kept! & 0o777], owner === 0 ? [0, 0, 0o644] : [STRANGER, STRANGER, 0o666]);
    }
  }));

Deno.test("writeFile() rejects where the file cannot be, and leaves nothing behind", () =>
  inDirectory(async (directory) => {
    await assertRejects(() => writeFile(`${directory}/no/port`, "1\n"), Deno.errors.NotFound);
    await Deno.mkdir(`${directory}/port`);
    await assertRejects(() => writeFile(`${directory}/port`, "1\n"), Error);
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
  name: "writeFile() and clearFile() leave a pipe, a device, and links to them where they are",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inDirectory(async (directory) => {
      await makeSpecialFiles(directory);
      for (const name of SPECIAL_NAMES) {
        const path = `${directory}/${name}`;
        await assertRejects(() => writeFile(path, "1\n"), TypeError, "It is not a regular file");
        await assertRejects(() => clearFile(path), TypeError, "It is not a regular file");
      }
      assertEquals(namesIn(directory), [...SPECIAL_NAMES].sort());
      assertEquals((await Deno.lstat(`${directory}/pipe`)).isFifo, true);
    }),
});
