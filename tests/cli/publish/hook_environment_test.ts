import { assertEquals } from "@std/assert";
import { hookEnvironment, inheritedEnvironment } from "../../../lib/cli/publish/hook_environment.ts";
import { GATEWAY } from "../../support/test_world.ts";
import { heldLeaseOf } from "../../support/leases.ts";

const about = { gateway: GATEWAY, time: new Date("2026-01-01T00:00:00Z") };

Deno.test("hookEnvironment() of mapped has the mapping, its port, address and lifetime", () => {
  const event = { type: "mapped", lease: heldLeaseOf(), externalAddress: "203.0.113.7", ...about } as const;
  assertEquals(hookEnvironment(event), {
    NATPMP_EVENT: "mapped",
    NATPMP_PROTOCOL: "tcp",
    NATPMP_INTERNAL_PORT: "80",
    NATPMP_EXTERNAL_PORT: "40001",
    NATPMP_EXTERNAL_ADDRESS: "203.0.113.7",
    NATPMP_LIFETIME_SECONDS: "3600",
    NATPMP_GATEWAY: "10.0.0.1",
    NATPMP_VIA: "nat-pmp",
  });
});

Deno.test("hookEnvironment() sets what is known and nothing else", () => {
  const { NATPMP_EXTERNAL_ADDRESS: _, ...rest } = hookEnvironment({
    type: "mapped",
    lease: heldLeaseOf(),
    externalAddress: "203.0.113.7",
    ...about,
  });
  assertEquals(hookEnvironment({ type: "mapped", lease: heldLeaseOf(), ...about }), rest);
});

Deno.test("hookEnvironment() of changed has what was before", () => {
  const event = {
    type: "changed",
    lease: heldLeaseOf(),
    externalAddress: "203.0.113.8",
    previousExternalPort: 40_000,
    previousExternalAddress: "203.0.113.7",
    ...about,
  } as const;
  const environment = hookEnvironment(event);
  assertEquals(environment.NATPMP_EXTERNAL_PORT, "40001");
  assertEquals(environment.NATPMP_PREVIOUS_EXTERNAL_PORT, "40000");
  assertEquals(environment.NATPMP_PREVIOUS_EXTERNAL_ADDRESS, "203.0.113.7");
});

for (const type of ["expired", "unmapped"] as const) {
  Deno.test(`hookEnvironment() of ${type} has the port only as the previous one`, () => {
    const mapping = { protocol: "udp", internalPort: 53 } as const;
    assertEquals(
      hookEnvironment({ type, mapping, via: "nat-pmp", previousExternalPort: 53, ...about }, "203.0.113.7"),
      {
        NATPMP_EVENT: type,
        NATPMP_PROTOCOL: "udp",
        NATPMP_INTERNAL_PORT: "53",
        NATPMP_PREVIOUS_EXTERNAL_PORT: "53",
        NATPMP_EXTERNAL_ADDRESS: "203.0.113.7",
        NATPMP_GATEWAY: "10.0.0.1",
        NATPMP_VIA: "nat-pmp",
      },
    );
  });
}

Deno.test("hookEnvironment() of address has no mapping", () => {
  const event = {
    type: "address",
    externalAddress: "203.0.113.8",
    previousExternalAddress: "203.0.113.7",
    ...about,
  } as const;
  assertEquals(hookEnvironment(event), {
    NATPMP_EVENT: "address",
    NATPMP_EXTERNAL_ADDRESS: "203.0.113.8",
    NATPMP_PREVIOUS_EXTERNAL_ADDRESS: "203.0.113.7",
    NATPMP_GATEWAY: "10.0.0.1",
  });
});

Deno.test("inheritedEnvironment() drops NATPMP_* and NOTIFY_SOCKET and keeps the rest", () => {
  assertEquals(
    inheritedEnvironment({
      PATH: "/bin",
      NATPMP_EVENT: "x",
      natpmp_port: "1",
      NOTIFY_SOCKET: "/n",
      NATPMP: "bin",
    }),
    { PATH: "/bin", NATPMP: "bin" },
  );
});
