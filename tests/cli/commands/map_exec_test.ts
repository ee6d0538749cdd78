import { assertEquals, assertMatch } from "@std/assert";
import { faultyFor, TestWorld } from "../../support/test_world.ts";

const BOTH = ["--exec", "hook", "--port-file", "/run/port"] as const;

Deno.test("map --exec runs the hook for each mapping as mapped, after the lines", async () => {
  const world = new TestWorld();
  const lines: string[] = [];
  world.fakeMachine.onHook = () => lines.push(world.stdout.text);
  const { exitCode, stdout } = await world.run("map", "8080:80/both", ...BOTH);
  assertEquals(exitCode, 0);
  assertEquals(lines, [stdout, stdout]);
  const { hooks } = world.fakeMachine;
  assertEquals(hooks.map(({ environment }) => environment), [
    {
      NATPMP_EVENT: "mapped",
      NATPMP_PROTOCOL: "tcp",
      NATPMP_INTERNAL_PORT: "80",
      NATPMP_EXTERNAL_PORT: "8080",
      NATPMP_EXTERNAL_ADDRESS: "203.0.113.7",
      NATPMP_LIFETIME_SECONDS: "7200",
      NATPMP_GATEWAY: "10.0.0.1",
      NATPMP_VIA: "nat-pmp",
    },
    { ...hooks[0]!.environment, NATPMP_PROTOCOL: "udp" },
  ]);
});

Deno.test("map --port-file holds the distinct ports of what was granted, in the order of the specs", async () => {
  const world = new TestWorld();
  await world.run("map", "9000:90", "8080:80/both", "--port-file", "/run/port");
  assertEquals(world.fakeMachine.fileHistory, ["9000\n8080\n"]);
});

Deno.test("map leaves the port file alone and runs no hook when nothing was granted", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  world.fakeMachine.files.set("/run/port", "8080\n");
  const { exitCode } = await world.run("map", "8080:80", ...BOTH);
  assertEquals([exitCode, world.fakeMachine.fileHistory, world.fakeMachine.hooks], [4, [], []]);
});

Deno.test("map writes and runs for what was granted, and ends with the code of what was not", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { resultCode: 2 }) });
  const { exitCode } = await world.run("map", "8080:80", "53/udp", ...BOTH);
  assertEquals([exitCode, world.fakeMachine.hooks.length], [5, 1]);
  assertEquals(world.fakeMachine.files.get("/run/port"), "8080\n");
});

Deno.test("map ends with 1 when the port file cannot be written; the mapping stands, the hook runs", async () => {
  const world = new TestWorld();
  world.fakeMachine.fileFailure = "Permission denied";
  const { exitCode, stderr } = await world.run("map", "8080:80", ...BOTH);
  assertEquals([exitCode, world.mappings.length, world.fakeMachine.hooks.length], [1, 1, 1]);
  assertMatch(stderr, /Cannot write the port file \/run\/port: Permission denied/);
});

Deno.test("map ends with 1 and says so when the hook failed; with --json among the warnings", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => ({ code: 3 });
  const { exitCode, stderr } = await world.run("map", "8080:80", ...BOTH);
  assertEquals([exitCode, world.mappings.length], [1, 1]);
  assertMatch(stderr, /warning: The hook for mapped tcp 80 ended with exit code 3\n/);
  const again = new TestWorld();
  again.fakeMachine.hookEnd = () => ({ code: 3 });
  const outcome = await again.runJson("map", "8080:80", ...BOTH);
  assertEquals([outcome.exitCode, outcome.json.warnings], [1, [
    "The hook for mapped tcp 80 ended with exit code 3",
  ]]);
});

Deno.test("map kills a hook after 30 s", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => undefined;
  const { exitCode } = await world.run("map", "8080:80", "--exec", "hook");
  assertEquals([exitCode, world.fakeMachine.hooks[0]?.isKilled, world.clock.now()], [1, true, 30_000]);
});

Deno.test("map told to stop while a hook runs kills it and ends with the signal's code", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => undefined;
  world.fakeMachine.onHook = () => world.stop("SIGTERM");
  const { exitCode } = await world.run("map", "8080:80", "--exec", "hook");
  assertEquals([exitCode, world.fakeMachine.hooks[0]?.isKilled], [143, true]);
});

Deno.test("map without --exec and --port-file asks nothing of the machine", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  assertEquals(world.processesOpened, 0);
});
