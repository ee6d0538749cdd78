import { assertEquals, assertInstanceOf } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { openStateFile } from "../../../lib/cli/open_state.ts";
import { probe } from "../../../lib/cli/status/probe.ts";
import { NoAnswerError } from "../../../lib/errors.ts";
import { TestWorld } from "../../support/test_world.ts";

Deno.test("probe() asks each gateway once, remembers a loss, and goes on after one that is silent", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  await world.clock.advance(60_000);
  world.gateway.reboot(world.clock.now());
  const line = parseCommandLine(["status", "--probe"]);
  const context = { line, world, output: new Output(world, { json: false, quiet: false }) };
  const file = (await openStateFile(context, { timeoutMs: 1000 }))!;
  const [record] = world.fakeStatePaths.state.gateways;
  const count = world.requests.length;
  const silent = { ...record!, gateway: "10.0.0.99", localAddress: "10.0.0.2" };
  const probed = await world.clock.runUntil(probe(context, [silent, record!], { file, timeoutMs: 1000 }));
  assertEquals(probed.map(({ gateway, error }) => [gateway, error === undefined]), [
    ["10.0.0.99", false],
    ["10.0.0.1", true],
  ]);
  assertInstanceOf(probed[0]!.error, NoAnswerError);
  assertEquals(world.requests.length - count, 1);
  assertEquals(
    world.fakeStatePaths.state.gateways.map(({ entries }) => entries.map(({ isLost }) => isLost)),
    [[
      true,
    ]],
  );
});
