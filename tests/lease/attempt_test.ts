import { assert, assertEquals } from "@std/assert";
import type { MappingWish } from "../../lib/lease/acquire.ts";
import { attempt, type Attempted, type AttemptOptions } from "../../lib/lease/attempt.ts";
import { KeptWish } from "../../lib/lease/kept_wish.ts";
import type { TransportProtocol } from "../../lib/port_mapper.ts";
import { leaseOf } from "../support/leases.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const LIMITS = { timeoutMs: 4000 };
const RENEWAL_LIMITS = { timeoutMs: 1000 };
const PAIR: MappingWish = { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 };

interface AttemptIn extends Partial<AttemptOptions> {
  readonly mapper: FakeMapper;
}

function attempted(kept: KeptWish, options: AttemptIn): Promise<Attempted> {
  return attempt(kept, {
    state: () => 0,
    nowMs: 0,
    limits: LIMITS,
    renewalLimits: () => RENEWAL_LIMITS,
    ...options,
  });
}

function holding(wish: MappingWish, ...protocols: TransportProtocol[]): KeptWish {
  const kept = new KeptWish(wish);
  kept.grant(
    wish.protocols.map((protocol) => ({ mapping: leaseOf({ protocol }), lease: leaseOf({ protocol }) })),
    () => 0,
  );
  for (const protocol of wish.protocols) {
    if (!protocols.includes(protocol)) kept.drop(leaseOf({ protocol }), "expired");
  }
  return kept;
}

function portsOf({ outcomes }: Attempted): unknown[] {
  return outcomes.map((outcome) => "lease" in outcome ? outcome.lease.externalPort : outcome.error);
}

Deno.test("attempt() acquires what is not held, each request with the limits for something new", async () => {
  const mapper = new FakeMapper();
  const done = await attempted(new KeptWish(PAIR), { mapper });
  assertEquals(portsOf(done), [8080, 8080]);
  assertEquals(mapper.calls, ["map tcp 80 at 8080", "map udp 80 at 8080"]);
  assertEquals(mapper.limits, [LIMITS, LIMITS]);
  assertEquals(done.leftovers, []);
});

Deno.test("attempt() renews what is held and due, with the limits of renewals", async () => {
  const mapper = new FakeMapper();
  const done = await attempted(holding(PAIR, "tcp", "udp"), { mapper, nowMs: 1_800_000 });
  assertEquals(portsOf(done), [40_001, 40_001]);
  assertEquals(mapper.limits, [RENEWAL_LIMITS, RENEWAL_LIMITS]);
});

Deno.test("attempt() asks only for the missing half of a pair whose other half is not due", async () => {
  const mapper = new FakeMapper();
  await attempted(holding(PAIR, "udp"), { mapper });
  assertEquals(mapper.calls, ["map tcp 80 at 40001"]);
});

Deno.test("attempt() asks for everything that the gateway forgot", async () => {
  const mapper = new FakeMapper();
  await attempted(holding(PAIR, "tcp", "udp"), { mapper, state: () => 1 });
  assertEquals(mapper.calls, ["map tcp 80 at 40001", "map udp 80 at 40001"]);
});

Deno.test("attempt() sends nothing more once there is no time for a renewal", async () => {
  const mapper = new FakeMapper();
  const done = await attempted(holding(PAIR, "tcp", "udp"), {
    mapper,
    nowMs: 1_800_000,
    renewalLimits: () => undefined,
  });
  assertEquals([done.outcomes, mapper.calls], [[], []]);
});

Deno.test("attempt() notes the gateway's state of the moment of each grant", async () => {
  const mapper = new FakeMapper();
  let state = 4;
  mapper.onMap = ({ externalPort = 0 }) => (state++, externalPort);
  const { states } = await attempted(new KeptWish(PAIR), { mapper, state: () => state });
  assertEquals([...states], [["tcp", 5], ["udp", 6]]);
});

Deno.test("attempt() notes no state of what was not granted", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? NO_ANSWER : externalPort;
  const done = await attempted(new KeptWish(PAIR), { mapper });
  assertEquals(portsOf(done), [8080, NO_ANSWER]);
  assertEquals([...done.states.keys()], ["tcp"]);
});

Deno.test("attempt() names what was granted, could not be kept and could not be given back", async () => {
  const mapper = new FakeMapper();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? REFUSED : externalPort;
  mapper.onUnmap = () => NO_ANSWER;
  const done = await attempted(new KeptWish(PAIR), { mapper });
  assertEquals(portsOf(done), [REFUSED, REFUSED]);
  assertEquals(done.leftovers.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`), ["tcp 80"]);
});

Deno.test("attempt() gives back the half of an earlier attempt once it is known that the other will not come", async () => {
  const mapper = new FakeMapper();
  const kept = new KeptWish(PAIR);
  kept.suspect({ protocol: "tcp", internalPort: 80 });
  mapper.onMap = () => REFUSED;
  await attempted(kept, { mapper });
  assertEquals(mapper.calls, ["map tcp 80 at 8080", "unmap tcp 80"]);
  assertEquals(mapper.limits[1], { ...LIMITS, maxAttempts: 2 });
  assertEquals(kept.standing, []);
});

Deno.test("attempt() remembers a half that it could not give back", async () => {
  const mapper = new FakeMapper();
  const kept = new KeptWish(PAIR);
  kept.suspect({ protocol: "udp", internalPort: 80 });
  mapper.onMap = () => REFUSED;
  mapper.onUnmap = () => NO_ANSWER;
  await attempted(kept, { mapper });
  assertEquals(kept.standing, [{ protocol: "udp", internalPort: 80 }]);
});

Deno.test("attempt() gives nothing back after silence: the other half may come yet", async () => {
  const mapper = new FakeMapper();
  const kept = new KeptWish(PAIR);
  kept.suspect({ protocol: "tcp", internalPort: 80 });
  mapper.onMap = () => NO_ANSWER;
  await attempted(kept, { mapper });
  assertEquals(mapper.calls, ["map tcp 80 at 8080"]);
  assertEquals(kept.standing.length, 1);
});

Deno.test("attempt() never deletes internal port 0, which would delete everything", async () => {
  const mapper = new FakeMapper();
  const kept = new KeptWish({ ...PAIR, internalPort: 0 });
  kept.suspect({ protocol: "tcp", internalPort: 0 });
  mapper.onMap = () => REFUSED;
  await attempted(kept, { mapper });
  assertEquals(mapper.calls, ["map tcp 0 at 8080"]);
});

Deno.test("attempt() suggests the port that the gateway chose last, which counts as nobody's wish", async () => {
  const mapper = new FakeMapper();
  const kept = holding({ protocols: ["tcp"], internalPort: 80 });
  const { outcomes: [outcome] } = await attempted(kept, { mapper });
  assertEquals(mapper.calls, ["map tcp 80 at 40001"]);
  assert(outcome !== undefined && "lease" in outcome);
  assertEquals("requestedExternalPort" in outcome.lease, false);
});
