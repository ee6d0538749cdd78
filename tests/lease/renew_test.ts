import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { PortDiffersError } from "../../lib/errors.ts";
import type { AcquireOutcome, MappingWish } from "../../lib/lease/acquire.ts";
import { renew, type RenewOptions } from "../../lib/lease/renew.ts";
import type { TransportProtocol } from "../../lib/port_mapper.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const LIMIT = { timeoutMs: 5000 };
const SINGLE: MappingWish = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const PAIR: MappingWish = { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 };

/** Renews what is held at these ports. */
function renewed(
  mapper: FakeMapper,
  wish: MappingWish,
  ports: Partial<Record<TransportProtocol, number>>,
  options: Partial<RenewOptions> = {},
): Promise<AcquireOutcome[]> {
  return renew(mapper, wish, { portOf: (protocol) => ports[protocol], limits: () => LIMIT, ...options });
}

/** What became of each protocol: a port, or an error. */
function shortly(outcomes: readonly AcquireOutcome[]): (readonly [TransportProtocol, unknown])[] {
  return outcomes.map((outcome) =>
    [outcome.mapping.protocol, "lease" in outcome ? outcome.lease.externalPort : outcome.error] as const
  );
}

function differenceIn(
  outcome: AcquireOutcome | undefined,
): Pick<PortDiffersError, "requirement" | "wantedPort" | "grantedPort"> {
  assert(outcome !== undefined && "error" in outcome);
  assertInstanceOf(outcome.error, PortDiffersError);
  const { requirement, wantedPort, grantedPort } = outcome.error;
  return { requirement, wantedPort, grantedPort };
}

Deno.test("renew() asks for the port that is held, which need not be the wish's (§3.3)", async () => {
  const mapper = new FakeMapper();
  assertEquals(shortly(await renewed(mapper, SINGLE, { tcp: 40_001 })), [["tcp", 40_001]]);
  assertEquals(mapper.calls, ["map tcp 80 at 40001"]);
  assertEquals(mapper.limits, [LIMIT]);
});

Deno.test("renew() asks for the wish's lifetime, and for none where the wish has none", async () => {
  const mapper = new FakeMapper();
  await renewed(mapper, { ...SINGLE, lifetimeSeconds: 60 }, { tcp: 8080 });
  await renewed(mapper, SINGLE, { tcp: 8080 });
  assertEquals(mapper.mapRequests.map(({ lifetimeSeconds }) => lifetimeSeconds), [60, undefined]);
});

Deno.test("renew() gives leases whose requested port is the wish's, and none where the gateway was to choose", async () => {
  for (const externalPort of [8080, undefined]) {
    const [outcome] = await renewed(new FakeMapper(), { ...SINGLE, externalPort }, { tcp: 40_001 });
    assert(outcome !== undefined && "lease" in outcome);
    assertEquals(outcome.lease.requestedExternalPort, externalPort);
    assertEquals("requestedExternalPort" in outcome.lease, externalPort !== undefined);
  }
});

Deno.test("renew() asks for a pair in the wish's order, and for the named protocols only", async () => {
  const mapper = new FakeMapper();
  const held = { tcp: 8080, udp: 8080 };
  await renewed(mapper, PAIR, held);
  await renewed(mapper, PAIR, held, { protocols: ["udp"] });
  assertEquals(mapper.calls, ["map tcp 80 at 8080", "map udp 80 at 8080", "map udp 80 at 8080"]);
});

Deno.test("renew() keeps a live lease that moves, whatever the wish demands", async () => {
  for (const wish of [{ ...SINGLE, exact: true }, { ...PAIR, exact: true, protocols: ["tcp"] as const }]) {
    const mapper = new FakeMapper();
    mapper.onMap = () => 40_001;
    assertEquals(shortly(await renewed(mapper, wish, { tcp: 8080 })), [["tcp", 40_001]]);
    assertEquals(mapper.calls.length, 1);
  }
});

Deno.test("renew() asks for the second of a pair on the port to which the first has moved from their common one", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "tcp" ? 40_001 : externalPort;
  assertEquals(shortly(await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 })), [["tcp", 40_001], [
    "udp",
    40_001,
  ]]);
});

Deno.test("renew() leaves the second of a pair on its own port when that never was the first's", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "tcp" ? 40_001 : externalPort;
  const outcomes = await renewed(mapper, { ...PAIR, anyPort: true }, { tcp: 8080, udp: 9090 });
  assertEquals(shortly(outcomes), [["tcp", 40_001], ["udp", 9090]]);
});

for (const [missing, held] of [["udp", "tcp"], ["tcp", "udp"]] as const) {
  Deno.test(`renew() asks for a missing ${missing} half on the port of the ${held} half`, async () => {
    const mapper = new FakeMapper();
    const outcomes = await renewed(mapper, PAIR, { [held]: 40_001 });
    assertEquals(shortly(outcomes), [["tcp", 40_001], ["udp", 40_001]]);
    assertEquals(mapper.calls, ["map tcp 80 at 40001", "map udp 80 at 40001"]);
  });
}

Deno.test("renew() gives a missing half back that gets another port than its sibling", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? 40_002 : externalPort;
  const [tcp, udp] = await renewed(mapper, PAIR, { tcp: 8080 });
  assert(tcp !== undefined && "lease" in tcp);
  assertEquals(differenceIn(udp), { requirement: "pair", wantedPort: 8080, grantedPort: 40_002 });
  assertEquals(mapper.calls.slice(2), ["unmap udp 80"]);
  assertEquals(mapper.limits[2], { ...LIMIT, maxAttempts: 2 });
});

Deno.test("renew() tells that a missing half got another port although it cannot be given back", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = () => 40_002;
  mapper.onUnmap = () => NO_ANSWER;
  const outcomes = await renewed(mapper, PAIR, { tcp: 8080 }, { protocols: ["udp"] });
  assertEquals(differenceIn(outcomes[0]), { requirement: "pair", wantedPort: 8080, grantedPort: 40_002 });
});

Deno.test("renew() never deletes internal port 0, which would delete everything", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = () => 40_002;
  const [udp] = await renewed(mapper, { ...PAIR, internalPort: 0 }, { tcp: 8080 }, { protocols: ["udp"] });
  assertEquals(differenceIn(udp).requirement, "pair");
  assertEquals(mapper.calls, ["map udp 0 at 8080"]);
});

Deno.test("renew() takes a missing half on any port with anyPort, and on none but the exact one with exact", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = () => 40_002;
  const anyPort = await renewed(mapper, { ...PAIR, anyPort: true }, { tcp: 8080 }, { protocols: ["udp"] });
  assertEquals(shortly(anyPort), [["udp", 40_002]]);
  const exact = await renewed(mapper, { ...PAIR, anyPort: true, exact: true }, { tcp: 8080 }, {
    protocols: ["udp"],
  });
  assertEquals(differenceIn(exact[0]), { requirement: "exact", wantedPort: 8080, grantedPort: 40_002 });
});

Deno.test("renew() ends before the next request once there is no time for it", async () => {
  const mapper = new FakeMapper();
  const left = [LIMIT];
  const outcomes = await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 }, { limits: () => left.shift() });
  assertEquals(shortly(outcomes), [["tcp", 8080]]);
  assertEquals(await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 }, { limits: () => undefined }), []);
  assertEquals(mapper.calls, ["map tcp 80 at 8080"]);
});

for (const error of [REFUSED, NO_ANSWER]) {
  Deno.test(`renew() gives ${error.name} as the outcome of its protocol alone`, async () => {
    const mapper = new FakeMapper();
    mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? error : externalPort;
    assertEquals(shortly(await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 })), [["tcp", 8080], [
      "udp",
      error,
    ]]);
  });
}
