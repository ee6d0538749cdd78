import { assert, assertEquals, assertRejects } from "@std/assert";
import { NoGatewayError, PortMapperError } from "../../lib/errors.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";
import { Ledger } from "../../lib/lease/ledger.ts";
import { KeeperBench, keeping, PAIR, SSH, WEB } from "./keeper_bench.ts";

const HOUR_MS = 3_600_000;

// ---- the gateway ----

Deno.test("Keeper finds within 30 s that the gateway is another one", async () => {
  await using bench = await keeping([WEB]);
  const other = new FakeMapper(bench.clock, "10.0.0.254");
  bench.found = { mapper: other };
  await bench.run(30_000);
  assertEquals(bench.news(), ["gateway-changed", "mapped tcp 80"]);
  assertEquals(other.calls, ["map tcp 80 at 8080", "probe"]);
});

Deno.test("Keeper finds a gateway that comes back in steps that begin with 2 s", async () => {
  await using bench = await keeping([]);
  bench.found = new NoGatewayError("None");
  await bench.run(30_000);
  assertEquals(bench.news().at(-1), "error");
  bench.asked();
  bench.found = { mapper: bench.mapper };
  await bench.run(2000);
  assertEquals(bench.asked(), ["probe"]);
});

Deno.test("Keeper does not hold what the gateway before grants too late", async () => {
  await using bench = new KeeperBench({ wanted: [WEB] });
  const { clock, mapper } = bench;
  const map = mapper.map.bind(mapper);
  mapper.map = async (request) => {
    await clock.sleep(40_000);
    return await map(request);
  };
  const other = new FakeMapper(clock, "10.0.0.254");
  other.onMap = () => REFUSED;
  bench.found = { mapper: other };
  await bench.run(60_000);
  assertEquals(bench.news(), ["gateway-changed", "address", "error"]);
  assertEquals(bench.keeper.holdings.map(({ lease }) => lease), [undefined]);
});

Deno.test("Keeper does not ask twice for what is granted while its gateway, once rebooted, is found again", async () => {
  await using bench = await keeping([PAIR]);
  const { clock, mapper } = bench;
  mapper.onProbe = () => {
    mapper.onProbe = () => "198.51.100.7";
    mapper.loseState();
    return "198.51.100.7";
  };
  bench.keeper.hint();
  await bench.run(0);
  bench.found = new NoGatewayError("None");
  await bench.run(HOUR_MS - 1);
  assertEquals(bench.news(), ["announcement", "state-lost", "renewed tcp 53", "renewed udp 53", "error"]);
  bench.asked();
  const map = mapper.map.bind(mapper);
  mapper.map = async (request, options) => {
    bench.found = { mapper };
    if (request.protocol === "udp") await clock.sleep(40_000);
    return await map(request, options);
  };
  await bench.run(90_000);
  assertEquals(bench.asked().filter((call) => call.startsWith("map")), [
    "map tcp 53 at 5353",
    "map udp 53 at 5353",
  ]);
});

// ---- leases that end ----

Deno.test("Keeper reports a lease as expired when it is, although its renewal is refused", async () => {
  await using bench = await keeping([WEB]);
  bench.mapper.onMap = () => REFUSED;
  await bench.run(2 * HOUR_MS - 1);
  assertEquals(bench.news(), ["error"]);
  bench.asked();
  await bench.run(1);
  assertEquals(bench.news(), ["expired tcp 80"]);
  assertEquals(bench.asked()[0], "map tcp 80 at 8080");
});

Deno.test("Keeper reports a lease as expired while a request waits for its answer", async () => {
  await using bench = await keeping([WEB]);
  bench.mapper.fallSilent();
  await bench.run(2 * HOUR_MS);
  assertEquals(bench.news().filter((type) => type.startsWith("expired")), ["expired tcp 80"]);
});

Deno.test("Keeper reports each lease that ends once, however long it lived", async () => {
  for (let lifetimeSeconds = 1; lifetimeSeconds <= 130; lifetimeSeconds++) {
    await using bench = await keeping([WEB], {
      prepare: (mapper) => mapper.lifetimeSeconds = lifetimeSeconds,
    });
    bench.mapper.fallSilent();
    await bench.run(lifetimeSeconds * 1000 + 100_000);
    const expired = bench.news().filter((type) => type.startsWith("expired"));
    assertEquals(expired, ["expired tcp 80"], `${lifetimeSeconds} s`);
    bench.mapper.onMap = () => 8080;
    await bench.run(60_000);
    assert(bench.news().includes("mapped tcp 80"), `${lifetimeSeconds} s`);
  }
});

// ---- questions that are urgent ----

Deno.test("Keeper interrupts a request that has waited 2 s for an answer when the question is due", async () => {
  await using bench = await keeping([WEB]);
  bench.mapper.onMap = () => "silence";
  await bench.run(HOUR_MS);
  bench.asked();
  bench.random = 0.5;
  bench.keeper.hint();
  await bench.run(1999);
  assertEquals(bench.asked(), []);
  await bench.run(1);
  assertEquals(bench.asked()[0], "probe");
});

Deno.test("Keeper leaves a request alone while no question is due", async () => {
  await using bench = await keeping([WEB]);
  bench.mapper.onMap = () => "silence";
  await bench.run(HOUR_MS);
  bench.asked();
  await bench.run(59_999);
  assertEquals(bench.asked(), []);
});

// ---- time that jumps ----

Deno.test("Keeper notices within 10 s that the machine slept, and asks for everything at once", async () => {
  await using bench = await keeping([WEB]);
  await bench.run(5000);
  bench.clock.suspend(HOUR_MS / 2);
  await bench.run(10_000);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "probe"]);
  assertEquals(bench.news(), ["renewed tcp 80"]);
});

Deno.test("Keeper asks before it reports that a lease is over which a suspend outlasted", async () => {
  await using bench = await keeping([WEB]);
  bench.clock.suspend(3 * HOUR_MS);
  await bench.run(10_000);
  assertEquals(bench.news(), ["renewed tcp 80"]);
  bench.clock.suspend(3 * HOUR_MS);
  bench.mapper.fallSilent(NO_ANSWER);
  await bench.run(10_000);
  assertEquals(bench.news().filter((type) => type.startsWith("expired")), ["expired tcp 80"]);
});

Deno.test("Keeper reports in order of what is wanted what a suspend outlasted and nobody renews", async () => {
  await using bench = await keeping([WEB, PAIR]);
  bench.clock.suspend(3 * HOUR_MS);
  bench.mapper.onMap = () => REFUSED;
  await bench.run(10_000);
  assertEquals(bench.news().filter((type) => type !== "error"), [
    "expired tcp 80",
    "expired tcp 53",
    "expired udp 53",
  ]);
});

Deno.test("Keeper does not hold again after a suspend what was over before it", async () => {
  await using bench = await keeping([WEB, SSH]);
  bench.mapper.onMap = () => REFUSED;
  await bench.run(3 * HOUR_MS);
  assertEquals(bench.news().filter((type) => type.startsWith("expired")), [
    "expired tcp 80",
    "expired tcp 22",
  ]);
  bench.mapper.fallSilent();
  bench.clock.suspend(HOUR_MS);
  await bench.run(10_000);
  assertEquals(bench.keeper.holdings.map(({ lease }) => lease), [undefined, undefined]);
  await bench.run(HOUR_MS);
  assertEquals(bench.news(), ["gateway-silent"]);
});

Deno.test("Keeper interrupts what the suspend cut off", async () => {
  await using bench = await keeping([WEB]);
  bench.mapper.onMap = () => "silence";
  await bench.run(HOUR_MS);
  bench.mapper.onMap = () => 8080;
  bench.clock.suspend(60_000);
  await bench.run(10_000);
  assertEquals(bench.news().filter((type) => type === "renewed tcp 80"), ["renewed tcp 80"]);
});

for (const jumpMs of [2000, -HOUR_MS]) {
  Deno.test(`Keeper does not take a wall clock that is set by ${jumpMs} ms for a suspend`, async () => {
    await using bench = await keeping([WEB]);
    bench.clock.setWall(new Date(bench.clock.wallNow().getTime() + jumpMs));
    await bench.run(60_000);
    assertEquals([bench.asked(), bench.news()], [[], []]);
  });
}

Deno.test("Keeper is not misled by a wall clock that is set where the machine names its runs", async () => {
  const clock = new ManualClock();
  await using bench = await keeping([WEB], {
    clock,
    storedNow: () => ({ wallMs: clock.wallNow().getTime(), uptimeMs: clock.worldNow(), boot: "a" }),
  });
  for (const year of [2030, 2020]) {
    bench.clock.setWall(new Date(Date.UTC(year, 0)));
    await bench.run(60_000);
    assertEquals([bench.asked(), bench.news()], [[], []]);
  }
  bench.clock.suspend(HOUR_MS / 2);
  await bench.run(10_000);
  assertEquals(bench.news(), ["renewed tcp 80"]);
});

// ---- what an earlier process left ----

Deno.test("Keeper asks for what an earlier process held on the port that it had", async () => {
  await using earlier = await keeping([{ ...WEB, externalPort: undefined }], {
    prepare: (mapper) => mapper.onMap = () => 40_001,
  });
  const known = [...earlier.keeper.ledger.entries].map((entry) => ({ ...entry, reported: undefined }));
  await using bench = new KeeperBench({ wanted: [{ ...WEB, externalPort: undefined }], known });
  await bench.run(0);
  assertEquals(bench.asked(), ["map tcp 80 at 40001", "probe"]);
  assertEquals(bench.news(), ["address", "mapped tcp 80"]);
});

Deno.test("Keeper does not give back on another port what an earlier process held", async () => {
  await using earlier = await keeping([WEB]);
  const known = earlier.keeper.ledger.entries;
  await using bench = new KeeperBench({
    wanted: [{ ...WEB, exact: true }],
    known,
    prepare: (mapper) => mapper.onMap = () => 40_001,
  });
  await bench.run(0);
  assertEquals(bench.news(), ["address", "error"]);
  assertEquals(bench.mapper.deletions, []);
});

Deno.test("Keeper.stop() does not delete what an earlier process holds and this one did not get", async () => {
  const pair = { ...WEB, protocols: ["tcp", "udp"] } as const;
  await using earlier = await keeping([pair]);
  const known = [...earlier.keeper.ledger.entries];
  const failures = [() => 40_001, () => REFUSED];
  for (const onMap of failures) {
    const bench = new KeeperBench({
      wanted: [{ ...pair, exact: true }],
      known,
      leavesMappings: false,
      prepare: (mapper) => mapper.onMap = onMap,
    });
    await bench.run(10_000);
    await bench.stop();
    assertEquals(bench.mapper.deletions, []);
  }
});

Deno.test("Keeper.stop() deletes what an earlier process held once this one was granted it or got no answer", async () => {
  await using earlier = await keeping([WEB]);
  const known = [...earlier.keeper.ledger.entries];
  for (const answer of [8080, "silence"] as const) {
    const bench = new KeeperBench({
      wanted: [WEB],
      known,
      leavesMappings: false,
      prepare: (mapper) => mapper.onMap = () => answer,
    });
    await bench.run(90_000);
    await bench.stop();
    assertEquals(bench.mapper.deletions.map(({ internalPort }) => internalPort), [80]);
  }
});

Deno.test("Keeper gives back on another port what an earlier process held once, as that is over", async () => {
  await using earlier = await keeping([WEB], { prepare: (mapper) => mapper.lifetimeSeconds = 60 });
  const known = [...earlier.keeper.ledger.entries];
  await using bench = new KeeperBench({
    wanted: [{ ...WEB, exact: true }],
    found: new NoGatewayError("None"),
    prepare: (mapper) => mapper.onMap = () => 40_001,
  });
  await bench.run(61_000);
  bench.found = { mapper: bench.mapper, ledger: new Ledger(known) };
  await bench.run(30_000);
  const [deleted] = bench.mapper.deletions;
  assertEquals([deleted?.internalPort, deleted?.externalPort], [80, 40_001]);
});

// ---- the end ----

Deno.test("Keeper.stop() is done at once and leaves no timer", async () => {
  const bench = await keeping([WEB], { hearsAnnouncements: false });
  await bench.run(1234);
  await bench.stop();
  assertEquals(bench.clock.now(), 1234);
});

Deno.test("Keeper.stop() is done at once while nobody answers, and reports no more", async () => {
  const bench = await keeping([WEB], { prepare: (mapper) => mapper.onMap = () => "silence" });
  await bench.run(1000);
  await bench.stop();
  assertEquals([bench.clock.now(), bench.news()], [1000, []]);
});

Deno.test("Keeper.stop() calls back once", async () => {
  let stops = 0;
  const bench = await keeping([], { onStop: () => stops++ });
  await Promise.all([bench.stop(), bench.keeper.stop()]);
  assertEquals(stops, 1);
});

Deno.test("Keeper.stop() deletes what may have been granted in a request without an answer, and reports nothing of it", async () => {
  for (const answer of [undefined, NO_ANSWER]) {
    const bench = await keeping([WEB, SSH], {
      leavesMappings: false,
      prepare: (mapper) => mapper.onMap = () => "silence",
    });
    await bench.run(7750);
    bench.mapper.onUnmap = () => answer;
    bench.asked();
    bench.news();
    await bench.stop();
    assertEquals([bench.asked()[0], bench.news()], ["unmap tcp 80", []]);
  }
});

Deno.test("Keeper.stop() reports one error for all that is held and could not be deleted", async () => {
  const bench = await keeping([WEB, SSH, PAIR], { leavesMappings: false });
  bench.mapper.onUnmap = ({ internalPort }) => internalPort === 22 ? undefined : NO_ANSWER;
  await bench.stop();
  const [unmapped, error, ...more] = bench.events;
  assertEquals([unmapped?.type, more], ["unmapped", []]);
  assert(error?.type === "error" && error.error instanceof PortMapperError);
  assertEquals(error.mappings.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`), [
    "tcp 80",
    "tcp 53",
    "udp 53",
  ]);
});

Deno.test("Keeper.stop() deletes what the gateway may have forgotten, too", async () => {
  const bench = await keeping([WEB], { leavesMappings: false });
  bench.random = 0.5;
  bench.mapper.loseState();
  await bench.stop();
  assertEquals(bench.asked(), ["unmap tcp 80"]);
});

Deno.test("Keeper ends with what no gateway causes, and calls back then too", async () => {
  let stops = 0;
  const bench = new KeeperBench({
    wanted: [WEB],
    onStop: () => stops++,
    prepare: (mapper) => mapper.onMap = () => new RangeError("No such port"),
  });
  await assertRejects(() => bench.clock.runUntil(bench.ended), RangeError, "No such port");
  assertEquals(stops, 1);
});
