import { assert, assertEquals } from "@std/assert";
import { PortMapperError } from "../../lib/errors.ts";
import { KeptWish } from "../../lib/lease/kept_wish.ts";
import { releaseAll, type ReleaseAllOptions } from "../../lib/lease/release_all.ts";
import type { TransportProtocol } from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { leaseOf } from "../support/leases.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const STOP_MS = 3000;

class Bench {
  readonly clock = new ManualClock({ startMs: 10_000 });
  readonly mapper = new FakeMapper(this.clock);
  readonly told: Parameters<ReleaseAllOptions["tell"]>[0][] = [];
  tookMs = NaN;

  async release(wishes: readonly KeptWish[]): Promise<void> {
    const { clock, mapper, told } = this;
    const startMs = clock.now();
    await clock.runUntil(
      releaseAll(wishes, { mapper, clock, deadlineMs: startMs + STOP_MS, tell: (event) => told.push(event) }),
    );
    this.tookMs = clock.now() - startMs;
  }
}

function held(internalPort: number, protocols: readonly TransportProtocol[] = ["tcp"]): KeptWish {
  const kept = new KeptWish({ protocols, internalPort });
  kept.grant(
    protocols.map((protocol) => {
      const lease = leaseOf({ protocol, internalPort, externalPort: internalPort + 8000 });
      return { mapping: lease, lease };
    }),
    () => 0,
  );
  kept.news(undefined, 0);
  return kept;
}

Deno.test("releaseAll() deletes each mapping once, in order, and tells it", async () => {
  const bench = new Bench();
  await bench.release([held(80, ["tcp", "udp"]), held(81)]);
  assertEquals(bench.mapper.calls, ["unmap tcp 80", "unmap udp 80", "unmap tcp 81"]);
  const unmapped = (protocol: TransportProtocol, internalPort: number) => ({
    type: "unmapped" as const,
    mapping: { protocol, internalPort },
    previousExternalPort: internalPort + 8000,
  });
  assertEquals(bench.told, [unmapped("tcp", 80), unmapped("udp", 80), unmapped("tcp", 81)]);
});

Deno.test("releaseAll() with nothing to delete ends at once", async () => {
  const bench = new Bench();
  await bench.release([]);
  await bench.release([new KeptWish({ protocols: ["tcp"], internalPort: 80 })]);
  assertEquals([bench.mapper.calls, bench.told, bench.tookMs], [[], [], 0]);
});

Deno.test("releaseAll() deletes what may stand although nobody was told, and tells nothing of it", async () => {
  const bench = new Bench();
  const kept = new KeptWish({ protocols: ["tcp", "udp"], internalPort: 80 });
  kept.suspect({ protocol: "udp", internalPort: 80 });
  await bench.release([kept]);
  assertEquals([bench.mapper.calls, bench.told], [["unmap udp 80"], []]);
});

Deno.test("releaseAll() leaves internal port 0 alone: deleting it would delete everything", async () => {
  const bench = new Bench();
  await bench.release([held(0), held(80)]);
  assertEquals(bench.mapper.calls, ["unmap tcp 80"]);
});

Deno.test("releaseAll() goes on after a deletion that is refused, which is an answer", async () => {
  const bench = new Bench();
  bench.mapper.onUnmap = ({ internalPort }) => internalPort === 80 ? REFUSED : undefined;
  await bench.release([held(80), held(81)]);
  assertEquals(bench.mapper.calls, ["unmap tcp 80", "unmap tcp 81"]);
  assertEquals(bench.told.map(({ type }) => type).sort(), ["error", "unmapped"]);
});

for (const count of [1, 4, 5, 50, 400]) {
  Deno.test(`releaseAll() of ${count} at a silent gateway sends one or two for each, and is done within the time`, async () => {
    const bench = new Bench();
    const { mapper } = bench;
    mapper.onUnmap = () => "silence";
    await bench.release(Array.from({ length: count }, (_, i) => held(1000 + i)));
    const sends = new Map<string, number>();
    mapper.calls.forEach((call, i) => {
      sends.set(call, (sends.get(call) ?? 0) + (mapper.limits[i]?.maxAttempts ?? Infinity));
    });
    assertEquals(sends.size, count);
    assert(sends.values().every((most) => most >= 1 && most <= 2), [...sends.values()].join());
    assert(bench.tookMs <= STOP_MS, `${bench.tookMs} ms`);
  });
}

Deno.test("releaseAll() leaves a mapping the time that the answered ones did not need", async () => {
  const bench = new Bench();
  bench.mapper.onUnmap = ({ internalPort }) => internalPort === 89 ? "silence" : undefined;
  await bench.release(Array.from({ length: 10 }, (_, i) => held(80 + i)));
  // The first share alone would be too short for the second send at 250 ms (§3.1).
  assert(bench.tookMs > 250 && bench.tookMs <= STOP_MS, `${bench.tookMs} ms`);
});

Deno.test("releaseAll() tells one error for all that is held and could not be deleted, and nothing of what may stand", async () => {
  const bench = new Bench();
  bench.mapper.onUnmap = ({ internalPort }) => internalPort === 81 ? undefined : NO_ANSWER;
  const doubtful = new KeptWish({ protocols: ["udp"], internalPort: 83 });
  doubtful.suspect({ protocol: "udp", internalPort: 83 });
  await bench.release([held(80), held(81), held(82), doubtful]);
  const [unmapped, error, ...more] = bench.told;
  assertEquals([unmapped?.type, more], ["unmapped", []]);
  assert(error?.type === "error" && error.error instanceof PortMapperError);
  assertEquals(error.mappings.map(({ internalPort }) => internalPort), [80, 82]);
});

Deno.test("releaseAll() aborts the deletion under way when its time is over", async () => {
  const bench = new Bench();
  const { mapper, clock } = bench;
  const ends: unknown[] = [];
  mapper.unmap = async (_, { signal } = {}) => {
    await clock.sleep(60_000, signal === undefined ? {} : { signal }).catch((error) => ends.push(error));
    throw NO_ANSWER;
  };
  await bench.release([held(80)]);
  assertEquals(bench.tookMs, STOP_MS);
  assert(ends.length > 0);
});
