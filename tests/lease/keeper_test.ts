import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { NoAnswerError, PortDiffersError, RefusedError } from "../../lib/errors.ts";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import { EXTERNAL, GATEWAY, KeeperLab, NO_GATEWAY } from "./keeper_lab.ts";

const WEB: WantedMapping = {
  protocols: ["tcp"],
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 7200,
};
const PAIR: WantedMapping = { ...WEB, protocols: ["tcp", "udp"] };
const BRIEF: WantedMapping = { protocols: ["udp"], internalPort: 53, externalPort: 53, lifetimeSeconds: 60 };
const HOUR_MS = 3_600_000;

function stranger(lab: KeeperLab, externalPort: number, protocol: "tcp" | "udp" = "tcp"): void {
  const [major, minor] = [externalPort >> 8, externalPort & 255];
  const data = Uint8Array.of(0, protocol === "tcp" ? 2 : 1, 0, 0, 0, 9, major, minor, 0, 1, 0, 0);
  lab.gateway.receive({ data, source: { hostname: "10.0.0.66", port: 40_000 } }, lab.worldNow);
}

// ---- observing ----

Deno.test("Keeper of nothing reports the address, and each change of it once", async () => {
  await using lab = new KeeperLab({ hearsAnnouncements: false });
  await lab.run(1000);
  lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
  await lab.run(2 * HOUR_MS);
  assertEquals(lab.types(), ["address", "address"]);
  assertEquals(lab.of("address")[1]?.previousExternalAddress, EXTERNAL);
  assertEquals(lab.maps.length, 0);
});

Deno.test("Keeper of nothing asks for the address every five minutes", async () => {
  await using lab = new KeeperLab({ hearsAnnouncements: false });
  await lab.run(HOUR_MS - 1);
  assertEquals(lab.addressRequests.length, 12);
});

Deno.test("Keeper that hears no announcements asks every five minutes beside its leases", async () => {
  await using lab = new KeeperLab({ wanted: [WEB], hearsAnnouncements: false });
  await lab.run(HOUR_MS - 1);
  assertEquals(lab.addressRequests.length, 12);
  assertEquals(lab.maps.length, 1);
});

Deno.test("Keeper that hears announcements asks for the address with each round only", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, PAIR, BRIEF].slice(0, 1) });
  await lab.run(HOUR_MS - 1);
  assertEquals(lab.addressRequests.length, 1);
});

// ---- renewing ----

Deno.test("Keeper asks for mappings first and then for the address, and reports both", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR] });
  await lab.run(0);
  assertEquals(lab.requests.map(({ request }) => request.kind), ["map", "map", "address"]);
  assertEquals(lab.types(), ["address", "mapped", "mapped"]);
  assertEquals(lab.of("mapped").map(({ lease }) => lease.protocol), ["tcp", "udp"]);
  assertEquals(lab.of("mapped")[0]?.externalAddress, EXTERNAL);
  assertEquals(lab.of("mapped")[0]?.gateway, GATEWAY);
});

Deno.test("Keeper renews from half of the lifetime on, and the jitter is at most a sixteenth", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(20 * HOUR_MS);
  const times = lab.maps.map(({ atMs }) => atMs);
  for (const [i, atMs] of times.slice(1).entries()) {
    assertGreaterOrEqual(atMs - times[i]!, HOUR_MS);
    assertLessOrEqual(atMs - times[i]!, HOUR_MS * 1.125);
  }
  assertEquals(lab.types().slice(2).every((type) => type === "renewed"), true);
  assertGreater(times.length, 17);
});

Deno.test("Keeper renews by what was granted when that is less than what was asked for", async () => {
  await using lab = new KeeperLab({ wanted: [WEB], gateway: { maxLifetimeSeconds: 600 } });
  await lab.run(HOUR_MS);
  assertGreaterOrEqual(lab.maps.length, 11);
  assertLessOrEqual(lab.maps.length, 12);
});

Deno.test("Keeper renews in one round what is due at nearly the same time", async () => {
  const wanted = Array.from(
    { length: 20 },
    (_, i): WantedMapping => ({ ...WEB, internalPort: 100 + i, externalPort: 100 + i }),
  );
  await using lab = new KeeperLab({ wanted });
  await lab.run(1.2 * HOUR_MS);
  assertEquals(lab.maps.length, 40);
  assertEquals(new Set(lab.maps.map(({ atMs }) => atMs)).size, 2);
  assertEquals(lab.addressRequests.length, 2);
  assertEquals(lab.mostOpen, 1);
});

Deno.test("Keeper keeps the two of a pair together, the second on the port of the first", async () => {
  const wanted: WantedMapping = { ...PAIR, externalPort: undefined };
  await using lab = new KeeperLab({ wanted: [wanted] });
  await lab.run(3 * HOUR_MS);
  const ports = new Set(lab.of("renewed").map(({ lease }) => lease.externalPort));
  assertEquals(ports.size, 1);
  assertEquals(lab.maps.length % 2, 0);
  for (let i = 0; i < lab.maps.length; i += 2) assertEquals(lab.maps[i]!.atMs, lab.maps[i + 1]!.atMs);
  assertEquals(lab.of("mapped").every(({ lease }) => lease.requestedExternalPort === undefined), true);
});

Deno.test("Keeper.renewNow() renews everything at once", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR, BRIEF] });
  await lab.run(5000);
  lab.keeper.renewNow();
  await lab.run(0);
  assertEquals(lab.types(5000), ["renewed", "renewed", "renewed"]);
});

Deno.test("Keeper.holdings has what is wanted, the lease and the next try of each mapping", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR] });
  assertEquals(lab.keeper.holdings.map(({ lease }) => lease), [undefined, undefined]);
  await lab.run(0);
  const [tcp, udp] = lab.keeper.holdings;
  assertEquals([tcp?.mapping.protocol, udp?.mapping.protocol], ["tcp", "udp"]);
  assertEquals(tcp?.lease?.externalPort, 8080);
  assertEquals(tcp?.nextTryAtMs, Math.min(tcp!.lease!.renewAfterMs, udp!.lease!.renewAfterMs));
  assertEquals(lab.keeper.externalAddress, EXTERNAL);
});

// ---- refusals and silence ----

Deno.test("Keeper reports a refusal once and asks on in steps of up to 60 s", async () => {
  await using lab = new KeeperLab({ wanted: [WEB], gateway: { faults: { refuse: true } } });
  await lab.run(HOUR_MS);
  assertEquals(lab.types(), ["address", "error"]);
  assertInstanceOf(lab.of("error")[0]?.error, RefusedError);
  assertEquals(lab.of("error")[0]?.mappings, [{ protocol: "tcp", internalPort: 80 }]);
  const times = lab.maps.map(({ atMs }) => atMs);
  assertEquals(times.slice(0, 7), [0, 2000, 6000, 14_000, 30_000, 62_000, 122_000]);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(60_000);
  assertEquals(lab.types().slice(2), ["mapped"]);
});

Deno.test("Keeper reports one error for all mappings that are refused for the same cause, and one for another cause", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, BRIEF], gateway: { faults: { refuse: true } } });
  await lab.run(300_000);
  lab.gateway.setFaults({ full: true }, lab.worldNow);
  await lab.run(300_000);
  assertEquals(lab.of("error").map(({ mappings }) => mappings.length), [2, 2]);
});

Deno.test("Keeper asks again at half of what is left after a refused renewal, and then reports that the lease expired", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  lab.gateway.setFaults({ refuse: true }, lab.worldNow);
  await lab.run(2 * HOUR_MS + 1000);
  const tries = lab.maps.filter(({ atMs }) => atMs > 0 && atMs < 2 * HOUR_MS).map(({ atMs }) => atMs);
  for (const [i, atMs] of tries.slice(1).entries()) {
    assertAlmostEquals(atMs - tries[i]!, Math.max(2000, (2 * HOUR_MS - tries[i]!) / 2), 1);
  }
  assertEquals(lab.types(1), ["error", "expired"]);
  // The stored wall clock is in whole milliseconds.
  assertAlmostEquals(lab.of("expired")[0]!.atMs, 2 * HOUR_MS, 1);
  assertEquals(lab.of("expired")[0]?.previousExternalPort, 8080);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(60_000);
  assertEquals(lab.types(1).slice(2), ["mapped"]);
});

Deno.test("Keeper lasts in a try no longer than half of what is left, and tries again until the end", async () => {
  await using lab = new KeeperLab({ wanted: [BRIEF] });
  await lab.run(1000);
  lab.gateway.setFaults({ silent: true }, lab.worldNow);
  await lab.run(59_000);
  const tries = lab.maps.slice(1);
  assertGreater(tries.length, 3);
  for (const [i, { atMs }] of tries.slice(1).entries()) {
    assertLessOrEqual(atMs - tries[i]!.atMs, Math.max(2000, (60_000 - tries[i]!.atMs) / 2) + 7750);
  }
  assertEquals(lab.types(1), ["gateway-silent", "expired"]);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(60_000);
  assertEquals(lab.types(1).slice(2, 4), ["gateway-back", "mapped"]);
});

Deno.test("Keeper reports a gateway that never answers with one error and goes on for ever", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, BRIEF], gateway: { faults: { silent: true } } });
  await lab.run(HOUR_MS);
  assertEquals(lab.types(), ["error"]);
  assertInstanceOf(lab.of("error")[0]?.error, NoAnswerError);
  assertLessOrEqual(lab.of("error")[0]!.atMs, 7750);
  assertLess(lab.requests.reduce((sum, { sends }) => sum + sends, 0), 9 * 62);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(65_000);
  assertEquals(lab.types().slice(1, 4), ["address", "mapped", "mapped"]);
});

Deno.test("Keeper with one lease that gets no answers renews the others in time", async () => {
  const wanted = [WEB, BRIEF];
  await using lab = new KeeperLab({ wanted });
  await lab.run(1000);
  // From now on requests for the web's port are lost on their way.
  const { gateway } = lab;
  const receive = gateway.receive.bind(gateway);
  gateway.receive = (datagram, nowMs) =>
    datagram.data.length === 12 && datagram.data[5] === 80 ? [] : receive(datagram, nowMs);
  await lab.run(3 * HOUR_MS);
  const expired = lab.of("expired").map(({ mapping }) => mapping.internalPort);
  assertEquals(expired, [80]);
  assertEquals(lab.of("error").map(({ mappings }) => mappings[0]?.internalPort), [80]);
  assertEquals(lab.of("gateway-silent").length, 0);
  assertEquals(lab.mostOpen, 1);
});

Deno.test("Keeper keeps a 60 s lease while three of ten datagrams are lost each way", async () => {
  await using lab = new KeeperLab({ wanted: [BRIEF], conditions: { lossRate: 0.3 } });
  await lab.run(4 * HOUR_MS);
  assertEquals(lab.of("expired"), []);
  assertEquals(lab.of("mapped").length, 1);
});

Deno.test("Keeper maps although the gateway refuses to name its address", async () => {
  await using lab = new KeeperLab({ wanted: [WEB], gateway: { faults: { zeroAddress: true } } });
  await lab.run(HOUR_MS / 2);
  assertEquals(lab.types(), ["error", "mapped"]);
  assertEquals(lab.of("mapped")[0]?.externalAddress, undefined);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(60_000);
  assertEquals(lab.types().slice(2), ["address"]);
});

// ---- ports that differ ----

Deno.test("Keeper reports another port on renewal as changed, once", async () => {
  await using lab = new KeeperLab({ wanted: [WEB], gateway: { faults: { rotatePortEvery: 3 } } });
  await lab.run(3.9 * HOUR_MS);
  assertEquals(lab.types().slice(1), ["mapped", "renewed", "changed", "renewed"]);
  const [changed] = lab.of("changed");
  assertEquals(changed?.previousExternalPort, 8080);
  assertEquals(changed?.previousExternalAddress, undefined);
  assertEquals(lab.of("renewed")[1]?.lease.externalPort, changed?.lease.externalPort);
});

Deno.test("Keeper releases a new mapping that misses its exact port, reports that once and asks again", async () => {
  await using lab = new KeeperLab({ wanted: [{ ...WEB, exact: true }] });
  stranger(lab, 8080);
  await lab.run(HOUR_MS / 2);
  assertEquals(lab.types().filter((type) => type !== "address"), ["error"]);
  assertInstanceOf(lab.of("error")[0]?.error, PortDiffersError);
  lab.assertStands("tcp 8080:9");
  lab.gateway.forget();
  await lab.run(60_000);
  lab.assertStands("tcp 8080:80");
  assertEquals(lab.of("mapped").length, 1);
});

Deno.test("Keeper releases a new pair on two ports", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR] });
  stranger(lab, 8080, "udp");
  lab.gateway.receive = ((receive) => (datagram, nowMs) => {
    const [, opcode] = datagram.data;
    // A gateway that keeps no companion ports: TCP 8080 is free for us.
    if (opcode === 2 && datagram.data[11] !== 0) {
      const reply = Uint8Array.of(0, 130, 0, 0, 0, 0, 0, 0, 0, 80, 31, 144, 0, 0, 28, 32);
      new DataView(reply.buffer).setUint32(4, lab.gateway.epochSeconds(nowMs));
      return [{ data: reply, to: datagram.source, delayMs: 0, from: "gateway" }];
    }
    return receive(datagram, nowMs);
  })(lab.gateway.receive.bind(lab.gateway));
  await lab.run(60_000);
  assertEquals(lab.types().filter((type) => type !== "address"), ["error"]);
  assertInstanceOf(lab.of("error")[0]?.error, PortDiffersError);
  assertGreaterOrEqual(lab.unmaps.length, 2);
});

Deno.test("Keeper reports nothing of half a pair, and asks for the whole again", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR], gateway: { faults: { loseRequests: { first: 0 } } } });
  const { gateway } = lab;
  const receive = gateway.receive.bind(gateway);
  gateway.receive = (datagram, nowMs) =>
    datagram.data[1] === 1 && lab.clock.now() < 30_000 ? [] : receive(datagram, nowMs);
  await lab.run(29_000);
  assertEquals(lab.of("mapped"), []);
  await lab.run(91_000);
  assertEquals(lab.of("mapped").map(({ lease }) => lease.protocol), ["tcp", "udp"]);
  assertEquals(lab.of("mapped")[0]?.atMs, lab.of("mapped")[1]?.atMs);
});

// ---- loss of state ----

Deno.test("Keeper re-creates everything on its old ports within 5 s after a loss of state, one request at a time", async () => {
  const any: WantedMapping = { ...PAIR, internalPort: 90, externalPort: undefined };
  await using lab = new KeeperLab({ wanted: [PAIR, any, BRIEF] });
  await lab.run(10_000);
  const before = lab.gateway.mappings(lab.worldNow).map(({ externalPort }) => externalPort).sort();
  lab.gateway.reboot(lab.worldNow);
  lab.keeper.hint();
  await lab.run(8000);
  assertEquals(lab.types(10_000), ["announcement", "state-lost", ...Array(5).fill("renewed")]);
  assertEquals(lab.gateway.mappings(lab.worldNow).map(({ externalPort }) => externalPort).sort(), before);
  const [stateLost] = lab.of("state-lost");
  const [first] = lab.maps.filter(({ atMs }) => atMs >= 10_000);
  assertGreater(first!.atMs, stateLost!.atMs);
  assertLessOrEqual(first!.atMs, stateLost!.atMs + 5000);
  assertEquals(lab.maps.filter(({ atMs }) => atMs >= 10_000).length, 5);
  assertEquals(lab.mostOpen, 1);
});

Deno.test("Keeper waits uniformly from 0 to 5 s after a loss of state", async () => {
  const waits: number[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    await using lab = new KeeperLab({ wanted: [WEB], seed: seed * 7919 });
    await lab.run(10_000);
    lab.gateway.reboot(lab.worldNow);
    lab.keeper.hint();
    await lab.run(8000);
    waits.push(lab.maps.at(-1)!.atMs - lab.of("state-lost")[0]!.atMs);
  }
  assertLess(Math.min(...waits), 500);
  assertGreater(Math.max(...waits), 4400);
  assertLessOrEqual(Math.max(...waits), 5000);
});

Deno.test("Keeper finds a loss of state by itself at the next renewal and does not ask twice for what that renewed", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, BRIEF] });
  await lab.run(1000);
  lab.gateway.reboot(lab.worldNow);
  await lab.run(40_000);
  assertEquals(lab.types(1), ["state-lost", "renewed", "renewed"]);
  assertEquals(lab.maps.length, 4);
});

Deno.test("Keeper reports a port that somebody took after a loss of state as changed", async () => {
  await using lab = new KeeperLab({ wanted: [{ ...WEB, exact: true }] });
  await lab.run(1000);
  lab.gateway.reboot(lab.worldNow);
  stranger(lab, 8080);
  lab.keeper.hint();
  await lab.run(8000);
  assertEquals(lab.types(1).slice(1), ["state-lost", "changed"]);
  assertEquals(lab.of("changed")[0]?.previousExternalPort, 8080);
});

Deno.test("Keeper starts the cycle again when the gateway loses its state twice", async () => {
  const wanted = Array.from(
    { length: 10 },
    (_, i): WantedMapping => ({ ...WEB, internalPort: 100 + i, externalPort: 100 + i }),
  );
  await using lab = new KeeperLab({ wanted, conditions: { latencyMs: 200 } });
  await lab.run(10_000);
  lab.gateway.reboot(lab.worldNow);
  lab.keeper.hint();
  await lab.run(2500);
  await lab.run(4500);
  lab.gateway.reboot(lab.worldNow);
  lab.keeper.hint();
  await lab.run(15_000);
  assertEquals(lab.of("state-lost").length, 2);
  assertEquals(lab.gateway.mappings(lab.worldNow).length, 10);
  assertEquals(lab.mostOpen, 1);
});

Deno.test("Keeper is not driven mad by a gateway whose clock stands still", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, BRIEF], gateway: { faults: { clockRate: 0 } } });
  await lab.run(24 * HOUR_MS);
  assertLessOrEqual(lab.of("state-lost").length, 10 * 25);
  assertEquals(lab.of("expired"), []);
  assertLess(lab.maps.length, 24 * (120 + 2 * 10 + 1) * 1.1);
});

// ---- hints ----

Deno.test("Keeper.hint() leads to at most one question a second, each at random up to 1 s late, and to one after the last", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(10_000);
  for (let i = 0; i < 1000; i++) {
    lab.keeper.hint();
    await lab.run(10);
  }
  const lastMs = lab.clock.now();
  await lab.run(2000);
  const times = lab.addressRequests.map(({ atMs }) => atMs).filter((atMs) => atMs >= 10_000);
  assertGreaterOrEqual(times[0]! - 10_000, 0);
  for (const [i, atMs] of times.slice(1).entries()) assertGreaterOrEqual(atMs - times[i]!, 1000);
  assertGreaterOrEqual(times.at(-1)!, lastMs - 10);
  assertLessOrEqual(times.length, 11);
  assertEquals(lab.of("announcement").length, times.length);
  assertEquals(lab.maps.length, 1);
});

Deno.test("Keeper.hint() cuts a long wait for an answer short", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  lab.gateway.setFaults({ silent: true }, lab.worldNow);
  await lab.run(1.2 * HOUR_MS);
  lab.gateway.setFaults({}, lab.worldNow);
  lab.gateway.reboot(lab.worldNow);
  const atMs = lab.clock.now();
  lab.keeper.hint();
  await lab.run(8100);
  assertEquals(lab.types(atMs), ["announcement", "gateway-back", "state-lost", "renewed"]);
});

// ---- moving ----

Deno.test("Keeper reports once that there is no gateway, and begins as soon as there is one", async () => {
  const lab = new KeeperLab({ wanted: [WEB], connection: NO_GATEWAY });
  const connection = lab.connectionTo(GATEWAY);
  await lab.run(HOUR_MS);
  assertEquals(lab.types(), ["error"]);
  assertEquals(lab.of("error")[0]?.gateway, undefined);
  lab.connection = connection;
  await lab.run(30_000);
  assertEquals(lab.types(), ["error", "address", "mapped"]);
  await lab.stop();
});

Deno.test("Keeper goes on with the gateway that it knows while none is found, and looks at it when it is found again", async () => {
  await using lab = new KeeperLab({ wanted: [BRIEF] });
  const { connection } = lab;
  await lab.run(1000);
  lab.connection = NO_GATEWAY;
  await lab.run(HOUR_MS);
  assertEquals(lab.of("error").length, 1);
  assertEquals(lab.of("expired").length, 0);
  lab.connection = connection;
  const atMs = lab.clock.now();
  await lab.run(30_000);
  assertEquals(lab.types(atMs).includes("gateway-back"), true);
});

Deno.test("Keeper moves to another gateway at once, deletes nothing at the old one and maps all at the new one", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR, BRIEF] });
  await lab.run(1000);
  const other = lab.makeGateway({ externalAddress: "198.51.100.5" });
  const detach = lab.attach(other, "10.0.9.1");
  lab.connection = lab.connectionTo("10.0.9.1");
  await lab.run(30_000);
  assertEquals(lab.types(1000), ["gateway-changed", "address", "mapped", "mapped", "mapped"]);
  assertEquals(lab.of("gateway-changed")[0]?.previousGateway, GATEWAY);
  assertEquals(lab.of("gateway-changed")[0]?.gateway, "10.0.9.1");
  assertEquals(other.mappings(lab.worldNow).length, 3);
  assertEquals(lab.unmaps.length, 0);
  detach();
});

Deno.test("Keeper moves away from a gateway that is silent without waiting for the end of the try", async () => {
  await using lab = new KeeperLab({ wanted: [WEB], gateway: { faults: { silent: true } } });
  await lab.run(100_000);
  const other = lab.makeGateway();
  const detach = lab.attach(other, "10.0.9.1");
  lab.connection = lab.connectionTo("10.0.9.1");
  await lab.run(30_000);
  assertEquals(lab.types(100_000), ["gateway-changed", "address", "mapped"]);
  detach();
});

Deno.test("Keeper maps again from another local address", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  lab.connection = lab.connectionTo(GATEWAY, "10.0.0.3");
  await lab.run(30_000);
  assertEquals(lab.types(1000), ["gateway-changed", "mapped"]);
  assertEquals(lab.of("gateway-changed")[0]?.previousGateway, undefined);
});

// ---- suspend ----

Deno.test("Keeper renews everything within 10 s after a suspend, and nothing that comes back is reported as expired", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, BRIEF] });
  await lab.run(1000);
  lab.clock.suspend(8 * HOUR_MS);
  await lab.run(10_000);
  assertEquals(lab.types(1000), ["renewed", "renewed"]);
  lab.assertStands("tcp 8080:80", "udp 53:53");
});

Deno.test("Keeper judges leases by the wall clock when nobody answers after a suspend", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  lab.clock.suspend(8 * HOUR_MS);
  lab.gateway.setFaults({ silent: true }, lab.worldNow);
  await lab.run(30_000);
  assertEquals(lab.types(1000).includes("expired"), true);
});

Deno.test("Keeper takes a wall clock that is set for a reason to ask, not for the end of its leases", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  lab.clock.setWall(new Date("2030-01-01T00:00:00Z"));
  await lab.run(30_000);
  assertEquals(lab.types(1000), ["renewed"]);
  lab.clock.setWall(new Date("2020-01-01T00:00:00Z"));
  await lab.run(30_000);
  assertEquals(lab.types(1000), ["renewed"]);
});

// ---- stopping ----

Deno.test("Keeper.stop() deletes what is held, reports that and ends the iteration", async () => {
  const lab = new KeeperLab({ wanted: [PAIR, BRIEF] });
  await lab.run(1000);
  await lab.stop();
  assertEquals(lab.types(1000), ["unmapped", "unmapped", "unmapped"]);
  lab.assertStands();
  await lab.stop();
});

Deno.test("Keeper.stop() leaves the mappings where that is wanted", async () => {
  const lab = new KeeperLab({ wanted: [WEB], leavesMappings: true });
  await lab.run(1000);
  await lab.stop();
  assertEquals(lab.types(1000), []);
  lab.assertStands("tcp 8080:80");
});

Deno.test("Keeper.stop() takes at most 3 s with a silent gateway and sends one or two deletions for each", async () => {
  const wanted = Array.from(
    { length: 50 },
    (_, i): WantedMapping => ({ ...WEB, internalPort: 100 + i, externalPort: 100 + i }),
  );
  const lab = new KeeperLab({ wanted });
  await lab.run(1000);
  lab.gateway.setFaults({ silent: true }, lab.worldNow);
  await lab.stop();
  assertLessOrEqual(lab.clock.now(), 4001);
  const ports = lab.unmaps.map(({ request }) => request.kind === "map" ? request.internalPort : 0);
  assertEquals(new Set(ports).size, 50);
  assertLessOrEqual(lab.unmaps.reduce((sum, { sends }) => sum + sends, 0), 100);
  assertEquals(lab.types(1000), ["error"]);
  assertEquals(lab.of("error")[0]?.mappings.length, 50);
});

Deno.test("Keeper.stop() ends at once a request that nobody answers", async () => {
  const lab = new KeeperLab({ wanted: [WEB], gateway: { faults: { silent: true } } });
  await lab.run(20_000);
  await lab.stop();
  assertLessOrEqual(lab.clock.now(), 23_000);
  assert(lab.unmaps.length >= 1, "what was asked for may stand");
});

Deno.test("Keeper.stop() does not wait for a look for the gateway that does not end", async () => {
  const lab = new KeeperLab({ wanted: [WEB], connect: () => new Promise(() => {}) });
  await lab.run(20_000);
  await lab.stop();
  assertEquals(lab.clock.now(), 20_000);
});

Deno.test("Keeper ends its iteration with what no gateway causes", async () => {
  const lab = new KeeperLab();
  await lab.run(0);
  const { Keeper } = await import("../../lib/lease/keeper.ts");
  const { clock, random } = lab;
  const connect = () => Promise.resolve(lab.connectionTo(GATEWAY));
  const keeper = new Keeper({ wanted: [{ ...WEB, internalPort: 70_000 }], clock, random, connect });
  await assertRejects(() => clock.runUntil(Array.fromAsync(keeper)), RangeError);
  await lab.stop();
});

Deno.test("Keeper stops when its iteration is left", async () => {
  const lab = new KeeperLab();
  const { Keeper } = await import("../../lib/lease/keeper.ts");
  const { clock, random, connection } = lab;
  const connect = () => Promise.resolve(connection as Exclude<typeof connection, Error>);
  const keeper = new Keeper({ wanted: [WEB], clock, random, connect });
  const leave = async () => {
    for await (const { type } of keeper) if (type === "mapped") break;
  };
  await clock.runUntil(leave());
  lab.assertStands();
  await lab.stop();
});

// ---- ProtonVPN ----

Deno.test("Keeper keeps a pair of internal port 0 as Proton's gateways want it, and follows the port that rotates", async () => {
  const wanted: WantedMapping = {
    protocols: ["udp", "tcp"],
    internalPort: 0,
    externalPort: 1,
    lifetimeSeconds: 60,
  };
  const lab = new KeeperLab({
    wanted: [wanted],
    allowPortZero: true,
    gateway: { maxLifetimeSeconds: 60, faults: { allowPortZero: true, rotatePortEvery: 20 } },
  });
  await lab.run(HOUR_MS);
  const changed = lab.of("changed");
  assertEquals(lab.of("mapped").length, 2);
  assertEquals(lab.of("expired").length, 0);
  assertGreater(changed.length, 8);
  for (const { previousExternalPort, lease } of changed) {
    assert(previousExternalPort !== undefined && previousExternalPort !== lease.externalPort);
  }
  await lab.stop();
  assertEquals(lab.unmaps.length, 0, "deleting port 0 would delete everything");
});
