import { assertEquals, assertNotEquals } from "@std/assert";
import { SimulatedGateway, type SimulatedGatewayOptions } from "../../lib/simulator/simulated_gateway.ts";
import { hex } from "./hex.ts";

const CLIENT = { hostname: "192.168.1.2", port: 50_000 };
const ADDRESS_REQUEST = { data: hex("00 00"), source: CLIENT };
const MAP_REQUEST = { data: hex("00 01 00 00 | 0F A0 00 00 | 00 00 1C 20"), source: CLIENT };
const ANNOUNCEMENT_TIMES = [0, 250, 750, 1750, 3750, 7750, 15_750, 31_750, 63_750, 127_750];

function gateway(options: Partial<SimulatedGatewayOptions> = {}): SimulatedGateway {
  return new SimulatedGateway({ externalAddress: "203.0.113.7", random: () => 0, startMs: 0, ...options });
}

/** Lets a gateway do everything that is due up to a time, and says when it sent what. */
function run(simulated: SimulatedGateway, untilMs: number): { atMs: number; data: Uint8Array }[] {
  const sent: { atMs: number; data: Uint8Array }[] = [];
  for (
    let atMs = simulated.nextDueAtMs;
    atMs !== undefined && atMs <= untilMs;
    atMs = simulated.nextDueAtMs
  ) {
    for (const { data } of simulated.due(atMs)) sent.push({ atMs, data });
  }
  return sent;
}

Deno.test("SimulatedGateway.receive() answers to the source from port 5351 at once (§3.2)", () => {
  const emissions = gateway({ startEpochSeconds: 0x12345 }).receive(ADDRESS_REQUEST, 0);
  const data = hex("00 80 00 00 | 00 01 23 45 | CB 00 71 07");
  assertEquals(emissions, [{ data, to: CLIENT, delayMs: 0, from: "gateway" }]);
});

Deno.test("SimulatedGateway.receive() lets a mapping expire (§3.4)", () => {
  const simulated = gateway();
  simulated.receive(MAP_REQUEST, 0);
  assertEquals(simulated.mappings(7_199_999).length, 1);
  assertEquals(simulated.mappings(7_200_000).length, 0);
});

Deno.test("SimulatedGateway caps lifetimes (§3.3)", () => {
  const [answer] = gateway({ maxLifetimeSeconds: 60 }).receive(MAP_REQUEST, 0);
  assertEquals(answer?.data.subarray(12), hex("00 00 00 3C"));
});

Deno.test("SimulatedGateway.receive() serves the internal side only (§3.3)", () => {
  const source = { hostname: "203.0.113.7", port: 50_000 };
  assertEquals(gateway().receive({ data: hex("00 00"), source }, 0), []);
});

Deno.test("SimulatedGateway says nothing at all when it does not act as NAT (§3.8)", () => {
  const simulated = gateway({ actsAsNat: false });
  assertEquals(simulated.receive(ADDRESS_REQUEST, 0), []);
  simulated.reboot(0);
  assertEquals(run(simulated, 1e9), []);
});

Deno.test("SimulatedGateway.due() announces the start ten times, each with its own epoch (§3.2.1)", () => {
  const sent = run(gateway(), 1e9);
  assertEquals(sent.map(({ atMs }) => atMs), ANNOUNCEMENT_TIMES);
  assertEquals(sent[0]?.data, hex("00 80 00 00 | 00 00 00 00 | CB 00 71 07"));
  assertEquals(sent[9]?.data, hex("00 80 00 00 | 00 00 00 7F | CB 00 71 07"));
});

Deno.test("SimulatedGateway.due() announces no start when the options ask for that", () => {
  assertEquals(gateway({ announcesStart: false }).nextDueAtMs, undefined);
});

Deno.test("SimulatedGateway.reboot() empties the table, restarts the epoch and announces (§3.2.1, §3.6)", () => {
  const simulated = gateway({ announcesStart: false, startEpochSeconds: 5000 });
  simulated.receive(MAP_REQUEST, 0);
  simulated.reboot(10_000);
  assertEquals(simulated.mappings(10_000), []);
  assertEquals(simulated.epochSeconds(12_000), 2);
  assertEquals(run(simulated, 1e9).map(({ atMs }) => atMs - 10_000), ANNOUNCEMENT_TIMES);
});

Deno.test("SimulatedGateway.reboot() while it announces begins the ten again (§3.2.1)", () => {
  const simulated = gateway();
  run(simulated, 1000);
  simulated.reboot(1000);
  assertEquals(run(simulated, 1e9).map(({ atMs }) => atMs - 1000), ANNOUNCEMENT_TIMES);
});

Deno.test("SimulatedGateway.reboot() keeps the table or the epoch where the faults say so (§3.7)", () => {
  const simulated = gateway({ faults: { keepTable: true, keepEpoch: true } });
  simulated.receive(MAP_REQUEST, 0);
  simulated.reboot(10_000);
  assertEquals(simulated.mappings(10_000).length, 1);
  assertEquals(simulated.epochSeconds(10_000), 10);
});

Deno.test("SimulatedGateway.setExternalAddress() announces the address, the epoch going on (§3.2.1)", () => {
  const simulated = gateway({ announcesStart: false });
  simulated.receive(MAP_REQUEST, 0);
  simulated.setExternalAddress("203.0.113.8", 60_000);
  const sent = run(simulated, 1e9);
  assertEquals(sent.length, 10);
  assertEquals(sent[0]?.data, hex("00 80 00 00 | 00 00 00 3C | CB 00 71 08"));
  assertEquals(simulated.mappings(60_000).length, 1);
});

Deno.test("SimulatedGateway.setExternalAddress() without an address leads to result 3 (§3.5)", () => {
  const simulated = gateway();
  simulated.setExternalAddress(undefined, 1000);
  const [answer] = simulated.receive(ADDRESS_REQUEST, 1000);
  assertEquals(answer?.data, hex("00 80 00 03 | 00 00 00 01 | 00 00 00 00"));
});

Deno.test("SimulatedGateway restarts the epoch after it announced an address with the old one", () => {
  const simulated = gateway({
    announcesStart: false,
    faults: { readdressResetsEpoch: true, announceOnce: true },
  });
  simulated.setExternalAddress("203.0.113.8", 60_000);
  assertEquals(run(simulated, 1e9).map(({ data }) => data), [
    hex("00 80 00 00 | 00 00 00 3C | CB 00 71 08"),
  ]);
  assertEquals(simulated.epochSeconds(61_000), 1);
});

Deno.test("SimulatedGateway.due() reboots, changes the address and forgets when the faults say so", () => {
  const faults = {
    rebootAfterSeconds: 10,
    readdressAfterSeconds: 20,
    forgetAfterSeconds: 30,
    announceNever: true,
  };
  const simulated = gateway({ faults });
  run(simulated, 19_000);
  assertEquals(simulated.epochSeconds(19_000), 9);
  run(simulated, 20_000);
  assertNotEquals(simulated.externalAddress, "203.0.113.7");
  simulated.receive(MAP_REQUEST, 29_000);
  run(simulated, 30_000);
  assertEquals(simulated.mappings(30_000), []);
  assertEquals(simulated.epochSeconds(30_000), 20);
  assertEquals(simulated.nextDueAtMs, undefined);
});

Deno.test("SimulatedGateway.due() that comes late reboots at the time that was planned", () => {
  const simulated = gateway({ announcesStart: false, faults: { rebootAfterSeconds: 10 } });
  simulated.due(15_000);
  assertEquals(simulated.epochSeconds(15_000), 5);
});

Deno.test("SimulatedGateway.setFaults() does not count a planned event again", () => {
  const simulated = gateway({ announcesStart: false, faults: { rebootAfterSeconds: 10 } });
  simulated.setFaults({ ...simulated.faults, silent: true }, 5000);
  assertEquals(simulated.nextDueAtMs, 10_000);
  simulated.setFaults({}, 5000);
  assertEquals(simulated.nextDueAtMs, undefined);
});

Deno.test("SimulatedGateway.setFaults() slows the clock from then on", () => {
  const simulated = gateway();
  simulated.setFaults({ clockRate: 0.5 }, 100_000);
  assertEquals(simulated.epochSeconds(200_000), 150);
});

Deno.test("SimulatedGateway loses requests without acting on them, and replies after acting", () => {
  const simulated = gateway({ faults: { loseRequests: { nth: 1 }, loseReplies: { nth: 1 } } });
  assertEquals(simulated.receive(MAP_REQUEST, 0), []);
  assertEquals(simulated.mappings(0).length, 0);
  assertEquals(simulated.receive(MAP_REQUEST, 0), []);
  assertEquals(simulated.mappings(0).length, 1);
  assertEquals(simulated.receive(MAP_REQUEST, 0).length, 1);
  assertEquals(simulated.counters, {
    received: 3,
    answered: 2,
    mostInFlight: 1,
    searches: 0,
    httpRequests: 0,
  });
});

Deno.test("SimulatedGateway counts the requests that wait for a slow answer (§3.1)", () => {
  const simulated = gateway({ faults: { latencyMs: 500 } });
  simulated.receive(ADDRESS_REQUEST, 0);
  simulated.receive(ADDRESS_REQUEST, 250);
  assertEquals(simulated.counters.mostInFlight, 1);
  simulated.receive(MAP_REQUEST, 499);
  assertEquals(simulated.counters.mostInFlight, 2);
});

Deno.test("SimulatedGateway.observe() reports what is heard and answered, until it is ended", () => {
  const lines: string[] = [];
  const simulated = gateway({ announcesStart: false, faults: { loseReplies: { nth: 2 } } });
  const end = simulated.observe({ log: (line) => lines.push(line) });
  simulated.receive(ADDRESS_REQUEST, 0);
  simulated.receive(MAP_REQUEST, 0);
  simulated.reboot(1000);
  run(simulated, 1000);
  end();
  simulated.receive(ADDRESS_REQUEST, 0);
  assertEquals(lines, [
    "192.168.1.2:50000 address: 203.0.113.7",
    "192.168.1.2:50000 map udp 4000 -> 0 7200 s: granted 49152, 7200 s (reply lost)",
    "rebooted",
    "announced 203.0.113.7, epoch 0 s",
  ]);
});
