import { assert, assertEquals, assertGreater, assertLessOrEqual, assertRejects } from "@std/assert";
import type { FileLock } from "../../lib/files/file_lock.ts";
import { waitForLock } from "../../lib/files/wait_for_lock.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const PATH = "/state/lock";

/** Files of which it is noted when somebody tries the lock. */
class TriedFiles extends MemoryFiles {
  readonly triedAtMs: number[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    super();
    this.directories.add("/state");
    this.#clock = clock;
  }

  override tryLock(path: string, holder: string): Promise<FileLock | undefined> {
    this.triedAtMs.push(this.#clock.now());
    return super.tryLock(path, holder);
  }
}

function lab(heldBy?: string) {
  const clock = new ManualClock();
  const files = new TriedFiles(clock);
  if (heldBy !== undefined) files.locks.set(PATH, heldBy);
  const wait = (timeoutMs: number, more: { signal?: AbortSignal; holder?: string } = {}) =>
    waitForLock(PATH, { files, clock, timeoutMs, holder: "me", ...more });
  return { clock, files, wait };
}

Deno.test("waitForLock() gets a free lock at once, in its own name", async () => {
  const { clock, files, wait } = lab();
  const lock = await wait(1000);
  assert(lock !== "none" && "release" in lock);
  assertEquals([files.locks.get(PATH), clock.now()], ["me", 0]);
  lock.release();
  assertEquals(files.locks.size, 0);
});

Deno.test("waitForLock() gets a lock within 32 ms of its release", async () => {
  for (const heldMs of [1, 3, 10, 100, 777, 5000]) {
    const { clock, files, wait } = lab("somebody");
    const waiting = wait(7750);
    await clock.advance(heldMs);
    files.locks.delete(PATH);
    const lock = await clock.runUntil(waiting);
    assert(lock !== "none" && "release" in lock);
    assertLessOrEqual(clock.now() - heldMs, 32);
  }
});

Deno.test("waitForLock() waits for its timeout and no longer, then reports who has the lock", async () => {
  for (const timeoutMs of [1, 50, 1000, 7750]) {
    const { clock, files, wait } = lab("natpmp watch, process 7");
    assertEquals(await clock.runUntil(wait(timeoutMs)), { heldBy: "natpmp watch, process 7", heldForMs: 0 });
    assertEquals([clock.now(), files.triedAtMs.at(-1)], [timeoutMs, timeoutMs]);
  }
});

Deno.test("waitForLock() with a timeout of 0 tries once", async () => {
  const { files, wait } = lab("somebody");
  assertEquals(await wait(0), { heldBy: "somebody", heldForMs: 0 });
  assertEquals(files.triedAtMs, [0]);
});

Deno.test("waitForLock() tries often at first and seldom later", async () => {
  const { clock, files, wait } = lab("somebody");
  await clock.runUntil(wait(1000));
  const { triedAtMs } = files;
  assertEquals(triedAtMs.slice(0, 6), [0, 2, 6, 14, 30, 62]);
  assertGreater(1000 / 32 + 6, triedAtMs.length);
});

Deno.test("waitForLock() without a limit waits on until the lock is free", async () => {
  const { clock, files, wait } = lab("somebody");
  const waiting = wait(Infinity);
  await clock.advance(3_600_000);
  files.locks.delete(PATH);
  assert(await clock.runUntil(waiting) !== "none");
});

Deno.test("waitForLock() ends with the signal's reason, before or while it waits, and has no lock then", async () => {
  const reason = new Error("stopped");
  const { clock, files, wait } = lab("somebody");
  const stopping = new AbortController();
  const waiting = assertRejects(() => wait(7750, { signal: stopping.signal }), Error);
  await clock.advance(100);
  stopping.abort(reason);
  assertEquals(await waiting, reason);
  files.locks.delete(PATH);
  assertEquals(await assertRejects(() => wait(7750, { signal: stopping.signal }), Error), reason);
  assertEquals([files.locks.size, clock.now()], [0, 100]);
});

Deno.test("waitForLock() says so at once where no lock can be made, also when that comes to pass while it waits", async () => {
  const { clock, files, wait } = lab();
  files.lockFailure = new Deno.errors.PermissionDenied("Permission denied");
  assertEquals(await wait(7750), "none");
  files.lockFailure = undefined;
  files.locks.set(PATH, "somebody");
  const waiting = wait(7750);
  await clock.advance(100);
  files.lockFailure = new Error("Read-only file system");
  assertEquals(await clock.runUntil(waiting), "none");
  assertLessOrEqual(clock.now(), 132);
});

Deno.test("waitForLock() lets each of twenty who wait have the lock in turn", async () => {
  const { clock, files, wait } = lab();
  let most = 0;
  let holders = 0;
  const served: string[] = [];
  const all = Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const lock = await wait(60_000, { holder: `process ${i}` });
    assert(lock !== "none" && "release" in lock);
    most = Math.max(most, ++holders);
    await clock.sleep(100);
    served.push(files.locks.get(PATH)!);
    holders--;
    lock.release();
  }));
  await clock.runUntil(all);
  assertEquals([most, new Set(served).size, files.locks.size], [1, 20, 0]);
  assertLessOrEqual(clock.now(), 20 * 132);
});

Deno.test("waitForLock() reports for how long the lock has been held, never less than no time", async () => {
  const { clock, files, wait } = lab("somebody");
  const wallMs = clock.wallNow().getTime();
  for (const [lockedAtMs, heldForMs] of [[wallMs - 90_000, 90_000], [wallMs + 1, 0]] as const) {
    files.lockTimes.set(PATH, lockedAtMs);
    assertEquals(await wait(0), { heldBy: "somebody", heldForMs });
  }
});
