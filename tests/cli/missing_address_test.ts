import { assertEquals } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/args.ts";
import { warnOfMissingAddress } from "../../lib/cli/missing_address.ts";
import { Output } from "../../lib/cli/output.ts";
import { Stopped } from "../../lib/cli/world.ts";
import { RefusedError } from "../../lib/errors.ts";
import { TestWorld } from "../support/test_world.ts";

function warned(error: unknown): string {
  const world = new TestWorld();
  const output = new Output(world, { json: false, quiet: false });
  warnOfMissingAddress({ line: parseCommandLine(["map"]), world, output }, error);
  return world.stderr.text;
}

Deno.test("warnOfMissingAddress() names the reason", () => {
  const refused = new RefusedError("10.0.0.1 refused: network failure", "network-failure", { resultCode: 3 });
  assertEquals(
    warned(refused),
    "natpmp: warning: The external address is unknown: 10.0.0.1 refused: network failure\n",
  );
});

Deno.test("warnOfMissingAddress() is silent when the command was asked to stop", () => {
  assertEquals(warned(new Stopped("SIGINT", 130)), "");
});
