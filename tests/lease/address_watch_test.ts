import { assertEquals, assertRejects } from "@std/assert";
import { RefusedError } from "../../lib/errors.ts";
import { AddressWatch } from "../../lib/lease/address_watch.ts";
import { type Connection, Link } from "../../lib/lease/link.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const TIMEOUT_MS = 7750;
const NO_ADDRESS = new RefusedError("No address", "network-failure", { resultCode: 3 });

class Bench {
  readonly clock = new ManualClock();
  readonly mapper = new FakeMapper(this.clock);
  connection: Connection = { mapper: this.mapper };
  readonly told: unknown[] = [];
  readonly linkTold: string[] = [];
  questions = 0;
  readonly link = new Link({
    clock: this.clock,
    random: () => 0,
    connect: () => Promise.resolve(this.connection),
    tell: ({ type }) => this.linkTold.push(type),
    onConnect: () => {},
    onNews: () => {},
  });
  readonly address: AddressWatch;

  private constructor(polls: boolean) {
    this.address = new AddressWatch({
      link: this.link,
      clock: this.clock,
      polls: () => polls,
      tell: (event) => this.told.push(event),
      onQuestion: () => this.questions++,
    });
  }

  static async connected(polls = true): Promise<Bench> {
    const bench = new Bench(polls);
    await bench.link.check();
    return bench;
  }

  ask(): Promise<boolean> {
    return this.clock.runUntil(this.address.ask(TIMEOUT_MS));
  }
}

Deno.test("AddressWatch.ask() knows the address from then on, and tells it first and when it changes", async () => {
  const bench = await Bench.connected();
  const { address, mapper } = bench;
  assertEquals([address.address, address.news()], [undefined, []]);
  await bench.ask();
  assertEquals(address.address, "198.51.100.7");
  assertEquals(address.news(), [{ type: "address", externalAddress: "198.51.100.7" }]);
  assertEquals(address.news(), []);
  mapper.onAddress = () => "198.51.100.8";
  await bench.ask();
  assertEquals(address.news(), [
    { type: "address", externalAddress: "198.51.100.8", previousExternalAddress: "198.51.100.7" },
  ]);
});

Deno.test("AddressWatch.ask() limits its request to the time that it is given", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  assertEquals(bench.mapper.limits[0]?.timeoutMs, TIMEOUT_MS);
});

Deno.test("AddressWatch that polls is due again after five minutes, any other one never", async () => {
  for (const [polls, dueAtMs] of [[true, 300_000], [false, Infinity]] as const) {
    const bench = await Bench.connected(polls);
    await bench.ask();
    assertEquals(bench.address.nextAtMs, dueAtMs);
  }
});

Deno.test("AddressWatch.ask() takes up the question that is due, and no later one", async () => {
  const bench = await Bench.connected();
  bench.address.questionAtMs = 500;
  await bench.ask();
  assertEquals([bench.questions, bench.address.questionAtMs], [0, 500]);
  await bench.clock.advance(500);
  await bench.ask();
  assertEquals([bench.questions, bench.address.questionAtMs], [1, Infinity]);
});

Deno.test("AddressWatch.ask() leaves alone a question that comes up while it asks", async () => {
  const bench = await Bench.connected();
  bench.mapper.onAddress = () => {
    bench.address.questionAtMs = 900;
    return "198.51.100.7";
  };
  bench.address.questionAtMs = 0;
  await bench.ask();
  assertEquals([bench.questions, bench.address.questionAtMs], [1, 900]);
});

Deno.test("AddressWatch tells a refusal once for each cause, and asks on in steps of up to 60 s", async () => {
  const bench = await Bench.connected();
  bench.mapper.onAddress = () => NO_ADDRESS;
  const stepsMs: number[] = [];
  for (let i = 0; i < 7; i++) {
    await bench.ask();
    stepsMs.push(bench.address.dueAtMs - bench.clock.now());
  }
  assertEquals(stepsMs, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assertEquals(bench.told, [{ type: "error", error: NO_ADDRESS, mappings: [] }]);
  bench.mapper.onAddress = () => REFUSED;
  await bench.ask();
  assertEquals(bench.told.length, 2);
});

Deno.test("AddressWatch.ask() tells whether there is an address again after a refusal, once", async () => {
  const bench = await Bench.connected();
  assertEquals(await bench.ask(), false);
  bench.mapper.onAddress = () => NO_ADDRESS;
  assertEquals(await bench.ask(), false);
  bench.mapper.onAddress = () => "198.51.100.7";
  assertEquals([await bench.ask(), await bench.ask()], [true, false]);
});

Deno.test("AddressWatch tells the same refusal again after an address in between", async () => {
  const bench = await Bench.connected();
  for (const answer of [NO_ADDRESS, "198.51.100.7", NO_ADDRESS]) {
    bench.mapper.onAddress = () => answer;
    await bench.ask();
  }
  assertEquals(bench.told.length, 2);
});

Deno.test("AddressWatch keeps the address that it knows while the gateway refuses or is silent", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  for (const answer of [NO_ADDRESS, NO_ANSWER]) {
    bench.mapper.onAddress = () => answer;
    await bench.ask();
    assertEquals(bench.address.address, "198.51.100.7");
  }
});

Deno.test("AddressWatch leaves silence to the link to tell", async () => {
  const bench = await Bench.connected();
  bench.mapper.onAddress = () => "silence";
  await bench.ask();
  assertEquals([bench.clock.now(), bench.told, bench.linkTold], [TIMEOUT_MS, [], ["error"]]);
});

Deno.test("AddressWatch is due at once after its request was interrupted, and tells nothing", async () => {
  const bench = await Bench.connected();
  bench.mapper.onAddress = () => "silence";
  const asking = bench.address.ask(TIMEOUT_MS);
  await bench.clock.advance(2000);
  bench.link.interrupt();
  assertEquals(await asking, false);
  assertEquals([bench.address.dueAtMs, bench.told, bench.linkTold], [-Infinity, [], []]);
});

Deno.test("AddressWatch takes no address from a gateway that is not its gateway any more", async () => {
  const bench = await Bench.connected();
  const { promise, resolve } = Promise.withResolvers<void>();
  const old = bench.mapper;
  old.externalAddress = async () => {
    await promise;
    return { externalAddress: "192.0.2.1", attempts: 1, elapsedMs: 1 };
  };
  const asking = bench.address.ask(TIMEOUT_MS);
  bench.connection = { mapper: new FakeMapper(bench.clock, "10.0.0.254") };
  await bench.link.check();
  resolve();
  assertEquals(await asking, false);
  assertEquals([bench.address.address, bench.address.news()], [undefined, []]);
});

Deno.test("AddressWatch.forget() forgets the address, but not that it was told", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  bench.address.news();
  bench.address.forget();
  assertEquals([bench.address.address, bench.address.news()], [undefined, []]);
  await bench.ask();
  assertEquals(bench.address.news(), []);
});

Deno.test("AddressWatch.hurry() makes the address due at once, and the steps begin anew", async () => {
  const bench = await Bench.connected();
  bench.mapper.onAddress = () => NO_ADDRESS;
  for (let i = 0; i < 4; i++) await bench.ask();
  bench.address.hurry();
  assertEquals(bench.address.dueAtMs, -Infinity);
  await bench.ask();
  assertEquals(bench.address.dueAtMs - bench.clock.now(), 2000);
});

Deno.test("AddressWatch.ask() throws what no gateway causes", async () => {
  const bench = await Bench.connected();
  bench.mapper.onAddress = () => new TypeError("A defect");
  await assertRejects(() => bench.ask(), TypeError, "A defect");
});
