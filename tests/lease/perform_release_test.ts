import { assert, assertEquals } from "@std/assert";
import { giveBack, releaseAll, type Unreleased } from "../../lib/lease/perform.ts";
import type { MappingKey, TransportProtocol, UnmapRequest } from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const STOP_MS = 3000;

class Bench {
  readonly clock = new ManualClock({ startMs: 10_000 });
  readonly mapper = new FakeMapper(this.clock);
  readonly released: MappingKey[] = [];
  tookMs = NaN;

  async release(mappings: readonly UnmapRequest[]): Promise<Unreleased[]> {
    const { clock, mapper, released } = this;
    const startMs = clock.now();
    const left = await clock.runUntil(
      releaseAll(mappings, {
        mapper,
        clock,
        deadlineMs: startMs + STOP_MS,
        onReleased: (mapping) => released.push(mapping),
      }),
    );
    this.tookMs = clock.now() - startMs;
    return left;
  }
}

function standing(internalPort: number, protocol: TransportProtocol = "tcp"): UnmapRequest {
  return { protocol, internalPort, externalPort: internalPort + 8000 };
}

Deno.test("releaseAll() deletes each mapping once, in order, by its external port too", async () => {
  const bench = new Bench();
  const mappings = [standing(80), standing(80, "udp"), standing(81)];
  assertEquals(await bench.release(mappings), []);
  assertEquals(bench.mapper.deletions, mappings);
  assertEquals(bench.released, mappings);
});

Deno.test("releaseAll() with nothing to delete ends at once", async () => {
  const bench = new Bench();
  assertEquals(await bench.release([]), []);
  assertEquals([bench.mapper.calls, bench.tookMs], [[], 0]);
});

Deno.test("releaseAll() counts what its backend leaves to expire neither as released nor as unconfirmed", async () => {
  const bench = new Bench();
  assertEquals(await bench.release([standing(0), standing(80)]), []);
  assertEquals(bench.mapper.calls, ["unmap tcp 80"]);
  assertEquals(bench.released.map(({ internalPort }) => internalPort), [80]);
});

Deno.test("releaseAll() goes on after a deletion that is refused, which is an answer", async () => {
  const bench = new Bench();
  bench.mapper.onUnmap = ({ internalPort }) => internalPort === 80 ? REFUSED : undefined;
  const left = await bench.release([standing(80), standing(81)]);
  assertEquals(bench.mapper.calls, ["unmap tcp 80", "unmap tcp 81"]);
  assertEquals(left, [{ mapping: standing(80), error: REFUSED }]);
  assertEquals(bench.released, [standing(81)]);
});

for (const count of [1, 4, 5, 50, 400]) {
  Deno.test(`releaseAll() of ${count} at a silent gateway sends one or two for each, and is done within the time`, async () => {
    const bench = new Bench();
    const { mapper } = bench;
    mapper.onUnmap = () => "silence";
    await bench.release(Array.from({ length: count }, (_, i) => standing(1000 + i)));
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
  await bench.release(Array.from({ length: 10 }, (_, i) => standing(80 + i)));
  // The first share alone would be too short for the second send at 250 ms (§3.1).
  assert(bench.tookMs > 250 && bench.tookMs <= STOP_MS, `${bench.tookMs} ms`);
});

Deno.test("releaseAll() aborts the deletion under way when its time is over", async () => {
  const bench = new Bench();
  const { mapper, clock } = bench;
  const ends: unknown[] = [];
  mapper.unmap = async (_, { signal } = {}) => {
    await clock.sleep(60_000, signal === undefined ? {} : { signal }).catch((error) => ends.push(error));
    throw NO_ANSWER;
  };
  await bench.release([standing(80)]);
  assertEquals(bench.tookMs, STOP_MS);
  assert(ends.length > 0);
});

for (const maxAttempts of [undefined, 9, 2, 1]) {
  Deno.test(`giveBack() deletes with one or two sends (§3.1) where ${maxAttempts ?? "any number"} may be made`, async () => {
    const { mapper } = new Bench();
    assertEquals(await giveBack(mapper, standing(80), { timeoutMs: 1000, maxAttempts }), true);
    assertEquals(mapper.limits, [{ timeoutMs: 1000, maxAttempts: Math.min(2, maxAttempts ?? 2) }]);
    assertEquals(mapper.deletions, [standing(80)]);
  });
}

Deno.test("giveBack() returns whether the mapping is gone", async () => {
  const { mapper } = new Bench();
  for (const error of [REFUSED, NO_ANSWER]) {
    mapper.onUnmap = () => error;
    assertEquals(await giveBack(mapper, standing(80), {}), false);
  }
  assertEquals(await giveBack(mapper, standing(0), {}), false);
});
