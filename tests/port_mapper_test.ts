import { assertEquals } from "@std/assert";
import { isSameMapping, mappingName } from "../lib/port_mapper.ts";
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
