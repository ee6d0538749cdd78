import { assertEquals, assertRejects } from "@std/assert";
import { PortMapperError } from "../../lib/errors.ts";
import { NatPmpClient } from "../../lib/natpmp/client.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { ManualClock, MemoryNetwork } from "../../lib/simulator/mod.ts";
import { hex } from "../simulator/hex.ts";

const GATEWAY = "10.0.0.1";
const GATEWAY_PORT = { hostname: GATEWAY, port: 5351 };
const ADDRESS = "CB 00 71 07";

/** A client whose gateway answers with the bytes that are set. */
class Script {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, random: () => 0.5 });
  readonly client = new NatPmpClient(GATEWAY, {
    clock: this.clock,
    openSocket: this.network.host("10.0.0.2").open,
    random: () => 0,
  });
  losses = 0;
  reply = "";

  constructor() {
    const gateway = this.network.host(GATEWAY);
    const deliver = ({ source }: Datagram) =>
      gateway.emit({ data: hex(this.reply), source: GATEWAY_PORT }, source);
    gateway.listen({ local: GATEWAY_PORT, deliver });
    this.client.onStateLost(() => this.losses++);
  }

  /** Asks for the address and gets this reply. */
  async address(reply: string): Promise<void> {
    this.reply = reply;
    await this.clock.runUntil(this.client.probe());
  }

  /** As {@linkcode address}, with a reply that makes the request fail. */
  async refused(reply: string): Promise<void> {
    this.reply = reply;
    await assertRejects(() => this.clock.runUntil(this.client.probe()), PortMapperError);
  }
}

const at = (epoch: string) => `00 80 00 00 ${epoch} ${ADDRESS}`;

Deno.test("NatPmpClient.onStateLost() calls once when the epoch falls, whatever reply shows it", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  assertEquals(script.losses, 0);
  await script.address(at("00 00 00 05"));
  assertEquals(script.losses, 1);
  await script.address(at("00 00 00 05"));
  assertEquals(script.losses, 1, "the reply that shows a loss is the next baseline");
});

Deno.test("NatPmpClient.onStateLost() calls before the reply's promise settles", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  script.reply = at("00 00 00 00");
  const seen = script.client.probe().then(() => script.losses);
  assertEquals(await script.clock.runUntil(seen), 1);
});

Deno.test("NatPmpClient.onStateLost() calls after a map reply as well", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  script.reply = "00 82 00 00 00 00 00 00 00 50 1F 90 00 00 0E 10";
  await script.clock.runUntil(script.client.map({ protocol: "tcp", internalPort: 80 }));
  assertEquals(script.losses, 1);
});

Deno.test("NatPmpClient.onStateLost() calls after a refusal as well", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  await script.refused("00 80 00 03 00 00 00 00 00 00 00 00");
  assertEquals(script.losses, 1);
});

Deno.test("NatPmpClient.onStateLost() takes no epoch from an echo with result 5", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  await script.refused("00 80 00 05 00 00 00 00 00 00 00 00");
  await script.address(at("00 01 00 00"));
  assertEquals(script.losses, 0);
});

Deno.test("NatPmpClient.onStateLost() takes no epoch from version errors", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  await script.refused("00 80 00 01 00 00 00 00");
  await script.refused(`02 80 00 01 ${"00 ".repeat(20)}`);
  await script.address(at("00 01 00 00"));
  assertEquals(script.losses, 0);
});

Deno.test("NatPmpClient.onStateLost() measures on the clock that it was given", async () => {
  const script = new Script();
  await script.address(at("00 00 00 00"));
  await script.clock.advance(600_000);
  // 523 of 600 s: 12.8 % slow, but within the 2 s.
  await script.address(at("00 00 02 0B"));
  assertEquals(script.losses, 0);
  await script.clock.advance(600_000);
  // 522 s more.
  await script.address(at("00 00 04 15"));
  assertEquals(script.losses, 1);
});

Deno.test("NatPmpClient.onStateLost() calls no more once it is ended", async () => {
  const script = new Script();
  let calls = 0;
  const end = script.client.onStateLost(() => calls++);
  await script.address(at("00 01 00 00"));
  end();
  await script.address(at("00 00 00 00"));
  assertEquals([calls, script.losses], [0, 1]);
});

Deno.test("NatPmpClient.isNews() compares with the replies and remembers nothing", async () => {
  const script = new Script();
  const known = { epochSeconds: 65_536, externalAddress: "203.0.113.7" };
  assertEquals(script.client.isNews(known), true, "nothing is known yet");
  await script.address(at("00 01 00 00"));
  assertEquals(script.client.isNews(known), false);
  assertEquals(script.client.isNews({ ...known, epochSeconds: 0 }), true);
  assertEquals(script.client.isNews({ ...known, externalAddress: "203.0.113.8" }), true);
  assertEquals(script.client.isNews({ epochSeconds: 65_536 }), true, "an address that was lost");
  assertEquals(script.client.isNews(known), false);
  await script.address(at("00 01 00 00"));
  assertEquals(script.losses, 0, "an announcement moves no baseline");
});

// ---- a client that goes on where another one ended ----

Deno.test("NatPmpClient.memory is the epoch that was heard last, and when; nothing before there was one", async () => {
  const script = new Script();
  assertEquals(script.client.memory, undefined);
  await script.clock.advance(1000);
  await script.address(at("00 01 00 00"));
  await script.clock.advance(60_000);
  assertEquals(script.client.memory, { data: { epochSeconds: 65_536 }, atMs: 1000 });
});

Deno.test("NatPmpClient.recall() has the first reply compared with an earlier client's epoch, of before this clock began", async () => {
  for (
    const [epoch, losses] of [["00 01 0E 10", 0], ["00 01 0C 4C", 0], ["00 01 0C 4B", 1], [
      "00 00 00 05",
      1,
    ]] as const
  ) {
    const script = new Script();
    // An hour ago it was 65536 s: 7/8 of an hour more are expected, less 2 s.
    script.client.recall({ data: { epochSeconds: 65_536 }, atMs: -3_600_000 });
    await script.address(at(epoch));
    assertEquals(script.losses, losses, epoch);
  }
});

Deno.test("NatPmpClient.memory has how often the epoch was wrong, from which a later client goes on", async () => {
  const earlier = new Script();
  await earlier.address(at("00 01 00 00"));
  for (let loss = 0; loss < 2; loss++) {
    await earlier.clock.advance(900_000);
    await earlier.address(at("00 01 00 00"));
  }
  await earlier.clock.advance(1000);
  await earlier.address(at("00 01 00 01"));
  const { data, atMs } = earlier.client.memory!;
  assertEquals(data, { epochSeconds: 65_537, wrong: { times: 2, epochSeconds: 65_536, agoMs: 1000 } });
  assertEquals([earlier.losses, earlier.client.ignoresEpoch], [2, false]);
  const later = new Script();
  later.client.recall({ data: JSON.parse(JSON.stringify(data)), atMs: atMs - 2_701_000 });
  await later.address(at("00 01 00 01"));
  assertEquals([later.losses, later.client.ignoresEpoch], [0, true]);
  assertEquals(later.client.isNews({ epochSeconds: 0, externalAddress: "203.0.113.7" }), false);
  assertEquals(later.client.hasForgottenSince({ data: { epochSeconds: 1e9 }, atMs: -1 }), false);
});

Deno.test("NatPmpClient.recall() takes the epoch alone where the rest is damaged", async () => {
  const sound = { times: 2, epochSeconds: 7, agoMs: 0 };
  for (
    const wrong of [
      null,
      7,
      {},
      { ...sound, times: -1 },
      { ...sound, times: 1.5 },
      {
        ...sound,
        times: "2",
      },
      { ...sound, agoMs: null },
      { ...sound, epochSeconds: "7" },
    ]
  ) {
    const script = new Script();
    script.client.recall({ data: { epochSeconds: 65_536, wrong }, atMs: -900_000 });
    await script.address(at("00 00 00 05"));
    assertEquals([script.losses, script.client.ignoresEpoch], [1, false]);
  }
});

Deno.test("NatPmpClient takes another port than the one that it asked for as a sign that a loss was one", async () => {
  const script = new Script();
  const reply = "00 82 00 00 00 01 00 00 00 50 1F 91 00 00 0E 10";
  await script.address(at("00 01 00 00"));
  for (let loss = 0; loss < 5; loss++) {
    await script.clock.advance(900_000);
    await script.address(at("00 01 00 00"));
    script.reply = reply;
    const request = { protocol: "tcp", internalPort: 80, externalPort: 8080 } as const;
    await script.clock.runUntil(script.client.map(request));
  }
  assertEquals([script.losses, script.client.ignoresEpoch], [5, false]);
});

Deno.test("NatPmpClient.recall() ignores what it cannot understand, and what comes after a reply", async () => {
  for (const data of [undefined, null, 7, "epoch", [], {}, { epochSeconds: "65536" }, { nonce: "AAAA" }]) {
    const script = new Script();
    script.client.recall({ data, atMs: 0 });
    assertEquals(script.client.memory, undefined);
    await script.address(at("00 00 00 05"));
    script.client.recall({ data: { epochSeconds: 65_536 }, atMs: 0 });
    await script.address(at("00 00 00 05"));
    assertEquals(script.losses, 0);
  }
});

Deno.test("NatPmpClient.hasForgottenSince() judges by the epoch that was heard last", async () => {
  const script = new Script();
  const since = (epochSeconds: number, atMs: number) =>
    script.client.hasForgottenSince({ data: { epochSeconds }, atMs });
  assertEquals(since(65_536, 0), false);
  await script.clock.advance(100_000);
  await script.address(at("00 00 00 05"));
  assertEquals([since(65_536, 0), since(1, 99_000), since(0, 96_000)], [true, false, false]);
  // What was remembered after that word says nothing about the time before.
  assertEquals([since(65_536, 100_000), since(65_536, 200_000)], [false, false]);
  assertEquals(script.client.hasForgottenSince({ data: null, atMs: 0 }), false);
  assertEquals(script.losses, 0);
});
