import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { openMemory } from "../../../lib/cli/watch/open_memory.ts";
import { WatchMemory } from "../../../lib/cli/watch/watch_memory.ts";
import { TestWorld } from "../../support/test_world.ts";

async function open(world: TestWorld, ...args: string[]) {
  const warnings: string[] = [];
  const context = {
    line: parseCommandLine(["watch", "80", ...args]),
    world,
    output: new Output(world, { json: false, quiet: false }),
  };
  const memory = await openMemory(context, {
    mappings: [{ protocol: "tcp", internalPort: 80 }],
    holdings: () => ({ leases: [], externalAddress: undefined }),
    warn: (text) => warnings.push(text),
  });
  return { memory, warnings };
}

Deno.test("openMemory() opens a memory, and none with --no-state", async () => {
  const world = new TestWorld();
  assertInstanceOf((await open(world)).memory, WatchMemory);
  assertEquals(await open(world, "--no-state"), { memory: undefined, warnings: [] });
  await assertRejects(() => open(world, "--no-state", "--state", "x"), UsageError);
});

Deno.test("openMemory() says where there is no place for a state, to whom watch says", async () => {
  const world = new TestWorld();
  world.fakeStateHome.directory = { missing: "neither HOME nor XDG_STATE_HOME is set" };
  const { memory, warnings } = await open(world);
  assertEquals([memory, warnings.length, world.stderr.text], [undefined, 1, ""]);
});
