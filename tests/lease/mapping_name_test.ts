import { assertEquals } from "@std/assert";
import { mappingName } from "../../lib/lease/mapping_name.ts";
import { leaseOf } from "../support/leases.ts";

Deno.test("mappingName() is protocol and internal port, of a key as of a lease", () => {
  assertEquals(mappingName({ protocol: "udp", internalPort: 51_820 }), "udp 51820");
  assertEquals(mappingName({ protocol: "tcp", internalPort: 0 }), "tcp 0");
  assertEquals(mappingName(leaseOf()), "tcp 80");
});
