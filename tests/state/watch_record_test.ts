import { assert, assertEquals, assertRejects } from "@std/assert";
import { BusyError } from "../../lib/errors.ts";
import { Keeper } from "../../lib/lease/keeper.ts";
import type { LedgerEntry } from "../../lib/lease/ledger.ts";
import { mappingName } from "../../lib/port_mapper.ts";
import type { WatchClaim } from "../../lib/state/records.ts";
import { entryOf } from "../support/state_samples.ts";
import { eventOf, Lab, TCP_22, TCP_80, UDP_80 } from "./watch_record_lab.ts";

const LOCK_NAME = /^\/state\/natpmp\/leases\.json\.keeper-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.lock$/;

/** Another watch's claim of TCP port 80, whose process runs or does not. */
function otherWatch({ paths: { files, ...paths } }: Lab, running: boolean): WatchClaim {
  const lock = "/state/natpmp/leases.json.keeper-00000000-0000-4000-8000-000000000001.lock";
  assertEquals(paths.directory, "/state/natpmp");
  files.texts.set(lock, "");
  if (running) files.locks.set(lock, "natpmp watch, process 9");
  return { lock, mappings: [TCP_80] };
}

// ---- claims ----

Deno.test("WatchRecord claims its mappings with a lock of its own, and gives both up when it is closed", async () => {
  const lab = new Lab();
  const record = lab.watch({ mappings: [TCP_80, UDP_80] });
  const ledger = await lab.follow(record, lab.mapper());
  assert(ledger.isEmpty);
  const [watch] = lab.paths.state.gateways[0]!.watches;
  assertEquals([watch!.mappings, [...lab.paths.files.locks]], [
    [TCP_80, UDP_80],
    [[watch!.lock, "natpmp watch, process 1"]],
  ]);
  assert(LOCK_NAME.test(watch!.lock), watch!.lock);
  await record.close();
  assertEquals([lab.claims, [...lab.paths.files.locks], lab.warnings], [[], [], []]);
});

Deno.test("WatchRecord of the address alone claims nothing", async () => {
  const lab = new Lab();
  const record = lab.watch({ mappings: [] });
  await lab.follow(record, lab.mapper());
  assertEquals([lab.written, lab.paths.files.locks.size], [0, 0]);
  await record.close();
});

Deno.test("WatchRecord that never found a gateway leaves nothing", async () => {
  const lab = new Lab();
  await lab.watch().close();
  assertEquals([lab.written, lab.paths.files.locks.size], [0, 0]);
});

Deno.test("WatchRecord refuses what another running watch keeps, and names that one", async () => {
  const lab = new Lab();
  const other = otherWatch(lab, true);
  lab.leave({ entries: [entryOf(80)], watches: [other] });
  const record = lab.watch({ mappings: [TCP_22, TCP_80] });
  const error = await assertRejects(() => lab.follow(record, lab.mapper()), BusyError);
  assertEquals([error.message, error.holder], [
    "Another process (natpmp watch, process 9) already keeps tcp 80. Stop that process first, or leave the mapping to it",
    "natpmp watch, process 9",
  ]);
  await record.close();
  assertEquals(lab.paths.state.gateways[0]!.watches, [other]);
  assertEquals([...lab.paths.files.locks.keys()], [other.lock]);
});

Deno.test("WatchRecord does without the name of the other watch where its lock has none", async () => {
  const lab = new Lab();
  lab.leave({ watches: [otherWatch(lab, true)] });
  lab.paths.files.holderOf = () => Promise.resolve(undefined);
  await assertRejects(
    () => lab.follow(lab.watch(), lab.mapper()),
    BusyError,
    "Another process already keeps tcp 80",
  );
});

Deno.test("WatchRecord takes over from a watch that was killed, and removes its lock", async () => {
  const lab = new Lab();
  const other = otherWatch(lab, false);
  lab.leave({ entries: [entryOf(80)], watches: [other] });
  const record = lab.watch();
  const ledger = await lab.follow(record, lab.mapper());
  assertEquals([...ledger.entries].map(mappingName), ["tcp 80"]);
  assertEquals([lab.claims, lab.paths.files.texts.has(other.lock)], [[["tcp 80"]], false]);
  await record.close();
});

Deno.test("WatchRecord leaves a watch that was killed what else it kept", async () => {
  const lab = new Lab();
  const other = { ...otherWatch(lab, false), mappings: [TCP_80, TCP_22] };
  lab.leave({ watches: [other] });
  const record = lab.watch();
  await lab.follow(record, lab.mapper());
  assertEquals([lab.claims, lab.paths.files.texts.has(other.lock)], [[["tcp 22", "tcp 80"]], true]);
  await record.close();
});

Deno.test("WatchRecord beside a watch of other mappings, gateways or namespaces is not in its way", async () => {
  for (
    const elsewhere of [
      {},
      { gateway: "10.0.0.9" },
      { localAddress: "10.0.0.3" },
      { namespace: { inode: 2, boot: "first" } },
    ]
  ) {
    const lab = new Lab();
    lab.paths.namespaceInode = 1;
    const other = otherWatch(lab, true);
    lab.leave({ entries: [entryOf(80)], watches: [other], ...elsewhere });
    const isElsewhere = Object.keys(elsewhere).length > 0;
    const record = lab.watch({ mappings: isElsewhere ? [TCP_80] : [UDP_80] });
    await lab.follow(record, lab.mapper());
    assert(lab.paths.state.gateways.some(({ watches }) => watches.some(({ lock }) => lock === other.lock)));
    await record.close();
  }
});

Deno.test("WatchRecord tidies up after watches that were killed in namespaces that are gone, and not after running ones", async () => {
  for (const running of [false, true]) {
    const lab = new Lab();
    lab.paths.namespaceInode = 1;
    const other = otherWatch(lab, running);
    lab.leave({ namespace: { inode: 2, boot: "first" }, entries: [entryOf(80)], watches: [other] });
    const record = lab.watch();
    await lab.follow(record, lab.mapper());
    assertEquals(lab.claims, running ? [["tcp 80"], ["tcp 80"]] : [[], ["tcp 80"]]);
    assertEquals(lab.paths.files.texts.has(other.lock), running);
    await record.close();
  }
});

Deno.test("WatchRecord claims nothing where no lock can be made, and records its leases all the same", async () => {
  const lab = new Lab();
  lab.paths.files.lockFailure = new Deno.errors.PermissionDenied("Permission denied");
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  await lab.map(record, ledger, mapper, 80);
  await lab.clock.advance(0);
  assertEquals([lab.mappings, lab.claims], [["10.0.0.1: tcp 80"], [[]]]);
  await record.close();
});

// ---- moves ----

Deno.test("WatchRecord keeps its ledger while nothing moves, and reads nothing again", async () => {
  const lab = new Lab();
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  lab.paths.files.readFailure = new Error("read again");
  assert(await lab.follow(record, mapper) === ledger);
  assertEquals(lab.warnings, []);
  lab.paths.files.readFailure = undefined;
  await record.close();
});

Deno.test("WatchRecord does not hold its keeper up while another process has the file locked and nothing moves", async () => {
  const lab = new Lab();
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  lab.paths.files.locks.set(`${lab.paths.path}.lock`, "another");
  await lab.map(record, ledger, mapper, 80);
  const startMs = lab.clock.now();
  await lab.follow(record, mapper);
  assertEquals(lab.clock.now() - startMs, 0);
  lab.paths.files.locks.delete(`${lab.paths.path}.lock`);
  await lab.clock.runUntil(record.close());
});

Deno.test("WatchRecord takes its claim along to another gateway, address or client, and what it held does not stay behind", async () => {
  for (
    const [next, localAddress] of [["10.0.0.9", "10.0.0.2"], ["10.0.0.1", "10.0.0.3"]] as const
  ) {
    const lab = new Lab();
    const record = lab.watch();
    const mapper = lab.mapper();
    const ledger = await lab.follow(record, mapper);
    await lab.map(record, ledger, mapper, 80);
    await lab.clock.advance(0);
    assertEquals(lab.mappings, ["10.0.0.1: tcp 80"]);
    const another = await lab.follow(record, lab.mapper(next), localAddress);
    assert(another !== ledger && another.isEmpty);
    assertEquals([lab.claims.at(-1), lab.paths.state.gateways.at(-1)!.gateway], [["tcp 80"], next]);
    assertEquals(lab.paths.state.gateways.flatMap(({ entries }) => entries), []);
    await record.close();
  }
});

Deno.test("WatchRecord leaves what an earlier process reported of a lease that its keeper is not granted again", async () => {
  const lab = new Lab();
  const reported = { externalPort: 80, externalAddress: "198.51.100.7" };
  lab.leave({ entries: [entryOf(80, { lease: { granted: lab.paths.now() }, reported })] });
  const record = lab.watch();
  const mapper = lab.mapper();
  mapper.fallSilent();
  const place = { gateway: "10.0.0.1", port: 5351, localAddress: "10.0.0.2", mapper };
  const keeper = new Keeper({
    wanted: [{ protocols: ["tcp"], internalPort: 80 }],
    connect: async () => ({ mapper, ledger: await record.follow(place) }),
    clock: lab.clock,
    random: () => 0,
    storedNow: () => lab.paths.now(),
  });
  await lab.clock.advance(10_000);
  for (const type of ["address", "state-lost"] as const) {
    record.note(eventOf(type));
    await lab.clock.advance(10_000);
  }
  await lab.clock.runUntil(keeper.stop());
  await record.close();
  const known = lab.paths.state.gateways[0]!.entries[0]!;
  assertEquals(known.reported, reported);
});

Deno.test("WatchRecord goes on with its ledger at the local address that becomes known", async () => {
  const lab = new Lab();
  lab.leave({ entries: [entryOf(22, { lease: { granted: lab.paths.now() } })] });
  const record = lab.watch();
  const mapper = lab.mapper();
  const place = { gateway: "10.0.0.1", port: 5351, mapper };
  const ledger = await lab.clock.runUntil(record.follow(place));
  await lab.map(record, ledger, mapper, 80);
  await lab.clock.advance(10_000);
  assert(await lab.follow(record, mapper) === ledger);
  await lab.clock.advance(10_000);
  const entries = () =>
    lab.paths.state.gateways.flatMap(({ localAddress, entries }) =>
      entries.map((entry) => `${localAddress} ${mappingName(entry)} ${entry.lease!.externalPort}`)
    );
  assertEquals(entries(), ["10.0.0.2 tcp 22 22", "10.0.0.2 tcp 80 80"]);
  const lease = await mapper.map({ protocol: "tcp", internalPort: 80, externalPort: 8080 });
  ledger.grant(lease, { ms: lab.clock.now(), stored: lab.paths.now() });
  await record.close();
  assertEquals(entries(), ["10.0.0.2 tcp 22 22", "10.0.0.2 tcp 80 8080"]);
});

Deno.test("WatchRecord goes on from what an earlier process left at the gateway", async () => {
  const lab = new Lab();
  const memory = { data: { epochSeconds: 7 }, at: lab.paths.now() };
  const entry: LedgerEntry = entryOf(80, { lease: { granted: lab.paths.now(), externalPort: 40_001 } });
  lab.leave({ entries: [entry], memory });
  const record = lab.watch();
  const mapper = lab.mapper();
  const ledger = await lab.follow(record, mapper);
  assertEquals([ledger.get(TCP_80)?.lease?.externalPort, mapper.memory], [
    40_001,
    { data: { epochSeconds: 7 }, atMs: 0 },
  ]);
  // Its keeper takes mappings for lost, not the record.
  assertEquals(mapper.listeners, 0);
  await record.close();
});

Deno.test("WatchRecord finds a running watch at the gateway that it moves to, and what is written meanwhile does not hide it", async () => {
  for (const delayMs of [0, 1, 10, 40, 100]) {
    const lab = new Lab();
    const other = otherWatch(lab, true);
    lab.leave({ gateway: "10.0.0.9", watches: [other] });
    const record = lab.watch();
    const mapper = lab.mapper();
    const ledger = await lab.follow(record, mapper);
    // Something is to be written while another process has the file.
    lab.paths.files.locks.set(`${lab.paths.path}.lock`, "another process");
    await lab.map(record, ledger, mapper, 80);
    await lab.clock.advance(delayMs);
    const another = lab.mapper("10.0.0.9");
    const following = record.follow({
      gateway: "10.0.0.9",
      port: 5351,
      localAddress: "10.0.0.2",
      mapper: another,
    })
      .catch((error) => error);
    await lab.clock.advance(delayMs);
    lab.paths.files.locks.delete(`${lab.paths.path}.lock`);
    const outcome = await lab.clock.runUntil(following);
    assert(outcome instanceof BusyError, `after ${delayMs} ms: ${outcome}`);
    await lab.clock.runUntil(record.close());
    assertEquals(lab.paths.state.gateways.flatMap(({ watches }) => watches), [other]);
  }
});

Deno.test("WatchRecord leaves no claim where it is closed while it moves, or before", async () => {
  const lab = new Lab();
  const record = lab.watch();
  const follow = () =>
    record.follow({ gateway: "10.0.0.1", port: 5351, localAddress: "10.0.0.2", mapper: lab.mapper() });
  await follow();
  lab.paths.files.locks.set(`${lab.paths.path}.lock`, "another process");
  const following = follow();
  await lab.clock.advance(50);
  const closing = record.close();
  await lab.clock.advance(50);
  lab.paths.files.locks.delete(`${lab.paths.path}.lock`);
  await lab.clock.runUntil(Promise.all([following, closing]));
  assertEquals([lab.claims, lab.paths.files.locks.size], [[], 0]);
  await follow();
  assertEquals([lab.claims, lab.paths.files.locks.size], [[], 0]);
});
