/**
 * One host with two tunnels of one provider, each in a network namespace of its own: the addresses on both sides are
 * the same. Their commands share a state, and neither see nor disturb each other's leases.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseState } from "../../lib/state/format.ts";
import { TestWorld } from "../support/test_world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const CRON = ["map", "8080:80", "--if-due", "--quiet"] as const;

/** Two namespaces of one host. */
function twoTunnels(): { red: TestWorld; blue: TestWorld } {
  const [red, blue] = [new TestWorld(), new TestWorld()];
  Object.assign(blue.fakeStatePaths, { files: red.fakeStatePaths.files });
  red.fakeStatePaths.namespaceInode = 4_026_531_833;
  blue.fakeStatePaths.namespaceInode = 4_026_532_281;
  return { red, blue };
}

/** The machine starts anew, which may give a namespace any number. */
function restart({ fakeStatePaths, clock }: TestWorld, { namespaceInode }: { namespaceInode: number }): void {
  fakeStatePaths.boot = "second";
  fakeStatePaths.bootedBeforeMs = -clock.now();
  fakeStatePaths.namespaceInode = namespaceInode;
}

/** Who holds which lease, as in `4026531833: tcp 8080:80`. */
function leasesIn({ fakeStatePaths: { state } }: TestWorld): string[] {
  return state.gateways.flatMap(({ namespace, entries }) =>
    entries.map(({ protocol, internalPort, lease }) =>
      `${namespace?.inode}: ${protocol} ${lease?.externalPort}:${internalPort}`
    )
  );
}

/** What natpmp 0.1 wrote before it knew namespaces: version 1 of the file. */
function makeOlder({ fakeStatePaths: { files, path } }: TestWorld): void {
  const { gateways, runs } = JSON.parse(files.texts.get(path)!);
  const links = [];
  for (const { namespace: _, via: _via, mappings, watches: keepers, ...link } of gateways) {
    const leases = [];
    for (
      const { via: _, renewAfterMs: _renew, joinAfterMs: _join, minRetryGapMs: _gap, ...more } of mappings
    ) {
      const { reported, ...lease } = more;
      leases.push({ ...lease, externalAddress: reported?.externalAddress });
    }
    links.push({ ...link, leases, keepers });
  }
  const olderRuns = [];
  for (const { namespace: _, reported: told, ...run } of runs) olderRuns.push({ ...run, told });
  files.texts.set(path, JSON.stringify({ version: 1, links, runs: olderRuns }));
}

/** What a command line alone wrote. */
async function output(world: TestWorld, ...args: string[]): Promise<string> {
  const [out, error] = [world.stdout.text.length, world.stderr.text.length];
  await world.run(...args);
  return world.stdout.text.slice(out) + world.stderr.text.slice(error);
}

Deno.test("two namespaces: a watch in each keeps the same mapping", async () => {
  const { red, blue } = twoTunnels();
  const watch = ["watch", "8080:80", "--for", "1m"] as const;
  const starting = red.clock.sleep(30_000).then(() => ({ running: blue.run(...watch) }));
  const outcomes = [await red.run(...watch), await (await starting).running];
  assertEquals(outcomes.map(({ exitCode, stderr }) => [exitCode, stderr]), [[0, ""], [0, ""]]);
  assertEquals(red.fakeStatePaths.state.gateways.map(({ watches }) => watches), [[], []]);
});

Deno.test("two namespaces: a second watch in the same one is still refused", async () => {
  const { red } = twoTunnels();
  const twin = new TestWorld();
  Object.assign(twin.fakeStatePaths, { files: red.fakeStatePaths.files });
  twin.fakeStatePaths.namespaceInode = red.fakeStatePaths.namespaceInode;
  const starting = red.clock.sleep(30_000).then(() => ({ running: twin.run("watch", "8080:80") }));
  await red.run("watch", "8080:80", "--for", "1m");
  const { exitCode, stderr } = await (await starting).running;
  assertEquals(exitCode, 1);
  assertStringIncludes(stderr, "already keeps tcp 80");
});

Deno.test("two namespaces: status lists the leases of its own, and mentions the other's", async () => {
  const { red, blue } = twoTunnels();
  await red.run("map", "8080:80");
  await blue.run("map", "9000:90");
  await blue.run("map", "9001:91");
  assertEquals(leasesIn(red), [
    "4026531833: tcp 8080:80",
    "4026532281: tcp 9000:90",
    "4026532281: tcp 9001:91",
  ]);
  const text = await output(red, "status");
  assertMatch(text, /^tcp 80 /m);
  assertEquals(/tcp 9/.test(text), false);
  assertStringIncludes(
    text,
    "natpmp: note: 2 leases of other network namespaces are not listed: run natpmp status there\n",
  );
  const { leases } = JSON.parse(await output(blue, "status", "--json"));
  assertEquals(leases.map(({ externalPort }: { externalPort: number }) => externalPort), [9000, 9001]);
  await blue.clock.advance(3 * 60 * MINUTE_MS);
  await red.clock.advance(3 * 60 * MINUTE_MS);
  assertEquals(/other network namespaces/.test(await output(red, "status")), false);
});

Deno.test("two namespaces: status --probe and --check ask and judge its own alone", async () => {
  const { red, blue } = twoTunnels();
  await red.run("map", "8080:80");
  await blue.run("map", "9000:90");
  blue.gateway.reboot(blue.clock.now());
  await blue.clock.advance(0);
  const [sent, sentByRed] = [blue.requests.length, red.requests.length];
  assertEquals((await blue.run("status", "--probe", "--check")).exitCode, 1);
  assertEquals(blue.requests.length - sent, 1);
  assertEquals((await red.run("status", "--probe", "--check")).exitCode, 0);
  assertEquals(red.requests.length - sentByRed, 1);
});

Deno.test("two namespaces: unmap --all in one forgets no lease of the other", async () => {
  const { red, blue } = twoTunnels();
  await red.run("map", "8080:80");
  await blue.run("map", "9000:90");
  await blue.run("unmap", "--all");
  assertEquals(leasesIn(red), ["4026531833: tcp 8080:80"]);
});

Deno.test("two namespaces: cron's line in each has leases, interval and lock of its own", async () => {
  const { red, blue } = twoTunnels();
  assertStringIncludes(await output(red, ...CRON), "-> 80, 7200 s");
  assertStringIncludes(await output(blue, ...CRON), "-> 80, 7200 s");
  assertEquals(blue.mappings, ["tcp 10.0.0.2 8080:80"]);
  assertEquals(red.fakeStatePaths.state.runs.length, 2);
  for (const world of [red, blue]) await world.clock.advance(15 * MINUTE_MS);
  red.gateway.reboot(red.clock.now());
  await red.clock.advance(0);
  assertStringIncludes(await output(red, ...CRON), "mapped again: the router had forgotten its mappings");
  assertEquals(await output(blue, ...CRON), "");

  // One run is at work while the other's begins.
  let lockedByRed: string[] = [];
  red.gateway.setFaults({ silent: true }, red.clock.now());
  const looking = red.clock.sleep(1000).then(() => {
    lockedByRed = [...red.fakeStatePaths.files.locks.keys()];
  });
  await red.run(...CRON);
  await looking;
  let lockedByBlue: string[] = [];
  blue.gateway.setFaults({ silent: true }, blue.clock.now());
  const lookingToo = blue.clock.sleep(1000).then(() => {
    lockedByBlue = [...blue.fakeStatePaths.files.locks.keys()];
  });
  await blue.run(...CRON);
  await lookingToo;
  assertEquals([lockedByRed.length, lockedByBlue.length], [2, 2]);
  assertEquals(lockedByRed.filter((path) => lockedByBlue.includes(path)), []);
});

Deno.test("two namespaces: one configuration file in both moves no lease from the one to the other", async () => {
  const { red, blue } = twoTunnels();
  for (const world of [red, blue]) {
    world.fakeMachine.files.set("/etc/natpmp.json", '{"mappings": ["8080:80"]}');
    await world.run("map", "--config", "/etc/natpmp.json", "--if-due", "--quiet");
  }
  assertEquals(leasesIn(red), ["4026531833: tcp 8080:80", "4026532281: tcp 8080:80"]);
});

Deno.test("an older state file's leases are known after an update, whatever the namespace", async () => {
  const { red } = twoTunnels();
  await red.run(...CRON);
  makeOlder(red);
  assertMatch(await output(red, "status"), /^tcp 80 .*alive/m);
  await red.clock.advance(15 * MINUTE_MS);
  assertEquals(await output(red, ...CRON), "");
  assertEquals(red.requests.length, 3);
  assertEquals(leasesIn(red), ["4026531833: tcp 8080:80"]);
  assertEquals(red.fakeStatePaths.state.runs.map(({ namespace }) => namespace?.inode), [4_026_531_833]);
});

Deno.test("a host that tells no namespace knows every lease, and takes none from its own", async () => {
  const { red } = twoTunnels();
  await red.run(...CRON);
  red.fakeStatePaths.namespaceInode = undefined;
  await red.clock.advance(15 * MINUTE_MS);
  assertEquals(await output(red, ...CRON), "");
  assertEquals(leasesIn(red), ["4026531833: tcp 8080:80"]);
});

Deno.test("after a restart of the machine a namespace's number may be another, and the lease is still known", async () => {
  const { red } = twoTunnels();
  await red.run(...CRON);
  restart(red, { namespaceInode: 4_026_531_840 });
  await red.clock.advance(MINUTE_MS);
  assertEquals(await output(red, ...CRON), "");
  assertEquals(red.requests.length, 3);
  assertEquals(leasesIn(red), ["4026531840: tcp 8080:80"]);
});

Deno.test("after a restart two namespaces take up a record each, by its old number where there is one", async () => {
  const { red, blue } = twoTunnels();
  await red.run("map", "8080:80");
  await blue.run("map", "9000:90");
  restart(red, { namespaceInode: 4_026_532_777 });
  restart(blue, { namespaceInode: 4_026_532_281 });
  await blue.run("map", "9001:91");
  await red.run("map", "8081:81");
  assertEquals(leasesIn(red), [
    "4026532777: tcp 8080:80",
    "4026532777: tcp 8081:81",
    "4026532281: tcp 9000:90",
    "4026532281: tcp 9001:91",
  ]);
});

Deno.test("what watches in namespaces of the past left is tidied up by the next one with the same addresses", async () => {
  const { red } = twoTunnels();
  const { files, path } = red.fakeStatePaths;
  await red.run("map", "8080:80");
  const json = JSON.parse(files.texts.get(path)!);
  const [own] = json.gateways;
  const lockOf = (digit: number) => `${path}.keeper-00000000-0000-4000-8000-00000000000${digit}.lock`;
  const [deadLock, livingLock] = [lockOf(1), lockOf(2)];
  const dead = { ...own, mappings: [], watches: [{ lock: deadLock, mappings: ["tcp 80"] }] };
  const living = {
    ...own,
    mappings: [],
    watches: [{ lock: livingLock, mappings: ["tcp 80"] }],
  };
  json.gateways = [
    own,
    { ...dead, namespace: { inode: 1, boot: "first" } },
    { ...living, namespace: { inode: 2, boot: "first" } },
  ];
  files.texts.set(path, JSON.stringify(json));
  files.texts.set(deadLock, "natpmp watch, process 7");
  files.locks.set(livingLock, "natpmp watch, process 8");
  await red.run("watch", "8080:80", "--for", "1m");
  const { gateways } = parseState(files.texts.get(path)!);
  assertEquals(
    gateways.flatMap(({ namespace, watches }) => watches.map(({ lock }) => [namespace?.inode, lock])),
    [[2, livingLock]],
  );
  assertEquals(files.texts.has(deadLock), false);
  await red.clock.advance(31 * DAY_MS);
  await red.run("map", "8080:80");
  assertEquals(red.fakeStatePaths.state.gateways.map(({ namespace }) => namespace?.inode), [
    4_026_531_833,
    2,
  ]);
});
