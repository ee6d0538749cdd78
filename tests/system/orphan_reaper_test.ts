import { assertEquals } from "@std/assert";
import { OrphanReaper, zombieParent } from "../../lib/system/orphan_reaper.ts";

Deno.test("zombieParent() is the parent of a process that has ended, whatever that was called", () => {
  assertEquals(zombieParent("7 (sleep) Z 1 7 7 0 -1 4228364"), 1);
  assertEquals(zombieParent("7 (a) S 1 (b)) Z 42 7 7"), 42);
  assertEquals(zombieParent("7 (x\n) Z 1) Z 9 7"), 9);
  for (const text of ["7 (sleep) S 1 7", "7 (sleep) X 1 7", "7 (a) Z 1) S 1 7", "", "7", "7 (sleep) Z"]) {
    assertEquals(zombieParent(text), undefined, text);
  }
});

/** Processes by their numbers, as `/proc/PID/stat` has them; what is waited for is gone. */
function lab(processes: Record<number, string>) {
  const table = new Map(Object.entries(processes).map(([pid, state]) => [Number(pid), state]));
  const waitedFor: number[] = [];
  let looks = 0;
  const own = new Set<number>();
  const reaper = new OrphanReaper({
    processId: 1,
    isOwn: (pid) => own.has(pid),
    list: () => {
      looks++;
      return Promise.resolve([...table.keys()]);
    },
    stat: (pid) => {
      const state = table.get(pid);
      return Promise.resolve(state === undefined ? undefined : `${pid} (p) ${state} 0 0`);
    },
    wait: (pid) => {
      waitedFor.push(pid);
      table.delete(pid);
    },
  });
  return { reaper, own, table, waitedFor, looks: () => looks };
}

Deno.test("OrphanReaper waits for orphans that have ended, and for nobody else", async () => {
  const { reaper, own, waitedFor } = lab({ 1: "S 0", 5: "Z 1", 6: "S 1", 7: "Z 6", 8: "Z 1", 9: "Z 1" });
  own.add(8);
  await reaper.reap();
  assertEquals(waitedFor, [5, 9]);
  await reaper.reap();
  assertEquals(waitedFor, [5, 9]);
});

Deno.test("OrphanReaper looks once more for what ended while it looked, however often a child ended", async () => {
  const { reaper, table, waitedFor, looks } = lab({ 5: "Z 1" });
  const first = reaper.reap();
  for (let i = 0; i < 100; i++) void reaper.reap();
  table.set(6, "Z 1");
  await first;
  assertEquals([waitedFor, looks()], [[5, 6], 2]);
});

Deno.test("OrphanReaper goes on when processes cannot be listed", async () => {
  let fails = true;
  const waitedFor: number[] = [];
  const reaper = new OrphanReaper({
    processId: 1,
    isOwn: () => false,
    list: () => fails ? Promise.reject(new Error("Permission denied")) : Promise.resolve([5]),
    stat: () => Promise.resolve("5 (p) Z 1 0"),
    wait: (pid) => waitedFor.push(pid),
  });
  await reaper.reap();
  fails = false;
  await reaper.reap();
  assertEquals(waitedFor, [5]);
});
