import { assertEquals } from "@std/assert";
import { CronLine } from "../../support/cron_line.ts";
import { TestWorld, worldWith } from "../../support/test_world.ts";

/** What each hook learned, as in `mapped tcp 6881: 6881,6882 -> 6881,6882`. */
function stories({ fakeMachine: { hooks } }: TestWorld): string[] {
  return hooks.map(({ environment }) => {
    const { NATPMP_EVENT, NATPMP_PROTOCOL, NATPMP_INTERNAL_PORT } = environment;
    const { NATPMP_EXTERNAL_PORTS, NATPMP_INTERNAL_PORTS, NATPMP_PREVIOUS_EXTERNAL_PORTS } = environment;
    const external = NATPMP_EXTERNAL_PORTS ?? `was ${NATPMP_PREVIOUS_EXTERNAL_PORTS}`;
    return `${NATPMP_EVENT} ${NATPMP_PROTOCOL} ${NATPMP_INTERNAL_PORT}: ${external} -> ${NATPMP_INTERNAL_PORTS}`;
  });
}

Deno.test("watch runs the hook of a range once for what is mapped together, and once for what is deleted", async () => {
  const world = new TestWorld();
  await world.run("watch", "8000-8002:6881-6883", "--exec", "hook", "--for", "1m");
  assertEquals(stories(world), [
    "mapped tcp 6881: 8000,8001,8002 -> 6881,6882,6883",
    "unmapped tcp 6881: was 8000,8001,8002 -> 6881,6882,6883",
  ]);
  const [mapped, unmapped] = world.fakeMachine.hooks;
  assertEquals([mapped?.environment.NATPMP_EXTERNAL_PORT, unmapped?.environment.NATPMP_EXTERNAL_PORT], [
    "8000",
    undefined,
  ]);
});

Deno.test("watch runs the hook of a range for each protocol, and that of other specs by themselves", async () => {
  const world = new TestWorld();
  await world.run("watch", "6881-6882/both", "80", "443-444", "--exec", "hook", "--keep", "--for", "1m");
  const variables = world.fakeMachine.hooks.map(({ environment }) =>
    `${environment.NATPMP_PROTOCOL} ${environment.NATPMP_INTERNAL_PORTS ?? environment.NATPMP_INTERNAL_PORT}`
  );
  assertEquals(variables.toSorted(), ["tcp 443,444", "tcp 6881,6882", "tcp 80", "udp 6881,6882"]);
});

Deno.test("watch runs the hook of a range for the one port of it that changed", async () => {
  const world = new TestWorld({
    faultsFor: (request) =>
      request.kind === "map" && request.internalPort === 6882 ? { rotatePortEvery: 2 } : {},
  });
  await world.run("watch", "6881-6883", "--exec", "hook", "--keep", "--for", "70m");
  assertEquals(stories(world), [
    "mapped tcp 6881: 6881,6882,6883 -> 6881,6882,6883",
    "changed tcp 6882: 57344 -> 6882",
  ]);
  assertEquals(world.fakeMachine.hooks[1]?.environment.NATPMP_PREVIOUS_EXTERNAL_PORTS, "6882");
});

Deno.test("watch runs the hook of a range for an address that changed, and has no previous ports then", async () => {
  const world = worldWith(
    60_000,
    ({ gateway, clock }) => gateway.setExternalAddress("203.0.113.8", clock.now()),
  );
  await world.run("watch", "6881-6882", "--exec", "hook", "--keep", "--for", "20m");
  assertEquals(stories(world), [
    "mapped tcp 6881: 6881,6882 -> 6881,6882",
    "changed tcp 6881: 6881,6882 -> 6881,6882",
  ]);
  const { environment } = world.fakeMachine.hooks[1]!;
  assertEquals(
    [environment.NATPMP_EXTERNAL_ADDRESS, environment.NATPMP_PREVIOUS_EXTERNAL_PORTS],
    ["203.0.113.8", undefined],
  );
});

Deno.test("watch reports a hook of a range that fails once, with an object of JSON for each port, and runs it again", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => ({ code: 3 });
  const { stderr } = await world.run("watch", "6881-6883", "--exec", "hook", "--keep", "--for", "70m");
  assertEquals(stderr.match(/hook-failed: .*/g), [
    "hook-failed: The hook for mapped tcp 6881-6883 ended with exit code 3",
  ]);
  assertEquals(stories(world), [
    "mapped tcp 6881: 6881,6882,6883 -> 6881,6882,6883",
    "mapped tcp 6881: 6881,6882,6883 -> 6881,6882,6883",
  ]);
  const other = new TestWorld();
  other.fakeMachine.hookEnd = () => ({ code: 3 });
  const { stdout } = await other.run(
    "watch",
    "6881-6883",
    "--exec",
    "hook",
    "--keep",
    "--for",
    "1m",
    "--json",
  );
  const failed = stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
    .filter(({ event }) => event === "hook-failed");
  assertEquals(failed.map(({ internalPort }) => internalPort), [6881, 6882, 6883]);
});

Deno.test("map runs the hook of a range once, for the ports that are new", async () => {
  const world = new TestWorld();
  await world.run("map", "6881-6883", "--exec", "hook");
  await world.run("map", "6881-6883", "--exec", "hook");
  await world.run("map", "6881-6885", "--exec", "hook");
  assertEquals(stories(world), [
    "mapped tcp 6881: 6881,6882,6883 -> 6881,6882,6883",
    "mapped tcp 6884: 6884,6885 -> 6884,6885",
  ]);
});

Deno.test("map --if-due runs the hook of a configured range again after it failed, for all of its ports", async () => {
  const cron = new CronLine({ mappings: [{ internal: "6881-6883", exec: "hook" }] });
  cron.world.fakeMachine.hookEnd = () => ({ code: 1 });
  const { mail } = await cron.run();
  assertEquals(mail.match(/warning: .*/g), [
    "warning: The hook for mapped tcp 6881-6883 ended with exit code 1",
  ]);
  cron.world.fakeMachine.hookEnd = () => ({ code: 0 });
  await cron.next();
  await cron.next();
  assertEquals(stories(cron.world), [
    "mapped tcp 6881: 6881,6882,6883 -> 6881,6882,6883",
    "mapped tcp 6881: 6881,6882,6883 -> 6881,6882,6883",
  ]);
});

Deno.test("a hook of one port has no variables for lists of ports", async () => {
  const world = new TestWorld();
  await world.run("map", "80", "--exec", "hook");
  assertEquals(
    Object.keys(world.fakeMachine.hooks[0]!.environment).filter((name) => name.endsWith("_PORTS")),
    [],
  );
});
