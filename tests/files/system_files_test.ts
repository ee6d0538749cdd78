import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemFiles } from "../../lib/files/system_files.ts";
import { withFileSizeLimit } from "../support/file_size_limit.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** More than any file here has. */
const MAX_BYTES = 2 ** 20;

const isUnix = Deno.build.os !== "windows";

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

Deno.test(
  "systemFiles writes files and makes directories for the user alone",
  { ignore: !isUnix },
  async () => {
    using directory = new TemporaryDirectory();
    const before = Deno.umask(0);
    try {
      await systemFiles.makeDirectory(`${directory.path}/a/b`);
      await systemFiles.replace(`${directory.path}/a/b/file`, "text");
      await systemFiles.replace(`${directory.path}/a/b/other`, "text", { isAlone: false });
      (await systemFiles.tryLock(`${directory.path}/a/b/lock`, "me"))!.release();
    } finally {
      Deno.umask(before);
    }
    const names = ["a", "a/b", "a/b/file", "a/b/other", "a/b/lock"];
    assertEquals(names.map((name) => modeOf(`${directory.path}/${name}`)), [
      0o700,
      0o700,
      0o600,
      0o600,
      0o600,
    ]);
  },
);

Deno.test(
  "systemFiles takes a file back for the user that others could read",
  { ignore: !isUnix },
  async () => {
    using directory = new TemporaryDirectory();
    const path = `${directory.path}/file`;
    await Deno.writeTextFile(path, "old", { mode: 0o644 });
    await systemFiles.replace(path, "new");
    assertEquals(modeOf(path), 0o600);
  },
);

Deno.test("systemFiles leaves a directory that is there as it is", { ignore: !isUnix }, async () => {
  using directory = new TemporaryDirectory();
  await Deno.mkdir(`${directory.path}/state`, { mode: 0o755 });
  await systemFiles.makeDirectory(`${directory.path}/state`);
  assertEquals(modeOf(`${directory.path}/state`), 0o755);
});

/** Where a writer of this host writes first: over a network, a lock may hold for the processes of one host alone. */
const SIBLING = `leases.json.new-${Deno.hostname().replaceAll(/[^0-9A-Za-z.-]/g, "_")}`;

Deno.test("systemFiles.replace() writes over what a killed writer of this host left, and leaves nothing", async () => {
  using directory = new TemporaryDirectory();
  await Deno.writeTextFile(`${directory.path}/${SIBLING}`, "a longer text, hal");
  await systemFiles.replace(`${directory.path}/leases.json`, "whole");
  assertEquals(directory.names, ["leases.json"]);
  assertEquals(await Deno.readTextFile(`${directory.path}/leases.json`), "whole");
});

Deno.test("systemFiles.replace() leaves alone what another host is writing", async () => {
  using directory = new TemporaryDirectory();
  await Deno.writeTextFile(`${directory.path}/leases.json.new-elsewhere`, "hal");
  await systemFiles.replace(`${directory.path}/leases.json`, "whole");
  assertEquals(directory.names, ["leases.json", "leases.json.new-elsewhere"]);
});

Deno.test("systemFiles.replace() that fails leaves nothing beside the file", async () => {
  using directory = new TemporaryDirectory();
  await Deno.mkdir(`${directory.path}/leases.json`);
  for (const isAlone of [true, false]) {
    await assertRejects(
      () => systemFiles.replace(`${directory.path}/leases.json`, "text", { isAlone }),
      Error,
    );
  }
  assertEquals(directory.names, ["leases.json"]);
});

Deno.test("systemFiles.replace() by many who have no lock at all never shows a half, and leaves nothing", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/leases.json`;
  const texts = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(100_000 + i));
  let isDone = false;
  const seen = new Set<string | undefined>();
  const reading = (async () => {
    // A turn of the event loop in between: Deno 2.7 can go on reading for ever while nobody gets to write.
    for (; !isDone; await new Promise((resolve) => setTimeout(resolve, 0))) {
      seen.add(await systemFiles.readText(path, MAX_BYTES));
    }
  })();
  for (let round = 0; round < 20; round++) {
    await Promise.all(texts.map((text) => systemFiles.replace(path, text, { isAlone: false })));
  }
  isDone = true;
  await reading;
  seen.delete(undefined);
  assertEquals([...seen].filter((text) => !texts.includes(text!)), []);
  assertEquals(directory.names, ["leases.json"]);
});

Deno.test("systemFiles.readText() rejects what is there and cannot be read", async () => {
  using directory = new TemporaryDirectory();
  await assertRejects(() => systemFiles.readText(directory.path, MAX_BYTES), Error);
});

for (const device of ["/dev/null", "/dev/zero"]) {
  Deno.test(
    `systemFiles.readText() rejects ${device}, of which one would never see the end or which would seem damaged`,
    {
      ignore: !isUnix,
    },
    async () => {
      await assertRejects(() => systemFiles.readText(device, MAX_BYTES), Error, "not a regular file");
    },
  );
}

Deno.test("systemFiles.readText() rejects a pipe instead of waiting for somebody to write into it", {
  ignore: !isUnix,
}, async () => {
  using directory = new TemporaryDirectory();
  const { success } = await new Deno.Command("mkfifo", { args: [`${directory.path}/pipe`] }).output();
  assert(success);
  await Deno.symlink("pipe", `${directory.path}/link`);
  for (const name of ["pipe", "link"]) {
    const read = () => systemFiles.readText(`${directory.path}/${name}`, MAX_BYTES);
    await assertRejects(read, TypeError, "It is not a regular file");
  }
});

Deno.test("systemFiles.readText() follows a symbolic link", { ignore: !isUnix }, async () => {
  using directory = new TemporaryDirectory();
  await Deno.writeTextFile(`${directory.path}/file`, "text");
  await Deno.symlink("file", `${directory.path}/link`);
  assertEquals(await systemFiles.readText(`${directory.path}/link`, MAX_BYTES), "text");
});

Deno.test("systemFiles.makeDirectory() rejects where a file is in the way", async () => {
  using directory = new TemporaryDirectory();
  await Deno.writeTextFile(`${directory.path}/file`, "");
  await assertRejects(() => systemFiles.makeDirectory(`${directory.path}/file`), Error);
  await assertRejects(() => systemFiles.makeDirectory(`${directory.path}/file/natpmp`), Error);
});

Deno.test(
  "systemFiles.replace() on a full disk rejects, and the old text stands",
  { ignore: !isUnix },
  async () => {
    using directory = new TemporaryDirectory();
    const path = `${directory.path}/leases.json`;
    await systemFiles.replace(path, "old");
    await using process = withFileSizeLimit(1024, "replacing_process.ts", path, "1000000");
    await process.waitForLine(/File too large/);
    assertEquals([await Deno.readTextFile(path), directory.names], ["old", ["leases.json"]]);
  },
);

Deno.test(
  "systemFiles.replace() replaces a symbolic link, not what it points to",
  { ignore: !isUnix },
  async () => {
    using directory = new TemporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/target`, "precious");
    await Deno.symlink("target", `${directory.path}/leases.json`);
    await systemFiles.replace(`${directory.path}/leases.json`, "text");
    assertEquals(await Deno.readTextFile(`${directory.path}/target`), "precious");
  },
);

Deno.test("systemFiles.readText() reads no more of a file than is wanted", async () => {
  using directory = new TemporaryDirectory();
  await Deno.writeTextFile(`${directory.path}/file`, "a".repeat(100_000));
  for (const bytes of [1, 4096, 5000, 99_999, 100_000, 100_001]) {
    const text = await systemFiles.readText(`${directory.path}/file`, bytes);
    assertEquals(text?.length, Math.min(bytes, 100_000));
  }
});
