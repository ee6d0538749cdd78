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
    await this.clock.runUntil(this.client.externalAddress());
  }

  /** As {@linkcode address}, with a reply that makes the request fail. */
  async refused(reply: string): Promise<void> {
    this.reply = reply;
    await assertRejects(() => this.clock.runUntil(this.client.externalAddress()), PortMapperError);
  }
}

const at = (epoch: string) => `00 80 00 00 ${epoch} ${ADDRESS}`;

Deno.test("NatPmpClient.onStateLost() is told once when the epoch falls, whatever reply shows it", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  assertEquals(script.losses, 0);
  await script.address(at("00 00 00 05"));
  assertEquals(script.losses, 1);
  await script.address(at("00 00 00 05"));
  assertEquals(script.losses, 1, "the reply that shows a loss is the next baseline");
});

Deno.test("NatPmpClient.onStateLost() is told before the reply's promise settles", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  script.reply = at("00 00 00 00");
  const seen = script.client.externalAddress().then(() => script.losses);
  assertEquals(await script.clock.runUntil(seen), 1);
});

Deno.test("NatPmpClient.onStateLost() is told by a map reply as well", async () => {
  const script = new Script();
  await script.address(at("00 01 00 00"));
  script.reply = "00 82 00 00 00 00 00 00 00 50 1F 90 00 00 0E 10";
  await script.clock.runUntil(script.client.map({ protocol: "tcp", internalPort: 80 }));
  assertEquals(script.losses, 1);
});

Deno.test("NatPmpClient.onStateLost() is told by a refusal as well", async () => {
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

Deno.test("NatPmpClient.onStateLost() ends when it is told to", async () => {
  const script = new Script();
  let told = 0;
  const end = script.client.onStateLost(() => told++);
  await script.address(at("00 01 00 00"));
  end();
  await script.address(at("00 00 00 00"));
  assertEquals([told, script.losses], [0, 1]);
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
