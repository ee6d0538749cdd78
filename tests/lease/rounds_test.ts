import { assert, assertEquals, assertRejects } from "@std/assert";
import { RefusedError } from "../../lib/errors.ts";
import type { Connection } from "../../lib/lease/link.ts";
import { REFUSED } from "./fake_mapper.ts";
import { RoundsBench } from "./rounds_bench.ts";

const HOUR_MS = 3_600_000;
const WEB = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 } as const;
const SSH = { protocols: ["tcp"], internalPort: 22, externalPort: 2222 } as const;
const DNS = { protocols: ["tcp", "udp"], internalPort: 53, externalPort: 5353 } as const;

Deno.test("Rounds send nothing before there is a gateway", async () => {
  const { promise, resolve } = Promise.withResolvers<Connection>();
  await using bench = new RoundsBench({ wishes: [WEB], found: promise });
  await bench.run(HOUR_MS);
  assertEquals([bench.asked(), bench.news()], [[], []]);
  resolve({ mapper: bench.mapper });
  await bench.run(0);
  assertEquals(bench.news(), ["address", "mapped tcp 80"]);
});

Deno.test("Rounds ask for the mappings in the wishes' order, then for the address, then tell, the address first", async () => {
  await using bench = new RoundsBench({ wishes: [WEB, DNS] });
  await bench.run(0);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "map tcp 53 at 5353", "map udp 53 at 5353", "address"]);
  assertEquals(bench.news(), ["address", "mapped tcp 80", "mapped tcp 53", "mapped udp 53"]);
  assertEquals(bench.rounds.externalAddress, "198.51.100.7");
});

Deno.test("Rounds without wishes ask for the address, and again only where they poll", async () => {
  for (const [polls, expected] of [[false, 1], [true, 13]] as const) {
    await using bench = new RoundsBench({ polls });
    await bench.run(HOUR_MS);
    assertEquals(bench.asked().length, expected);
  }
});

Deno.test("Rounds renew at half of the life and not before, and nothing in between", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  await bench.run(HOUR_MS - 1);
  bench.asked();
  bench.news();
  await bench.run(0);
  assertEquals(bench.asked(), []);
  await bench.run(1);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "address"]);
  assertEquals(bench.news(), ["renewed tcp 80"]);
});

Deno.test("Rounds tell what was granted although the address is refused", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  bench.mapper.onAddress = () => REFUSED;
  await bench.run(0);
  assertEquals(bench.news(), ["error", "mapped tcp 80"]);
});

Deno.test("Rounds go on with the other wishes after a refusal, in the same round", async () => {
  await using bench = new RoundsBench({ wishes: [WEB, SSH] });
  bench.mapper.onMap = ({ internalPort, externalPort = 0 }) => internalPort === 80 ? REFUSED : externalPort;
  await bench.run(0);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "map tcp 22 at 2222", "address"]);
  assertEquals(bench.news(), ["address", "mapped tcp 22", "error"]);
});

Deno.test("Rounds ask again for what was refused in steps of up to 60 s while nothing is held", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  bench.mapper.onMap = () => REFUSED;
  await bench.run(300_000);
  const timesMs = bench.mapper.callTimesMs.filter((_, i) => bench.mapper.calls[i]?.startsWith("map"));
  const stepsMs = timesMs.slice(1).map((atMs, i) => atMs - timesMs[i]!);
  assertEquals(stepsMs, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

Deno.test("Rounds ask at once for what was refused when the gateway has an address again", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  const error = new RefusedError("No address", "network-failure", { resultCode: 3 });
  bench.mapper.fallSilent(error);
  await bench.run(62_000);
  bench.mapper.onMap = () => 8080;
  bench.mapper.onAddress = () => "198.51.100.7";
  bench.asked();
  bench.rounds.askAddress();
  await bench.run(0);
  assertEquals(bench.asked().slice(0, 2), ["address", "map tcp 80 at 8080"]);
});

Deno.test("Rounds give each try to a silent gateway a share of the time, the one that failed longest ago first", async () => {
  await using bench = new RoundsBench({ wishes: [WEB, SSH], tryTimeoutMs: 10_000 });
  bench.mapper.fallSilent();
  await bench.run(60_000);
  const maps = bench.asked().filter((call) => call.startsWith("map"));
  assertEquals(maps.slice(0, 5), [
    "map tcp 80 at 8080",
    "map tcp 22 at 2222",
    "map tcp 80 at 8080",
    "map tcp 22 at 2222",
    "map tcp 80 at 8080",
  ]);
  assert(bench.mapper.limits.every(({ timeoutMs = Infinity }) => timeoutMs <= 10_000));
});

Deno.test("Rounds find out with a short try whether a new gateway answers, half of it for each of a pair", async () => {
  await using bench = new RoundsBench({ wishes: [DNS] });
  bench.mapper.onMap = () => "silence";
  await bench.run(0);
  assertEquals(bench.mapper.limits[0]?.timeoutMs, 7750 / 2);
});

Deno.test("Rounds last in a try no longer than half of what is left of the lease that is next", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  bench.mapper.lifetimeSeconds = 60;
  await bench.run(0);
  bench.asked();
  bench.mapper.limits.splice(0);
  bench.mapper.onMap = () => "silence";
  await bench.run(30_000);
  assertEquals(bench.asked(), ["map tcp 80 at 8080"]);
  assertEquals(bench.mapper.limits[0]?.timeoutMs, 15_000);
});

Deno.test("Rounds send nothing while the gateway is to be left in peace, and then one request at a time", async () => {
  await using bench = new RoundsBench({ wishes: [WEB, DNS] });
  await bench.run(60_000);
  bench.asked();
  bench.random = 0.5;
  bench.mapper.loseState();
  bench.rounds.wake();
  await bench.run(2499);
  assertEquals(bench.asked(), []);
  await bench.run(1);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "map tcp 53 at 5353", "map udp 53 at 5353", "address"]);
});

Deno.test("Rounds ask the question when it is due, once, and tell the address that it finds", async () => {
  await using bench = new RoundsBench();
  await bench.run(0);
  bench.news();
  bench.asked();
  bench.mapper.onAddress = () => "198.51.100.8";
  bench.rounds.question(400);
  assertEquals(bench.rounds.questionAtMs, 400);
  await bench.run(399);
  assertEquals([bench.asked(), bench.questions], [[], 0]);
  await bench.run(10_000);
  assertEquals([bench.asked(), bench.news(), bench.questions], [["address"], ["address"], 1]);
  assertEquals(bench.rounds.questionAtMs, Infinity);
});

Deno.test("Rounds ask the question before what else is due", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  await bench.run(0);
  bench.asked();
  bench.rounds.question(HOUR_MS);
  await bench.run(HOUR_MS);
  assertEquals(bench.asked().slice(0, 2), ["address", "map tcp 80 at 8080"]);
});

Deno.test("Rounds.start() with another gateway asks it for its address and for everything", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  await bench.run(0);
  bench.asked();
  bench.news();
  for (const wish of bench.wishes) wish.forget();
  bench.rounds.start(true);
  assertEquals(bench.rounds.externalAddress, undefined);
  await bench.run(0);
  assertEquals(bench.asked(), ["map tcp 80 at 8080", "address"]);
  assertEquals(bench.news(), ["mapped tcp 80"]);
});

Deno.test("Rounds remember for the end what may have been granted in a request without an answer", async () => {
  await using bench = new RoundsBench({ wishes: [WEB] });
  bench.mapper.onMap = () => "silence";
  await bench.run(7750);
  assertEquals(bench.wishes[0]?.standing, [{ protocol: "tcp", internalPort: 80 }]);
});

Deno.test("Rounds tell a mapping that alone gets no answers after its second try, and not the first", async () => {
  await using bench = new RoundsBench({ wishes: [SSH, WEB], tryTimeoutMs: 5000 });
  bench.mapper.onMap = ({ internalPort, externalPort = 0 }) => internalPort === 80 ? "silence" : externalPort;
  await bench.run(5000);
  assert(!bench.news().includes("error"));
  await bench.run(6000);
  assertEquals(bench.news().filter((type) => type === "error"), ["error"]);
});

Deno.test("Rounds end at once when their signal aborts, and leave no timer", async () => {
  const bench = new RoundsBench({ wishes: [WEB], polls: true });
  await bench.run(0);
  bench.end();
  await bench.clock.runUntil(bench.running);
  assertEquals(bench.clock.now(), 0);
});

Deno.test("Rounds end at once when their signal aborts while nobody answers, and tell no more", async () => {
  const bench = new RoundsBench({ wishes: [WEB] });
  bench.mapper.onMap = () => "silence";
  await bench.run(1000);
  bench.end();
  await bench.clock.runUntil(bench.running);
  assertEquals([bench.clock.now(), bench.news()], [1000, []]);
});

Deno.test("Rounds end with what no gateway causes", async () => {
  const bench = new RoundsBench({ wishes: [WEB] });
  bench.mapper.onMap = () => new RangeError("No such port");
  await assertRejects(() => bench.clock.runUntil(bench.running), RangeError, "No such port");
  bench.end();
});
