import { assertEquals } from "@std/assert";
import { NatPmpClient } from "../../lib/natpmp/client.ts";
import { GATEWAY, HOST, socketsOf, TestWorld } from "../support/test_world.ts";

function bench(): { readonly world: TestWorld; readonly client: NatPmpClient } {
  const world = new TestWorld();
  const { clock } = world;
  const client = new NatPmpClient(GATEWAY, { clock, openSocket: socketsOf(world, HOST), random: () => 0.5 });
  return { world, client };
}

Deno.test("NatPmpClient.tableAgeMs is unknown before the first reply, and counts on from each", async () => {
  const { world, client } = bench();
  assertEquals(client.tableAgeMs, undefined);
  await world.clock.runUntil(client.probe());
  assertEquals(client.tableAgeMs, 74_565_000);
  await world.clock.advance(10_000);
  assertEquals(client.tableAgeMs, 74_575_000);
  world.gateway.reboot(world.clock.now());
  await world.clock.runUntil(client.map({ protocol: "tcp", internalPort: 80 }));
  assertEquals(client.tableAgeMs, 0);
});

Deno.test("NatPmpClient.tableAgeMs is not what an earlier client heard: the gateway may have begun anew since", async () => {
  const { world, client } = bench();
  client.recall({ data: { epochSeconds: 1000 }, atMs: -60_000 });
  assertEquals(client.tableAgeMs, undefined);
  await world.clock.runUntil(client.probe());
  assertEquals(client.tableAgeMs, 74_565_000);
});

Deno.test("NatPmpClient.tableAgeMs is unknown while the gateway's epoch is ignored", async () => {
  const { world, client } = bench();
  client.recall({ data: { epochSeconds: 100_000_000 }, atMs: 0 });
  for (const isKnown of [true, true, false]) {
    await world.clock.runUntil(client.probe());
    assertEquals(client.tableAgeMs !== undefined, isKnown);
    world.gateway.reboot(world.clock.now());
    await world.clock.advance(60_000);
  }
});
