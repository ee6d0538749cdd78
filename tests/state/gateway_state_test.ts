import { assertEquals, assertStrictEquals } from "@std/assert";
import { deleted, leftMs, unconfirmed } from "../../lib/lease/ledger.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { EMPTY_STATE, recordOf } from "../../lib/state/records.ts";
import { plain, recordWith, runOf } from "../support/state_samples.ts";
import { HOUR, KEY, known, Lab, LEFT, SECOND, START } from "./gateway_state_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const TCP_22 = { protocol: "tcp", internalPort: 22 } as const;

// ---- what is known ----

Deno.test("GatewayState knows the mappings of its own gateway and local address alone", async () => {
  const lab = new Lab();
  lab.set({
    gateways: [
      recordWith({ entries: [known(80)] }),
      ...[
        { host: "laptop" },
        { gateway: "10.0.0.9" },
        { port: 15_351 },
        { localAddress: "10.0.0.3" },
      ].map((other) => recordWith({ ...other, entries: [known(22)] })),
    ],
    runs: [],
  });
  const { state } = await lab.open();
  assertEquals(plain([...state.ledger.entries]), [known(80)]);
  assertEquals(plain(state.record.entries), [known(80)]);
  assertEquals([plain(state.entryBefore(TCP_80)), state.entryBefore(TCP_22)], [known(80), undefined]);
});

Deno.test("GatewayState measures the age of an earlier process's lease", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  await lab.clock.advance(60 * SECOND);
  const { state } = await lab.open();
  const left = () => leftMs(state.ledger.get(TCP_80)!.lease!, state.now().stored);
  assertEquals([state.now().ms, left()], [60 * SECOND, 7140 * SECOND]);
  lab.paths.setWallClock(-24 * HOUR);
  assertEquals(left(), 7140 * SECOND);
});

Deno.test("GatewayState takes every lease for lost once its client finds that the gateway lost its state", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const { state, mapper } = await lab.open();
  assertEquals(state.ledger.get(TCP_80)?.isLost, undefined);
  mapper.loseState();
  assertEquals([state.ledger.get(TCP_80)?.isLost, state.entryBefore(TCP_80)?.isLost], [true, undefined]);
});

Deno.test("GatewayState leaves it to a keeper to take leases for lost", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const { state, mapper } = await lab.open({ isLossHandled: true });
  mapper.loseState();
  assertEquals([mapper.listeners, state.ledger.generation], [0, 0]);
});

Deno.test("GatewayState without a file knows nothing, writes nothing and warns of nothing", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  const { state, mapper, map } = await lab.open({ file: undefined });
  await map(80);
  state.noteAddress("203.0.113.7");
  assertEquals([await state.save(), lab.warnings, lab.paths.files.written], [false, [], []]);
  assertStrictEquals(state.before, EMPTY_STATE);
  assertEquals([state.record.entries, mapper.recalled], [[], []]);
});

// ---- where the client goes on ----

Deno.test("GatewayState lets the client go on from what an earlier one remembered, however long ago that was", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  await lab.clock.advance(HOUR);
  const { mapper } = await lab.open();
  assertEquals(mapper.recalled, [{ data: { losses: 3 }, atMs: 0 }]);
});

Deno.test("GatewayState measures a memory by the uptime where the wall clock was set, and takes it for new where its age is unknown", async () => {
  for (const byMs of [-365 * 24 * HOUR, 24 * HOUR]) {
    const lab = new Lab();
    lab.leave(LEFT);
    await lab.clock.advance(HOUR);
    lab.paths.setWallClock(byMs);
    assertEquals((await lab.open()).mapper.recalled[0]?.atMs, 0);
  }
  const lab = new Lab();
  lab.leave(LEFT);
  await lab.clock.advance(HOUR);
  lab.paths.setWallClock(-24 * HOUR);
  lab.paths.boot = "second";
  assertEquals((await lab.open()).mapper.recalled[0]?.atMs, HOUR);
});

Deno.test("GatewayState recalls nothing where nothing was held, so that nothing seems lost", async () => {
  for (const record of [{ memory: LEFT.memory }, { entries: [known(80)] }]) {
    const lab = new Lab();
    lab.leave(record);
    assertEquals((await lab.open()).mapper.recalled, []);
  }
});

// ---- what it leaves ----

Deno.test("GatewayState.save() writes what was granted and since when, the address, and what the client remembers", async () => {
  const lab = new Lab();
  const { state, mapper, map } = await lab.open();
  await lab.clock.advance(5 * SECOND);
  await map(80);
  mapper.hear(7);
  await lab.clock.advance(3 * SECOND);
  state.ledger.change(TCP_80, (entry) => ({
    ...entry,
    reported: { externalPort: 80, externalAddress: "203.0.113.7" },
    config: "/etc/natpmp.json",
    portFile: "/run/port",
  }));
  assertEquals(state.noteAddress("203.0.113.7"), false);
  assertEquals(await state.save(), true);
  const atFive = timeAfter(START, 5 * SECOND);
  assertEquals(lab.paths.state, {
    gateways: [recordWith({
      externalAddress: "203.0.113.7",
      memory: { data: { losses: 7 }, at: atFive },
      entries: [known(80, {
        lease: { granted: atFive },
        reported: { externalPort: 80, externalAddress: "203.0.113.7" },
        config: "/etc/natpmp.json",
        portFile: "/run/port",
      })],
    })],
    runs: [],
  });
});

Deno.test("GatewayState.save() keeps what it does not know better: address, memory, report, configuration, port file", async () => {
  const lab = new Lab();
  const record = {
    ...LEFT,
    externalAddress: "203.0.113.7",
    entries: [known(80, {
      reported: { externalPort: 80 },
      hookPending: true,
      config: "/etc/a.json",
      portFile: "/run/port",
    })],
  };
  lab.set({ gateways: [recordWith(record)], runs: [runOf()] });
  const { state, map } = await lab.open();
  await map(80);
  await state.save();
  assertEquals(lab.paths.state, { gateways: [recordWith(record)], runs: [runOf()] });
});

Deno.test("GatewayState.save() writes that a hook is pending, and that it is not any more", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  for (const port of [80, 22]) await map(port);
  const pending = () => lab.record.entries.map(({ hookPending = false }) => hookPending);
  state.ledger.change(TCP_80, (entry) => ({ ...entry, hookPending: true }));
  await state.save();
  assertEquals(pending(), [true, false]);
  state.ledger.change(TCP_80, (entry) => ({ ...entry, hookPending: false }));
  await state.save();
  assertEquals(pending(), [false, false]);
});

Deno.test("GatewayState.save() drops what was deleted, and what the ledger forgot", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80), known(80, { protocol: "udp" }), known(22)] });
  const { state } = await lab.open();
  state.ledger.change(TCP_80, deleted);
  state.ledger.delete(TCP_22);
  await state.save();
  assertEquals(lab.record.entries.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`), [
    "udp 80",
  ]);
});

Deno.test("GatewayState.save() drops what was deleted, also where another process was granted it meanwhile", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(22)] });
  const [first, second] = [await lab.open(), await lab.open()];
  await lab.clock.advance(SECOND);
  for (const port of [80, 22, 443]) await second.map(port);
  await second.state.save();
  await lab.clock.advance(SECOND);
  first.state.forget(({ internalPort }) => internalPort !== 443);
  await first.state.save();
  assertEquals(lab.ports, ["443"]);
});

Deno.test("GatewayState.save() leaves what another process was granted after this one deleted it", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const [first, second] = [await lab.open(), await lab.open()];
  first.state.forget(() => true);
  await lab.clock.advance(SECOND);
  for (const port of [80, 22]) await second.map(port);
  await second.state.save();
  await first.state.save();
  assertEquals(lab.ports, ["80", "22"]);
});

Deno.test("GatewayState.save() writes a lease that was granted after the mapping was deleted", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const { state, map } = await lab.open();
  state.ledger.change(TCP_80, deleted);
  await state.save();
  assertEquals(lab.ports, []);
  await map(80);
  await state.save();
  assertEquals(lab.ports, ["80"]);
});

Deno.test("GatewayState.save() writes nothing of a mapping that was never granted", async () => {
  const lab = new Lab();
  const { state } = await lab.open();
  state.ledger.change(TCP_80, (entry) => unconfirmed({ ...entry, config: "/etc/a.json" }));
  await state.save();
  assertEquals(lab.ports, []);
});

Deno.test("GatewayState.save() after a deletion leaves the claim of the watch, which will map it again", async () => {
  const lab = new Lab();
  const watches = [{ lock: lab.paths.watchLock(1), mappings: [TCP_80] }];
  lab.leave({ entries: [known(80)], watches });
  const { state } = await lab.open();
  state.ledger.change(TCP_80, deleted);
  await state.save();
  assertEquals([lab.ports, lab.record.watches], [[], watches]);
});

Deno.test("GatewayState.save() takes a configuration's mappings away from where it was served before", async () => {
  const lab = new Lab();
  const config = "/etc/natpmp.json";
  lab.set({
    gateways: [
      recordWith({ localAddress: "10.0.0.3", entries: [known(80, { config }), known(22)] }),
      recordWith({ localAddress: "10.0.0.4", entries: [known(80, { config }), known(23)] }),
      recordWith({ host: "laptop", entries: [known(80, { config })] }),
    ],
    runs: [],
  });
  const { state, map } = await lab.open();
  await map(80);
  state.ledger.change(TCP_80, (entry) => ({ ...entry, config }));
  await state.save();
  const ports = lab.paths.state.gateways.map(({ entries }) =>
    entries.map(({ internalPort }) => internalPort)
  );
  assertEquals(ports, [[22], [23], [80], [80]]);
});

Deno.test("GatewayState.save() makes further changes in the same write", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  await map(80);
  await state.save((state) => ({ ...state, runs: [runOf()] }));
  assertEquals([lab.ports, lab.paths.state.runs, lab.paths.files.written.length], [["80"], [runOf()], 1]);
});

// ---- beside other processes ----

Deno.test("GatewayState.save() of many processes at the same time loses nothing", async () => {
  const lab = new Lab();
  const processes = await Promise.all(Array.from({ length: 10 }, () => lab.open()));
  const saving = Promise.all(processes.map(async ({ state, map }, i) => {
    await map(i + 1);
    await state.save();
  }));
  await lab.clock.runUntil(saving);
  assertEquals(lab.ports.toSorted(), Array.from({ length: 10 }, (_, i) => `${i + 1}`).toSorted());
});

Deno.test("GatewayState.save() leaves alone what another process changed meanwhile and this one did not", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80), known(22), known(443)] });
  const [first, second] = [await lab.open(), await lab.open()];
  await lab.clock.advance(SECOND);
  // The other one renews one mapping, deletes one, adds one and changes the address.
  await second.map(80);
  second.state.ledger.change(TCP_22, deleted);
  await second.map(8080);
  second.state.noteAddress("203.0.113.9");
  await second.state.save();
  await lab.clock.advance(SECOND);
  await first.map(443);
  await first.state.save();
  assertEquals(lab.ports, ["80", "443", "8080"]);
  assertEquals([80, 443, 8080].map((port) => lab.lease(port)!.granted.wallMs - START.wallMs), [
    1000,
    2000,
    1000,
  ]);
  assertEquals(lab.record.externalAddress, "203.0.113.9");
});

Deno.test("GatewayState.save() does not write what it wrote before again", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  await map(80);
  await state.save();
  lab.leave({ entries: [] });
  await map(22);
  await state.save();
  assertEquals(lab.ports, ["22"]);
});

Deno.test("GatewayState.save() writes again what could not be written", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  await map(80);
  lab.paths.files.writeFailure = new Error("No space left on device");
  assertEquals(await state.save(), false);
  lab.paths.files.writeFailure = undefined;
  await map(22);
  await state.save();
  assertEquals(lab.ports, ["80", "22"]);
});

Deno.test("GatewayState.save() does not undo what another process did for what is this process's alone", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const [first, second] = [await lab.open(), await lab.open()];
  await lab.clock.advance(SECOND);
  await second.map(80);
  await second.state.save();
  first.state.ledger.change(TCP_80, (entry) => unconfirmed({ ...entry, isRenewed: true, isDoubtful: true }));
  await first.state.save();
  assertEquals(lab.lease(80)!.granted, timeAfter(START, SECOND));
});

Deno.test("GatewayState.save() changes what it reported of a mapping that another process renewed meanwhile, and not its lease", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80, { hookPending: true })] });
  const [first, second] = [await lab.open(), await lab.open()];
  await lab.clock.advance(SECOND);
  await second.map(80);
  await second.state.save();
  first.state.ledger.change(
    TCP_80,
    (entry) => ({ ...entry, hookPending: false, reported: { externalPort: 80 } }),
  );
  await first.state.save();
  const [entry] = recordOf(lab.paths.state, KEY).entries;
  assertEquals([entry!.lease!.granted, entry!.hookPending, entry!.reported], [
    timeAfter(START, SECOND),
    undefined,
    { externalPort: 80 },
  ]);
});

Deno.test("GatewayState.save() does not put an older lease in the place of what another process was granted since", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const [first, second] = [await lab.open(), await lab.open()];
  for (const port of [80, 22]) await first.map(port);
  await lab.clock.advance(SECOND);
  for (const port of [80, 22]) await second.map(port);
  await second.state.save();
  await first.state.save();
  const later = timeAfter(START, SECOND);
  assertEquals([lab.lease(80)!.granted, lab.lease(22)!.granted], [later, later]);
  await lab.clock.advance(SECOND);
  await first.map(80);
  await first.state.save();
  assertEquals(lab.lease(80)!.granted, timeAfter(later, SECOND));
});

Deno.test("GatewayState.save() does not bring back a mapping that another process deleted meanwhile", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const [first, second] = [await lab.open(), await lab.open()];
  second.state.ledger.change(TCP_80, deleted);
  await second.state.save();
  first.state.ledger.change(TCP_80, (entry) => ({ ...entry, hookPending: true }));
  await first.state.save();
  assertEquals(lab.ports, []);
});

Deno.test("GatewayState.save() keeps what another process wrote about a mapping that this one was granted", async () => {
  const lab = new Lab();
  const [first, second] = [await lab.open(), await lab.open()];
  await second.map(80);
  second.state.ledger.change(TCP_80, (entry) => ({ ...entry, config: "/etc/a.json", portFile: "/run/port" }));
  await second.state.save();
  await lab.clock.advance(SECOND);
  await first.map(80);
  await first.state.save();
  const [entry] = lab.record.entries;
  assertEquals([entry!.lease!.granted, entry!.config, entry!.portFile], [
    timeAfter(START, SECOND),
    "/etc/a.json",
    "/run/port",
  ]);
});

Deno.test("GatewayState.save() writes the next time what changed while it waited for the file", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  const { files, path } = lab.paths;
  await map(80);
  files.directories.add("/state/natpmp");
  files.locks.set(`${path}.lock`, "another process");
  const saving = state.save();
  await lab.clock.advance(100);
  await map(22);
  files.locks.delete(`${path}.lock`);
  assertEquals(await lab.clock.runUntil(saving), true);
  await state.save();
  assertEquals(lab.ports, ["80", "22"]);
});

Deno.test("GatewayState.save() writes the next time what changed while the file was written", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  const { files } = lab.paths;
  const replace = files.replace.bind(files);
  files.replace = async (path: string, text: string) => {
    files.replace = replace;
    await map(22);
    await replace(path, text);
  };
  await map(80);
  await state.save();
  assertEquals(lab.ports, ["80"]);
  await state.save();
  assertEquals(lab.ports, ["80", "22"]);
});
