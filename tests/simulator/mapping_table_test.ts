import { assert, assertEquals, assertFalse, assertGreaterOrEqual, assertNotEquals } from "@std/assert";
import { type GrantRequest, MappingTable } from "../../lib/simulator/mapping_table.ts";

const HOST = "192.168.1.2";
const OTHER_HOST = "192.168.1.3";

function wish(changes: Partial<GrantRequest> = {}): GrantRequest {
  return {
    address: HOST,
    internalPort: 80,
    protocol: "tcp",
    suggestedPort: 8080,
    lifetimeSeconds: 60,
    ...changes,
  };
}

/** The default: always the first of the range. */
const random = () => 0;

Deno.test("MappingTable.grant() gives the suggested port when it is free (§3.3)", () => {
  const table = new MappingTable({ random });
  const mapping = table.grant(wish(), 1000);
  assertEquals(mapping?.externalPort, 8080);
  assertEquals(mapping?.lifetimeSeconds, 60);
  assertEquals(mapping?.expiresAtMs, 61_000);
});

Deno.test("MappingTable.grant() repeats the external port whatever is suggested, with the new lifetime (§3.3)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  const renewed = table.grant(wish({ suggestedPort: 9090, lifetimeSeconds: 120 }), 30_000);
  assertEquals(renewed?.externalPort, 8080);
  assertEquals(renewed?.expiresAtMs, 150_000);
  assertEquals(table.list(30_000).length, 1);
});

Deno.test("MappingTable.grant() chooses a high-numbered port when 0 is suggested (§3.3)", () => {
  for (const value of [0, 0.5, 0.999999]) {
    const mapping = new MappingTable({ random: () => value }).grant(wish({ suggestedPort: 0 }), 0);
    assertGreaterOrEqual(mapping?.externalPort ?? 0, 49_152);
  }
});

Deno.test("MappingTable.grant() gives another port when the suggested one is taken (§3.3)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  const second = table.grant(wish({ address: OTHER_HOST }), 0);
  assert(second !== undefined);
  assertNotEquals(second.externalPort, 8080);
  const third = table.grant(wish({ internalPort: 81 }), 0);
  assert(third !== undefined);
  assertFalse([8080, second.externalPort].includes(third.externalPort));
});

Deno.test("MappingTable.grant() reserves the companion port for the same host (§3.3)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  assertNotEquals(table.grant(wish({ address: OTHER_HOST, protocol: "udp" }), 0)?.externalPort, 8080);
  assertEquals(table.grant(wish({ protocol: "udp" }), 0)?.externalPort, 8080);
});

Deno.test("MappingTable.grant() gives the companion port to others once the lease is over (§3.3)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  assertEquals(table.grant(wish({ address: OTHER_HOST, protocol: "udp" }), 60_000)?.externalPort, 8080);
});

Deno.test("MappingTable.grant() opens one protocol only (§3.3)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  assertEquals(table.list(0).map(({ protocol }) => protocol), ["tcp"]);
});

Deno.test("MappingTable.grant() caps the lifetime and never lengthens it (§3.3)", () => {
  const table = new MappingTable({ random, maxLifetimeSeconds: 100 });
  assertEquals(table.grant(wish({ lifetimeSeconds: 7200 }), 0)?.lifetimeSeconds, 100);
  assertEquals(table.grant(wish({ lifetimeSeconds: 7 }), 0)?.lifetimeSeconds, 7);
});

Deno.test("MappingTable.grant() gives every port of the range and then none", () => {
  const table = new MappingTable({ random: () => 0.7, firstPort: 60_000, lastPort: 60_004 });
  const ports = Array.from(
    { length: 6 },
    (_, i) => table.grant(wish({ internalPort: i + 1, suggestedPort: 0 }), 0)?.externalPort,
  );
  assertEquals(ports.slice(0, 5).toSorted(), [60_000, 60_001, 60_002, 60_003, 60_004]);
  assertEquals(ports[5], undefined);
});

Deno.test("MappingTable.grant() falls back to the ports from 1024 when the high ones are gone", () => {
  const table = new MappingTable({ random, firstPort: 1, lastPort: 49_152 });
  assertEquals(table.grant(wish({ suggestedPort: 0 }), 0)?.externalPort, 49_152);
  assertEquals(table.grant(wish({ internalPort: 81, suggestedPort: 0 }), 0)?.externalPort, 1024);
});

Deno.test("MappingTable.grant() replaces a suggestion outside of the range", () => {
  const table = new MappingTable({ random, firstPort: 60_000 });
  assertEquals(table.grant(wish(), 0)?.externalPort, 60_000);
});

Deno.test("MappingTable removes a mapping when its lifetime is over (§3.4)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  assertEquals(table.list(59_999).length, 1);
  assertEquals(table.list(60_000), []);
  assertEquals(table.grant(wish({ address: OTHER_HOST }), 60_000)?.externalPort, 8080);
});

Deno.test("MappingTable.rotate() moves a mapping to another port and frees the old one", () => {
  const table = new MappingTable({ random });
  const before = table.grant(wish({ suggestedPort: 0 }), 0);
  const after = table.rotate(wish(), 0);
  assertNotEquals(after?.externalPort, before?.externalPort);
  assertEquals(table.list(0), after === undefined ? [] : [after]);
  assertEquals(
    table.grant(wish({ address: OTHER_HOST, suggestedPort: before?.externalPort ?? 0 }), 0)?.externalPort,
    before?.externalPort,
  );
});

Deno.test("MappingTable.delete() frees the port and does not mind an absent mapping (§3.4)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  assert(table.delete(wish()));
  assert(table.delete(wish()));
  assertEquals(table.list(0), []);
  assertEquals(table.grant(wish({ address: OTHER_HOST }), 0)?.externalPort, 8080);
});

Deno.test("MappingTable.deleteAll() deletes one host's mappings of one protocol (§3.4)", () => {
  const table = new MappingTable({ random });
  table.grant(wish(), 0);
  table.grant(wish({ internalPort: 81, suggestedPort: 8081 }), 0);
  table.grant(wish({ protocol: "udp" }), 0);
  table.grant(wish({ address: OTHER_HOST, suggestedPort: 8082 }), 0);
  assert(table.deleteAll({ address: HOST, protocol: "tcp" }));
  const left = table.list(0).map(({ address, protocol }) => `${address} ${protocol}`);
  assertEquals(left, [`${HOST} udp`, `${OTHER_HOST} tcp`]);
});

Deno.test("MappingTable keeps static mappings, and says so when one should go (§3.4)", () => {
  const staticMapping = { address: HOST, internalPort: 22, protocol: "tcp", externalPort: 2222 } as const;
  const table = new MappingTable({ random, staticMappings: [staticMapping] });
  table.grant(wish(), 0);
  assertFalse(table.delete(staticMapping));
  assertFalse(table.deleteAll({ address: HOST, protocol: "tcp" }));
  table.clear();
  assertEquals(table.list(1e15).map(({ externalPort }) => externalPort), [2222]);
});

Deno.test("MappingTable.grant() answers for a static mapping with its port (§3.3)", () => {
  const staticMapping = { address: HOST, internalPort: 22, protocol: "tcp", externalPort: 2222 } as const;
  const table = new MappingTable({ random, staticMappings: [staticMapping] });
  const mapping = table.grant(wish({ internalPort: 22 }), 0);
  assertEquals(mapping?.externalPort, 2222);
  assertEquals(mapping?.lifetimeSeconds, 60);
  assertEquals(table.find(staticMapping, 1e15)?.externalPort, 2222);
});

Deno.test("MappingTable.rotate() keeps a pair on one port, as ProtonVPN does", () => {
  const table = new MappingTable({ random: Math.random });
  const key = { address: "10.2.0.2", internalPort: 0 };
  const asked = { ...key, suggestedPort: 40_000, lifetimeSeconds: 60 };
  table.grant({ ...asked, protocol: "tcp" }, 0);
  table.grant({ ...asked, protocol: "udp" }, 0);
  const tcp = table.rotate({ ...key, protocol: "tcp" }, 1000);
  const udp = table.rotate({ ...key, protocol: "udp" }, 1000);
  assertNotEquals(tcp?.externalPort, 40_000);
  assertEquals(udp?.externalPort, tcp?.externalPort);
});
