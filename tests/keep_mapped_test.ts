import { assertEquals } from "@std/assert";
import { systemClock } from "../lib/clock.ts";
import { SocketError } from "../lib/errors.ts";
import { keepMapped, type KeepMappedOptions } from "../lib/keep_mapped.ts";
import type { KeeperEvent } from "../lib/lease/news.ts";
import type { WantedMapping } from "../lib/lease/ledger.ts";
import { openUdpSocket } from "../lib/net/udp_socket.ts";
import type { OpenSocket } from "../lib/net/datagram.ts";
import { ManualClock, MemoryNetwork, serveSimulatedGateway, SimulatedGateway } from "../lib/simulator/mod.ts";
// keepMapped() loads these when it needs them, for which a clock turned by hand does not wait.
import "../lib/natpmp/announcements.ts";
import "../lib/natpmp/client.ts";

const WEB: WantedMapping = {
  protocols: ["tcp"],
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 7200,
};

// Time goes on by hand here, and does not wait for code that is loaded when it is needed.
await Promise.all([
  import("../lib/auto_mapper.ts"),
  import("../lib/natpmp/client.ts"),
  import("../lib/pcp/client.ts"),
]);

/** A gateway and what a program needs to keep its mappings there, in memory. */
function memory(options: KeepMappedOptions = {}) {
  const clock = new ManualClock();
  const random = () => 0.5;
  const network = new MemoryNetwork({ clock, random });
  const gateway = new SimulatedGateway({
    externalAddress: "203.0.113.7",
    random,
    startMs: 0,
    startEpochSeconds: 100_000,
    announcesStart: false,
  });
  const detach = network.attach(gateway, "10.0.0.1");
  const { open } = network.host("10.0.0.2");
  const keeper = keepMapped([WEB], {
    gateway: "10.0.0.1",
    clock,
    random,
    openSocket: open,
    openAnnouncementSocket: () => Promise.resolve(open({ hostname: "224.0.0.1", port: 5350 })),
    ...options,
  });
  const types: KeeperEvent["type"][] = [];
  const reading = (async () => {
    for await (const { type } of keeper) types.push(type);
  })();
  return { clock, network, gateway, detach, keeper, types, reading };
}

Deno.test("keepMapped() maps, hears the gateway's announcements and unmaps when it is stopped", async () => {
  const { clock, gateway, detach, keeper, types, reading } = memory();
  await clock.advance(1000);
  assertEquals(types, ["address", "mapped"]);
  gateway.reboot(clock.now());
  await clock.advance(8000);
  assertEquals(types.slice(2), ["announcement", "state-lost", "renewed"]);
  await clock.runUntil(keeper.stop());
  await reading;
  assertEquals(types.at(-1), "unmapped");
  assertEquals(gateway.mappings(clock.now()), []);
  detach();
});

Deno.test("keepMapped() polls where no announcements can be heard", async () => {
  const { clock, gateway, detach, keeper, types, reading } = memory({
    openAnnouncementSocket: () => Promise.reject(new SocketError("Another program has it")),
  });
  await clock.advance(1000);
  gateway.setExternalAddress("203.0.113.8", clock.now());
  await clock.advance(305_000);
  assertEquals(types.slice(2), ["address", "changed"]);
  await clock.runUntil(keeper.stop());
  await reading;
  detach();
});

Deno.test("keepMapped() hears announcements as soon as that is possible", async () => {
  let failures = 2;
  const network = new MemoryNetwork({ clock: new ManualClock(), random: () => 0.5 });
  let open: OpenSocket = network.host("10.0.0.2").open;
  const lab = memory({
    openAnnouncementSocket: () =>
      failures-- > 0
        ? Promise.reject(new SocketError("There is no network yet"))
        : Promise.resolve(open({ hostname: "224.0.0.1", port: 5350 })),
  });
  open = lab.network.host("10.0.0.2").open;
  await lab.clock.advance(61_000);
  lab.gateway.reboot(lab.clock.now());
  await lab.clock.advance(8000);
  assertEquals(lab.types.slice(2), ["announcement", "state-lost", "renewed"]);
  await lab.clock.runUntil(lab.keeper.stop());
  await lab.reading;
  lab.detach();
});

Deno.test("keepMapped() stops by its signal", async () => {
  const stopping = new AbortController();
  const { clock, gateway, detach, types, reading } = memory({ signal: stopping.signal });
  await clock.advance(1000);
  stopping.abort();
  await clock.runUntil(reading);
  assertEquals(types.at(-1), "unmapped");
  assertEquals(gateway.mappings(clock.now()), []);
  detach();
});

Deno.test("keepMapped() does nothing when its signal has aborted before", async () => {
  const { clock, detach, types, reading } = memory({ signal: AbortSignal.abort() });
  await clock.runUntil(reading);
  assertEquals(types, []);
  detach();
});

Deno.test("keepMapped() keeps a mapping on real sockets until it is disposed of", async () => {
  const ending = new AbortController();
  const gateway = new SimulatedGateway({
    externalAddress: "203.0.113.7",
    random: Math.random,
    startMs: systemClock.now(),
    announcesStart: false,
  });
  const service = serveSimulatedGateway(gateway, {
    open: openUdpSocket,
    listen: { hostname: "127.0.0.1", port: 0 },
    clock: systemClock,
    signal: ending.signal,
  });
  {
    await using keeper = keepMapped([WEB], {
      gateway: "127.0.0.1",
      gatewayPort: service.local.port,
      openAnnouncementSocket: () => Promise.reject(new SocketError("This test hears none")),
    });
    const events = keeper[Symbol.asyncIterator]();
    const types = [(await events.next()).value?.type, (await events.next()).value?.type];
    assertEquals(types, ["address", "mapped"]);
    assertEquals(gateway.mappings(systemClock.now()).length, 1);
  }
  assertEquals(gateway.mappings(systemClock.now()), []);
  ending.abort();
  await service.finished;
});
