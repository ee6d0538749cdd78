import { assert, assertEquals, assertLessOrEqual, assertRejects, assertStrictEquals } from "@std/assert";
import { BusyError, NoAnswerError } from "../../lib/errors.ts";
import type { FileLock } from "../../lib/files/file_lock.ts";
import { RETRANSMISSION_WAITS_MS } from "../../lib/natpmp/retransmission.ts";
import { Exchange, YIELD_AFTER_MS } from "../../lib/net/exchange.ts";
import { ManualClock, MemoryNetwork } from "../../lib/simulator/mod.ts";
import type { NetworkNamespace } from "../../lib/state/network_namespace.ts";
import { FileRequestLock } from "../../lib/state/request_lock.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const LOCK = "/state/natpmp/gateway-10.0.0.1-5351.lock";

/** The processes of one user. */
class Lab {
  readonly clock = new ManualClock();
  readonly files = new MemoryFiles();
  directory: string | { readonly missing: string } = "/state/natpmp";

  /** The lock as one of them sees it. */
  lock(
    holder: string,
    options: { gateway?: string; port?: number; timeoutMs?: number; networkNamespace?: NetworkNamespace } =
      {},
  ) {
    const { clock, files, directory } = this;
    const { gateway = "10.0.0.1", port = 5351, timeoutMs = 7750, networkNamespace } = options;
    const paths = { files, directory, networkNamespace };
    return new FileRequestLock({ gateway, port, timeoutMs, holder, clock, paths });
  }

  get holder(): string | undefined {
    return this.files.locks.get(LOCK);
  }
}

const NEVER = new AbortController().signal;

Deno.test("FileRequestLock takes the gateway's lock in the state directory, which is made, and gives it back", async () => {
  const lab = new Lab();
  const lock = lab.lock("natpmp map, process 1");
  await lock.take(undefined);
  assertEquals([...lab.files.locks], [[LOCK, "natpmp map, process 1"]]);
  assertEquals([...lab.files.directories], ["/state/natpmp"]);
  lock.release();
  lock.release();
  assertEquals(lab.files.locks.size, 0);
});

Deno.test("FileRequestLock gives one turn at a time, and the next when it is over", async () => {
  const lab = new Lab();
  const [first, second] = [lab.lock("1"), lab.lock("2")];
  await first.take(undefined);
  const taking = second.take(undefined);
  await lab.clock.advance(500);
  assertEquals(lab.holder, "1");
  first.release();
  await lab.clock.runUntil(taking);
  assertEquals(lab.holder, "2");
  assertLessOrEqual(lab.clock.now(), 532);
  // A turn that is over does not end the next one's.
  first.release();
  assertEquals(lab.holder, "2");
  second.release();
});

Deno.test("FileRequestLock does not keep those apart that talk to different gateways, or ports", async () => {
  const lab = new Lab();
  const locks = [
    lab.lock("1"),
    lab.lock("2", { port: 5352 }),
    lab.lock("3", { gateway: "10.0.0.9" }),
  ];
  for (const lock of locks) await lock.take(undefined);
  assertEquals([lab.files.locks.size, lab.clock.now()], [3, 0]);
  for (const lock of locks) lock.release();
});

Deno.test("FileRequestLock keeps the requests of one network namespace apart, and no others", async () => {
  const lab = new Lab();
  const [red, blue] = [{ inode: 1, boot: "first" }, { inode: 2, boot: "first" }];
  const locks = [
    lab.lock("1", { networkNamespace: red }),
    lab.lock("2", { networkNamespace: blue }),
    lab.lock("3"),
  ];
  for (const lock of locks) await lock.take(undefined);
  assertEquals([...lab.files.locks.keys()], [
    "/state/natpmp/gateway-10.0.0.1-5351-1.lock",
    "/state/natpmp/gateway-10.0.0.1-5351-2.lock",
    LOCK,
  ]);
  await assertRejects(
    () => lab.clock.runUntil(lab.lock("4", { networkNamespace: red, timeoutMs: 100 }).take(undefined)),
    BusyError,
  );
  for (const lock of locks) lock.release();
});

Deno.test("FileRequestLock says for how many minutes another process has had the turn", async () => {
  for (
    const [heldMs, words] of [
      [59_999, "is asking it"],
      [60_000, "has been asking it for 1 min"],
      [7_200_000, "has been asking it for 120 min"],
    ] as const
  ) {
    const lab = new Lab();
    lab.files.directories.add("/state/natpmp");
    lab.files.locks.set(LOCK, "natpmp map, process 7");
    lab.files.lockTimes.set(LOCK, lab.clock.wallNow().getTime() + 500 - heldMs);
    const error = await assertRejects(
      () => lab.clock.runUntil(lab.lock("2", { timeoutMs: 500 }).take(undefined)),
      BusyError,
    );
    assertEquals([error.message, error.heldForMs], [
      `Cannot ask 10.0.0.1 within 0.5 s: another process (natpmp map, process 7) ${words}`,
      heldMs,
    ]);
  }
});

Deno.test("FileRequestLock waits for its timeout and no longer, then names who has the turn", async () => {
  const lab = new Lab();
  lab.files.locks.set(LOCK, "natpmp watch, process 7");
  const error = await assertRejects(
    () => lab.clock.runUntil(lab.lock("2", { timeoutMs: 500 }).take(undefined)),
    BusyError,
  );
  assertEquals([error.holder, lab.clock.now()], ["natpmp watch, process 7", 500]);
  assertEquals(
    error.message,
    "Cannot ask 10.0.0.1 within 0.5 s: another process (natpmp watch, process 7) is asking it",
  );
});

Deno.test("FileRequestLock does without a name where the lock's file has none", async () => {
  const lab = new Lab();
  lab.files.locks.set(LOCK, "");
  lab.files.holderOf = () => Promise.resolve(undefined);
  const error = await assertRejects(() => lab.clock.runUntil(lab.lock("2").take(undefined)), BusyError);
  assertEquals([error.holder, error.message], [
    undefined,
    "Cannot ask 10.0.0.1 within 7.75 s: another process is asking it",
  ]);
});

Deno.test("FileRequestLock ends its wait with the signal's reason, and has no turn then", async () => {
  const lab = new Lab();
  const reason = new Error("stopped");
  const stopping = new AbortController();
  lab.files.locks.set(LOCK, "somebody");
  const taking = assertRejects(() => lab.lock("2").take(stopping.signal), Error);
  await lab.clock.advance(100);
  stopping.abort(reason);
  assertStrictEquals(await taking, reason);
  assertEquals(lab.holder, "somebody");
});

Deno.test("FileRequestLock gives a turn back that it gets in the moment in which it is not wanted any more", async () => {
  const lab = new Lab();
  const reason = new Error("stopped");
  const stopping = new AbortController();
  const tryLock = lab.files.tryLock.bind(lab.files);
  lab.files.tryLock = async (path: string, holder: string): Promise<FileLock | undefined> => {
    const lock = await tryLock(path, holder);
    stopping.abort(reason);
    return lock;
  };
  assertStrictEquals(await assertRejects(() => lab.lock("2").take(stopping.signal), Error), reason);
  assertEquals(lab.files.locks.size, 0);
});

for (const what of ["no directory is known", "no lock can be made", "no directory can be made"] as const) {
  Deno.test(`FileRequestLock lets everybody through where ${what}`, async () => {
    const lab = new Lab();
    if (what === "no directory is known") lab.directory = { missing: "HOME is not set" };
    else lab.files.lockFailure = new Error("Read-only file system");
    if (what === "no directory can be made") lab.files.directoryFailure = new Error("Read-only file system");
    const [first, second] = [lab.lock("1"), lab.lock("2")];
    await first.take(undefined);
    await second.take(undefined);
    await first.yieldToOthers(NEVER);
    first.release();
    second.release();
    assertEquals([lab.clock.now(), lab.files.locks.size], [0, 0]);
  });
}

Deno.test("FileRequestLock ends a turn after the 4 s after which a request lets others go first", async () => {
  const lab = new Lab();
  const [first, second] = [lab.lock("1"), lab.lock("2")];
  await first.take(undefined);
  assertEquals(YIELD_AFTER_MS, 4000);
  await lab.clock.advance(YIELD_AFTER_MS - 1);
  assertEquals(lab.holder, "1");
  await lab.clock.advance(1);
  assertEquals(lab.holder, undefined);
  await second.take(undefined);
  first.release();
  assertEquals(lab.holder, "2");
  second.release();
});

Deno.test("FileRequestLock.yieldToOthers() lets one that waits go first, and comes back when that one is done", async () => {
  const lab = new Lab();
  const [first, second] = [lab.lock("1"), lab.lock("2")];
  await first.take(undefined);
  const taking = second.take(undefined);
  await lab.clock.advance(300);
  const yielding = first.yieldToOthers(NEVER);
  await lab.clock.runUntil(taking);
  await lab.clock.advance(2000);
  assertEquals(lab.holder, "2");
  second.release();
  await lab.clock.runUntil(yielding);
  assertEquals(lab.holder, "1");
  first.release();
});

Deno.test("FileRequestLock.yieldToOthers() takes a free turn at once when its own was over, and for a second", async () => {
  const lab = new Lab();
  const lock = lab.lock("1");
  await lock.take(undefined);
  await lab.clock.advance(7750);
  await lock.yieldToOthers(NEVER);
  assertEquals([lab.holder, lab.clock.now()], ["1", 7750]);
  await lab.clock.advance(999);
  assertEquals(lab.holder, "1");
  await lab.clock.advance(1);
  assertEquals(lab.holder, undefined);
});

Deno.test("FileRequestLock.yieldToOthers() waits for its next turn until the request is over", async () => {
  const lab = new Lab();
  const lock = lab.lock("1", { timeoutMs: 100 });
  await lock.take(undefined);
  const ending = new AbortController();
  const yielding = assertRejects(() => lock.yieldToOthers(ending.signal), Error);
  lab.files.locks.set(LOCK, "another");
  await lab.clock.advance(60_000);
  ending.abort(new Error("over"));
  assertEquals((await yielding).message, "over");
  lock.release();
  assertEquals(lab.holder, "another");
});

/** A request to a server that answers nothing, with the lock. */
function silentRequest(
  lab: Lab,
  holder: string,
  timeoutMs: number,
): { sentAtMs: number[]; ended: Promise<unknown> } {
  const network = new MemoryNetwork({ clock: lab.clock, random: () => 0.5, conditions: {} });
  const sentAtMs: number[] = [];
  const exchange = new Exchange({ hostname: "10.0.0.1", port: 5351 }, {
    clock: lab.clock,
    openSocket: (local) => network.host("10.0.0.2").open(local),
    requestLock: lab.lock(holder),
    observe: ({ kind }) => {
      if (kind === "sent") sentAtMs.push(lab.clock.now());
    },
  });
  const request = { data: Uint8Array.of(0, 0), match: () => ({ discarded: "all" }) };
  const ended = exchange.request(request, { waitsMs: RETRANSMISSION_WAITS_MS, timeoutMs })
    .catch((error) => error);
  return { sentAtMs, ended };
}

Deno.test("a request that nobody answers is sent by its schedule, and its turns end 4 s after the first send and 1 s after later ones", async () => {
  const lab = new Lab();
  const { sentAtMs, ended } = silentRequest(lab, "watch", 60_000);
  const heldAtMs: number[] = [];
  for (let atMs = 0; atMs < 60_000; atMs += 250) {
    await lab.clock.advance(0);
    if (lab.holder !== undefined) heldAtMs.push(atMs);
    await lab.clock.advance(250);
  }
  assert(await lab.clock.runUntil(ended) instanceof NoAnswerError);
  assertEquals(sentAtMs, [0, 250, 750, 1750, 3750, 7750, 15_750, 31_750]);
  const quarters = (fromMs: number, ms: number) =>
    Array.from({ length: ms / 250 }, (_, i) => fromMs + 250 * i);
  assertEquals(heldAtMs, [
    ...quarters(0, 4000),
    ...[7750, 15_750, 31_750].flatMap((atMs) => quarters(atMs, 1000)),
  ]);
  assertEquals(lab.files.locks.size, 0);
});

Deno.test("a request that nobody answers does not keep out a process that waits as long as one does by default", async () => {
  const lab = new Lab();
  const { ended } = silentRequest(lab, "watch", 127_750);
  const waits: number[] = [];
  const others = Array.from({ length: 500 }, async (_, i) => {
    await lab.clock.sleep(1 + 251 * i);
    const startMs = lab.clock.now();
    const other = lab.lock(`map ${i}`);
    await other.take(undefined);
    waits.push(lab.clock.now() - startMs);
    other.release();
  });
  await lab.clock.runUntil(Promise.all([ended, ...others]));
  assertEquals(waits.length, 500);
  assertLessOrEqual(Math.max(...waits), 4032);
});
