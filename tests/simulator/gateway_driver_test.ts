import { assertEquals } from "@std/assert";
import type { Emission } from "../../lib/simulator/adversity.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import { GatewayDriver } from "../../lib/simulator/gateway_driver.ts";
import { ManualClock } from "../../lib/simulator/manual_clock.ts";
import { SimulatedGateway } from "../../lib/simulator/simulated_gateway.ts";

const REQUEST = { data: Uint8Array.of(0, 0), source: { hostname: "192.168.1.2", port: 50_000 } };

function drive(faults: Faults = {}) {
  const clock = new ManualClock();
  const gateway = new SimulatedGateway({ random: () => 0, startMs: 0, announcesStart: false, faults });
  const sentAtMs: number[] = [];
  const send = (_: Emission) => void sentAtMs.push(clock.now());
  return { clock, gateway, sentAtMs, driver: new GatewayDriver(gateway, { clock, send }) };
}

Deno.test("GatewayDriver.receive() sends an answer at once, or as late as the gateway asks", async () => {
  const { clock, gateway, sentAtMs, driver } = drive();
  driver.receive(REQUEST);
  gateway.setFaults({ latencyMs: 500 }, 0);
  driver.receive(REQUEST);
  await clock.advance(1000);
  assertEquals(sentAtMs, [0, 500]);
  await driver.stop();
});

Deno.test("GatewayDriver wakes the gateway for events, also when they are planned later", async () => {
  const { clock, gateway, sentAtMs, driver } = drive({ rebootAfterSeconds: 10, announceOnce: true });
  await clock.advance(5000);
  gateway.reboot(clock.now());
  await clock.advance(20_000);
  assertEquals(sentAtMs, [5000, 10_000]);
  await driver.stop();
});

Deno.test("GatewayDriver.stop() sends nothing of what waits", async () => {
  const { clock, gateway, sentAtMs, driver } = drive({ latencyMs: 500 });
  driver.receive(REQUEST);
  gateway.reboot(0);
  await driver.stop();
  gateway.reboot(0);
  await clock.advance(1000);
  assertEquals(sentAtMs, []);
});
