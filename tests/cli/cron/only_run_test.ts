import { assert, assertEquals } from "@std/assert";
import { onlyRun } from "../../../lib/cli/cron/only_run.ts";
import { StateFile } from "../../../lib/state/state_file.ts";
import { ManualClock } from "../../../lib/simulator/mod.ts";
import { MemoryFiles } from "../../support/memory_files.ts";

const PATH = "/state/leases.json";

function lab() {
  const clock = new ManualClock();
  const files = new MemoryFiles();
  const now = () => ({ wallMs: 1_000_000 + clock.now() });
  const holder = "natpmp map, process 1";
  const store = new StateFile({ path: PATH, files, clock, timeoutMs: 7750, now, holder, warn: () => {} });
  const run = (source: string, inode?: number) => {
    const namespace = inode === undefined ? {} : { namespace: { inode } };
    return onlyRun(store, { source, ...namespace }, { files, clock, holder: `process of ${source}` });
  };
  return { clock, files, run };
}

Deno.test("onlyRun() has a copy know who has been at work and for how long, until that is done", async () => {
  const { clock, files, run } = lab();
  const first = await run("/etc/natpmp.json");
  assert(first !== undefined && "release" in first);
  const [path] = files.locks.keys();
  files.lockTimes.set(path!, clock.wallNow().getTime());
  await clock.advance(90_000);
  assertEquals(await run("/etc/natpmp.json"), {
    heldBy: "process of /etc/natpmp.json",
    heldForMs: 90_000,
  });
  first.release();
  const next = await run("/etc/natpmp.json");
  assert(next !== undefined && "release" in next);
});

Deno.test("onlyRun() takes no run for a copy that is for something else, however alike", async () => {
  const { run } = lab();
  const long = "/etc/".padEnd(200, "x");
  for (const source of ["tcp 80", "tcp 8080", "tcp 80, udp 80", "/etc/natpmp.json", long, `${long}2`]) {
    const only = await run(source);
    assert(only !== undefined && "release" in only, source);
  }
  const elsewhere = await run("tcp 80", 7);
  assert(elsewhere !== undefined && "release" in elsewhere);
});

Deno.test("onlyRun() keeps its lock beside the state, under a name that any disk takes", async () => {
  const { files, run } = lab();
  await run(`/srv/"a"\n../%PATH%/${"long".repeat(100)}.json`);
  const [path = ""] = files.locks.keys();
  assert(/^\/state\/leases\.json\.if-due-[0-9a-f]{8}\.lock$/.test(path), path);
});

Deno.test("onlyRun() lets every run go on where no lock can be made", async () => {
  const { files, run } = lab();
  files.lockFailure = new Error("No locks available (os error 37)");
  assertEquals([await run("a"), await run("a")], [undefined, undefined]);
});
