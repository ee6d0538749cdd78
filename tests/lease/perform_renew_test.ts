import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { PortDiffersError } from "../../lib/errors.ts";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import { type Outcome, renew, type RenewOptions } from "../../lib/lease/perform.ts";
import type { TransportProtocol } from "../../lib/port_mapper.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const LIMIT = { timeoutMs: 5000 };
const SINGLE: WantedMapping = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const PAIR: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 };

/** Renews what is held at these ports. */
function renewed(
  mapper: FakeMapper,
  wanted: WantedMapping,
  ports: Partial<Record<TransportProtocol, number>>,
  options: Partial<RenewOptions> = {},
): Promise<Outcome[]> {
  return renew(mapper, wanted, {
    portOf: (protocol) => ports[protocol],
    nextLimits: () => LIMIT,
    ...options,
  });
}

/** What became of each protocol: a port, or an error. */
function shortly(outcomes: readonly Outcome[]): (readonly [TransportProtocol, unknown])[] {
  return outcomes.map((outcome) =>
    [outcome.mapping.protocol, "lease" in outcome ? outcome.lease.externalPort : outcome.error] as const
  );
}

function differenceIn(
  outcome: Outcome | undefined,
): Pick<PortDiffersError, "requirement" | "wantedPort" | "grantedPort"> {
  assert(outcome !== undefined && "error" in outcome);
  assertInstanceOf(outcome.error, PortDiffersError);
  const { requirement, wantedPort, grantedPort } = outcome.error;
  return { requirement, wantedPort, grantedPort };
}

Deno.test("renew() asks for the port that is held, which need not be the wanted one (§3.3)", async () => {
  const mapper = new FakeMapper();
  assertEquals(shortly(await renewed(mapper, SINGLE, { tcp: 40_001 })), [["tcp", 40_001]]);
  assertEquals(mapper.calls, ["map tcp 80 at 40001"]);
  assertEquals(mapper.limits, [LIMIT]);
});

Deno.test("renew() asks for the wanted lifetime, and for none where none is wanted", async () => {
  const mapper = new FakeMapper();
  await renewed(mapper, { ...SINGLE, lifetimeSeconds: 60 }, { tcp: 8080 });
  await renewed(mapper, SINGLE, { tcp: 8080 });
  assertEquals(mapper.mapRequests.map(({ lifetimeSeconds }) => lifetimeSeconds), [60, undefined]);
});

Deno.test("renew() returns leases whose requested port is the wanted one, and none where the gateway was to choose", async () => {
  for (const externalPort of [8080, undefined]) {
    const [outcome] = await renewed(new FakeMapper(), { ...SINGLE, externalPort }, { tcp: 40_001 });
    assert(outcome !== undefined && "lease" in outcome);
    assertEquals(outcome.lease.requestedExternalPort, externalPort);
  }
});

Deno.test("renew() asks for a pair in the wanted order, and for the named protocols only", async () => {
  const mapper = new FakeMapper();
  const held = { tcp: 8080, udp: 8080 };
  await renewed(mapper, PAIR, held);
  await renewed(mapper, PAIR, held, { protocols: ["udp"] });
  assertEquals(mapper.calls, ["map tcp 80 at 8080", "map udp 80 at 8080", "map udp 80 at 8080"]);
});

Deno.test("renew() keeps a living lease that moves, whatever is wanted", async () => {
  for (const wanted of [{ ...SINGLE, exact: true }, { ...PAIR, exact: true, protocols: ["tcp"] as const }]) {
    const mapper = new FakeMapper();
    mapper.onMap = () => 40_001;
    assertEquals(shortly(await renewed(mapper, wanted, { tcp: 8080 })), [["tcp", 40_001]]);
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

Deno.test("renew() returns that a missing half got another port although it cannot be given back", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = () => 40_002;
  mapper.onUnmap = () => NO_ANSWER;
  const outcomes = await renewed(mapper, PAIR, { tcp: 8080 }, { protocols: ["udp"] });
  assertEquals(differenceIn(outcomes[0]), { requirement: "pair", wantedPort: 8080, grantedPort: 40_002 });
});

Deno.test("renew() returns that a missing half got another port although its backend leaves it to expire", async () => {
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

Deno.test("renew() ends before the next request once there are no limits for it", async () => {
  const mapper = new FakeMapper();
  const left = [LIMIT];
  const outcomes = await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 }, { nextLimits: () => left.shift() });
  assertEquals(shortly(outcomes), [["tcp", 8080]]);
  assertEquals(await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 }, { nextLimits: () => undefined }), []);
  assertEquals(mapper.calls, ["map tcp 80 at 8080"]);
});

for (const error of [REFUSED, NO_ANSWER]) {
  Deno.test(`renew() returns ${error.name} as the outcome of its protocol alone`, async () => {
    const mapper = new FakeMapper();
    mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? error : externalPort;
    assertEquals(shortly(await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 })), [["tcp", 8080], [
      "udp",
      error,
    ]]);
  });
}

Deno.test("renew() asks for the other half after a refusal, and not after silence", async () => {
  for (const [error, expected] of [[REFUSED, ["tcp", "udp"]], [NO_ANSWER, ["tcp"]]] as const) {
    const mapper = new FakeMapper();
    mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "tcp" ? error : externalPort;
    const outcomes = await renewed(mapper, PAIR, { tcp: 8080, udp: 8080 });
    assertEquals(outcomes.map(({ mapping }) => mapping.protocol), [...expected]);
  }
});

Deno.test("renew() calls back at each grant, also of a half that it gives back", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? 40_002 : externalPort;
  const seen: string[] = [];
  await renewed(mapper, PAIR, { tcp: 8080 }, {
    onGrant: ({ protocol, externalPort }) => seen.push(`${protocol} ${externalPort}, ${mapper.calls.length}`),
  });
  assertEquals(seen, ["tcp 8080, 1", "udp 40002, 2"]);
  assertEquals(mapper.deletions[0]?.externalPort, 40_002);
});

Deno.test("renew() asks on no other port when a lease ends meanwhile", async () => {
  const mapper = new FakeMapper();
  let port: number | undefined = 40_001;
  mapper.onMap = ({ externalPort = 0 }) => (port = undefined, externalPort);
  const outcomes = await renewed(mapper, PAIR, {}, { portOf: () => port });
  assertEquals(shortly(outcomes), [["tcp", 40_001], ["udp", 40_001]]);
});
