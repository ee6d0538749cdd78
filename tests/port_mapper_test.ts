import { assertEquals } from "@std/assert";
import { isSameMapping, mappingName, wallEndOf } from "../lib/port_mapper.ts";
import { ManualClock } from "../lib/simulator/mod.ts";
import { leaseOf } from "./support/leases.ts";

Deno.test("mappingName() is protocol and internal port, of a key as of a lease", () => {
  assertEquals(mappingName({ protocol: "udp", internalPort: 51_820 }), "udp 51820");
  assertEquals(mappingName({ protocol: "tcp", internalPort: 0 }), "tcp 0");
  assertEquals(mappingName(leaseOf()), "tcp 80");
});

Deno.test("isSameMapping() compares protocol and internal port alone", () => {
  assertEquals(isSameMapping(leaseOf(), { protocol: "tcp", internalPort: 80 }), true);
  assertEquals(isSameMapping(leaseOf(), leaseOf({ externalPort: 1, lifetimeSeconds: 1 })), true);
  assertEquals(isSameMapping(leaseOf(), leaseOf({ protocol: "udp" })), false);
  assertEquals(isSameMapping(leaseOf(), leaseOf({ internalPort: 81 })), false);
});

Deno.test("wallEndOf() is known only for a mapping that will end and has not", () => {
  const clock = new ManualClock({ startMs: 5000, wallStart: new Date("2026-01-01T00:00:00Z") });
  assertEquals(wallEndOf(clock, 65_000), new Date("2026-01-01T00:01:00Z"));
  for (const expiresAtMs of [undefined, 4999, 5000, Infinity]) {
    assertEquals(wallEndOf(clock, expiresAtMs), undefined, String(expiresAtMs));
  }
});
