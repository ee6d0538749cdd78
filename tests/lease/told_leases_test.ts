import { assertEquals } from "@std/assert";
import { ToldLeases } from "../../lib/lease/told_leases.ts";
import type { Lease } from "../../lib/port_mapper.ts";
import { leaseOf } from "../support/leases.ts";

const ADDRESS = "198.51.100.7";
const OTHER_ADDRESS = "198.51.100.8";
const TCP = leaseOf();
const UDP = leaseOf({ protocol: "udp" });

/** Grants a lease and tells of it. */
function granted(told: ToldLeases, lease: Lease, address?: string) {
  told.note(lease);
  return told.news(lease, address);
}

Deno.test("ToldLeases.news() tells a first grant as mapped, with the address where it is known", () => {
  assertEquals(granted(new ToldLeases(), TCP), [{ type: "mapped", lease: TCP }]);
  assertEquals(granted(new ToldLeases(), TCP, ADDRESS), [
    { type: "mapped", lease: TCP, externalAddress: ADDRESS },
  ]);
});

Deno.test("ToldLeases.news() tells each thing once", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  assertEquals(told.news(TCP, ADDRESS), []);
  granted(told, TCP, ADDRESS);
  assertEquals(told.news(TCP, ADDRESS), []);
});

Deno.test("ToldLeases.news() tells a grant on the same port and address as renewed, also with another lifetime", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  const shorter = { ...TCP, lifetimeSeconds: 60 };
  assertEquals(granted(told, shorter, ADDRESS), [
    { type: "renewed", lease: shorter, externalAddress: ADDRESS },
  ]);
});

Deno.test("ToldLeases.news() tells another port as changed, with the port before", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  const moved = { ...TCP, externalPort: 40_002 };
  assertEquals(granted(told, moved, ADDRESS), [
    { type: "changed", lease: moved, externalAddress: ADDRESS, previousExternalPort: 40_001 },
  ]);
});

Deno.test("ToldLeases.news() tells another address as changed once the lease is granted again, with the address before", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  assertEquals(told.news(TCP, OTHER_ADDRESS), []);
  assertEquals(granted(told, TCP, OTHER_ADDRESS), [
    { type: "changed", lease: TCP, externalAddress: OTHER_ADDRESS, previousExternalAddress: ADDRESS },
  ]);
});

Deno.test("ToldLeases.news() tells another port and another address as one change", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  const moved = { ...TCP, externalPort: 40_002 };
  assertEquals(granted(told, moved, OTHER_ADDRESS), [{
    type: "changed",
    lease: moved,
    externalAddress: OTHER_ADDRESS,
    previousExternalPort: 40_001,
    previousExternalAddress: ADDRESS,
  }]);
});

Deno.test("ToldLeases.news() takes an address that becomes known for no change", () => {
  const told = new ToldLeases();
  granted(told, TCP);
  assertEquals(told.news(TCP, ADDRESS), []);
  assertEquals(granted(told, TCP, OTHER_ADDRESS).map(({ type }) => type), ["changed"]);
});

Deno.test("ToldLeases.news() keeps the address that was told while none is known", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  assertEquals(granted(told, TCP), [{ type: "renewed", lease: TCP, externalAddress: ADDRESS }]);
  assertEquals(told.news(TCP, ADDRESS), []);
});

Deno.test("ToldLeases.end() tells the port that was told last, once", () => {
  const told = new ToldLeases();
  granted(told, TCP);
  told.note({ ...TCP, externalPort: 40_002 });
  const mapping = { protocol: "tcp", internalPort: 80 } as const;
  assertEquals(told.end(mapping, "expired"), [{ type: "expired", mapping, previousExternalPort: 40_001 }]);
  assertEquals(told.end(mapping, "unmapped"), []);
});

Deno.test("ToldLeases.end() tells nothing of what nobody was told of", () => {
  const told = new ToldLeases();
  told.note(TCP);
  assertEquals(told.end(TCP, "unmapped"), []);
});

Deno.test("ToldLeases.news() tells a lease after its end as mapped, not as renewed", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  told.note(TCP);
  told.end(TCP, "expired");
  assertEquals(told.news(TCP, ADDRESS).map(({ type }) => type), ["mapped"]);
});

Deno.test("ToldLeases.clear() makes everything news again", () => {
  const told = new ToldLeases();
  granted(told, TCP, ADDRESS);
  told.clear();
  assertEquals(told.news(TCP, undefined), [{ type: "mapped", lease: TCP }]);
});

Deno.test("ToldLeases knows the two of a pair apart", () => {
  const told = new ToldLeases();
  granted(told, TCP);
  assertEquals(granted(told, UDP), [{ type: "mapped", lease: UDP }]);
  told.end(TCP, "expired");
  assertEquals(granted(told, UDP).map(({ type }) => type), ["renewed"]);
});
