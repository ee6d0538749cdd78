import { assertEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { runHooks, writePortFiles } from "../../../lib/cli/watch/after_map.ts";
import type { Wish } from "../../../lib/cli/wishes.ts";
import { leaseOf } from "../../support/leases.ts";
import { TestWorld } from "../../support/test_world.ts";

const WISHES: readonly Wish[] = [
  { protocols: ["tcp"], internalPort: 80, exec: "first", portFile: "/run/one" },
  { protocols: ["tcp", "udp"], internalPort: 81, exec: "second", portFile: "/run/two" },
  { protocols: ["tcp"], internalPort: 82, portFile: "/run/one" },
  { protocols: ["tcp"], internalPort: 83, exec: "third" },
];
const NOTHING = { gateway: "10.0.0.1", wishes: WISHES, leases: [] };

function grantedFor(...internalPorts: number[]) {
  const leases = internalPorts.map((internalPort) =>
    leaseOf({ internalPort, externalPort: internalPort + 1000 })
  );
  return { ...NOTHING, leases };
}

function contextOf(...args: string[]) {
  const world = new TestWorld();
  return { line: parseCommandLine(args), world, output: new Output(world, { json: false, quiet: false }) };
}

Deno.test("writePortFiles() leaves the file alone when nothing was granted: an earlier lease may well live", async () => {
  const context = contextOf("map", "80");
  assertEquals(await writePortFiles(context, { wishes: WISHES, held: [] }), true);
  assertEquals([context.world.stderr.text, context.world.fakeMachine.fileHistory], ["", []]);
});

Deno.test("writePortFiles() writes the files of those mappings that were granted, and leaves the others", async () => {
  const context = contextOf("map", "80");
  assertEquals(await writePortFiles(context, { wishes: WISHES, held: grantedFor(80, 82, 83).leases }), true);
  assertEquals([...context.world.fakeMachine.files], [["/run/one", "1080\n1082\n"]]);
});

Deno.test("writePortFiles() warns of each file that cannot be written", async () => {
  const context = contextOf("map", "80");
  context.world.fakeMachine.fileFailure = "No space left on device";
  assertEquals(await writePortFiles(context, { wishes: WISHES, held: grantedFor(80, 81).leases }), false);
  assertEquals(
    context.world.stderr.text,
    ["one", "two"].map((name) =>
      `natpmp: warning: Cannot write the port file /run/${name}: No space left on device\n`
    ).join(""),
  );
});

Deno.test("runHooks() runs the command of each mapping that was granted", async () => {
  const context = contextOf("map", "80");
  assertEquals(await runHooks(context, grantedFor(83, 80, 82), undefined), []);
  const { hooks } = context.world.fakeMachine;
  assertEquals(hooks.map(({ command, environment }) => [command, environment.NATPMP_INTERNAL_PORT]), [
    ["third", "83"],
    ["first", "80"],
  ]);
});

Deno.test("runHooks() runs nothing when nothing was granted", async () => {
  const context = contextOf("map", "80");
  assertEquals(await runHooks(context, NOTHING, undefined), []);
  assertEquals([context.world.stderr.text, context.world.fakeMachine.hooks], ["", []]);
});
