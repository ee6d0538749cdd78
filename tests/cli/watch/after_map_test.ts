import { assertEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { runHooks, writePortFile } from "../../../lib/cli/watch/after_map.ts";
import { TestWorld } from "../../support/test_world.ts";

const NOTHING = { gateway: "10.0.0.1", leases: [] };

function contextOf(...args: string[]) {
  const world = new TestWorld();
  return { line: parseCommandLine(args), world, output: new Output(world, { json: false, quiet: false }) };
}

Deno.test("writePortFile() leaves the file alone when nothing was granted: an earlier lease may well live", async () => {
  const context = contextOf("map", "80", "--port-file", "/nowhere/port");
  assertEquals(await writePortFile(context, []), true);
  assertEquals(context.world.stderr.text, "");
});

Deno.test("runHooks() runs nothing when nothing was granted", async () => {
  const context = contextOf("map", "80", "--exec", "exit 1");
  assertEquals(await runHooks(context, NOTHING, undefined), []);
  assertEquals(context.world.stderr.text, "");
});
