import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Endpoint } from "../../lib/net/datagram.ts";
import { decodeResponse, encodeRequest } from "../../lib/pcp/message.ts";
import type { Emission } from "../../lib/simulator/adversity.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import { SimulatedGateway, type SimulatedGatewayOptions } from "../../lib/simulator/simulated_gateway.ts";
import { hex } from "./hex.ts";

const CLIENT = { hostname: "192.168.1.2", port: 50_000 };
const NONCE = "a1a2a3a4a5a6a7a8a9aaabac";

/** Requests of each version: ANNOUNCE or the address, and a mapping of TCP 80 for 7200 s. */
const REQUESTS = {
  natPmpAddress: hex("00 00"),
  natPmpMap: hex("00 02 00 00 | 00 50 00 00 | 00 00 1C 20"),
  announce: encodeRequest({ kind: "announce", clientAddress: CLIENT.hostname }),
  map: pcpMap(),
  version1: pcpMap().with(0, 1),
  version3: pcpMap().with(0, 3),
};
type RequestName = keyof typeof REQUESTS;

function pcpMap(changes: { internalPort?: number; lifetimeSeconds?: number; thirdParty?: string } = {}) {
  return encodeRequest({
    kind: "map",
    clientAddress: CLIENT.hostname,
    nonce: NONCE,
    protocol: "tcp",
    internalPort: 80,
    externalPort: 0,
    externalAddress: "0.0.0.0",
    lifetimeSeconds: 7200,
    ...changes,
  });
}

function gateway(options: Partial<SimulatedGatewayOptions> = {}): SimulatedGateway {
  return new SimulatedGateway({
    externalAddress: "203.0.113.7",
    speaks: "both",
    random: () => 0,
    startMs: 0,
    startEpochSeconds: 0x12345,
    announcesStart: false,
    ...options,
  });
}

function ask(
  simulated: SimulatedGateway,
  data: Uint8Array,
  nowMs = 0,
  source: Endpoint = CLIENT,
): Emission[] {
  return simulated.receive({ data, source }, nowMs);
}

interface Sent extends Emission {
  readonly atMs: number;
}

/** Lets a gateway do everything that is due up to a time. */
function run(simulated: SimulatedGateway, untilMs: number): Sent[] {
  const sent: Sent[] = [];
  for (
    let atMs = simulated.nextDueAtMs;
    atMs !== undefined && atMs <= untilMs;
    atMs = simulated.nextDueAtMs
  ) {
    for (const emission of simulated.due(atMs)) sent.push({ ...emission, atMs });
  }
  return sent;
}

// ---- which version is answered how (RFC 6886 §3.5; RFC 6887 §9, Appendix A) ----

/** The first 4 bytes of the answer to each request, and its length. */
const VERSIONS: readonly (readonly [
  what: string,
  options: Partial<SimulatedGatewayOptions>,
  answers: Readonly<Record<RequestName, string>>,
])[] = [
  ["speaks NAT-PMP by default", { speaks: undefined }, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "00800001 8",
    map: "00800001 8",
    version1: "00800001 8",
    version3: "00800001 8",
  }],
  ["speaks PCP", { speaks: "pcp" }, {
    natPmpAddress: "02800001 24",
    natPmpMap: "02820001 24",
    announce: "02800000 24",
    map: "02810000 60",
    version1: "02810001 60",
    version3: "02810001 60",
  }],
  ["speaks both", {}, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "02800000 24",
    map: "02810000 60",
    version1: "02810001 60",
    version3: "02810001 60",
  }],
  ["has the fault pcp-only", { speaks: "nat-pmp", faults: { pcpOnly: true } }, {
    natPmpAddress: "02800001 24",
    natPmpMap: "02820001 24",
    announce: "02800000 24",
    map: "02810000 60",
    version1: "02810001 60",
    version3: "02810001 60",
  }],
  ["has the fault nat-pmp-only=128", { faults: { natPmpOnly: "128" } }, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "00800001 8",
    map: "00800001 8",
    version1: "00800001 8",
    version3: "00800001 8",
  }],
  ["has the fault nat-pmp-only=0", { faults: { natPmpOnly: "0" } }, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "00000001 8",
    map: "00000001 8",
    version1: "00000001 8",
    version3: "00000001 8",
  }],
  ["has the fault nat-pmp-only=echo", { faults: { natPmpOnly: "echo" } }, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "00800001 8",
    map: "00810001 8",
    version1: "00810001 8",
    version3: "00810001 8",
  }],
  ["has the fault drop-version-2", { faults: { dropVersion2: true } }, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "nothing",
    map: "nothing",
    version1: "02810001 60",
    version3: "02810001 60",
  }],
  ["speaks NAT-PMP and has the fault drop-version-2", { speaks: "nat-pmp", faults: { dropVersion2: true } }, {
    natPmpAddress: "00800000 12",
    natPmpMap: "00820000 16",
    announce: "nothing",
    map: "nothing",
    version1: "00800001 8",
    version3: "00800001 8",
  }],
  ["is silent", { faults: { silent: true } }, {
    natPmpAddress: "nothing",
    natPmpMap: "nothing",
    announce: "nothing",
    map: "nothing",
    version1: "nothing",
    version3: "nothing",
  }],
];

for (const [what, options, answers] of VERSIONS) {
  Deno.test(`A gateway that ${what} answers each version in its way`, () => {
    const actual = Object.entries(REQUESTS).map(([name, request]) => {
      const [answer] = ask(gateway(options), request);
      if (answer === undefined) return [name, "nothing"];
      return [name, `${answer.data.subarray(0, 4).toHex()} ${answer.data.length}`];
    });
    assertEquals(Object.fromEntries(actual), answers);
  });
}

Deno.test("A version error of PCP has the lifetime at 4 and the epoch at 8 (RFC 6887 §7.2)", () => {
  const [answer] = ask(gateway({ speaks: "pcp" }), REQUESTS.natPmpAddress);
  assertEquals(
    answer?.data,
    hex("02 80 00 01 | 00 00 07 08 | 00 01 23 45 | 00 00 00 00 00 00 00 00 00 00 00 00"),
  );
});

Deno.test("A gateway gets other software and remembers its mappings", () => {
  const simulated = gateway();
  ask(simulated, REQUESTS.map);
  simulated.setFaults({ natPmpOnly: "128" }, 1000);
  assertEquals(simulated.speaks, "nat-pmp");
  assertEquals(ask(simulated, REQUESTS.map, 1000)[0]?.data, hex("00 80 00 01 | 00 01 23 46"));
  assertEquals(simulated.mappings(1000).length, 1);
});

// ---- delivery ----

Deno.test("pcp-latency delays the answers to version 2 alone, mapping at once", () => {
  const simulated = gateway({ faults: { pcpLatencyMs: 400, latencyMs: 10 } });
  assertEquals(ask(simulated, REQUESTS.map)[0]?.delayMs, 400);
  assertEquals(simulated.mappings(0).length, 1);
  assertEquals(ask(simulated, REQUESTS.natPmpMap)[0]?.delayMs, 10);
  assertEquals(simulated.mappings(0).length, 1);
});

Deno.test("A slow PCP request is in flight beside one of NAT-PMP, and both are counted", () => {
  const simulated = gateway({ faults: { pcpLatencyMs: 400 } });
  ask(simulated, REQUESTS.map);
  ask(simulated, REQUESTS.natPmpMap, 100);
  assertEquals(simulated.counters, {
    received: 2,
    answered: 2,
    mostInFlight: 2,
    searches: 0,
    httpRequests: 0,
  });
});

/** The bytes of a MAP answer that a fault changes. */
const CHANGED_AT: readonly (readonly [Faults, number])[] = [
  [{ wrongOpcode: true }, 1],
  [{ wrongNonce: true }, 35],
  [{ wrongProtocol: true }, 36],
  [{ wrongInternalPort: true }, 41],
];
for (const [faults, offset] of CHANGED_AT) {
  Deno.test(`${Object.keys(faults)} changes one byte of the answer to MAP`, () => {
    const [right] = ask(gateway(), REQUESTS.map);
    const [wrong] = ask(gateway({ faults }), REQUESTS.map);
    assert(right !== undefined && wrong !== undefined);
    assertNotEquals(wrong.data[offset], right.data[offset]);
    assertEquals(wrong.data.with(offset, right.data[offset] ?? 0), right.data);
  });
}

Deno.test("wrong-nonce and wrong-protocol leave the answers of NAT-PMP as they are", () => {
  const faults = { wrongNonce: true, wrongProtocol: true };
  assertEquals(ask(gateway({ faults }), REQUESTS.natPmpMap), ask(gateway(), REQUESTS.natPmpMap));
});

Deno.test("A lost PCP reply leaves the mapping, and the lines for people show that", () => {
  const lines: string[] = [];
  const simulated = gateway({ faults: { loseReplies: { first: 1 } } });
  simulated.observe({ log: (line) => lines.push(line) });
  assertEquals(ask(simulated, REQUESTS.map), []);
  assertEquals(simulated.mappings(0).length, 1);
  assertEquals(lines, ["192.168.1.2:50000 PCP map tcp 80 -> 0 7200 s: granted 49152, 7200 s (reply lost)"]);
});

// ---- a restart and another address ----

Deno.test("A restart is announced in both forms with one epoch, and the mappings are gone (RFC 6887 §14.1.3)", () => {
  const simulated = gateway();
  ask(simulated, REQUESTS.map);
  simulated.reboot(10_000);
  const sent = run(simulated, 10_250);
  assertEquals(sent.map(({ atMs, to }) => [atMs, `${to.hostname}:${to.port}`]), [
    [10_000, "224.0.0.1:5350"],
    [10_000, "224.0.0.1:5350"],
    [10_250, "224.0.0.1:5350"],
    [10_250, "224.0.0.1:5350"],
  ]);
  assertEquals(sent[0]?.data, hex("00 80 00 00 | 00 00 00 00 | CB 00 71 07"));
  assertEquals(sent[1]?.data, hex(`02 80 00 00 ${"00 ".repeat(20)}`));
  assertEquals(simulated.mappings(10_000), []);
});

for (const [faults, epochSeconds] of [[{}, 0], [{ keepEpoch: true }, 0x12345 + 60]] as const) {
  const what = Object.keys(faults)[0] ?? "no fault";
  Deno.test(`Another address has the epoch ${epochSeconds} where PCP is spoken, with ${what} (RFC 6887 §8.5)`, () => {
    const simulated = gateway({ faults });
    simulated.setExternalAddress("203.0.113.8", 60_000);
    assertEquals(simulated.epochSeconds(60_000), epochSeconds);
    const [, announced] = run(simulated, 60_000);
    assert(announced !== undefined);
    assertEquals(decodeResponse(announced.data), { kind: "announce", epochSeconds });
  });
}

/** The unicast datagrams among those that were sent. */
function updatesIn(sent: readonly Sent[]): Sent[] {
  return sent.filter(({ to }) => to.hostname !== "224.0.0.1");
}

Deno.test("Another address is reported three times to the port that the client asked from last (RFC 6887 §14.2)", () => {
  const simulated = gateway({ faults: { announceNever: true } });
  ask(simulated, REQUESTS.map, 0);
  ask(simulated, pcpMap({ lifetimeSeconds: 3600 }), 30_000, { ...CLIENT, port: 50_001 });
  simulated.setExternalAddress("203.0.113.8", 60_000);
  const sent = run(simulated, 1e9);
  assertEquals(sent.map(({ atMs, to, from }) => [atMs, to.port, from]), [
    [60_000, 50_001, "gateway"],
    [60_250, 50_001, "gateway"],
    [60_750, 50_001, "gateway"],
  ]);
  assertEquals(sent[0] && decodeResponse(sent[0].data), {
    kind: "map",
    epochSeconds: 0,
    nonce: NONCE,
    protocol: "tcp",
    internalPort: 80,
    externalPort: 49_152,
    externalAddress: "203.0.113.8",
    lifetimeSeconds: 3570,
  });
});

Deno.test("Each client of PCP hears of its own mappings, and nobody of NAT-PMP's (RFC 6887 §14.2)", () => {
  const simulated = gateway({ faults: { allowThirdParty: true } });
  ask(simulated, REQUESTS.natPmpMap);
  ask(simulated, pcpMap({ internalPort: 81 }));
  ask(simulated, pcpMap({ internalPort: 82, thirdParty: "192.168.1.3" }));
  simulated.setExternalAddress("203.0.113.8", 60_000);
  const updates = updatesIn(run(simulated, 60_000)).map(({ data, to }) => {
    const response = decodeResponse(data);
    return response.kind === "map" ? [to.port, response.internalPort, response.thirdParty] : response;
  });
  assertEquals(updates, [[50_000, 81, undefined], [50_000, 82, "192.168.1.3"]]);
});

Deno.test("A client that has asked since the change hears no more of it (RFC 6887 §14.2)", () => {
  const simulated = gateway();
  ask(simulated, REQUESTS.map);
  simulated.setExternalAddress("203.0.113.8", 60_000);
  run(simulated, 60_000);
  ask(simulated, REQUESTS.map, 60_100);
  assertEquals(updatesIn(run(simulated, 1e9)), []);
});

for (
  const [what, options, address] of [
    ["with the fault no-mapping-update", { faults: { noMappingUpdate: true } }, "203.0.113.8"],
    ["that is silent", { faults: { silent: true } }, "203.0.113.8"],
    ["that lost its address", {}, undefined],
    ["that speaks NAT-PMP alone by then", { faults: { natPmpOnly: "128" } }, "203.0.113.8"],
  ] as const
) {
  Deno.test(`A gateway ${what} sends no mapping updates`, () => {
    const simulated = gateway();
    ask(simulated, REQUESTS.map);
    simulated.setFaults(options.faults ?? {}, 0);
    simulated.setExternalAddress(address, 60_000);
    assertEquals(updatesIn(run(simulated, 1e9)), []);
  });
}

Deno.test("A mapping update is reported in a line for people", () => {
  const lines: string[] = [];
  const simulated = gateway({ faults: { announceNever: true } });
  ask(simulated, REQUESTS.map);
  simulated.observe({ log: (line) => lines.push(line) });
  simulated.setExternalAddress("203.0.113.8", 60_000);
  run(simulated, 60_000);
  assertEquals(lines, ["external address 203.0.113.8", "mapping update to 192.168.1.2:50000"]);
});
