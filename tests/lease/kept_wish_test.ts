import { assertEquals } from "@std/assert";
import type { AcquireOutcome, MappingWish } from "../../lib/lease/acquire.ts";
import { KeptWish } from "../../lib/lease/kept_wish.ts";
import type { Lease } from "../../lib/port_mapper.ts";
import { leaseOf } from "../support/leases.ts";
import { REFUSED } from "./fake_mapper.ts";

const SINGLE: MappingWish = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const PAIR: MappingWish = { ...SINGLE, protocols: ["tcp", "udp"] };
const TCP = leaseOf();
/** Granted 100 s after the other half. */
const UDP = leaseOf({ protocol: "udp", grantedAtMs: 100_000, renewAtMs: 1_900_000, expiresAtMs: 3_700_000 });
const TCP_KEY = { protocol: "tcp", internalPort: 80 } as const;
const UDP_KEY = { protocol: "udp", internalPort: 80 } as const;

function outcomesOf(...leases: Lease[]): AcquireOutcome[] {
  return leases.map((lease) => ({ mapping: { protocol: lease.protocol, internalPort: 80 }, lease }));
}

function holding(wish: MappingWish, ...leases: Lease[]): KeptWish {
  const kept = new KeptWish(wish);
  kept.grant(outcomesOf(...leases), () => 0);
  return kept;
}

Deno.test("KeptWish without a lease is due at once and never expires", () => {
  const kept = new KeptWish(PAIR);
  assertEquals([kept.isHeld, kept.leases, kept.standing], [false, [], []]);
  assertEquals([kept.dueAtMs(0), kept.joinsAtMs(0), kept.expiresAtMs], [-Infinity, -Infinity, Infinity]);
  assertEquals(kept.protocolsToAsk(0, 0), ["tcp", "udp"]);
});

Deno.test("KeptWish.grant() holds what was granted; it is due when the first of its leases is", () => {
  const kept = holding(PAIR, TCP, UDP);
  assertEquals(kept.leases, [TCP, UDP]);
  assertEquals([kept.dueAtMs(0), kept.expiresAtMs], [TCP.renewAtMs, TCP.expiresAtMs]);
  assertEquals(kept.lease("udp"), UDP);
});

Deno.test("KeptWish.leases are in the wish's order, in whichever they were granted", () => {
  assertEquals(holding(PAIR, UDP, TCP).leases.map(({ protocol }) => protocol), ["tcp", "udp"]);
});

Deno.test("KeptWish.grant() does not hold half of a new pair, but remembers that it stands", () => {
  const kept = new KeptWish(PAIR);
  kept.grant([...outcomesOf(TCP), { mapping: UDP_KEY, error: REFUSED }], () => 0);
  assertEquals([kept.isHeld, kept.standing, kept.news(undefined, 0)], [false, [TCP_KEY], []]);
});

Deno.test("KeptWish.grant() holds the missing half of a pair whose other half lives", () => {
  const kept = holding(PAIR, TCP, UDP);
  kept.drop(UDP_KEY, "expired");
  kept.grant(outcomesOf(UDP), () => 0);
  assertEquals(kept.leases, [TCP, UDP]);
});

Deno.test("KeptWish.grant() keeps the lease whose renewal failed", () => {
  const kept = holding(SINGLE, TCP);
  kept.grant([{ mapping: TCP_KEY, error: REFUSED }], () => 0);
  assertEquals(kept.leases, [TCP]);
});

Deno.test("KeptWish is due at once when a half is missing or the gateway forgot one", () => {
  const kept = holding(PAIR, TCP, UDP);
  assertEquals(kept.dueAtMs(1), -Infinity);
  kept.grant(outcomesOf(TCP), () => 1);
  assertEquals([kept.dueAtMs(1), kept.protocolsToAsk(1, 0)], [-Infinity, ["udp"]]);
  kept.grant(outcomesOf(UDP), () => 1);
  assertEquals([kept.dueAtMs(1), kept.protocolsToAsk(1, 0)], [TCP.renewAtMs, []]);
  kept.drop(TCP_KEY, "expired");
  assertEquals([kept.dueAtMs(1), kept.protocolsToAsk(1, 0)], [-Infinity, ["tcp"]]);
});

Deno.test("KeptWish.protocolsToAsk() leaves the half alone whose time to be renewed has not come", () => {
  const kept = holding(PAIR, TCP, {
    ...UDP,
    grantedAtMs: 1_700_000,
    renewAtMs: 3_500_000,
    expiresAtMs: 5_300_000,
  });
  assertEquals(kept.protocolsToAsk(0, TCP.renewAtMs), ["tcp"]);
  assertEquals(kept.protocolsToAsk(0, 3_500_000), ["tcp", "udp"]);
});

Deno.test("KeptWish.joinsAtMs() is a little before it is due, and never before a retry", () => {
  const kept = holding(SINGLE, TCP);
  assertEquals(TCP.renewAtMs - kept.joinsAtMs(0), 3_600_000 / 64);
  kept.retryAtMs = 2_000_000;
  assertEquals([kept.joinsAtMs(0), kept.dueAtMs(0)], [2_000_000, 2_000_000]);
});

Deno.test("KeptWish.hurry() makes due whatever failed before; succeed() forgets the failure too", () => {
  const kept = holding(SINGLE, TCP);
  Object.assign(kept, {
    retryAtMs: 3_000_000,
    failures: 3,
    failedAtMs: 5,
    untoldError: REFUSED,
    isDoubtful: true,
  });
  kept.hurry();
  assertEquals([kept.dueAtMs(0), kept.failures, kept.failedAtMs], [TCP.renewAtMs, 0, -Infinity]);
  assertEquals([kept.untoldError, kept.isDoubtful], [REFUSED, true]);
  kept.succeed();
  assertEquals([kept.untoldError, kept.isDoubtful], [undefined, false]);
});

Deno.test("KeptWish.expire() drops exactly what is over, and tells what had been told", () => {
  const kept = holding(PAIR, TCP, UDP);
  kept.news(undefined, 0);
  assertEquals(kept.expire(TCP.expiresAtMs - 1), []);
  assertEquals(kept.expire(TCP.expiresAtMs), [
    { type: "expired", mapping: TCP_KEY, previousExternalPort: 40_001 },
  ]);
  assertEquals([kept.leases, kept.expiresAtMs], [[UDP], UDP.expiresAtMs]);
  assertEquals(kept.expire(TCP.expiresAtMs), []);
});

Deno.test("KeptWish.expire() makes the wish due at once", () => {
  const kept = holding(SINGLE, TCP);
  Object.assign(kept, { retryAtMs: Infinity, failures: 9 });
  kept.expire(TCP.expiresAtMs);
  assertEquals([kept.dueAtMs(0), kept.failures, kept.isHeld], [-Infinity, 0, false]);
});

Deno.test("KeptWish.age() makes leases due now and older, which a renewal has to confirm before they expire", () => {
  const kept = holding(SINGLE, TCP);
  kept.news(undefined, 0);
  kept.age(3_000_000, 1000);
  assertEquals([kept.dueAtMs(0), kept.expiresAtMs], [1000, 600_000]);
  assertEquals(kept.expire(700_000), []);
  kept.isDoubtful = false;
  assertEquals(kept.expire(700_000).map(({ type }) => type), ["expired"]);
});

Deno.test("KeptWish.age() by nothing makes leases due, and shortens and doubts none", () => {
  const kept = holding(SINGLE, TCP);
  kept.age(0, 1000);
  assertEquals([kept.dueAtMs(0), kept.expiresAtMs, kept.isDoubtful], [1000, TCP.expiresAtMs, false]);
});

Deno.test("KeptWish.age() doubts nothing where nothing is held", () => {
  const kept = new KeptWish(SINGLE);
  kept.age(5000, 0);
  assertEquals(kept.isDoubtful, false);
});

Deno.test("KeptWish.toDelete() knows the port of a half, also when nobody knows whether that stands", () => {
  const kept = new KeptWish({ protocols: ["tcp", "udp"], internalPort: 80 });
  const lease = leaseOf();
  kept.grant([{ mapping: TCP_KEY, lease }], () => 0);
  kept.suspect(TCP_KEY);
  const { externalPort, expiresAtMs } = lease;
  assertEquals(kept.toDelete(TCP_KEY), { ...TCP_KEY, externalPort, expiresAtMs });
});

Deno.test("KeptWish.standing is what is held and what was suspected, in the wish's order", () => {
  const kept = new KeptWish(PAIR);
  kept.suspect(UDP_KEY);
  kept.suspect(TCP_KEY);
  assertEquals(kept.standing, [TCP_KEY, UDP_KEY]);
  kept.drop(UDP_KEY, "unmapped");
  assertEquals(kept.standing, [TCP_KEY]);
});

Deno.test("KeptWish.newWish is the wish itself where it names a port, whatever was granted", () => {
  const kept = holding(SINGLE, TCP);
  kept.drop(TCP_KEY, "expired");
  assertEquals(kept.newWish, SINGLE);
});

Deno.test("KeptWish.newWish suggests the port that the gateway chose last, and insists on none", () => {
  const wish: MappingWish = { protocols: ["tcp", "udp"], internalPort: 80, exact: true };
  const kept = holding(wish, { ...TCP, externalPort: 40_005 }, { ...UDP, externalPort: 40_006 });
  kept.forget();
  assertEquals(kept.newWish, { ...wish, externalPort: 40_005, exact: false });
});

Deno.test("KeptWish.forget() drops everything without a word, and makes it due", () => {
  const kept = holding(PAIR, TCP, UDP);
  kept.news(undefined, 0);
  kept.suspect(UDP_KEY);
  kept.retryAtMs = Infinity;
  kept.forget();
  assertEquals([kept.isHeld, kept.standing, kept.dueAtMs(0), kept.expiresAtMs], [
    false,
    [],
    -Infinity,
    Infinity,
  ]);
  kept.grant(outcomesOf(TCP, UDP), () => 0);
  assertEquals(kept.news(undefined, 0).map(({ type }) => type), ["mapped", "mapped"]);
});

Deno.test("KeptWish.news() tells each of a pair once, and the port that it moved to", () => {
  const kept = holding(PAIR, TCP, UDP);
  assertEquals(kept.news("198.51.100.7", 0).map(({ type }) => type), ["mapped", "mapped"]);
  kept.grant(outcomesOf({ ...UDP, externalPort: 40_002 }), () => 0);
  assertEquals(kept.news("198.51.100.7", 0), [{
    type: "changed",
    lease: { ...UDP, externalPort: 40_002 },
    externalAddress: "198.51.100.7",
    previousExternalPort: 40_001,
  }]);
});
