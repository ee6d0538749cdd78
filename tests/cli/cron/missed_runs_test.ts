/**
 * Runs of `map --if-due` that find somebody sitting on a lock. The first two in a row end in silence.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TestWorld } from "../../support/test_world.ts";

const MINUTE_MS = 60_000;
const GATEWAY_LOCK = "/state/natpmp/gateway-10.0.0.1-5351.lock";
const HOLDER = "natpmp watch, process 9";
const SILENT = { exitCode: 0, mail: "" };

/** Runs the command line of cron, and gives what cron would mail. */
async function cron(world: TestWorld, ...more: string[]): Promise<{ exitCode: number; mail: string }> {
  const before = [world.stdout.text.length, world.stderr.text.length] as const;
  const { exitCode } = await world.run("map", "8080:80", "--if-due", "--quiet", ...more);
  return { exitCode, mail: world.stdout.text.slice(before[0]) + world.stderr.text.slice(before[1]) };
}

/** What a run prints with `--json`, where it prints anything. */
async function cronJson(world: TestWorld, ...more: string[]) {
  const before = world.stdout.text.length;
  const { exitCode } = await world.run("map", "8080:80", "--if-due", "--json", ...more);
  const text = world.stdout.text.slice(before);
  return { exitCode, json: text === "" ? undefined : JSON.parse(text) };
}

/** A copy that was stopped in the middle of its work; the function lets it go on. */
async function stoppedCopy(world: TestWorld): Promise<() => Promise<void>> {
  const { files } = world.fakeStatePaths;
  const { promise: stopped, resolve: goOn } = Promise.withResolvers<undefined>();
  const { readText } = files;
  files.readText = () => stopped;
  const hanging = world.run("map", "8080:80", "--if-due", "--quiet");
  await world.clock.advance(1);
  files.readText = readText;
  return async () => {
    goOn(undefined);
    await hanging;
  };
}

/** When the lock of a copy was taken. */
function setLockTime(world: TestWorld): void {
  const { files } = world.fakeStatePaths;
  const path = [...files.locks.keys()].find((path) => path.includes(".if-due-"))!;
  files.lockTimes.set(path, world.clock.wallNow().getTime());
}

Deno.test("map --if-due: the third run in a row that finds a copy at work says so, with its holder: exit 1", async () => {
  const world = new TestWorld();
  const goOn = await stoppedCopy(world);
  for (const run of [1, 2]) {
    setLockTime(world);
    assertEquals(await cron(world), SILENT, `run ${run}`);
    await world.clock.advance(MINUTE_MS);
  }
  setLockTime(world);
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 1);
  assertMatch(
    mail,
    /^natpmp: error: Another natpmp map --if-due \(natpmp map, process 4711\) is running\. [^\n]+\n$/,
  );
  setLockTime(world);
  assertEquals(await cron(world), { exitCode: 1, mail: "" });
  await goOn();
  assertEquals(world.mappings.length, 1);
  const again = await stoppedCopy(world);
  setLockTime(world);
  assertEquals(await cron(world), SILENT);
  await again();
});

Deno.test("map --if-due: a copy that has been at work for more than a minute is reported at once", async () => {
  const world = new TestWorld();
  const goOn = await stoppedCopy(world);
  setLockTime(world);
  await world.clock.advance(59_000);
  assertEquals(await cron(world), SILENT);
  await world.clock.advance(2000);
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 1);
  assertMatch(
    mail,
    /^natpmp: error: Another natpmp map --if-due \(natpmp map, process 4711\) has been running for 1 min: [^\n]+\n$/,
  );
  await goOn();
});

Deno.test("map --if-due: the third run in a row without a turn at the gateway says so, with the holder: exit 1", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  files.locks.set(GATEWAY_LOCK, HOLDER);
  assertEquals([await cron(world), await cron(world)], [SILENT, SILENT]);
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 1);
  assertMatch(
    mail,
    /^natpmp: error: Cannot ask 10\.0\.0\.1 within 7\.75 s: [^\n]+\(natpmp watch, process 9\)/,
  );
  assertEquals(await cron(world), { exitCode: 1, mail: "" });
  assertEquals(world.requests, []);
  files.locks.delete(GATEWAY_LOCK);
  assertEquals((await cron(world)).exitCode, 0);
  files.locks.set(GATEWAY_LOCK, HOLDER);
  assertEquals([await cron(world), await cron(world)], [SILENT, SILENT]);
  assertEquals((await cron(world)).exitCode, 1);
});

Deno.test("map --if-due: somebody who has had the gateway's lock for more than a minute is reported at once", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  files.locks.set(GATEWAY_LOCK, HOLDER);
  files.lockTimes.set(GATEWAY_LOCK, world.clock.wallNow().getTime() - 20 * MINUTE_MS);
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 1);
  assertStringIncludes(mail, "another process (natpmp watch, process 9) has been asking it for 20 min");
});

Deno.test("map --if-due: a mapping whose turn does not come is reported by the third run, the first two do the rest", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  // Somebody takes the turn as soon as the address is known.
  const { tryLock } = files;
  let turns = 0;
  files.tryLock = (path, holder) => {
    if (path === GATEWAY_LOCK && turns++ > 0) files.locks.set(GATEWAY_LOCK, HOLDER);
    return tryLock.call(files, path, holder);
  };
  const run = async () => {
    turns = 0;
    files.locks.delete(GATEWAY_LOCK);
    return await cron(world, "--via", "nat-pmp");
  };
  assertEquals([await run(), await run()], [SILENT, SILENT]);
  const { exitCode, mail } = await run();
  assertEquals(exitCode, 1);
  assertMatch(
    mail,
    /^natpmp: error: tcp 80: Cannot ask 10\.0\.0\.1 within 7\.75 s: [^\n]+\(natpmp watch, process 9\)/,
  );
});

Deno.test("map --if-due counts runs also while the state file itself is locked", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  files.locks.set(GATEWAY_LOCK, HOLDER);
  files.locks.set("/state/natpmp/leases.json.lock", HOLDER);
  assertEquals([await cron(world), await cron(world)], [SILENT, SILENT]);
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 1);
  assertMatch(mail, /^natpmp: error: Cannot ask 10\.0\.0\.1 within 7\.75 s: /);
});

Deno.test("map --if-due that cannot count its runs reports the first one that comes to nothing", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  files.locks.set(GATEWAY_LOCK, HOLDER);
  files.writeFailure = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  assertEquals((await cron(world)).exitCode, 1);
  const homeless = new TestWorld();
  const goOn = await stoppedCopy(homeless);
  homeless.fakeStatePaths.files.writeFailure = files.writeFailure;
  assertEquals((await cron(homeless)).exitCode, 1);
  homeless.fakeStatePaths.files.writeFailure = undefined;
  await goOn();
});

Deno.test("map --if-due takes a damaged count for none", async () => {
  for (const text of ["", "x", "-1", "99999999999999999999999", "1.5", "\0"]) {
    const world = new TestWorld();
    const { files } = world.fakeStatePaths;
    files.locks.set(GATEWAY_LOCK, HOLDER);
    await cron(world);
    const path = [...files.texts.keys()].find((path) => path.endsWith(".missed"))!;
    files.texts.set(path, text);
    assertEquals([await cron(world), await cron(world)], [SILENT, SILENT], text);
    assertEquals((await cron(world)).exitCode, 1, text);
  }
});

Deno.test("map --if-due --json prints an object also where it does nothing; with --quiet once there is news", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  files.locks.set(GATEWAY_LOCK, HOLDER);
  const { exitCode, json } = await cronJson(world);
  assertEquals([exitCode, json.command, json.gateway, json.error.kind], [0, "map", "10.0.0.1", "busy"]);
  assertEquals(await cronJson(world, "--quiet"), { exitCode: 0, json: undefined });
  const third = await cronJson(world, "--quiet");
  assertEquals([third.exitCode, third.json.error.kind], [1, "busy"]);
  files.locks.delete(GATEWAY_LOCK);
  await cron(world);

  const goOn = await stoppedCopy(world);
  setLockTime(world);
  const copy = await cronJson(world);
  assertEquals([copy.exitCode, copy.json.command, copy.json.error.kind], [0, "map", "busy"]);
  assertStringIncludes(copy.json.error.message, "(natpmp map, process 4711)");
  await goOn();
});
