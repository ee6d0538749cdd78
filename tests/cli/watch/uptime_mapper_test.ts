import { assertEquals } from "@std/assert";
import { NatPmpClient } from "../../../lib/natpmp/client.ts";
import { UptimeMapper } from "../../../lib/cli/watch/uptime_mapper.ts";
import { GATEWAY, HOST, socketsOf, TestWorld } from "../../support/test_world.ts";

function bench(): { readonly world: TestWorld; readonly mapper: UptimeMapper } {
  const world = new TestWorld();
  const client = new NatPmpClient(GATEWAY, {
    clock: world.clock,
    openSocket: socketsOf(world, HOST),
    random: () => 0.5,
  });
  return { world, mapper: new UptimeMapper(client, world.clock) };
}

Deno.test("UptimeMapper knows nothing before the first answer, and counts on from each", async () => {
  const { world, mapper } = bench();
  assertEquals([mapper.gateway, mapper.uptimeMs], [GATEWAY, undefined]);
  await world.clock.runUntil(mapper.externalAddress());
  assertEquals(mapper.uptimeMs, 74_565_000);
  await world.clock.advance(10_000);
  assertEquals(mapper.uptimeMs, 74_575_000);
  world.gateway.reboot(world.clock.now());
  await world.clock.runUntil(mapper.map({ protocol: "tcp", internalPort: 80 }));
  assertEquals(mapper.uptimeMs, 0);
});

Deno.test("UptimeMapper passes every request and loss of state on", async () => {
  const { world, mapper } = bench();
  let losses = 0;
  const forget = mapper.onStateLost(() => losses++);
  await world.clock.runUntil(mapper.map({ protocol: "tcp", internalPort: 80, externalPort: 8080 }));
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  world.gateway.reboot(world.clock.now());
  await world.clock.runUntil(mapper.unmap({ protocol: "tcp", internalPort: 80 }));
  assertEquals(losses, 1);
  forget();
  await world.clock.runUntil(mapper.map({ protocol: "udp", internalPort: 53 }));
  await world.clock.runUntil(mapper.unmapAll("udp"));
  assertEquals(world.mappings, []);
});
