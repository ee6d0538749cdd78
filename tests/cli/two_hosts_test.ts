/**
 * Two hosts that share a home directory over a network, each behind a router of its own: even the addresses are the
 * same. They neither see nor disturb each other's leases.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestWorld } from "../support/test_world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A box and a laptop with one home directory. */
function twoHosts(): { box: TestWorld; laptop: TestWorld } {
  const [box, laptop] = [new TestWorld(), new TestWorld()];
  Object.assign(laptop.fakeStatePaths, { files: box.fakeStatePaths.files });
  laptop.fakeStatePaths.host = "laptop";
  laptop.fakeStatePaths.boot = "another";
  laptop.fakeStatePaths.bootedBeforeMs = 400 * DAY_MS;
  return { box, laptop };
}

/** The leases of each host, as in `box: tcp 8080:80`. */
function leasesIn({ fakeStatePaths: { state } }: TestWorld): string[] {
  return state.gateways.flatMap(({ host, entries }) =>
    entries.map(({ protocol, internalPort, lease }) =>
      `${host}: ${protocol} ${lease?.externalPort}:${internalPort}`
    )
  );
}

/** What a command line alone wrote. */
async function output(world: TestWorld, ...args: string[]): Promise<string> {
  const [out, error] = [world.stdout.text.length, world.stderr.text.length];
  await world.run(...args);
  return world.stdout.text.slice(out) + world.stderr.text.slice(error);
}

const CRON = ["map", "8080:80", "--if-due", "--quiet"] as const;

Deno.test("two hosts: each remembers its own leases, and status tells no others", async () => {
  const { box, laptop } = twoHosts();
  await box.run("map", "8080:80");
  await laptop.run("map", "9000:90");
  assertEquals(leasesIn(box), ["box: tcp 8080:80", "laptop: tcp 9000:90"]);
  for (const [world, port] of [[box, "8080"], [laptop, "9000"]] as const) {
    const { leases } = JSON.parse(await output(world, "status", "--json"));
    assertEquals(leases.map(({ externalPort }: { externalPort: number }) => `${externalPort}`), [port]);
  }
});

Deno.test("two hosts: what the one was granted is new to the other", async () => {
  const { box, laptop } = twoHosts();
  await box.run("map", "8080:80", "--exec", "hook");
  await laptop.run("map", "8080:80", "--exec", "hook");
  assertEquals([box.fakeMachine.hookEvents, laptop.fakeMachine.hookEvents], [["mapped"], ["mapped"]]);
  assertStringIncludes(await output(laptop, ...CRON, "--udp"), "-> 80, 7200 s");
});

Deno.test("two hosts: unmap of the one deletes no lease of the other, and warns of none", async () => {
  const { box, laptop } = twoHosts();
  await box.run("map", "8080:80");
  await laptop.run("map", "9000:90");
  assertEquals(await output(laptop, "unmap", "8080"), "tcp 8080 unmapped\n");
  await laptop.run("unmap", "--all");
  assertEquals(leasesIn(box), ["box: tcp 8080:80"]);
  assertEquals(box.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("two hosts: a loss of state at the one's router is none at the other's", async () => {
  const { box, laptop } = twoHosts();
  await box.run(...CRON);
  await laptop.run(...CRON);
  for (const world of [box, laptop]) await world.clock.advance(15 * MINUTE_MS);
  box.gateway.reboot(box.clock.now());
  await box.clock.advance(0);
  assertStringIncludes(await output(box, ...CRON), "mapped again: the router had forgotten its mappings");
  assertEquals(await output(laptop, ...CRON), "");
  assertEquals(
    box.fakeStatePaths.state.gateways.flatMap(({ entries }) => entries.map(({ isLost }) => isLost)),
    [
      undefined,
      undefined,
    ],
  );
});

Deno.test("two hosts: cron's line on both has its own interval, and what it has told", async () => {
  const { box, laptop } = twoHosts();
  for (const world of [box, laptop]) await world.run(...CRON);
  for (const world of [box, laptop]) world.gateway.setFaults({ silent: true }, world.clock.now());
  for (const world of [box, laptop]) {
    await world.clock.advance(15 * MINUTE_MS);
    assertStringIncludes(await output(world, ...CRON), "did not answer");
    await world.clock.advance(15 * MINUTE_MS);
    assertEquals(await output(world, ...CRON), "");
  }
  assertEquals(box.fakeStatePaths.state.runs.map(({ host }) => host), ["box", "laptop"]);
});

for (const boots of ["named", "nameless"] as const) {
  Deno.test(`two hosts: one that has been up for a year does not forget the other's leases (runs are ${boots})`, async () => {
    const { box, laptop } = twoHosts();
    if (boots === "nameless") box.fakeStatePaths.boot = laptop.fakeStatePaths.boot = undefined;
    await box.run("map", "8080:80");
    await laptop.run("map", "9000:90");
    await laptop.run("unmap", "9000:90");
    assertEquals(leasesIn(box), ["box: tcp 8080:80"]);
  });
}

Deno.test("two hosts: a lease of the one is forgotten a day after its end, also by the other", async () => {
  const { box, laptop } = twoHosts();
  await box.run("map", "8080:80");
  await laptop.clock.advance(2 * DAY_MS);
  await laptop.run("map", "9000:90");
  assertEquals(leasesIn(box), ["laptop: tcp 9000:90"]);
});

Deno.test("two hosts: a watch on each may keep the same mapping", async () => {
  const { box, laptop } = twoHosts();
  const watch = ["watch", "8080:80", "--for", "1m"] as const;
  const starting = box.clock.sleep(30_000).then(() => ({ running: laptop.run(...watch) }));
  const outcomes = [await box.run(...watch), await (await starting).running];
  assertEquals(outcomes.map(({ exitCode, stderr }) => [exitCode, stderr]), [[0, ""], [0, ""]]);
  assertEquals(box.fakeStatePaths.state.gateways.map(({ watches }) => watches), [[], []]);
});
