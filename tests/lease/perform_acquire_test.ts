import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { NotSupportedError, PortDiffersError } from "../../lib/errors.ts";
import { Interrupted } from "../../lib/lease/cause.ts";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import { acquire, type Acquired, type AcquireOptions } from "../../lib/lease/perform.ts";
import { NatPmpClient } from "../../lib/natpmp/client.ts";
import type { Lease } from "../../lib/port_mapper.ts";
import { type Faults, ManualClock, MemoryNetwork, SimulatedGateway } from "../../lib/simulator/mod.ts";
import { type Answer, FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const SINGLE: WantedMapping = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const PAIR: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 };

/** A gateway's client whose requests are answered in turn, and then granted what they ask for. */
function granting(...grants: readonly Answer<number>[]): FakeMapper {
  const mapper = new FakeMapper();
  const left = [...grants];
  mapper.onMap = ({ externalPort }) => left.shift() ?? externalPort ?? 50_000;
  return mapper;
}

/** The mappings whose deletion was asked for. */
function unmapsOf({ deletions }: FakeMapper): string[] {
  return deletions.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`);
}

/** The leases of a wanted mapping that was granted. */
function leasesOf({ outcomes }: Acquired): Lease[] {
  return outcomes.map((outcome) => {
    if ("error" in outcome) throw outcome.error;
    return outcome.lease;
  });
}

/** The error that every outcome of a failed try is. */
function errorOf({ outcomes }: Acquired): unknown {
  const errors = outcomes.map((outcome) => {
    assert("error" in outcome);
    return outcome.error;
  });
  for (const error of errors) assertStrictEquals(error, errors[0]);
  return errors[0];
}

// ---- one protocol ----

Deno.test("acquire() asks for one mapping and returns its lease", async () => {
  const mapper = new FakeMapper();
  const acquired = await acquire(mapper, { ...SINGLE, lifetimeSeconds: 60 });
  assertEquals(mapper.mapRequests, [{
    protocol: "tcp",
    internalPort: 80,
    externalPort: 8080,
    lifetimeSeconds: 60,
  }]);
  const [lease] = leasesOf(acquired);
  assertEquals([lease?.externalPort, lease?.requestedExternalPort, lease?.requestedLifetimeSeconds], [
    8080,
    8080,
    60,
  ]);
  assertEquals(acquired.leftovers, []);
  assertEquals(unmapsOf(mapper), []);
});

Deno.test("acquire() asks for no external port and no lifetime when none is wanted", async () => {
  const mapper = new FakeMapper();
  const [lease] = leasesOf(await acquire(mapper, { protocols: ["udp"], internalPort: 4000 }));
  assertEquals(mapper.calls, ["map udp 4000"]);
  assertEquals([mapper.mapRequests[0]?.lifetimeSeconds, lease?.requestedExternalPort], [
    undefined,
    undefined,
  ]);
});

Deno.test("acquire() takes a lease on another port than the wanted one, unless that has to be exact", async () => {
  const [lease] = leasesOf(await acquire(granting(9000), SINGLE));
  assertEquals([lease?.externalPort, lease?.requestedExternalPort], [9000, 8080]);
});

Deno.test("acquire() limits each request as it is limited itself", async () => {
  const mapper = new FakeMapper();
  const { signal } = new AbortController();
  await acquire(mapper, PAIR, { timeoutMs: 1000, maxAttempts: 3, signal });
  for (const options of mapper.limits) {
    assertEquals([options.timeoutMs, options.maxAttempts, options.signal], [1000, 3, signal]);
  }
});

for (
  const error of [
    REFUSED,
    new NotSupportedError("no", "unsupported-version"),
    NO_ANSWER,
    new Error("aborted"),
  ]
) {
  Deno.test(`acquire() returns ${error.name} (${error.message}) as the outcome, and deletes nothing`, async () => {
    const mapper = granting(error);
    const acquired = await acquire(mapper, SINGLE);
    assertEquals(acquired, {
      outcomes: [{ mapping: { protocol: "tcp", internalPort: 80 }, error }],
      leftovers: [],
    });
    assertEquals(unmapsOf(mapper), []);
  });
}

// ---- exact ----

Deno.test("acquire() deletes a new mapping that misses exact, and names both ports", async () => {
  const mapper = granting(9000);
  const acquired = await acquire(mapper, { ...SINGLE, exact: true });
  const error = errorOf(acquired);
  assertInstanceOf(error, PortDiffersError);
  assertEquals([error.requirement, error.wantedPort, error.grantedPort], ["exact", 8080, 9000]);
  assertEquals(unmapsOf(mapper), ["tcp 80"]);
  assertEquals(acquired.leftovers, []);
});

Deno.test("acquire() keeps a mapping that meets exact", async () => {
  const mapper = new FakeMapper();
  leasesOf(await acquire(mapper, { ...PAIR, exact: true }));
  assertEquals(unmapsOf(mapper), []);
});

Deno.test("acquire() has nothing to hold exact against when no port is wanted", async () => {
  const mapper = granting(9000);
  leasesOf(await acquire(mapper, { protocols: ["tcp"], internalPort: 80, exact: true }));
  assertEquals(unmapsOf(mapper), []);
});

Deno.test("acquire() does not ask for the second of a pair when the first misses exact", async () => {
  const mapper = granting(9000);
  assertInstanceOf(errorOf(await acquire(mapper, { ...PAIR, exact: true })), PortDiffersError);
  assertEquals(mapper.mapRequests.map(({ protocol }) => protocol), ["tcp"]);
  assertEquals(unmapsOf(mapper), ["tcp 80"]);
});

Deno.test("acquire() deletes both when the second misses exact, also with anyPort", async () => {
  for (const anyPort of [false, true]) {
    const mapper = granting(8080, 9000);
    const error = errorOf(await acquire(mapper, { ...PAIR, exact: true, anyPort }));
    assertInstanceOf(error, PortDiffersError);
    assertEquals([error.wantedPort, error.grantedPort], [8080, 9000]);
    assertEquals(unmapsOf(mapper).toSorted(), ["tcp 80", "udp 80"]);
  }
});

Deno.test("acquire() keeps a live mapping that misses exact", async () => {
  const mapper = granting(9000);
  const acquired = await acquire(mapper, { ...SINGLE, exact: true }, { isNew: () => false });
  assertInstanceOf(errorOf(acquired), PortDiffersError);
  assertEquals(unmapsOf(mapper), []);
  assertEquals(acquired.leftovers, []);
});

// ---- pairs ----

Deno.test("acquire() asks for TCP first, and for UDP on the port that TCP was granted", async () => {
  const mapper = granting(9000);
  const leases = leasesOf(await acquire(mapper, PAIR));
  assertEquals(mapper.mapRequests.map(({ protocol, externalPort }) => [protocol, externalPort]), [
    ["tcp", 8080],
    ["udp", 9000],
  ]);
  assertEquals(leases.map(({ protocol, externalPort }) => [protocol, externalPort]), [
    ["tcp", 9000],
    ["udp", 9000],
  ]);
  // The port that counts as asked for is the wanted one, whatever was suggested for the second.
  assertEquals(leases.map(({ requestedExternalPort }) => requestedExternalPort), [8080, 8080]);
});

Deno.test("acquire() suggests the first one's port to the second when the gateway was to choose", async () => {
  const mapper = granting(40_001);
  const leases = leasesOf(await acquire(mapper, { protocols: ["tcp", "udp"], internalPort: 80 }));
  assertEquals(mapper.calls, ["map tcp 80", "map udp 80 at 40001"]);
  for (const lease of leases) assertEquals(lease.requestedExternalPort, undefined);
});

Deno.test("acquire() asks in the wanted order", async () => {
  const mapper = new FakeMapper();
  await acquire(mapper, { ...PAIR, protocols: ["udp", "tcp"] });
  assertEquals(mapper.mapRequests.map(({ protocol }) => protocol), ["udp", "tcp"]);
});

Deno.test("acquire() deletes the first when the second is refused, and both outcomes are that refusal", async () => {
  const mapper = granting(8080, REFUSED);
  const acquired = await acquire(mapper, PAIR);
  assertEquals(acquired.outcomes, [
    { mapping: { protocol: "tcp", internalPort: 80 }, error: REFUSED },
    { mapping: { protocol: "udp", internalPort: 80 }, error: REFUSED },
  ]);
  assertEquals(unmapsOf(mapper), ["tcp 80"]);
  assertEquals(acquired.leftovers, []);
});

Deno.test("acquire() does not ask for the second when the first is refused", async () => {
  const mapper = granting(REFUSED);
  assertStrictEquals(errorOf(await acquire(mapper, PAIR)), REFUSED);
  assertEquals([mapper.mapRequests.length, unmapsOf(mapper).length], [1, 0]);
});

Deno.test("acquire() deletes both when the second gets another port", async () => {
  const mapper = granting(8080, 9000);
  const acquired = await acquire(mapper, PAIR);
  const error = errorOf(acquired);
  assertInstanceOf(error, PortDiffersError);
  assertEquals([error.requirement, error.wantedPort, error.grantedPort], ["pair", 8080, 9000]);
  assertEquals(unmapsOf(mapper).toSorted(), ["tcp 80", "udp 80"]);
  assertEquals(acquired.leftovers, []);
});

Deno.test("acquire() takes two different ports with anyPort", async () => {
  const mapper = granting(8080, 9000);
  const leases = leasesOf(await acquire(mapper, { ...PAIR, anyPort: true }));
  assertEquals(leases.map(({ externalPort }) => externalPort), [8080, 9000]);
  assertEquals(unmapsOf(mapper), []);
});

// ---- what existed before ----

for (
  const [alive, when, grants, unmaps] of [
    ["tcp", "the second is refused", [8080, REFUSED], []],
    ["udp", "the second is refused", [8080, REFUSED], ["tcp 80"]],
    ["tcp", "the second differs", [8080, 9000], ["udp 80"]],
    ["udp", "the second differs", [8080, 9000], ["tcp 80"]],
  ] as const
) {
  Deno.test(`acquire() keeps the ${alive} mapping that was alive before when ${when}`, async () => {
    const mapper = granting(...grants);
    const isNew: AcquireOptions["isNew"] = ({ protocol, internalPort }) => {
      assertEquals(internalPort, 80);
      return protocol !== alive;
    };
    const acquired = await acquire(mapper, PAIR, { isNew });
    errorOf(acquired);
    assertEquals(unmapsOf(mapper), [...unmaps]);
    assertEquals(acquired.leftovers, []);
  });
}

// ---- silence ----

Deno.test("acquire() deletes nothing after silence: the first stands, and the second is unknown", async () => {
  const mapper = granting(8080, NO_ANSWER);
  const { outcomes, leftovers } = await acquire(mapper, PAIR);
  assert("lease" in outcomes[0]! && "error" in outcomes[1]!);
  assertEquals(outcomes[0].lease.externalPort, 8080);
  assertStrictEquals(outcomes[1].error, NO_ANSWER);
  assertEquals(outcomes.map(({ mapping }) => mapping.protocol), ["tcp", "udp"]);
  assertEquals([unmapsOf(mapper), leftovers], [[], []]);
});

Deno.test("acquire() asks for nothing more after silence", async () => {
  const mapper = granting(NO_ANSWER);
  assertStrictEquals(errorOf(await acquire(mapper, PAIR)), NO_ANSWER);
  assertEquals([mapper.mapRequests.length, unmapsOf(mapper).length], [1, 0]);
});

// ---- leftovers ----

Deno.test("acquire() names what could not be deleted again, and tries the other all the same", async () => {
  for (const failures of [[NO_ANSWER, undefined], [undefined, REFUSED]]) {
    const mapper = granting(8080, 9000);
    const left = [...failures];
    mapper.onUnmap = () => left.shift();
    const { leftovers } = await acquire(mapper, PAIR);
    assertEquals(unmapsOf(mapper).length, 2);
    const failedAt = failures.findIndex((failure) => failure !== undefined);
    assertEquals(leftovers.map(({ protocol }) => `${protocol} 80`), [unmapsOf(mapper)[failedAt]]);
  }
});

Deno.test("acquire() counts as left over what its backend leaves to expire", async () => {
  const mapper = granting(40_001, REFUSED);
  const { leftovers } = await acquire(mapper, {
    protocols: ["tcp", "udp"],
    internalPort: 0,
    externalPort: 1,
  });
  assertEquals(mapper.calls, ["map tcp 0 at 1", "map udp 0 at 40001"]);
  assertEquals(leftovers.map(({ protocol, externalPort }) => [protocol, externalPort]), [["tcp", 40_001]]);
});

Deno.test("acquire() deletes with one or two tries (§3.1), under the caller's other limits", async () => {
  const { signal } = new AbortController();
  for (const [maxAttempts, wanted] of [[undefined, 2], [9, 2], [2, 2], [1, 1]] as const) {
    const mapper = granting(8080, REFUSED);
    const limits = { timeoutMs: 1000, signal, ...(maxAttempts === undefined ? {} : { maxAttempts }) };
    await acquire(mapper, PAIR, limits);
    assertEquals(mapper.limits.at(-1), { timeoutMs: 1000, signal, maxAttempts: wanted });
  }
});

Deno.test("acquire() names the external port of each mapping that it deletes", async () => {
  const mapper = granting(8080, 9000);
  await acquire(mapper, PAIR);
  assertEquals(mapper.deletions.map(({ protocol, externalPort }) => [protocol, externalPort]), [
    ["tcp", 8080],
    ["udp", 9000],
  ]);
});

// ---- grants and limits one by one ----

Deno.test("acquire() calls back at each grant, also of one that will not do", async () => {
  const mapper = granting(8080, 9000);
  const seen: string[] = [];
  const onGrant = ({ protocol, externalPort }: Lease) =>
    seen.push(`${protocol} ${externalPort}, ${mapper.calls.length}`);
  await acquire(mapper, PAIR, { onGrant });
  assertEquals(seen, ["tcp 8080, 1", "udp 9000, 2"]);
});

Deno.test("acquire() calls back for no request that failed", async () => {
  for (const error of [REFUSED, NO_ANSWER]) {
    const granted: string[] = [];
    await acquire(granting(8080, error), PAIR, { onGrant: ({ protocol }) => granted.push(protocol) });
    assertEquals(granted, ["tcp"]);
  }
});

Deno.test("acquire() asks for the limits of each request, its deletions included", async () => {
  const mapper = granting(8080, 9000);
  let timeoutMs = 0;
  await acquire(mapper, PAIR, { timeoutMs: 9999, nextLimits: () => ({ timeoutMs: ++timeoutMs * 1000 }) });
  assertEquals(mapper.limits.map((limits) => limits.timeoutMs), [1000, 2000, 3000, 4000]);
});

Deno.test("acquire() ends before the next request once there are no limits for it, and undoes nothing", async () => {
  const mapper = granting();
  const left = [{ timeoutMs: 1000 }];
  const { outcomes, leftovers } = await acquire(mapper, PAIR, { nextLimits: () => left.shift() });
  assertEquals(mapper.calls, ["map tcp 80 at 8080"]);
  assert("lease" in outcomes[0]! && "error" in outcomes[1]!);
  assertInstanceOf(outcomes[1].error, Interrupted);
  assertEquals(leftovers, []);
});

Deno.test("acquire() sends nothing when there are no limits for the first request", async () => {
  const mapper = granting();
  assertInstanceOf(errorOf(await acquire(mapper, PAIR, { nextLimits: () => undefined })), Interrupted);
  assertEquals(mapper.calls, []);
});

// ---- with the client and a gateway ----

class Lab {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, random: () => 0.5 });
  readonly gateway: SimulatedGateway;

  constructor(faults: Faults = {}) {
    this.gateway = new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random: () => 0.5,
      startMs: 0,
      announcesStart: false,
      faults,
    });
    this.network.attach(this.gateway, "10.0.0.1");
  }

  client(address: string): NatPmpClient {
    const { open } = this.network.host(address);
    return new NatPmpClient("10.0.0.1", { clock: this.clock, openSocket: open, allowPortZero: true });
  }

  get mappings(): string[] {
    return this.gateway.mappings(this.clock.now()).map(({ protocol, externalPort, address, internalPort }) =>
      `${protocol} ${externalPort} -> ${address}:${internalPort}`
    ).toSorted();
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }
}

Deno.test("acquire() gets a pair on one port from a gateway that has given the wanted one away", async () => {
  const lab = new Lab();
  await lab.run(lab.client("10.0.0.3").map({ protocol: "udp", internalPort: 80, externalPort: 8080 }));
  const leases = leasesOf(await lab.run(acquire(lab.client("10.0.0.2"), PAIR)));
  assertEquals(leases[0]?.externalPort, leases[1]?.externalPort);
  assertEquals(lab.mappings.length, 3);
  assertEquals(lab.gateway.counters.mostInFlight, 1);
});

Deno.test("acquire() leaves at the gateway what was there when exact is missed", async () => {
  const lab = new Lab();
  await lab.run(lab.client("10.0.0.3").map({ protocol: "tcp", internalPort: 80, externalPort: 8080 }));
  const acquired = await lab.run(acquire(lab.client("10.0.0.2"), { ...PAIR, exact: true }));
  assertInstanceOf(errorOf(acquired), PortDiffersError);
  assertEquals(lab.mappings, ["tcp 8080 -> 10.0.0.3:80"]);
});

Deno.test("acquire() deletes no other mapping of the host when a pair with internal port 0 fails", async () => {
  const lab = new Lab({ allowPortZero: true });
  const client = lab.client("10.0.0.2");
  await lab.run(client.map({ protocol: "tcp", internalPort: 22, externalPort: 2222 }));
  const wanted = { protocols: ["tcp", "udp"], internalPort: 0, externalPort: 1, exact: true } as const;
  const acquired = await lab.run(acquire(client, wanted));
  assertInstanceOf(errorOf(acquired), PortDiffersError);
  assertEquals(acquired.leftovers.length, 1);
  assert(lab.mappings.includes("tcp 2222 -> 10.0.0.2:22"));
});
