import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const HOLD = ["watch", "8080:80", "--exec", "hook", "--port-file", "/run/port"] as const;

/** Watches until something happens after a minute; also tells when the command ended. */
async function stopped(
  happen: (world: TestWorld) => void,
  args: readonly string[] = HOLD,
  options: TestWorldOptions = {},
) {
  const world = new TestWorld(options);
  world.clock.sleep(60_000).then(() => happen(world));
  const { exitCode, stdout } = await world.run(...args);
  return {
    world,
    exitCode,
    last: stdout.trimEnd().split("\n").at(-1)?.split(" ")[1],
    tookMs: world.clock.now() - 60_000,
  };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`watch stopped by ${signal} deletes its mappings and ends with 0`, async () => {
    const { world, exitCode, last } = await stopped((world) => world.stop(signal));
    assertEquals([exitCode, last], [0, "stopped"]);
    assertEquals([world.mappings, world.deletions.length], [[], 1]);
    assertEquals(world.fakeMachine.hookEvents, ["mapped", "unmapped"]);
    assertEquals(world.fakeMachine.files.size, 0);
  });
}

Deno.test("watch ends as by SIGTERM when stdout is closed", async () => {
  const { world, exitCode } = await stopped((world) => world.fakeMachine.closeStdout());
  assertEquals([exitCode, world.mappings], [0, []]);
});

Deno.test("watch ends by itself after --for", async () => {
  const { exitCode, tookMs } = await stopped(() => {}, [...HOLD, "--for", "2m"]);
  assertEquals([exitCode, tookMs], [0, 60_000]);
});

Deno.test("watch asks for SIGHUP to be as SIGTERM", async () => {
  const { world } = await stopped((world) => world.stop());
  assertEquals(world.fakeMachine.stopsOnHangUp, true);
});

Deno.test("watch stops within 3 s when the gateway is silent, and the port file goes", async () => {
  const { world, exitCode, last, tookMs } = await stopped((world) => {
    world.gateway.setFaults({ silent: true }, world.clock.now());
    world.stop("SIGTERM");
  });
  assertEquals([exitCode, last], [0, "stopped"]);
  assertLessOrEqual(tookMs, 3000);
  assert(world.deletions.length >= 1 && world.deletions.length <= 2);
  assertEquals(world.fakeMachine.files.size, 0);
});

Deno.test("watch stops within 3 s when a hook hangs, which is killed", async () => {
  const { world, exitCode, tookMs } = await stopped((world) => {
    world.fakeMachine.hookEnd = () => undefined;
    world.stop("SIGTERM");
  });
  assertEquals([exitCode, world.mappings], [0, []]);
  assertLessOrEqual(tookMs, 3000);
  assertEquals(world.fakeMachine.hooks.map(({ isKilled }) => isKilled), [false, true]);
});

Deno.test("watch stops within 3 s when the gateway is silent, a hook hangs and another waits", async () => {
  const { exitCode, tookMs } = await stopped(
    (world) => {
      world.gateway.setFaults({ silent: true }, world.clock.now());
      world.stop("SIGTERM");
    },
    [...HOLD, "9000:90/both"],
    { gateway: { maxLifetimeSeconds: 120 } },
  );
  assertEquals(exitCode, 0);
  assertLessOrEqual(tookMs, 3000);
});

Deno.test("watch told to stop before its first answer ends at once", async () => {
  const world = new TestWorld({
    faults: { silent: true },
    onSend: (_, number) => number === 1 && world.stop(),
  });
  const { exitCode } = await world.run(...HOLD);
  assertEquals([exitCode, world.mappings], [0, []]);
  assertLessOrEqual(world.clock.now(), 3000);
});
