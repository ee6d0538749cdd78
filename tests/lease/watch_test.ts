import { assert, assertEquals } from "@std/assert";
import { NoGatewayError } from "../../lib/errors.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";
import { RoundsBench, type RoundsBenchOptions } from "./rounds_bench.ts";

const HOUR_MS = 3_600_000;
const WEB = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 } as const;

/** Runs until the first round is over. */
async function watching(options: RoundsBenchOptions = {}): Promise<RoundsBench> {
  const bench = new RoundsBench({ watches: true, ...options });
  await bench.run(0);
  bench.asked();
  bench.news();
  return bench;
}

Deno.test("Watch looks for the gateway at once", async () => {
  await using bench = new RoundsBench({ watches: true, wishes: [WEB] });
  await bench.run(0);
  assertEquals(bench.news(), ["address", "mapped tcp 80"]);
});

Deno.test("Watch finds within 30 s that the gateway is another one", async () => {
  await using bench = await watching({ wishes: [WEB] });
  const other = new FakeMapper(bench.clock, "10.0.0.254");
  bench.found = { mapper: other };
  await bench.run(30_000);
  assertEquals(bench.news()[0], "gateway-changed");
  assertEquals(other.calls, ["map tcp 80 at 8080", "address"]);
});

Deno.test("Watch finds a gateway that comes back in steps that begin with 2 s", async () => {
  await using bench = new RoundsBench({ watches: true });
  await bench.run(0);
  bench.found = new NoGatewayError("None");
  await bench.run(30_000);
  assertEquals(bench.news().at(-1), "error");
  bench.asked();
  bench.found = { mapper: bench.mapper };
  await bench.run(2000);
  assertEquals(bench.asked(), ["address"]);
});

Deno.test("Watch tells a lease as expired in the moment in which it is, although the gateway refuses to renew it", async () => {
  await using bench = await watching({ wishes: [WEB] });
  bench.mapper.onMap = () => REFUSED;
  await bench.run(2 * HOUR_MS - 1);
  assert(!bench.news().includes("expired tcp 80"));
  bench.asked();
  await bench.run(1);
  assertEquals(bench.news().filter((type) => type !== "error"), ["expired tcp 80"]);
  assertEquals(bench.asked()[0], "map tcp 80 at 8080");
});

Deno.test("Watch tells a lease as expired while a request waits for its answer", async () => {
  await using bench = await watching({ wishes: [WEB] });
  bench.mapper.fallSilent();
  await bench.run(2 * HOUR_MS);
  assertEquals(bench.news().filter((type) => type.startsWith("expired")), ["expired tcp 80"]);
});

Deno.test("Watch interrupts a request that has waited 2 s for an answer when the question is due", async () => {
  await using bench = await watching({ wishes: [WEB] });
  bench.mapper.onMap = () => "silence";
  await bench.run(HOUR_MS);
  bench.asked();
  bench.rounds.question(HOUR_MS + 500);
  bench.watch.wake();
  await bench.run(1999);
  assertEquals(bench.asked(), []);
  await bench.run(1);
  assertEquals(bench.asked()[0], "address");
  assertEquals(bench.questions, 1);
});

Deno.test("Watch leaves a request alone while no question is due", async () => {
  await using bench = await watching({ wishes: [WEB] });
  bench.mapper.onMap = () => "silence";
  await bench.run(HOUR_MS);
  bench.asked();
  await bench.run(59_999);
  assertEquals(bench.asked(), []);
});

Deno.test("Watch notices within 10 s that the machine slept, and asks for everything at once", async () => {
  await using bench = await watching({ wishes: [WEB] });
  await bench.run(5000);
  bench.clock.suspend(HOUR_MS / 2);
  await bench.run(10_000);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "address"]);
  assertEquals(bench.news(), ["renewed tcp 80"]);
});

Deno.test("Watch asks before it tells that a lease is over which a suspend outlasted", async () => {
  await using bench = await watching({ wishes: [WEB] });
  bench.clock.suspend(3 * HOUR_MS);
  await bench.run(10_000);
  assertEquals(bench.news(), ["renewed tcp 80"]);
  bench.clock.suspend(3 * HOUR_MS);
  bench.mapper.fallSilent(NO_ANSWER);
  await bench.run(10_000);
  assertEquals(bench.news().filter((type) => type.startsWith("expired")), ["expired tcp 80"]);
});

Deno.test("Watch interrupts what the suspend cut off", async () => {
  await using bench = await watching({ wishes: [WEB] });
  bench.mapper.onMap = () => "silence";
  await bench.run(HOUR_MS);
  bench.mapper.onMap = () => 8080;
  bench.clock.suspend(60_000);
  await bench.run(10_000);
  assertEquals(bench.news().filter((type) => type === "renewed tcp 80"), ["renewed tcp 80"]);
});

for (const jumpMs of [2000, -HOUR_MS]) {
  Deno.test(`Watch takes a calendar that is set by ${jumpMs} ms for no suspend`, async () => {
    await using bench = await watching({ wishes: [WEB] });
    bench.clock.setWall(new Date(bench.clock.wallNow().getTime() + jumpMs));
    await bench.run(60_000);
    assertEquals([bench.asked(), bench.news()], [[], []]);
  });
}

Deno.test("Watch ends at once when its signal aborts", async () => {
  const bench = await watching({ wishes: [WEB] });
  await bench.run(1234);
  bench.end();
  await bench.clock.runUntil(bench.running);
  assertEquals(bench.clock.now(), 1234);
});

Deno.test("Watch ends at once when its signal aborts in a look for the gateway that does not end", async () => {
  const bench = await watching({ wishes: [WEB] });
  bench.found = new Promise(() => {});
  await bench.run(30_000);
  bench.end();
  await bench.clock.runUntil(bench.running);
  assertEquals(bench.clock.now(), 30_000);
});
