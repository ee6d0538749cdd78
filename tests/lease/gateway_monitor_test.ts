import { assert, assertEquals, assertRejects } from "@std/assert";
import { NoAnswerError, NoGatewayError, NotSupportedError, PortDiffersError } from "../../lib/errors.ts";
import { Interrupted } from "../../lib/lease/cause.ts";
import {
  type Connection,
  GatewayMonitor,
  type GatewayMonitorOptions,
} from "../../lib/lease/gateway_monitor.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const NO_GATEWAY = new NoGatewayError("There is no default gateway");
const HOUR_MS = 3_600_000;

class Bench {
  readonly clock = new ManualClock();
  /** What a look finds. */
  found: Connection | Error | Promise<Connection>;
  looks = 0;
  random = 0.5;
  readonly reported: Parameters<GatewayMonitorOptions["report"]>[0][] = [];
  readonly calls: string[] = [];
  readonly mapper = new FakeMapper(this.clock);
  readonly monitor: GatewayMonitor;

  constructor() {
    this.found = { mapper: this.mapper };
    this.monitor = new GatewayMonitor({
      clock: this.clock,
      random: () => this.random,
      connect: async () => {
        this.looks++;
        if (this.found instanceof Error) throw this.found;
        return await this.found;
      },
      report: (event) => this.reported.push(event),
      onConnect: (_, isAnother) => this.calls.push(isAnother ? "another" : "connected"),
      onNews: (news) => this.calls.push(news),
    });
  }

  /** The types of what was reported since the last time. */
  news(): string[] {
    return this.reported.splice(0).map(({ type }) => type);
  }
}

async function connected(): Promise<Bench> {
  const bench = new Bench();
  await bench.monitor.check();
  bench.calls.splice(0);
  return bench;
}

Deno.test("GatewayMonitor.check() finds the gateway, which is reported once", async () => {
  const bench = new Bench();
  assertEquals(bench.monitor.mapper, undefined);
  await bench.monitor.check();
  await bench.monitor.check();
  assert(bench.monitor.mapper === bench.mapper);
  assertEquals([bench.calls, bench.news(), bench.looks], [["connected"], [], 2]);
});

Deno.test("GatewayMonitor.check() does not look again soon after the last look, unless the gateway was missing then", async () => {
  const bench = await connected();
  await bench.clock.advance(1999);
  await bench.monitor.check(2000);
  assertEquals(bench.looks, 1);
  await bench.clock.advance(1);
  await bench.monitor.check(2000);
  assertEquals(bench.looks, 2);
  bench.found = NO_GATEWAY;
  await bench.monitor.check();
  await bench.monitor.check(2000);
  assertEquals(bench.looks, 4);
});

Deno.test("GatewayMonitor.check() looks once for all who ask meanwhile", async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<Connection>();
  bench.found = promise;
  const checks = Promise.all([bench.monitor.check(), bench.monitor.check()]);
  resolve({ mapper: bench.mapper });
  await checks;
  assertEquals([bench.looks, bench.calls], [1, ["connected"]]);
});

Deno.test("GatewayMonitor reports once for each cause that there is no gateway, and looks in steps from 2 s to 30 s", async () => {
  const bench = new Bench();
  bench.found = NO_GATEWAY;
  const stepsMs: number[] = [];
  for (let i = 0; i < 6; i++) {
    await bench.monitor.check();
    stepsMs.push(bench.monitor.checkAtMs - bench.clock.now());
  }
  assertEquals(stepsMs, [2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assertEquals(bench.reported, [{ type: "error", error: NO_GATEWAY }]);
  bench.found = new NoGatewayError("The interface is down");
  await bench.monitor.check();
  assertEquals(bench.reported.length, 2);
  bench.found = { mapper: bench.mapper };
  await bench.monitor.check();
  assertEquals(bench.monitor.checkAtMs - bench.clock.now(), 30_000);
});

Deno.test("GatewayMonitor keeps the gateway while none is found, and begins with it again when it is found", async () => {
  const bench = await connected();
  bench.monitor.note();
  bench.found = NO_GATEWAY;
  await bench.monitor.check();
  assert(bench.monitor.mapper === bench.mapper);
  bench.found = { mapper: bench.mapper };
  await bench.monitor.check();
  assertEquals([bench.calls, bench.news(), bench.monitor.isInTrouble], [["connected"], ["error"], true]);
  bench.monitor.note();
  assertEquals([bench.calls.at(-1), bench.news(), bench.monitor.isInTrouble], [
    "back",
    ["gateway-back"],
    false,
  ]);
});

Deno.test("GatewayMonitor reports another gateway, interrupts what is under way and listens to the new one alone", async () => {
  const bench = await connected();
  bench.monitor.note();
  const other = new FakeMapper(bench.clock, "10.0.0.254");
  bench.found = { mapper: other };
  const talk = assertRejects(
    () => bench.monitor.talk((signal) => bench.clock.sleep(60_000, { signal })),
    Interrupted,
  );
  await bench.monitor.check();
  await talk;
  assertEquals(bench.reported, [{ type: "gateway-changed", previousGateway: "10.0.0.1" }]);
  assertEquals([bench.calls, bench.monitor.hasAnswered], [["another"], false]);
  assertEquals([bench.mapper.listeners, other.listeners], [0, 1]);
});

Deno.test("GatewayMonitor reports another local address as a change without a previous gateway", async () => {
  const bench = await connected();
  bench.found = { mapper: new FakeMapper(bench.clock), localAddress: "10.0.0.9" };
  await bench.monitor.check();
  assertEquals([bench.reported, bench.calls], [[{ type: "gateway-changed" }], ["another"]]);
});

Deno.test("GatewayMonitor reports a loss of state, and is quiet for a uniformly random 0 to 5 s (§3.7)", async () => {
  for (const random of [0, 0.5, 0.999]) {
    const bench = await connected();
    bench.random = random;
    await bench.clock.advance(1000);
    bench.mapper.loseState();
    assertEquals(bench.monitor.quietUntilMs, 1000 + random * 5000);
    assertEquals([bench.news(), bench.calls], [["state-lost"], ["state-lost"]]);
  }
});

Deno.test("GatewayMonitor is not quiet at another gateway because of what the one before forgot", async () => {
  const bench = await connected();
  bench.mapper.loseState();
  bench.found = { mapper: new FakeMapper(bench.clock, "10.0.0.254") };
  await bench.monitor.check();
  assert(bench.monitor.quietUntilMs <= bench.clock.now());
});

Deno.test("GatewayMonitor acts on no more than ten losses of state in an hour, and on others later", async () => {
  const bench = await connected();
  for (let i = 0; i < 15; i++) bench.mapper.loseState();
  assertEquals([bench.calls.length, bench.news().length], [10, 10]);
  await bench.clock.advance(HOUR_MS);
  bench.mapper.loseState();
  assertEquals([bench.calls.length, bench.news().length], [11, 1]);
});

Deno.test("GatewayMonitor.noteOtherAddress() is a reason to ask for everything again, and not reported as a loss of state", async () => {
  const bench = await connected();
  await bench.clock.advance(1000);
  bench.monitor.noteOtherAddress();
  assertEquals(bench.monitor.quietUntilMs, 1000 + 2500);
  assertEquals([bench.news(), bench.calls], [[], ["state-lost"]]);
});

Deno.test("GatewayMonitor counts other addresses and losses of state together", async () => {
  const bench = await connected();
  for (let i = 0; i < 8; i++) bench.monitor.noteOtherAddress();
  for (let i = 0; i < 8; i++) bench.mapper.loseState();
  bench.monitor.noteOtherAddress();
  assertEquals([bench.calls.length, bench.news().length], [10, 2]);
});

Deno.test("GatewayMonitor counts the losses of each gateway alone", async () => {
  const bench = await connected();
  for (let i = 0; i < 10; i++) bench.mapper.loseState();
  const other = new FakeMapper(bench.clock, "10.0.0.254");
  bench.found = { mapper: other };
  await bench.monitor.check();
  bench.news();
  other.loseState();
  assertEquals([bench.calls.at(-1), bench.news()], ["state-lost", ["state-lost"]]);
});

Deno.test("GatewayMonitor.talk() returns what the talk returns, and throws what it throws", async () => {
  const { monitor } = await connected();
  assertEquals(await monitor.talk(() => Promise.resolve(7)), 7);
  await assertRejects(() => monitor.talk(() => Promise.reject(NO_ANSWER)), NoAnswerError);
  assertEquals(monitor.interruptibleAtMs, Infinity);
});

Deno.test("GatewayMonitor.interrupt() ends a request that has waited long enough, and no younger one", async () => {
  const { clock, monitor } = await connected();
  let isOver = false;
  const talk = assertRejects(() => monitor.talk((signal) => clock.sleep(60_000, { signal })), Interrupted)
    .finally(() => isOver = true);
  assertEquals(monitor.interruptibleAtMs, 2000);
  await clock.advance(1999);
  monitor.interrupt();
  await clock.advance(0);
  assertEquals(isOver, false);
  await clock.advance(1);
  monitor.interrupt();
  await clock.advance(0);
  assertEquals(isOver, true);
  await talk;
});

Deno.test("GatewayMonitor.interrupt() does nothing to the next talk", async () => {
  const { clock, monitor } = await connected();
  monitor.interrupt(0);
  await clock.runUntil(monitor.talk((signal) => clock.sleep(5000, { signal })));
  assertEquals(clock.now(), 5000);
});

Deno.test("GatewayMonitor.note() reports a gateway that never answered with one error", async () => {
  const bench = await connected();
  for (let i = 0; i < 4; i++) bench.monitor.note(NO_ANSWER);
  assertEquals([bench.reported, bench.monitor.isInTrouble], [[{ type: "error", error: NO_ANSWER }], true]);
});

Deno.test("GatewayMonitor.note() reports a gateway that answered before as silent after the second silence, once", async () => {
  const bench = await connected();
  bench.monitor.note();
  bench.monitor.note(NO_ANSWER);
  assertEquals([bench.news(), bench.monitor.isInTrouble], [[], false]);
  bench.monitor.note(NO_ANSWER);
  bench.monitor.note(NO_ANSWER);
  assertEquals([bench.news(), bench.monitor.isInTrouble], [["gateway-silent"], true]);
  bench.monitor.note();
  assertEquals([bench.news(), bench.calls], [["gateway-back"], ["back"]]);
});

Deno.test("GatewayMonitor.note() forgives a single silence after each answer", async () => {
  const bench = await connected();
  for (let i = 0; i < 5; i++) {
    bench.monitor.note();
    bench.monitor.note(NO_ANSWER);
  }
  assertEquals(bench.news(), []);
});

Deno.test("GatewayMonitor.note() takes a refusal and another port for answers", async () => {
  const differs = new PortDiffersError("p", { requirement: "pair", wantedPort: 1, grantedPort: 2 });
  for (const error of [REFUSED, differs]) {
    const bench = await connected();
    bench.monitor.note();
    bench.monitor.note(NO_ANSWER);
    bench.monitor.note(NO_ANSWER);
    bench.news();
    bench.monitor.note(error);
    assertEquals([bench.news(), bench.monitor.hasAnswered], [["gateway-back"], true]);
  }
});

Deno.test("GatewayMonitor.note() reports each change of the cause", async () => {
  const bench = await connected();
  const unreachable = new NotSupportedError("n", "port-unreachable");
  bench.monitor.note();
  for (const error of [unreachable, unreachable, NO_ANSWER, NO_ANSWER, unreachable]) {
    bench.monitor.note(error);
  }
  assertEquals(bench.news(), ["error", "gateway-silent", "error"]);
});

Deno.test("GatewayMonitor.note() reports neither an interruption, nor silence while no route to the gateway is found", async () => {
  const bench = await connected();
  bench.monitor.note(new Interrupted());
  bench.found = NO_GATEWAY;
  await bench.monitor.check();
  bench.news();
  bench.monitor.note(NO_ANSWER);
  bench.monitor.note(NO_ANSWER);
  assertEquals([bench.news(), bench.monitor.isInTrouble], [[], false]);
});

Deno.test("GatewayMonitor.close() ends a look that does not end, and what it finds then is not reported", async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<Connection>();
  bench.found = promise;
  const checking = bench.monitor.check();
  bench.monitor.close();
  await checking;
  resolve({ mapper: bench.mapper });
  await bench.clock.advance(0);
  assertEquals([bench.calls, bench.news(), bench.monitor.mapper], [[], [], undefined]);
});

Deno.test("GatewayMonitor.close() interrupts what is under way and what comes after, and listens no more", async () => {
  const { clock, monitor, mapper } = await connected();
  const wait = (signal: AbortSignal) => clock.sleep(60_000, { signal });
  const talk = assertRejects(() => monitor.talk(wait), Interrupted);
  monitor.close();
  await talk;
  await assertRejects(() => monitor.talk(wait), Interrupted);
  assertEquals(mapper.listeners, 0);
});

Deno.test("GatewayMonitor.check() looks no more after close()", async () => {
  const bench = await connected();
  bench.monitor.close();
  await bench.monitor.check();
  assertEquals(bench.looks, 1);
});
