import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { MapOptions } from "../../lib/pcp/options.ts";
import { type AskedRequest, decodeResponse, encodeRequest, type Response } from "../../lib/pcp/message.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import { handleRequest } from "../../lib/simulator/request_handler.ts";
import { type Mapping, MappingTable, type MappingTableOptions } from "../../lib/simulator/mapping_table.ts";
import { hex } from "./hex.ts";

const HOST = "192.168.1.2";
const OTHER_HOST = "192.168.1.3";
const EXTERNAL = "203.0.113.7";
const NONCE = "a1a2a3a4a5a6a7a8a9aaabac";
const OTHER_NONCE = "b1b2b3b4b5b6b7b8b9babbbc";
const EPOCH = 74_565;

type MapRequest = Extract<AskedRequest, { kind: "map" }>;

interface SetUp extends Partial<MappingTableOptions> {
  readonly faults?: Faults;
  readonly speaks?: "pcp" | "both";
}

/** Asks for TCP 80, any external port, 7200 s. */
function asked(changes: Partial<MapRequest> = {}): MapRequest {
  return {
    kind: "map",
    clientAddress: HOST,
    nonce: NONCE,
    protocol: "tcp",
    internalPort: 80,
    externalPort: 0,
    externalAddress: "0.0.0.0",
    lifetimeSeconds: 7200,
    ...changes,
  };
}

/** Deletes TCP 80 with the nonce. */
function deletion(changes: Partial<MapRequest> = {}): MapRequest {
  return asked({ lifetimeSeconds: 0, ...changes });
}

/** A gateway whose first free port is 49152, at a time of its own. */
function gateway({ faults = {}, speaks = "both", ...options }: SetUp = {}) {
  const table = new MappingTable({ random: () => 0, ...options });
  let nowMs = 0;
  const handle = (data: Uint8Array, hostname = HOST, port = 50_000) => {
    const externalAddress = faults.noAddress ? undefined : EXTERNAL;
    const state = { speaks, epochSeconds: EPOCH, externalAddress, faults } as const;
    return handleRequest({ data, source: { hostname, port } }, { ...state, table, nowMs });
  };
  const ask = (request: AskedRequest, from = request.clientAddress): Response => {
    const { answer } = handle(encodeRequest(request), from);
    assert(answer !== undefined, "There is no answer");
    return decodeResponse(answer);
  };
  const wait = (ms: number) => void (nowMs += ms);
  return { table, handle, ask, wait, mappings: () => table.list(nowMs).map(brief) };
}

function brief({ protocol, address, internalPort, externalPort }: Mapping): string {
  return `${protocol} ${externalPort} -> ${address}:${internalPort}`;
}

function granted(changes: Partial<Extract<Response, { kind: "map" }>> & MapOptions = {}): Response {
  return {
    kind: "map",
    epochSeconds: EPOCH,
    nonce: NONCE,
    protocol: "tcp",
    internalPort: 80,
    externalPort: 49_152,
    externalAddress: EXTERNAL,
    lifetimeSeconds: 7200,
    ...changes,
  };
}

/** The result of an answer and how long it holds. */
function refusalIn(response: Response): readonly [resultCode: number, lifetimeSeconds: number] | undefined {
  return response.kind === "refusal" ? [response.resultCode, response.lifetimeSeconds] : undefined;
}

// ---- MAP ----

Deno.test("PCP MAP is granted with a high port, the external address and the lifetime (§11.3)", () => {
  const { ask, mappings } = gateway();
  assertEquals(ask(asked()), granted());
  assertEquals(mappings(), ["tcp 49152 -> 192.168.1.2:80"]);
});

Deno.test("PCP MAP is granted byte by byte as the figure of §11.1 has it", () => {
  assertEquals(
    gateway().handle(encodeRequest(asked())).answer,
    hex(
      "02 81 00 00 | 00 00 1C 20 | 00 01 23 45 | 00 00 00 00 00 00 00 00 00 00 00 00 |" +
        "A1 A2 A3 A4 A5 A6 A7 A8 A9 AA AB AC | 06 00 00 00 | 00 50 C0 00 |" +
        "00 00 00 00 00 00 00 00 00 00 FF FF CB 00 71 07",
    ),
  );
});

Deno.test("PCP MAP gets the suggested port, or another one where it is taken (§11.3)", () => {
  const { ask } = gateway();
  assertEquals(ask(asked({ externalPort: 8080 })), granted({ externalPort: 8080 }));
  const other = { clientAddress: OTHER_HOST, nonce: OTHER_NONCE };
  assertEquals(ask(asked({ ...other, externalPort: 8080 })), granted({ nonce: OTHER_NONCE }));
});

Deno.test("PCP MAP of a known mapping keeps the port and has the new lifetime (§11.3)", () => {
  const { ask, wait, mappings } = gateway();
  ask(asked());
  wait(3_600_000);
  assertEquals(ask(asked({ externalPort: 9999, lifetimeSeconds: 600 })), granted({ lifetimeSeconds: 600 }));
  wait(599_999);
  assertEquals(mappings().length, 1);
  wait(1);
  assertEquals(mappings(), []);
});

Deno.test("PCP MAP lifetimes have a maximum, and a minimum where the faults ask for one (§15)", () => {
  const { ask } = gateway({ maxLifetimeSeconds: 3600, faults: { minLifetimeSeconds: 120 } });
  assertEquals(ask(asked()), granted({ lifetimeSeconds: 3600 }));
  assertEquals(ask(asked({ lifetimeSeconds: 1 })), granted({ lifetimeSeconds: 120 }));
});

Deno.test("PCP MAP never gets UDP 5350 or 5351, which are the gateway's own (§11.3)", () => {
  for (const externalPort of [5350, 5351]) {
    assertEquals(
      gateway().ask(asked({ protocol: "udp", externalPort })),
      granted({ protocol: "udp" }),
    );
    assertEquals(gateway().ask(asked({ externalPort })), granted({ externalPort }));
  }
});

Deno.test("PCP MAP of a static mapping is granted for ever, and its deletion is refused (§11.3, §15.1)", () => {
  const staticMapping = { address: HOST, internalPort: 80, protocol: "tcp", externalPort: 443 } as const;
  const { ask, mappings } = gateway({ staticMappings: [staticMapping] });
  assertEquals(ask(asked()), granted({ externalPort: 443, lifetimeSeconds: 4_294_967_295 }));
  assertEquals(refusalIn(ask(deletion())), [2, 1800]);
  assertEquals(mappings().length, 1);
});

// ---- nonces and deletion ----

Deno.test("PCP MAP with another nonce is refused for what is left of the mapping's life (§11.3)", () => {
  const { ask, wait } = gateway();
  ask(asked());
  wait(7_000_500);
  assertEquals(refusalIn(ask(asked({ nonce: OTHER_NONCE }))), [2, 200]);
  assertEquals(refusalIn(ask(deletion({ nonce: OTHER_NONCE }))), [2, 200]);
  wait(199_500);
  assertEquals(ask(asked({ nonce: OTHER_NONCE })), granted({ nonce: OTHER_NONCE }));
});

Deno.test("PCP MAP with another nonce takes the mapping over, as miniupnpd lets it", () => {
  const { ask, mappings } = gateway({ faults: { takeOverNonces: true } });
  ask(asked());
  assertEquals(refusalIn(ask(deletion({ nonce: OTHER_NONCE }))), [2, 7200]);
  assertEquals(ask(asked({ nonce: OTHER_NONCE })), granted({ nonce: OTHER_NONCE }));
  assertEquals(refusalIn(ask(deletion())), [2, 7200]);
  assertEquals(ask(deletion({ nonce: OTHER_NONCE })).kind, "map");
  assertEquals(mappings(), []);
});

Deno.test("PCP deletion answers with lifetime 0, and alike when there is nothing to delete (§15.1)", () => {
  const { ask, mappings } = gateway();
  const deleted = granted({ externalPort: 0, lifetimeSeconds: 0 });
  ask(asked());
  assertEquals([ask(deletion()), mappings()], [deleted, []]);
  assertEquals(ask(deletion()), deleted);
});

Deno.test("PCP deletion of an absent mapping gets NO_RESOURCES, as from miniupnpd", () => {
  assertEquals(refusalIn(gateway({ faults: { refuseAbsent: true } }).ask(deletion())), [8, 30]);
});

Deno.test("PCP deletion can leave the mapping open for a while (§15)", () => {
  const { ask, wait, mappings } = gateway({ faults: { lingerSeconds: 60 } });
  ask(asked());
  assertEquals(ask(deletion()), granted({ externalPort: 0, lifetimeSeconds: 60 }));
  wait(20_000);
  assertEquals(ask(deletion()), granted({ externalPort: 0, lifetimeSeconds: 40 }));
  assertEquals(mappings().length, 1);
  wait(40_000);
  assertEquals(mappings(), []);
  assertEquals(ask(deletion()), granted({ externalPort: 0, lifetimeSeconds: 0 }));
});

// ---- options ----

Deno.test("PREFER_FAILURE is echoed with the port, or fails for as long as that port is taken (§13.2)", () => {
  const { ask, wait } = gateway();
  const exact = { preferFailure: true, externalPort: 8080 } as const;
  assertEquals(ask(asked(exact)), granted(exact));
  wait(1_200_000);
  const other = { ...exact, clientAddress: OTHER_HOST, nonce: OTHER_NONCE };
  assertEquals(refusalIn(ask(asked(other))), [11, 6000]);
  assertEquals(refusalIn(ask(asked({ ...exact, externalPort: 8081 }))), [11, 6000]);
  assertEquals(ask(asked(exact)), granted(exact));
});

for (
  const [what, changes] of [
    ["a port that nobody may have", { protocol: "udp", externalPort: 5351 }],
    ["another address", { externalAddress: "203.0.113.8", externalPort: 8080 }],
  ] as const
) {
  Deno.test(`PREFER_FAILURE for ${what} fails for long (§13.2)`, () => {
    assertEquals(refusalIn(gateway().ask(asked({ preferFailure: true, ...changes }))), [11, 1800]);
  });
}

Deno.test("PREFER_FAILURE is ignored, and echoed all the same, as by miniupnpd", () => {
  const { ask } = gateway({ faults: { preferFailure: "ignore" } });
  ask(asked({ externalPort: 8080 }));
  const other = { nonce: OTHER_NONCE, internalPort: 81, preferFailure: true } as const;
  assertEquals(ask(asked({ ...other, externalPort: 8080 })), granted(other));
});

Deno.test("THIRD_PARTY is refused, or maps for that host where the faults allow it (§13.1)", () => {
  const request = asked({ thirdParty: OTHER_HOST });
  assertEquals(refusalIn(gateway().ask(request)), [5, 1800]);
  const { ask, mappings } = gateway({ faults: { allowThirdParty: true } });
  assertEquals(ask(request), granted({ thirdParty: OTHER_HOST }));
  assertEquals(mappings(), ["tcp 49152 -> 192.168.1.3:80"]);
  assertEquals(ask({ ...request, lifetimeSeconds: 0 }).kind, "map");
  assertEquals(mappings(), []);
});

Deno.test("PCP options come back in an error too (§8.2)", () => {
  const request = encodeRequest(asked({ thirdParty: OTHER_HOST }));
  assertEquals(gateway().handle(request).answer?.subarray(60), request.subarray(60));
});

// ---- refusals ----

/** A request of 60 bytes with some of them replaced. */
function patched(offset: number, bytes: string, request: AskedRequest = asked()): Uint8Array {
  const data = encodeRequest(request);
  data.set(hex(bytes), offset);
  return data;
}

const REFUSED: readonly (readonly [
  what: string,
  request: Uint8Array,
  resultCode: number,
  lifetimeSeconds: number,
  faults?: Faults,
])[] = [
  ["that is too short for its opcode", encodeRequest(asked()).subarray(0, 56), 3, 1800],
  ["of 61 bytes", new Uint8Array([...encodeRequest(asked()), 0]), 3, 1800],
  ["of 1104 bytes", new Uint8Array([...encodeRequest(asked()), ...new Uint8Array(1044)]), 3, 1800],
  ["of all ports", encodeRequest(asked({ internalPort: 0 })), 3, 1800],
  ["of opcode 2", patched(1, "02"), 4, 1800],
  ["with an unknown mandatory option", new Uint8Array([...encodeRequest(asked()), 127, 0, 0, 0]), 5, 1800],
  ["with an option that is too long", new Uint8Array([...encodeRequest(asked()), 2, 0, 0, 4]), 6, 1800],
  ["of SCTP", patched(36, "84"), 9, 1800],
  ["from another address", encodeRequest(asked({ clientAddress: OTHER_HOST })), 12, 1800],
  ["from another IPv6 address", encodeRequest(asked({ clientAddress: "2001:db8::7" })), 12, 1800],
  [
    "from another address with an unknown option",
    new Uint8Array([...encodeRequest(asked({ clientAddress: OTHER_HOST })), 127, 0, 0, 0]),
    12,
    1800,
  ],
  ["ANNOUNCE from another address", encodeRequest({ kind: "announce", clientAddress: OTHER_HOST }), 12, 1800],
  ["of version 3", patched(0, "03"), 1, 1800],
  ["that policy forbids", encodeRequest(asked()), 2, 1800, { refuse: true }],
  ["without an external address", encodeRequest(asked()), 7, 30, { noAddress: true }],
  ["without room", encodeRequest(asked()), 8, 30, { full: true }],
  [
    "with PREFER_FAILURE, which it does not know",
    encodeRequest(asked({ externalPort: 8080, preferFailure: true })),
    5,
    1800,
    { preferFailure: "refuse" },
  ],
  ["by decree", encodeRequest(asked()), 10, 30, { pcpResultCode: 10 }],
  ["by a number that nobody defined", encodeRequest(asked()), 77, 1800, { pcpResultCode: 77 }],
  ["by an error without a time", encodeRequest(asked()), 2, 0, { refuse: true, zeroErrorLifetime: true }],
  ["by a short error", encodeRequest(asked()), 8, 30, { full: true, zeroErrorLifetime: true }],
];

for (const [what, request, resultCode, lifetimeSeconds, faults = {}] of REFUSED) {
  Deno.test(`A PCP request ${what} gets result ${resultCode} for ${lifetimeSeconds} s (§7.4, §8.2)`, () => {
    const { handle, mappings } = gateway({ faults });
    const { answer } = handle(request);
    assert(answer !== undefined);
    assertEquals(answer.length % 4, 0);
    assertEquals([answer[0], answer[1]], [2, (request[1] ?? 0) | 0x80]);
    assertEquals(refusalIn(decodeResponse(answer)), [resultCode, lifetimeSeconds]);
    assertEquals(mappings(), []);
  });
}

Deno.test("A PCP error has the nonce, the port and the suggestion of its request (§8.2, §11.1)", () => {
  const request = encodeRequest(asked({ externalPort: 8080 }));
  const { answer } = gateway({ faults: { full: true } }).handle(request);
  assertEquals(answer?.subarray(24), request.subarray(24));
});

Deno.test("PCP without an address or without room deletes all the same", () => {
  for (const faults of [{ noAddress: true }, { full: true }]) {
    assertEquals(gateway({ faults }).ask(deletion()).kind, "map");
  }
});

Deno.test("A renewal gets NO_RESOURCES, and succeeds again after a deletion, as with pf", () => {
  const { ask } = gateway({ faults: { noResourcesOnRenewal: true } });
  assertEquals(ask(asked()), granted());
  assertEquals(refusalIn(ask(asked())), [8, 30]);
  ask(deletion());
  assertEquals(ask(asked()), granted());
});

for (
  const [what, data] of [
    ["a response", encodeRequest(asked()).with(1, 0x81)],
    ["23 bytes", encodeRequest(asked()).subarray(0, 23)],
    ["one byte", Uint8Array.of(2)],
    ["nothing", new Uint8Array()],
  ] as const
) {
  Deno.test(`A gateway that speaks PCP drops ${what} silently (§8.2)`, () => {
    for (const speaks of ["pcp", "both"] as const) {
      assertEquals(gateway({ speaks }).handle(data).answer, undefined);
    }
  });
}

// ---- ANNOUNCE ----

Deno.test("PCP ANNOUNCE is answered with the epoch, and changes nothing (§14.1.2)", () => {
  const { ask, mappings } = gateway();
  assertEquals(ask({ kind: "announce", clientAddress: HOST }), { kind: "announce", epochSeconds: EPOCH });
  assertEquals(mappings(), []);
});

// ---- faults of content ----

const CHANGED: readonly (readonly [Faults, Partial<Extract<Response, { kind: "map" }>>])[] = [
  [{ zeroAddress: true }, { externalAddress: "0.0.0.0" }],
  [{ zeroPort: true }, { externalPort: 0 }],
  [{ zeroLifetime: true }, { lifetimeSeconds: 0 }],
  [{ claimedLifetimeSeconds: 4_294_967_295 }, { lifetimeSeconds: 4_294_967_295 }],
];
for (const [faults, changes] of CHANGED) {
  Deno.test(`PCP MAP has the fault ${Object.keys(faults)}`, () => {
    assertEquals(gateway({ faults }).ask(asked()), granted(changes));
  });
}

Deno.test("PCP MAP moves to another port at every second grant", () => {
  const { ask } = gateway({ faults: { rotatePortEvery: 2 } });
  assertEquals(ask(asked()), granted());
  assertNotEquals(ask(asked()), granted());
});

// ---- one table for both protocols ----

const NAT_PMP_MAP = hex("00 02 00 00 | 00 50 00 00 | 00 00 1C 20");
const NAT_PMP_DELETE = hex("00 02 00 00 | 00 50 00 00 | 00 00 00 00");
const NAT_PMP_DELETED = hex("00 82 00 00 | 00 01 23 45 | 00 50 00 00 | 00 00 00 00");

Deno.test("NAT-PMP and PCP share the table: each renews the other's mapping", () => {
  const { ask, handle, mappings } = gateway();
  ask(asked({ externalPort: 8080 }));
  assertEquals(handle(NAT_PMP_MAP).answer?.subarray(8, 12), hex("00 50 1F 90"));
  assertEquals(ask(asked()), granted({ externalPort: 8080 }));
  assertEquals(mappings(), ["tcp 8080 -> 192.168.1.2:80"]);
});

Deno.test("NAT-PMP answers success to the deletion of a mapping of PCP and leaves it, as miniupnpd does", () => {
  for (const request of [NAT_PMP_DELETE, hex("00 02 00 00 00 00 00 00 00 00 00 00")]) {
    const { ask, handle, mappings } = gateway();
    ask(asked());
    assertEquals(handle(request).answer?.subarray(0, 4), NAT_PMP_DELETED.subarray(0, 4));
    assertEquals(mappings().length, 1);
  }
});

Deno.test("PCP does not delete a mapping that NAT-PMP made or renewed last", () => {
  const { ask, handle, mappings } = gateway();
  ask(asked());
  handle(NAT_PMP_MAP);
  assertEquals(refusalIn(ask(deletion())), [2, 7200]);
  assertEquals(handle(NAT_PMP_DELETE).answer, NAT_PMP_DELETED);
  assertEquals(mappings(), []);
});

// ---- the lines for people ----

for (
  const [request, line] of [
    [asked({ externalPort: 8080 }), "PCP map tcp 80 -> 8080 7200 s: granted 8080, 7200 s"],
    [
      asked({ externalPort: 8080, preferFailure: true }),
      "PCP map tcp 80 -> 8080 or nothing 7200 s: granted 8080, 7200 s",
    ],
    [deletion(), "PCP unmap tcp 80: deleted"],
    [{ kind: "announce", clientAddress: HOST }, "PCP announce: epoch 74565 s"],
    [
      asked({ thirdParty: OTHER_HOST }),
      "PCP map tcp 80 of 192.168.1.3 -> 0 7200 s: refused with result 5, unsupported option, for 1800 s",
    ],
  ] as const
) {
  Deno.test(`PCP reports ${line}`, () => assertEquals(gateway().handle(encodeRequest(request)).text, line));
}

Deno.test("PCP reports what is wrong with a request", () => {
  const { text } = gateway().handle(encodeRequest(asked()).subarray(0, 56));
  assertEquals(
    text,
    "PCP opcode 1 (too short for a mapping): refused with result 3, malformed request, for 1800 s",
  );
});
