import { assertEquals, assertRejects } from "@std/assert";
import { RefusedError } from "../../lib/errors.ts";
import { type AddressAnswer, AddressPoller } from "../../lib/lease/address_poller.ts";
import { type Connection, GatewayMonitor } from "../../lib/lease/gateway_monitor.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

const TIMEOUT_MS = 7750;
const NO_ADDRESS = new RefusedError("No address", "network-failure", { resultCode: 3 });

class Bench {
  readonly clock = new ManualClock();
  readonly mapper = new FakeMapper(this.clock);
  connection: Connection = { mapper: this.mapper };
  readonly reported: unknown[] = [];
  readonly monitorReported: string[] = [];
  generation = 0;
  readonly monitor = new GatewayMonitor({
    clock: this.clock,
    random: () => 0,
    connect: () => Promise.resolve(this.connection),
    report: ({ type }) => this.monitorReported.push(type),
    onConnect: () => {},
    onNews: () => {},
  });
  readonly address: AddressPoller;

  private constructor(polls: boolean) {
    this.address = new AddressPoller({
      monitor: this.monitor,
      generation: () => this.generation,
      clock: this.clock,
      polls: () => polls,
      report: (event) => this.reported.push(event),
    });
  }

  static async connected(polls = true): Promise<Bench> {
    const bench = new Bench(polls);
    await bench.monitor.check();
    return bench;
  }

  ask(): Promise<AddressAnswer> {
    return this.clock.runUntil(this.address.ask(TIMEOUT_MS));
  }
}

Deno.test("AddressPoller.ask() learns the address, which is news at first and when it changes", async () => {
  const bench = await Bench.connected();
  const { address, mapper } = bench;
  assertEquals([address.address, address.takeNews()], [undefined, []]);
  await bench.ask();
  assertEquals(address.address, "198.51.100.7");
  assertEquals(address.takeNews(), [{ type: "address", externalAddress: "198.51.100.7" }]);
  assertEquals(address.takeNews(), []);
  mapper.onProbe = () => "198.51.100.8";
  await bench.ask();
  assertEquals(address.takeNews(), [
    { type: "address", externalAddress: "198.51.100.8", previousExternalAddress: "198.51.100.7" },
  ]);
});

Deno.test("AddressPoller.ask() limits its request to the time that it is given", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  assertEquals(bench.mapper.limits[0]?.timeoutMs, TIMEOUT_MS);
});

Deno.test("AddressPoller that polls is due again after five minutes, any other one never", async () => {
  for (const [polls, dueAtMs] of [[true, 300_000], [false, Infinity]] as const) {
    const bench = await Bench.connected(polls);
    await bench.ask();
    assertEquals(bench.address.dueAtMs, dueAtMs);
  }
});

Deno.test("AddressPoller.ask() answers the question that is due, and no later one", async () => {
  const bench = await Bench.connected();
  bench.address.planQuestion(500);
  await bench.ask();
  assertEquals(bench.address.questionAtMs, 500);
  await bench.clock.advance(500);
  await bench.ask();
  assertEquals(bench.address.questionAtMs, Infinity);
});

Deno.test("AddressPoller.planQuestion() plans no more than one question in a second", async () => {
  const bench = await Bench.connected();
  bench.address.planQuestion(0);
  await bench.ask();
  bench.address.planQuestion(200);
  assertEquals(bench.address.questionAtMs, 1000);
  await bench.clock.advance(5000);
  bench.address.planQuestion(200);
  assertEquals(bench.address.questionAtMs, 5200);
});

Deno.test("AddressPoller.ask() leaves alone a question that comes up while it asks", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => {
    bench.address.planQuestion(900);
    return "198.51.100.7";
  };
  bench.address.planQuestion(0);
  await bench.ask();
  assertEquals(bench.address.questionAtMs, 1000);
});

Deno.test("AddressPoller reports a refusal once for each cause, and asks on in steps of up to 60 s", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => NO_ADDRESS;
  const stepsMs: number[] = [];
  for (let i = 0; i < 7; i++) {
    await bench.ask();
    stepsMs.push(bench.address.dueAtMs - bench.clock.now());
  }
  assertEquals(stepsMs, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assertEquals(bench.reported, [{ type: "error", error: NO_ADDRESS, mappings: [] }]);
  bench.mapper.onProbe = () => REFUSED;
  await bench.ask();
  assertEquals(bench.reported.length, 2);
});

Deno.test("AddressPoller.ask() returns once whether there is an address again after a refusal", async () => {
  const bench = await Bench.connected();
  assertEquals((await bench.ask()).isBack, false);
  bench.mapper.onProbe = () => NO_ADDRESS;
  assertEquals((await bench.ask()).isBack, false);
  bench.mapper.onProbe = () => "198.51.100.7";
  assertEquals([(await bench.ask()).isBack, (await bench.ask()).isBack], [true, false]);
});

Deno.test("AddressPoller reports the same refusal again after an address in between", async () => {
  const bench = await Bench.connected();
  for (const answer of [NO_ADDRESS, "198.51.100.7", NO_ADDRESS]) {
    bench.mapper.onProbe = () => answer;
    await bench.ask();
  }
  assertEquals(bench.reported.length, 2);
});

Deno.test("AddressPoller.ask() returns whether this gateway had another address before", async () => {
  const bench = await Bench.connected();
  const found: boolean[] = [];
  for (
    const answer of [
      "198.51.100.7",
      "198.51.100.7",
      "198.51.100.8",
      NO_ADDRESS,
      "198.51.100.8",
      "198.51.100.9",
    ]
  ) {
    bench.mapper.onProbe = () => answer;
    found.push((await bench.ask()).isAnother);
  }
  assertEquals(found, [false, false, true, false, false, true]);
});

Deno.test("AddressPoller.ask() takes another address after a loss of state for that of what is granted since", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  bench.generation++;
  bench.mapper.onProbe = () => "198.51.100.8";
  const [first, second] = [await bench.ask(), await bench.ask()];
  assertEquals([first.isAnother, first.isAnotherSinceLoss], [false, true]);
  assertEquals([second.isAnother, second.isAnotherSinceLoss], [false, false]);
});

Deno.test("AddressPoller.ask() compares the address with none of another gateway", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  bench.address.forget();
  bench.mapper.onProbe = () => "198.51.100.8";
  assertEquals((await bench.ask()).isAnother, false);
});

Deno.test("AddressPoller has no news of a gateway that answers without an address", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => undefined;
  assertEquals(await bench.ask(), { isBack: false, isAnother: false, isAnotherSinceLoss: false });
  assertEquals([bench.address.address, bench.address.takeNews(), bench.address.dueAtMs], [
    undefined,
    [],
    300_000,
  ]);
});

Deno.test("AddressPoller knows an old address: one of five seconds ago, or of before a loss of state", async () => {
  const bench = await Bench.connected();
  assertEquals(bench.address.isOld, true);
  await bench.ask();
  await bench.clock.advance(4999);
  assertEquals(bench.address.isOld, false);
  await bench.clock.advance(1);
  assertEquals(bench.address.isOld, true);
  await bench.ask();
  bench.generation++;
  assertEquals(bench.address.isOld, true);
});

Deno.test("AddressPoller.askNow() makes the address due, and the steps go on", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => NO_ADDRESS;
  for (let i = 0; i < 4; i++) await bench.ask();
  bench.address.askNow();
  assertEquals(bench.address.dueAtMs, bench.clock.now());
  await bench.ask();
  assertEquals(bench.address.dueAtMs - bench.clock.now(), 32_000);
});

Deno.test("AddressPoller keeps the address that it knows while the gateway refuses or is silent", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  for (const answer of [NO_ADDRESS, NO_ANSWER]) {
    bench.mapper.onProbe = () => answer;
    await bench.ask();
    assertEquals(bench.address.address, "198.51.100.7");
  }
});

Deno.test("AddressPoller leaves it to the monitor to report silence", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => "silence";
  await bench.ask();
  assertEquals([bench.clock.now(), bench.reported, bench.monitorReported], [TIMEOUT_MS, [], ["error"]]);
});

Deno.test("AddressPoller is due at once after its request was interrupted, and reports nothing", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => "silence";
  const asking = bench.address.ask(TIMEOUT_MS);
  await bench.clock.advance(2000);
  bench.monitor.interrupt();
  assertEquals(await asking, { isBack: false, isAnother: false, isAnotherSinceLoss: false });
  assertEquals([bench.address.dueAtMs, bench.reported, bench.monitorReported], [-Infinity, [], []]);
});

Deno.test("AddressPoller takes no address from a gateway that is not its gateway any more", async () => {
  const bench = await Bench.connected();
  const { promise, resolve } = Promise.withResolvers<void>();
  const old = bench.mapper;
  old.probe = async () => {
    await promise;
    return { externalAddress: "192.0.2.1", attempts: 1, elapsedMs: 1 };
  };
  const asking = bench.address.ask(TIMEOUT_MS);
  bench.connection = { mapper: new FakeMapper(bench.clock, "10.0.0.254") };
  await bench.monitor.check();
  resolve();
  assertEquals(await asking, { isBack: false, isAnother: false, isAnotherSinceLoss: false });
  assertEquals([bench.address.address, bench.address.takeNews()], [undefined, []]);
});

Deno.test("AddressPoller.forget() forgets the address, but not that it was reported", async () => {
  const bench = await Bench.connected();
  await bench.ask();
  bench.address.takeNews();
  bench.address.forget();
  assertEquals([bench.address.address, bench.address.takeNews()], [undefined, []]);
  await bench.ask();
  assertEquals(bench.address.takeNews(), []);
});

Deno.test("AddressPoller.askSoon() makes the address due at once, and the steps begin anew", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => NO_ADDRESS;
  for (let i = 0; i < 4; i++) await bench.ask();
  bench.address.askSoon();
  assertEquals(bench.address.dueAtMs, -Infinity);
  await bench.ask();
  assertEquals(bench.address.dueAtMs - bench.clock.now(), 2000);
});

Deno.test("AddressPoller.ask() throws what no gateway causes", async () => {
  const bench = await Bench.connected();
  bench.mapper.onProbe = () => new TypeError("A defect");
  await assertRejects(() => bench.ask(), TypeError, "A defect");
});
