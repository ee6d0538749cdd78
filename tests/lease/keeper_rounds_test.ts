import { assert, assertEquals } from "@std/assert";
import { NoGatewayError, NotSupportedError, RefusedError } from "../../lib/errors.ts";
import type { Connection } from "../../lib/lease/gateway_monitor.ts";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";
import { KeeperBench, keeping, PAIR, SSH, WEB } from "./keeper_bench.ts";

const HOUR_MS = 3_600_000;
const NO_ADDRESS = new RefusedError("No address", "network-failure", { resultCode: 3 });

/** The calls among these that ask for a mapping. */
function mapsOf(calls: readonly string[]): string[] {
  return calls.filter((call) => call.startsWith("map"));
}

// ---- rounds ----

Deno.test("Keeper sends nothing before there is a gateway", async () => {
  const { promise, resolve } = Promise.withResolvers<Connection>();
  await using bench = new KeeperBench({ wanted: [WEB], found: promise });
  await bench.run(HOUR_MS);
  assertEquals([bench.asked(), bench.news()], [[], []]);
  resolve({ mapper: bench.mapper });
  await bench.run(0);
  assertEquals(bench.news(), ["address", "mapped tcp 80"]);
});

Deno.test("Keeper asks for the mappings in the wanted order, then for the address, and reports the address first", async () => {
  await using bench = new KeeperBench({ wanted: [WEB, PAIR] });
  await bench.run(0);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "map tcp 53 at 5353", "map udp 53 at 5353", "probe"]);
  assertEquals(bench.news(), ["address", "mapped tcp 80", "mapped tcp 53", "mapped udp 53"]);
  assertEquals(bench.keeper.externalAddress, "198.51.100.7");
});

Deno.test("Keeper renews at half of the life and not before, and does nothing in between", async () => {
  await using bench = await keeping([WEB]);
  await bench.run(HOUR_MS - 1);
  assertEquals(bench.asked(), []);
  await bench.run(1);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "probe"]);
  assertEquals(bench.news(), ["renewed tcp 80"]);
});

Deno.test("Keeper reports what was granted although the address is refused", async () => {
  await using bench = new KeeperBench({ wanted: [WEB], prepare: (mapper) => mapper.onProbe = () => REFUSED });
  await bench.run(0);
  assertEquals(bench.news(), ["error", "mapped tcp 80"]);
});

Deno.test("Keeper reports a mapping without an address where the gateway knows none", async () => {
  await using bench = new KeeperBench({
    wanted: [WEB],
    prepare: (mapper) => mapper.onProbe = () => undefined,
  });
  await bench.run(0);
  const [event] = bench.events;
  assert(event?.type === "mapped");
  assertEquals(event.externalAddress, undefined);
  assertEquals(bench.news(), ["mapped tcp 80"]);
});

Deno.test("Keeper reports the address that comes with a lease, before the one of the gateway", async () => {
  await using bench = new KeeperBench({
    wanted: [WEB],
    prepare: (mapper) => mapper.leaseAddress = "203.0.113.1",
  });
  await bench.run(0);
  const event = bench.events.find(({ type }) => type === "mapped");
  assert(event?.type === "mapped");
  assertEquals(event.externalAddress, "203.0.113.1");
});

Deno.test("Keeper goes on with the other mappings after a refusal, in the same round", async () => {
  await using bench = new KeeperBench({
    wanted: [WEB, SSH],
    prepare: (mapper) =>
      mapper.onMap = ({ internalPort, externalPort = 0 }) => internalPort === 80 ? REFUSED : externalPort,
  });
  await bench.run(0);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "map tcp 22 at 2222", "probe"]);
  assertEquals(bench.news(), ["address", "mapped tcp 22", "error"]);
});

Deno.test("Keeper asks at once for what was refused when the gateway has an address again", async () => {
  await using bench = await keeping([WEB], { prepare: (mapper) => mapper.fallSilent(NO_ADDRESS) });
  await bench.run(62_000);
  bench.asked();
  bench.mapper.onMap = () => 8080;
  bench.mapper.onProbe = () => "198.51.100.7";
  bench.keeper.hint();
  await bench.run(0);
  assertEquals(bench.asked().slice(0, 2), ["probe", "map tcp 80 at 8080"]);
});

Deno.test("Keeper limits each try at a silent gateway, the mapping first that failed longest ago", async () => {
  await using bench = new KeeperBench({
    wanted: [WEB, SSH],
    tryTimeoutMs: 10_000,
    prepare: (mapper) => mapper.fallSilent(),
  });
  await bench.run(60_000);
  assert(bench.mapper.limits.every(({ timeoutMs = Infinity }) => timeoutMs <= 10_000));
  assertEquals(mapsOf(bench.asked()).slice(0, 5), [
    "map tcp 80 at 8080",
    "map tcp 22 at 2222",
    "map tcp 80 at 8080",
    "map tcp 22 at 2222",
    "map tcp 80 at 8080",
  ]);
});

Deno.test("Keeper finds out with a short try whether a new gateway answers, half of it for each of a pair", async () => {
  await using bench = new KeeperBench({
    wanted: [PAIR],
    prepare: (mapper) => mapper.onMap = () => "silence",
  });
  await bench.run(0);
  assertEquals(bench.mapper.limits[0]?.timeoutMs, 7750 / 2);
});

Deno.test("Keeper lasts in a try no longer than half of what is left of the lease that is next", async () => {
  await using bench = await keeping([WEB], { prepare: (mapper) => mapper.lifetimeSeconds = 60 });
  bench.mapper.onMap = () => "silence";
  await bench.run(30_000);
  assertEquals(bench.mapper.limits[0]?.timeoutMs, 15_000);
  assertEquals(bench.asked(), ["map tcp 80 at 8080"]);
});

Deno.test("Keeper ends a round early that lasts too long, so that its news need not wait", async () => {
  const wanted = Array.from({ length: 20 }, (_, i): WantedMapping => ({ ...WEB, internalPort: 100 + i }));
  await using bench = new KeeperBench({ wanted });
  const { clock, mapper } = bench;
  const map = mapper.map.bind(mapper);
  mapper.map = async (request, options) => {
    await clock.sleep(1000);
    return await map(request, options);
  };
  await bench.run(6000);
  assertEquals(bench.news(), ["address", ...[0, 1, 2, 3, 4, 5].map((i) => `mapped tcp ${100 + i}`)]);
  await bench.run(15_000);
  assertEquals(bench.keeper.holdings.every(({ lease }) => lease !== undefined), true);
});

Deno.test("Keeper does not let what has to be renewed starve what is missing", async () => {
  await using bench = await keeping([WEB, SSH, PAIR], {
    tryTimeoutMs: 5000,
    prepare: (mapper) =>
      mapper.onMap = ({ internalPort, externalPort = 0 }) => internalPort === 53 ? REFUSED : externalPort,
  });
  await bench.run(HOUR_MS - 1);
  bench.asked();
  bench.mapper.onMap = () => "silence";
  await bench.run(200_000);
  const calls = mapsOf(bench.asked());
  const counts = ["80", "22", "53"].map((port) => calls.filter((call) => call.split(" ")[2] === port).length);
  // At least once in 60 s and one try, while the other two are due all the time.
  assert(counts[2]! >= 3 && counts[0]! > 10 && counts[1]! > 10, counts.join());
});

// ---- what is asked of a pair ----

Deno.test("Keeper asks only for the missing half of a pair whose other half is not due", async () => {
  await using bench = await keeping([PAIR]);
  bench.mapper.onMap = ({ protocol, externalPort = 0 }) => {
    bench.mapper.lifetimeSeconds = protocol === "udp" ? 600 : 7200;
    return externalPort;
  };
  bench.keeper.renewNow();
  await bench.run(0);
  bench.mapper.onMap = () => REFUSED;
  await bench.run(599_999);
  bench.asked();
  bench.news();
  bench.mapper.onMap = ({ externalPort = 0 }) => externalPort;
  await bench.run(1);
  assertEquals(mapsOf(bench.asked()), ["map udp 53 at 5353"]);
  assertEquals(bench.news(), ["expired udp 53", "mapped udp 53"]);
});

Deno.test("Keeper renews one half of a pair in time although the other is refused again and again", async () => {
  await using bench = new KeeperBench({ wanted: [PAIR] });
  const { mapper } = bench;
  mapper.onMap = ({ protocol, externalPort = 0 }) => {
    mapper.lifetimeSeconds = protocol === "tcp" ? 600 : 1000;
    return externalPort;
  };
  await bench.run(0);
  bench.asked();
  mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "tcp" ? REFUSED : externalPort;
  await bench.run(499_999);
  assertEquals(mapsOf(bench.asked()), ["map tcp 53 at 5353", "map tcp 53 at 5353"]);
  await bench.run(1);
  assertEquals(mapsOf(bench.asked()), ["map tcp 53 at 5353", "map udp 53 at 5353"]);
});

Deno.test("Keeper asks again for what was granted before the gateway forgot it, and not for what was granted after", async () => {
  await using bench = new KeeperBench({ wanted: [PAIR] });
  const { mapper } = bench;
  let losses = 0;
  mapper.onMap = ({ protocol, externalPort = 0 }) => {
    bench.random = 0.5;
    if (protocol === "udp" && losses++ === 0) mapper.loseState();
    return externalPort;
  };
  await bench.run(2499);
  assertEquals(bench.asked(), ["map tcp 53 at 5353", "map udp 53 at 5353"]);
  await bench.run(1);
  assertEquals(bench.asked(), ["map tcp 53 at 5353", "probe"]);
  assertEquals(bench.news(), ["state-lost", "mapped udp 53", "address", "mapped tcp 53"]);
});

Deno.test("Keeper gives back the half of an earlier try once it is known that the other will not come", async () => {
  const bench = await keeping([PAIR], {
    leavesMappings: false,
    prepare: (mapper) =>
      mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? NO_ANSWER : externalPort,
  });
  assertEquals(bench.mapper.deletions, []);
  bench.mapper.onMap = () => REFUSED;
  await bench.run(2000);
  assertEquals(bench.mapper.limits.at(-1)?.maxAttempts, 2);
  assertEquals(bench.asked().slice(-3), ["map tcp 53 at 5353", "unmap tcp 53", "unmap udp 53"]);
  await bench.stop();
  assertEquals(bench.asked(), []);
});

Deno.test("Keeper deletes at its end a half that it could not give back", async () => {
  const bench = await keeping([PAIR], {
    leavesMappings: false,
    prepare: (mapper) => {
      mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? REFUSED : externalPort;
      mapper.onUnmap = () => NO_ANSWER;
    },
  });
  bench.mapper.onUnmap = () => undefined;
  await bench.stop();
  assertEquals(bench.asked(), ["unmap tcp 53"]);
  assertEquals(bench.news(), []);
});

Deno.test("Keeper gives nothing back after silence: the other half may come yet", async () => {
  await using bench = await keeping([PAIR], {
    prepare: (mapper) =>
      mapper.onMap = ({ protocol, externalPort = 0 }) => protocol === "udp" ? NO_ANSWER : externalPort,
  });
  bench.mapper.onMap = () => NO_ANSWER;
  await bench.run(10_000);
  assertEquals(bench.mapper.deletions, []);
});

// ---- ports ----

Deno.test("Keeper suggests the port that the gateway chose last once its lease is over, and counts none as asked for", async () => {
  const any: WantedMapping = { protocols: ["tcp"], internalPort: 80 };
  await using bench = await keeping([any], { prepare: (mapper) => mapper.onMap = () => 40_001 });
  bench.mapper.onMap = () => REFUSED;
  await bench.run(2 * HOUR_MS);
  assertEquals(bench.portOf("tcp", 80), undefined);
  bench.asked();
  bench.mapper.onMap = ({ externalPort = 50_000 }) => externalPort;
  await bench.run(60_000);
  assertEquals(mapsOf(bench.asked()), ["map tcp 80 at 40001"]);
  assertEquals(bench.keeper.holdings[0]?.lease?.requestedExternalPort, undefined);
});

Deno.test("Keeper takes another port than the one that the gateway chose last, which nobody wanted", async () => {
  const any: WantedMapping = { protocols: ["tcp"], internalPort: 80, exact: true };
  await using bench = await keeping([any], { prepare: (mapper) => mapper.onMap = () => 40_001 });
  bench.mapper.onMap = () => REFUSED;
  await bench.run(2 * HOUR_MS);
  bench.mapper.onMap = () => 40_005;
  await bench.run(60_000);
  assertEquals(bench.portOf("tcp", 80), 40_005);
  assertEquals(bench.mapper.deletions, []);
});

Deno.test("Keeper suggests the port that another gateway chose, to the next but one too", async () => {
  const any: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 80, exact: true };
  await using bench = await keeping([any], { prepare: (mapper) => mapper.onMap = () => 40_001 });
  const second = new FakeMapper(bench.clock, "10.0.0.254");
  second.fallSilent(REFUSED);
  bench.found = { mapper: second };
  await bench.run(30_000);
  const third = new FakeMapper(bench.clock, "10.0.0.253");
  bench.found = { mapper: third };
  await bench.run(30_000);
  assertEquals(second.calls[0], "map tcp 80 at 40001");
  assertEquals(third.calls, ["map tcp 80 at 40001", "map udp 80 at 40001", "probe"]);
});

Deno.test("Keeper asks each gateway for the wanted port, whatever another one granted", async () => {
  await using bench = await keeping([WEB], { prepare: (mapper) => mapper.onMap = () => 40_001 });
  const second = new FakeMapper(bench.clock, "10.0.0.254");
  bench.found = { mapper: second };
  await bench.run(30_000);
  assertEquals(second.calls, ["map tcp 80 at 8080", "probe"]);
});

// ---- questions ----

Deno.test("Keeper sends nothing while the gateway is to be left in peace, and then one request at a time", async () => {
  await using bench = await keeping([WEB, PAIR]);
  await bench.run(60_000);
  bench.mapper.onProbe = () => {
    bench.random = 0.5;
    bench.mapper.loseState();
    bench.mapper.onProbe = () => "198.51.100.7";
    return "198.51.100.7";
  };
  bench.keeper.hint();
  await bench.run(2499);
  assertEquals(bench.asked(), ["probe"]);
  await bench.run(10_000);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "map tcp 53 at 5353", "map udp 53 at 5353", "probe"]);
});

Deno.test("Keeper.hint() leads to one question, whose answer is reported", async () => {
  await using bench = await keeping([]);
  bench.mapper.onProbe = () => "198.51.100.8";
  bench.random = 0.4;
  bench.keeper.hint();
  await bench.run(399);
  assertEquals([bench.asked(), bench.news()], [[], ["announcement"]]);
  await bench.run(1);
  assertEquals([bench.asked(), bench.news()], [["probe"], ["address"]]);
});

Deno.test("Keeper asks the question before what else is due", async () => {
  await using bench = await keeping([WEB]);
  await bench.run(HOUR_MS - 1);
  bench.random = 0.001;
  bench.keeper.hint();
  await bench.run(1);
  assertEquals(bench.asked().slice(0, 2), ["probe", "map tcp 80 at 8080"]);
});

Deno.test("Keeper.hint() is nothing before there is a gateway, and after the end", async () => {
  const bench = new KeeperBench({ found: new NoGatewayError("None") });
  await bench.run(0);
  bench.keeper.hint();
  await bench.stop();
  bench.keeper.hint();
  assertEquals(bench.news(), ["error"]);
});

// ---- errors ----

Deno.test("Keeper reports a mapping that alone gets no answers after its second try, and not the first", async () => {
  await using bench = new KeeperBench({
    wanted: [SSH, WEB],
    tryTimeoutMs: 5000,
    prepare: (mapper) =>
      mapper.onMap = ({ internalPort, externalPort = 0 }) => internalPort === 80 ? "silence" : externalPort,
  });
  await bench.run(5000);
  assert(!bench.news().includes("error"));
  await bench.run(6000);
  assertEquals(bench.news().filter((type) => type === "error"), ["error"]);
});

Deno.test("Keeper leaves as much time between two tries to renew a lease as its protocol wants", async () => {
  await using bench = await keeping([WEB], { prepare: (mapper) => mapper.minRetryGapMs = 4000 });
  bench.mapper.fallSilent(NO_ANSWER);
  await bench.run(HOUR_MS + 20_000);
  const timesMs = bench.mapper.callTimesMs.filter((_, i) => bench.mapper.calls[i]!.startsWith("map"));
  assertEquals(timesMs.map((atMs) => atMs - HOUR_MS), [0, 4000, 8000, 12_000, 16_000, 20_000]);
});

Deno.test("Keeper that is to renew everything goes on until it did, and waits between its tries", async () => {
  for (const error of [NO_ANSWER, REFUSED, new NotSupportedError("Not here", "port-unreachable")]) {
    await using bench = await keeping([PAIR]);
    bench.mapper.fallSilent(error);
    bench.keeper.renewNow();
    await bench.run(10_000);
    assert(mapsOf(bench.asked()).length <= 10, error.name);
    bench.mapper.onMap = ({ externalPort = 0 }) => externalPort;
    bench.mapper.onProbe = () => "198.51.100.7";
    await bench.run(HOUR_MS);
    const renewed = bench.news().filter((type) => type.startsWith("renewed"));
    assertEquals(renewed.slice(0, 2), ["renewed tcp 53", "renewed udp 53"], error.name);
  }
});

Deno.test("Keeper waits between its tries also when the wall clock is set back after a refusal", async () => {
  await using bench = await keeping([WEB]);
  const start = bench.clock.wallNow();
  bench.clock.setWall(new Date(start.getTime() + HOUR_MS));
  bench.mapper.onMap = () => REFUSED;
  await bench.run(11_000);
  bench.clock.setWall(start);
  await bench.run(2 * HOUR_MS);
  assert(bench.asked().length < 200);
});

// ---- leases that never end ----

Deno.test("Keeper renews a lease that never ends when its protocol wants it, and it never expires", async () => {
  await using bench = await keeping([WEB], { prepare: (mapper) => mapper.lifetimeSeconds = "permanent" });
  assertEquals(bench.keeper.holdings[0]?.leftMs, Infinity);
  await bench.run(HOUR_MS);
  assertEquals(bench.news(), ["renewed tcp 80"]);
  bench.asked();
  bench.mapper.onMap = () => REFUSED;
  await bench.run(24 * HOUR_MS);
  assertEquals(bench.news(), ["error"]);
  assert(mapsOf(bench.asked()).length > 100, "a refusal need not last");
});

Deno.test("Keeper deletes at its end a lease that never ends", async () => {
  const bench = await keeping([WEB], {
    leavesMappings: false,
    prepare: (mapper) => mapper.lifetimeSeconds = "permanent",
  });
  await bench.stop();
  assertEquals(bench.mapper.deletions, [{
    protocol: "tcp",
    internalPort: 80,
    externalPort: 8080,
    expiresAtMs: undefined,
  }]);
  assertEquals(bench.news(), ["unmapped tcp 80"]);
});
