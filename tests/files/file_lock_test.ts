import { assert, assertEquals, assertRejects } from "@std/assert";
import { type FileLock, isFileLocked, lockHolder, tryLockFile } from "../../lib/files/file_lock.ts";
import { BackgroundProcess } from "../support/background_process.ts";
import { withFileSizeLimit } from "../support/file_size_limit.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const isWindows = Deno.build.os === "windows";

/** A process that takes the lock of a file. */
function lockProcess(...args: readonly string[]): BackgroundProcess {
  const script = new URL("../support/lock_process.ts", import.meta.url).href;
  return new BackgroundProcess([Deno.execPath(), "run", "-q", "-A", script, ...args]);
}

/** Takes the lock of a file that is free now or in the next moment: a process may be gone before its lock is. */
async function lockSoon(path: string): Promise<FileLock> {
  for (let tries = 0; tries < 500; tries++) {
    const lock = await tryLockFile(path, "test");
    if (lock !== undefined) return lock;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${path} is locked: ${await lockHolder(path)}`);
}

Deno.test("tryLockFile() takes a lock once, and anew after it was freed", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  const lock = await tryLockFile(path, "first");
  assert(lock !== undefined);
  assertEquals(await tryLockFile(path, "second"), undefined);
  lock.release();
  lock.release();
  const again = await tryLockFile(path, "third");
  assert(again !== undefined);
  again.release();
  assertEquals(directory.names, ["lock"]);
});

Deno.test("tryLockFile() makes a file for the user alone", { ignore: isWindows }, async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  (await tryLockFile(path, "somebody"))!.release();
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("tryLockFile() rejects where no file can be, instead of telling that somebody has the lock", async () => {
  using directory = new TemporaryDirectory();
  await assertRejects(() => tryLockFile(`${directory.path}/no/lock`, ""), Deno.errors.NotFound);
  await assertRejects(() => tryLockFile(directory.path, ""), Error);
});

Deno.test("tryLockFile() has the lock also where a full disk does not take the holder's name", {
  ignore: isWindows,
}, async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  await using process = withFileSizeLimit(0, "lock_process.ts", path, "nameless");
  await process.waitForLine(/^locked$/);
  assertEquals([await isFileLocked(path), await lockHolder(path)], [true, undefined]);
  assertEquals(await tryLockFile(path, "another"), undefined);
});

/** What others could put in a lock's place; each leaves `victim` to be looked at. */
const PLANTS: Record<string, (path: string, victim: string) => Promise<unknown>> = {
  "a symbolic link": (path, victim) => Deno.symlink(victim, path),
  "a link to nothing": (path, victim) => Deno.symlink(`${victim}-to-be`, path),
  "a hard link": (path, victim) => Deno.link(victim, path),
  "a pipe": (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
  "a directory": (path) => Deno.mkdir(path),
  ...(Deno.uid() === 0
    ? {
      "another user's file": async (path) => {
        await Deno.writeTextFile(path, "precious");
        await Deno.chown(path, 65534, 65534);
      },
    }
    : {}),
};

for (const [what, plant] of Object.entries(PLANTS)) {
  Deno.test(
    `a lock is neither taken nor asked for through ${what}, and nothing waits`,
    { ignore: isWindows },
    async () => {
      using directory = new TemporaryDirectory();
      const [path, victim] = [`${directory.path}/lock`, `${directory.path}/victim`];
      await Deno.writeTextFile(victim, "precious");
      await plant(path, victim);
      const before = directory.names;
      await assertRejects(() => tryLockFile(path, "me"), TypeError, "It ");
      assertEquals([await isFileLocked(path), await lockHolder(path)], [false, undefined]);
      assertEquals([await Deno.readTextFile(victim), directory.names], ["precious", before]);
      if (what === "another user's file") assertEquals(await Deno.readTextFile(path), "precious");
    },
  );
}

Deno.test("tryLockFile() by many at a time on a lock that is not there yet gives it to one", async () => {
  using directory = new TemporaryDirectory();
  for (let round = 0; round < 20; round++) {
    const path = `${directory.path}/lock-${round}`;
    const locks = await Promise.all(Array.from({ length: 8 }, (_, i) => tryLockFile(path, `${i}`)));
    assertEquals(locks.filter((lock) => lock !== undefined).length, 1);
    for (const lock of locks) lock?.release();
  }
});

Deno.test("lockHolder() reads no more than a name, whatever the file holds", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  await Deno.writeTextFile(path, "x".repeat(1_000_000));
  assertEquals(await lockHolder(path), "x".repeat(128));
});

Deno.test("lockHolder() is who took the lock last, whatever the length of the names before", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  assertEquals(await lockHolder(path), undefined);
  for (const name of ["natpmp watch, process 4194304", "natpmp map, process 1", "x".repeat(500), ""]) {
    const lock = await tryLockFile(path, name);
    if (!isWindows) assertEquals(await lockHolder(path), name.slice(0, 127) || undefined);
    lock!.release();
  }
  assertEquals((await Deno.stat(path)).size, 128);
});

Deno.test("isFileLocked() checks whether somebody has the lock, and makes no file", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  assertEquals(await isFileLocked(path), false);
  assertEquals(directory.names, []);
  const lock = await tryLockFile(path, "somebody");
  assertEquals(await isFileLocked(path), true);
  lock!.release();
  assertEquals(await isFileLocked(path), false);
});

Deno.test("isFileLocked() is not misled by others who ask at the same time", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  (await tryLockFile(path, "long gone"))!.release();
  for (let i = 0; i < 50; i++) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => isFileLocked(path)));
    assertEquals(answers, answers.map(() => false), `round ${i}`);
  }
});

Deno.test("a lock of another process is seen, names its holder, and is free at the end of that process", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  await using process = lockProcess(path, "natpmp watch, process 77");
  await process.waitForLine(/^locked$/);
  assertEquals(await tryLockFile(path, "me"), undefined);
  assertEquals(await isFileLocked(path), true);
  if (!isWindows) assertEquals(await lockHolder(path), "natpmp watch, process 77");
  await using other = lockProcess(path, "late");
  await other.waitForLine(/^taken$/);
  await process.stop();
  (await lockSoon(path)).release();
});

Deno.test("a lock is free when its holder is killed, and nobody has to tidy up", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  for (let i = 0; i < 5; i++) {
    await using process = lockProcess(path, `holder ${i}`);
    await process.waitForLine(/^locked$/);
    assertEquals(await tryLockFile(path, "me"), undefined);
    process.kill("SIGKILL");
    await process.ended();
    (await lockSoon(path)).release();
  }
  assertEquals(directory.names, ["lock"]);
});

Deno.test("a lock is free when its holder is killed, though a program that it had started lives on", {
  ignore: isWindows,
}, async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/lock`;
  await using process = lockProcess(path, "with a child", "20");
  await process.waitForLine(/^locked$/);
  const childId = Number(/[0-9]+/.exec(process.lines[0]!)![0]);
  try {
    process.kill("SIGKILL");
    (await lockSoon(path)).release();
    // Signal 0 would do; SIGCONT is the mildest that Deno sends.
    Deno.kill(childId, "SIGCONT");
  } finally {
    Deno.kill(childId, "SIGKILL");
    await process.ended();
  }
});
