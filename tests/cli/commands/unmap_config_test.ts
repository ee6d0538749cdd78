/**
 * `natpmp unmap --config`: the hooks and port files of the file's mappings hear that these are gone.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const PATH = "/etc/natpmp.json";
const CONFIG = ["--config", PATH] as const;
const FILE = {
  exec: "all",
  portFile: "ports",
  mappings: ["8080:80", { external: 2222, internal: 22, exec: "ssh", portFile: "ssh" }, "9090:90"],
};

function worldWith(file: unknown, options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.fakeMachine.files.set(PATH, JSON.stringify(file));
  return world;
}

/** The hooks since a number of them, as in `ssh: unmapped tcp 22 (was 2222)`. */
function hooksSince({ fakeMachine: { hooks } }: TestWorld, count: number): string[] {
  return hooks.slice(count).map(({ command, environment: variables }) =>
    `${command}: ${variables.NATPMP_EVENT} ${variables.NATPMP_PROTOCOL} ${variables.NATPMP_INTERNAL_PORT} ` +
    `(was ${variables.NATPMP_PREVIOUS_EXTERNAL_PORT}, is ${variables.NATPMP_EXTERNAL_PORT})`
  );
}

/** The port files that there are. */
function portFiles({ fakeMachine: { files } }: TestWorld): Record<string, string> {
  const { [PATH]: _, ...others } = Object.fromEntries(files);
  return others;
}

Deno.test("unmap --config runs the hook of each mapping with unmapped, and removes the port files", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  const { exitCode, stderr } = await world.run("unmap", ...CONFIG);
  assertEquals([exitCode, stderr, world.mappings], [0, "", []]);
  assertEquals(hooksSince(world, 3), [
    "all: unmapped tcp 80 (was 8080, is undefined)",
    "ssh: unmapped tcp 22 (was 2222, is undefined)",
    "all: unmapped tcp 90 (was 9090, is undefined)",
  ]);
  const { environment } = world.fakeMachine.hooks[3]!;
  assertEquals([environment.NATPMP_GATEWAY, environment.NATPMP_EXTERNAL_ADDRESS], [
    "10.0.0.1",
    "203.0.113.7",
  ]);
  assertEquals(portFiles(world), {});
});

Deno.test("unmap --config has files, line and hook in this order; the second time there is nothing to tell", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  const before = world.stdout.text.length;
  const seen: unknown[] = [];
  world.fakeMachine.onHook = () => seen.push([portFiles(world), world.stdout.text.slice(before)]);
  await world.run("unmap", ...CONFIG);
  assertEquals(seen[0], [{}, "tcp 80 unmapped\ntcp 22 unmapped\ntcp 90 unmapped\n"]);
  await world.run("unmap", ...CONFIG);
  assertEquals(seen.length, 3);
});

Deno.test("unmap --config leaves in its file the port of what was not deleted, and runs no hook for it", async () => {
  const world = worldWith(FILE, {
    faultsFor: (request) =>
      request.kind === "map" && request.lifetimeSeconds === 0 && request.internalPort === 80
        ? { resultCode: 2 }
        : {},
  });
  await world.run("map", ...CONFIG);
  const { exitCode } = await world.run("unmap", ...CONFIG);
  assertEquals(exitCode, 5);
  assertEquals(portFiles(world), { "/etc/ports": "8080\n" });
  assertEquals(hooksSince(world, 3).map((text) => text.split(" (")[0]), [
    "ssh: unmapped tcp 22",
    "all: unmapped tcp 90",
  ]);
});

Deno.test("unmap --config of a silent router changes no file that still holds a port", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  world.gateway.setFaults({ silent: true }, world.clock.now());
  assertEquals((await world.run("unmap", ...CONFIG)).exitCode, 4);
  assertEquals(portFiles(world), { "/etc/ports": "8080\n9090\n", "/etc/ssh": "2222\n" });
  assertEquals(hooksSince(world, 3), []);
});

Deno.test("unmap --config --no-state runs each hook, which does not learn a port that nobody knows", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  assertEquals((await world.run("unmap", ...CONFIG, "--no-state")).exitCode, 0);
  assertEquals(hooksSince(world, 3), [
    "all: unmapped tcp 80 (was undefined, is undefined)",
    "ssh: unmapped tcp 22 (was undefined, is undefined)",
    "all: unmapped tcp 90 (was undefined, is undefined)",
  ]);
  assertEquals(portFiles(world), {});
});

Deno.test("unmap --config reports a hook that failed and a file that cannot be removed: exit 1, also as JSON", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  world.fakeMachine.hookEnd = ({ command }) => ({ code: command === "ssh" ? 3 : 0 });
  const { exitCode, stderr } = await world.run("unmap", ...CONFIG);
  assertEquals(exitCode, 1);
  assertMatch(stderr, /^natpmp: warning: The hook for unmapped tcp 22 ended with exit code 3\n$/);

  const other = worldWith(FILE);
  await other.run("map", ...CONFIG);
  other.fakeMachine.fileFailure = "Permission denied (os error 13)";
  other.stdout.text = "";
  const { exitCode: code, json } = await other.runJson("unmap", ...CONFIG);
  assertEquals(code, 1);
  assertEquals(json.warnings?.length, 2);
  assertMatch(json.warnings![0]!, /^Cannot write the port file \/etc\/ports: Permission denied/);
  assertEquals(json.mappings?.length, 3);
});

Deno.test("unmap of specs runs no hook and asks nothing of the machine", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  const [hooks, opened] = [world.fakeMachine.hooks.length, world.processesOpened];
  await world.run("unmap", "8080:80");
  assertEquals([world.fakeMachine.hooks.length, world.processesOpened], [hooks, opened]);
});

Deno.test("unmap --config that is stopped while a hook runs ends with the signal's exit code", async () => {
  const world = worldWith(FILE);
  await world.run("map", ...CONFIG);
  world.fakeMachine.hookEnd = () => undefined;
  world.fakeMachine.onHook = () => world.stop("SIGTERM");
  assertEquals((await world.run("unmap", ...CONFIG)).exitCode, 143);
  assertEquals([world.fakeMachine.hooks.at(-1)?.isKilled, world.mappings], [true, []]);
});
