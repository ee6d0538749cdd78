import {
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import { EXTERNAL, KeeperLab } from "./keeper_lab.ts";

const WEB: WantedMapping = {
  protocols: ["tcp"],
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 7200,
};
const PAIR: WantedMapping = { ...WEB, protocols: ["tcp", "udp"] };
const BRIEF: WantedMapping = { protocols: ["udp"], internalPort: 53, externalPort: 53, lifetimeSeconds: 60 };
const HOUR_MS = 3_600_000;

Deno.test("Keeper asks for everything again when the gateway has another address, and reports what is granted again as changed", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR, BRIEF] });
  await lab.run(1000);
  lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
  lab.keeper.hint();
  await lab.run(8000);
  assertEquals(lab.types(1000), ["announcement", "address", "changed", "changed", "changed"]);
  for (const changed of lab.of("changed")) {
    assertEquals(changed.externalAddress, "203.0.113.8");
    assertEquals(changed.previousExternalAddress, EXTERNAL);
    assertEquals(changed.previousExternalPort, undefined);
  }
  const again = lab.maps.slice(3);
  assertEquals(again.length, 3);
  const [, address] = lab.of("address");
  for (const { atMs } of again) {
    assertGreater(atMs, address!.atMs);
    assertLessOrEqual(atMs, address!.atMs + 5000);
  }
  for (const { atMs } of lab.of("changed")) assertGreaterOrEqual(atMs, again[0]!.atMs);
});

Deno.test("Keeper finds another address at a renewal or a poll as well", async () => {
  for (const hearsAnnouncements of [true, false]) {
    await using lab = new KeeperLab({ wanted: [WEB], hearsAnnouncements });
    await lab.run(1000);
    lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
    await lab.run(hearsAnnouncements ? 1.2 * HOUR_MS : 306_000);
    assertEquals(lab.types(1000), ["address", "changed"]);
    assertEquals(lab.of("changed")[0]?.lease.externalPort, 8080);
  }
});

Deno.test("Keeper waits uniformly from 0 to 5 s after another address", async () => {
  const waits: number[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    await using lab = new KeeperLab({ wanted: [WEB], seed: seed * 7919 });
    await lab.run(10_000);
    lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
    lab.keeper.hint();
    await lab.run(8000);
    waits.push(lab.maps.at(-1)!.atMs - lab.of("address")[1]!.atMs);
  }
  assertLess(Math.min(...waits), 500);
  assertGreater(Math.max(...waits), 4400);
  assertLessOrEqual(Math.max(...waits), 5000);
});

Deno.test("Keeper reports no change of a lease that is refused at another address, and holds it until it expires", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
  lab.gateway.setFaults({ refuse: true }, lab.worldNow);
  lab.keeper.hint();
  await lab.run(2 * HOUR_MS - 2000);
  assertEquals(lab.types(1000), ["announcement", "address", "error"]);
  assertEquals(lab.keeper.holdings[0]?.lease?.externalPort, 8080);
  await lab.run(2000);
  assertEquals(lab.types(1000).slice(3), ["expired"]);
  assertEquals(lab.keeper.holdings[0]?.lease, undefined);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(60_000);
  assertEquals(lab.types(1000).slice(4), ["mapped"]);
  assertEquals(lab.of("mapped")[1]?.externalAddress, "203.0.113.8");
});

Deno.test("Keeper reports a change once what was refused at another address is granted after all", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, BRIEF] });
  await lab.run(1000);
  lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
  const { gateway } = lab;
  const receive = gateway.receive.bind(gateway);
  let refuses = true;
  gateway.receive = (datagram, nowMs) => {
    if (!refuses || datagram.data.length !== 12 || datagram.data[5] !== 80) return receive(datagram, nowMs);
    const data = Uint8Array.of(0, 130, 0, 2, 0, 0, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0);
    new DataView(data.buffer).setUint32(4, gateway.epochSeconds(nowMs));
    return [{ data, to: datagram.source, delayMs: 0, from: "gateway" }];
  };
  lab.keeper.hint();
  await lab.run(8000);
  assertEquals(lab.types(1000), ["announcement", "address", "changed", "error"]);
  assertEquals(lab.of("changed")[0]?.lease.internalPort, 53);
  refuses = false;
  await lab.run(HOUR_MS + 60_000);
  const [, web] = lab.of("changed");
  assertEquals([web?.lease.internalPort, web?.previousExternalAddress], [80, EXTERNAL]);
});

Deno.test("Keeper is not driven mad by a gateway whose address flaps", async () => {
  await using lab = new KeeperLab({ wanted: [WEB] });
  await lab.run(1000);
  for (let i = 0; i < 600; i++) {
    lab.gateway.setExternalAddress(`203.0.113.${8 + i % 2}`, lab.worldNow);
    lab.keeper.hint();
    await lab.run(6000);
  }
  // Ten times in an hour, and the renewal at half of the life.
  assertLessOrEqual(lab.maps.length, 12);
  assertGreaterOrEqual(lab.maps.length, 11);
  // Each one is reported with the address, and a change only with what was granted again.
  assertGreater(lab.of("address").length, 590);
  assertLessOrEqual(lab.of("changed").length, lab.maps.length);
  assertEquals(lab.of("expired"), []);
});

Deno.test("Keeper asks once for what another gateway with the same address forgot", async () => {
  await using lab = new KeeperLab({ wanted: [PAIR, BRIEF] });
  await lab.run(1000);
  lab.gateway.reboot(lab.worldNow);
  lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
  lab.keeper.hint();
  await lab.run(8000);
  assertEquals(lab.types(1000), ["announcement", "state-lost", "address", "changed", "changed", "changed"]);
  assertEquals(lab.maps.length, 6);
});

Deno.test("Keeper reports the address that a reboot brought for what was granted after it, too", async () => {
  await using lab = new KeeperLab({ wanted: [WEB, { ...WEB, internalPort: 81, externalPort: 8081 }, BRIEF] });
  await lab.run(1000);
  lab.gateway.reboot(lab.worldNow);
  lab.gateway.setExternalAddress("203.0.113.8", lab.worldNow);
  // The renewal of the brief lease finds the reboot, and is granted before the address is known.
  await lab.run(40_000);
  assertEquals(lab.types(1000), ["state-lost", "renewed", "address", "changed", "changed", "changed"]);
  assertEquals(lab.of("changed").map(({ lease }) => lease.internalPort).sort((a, b) => a - b), [53, 80, 81]);
  for (const changed of lab.of("changed")) {
    assertEquals([changed.externalAddress, changed.previousExternalAddress], ["203.0.113.8", EXTERNAL]);
  }
});
