import { assert, assertEquals, assertFalse, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { NoAnswerError, NotSupportedError, PortDiffersError, RefusedError } from "../../lib/errors.ts";
import { acquire, type Acquired, type AcquireOptions, type MappingWish } from "../../lib/lease/acquire.ts";
import { NatPmpClient } from "../../lib/natpmp/client.ts";
import type {
  Lease,
  MappingKey,
  MapRequest,
  PortMapper,
  RequestOptions,
  Unmapped,
} from "../../lib/port_mapper.ts";
import { type Faults, ManualClock, MemoryNetwork, SimulatedGateway } from "../../lib/simulator/mod.ts";

const EFFORT = { attempts: 1, elapsedMs: 3 };
const REFUSED = new RefusedError("refused", "not-authorized", { resultCode: 2 });
const NO_ANSWER = new NoAnswerError("silent", EFFORT, { discarded: new Map() });

type Call =
  | { readonly map: MapRequest; readonly options: RequestOptions }
  | { readonly unmap: MappingKey; readonly options: RequestOptions };

interface MapperOptions {
  /** What each map request in turn is granted, or fails with. Without it, what it asks for. */
  readonly grants?: readonly (number | Error)[];
  /** What each deletion in turn fails with, if it does. */
  readonly failures?: readonly (Error | undefined)[];
}

/** A gateway's client that does as it is told, notes what it is asked, and minds that it is asked one at a time. */
class FakeMapper implements PortMapper {
  readonly gateway = "10.0.0.1";
  readonly calls: Call[] = [];
  readonly #grants: (number | Error)[];
  readonly #failures: (Error | undefined)[];
  #isBusy = false;

  constructor({ grants = [], failures = [] }: MapperOptions = {}) {
    this.#grants = [...grants];
    this.#failures = [...failures];
  }

  get maps(): MapRequest[] {
    return this.calls.flatMap((call) => "map" in call ? [call.map] : []);
  }

  get unmaps(): string[] {
    return this.calls.flatMap((call) =>
      "unmap" in call ? [`${call.unmap.protocol} ${call.unmap.internalPort}`] : []
    );
  }

  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    this.calls.push({ map: request, options });
    await this.#alone();
    const granted = this.#grants.shift() ?? request.externalPort ?? 50_000;
    if (granted instanceof Error) throw granted;
    const { externalPort: requested, lifetimeSeconds = 7200, ...key } = request;
    return {
      ...key,
      ...(requested === undefined ? {} : { requestedExternalPort: requested }),
      externalPort: granted,
      requestedLifetimeSeconds: lifetimeSeconds,
      lifetimeSeconds,
      grantedAtMs: 0,
      renewAtMs: 1,
      expiresAtMs: 2,
      ...EFFORT,
    };
  }

  async unmap(mapping: MappingKey, options: RequestOptions = {}): Promise<Unmapped> {
    this.calls.push({ unmap: mapping, options });
    await this.#alone();
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    return EFFORT;
  }

  externalAddress(): never {
    throw new Error("nobody asked for the address");
  }

  unmapAll(): never {
    throw new Error("nobody asked to delete everything");
  }

  onStateLost(): never {
    throw new Error("nobody asked for losses of state");
  }

  async #alone(): Promise<void> {
    assertFalse(this.#isBusy, "two requests at a time");
    this.#isBusy = true;
    await Promise.resolve();
    this.#isBusy = false;
  }
}

const SINGLE: MappingWish = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const PAIR: MappingWish = { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 };

/** The leases of a wish that was granted. */
function leasesOf({ outcomes }: Acquired): Lease[] {
  return outcomes.map((outcome) => {
    if ("error" in outcome) throw outcome.error;
    return outcome.lease;
  });
}

/** The error that every outcome of a failed wish is. */
function errorOf({ outcomes }: Acquired): unknown {
  const errors = outcomes.map((outcome) => {
    assert("error" in outcome);
    return outcome.error;
  });
  for (const error of errors) assertStrictEquals(error, errors[0]);
  return errors[0];
}

// ---- one protocol ----

Deno.test("acquire() asks for one mapping and gives its lease", async () => {
  const mapper = new FakeMapper();
  const acquired = await acquire(mapper, { ...SINGLE, lifetimeSeconds: 60 });
  assertEquals(mapper.maps, [{ protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 60 }]);
  const [lease] = leasesOf(acquired);
  assertEquals([lease?.externalPort, lease?.requestedExternalPort, lease?.lifetimeSeconds], [8080, 8080, 60]);
  assertEquals(acquired.leftovers, []);
  assertEquals(mapper.unmaps, []);
});

Deno.test("acquire() asks for no external port and no lifetime when the wish names none", async () => {
  const mapper = new FakeMapper();
  const [lease] = leasesOf(await acquire(mapper, { protocols: ["udp"], internalPort: 4000 }));
  assertEquals(mapper.maps, [{ protocol: "udp", internalPort: 4000 }]);
  assertFalse(Object.hasOwn(lease!, "requestedExternalPort"));
});

Deno.test("acquire() gives a lease on another port than the wish's, unless that has to be", async () => {
  const [lease] = leasesOf(await acquire(new FakeMapper({ grants: [9000] }), SINGLE));
  assertEquals([lease?.externalPort, lease?.requestedExternalPort], [9000, 8080]);
});

Deno.test("acquire() hands the limits of a request on", async () => {
  const mapper = new FakeMapper();
  const { signal } = new AbortController();
  await acquire(mapper, PAIR, { timeoutMs: 1000, maxAttempts: 3, signal });
  for (const { options } of mapper.calls) {
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
  Deno.test(`acquire() gives ${error.name} (${error.message}) as the outcome, and deletes nothing`, async () => {
    const mapper = new FakeMapper({ grants: [error] });
    const acquired = await acquire(mapper, SINGLE);
    assertEquals(acquired, {
      outcomes: [{ mapping: { protocol: "tcp", internalPort: 80 }, error }],
      leftovers: [],
    });
    assertEquals(mapper.unmaps, []);
  });
}

// ---- exact ----

Deno.test("acquire() deletes a new mapping that misses exact, and names both ports", async () => {
  const mapper = new FakeMapper({ grants: [9000] });
  const acquired = await acquire(mapper, { ...SINGLE, exact: true });
  const error = errorOf(acquired);
  assertInstanceOf(error, PortDiffersError);
  assertEquals([error.requirement, error.wantedPort, error.grantedPort], ["exact", 8080, 9000]);
  assertEquals(mapper.unmaps, ["tcp 80"]);
  assertEquals(acquired.leftovers, []);
});

Deno.test("acquire() keeps a mapping that meets exact", async () => {
  const mapper = new FakeMapper();
  leasesOf(await acquire(mapper, { ...PAIR, exact: true }));
  assertEquals(mapper.unmaps, []);
});

Deno.test("acquire() has nothing to hold exact against when the wish names no port", async () => {
  const mapper = new FakeMapper({ grants: [9000] });
  leasesOf(await acquire(mapper, { protocols: ["tcp"], internalPort: 80, exact: true }));
  assertEquals(mapper.unmaps, []);
});

Deno.test("acquire() does not ask for the second of a pair when the first misses exact", async () => {
  const mapper = new FakeMapper({ grants: [9000] });
  assertInstanceOf(errorOf(await acquire(mapper, { ...PAIR, exact: true })), PortDiffersError);
  assertEquals(mapper.maps.map(({ protocol }) => protocol), ["tcp"]);
  assertEquals(mapper.unmaps, ["tcp 80"]);
});

Deno.test("acquire() deletes both when the second misses exact, also with anyPort", async () => {
  for (const anyPort of [false, true]) {
    const mapper = new FakeMapper({ grants: [8080, 9000] });
    const error = errorOf(await acquire(mapper, { ...PAIR, exact: true, anyPort }));
    assertInstanceOf(error, PortDiffersError);
    assertEquals([error.wantedPort, error.grantedPort], [8080, 9000]);
    assertEquals(mapper.unmaps.toSorted(), ["tcp 80", "udp 80"]);
  }
});

Deno.test("acquire() keeps a live mapping that misses exact", async () => {
  const mapper = new FakeMapper({ grants: [9000] });
  const acquired = await acquire(mapper, { ...SINGLE, exact: true }, { isNew: () => false });
  assertInstanceOf(errorOf(acquired), PortDiffersError);
  assertEquals(mapper.unmaps, []);
  assertEquals(acquired.leftovers, []);
});

// ---- pairs ----

Deno.test("acquire() asks for TCP first, and for UDP on the port that TCP was granted", async () => {
  const mapper = new FakeMapper({ grants: [9000] });
  const leases = leasesOf(await acquire(mapper, PAIR));
  assertEquals(mapper.maps.map(({ protocol, externalPort }) => [protocol, externalPort]), [
    ["tcp", 8080],
    ["udp", 9000],
  ]);
  assertEquals(leases.map(({ protocol, externalPort }) => [protocol, externalPort]), [
    ["tcp", 9000],
    ["udp", 9000],
  ]);
  // What was asked for is the wish's, not what the second had to suggest.
  assertEquals(leases.map(({ requestedExternalPort }) => requestedExternalPort), [8080, 8080]);
});

Deno.test("acquire() suggests the first one's port to the second when the gateway was to choose", async () => {
  const mapper = new FakeMapper({ grants: [40_001] });
  const leases = leasesOf(await acquire(mapper, { protocols: ["tcp", "udp"], internalPort: 80 }));
  assertEquals(mapper.maps, [
    { protocol: "tcp", internalPort: 80 },
    { protocol: "udp", internalPort: 80, externalPort: 40_001 },
  ]);
  for (const lease of leases) assertFalse(Object.hasOwn(lease, "requestedExternalPort"));
});

Deno.test("acquire() asks in the order of the wish", async () => {
  const mapper = new FakeMapper();
  await acquire(mapper, { ...PAIR, protocols: ["udp", "tcp"] });
  assertEquals(mapper.maps.map(({ protocol }) => protocol), ["udp", "tcp"]);
});

Deno.test("acquire() deletes the first when the second is refused, and both outcomes are that refusal", async () => {
  const mapper = new FakeMapper({ grants: [8080, REFUSED] });
  const acquired = await acquire(mapper, PAIR);
  assertEquals(acquired.outcomes, [
    { mapping: { protocol: "tcp", internalPort: 80 }, error: REFUSED },
    { mapping: { protocol: "udp", internalPort: 80 }, error: REFUSED },
  ]);
  assertEquals(mapper.unmaps, ["tcp 80"]);
  assertEquals(acquired.leftovers, []);
});

Deno.test("acquire() does not ask for the second when the first is refused", async () => {
  const mapper = new FakeMapper({ grants: [REFUSED] });
  assertStrictEquals(errorOf(await acquire(mapper, PAIR)), REFUSED);
  assertEquals([mapper.maps.length, mapper.unmaps.length], [1, 0]);
});

Deno.test("acquire() deletes both when the second gets another port", async () => {
  const mapper = new FakeMapper({ grants: [8080, 9000] });
  const acquired = await acquire(mapper, PAIR);
  const error = errorOf(acquired);
  assertInstanceOf(error, PortDiffersError);
  assertEquals([error.requirement, error.wantedPort, error.grantedPort], ["pair", 8080, 9000]);
  assertEquals(mapper.unmaps.toSorted(), ["tcp 80", "udp 80"]);
  assertEquals(acquired.leftovers, []);
});

Deno.test("acquire() takes two different ports with anyPort", async () => {
  const mapper = new FakeMapper({ grants: [8080, 9000] });
  const leases = leasesOf(await acquire(mapper, { ...PAIR, anyPort: true }));
  assertEquals(leases.map(({ externalPort }) => externalPort), [8080, 9000]);
  assertEquals(mapper.unmaps, []);
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
    const mapper = new FakeMapper({ grants });
    const isNew: AcquireOptions["isNew"] = ({ protocol, internalPort }) => {
      assertEquals(internalPort, 80);
      return protocol !== alive;
    };
    const acquired = await acquire(mapper, PAIR, { isNew });
    errorOf(acquired);
    assertEquals(mapper.unmaps, [...unmaps]);
    assertEquals(acquired.leftovers, []);
  });
}

// ---- silence ----

Deno.test("acquire() deletes nothing after silence: the first stands, and the second is unknown", async () => {
  const mapper = new FakeMapper({ grants: [8080, NO_ANSWER] });
  const { outcomes, leftovers } = await acquire(mapper, PAIR);
  assert("lease" in outcomes[0]! && "error" in outcomes[1]!);
  assertEquals(outcomes[0].lease.externalPort, 8080);
  assertStrictEquals(outcomes[1].error, NO_ANSWER);
  assertEquals(outcomes.map(({ mapping }) => mapping.protocol), ["tcp", "udp"]);
  assertEquals([mapper.unmaps, leftovers], [[], []]);
});

Deno.test("acquire() asks for nothing more after silence", async () => {
  const mapper = new FakeMapper({ grants: [NO_ANSWER] });
  assertStrictEquals(errorOf(await acquire(mapper, PAIR)), NO_ANSWER);
  assertEquals([mapper.maps.length, mapper.unmaps.length], [1, 0]);
});

// ---- leftovers ----

Deno.test("acquire() names what could not be deleted again, and tries the other all the same", async () => {
  for (const failures of [[NO_ANSWER, undefined], [undefined, REFUSED]]) {
    const mapper = new FakeMapper({ grants: [8080, 9000], failures });
    const { leftovers } = await acquire(mapper, PAIR);
    assertEquals(mapper.unmaps.length, 2);
    const failedAt = failures.findIndex((failure) => failure !== undefined);
    assertEquals(leftovers.map(({ protocol }) => `${protocol} 80`), [mapper.unmaps[failedAt]]);
  }
});

Deno.test("acquire() never deletes internal port 0, which would delete everything: it is left over", async () => {
  const mapper = new FakeMapper({ grants: [40_001, REFUSED] });
  const { leftovers } = await acquire(mapper, {
    protocols: ["tcp", "udp"],
    internalPort: 0,
    externalPort: 1,
  });
  assertEquals(mapper.unmaps, []);
  assertEquals(leftovers.map(({ protocol, externalPort }) => [protocol, externalPort]), [["tcp", 40_001]]);
});

Deno.test("acquire() deletes with one or two tries (§3.1), under the caller's other limits", async () => {
  const { signal } = new AbortController();
  for (const [maxAttempts, wanted] of [[undefined, 2], [9, 2], [2, 2], [1, 1]] as const) {
    const mapper = new FakeMapper({ grants: [8080, REFUSED] });
    const limits = { timeoutMs: 1000, signal, ...(maxAttempts === undefined ? {} : { maxAttempts }) };
    await acquire(mapper, PAIR, limits);
    assertEquals(mapper.calls.at(-1)?.options, { timeoutMs: 1000, signal, maxAttempts: wanted });
  }
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

Deno.test("acquire() gets a pair on one port from a gateway that has given the wished one away", async () => {
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
  const wish = { protocols: ["tcp", "udp"], internalPort: 0, externalPort: 1, exact: true } as const;
  const acquired = await lab.run(acquire(client, wish));
  assertInstanceOf(errorOf(acquired), PortDiffersError);
  assertEquals(acquired.leftovers.length, 1);
  assert(lab.mappings.includes("tcp 2222 -> 10.0.0.2:22"));
});
