import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Faults } from "../../lib/simulator/faults.ts";
import type { RequestOutcome } from "../../lib/simulator/gateway_state.ts";
import { MappingTable, type MappingTableOptions } from "../../lib/simulator/mapping_table.ts";
import { handleRequest } from "../../lib/simulator/request_handler.ts";
import { hex } from "./hex.ts";

const HOST = "192.168.1.2";
const OTHER_HOST = "192.168.1.3";
const EPOCH = "00 01 23 45";
/** UDP 4000, any external port, 7200 s. */
const MAP_UDP_4000 = "00 01 00 00 | 0F A0 00 00 | 00 00 1C 20";
const DELETE_UDP_4000 = "00 01 00 00 0F A0 00 00 00 00 00 00";
const DELETED_UDP_4000 = `00 81 00 00 | ${EPOCH} | 0F A0 00 00 | 00 00 00 00`;

/** A gateway's request handler with a table of its own, whose first free port is 49152 (C000). */
function gateway(faults: Faults = {}, options: Partial<MappingTableOptions> = {}) {
  const table = new MappingTable({ random: () => 0, ...options });
  const ask = (request: string, from = HOST): RequestOutcome => {
    const datagram = { data: hex(request), source: { hostname: from, port: 50_000 } };
    const externalAddress = faults.noAddress ? undefined : "203.0.113.7";
    const state = { speaks: "nat-pmp", epochSeconds: 0x12345, externalAddress, faults } as const;
    return handleRequest(datagram, { ...state, table, nowMs: 0 });
  };
  return { table, ask };
}

Deno.test("handleRequest() answers the address request (§3.2)", () => {
  const { answer, text } = gateway().ask("00 00");
  assertEquals(answer, hex(`00 80 00 00 | ${EPOCH} | CB 00 71 07`));
  assertEquals(text, "address: 203.0.113.7");
});

Deno.test("handleRequest() answers a map request with a high port (§3.3)", () => {
  const { answer, text } = gateway().ask(MAP_UDP_4000);
  assertEquals(answer, hex(`00 81 00 00 | ${EPOCH} | 0F A0 C0 00 | 00 00 1C 20`));
  assertEquals(text, "map udp 4000 -> 0 7200 s: granted 49152, 7200 s");
});

Deno.test("handleRequest() grants TCP 80 as suggested (§3.3)", () => {
  const { answer } = gateway().ask("00 02 00 00 | 00 50 00 50 | 00 00 1C 20");
  assertEquals(answer, hex(`00 82 00 00 | ${EPOCH} | 00 50 00 50 | 00 00 1C 20`));
});

Deno.test("handleRequest() ignores the reserved bytes of a map request (§3.3)", () => {
  const { ask } = gateway();
  assertEquals(ask("00 01 FF FF | 0F A0 00 00 | 00 00 1C 20").answer, ask(MAP_UDP_4000).answer);
});

Deno.test("handleRequest() maps for the address that asks (§3.3)", () => {
  const { ask, table } = gateway();
  ask(MAP_UDP_4000, OTHER_HOST);
  assertEquals(table.list(0).map(({ address }) => address), [OTHER_HOST]);
});

Deno.test("handleRequest() says result 4 when no port is left (§3.5)", () => {
  const { ask } = gateway({}, { firstPort: 60_000, lastPort: 60_000 });
  ask(MAP_UDP_4000);
  const { answer } = ask("00 01 00 00 | 0F A1 00 00 | 00 00 1C 20");
  assertEquals(answer, hex(`00 81 00 04 | ${EPOCH} | 0F A1 00 00 | 00 00 00 00`));
});

Deno.test("handleRequest() deletes, and answers alike when there is nothing to delete (§3.4)", () => {
  const { ask, table } = gateway();
  ask(MAP_UDP_4000);
  assertEquals(ask(DELETE_UDP_4000).answer, hex(DELETED_UDP_4000));
  assertEquals(table.list(0), []);
  assertEquals(ask(DELETE_UDP_4000), { answer: hex(DELETED_UDP_4000), text: "unmap udp 4000: deleted" });
});

Deno.test("handleRequest() ignores the external port of a deletion (§3.4)", () => {
  assertEquals(gateway().ask("00 01 00 00 0F A0 12 34 00 00 00 00").answer, hex(DELETED_UDP_4000));
});

Deno.test("handleRequest() deletes all mappings of one protocol and host for port 0 (§3.4)", () => {
  const { ask, table } = gateway();
  ask(MAP_UDP_4000);
  ask("00 02 00 00 | 00 50 00 50 | 00 00 1C 20");
  ask("00 02 00 00 | 00 50 00 51 | 00 00 1C 20", OTHER_HOST);
  const { answer } = ask("00 02 00 00 00 00 00 00 00 00 00 00");
  assertEquals(answer, hex(`00 82 00 00 | ${EPOCH} | 00 00 00 00 | 00 00 00 00`));
  assertEquals(table.list(0).map((mapping) => `${mapping.protocol} ${mapping.address}`), [
    `udp ${HOST}`,
    `tcp ${OTHER_HOST}`,
  ]);
});

Deno.test("handleRequest() refuses to delete a static mapping with result 2 and lifetime 0 (§3.4)", () => {
  const staticMappings = [{
    address: HOST,
    internalPort: 4000,
    protocol: "udp",
    externalPort: 4001,
  }] as const;
  const { ask } = gateway({}, { staticMappings });
  assertEquals(ask(MAP_UDP_4000).answer, hex(`00 81 00 00 | ${EPOCH} | 0F A0 0F A1 | 00 00 1C 20`));
  assertEquals(ask(DELETE_UDP_4000).answer, hex(`00 81 00 02 | ${EPOCH} | 0F A0 00 00 | 00 00 00 00`));
});

Deno.test("handleRequest() deletes what it can and says result 2 when some stay (§3.4)", () => {
  const staticMappings = [{ address: HOST, internalPort: 1, protocol: "udp", externalPort: 1 }] as const;
  const { ask, table } = gateway({}, { staticMappings });
  ask(MAP_UDP_4000);
  const { answer } = ask("00 01 00 00 00 00 00 00 00 00 00 00");
  assertEquals(answer?.subarray(0, 4), hex("00 81 00 02"));
  assertEquals(table.list(0).map(({ internalPort }) => internalPort), [1]);

  const partial = gateway({ partialDelete: true });
  partial.ask(MAP_UDP_4000);
  assertEquals(partial.ask("00 01 00 00 00 00 00 00 00 00 00 00").answer?.subarray(0, 4), hex("00 81 00 02"));
  assertEquals(partial.table.list(0), []);
});

for (
  const [what, request] of [
    ["a response", "00 80 00 00 00 00 00 00 00 00 00 00"],
    ["a response of PCP", "02 81 00 00"],
    ["an empty datagram", ""],
    ["one byte", "00"],
    ["a map request of 11 bytes", "00 01 00 00 0F A0 00 00 00 00 1C"],
  ]
) {
  Deno.test(`handleRequest() drops ${what} silently (§3.5)`, () => {
    assertEquals(gateway().ask(request ?? "").answer, undefined);
  });
}

Deno.test("handleRequest() refuses version 2 with 8 bytes (§3.5, erratum 3618)", () => {
  assertEquals(gateway().ask("02 01 00 00 00 00 0E 10").answer, hex(`00 80 00 01 | ${EPOCH}`));
});

Deno.test("handleRequest() refuses opcodes 3 to 127 with the request echoed (§3.5)", () => {
  assertEquals(gateway().ask("00 03 00 00").answer, hex("00 83 00 05"));
  assertEquals(gateway().ask("00 7F 00 00 01 02").answer, hex("00 FF 00 05 01 02"));
});

Deno.test("handleRequest() drops version 2 where the faults say so, and no other version", () => {
  const { ask } = gateway({ dropVersion2: true });
  assertEquals(ask("02 01 00 00").answer, undefined);
  assertEquals(ask("01 01 00 00").answer, hex(`00 80 00 01 | ${EPOCH}`));
  assert(ask("00 00").answer !== undefined);
});

Deno.test("handleRequest() says nothing when silent", () => {
  const { ask } = gateway({ silent: true });
  assertEquals(["00 00", MAP_UDP_4000, "02 01", "00 03"].map((request) => ask(request).answer), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("handleRequest() answers every request with one result", () => {
  const { ask } = gateway({ resultCode: 256 });
  assertEquals(ask("00 00").answer, hex(`00 80 01 00 | ${EPOCH} | 00 00 00 00`));
  assertEquals(ask(MAP_UDP_4000).answer, hex(`00 81 01 00 | ${EPOCH} | 0F A0 00 00 | 00 00 00 00`));
  assertEquals(
    ask(MAP_UDP_4000).text,
    "map udp 4000 -> 0 7200 s: refused with result 256, undefined result",
  );
});

Deno.test("handleRequest() writes results 1 and 5 in their own shapes (§3.5)", () => {
  assertEquals(gateway({ resultCode: 1 }).ask("00 00").answer, hex(`00 80 00 01 | ${EPOCH}`));
  const echoed = hex("00 81 00 05 | 0F A0 00 00 | 00 00 1C 20");
  assertEquals(gateway({ resultCode: 5 }).ask(MAP_UDP_4000).answer, echoed);
});

Deno.test("handleRequest() refuses mapping and unmapping with result 2, not the address (§3.5)", () => {
  const { ask } = gateway({ refuse: true });
  assertEquals(ask(MAP_UDP_4000).answer?.subarray(0, 4), hex("00 81 00 02"));
  assertEquals(ask(DELETE_UDP_4000).answer?.subarray(0, 4), hex("00 81 00 02"));
  assertEquals(ask("00 00").answer?.subarray(0, 4), hex("00 80 00 00"));
});

Deno.test("handleRequest() without an address says result 3 but deletes (§3.5)", () => {
  const { ask } = gateway({ noAddress: true });
  assertEquals(ask("00 00").answer, hex(`00 80 00 03 | ${EPOCH} | 00 00 00 00`));
  assertEquals(ask(MAP_UDP_4000).answer?.subarray(0, 4), hex("00 81 00 03"));
  assertEquals(ask(DELETE_UDP_4000).answer, hex(DELETED_UDP_4000));
});

Deno.test("handleRequest() without resources says result 4 but deletes (§3.5)", () => {
  const { ask } = gateway({ full: true });
  assertEquals(ask(MAP_UDP_4000).answer?.subarray(0, 4), hex("00 81 00 04"));
  assertEquals(ask(DELETE_UDP_4000).answer, hex(DELETED_UDP_4000));
});

Deno.test("handleRequest() refuses to map internal port 0 with result 2, as miniupnpd does", () => {
  assertEquals(
    gateway().ask("00 01 00 00 | 00 00 00 01 | 00 00 00 3C").answer,
    hex(`00 81 00 02 | ${EPOCH} | 00 00 00 00 | 00 00 00 00`),
  );
});

Deno.test("handleRequest() maps internal port 0 to one port of its own for both protocols, as ProtonVPN does", () => {
  const { ask } = gateway({ allowPortZero: true });
  const udp = ask("00 01 00 00 | 00 00 00 01 | 00 00 00 3C").answer;
  assertEquals(udp, hex(`00 81 00 00 | ${EPOCH} | 00 00 C0 00 | 00 00 00 3C`));
  assertEquals(ask("00 02 00 00 | 00 00 00 01 | 00 00 00 3C").answer?.subarray(8, 12), hex("00 00 C0 00"));
  assertEquals(ask("00 01 00 00 | 00 00 00 01 | 00 00 00 3C").answer, udp);
});

Deno.test("handleRequest() moves a mapping on every second grant of it", () => {
  const { ask, table } = gateway({ rotatePortEvery: 2 });
  const ports = [1, 2, 3, 4].map(() => {
    ask(MAP_UDP_4000);
    return table.list(0)[0]?.externalPort;
  });
  assertNotEquals(ports[1], ports[0]);
  assertEquals(ports[2], ports[1]);
  assertNotEquals(ports[3], ports[2]);
});

Deno.test("handleRequest() claims a lifetime while the mapping lives as long as was asked", () => {
  const { ask, table } = gateway({ claimedLifetimeSeconds: 0xffff_ffff });
  assertEquals(ask(MAP_UDP_4000).answer?.subarray(12), hex("FF FF FF FF"));
  assertEquals(table.list(0)[0]?.expiresAtMs, 7_200_000);
});

Deno.test("handleRequest() answers with given bytes, and maps nothing", () => {
  const { ask, table } = gateway({ answerBytes: Uint8Array.of(2, 0x80) });
  for (const request of ["00 00", MAP_UDP_4000, "02 00"]) {
    assertEquals(ask(request).answer, Uint8Array.of(2, 0x80));
  }
  assertEquals(table.list(0), []);
});

Deno.test("handleRequest() deletes by the external port alone, as miniupnpd did (miniupnp issue 97)", () => {
  const { ask, table } = gateway({ deleteByExternalPort: true });
  const ports = () => table.list(0).map(({ externalPort }) => externalPort);
  const refused = hex(`00 81 00 02 | ${EPOCH} | 0F A0 00 00 | 00 00 00 00`);
  // External port 8080 (1F90) to internal port 4000 (0FA0).
  ask("00 01 00 00 | 0F A0 1F 90 | 00 00 1C 20");
  assertEquals([ask(DELETE_UDP_4000).answer, ports()], [refused, [8080]]);
  assertEquals(ask("00 02 00 00 | 0F A0 1F 90 | 00 00 00 00").answer?.subarray(0, 4), hex("00 82 00 02"));
  assertEquals(ask("00 01 00 00 | 0F A0 1F 90 | 00 00 00 00").answer, hex(DELETED_UDP_4000));
  assertEquals(ports(), []);
  // Where the two are the same, 0 is as good.
  ask("00 01 00 00 | 0F A0 0F A0 | 00 00 1C 20");
  assertEquals([ask(DELETE_UDP_4000).answer, ports()], [hex(DELETED_UDP_4000), []]);
});
