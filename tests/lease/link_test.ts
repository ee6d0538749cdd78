import { assert, assertEquals, assertRejects } from "@std/assert";
import { NoAnswerError, NoGatewayError, NotSupportedError, PortDiffersError } from "../../lib/errors.ts";
import { type Connection, Interrupted, Link, type LinkOptions } from "../../lib/lease/link.ts";
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
  readonly told: Parameters<LinkOptions["tell"]>[0][] = [];
  readonly calls: string[] = [];
  readonly mapper = new FakeMapper(this.clock);
  readonly link: Link;

  constructor() {
    this.found = { mapper: this.mapper };
    this.link = new Link({
      clock: this.clock,
      random: () => this.random,
      connect: async () => {
        this.looks++;
        if (this.found instanceof Error) throw this.found;
        return await this.found;
      },
      tell: (event) => this.told.push(event),
      onConnect: (isAnother) => this.calls.push(isAnother ? "another" : "connected"),
      onNews: (news) => this.calls.push(news),
    });
  }

  /** The types of what was told since the last time. */
  news(): string[] {
    return this.told.splice(0).map(({ type }) => type);
  }
}

async function connected(): Promise<Bench> {
  const bench = new Bench();
  await bench.link.check();
  bench.calls.splice(0);
  return bench;
}

Deno.test("Link.check() finds the gateway and says so once", async () => {
  const bench = new Bench();
  assertEquals(bench.link.mapper, undefined);
  await bench.link.check();
  await bench.link.check();
  assert(bench.link.mapper === bench.mapper);
  assertEquals([bench.calls, bench.news(), bench.looks], [["connected"], [], 2]);
});

Deno.test("Link.check() spares a look that is young enough, unless there is no way at the moment", async () => {
  const bench = await connected();
  await bench.clock.advance(1999);
  await bench.link.check(2000);
  assertEquals(bench.looks, 1);
  await bench.clock.advance(1);
  await bench.link.check(2000);
  assertEquals(bench.looks, 2);
  bench.found = NO_GATEWAY;
  await bench.link.check();
  await bench.link.check(2000);
  assertEquals(bench.looks, 4);
});

Deno.test("Link.check() looks once for all who ask meanwhile", async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<Connection>();
  bench.found = promise;
  const checks = Promise.all([bench.link.check(), bench.link.check()]);
  resolve({ mapper: bench.mapper });
  await checks;
  assertEquals([bench.looks, bench.calls], [1, ["connected"]]);
});

Deno.test("Link tells that there is no gateway once for each cause, and looks in steps from 2 s to 30 s", async () => {
  const bench = new Bench();
  bench.found = NO_GATEWAY;
  const stepsMs: number[] = [];
  for (let i = 0; i < 6; i++) {
    await bench.link.check();
    stepsMs.push(bench.link.checkAtMs - bench.clock.now());
  }
  assertEquals(stepsMs, [2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assertEquals(bench.told, [{ type: "error", error: NO_GATEWAY }]);
  bench.found = new NoGatewayError("The interface is down");
  await bench.link.check();
  assertEquals(bench.told.length, 2);
  bench.found = { mapper: bench.mapper };
  await bench.link.check();
  assertEquals(bench.link.checkAtMs - bench.clock.now(), 30_000);
});

Deno.test("Link keeps the gateway while none is found, and begins with it again when it is found", async () => {
  const bench = await connected();
  bench.link.note();
  bench.found = NO_GATEWAY;
  await bench.link.check();
  assert(bench.link.mapper === bench.mapper);
  bench.found = { mapper: bench.mapper };
  await bench.link.check();
  assertEquals([bench.calls, bench.news(), bench.link.isInTrouble], [["connected"], ["error"], true]);
  bench.link.note();
  assertEquals([bench.calls.at(-1), bench.news(), bench.link.isInTrouble], ["back", ["gateway-back"], false]);
});

Deno.test("Link tells another gateway, interrupts what is under way and listens to the new one alone", async () => {
  const bench = await connected();
  bench.link.note();
  const other = new FakeMapper(bench.clock, "10.0.0.254");
  bench.found = { mapper: other };
  const talk = assertRejects(
    () => bench.link.talk((signal) => bench.clock.sleep(60_000, { signal })),
    Interrupted,
  );
  await bench.link.check();
  await talk;
  assertEquals(bench.told, [{ type: "gateway-changed", previousGateway: "10.0.0.1" }]);
  assertEquals([bench.calls, bench.link.hasAnswered], [["another"], false]);
  assertEquals([bench.mapper.listeners, other.listeners], [0, 1]);
});

Deno.test("Link tells another local address as a change without a previous gateway", async () => {
  const bench = await connected();
  bench.found = { mapper: new FakeMapper(bench.clock), localAddress: "10.0.0.9" };
  await bench.link.check();
  assertEquals([bench.told, bench.calls], [[{ type: "gateway-changed" }], ["another"]]);
});

Deno.test("Link takes a loss of state for another state, and is quiet for a uniformly random 0 to 5 s (§3.7)", async () => {
  for (const random of [0, 0.5, 0.999]) {
    const bench = await connected();
    bench.random = random;
    await bench.clock.advance(1000);
    bench.mapper.loseState();
    assertEquals([bench.link.state, bench.link.quietUntilMs], [1, 1000 + random * 5000]);
    assertEquals([bench.news(), bench.calls], [["state-lost"], ["state-lost"]]);
  }
});

Deno.test("Link is not quiet at another gateway because of what the one before forgot", async () => {
  const bench = await connected();
  bench.mapper.loseState();
  bench.found = { mapper: new FakeMapper(bench.clock, "10.0.0.254") };
  await bench.link.check();
  assert(bench.link.quietUntilMs <= bench.clock.now());
});

Deno.test("Link acts on no more than ten losses of state in an hour, and on others later", async () => {
  const bench = await connected();
  for (let i = 0; i < 15; i++) bench.mapper.loseState();
  assertEquals([bench.link.state, bench.news().length], [10, 10]);
  await bench.clock.advance(HOUR_MS);
  bench.mapper.loseState();
  assertEquals([bench.link.state, bench.news().length], [11, 1]);
});

Deno.test("Link.talk() gives what the talk comes to, and hands its failure on", async () => {
  const { link } = await connected();
  assertEquals(await link.talk(() => Promise.resolve(7)), 7);
  await assertRejects(() => link.talk(() => Promise.reject(NO_ANSWER)), NoAnswerError);
  assertEquals(link.interruptibleAtMs, Infinity);
});

Deno.test("Link.interrupt() ends a request that has waited long enough, and no younger one", async () => {
  const { clock, link } = await connected();
  let isOver = false;
  const talk = assertRejects(() => link.talk((signal) => clock.sleep(60_000, { signal })), Interrupted)
    .finally(() => isOver = true);
  assertEquals(link.interruptibleAtMs, 2000);
  await clock.advance(1999);
  link.interrupt();
  await clock.advance(0);
  assertEquals(isOver, false);
  await clock.advance(1);
  link.interrupt();
  await clock.advance(0);
  assertEquals(isOver, true);
  await talk;
});

Deno.test("Link.interrupt() does nothing to the next talk", async () => {
  const { clock, link } = await connected();
  link.interrupt(0);
  await clock.runUntil(link.talk((signal) => clock.sleep(5000, { signal })));
  assertEquals(clock.now(), 5000);
});

Deno.test("Link.note() tells a gateway that never answered with one error", async () => {
  const bench = await connected();
  for (let i = 0; i < 4; i++) bench.link.note(NO_ANSWER);
  assertEquals([bench.told, bench.link.isInTrouble], [[{ type: "error", error: NO_ANSWER }], true]);
});

Deno.test("Link.note() tells a gateway that answered before as silent after the second silence, once", async () => {
  const bench = await connected();
  bench.link.note();
  bench.link.note(NO_ANSWER);
  assertEquals([bench.news(), bench.link.isInTrouble], [[], false]);
  bench.link.note(NO_ANSWER);
  bench.link.note(NO_ANSWER);
  assertEquals([bench.news(), bench.link.isInTrouble], [["gateway-silent"], true]);
  bench.link.note();
  assertEquals([bench.news(), bench.calls], [["gateway-back"], ["back"]]);
});

Deno.test("Link.note() forgives a single silence after each answer", async () => {
  const bench = await connected();
  for (let i = 0; i < 5; i++) {
    bench.link.note();
    bench.link.note(NO_ANSWER);
  }
  assertEquals(bench.news(), []);
});

Deno.test("Link.note() takes a refusal and another port for answers", async () => {
  const differs = new PortDiffersError("p", { requirement: "pair", wantedPort: 1, grantedPort: 2 });
  for (const error of [REFUSED, differs]) {
    const bench = await connected();
    bench.link.note();
    bench.link.note(NO_ANSWER);
    bench.link.note(NO_ANSWER);
    bench.news();
    bench.link.note(error);
    assertEquals([bench.news(), bench.link.hasAnswered], [["gateway-back"], true]);
  }
});

Deno.test("Link.note() tells each change of the cause", async () => {
  const bench = await connected();
  const unreachable = new NotSupportedError("n", "port-unreachable");
  bench.link.note();
  for (const error of [unreachable, unreachable, NO_ANSWER, NO_ANSWER, unreachable]) bench.link.note(error);
  assertEquals(bench.news(), ["error", "gateway-silent", "error"]);
});

Deno.test("Link.note() tells nothing of an interruption, nor of silence while there is no way to the gateway", async () => {
  const bench = await connected();
  bench.link.note(new Interrupted());
  bench.found = NO_GATEWAY;
  await bench.link.check();
  bench.news();
  bench.link.note(NO_ANSWER);
  bench.link.note(NO_ANSWER);
  assertEquals([bench.news(), bench.link.isInTrouble], [[], false]);
});

Deno.test("Link.close() ends a look that does not end, and what it finds then is not told", async () => {
  const bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<Connection>();
  bench.found = promise;
  const checking = bench.link.check();
  bench.link.close();
  await checking;
  resolve({ mapper: bench.mapper });
  await bench.clock.advance(0);
  assertEquals([bench.calls, bench.news(), bench.link.mapper], [[], [], undefined]);
});

Deno.test("Link.close() interrupts what is under way and what comes after, and listens no more", async () => {
  const { clock, link, mapper } = await connected();
  const wait = (signal: AbortSignal) => clock.sleep(60_000, { signal });
  const talk = assertRejects(() => link.talk(wait), Interrupted);
  link.close();
  await talk;
  await assertRejects(() => link.talk(wait), Interrupted);
  assertEquals(mapper.listeners, 0);
});

Deno.test("Link.check() looks no more after close()", async () => {
  const bench = await connected();
  bench.link.close();
  await bench.link.check();
  assertEquals(bench.looks, 1);
});
