import { assert, assertEquals, assertLess } from "@std/assert";
import { TestWorld } from "../../support/test_world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const INTERVAL_MS = 15 * MINUTE_MS;
const DAYS = 14;

const CONFIG = "/etc/natpmp.json";
const LINE = ["map", "--config", CONFIG, "--if-due", "--quiet"] as const;

/** What happens in the two weeks, by the number of the run before which it does. */
const RUNS_A_DAY = DAY_MS / INTERVAL_MS;
const REBOOT = 5 * RUNS_A_DAY + 7;
const NEW_ADDRESS = 8 * RUNS_A_DAY + 3;
const OUTAGE = [10 * RUNS_A_DAY, 10 * RUNS_A_DAY + 3] as const;
const CLOCK_BACK = 11 * RUNS_A_DAY + 1;
const CLOCK_FORWARD = 12 * RUNS_A_DAY + 1;
/** The machine is off for this many runs. */
const OFF = [13 * RUNS_A_DAY, 13 * RUNS_A_DAY + 5] as const;

Deno.test("two weeks of the cron line: the mapping never lapses, mail tells news once, status tells the truth", async () => {
  const world = new TestWorld();
  world.fakeMachine.files.set(
    CONFIG,
    JSON.stringify({ mappings: ["8080:80/tcp", { external: 51820, internal: 51820, protocol: "udp" }] }),
  );
  const mails: (readonly [run: number, text: string])[] = [];
  let isForgotten = true;
  for (let run = 0; run < DAYS * RUNS_A_DAY; run++) {
    if (run === REBOOT) {
      world.gateway.reboot(world.clock.now());
      isForgotten = true;
    }
    if (run === NEW_ADDRESS) world.gateway.setExternalAddress("203.0.113.8", world.clock.now());
    if (run === OUTAGE[0]) world.gateway.setFaults({ silent: true }, world.clock.now());
    if (run === OUTAGE[1]) world.gateway.setFaults({}, world.clock.now());
    if (run === CLOCK_BACK) world.fakeStatePaths.setWallClock(-365 * DAY_MS);
    if (run === CLOCK_FORWARD) world.fakeStatePaths.setWallClock(366 * DAY_MS);
    if (!isForgotten) assertEquals(world.mappings.length, 2, `before run ${run}`);
    const startMs = world.clock.now();
    if (run < OFF[0] || run >= OFF[1]) {
      const before = [world.stdout.text.length, world.stderr.text.length] as const;
      const { exitCode } = await world.run(...LINE);
      const isOut = run >= OUTAGE[0] && run < OUTAGE[1];
      assertEquals(exitCode, isOut ? 4 : 0, `run ${run}`);
      const mail = world.stdout.text.slice(before[0]) + world.stderr.text.slice(before[1]);
      if (mail !== "") mails.push([run, mail]);
      isForgotten = false;
    }
    if (run % 10 === 0) assertEquals(await standings(world), ["alive", "alive"], `after run ${run}`);
    await world.clock.advance(INTERVAL_MS - (world.clock.now() - startMs));
  }

  const line = (port: number, internal: number, protocol: string, address: string) =>
    `${protocol} ${address}:${port} -> ${internal}, 7200 s`;
  const both = (address: string, suffix: string) =>
    `${line(8080, 80, "tcp", address)}${suffix}\n${line(51820, 51820, "udp", address)}${suffix}\n`;
  const silence = mails.find(([run]) => run === OUTAGE[0])?.[1] ?? "";
  assert(/^natpmp: error: 10\.0\.0\.1:5351 did not answer within 7\.75 s[^\n]+\n$/.test(silence), silence);
  const news = mails.filter(([run]) => run !== OUTAGE[0]);
  assertEquals(news.map(([run, text]) => [run, text.replaceAll(/[0-9]+ s left|7200 s(?= \(was)/g, "LEFT")]), [
    [0, both("203.0.113.7", "")],
    [REBOOT, both("203.0.113.7", " (mapped again: the router had forgotten its mappings)")],
    // The address is another, and so where each mapping is reached, whether they were due or not.
    [
      NEW_ADDRESS,
      "tcp 203.0.113.8:8080 -> 80, LEFT (was 203.0.113.7:8080)\n" +
      "udp 203.0.113.8:51820 -> 51820, LEFT (was 203.0.113.7:51820)\n",
    ],
    [OUTAGE[1], "10.0.0.1 answers again\n"],
  ]);

  // One address request a run, and each mapping once an hour: half of two hours.
  const runs = DAYS * RUNS_A_DAY - (OFF[1] - OFF[0]);
  const demand = runs + 2 * DAYS * 24;
  assertLess(world.requests.length, demand * 1.05);
});

/** How `natpmp status` says that each lease stands. */
async function standings(world: TestWorld): Promise<string[]> {
  const before = world.stdout.text.length;
  await world.run("status", "--json");
  const { leases } = JSON.parse(world.stdout.text.slice(before));
  return leases.map(({ status }: { status: string }) => status);
}
