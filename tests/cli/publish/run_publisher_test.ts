import { assertEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { runHooks, writePortFiles } from "../../../lib/cli/publish/run_publisher.ts";
import type { RequestedMapping } from "../../../lib/cli/wanted.ts";
import { heldLeaseOf } from "../../support/leases.ts";
import { OTHER_HOST, TestWorld } from "../../support/test_world.ts";

const WANTED: readonly RequestedMapping[] = [
  { protocols: ["tcp"], internalPort: 80, exec: "first", portFile: "/run/one" },
  { protocols: ["tcp", "udp"], internalPort: 81, exec: "second", portFile: "/run/two" },
  { protocols: ["tcp"], internalPort: 82, portFile: "/run/one" },
  { protocols: ["tcp"], internalPort: 83, exec: "third" },
];

function held(...internalPorts: number[]) {
  return internalPorts.map((internalPort) =>
    heldLeaseOf({ internalPort, externalPort: internalPort + 1000 })
  );
}

function contextOf(...args: string[]) {
  const world = new TestWorld();
  return { line: parseCommandLine(args), world, output: new Output(world, { json: false, quiet: false }) };
}

Deno.test("writePortFiles() leaves the file alone when nothing was granted: an earlier lease may well live", async () => {
  const context = contextOf("map", "80");
  assertEquals(await writePortFiles(context, { wanted: WANTED, held: [] }), true);
  assertEquals([context.world.stderr.text, context.world.fakeMachine.fileHistory], ["", []]);
});

Deno.test("writePortFiles() writes the files of those mappings that were granted, and leaves the others", async () => {
  const context = contextOf("map", "80");
  assertEquals(await writePortFiles(context, { wanted: WANTED, held: held(80, 82, 83) }), true);
  assertEquals([...context.world.fakeMachine.files], [["/run/one", "1080\n1082\n"]]);
});

Deno.test("writePortFiles() warns of each file that cannot be written", async () => {
  const context = contextOf("map", "80");
  context.world.fakeMachine.fileFailure = "No space left on device";
  assertEquals(await writePortFiles(context, { wanted: WANTED, held: held(80, 81) }), false);
  assertEquals(
    context.world.stderr.text,
    ["one", "two"].map((name) =>
      `natpmp: warning: Cannot write the port file /run/${name}: No space left on device\n`
    ).join(""),
  );
});

Deno.test("runHooks() runs the command of each mapping that is over, and nothing when nothing is new", async () => {
  const context = contextOf("map", "80");
  const news = { gateway: "10.0.0.1", externalAddress: undefined, wanted: WANTED };
  assertEquals(await runHooks(context, { ...news, ended: [] }), []);
  assertEquals(context.world.fakeMachine.hooks, []);
  const ended = [83, 82, 80].map((internalPort) =>
    ({ type: "expired", protocol: "tcp", internalPort, externalPort: 4711 }) as const
  );
  assertEquals(await runHooks(context, { ...news, ended }), []);
  const { hooks } = context.world.fakeMachine;
  assertEquals(hooks.map(({ command, environment }) => [command, environment.NATPMP_INTERNAL_PORT]), [
    ["third", "83"],
    ["first", "80"],
  ]);
});

Deno.test("map runs the command of each mapping that was granted, and of no other", async () => {
  const world = new TestWorld({
    faultsFor: (request) => request.kind === "map" && request.internalPort === 81 ? { resultCode: 4 } : {},
  });
  const mappings = WANTED.map(({ internalPort, exec }) => ({
    internal: internalPort,
    ...(exec === undefined ? {} : { exec }),
  }));
  world.fakeMachine.files.set("/natpmp.json", JSON.stringify({ mappings }));
  assertEquals((await world.run("map", "--config", "/natpmp.json")).exitCode, 7);
  const { hooks } = world.fakeMachine;
  assertEquals(hooks.map(({ command, environment }) => [command, environment.NATPMP_INTERNAL_PORT]), [
    ["first", "80"],
    ["third", "83"],
  ]);
});

Deno.test("map --port-file keeps the port of a lease that lives, though this time it was refused", async () => {
  const port = { protocol: "tcp", internalPort: 1, externalPort: 8080, address: OTHER_HOST } as const;
  const world = new TestWorld({
    gateway: { staticMappings: [port] },
    faultsFor: ({ kind }, number) => kind === "map" && number > 4 ? { resultCode: 4 } : {},
  });
  const run = () => world.run("map", "8080:80", "22", "--port-file", "/run/ports");
  await run();
  const text = world.fakeMachine.files.get("/run/ports");
  assertEquals(text?.split("\n").length, 3);
  assertEquals([(await run()).exitCode, world.fakeMachine.files.get("/run/ports")], [7, text]);
});

Deno.test("map --port-file removes the port of a lease that ran out and is refused", async () => {
  let isRefusing = false;
  const world = new TestWorld({ faultsFor: () => isRefusing ? { resultCode: 2 } : {} });
  const run = () => world.run("map", "8080:80", "--lifetime", "60", "--port-file", "/run/ports");
  await run();
  isRefusing = true;
  await world.clock.advance(59_000);
  assertEquals([(await run()).exitCode, world.fakeMachine.files.get("/run/ports")], [5, "8080\n"]);
  await world.clock.advance(2000);
  assertEquals([(await run()).exitCode, world.fakeMachine.files.has("/run/ports")], [5, false]);
});
