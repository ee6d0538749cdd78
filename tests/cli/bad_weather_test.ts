/**
 * A mapping that can be made is made, whatever the disk and the wall clock do: a warning on stderr reports once what is lost, and
 * the exit code is that of the mapping.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { MemoryFiles } from "../support/memory_files.ts";
import { TestWorld } from "../support/test_world.ts";

const LEASES = "/state/natpmp/leases.json";
const LINE = "tcp 203.0.113.7:8080 -> 80, 7200 s\n";
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;

const NO_SPACE = new Error(`No space left on device (os error 28): open '${LEASES}.new'`);
const READ_ONLY = new Error(`Read-only file system (os error 30): open '${LEASES}.new'`);
const DENIED = new Deno.errors.PermissionDenied(`Permission denied (os error 13): open '${LEASES}'`);

interface Weather {
  readonly what: string;
  readonly spoil: (world: TestWorld, files: MemoryFiles) => void;
  /** What is said of it. */
  readonly said: string;
  /** Whether what was remembered before can be read. */
  readonly knows: boolean;
}

const WEATHER: readonly Weather[] = [
  {
    what: "a full disk",
    spoil: (_, files) => files.writeFailure = NO_SPACE,
    said: `Cannot write the state file ${LEASES}: No space left on device (os error 28)`,
    knows: true,
  },
  {
    what: "a full disk on which no lock can be made either",
    spoil: (_, files) => files.writeFailure = files.lockFailure = NO_SPACE,
    said: `Cannot write the state file ${LEASES}: No space left on device (os error 28)`,
    knows: true,
  },
  {
    what: "a read-only disk",
    spoil: (_, files) => files.writeFailure = files.lockFailure = READ_ONLY,
    said: `Cannot write the state file ${LEASES}: Read-only file system (os error 30)`,
    knows: true,
  },
  {
    what: "a read-only disk without the state directory",
    spoil(_, files) {
      files.directoryFailure = files.writeFailure = files.lockFailure = READ_ONLY;
      files.texts.clear();
    },
    said: `Cannot write the state file ${LEASES}: Read-only file system (os error 30)`,
    knows: false,
  },
  {
    what: "a state directory of another user",
    spoil: (_, files) => files.readFailure = files.writeFailure = files.lockFailure = DENIED,
    said: `Cannot read the state file ${LEASES}: Permission denied (os error 13)`,
    knows: false,
  },
  {
    what: "a missing home directory",
    spoil: (world) => world.fakeStatePaths.directory = { missing: "neither HOME nor XDG_STATE_HOME is set" },
    said: "natpmp cannot remember leases: neither HOME nor XDG_STATE_HOME is set. " +
      "Name a state file with --state, or do without one with --no-state",
    knows: false,
  },
  {
    what: "a home directory that is not there and cannot be made",
    spoil(_, files) {
      files.directoryFailure = DENIED;
      files.lockFailure = files.writeFailure = new Deno.errors.NotFound(
        "No such file or directory (os error 2)",
      );
      files.texts.clear();
    },
    said: `Cannot write the state file ${LEASES}: Permission denied (os error 13)`,
    knows: false,
  },
  {
    what: "another process that does not let go of the state file",
    spoil: (_, files) => files.locks.set(`${LEASES}.lock`, "natpmp map, process 9"),
    said:
      `Cannot write the state file ${LEASES}: another process (natpmp map, process 9) has kept it locked for 7.75 s`,
    knows: true,
  },
];

/** Everything that a command line wrote to stderr. */
async function stderrOf(world: TestWorld, ...args: string[]): Promise<{ exitCode: number; said: string }> {
  const before = world.stderr.text.length;
  const { exitCode } = await world.run(...args);
  return { exitCode, said: world.stderr.text.slice(before) };
}

for (const { what, spoil, said, knows } of WEATHER) {
  const warning = `natpmp: warning: ${said}\n`;

  Deno.test(`map on ${what}: the mapping is made, one warning, exit 0`, async () => {
    const world = new TestWorld();
    spoil(world, world.fakeStatePaths.files);
    assertEquals(await world.run("map", "8080:80"), { exitCode: 0, stdout: LINE, stderr: warning });
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  });

  Deno.test(`map --json on ${what}: the warning stands in the object, once`, async () => {
    const world = new TestWorld();
    spoil(world, world.fakeStatePaths.files);
    const { exitCode, stderr, json } = await world.runJson("map", "8080:80/both");
    assertEquals([exitCode, stderr, json.warnings, world.mappings.length], [0, "", [said], 2]);
  });

  Deno.test(`map with a hook and a port file on ${what}: they run as ever, one warning, exit 0`, async () => {
    const world = new TestWorld();
    spoil(world, world.fakeStatePaths.files);
    const args = ["map", "8080:80", "--exec", "hook", "--port-file", "/run/port"];
    assertEquals(await stderrOf(world, ...args), { exitCode: 0, said: warning });
    assertEquals(world.fakeMachine.hookEvents, ["mapped"]);
    assertEquals(world.fakeMachine.files.get("/run/port"), "8080\n");
  });

  Deno.test(`map with a hook that fails on ${what}: still one warning about the state, and the hook's own`, async () => {
    const world = new TestWorld();
    world.fakeMachine.hookEnd = () => ({ code: 3 });
    spoil(world, world.fakeStatePaths.files);
    const { exitCode, said: all } = await stderrOf(world, "map", "8080:80", "--exec", "hook");
    assertEquals([exitCode, all.split("\n").filter((line) => line.includes(said)).length], [1, 1], all);
  });

  Deno.test(`unmap on ${what}: the mapping is gone, one warning, exit 0`, async () => {
    const world = new TestWorld();
    await world.run("map", "8080:80", "--quiet");
    spoil(world, world.fakeStatePaths.files);
    assertEquals(await stderrOf(world, "unmap", "8080:80"), { exitCode: 0, said: warning });
    assertEquals(world.mappings, []);
  });

  Deno.test(`map --if-due on ${what}: what is due is renewed, one warning, exit 0`, async () => {
    const world = new TestWorld();
    const cron = ["map", "8080:80", "--if-due", "--quiet"];
    await world.run(...cron);
    await world.clock.advance(65 * MINUTE_MS);
    spoil(world, world.fakeStatePaths.files);
    const count = world.requests.length;
    assertEquals(await stderrOf(world, ...cron), { exitCode: 0, said: warning });
    const kinds = world.requests.slice(count).map(({ kind }) => kind);
    assertEquals(kinds, ["address", "map"]);
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  });

  Deno.test(`map --if-due on ${what}: what is not due is ${knows ? "left alone" : "asked for, as nobody knows"}`, async () => {
    const world = new TestWorld();
    const cron = ["map", "8080:80", "--if-due", "--quiet"];
    await world.run(...cron);
    await world.clock.advance(15 * MINUTE_MS);
    spoil(world, world.fakeStatePaths.files);
    const count = world.requests.length;
    assertEquals((await stderrOf(world, ...cron)).exitCode, 0);
    assertEquals(
      world.requests.slice(count).map(({ kind }) => kind),
      knows ? ["address"] : ["address", "map"],
    );
  });

  Deno.test(`map of a gateway that does not answer on ${what} ends with 4 all the same`, async () => {
    const world = new TestWorld({ faults: { silent: true } });
    spoil(world, world.fakeStatePaths.files);
    assertEquals((await stderrOf(world, "map", "8080:80")).exitCode, 4);
  });

  Deno.test(`watch on ${what}: the mapping is kept and given back, one warning, exit 0`, async () => {
    const world = new TestWorld();
    spoil(world, world.fakeStatePaths.files);
    let during: string[] = [];
    world.clock.sleep(5 * 60 * MINUTE_MS).then(() => during = world.mappings);
    const { exitCode, said: all } = await stderrOf(world, "watch", "8080:80", "--for", "6h");
    assertEquals([exitCode, during, world.mappings], [0, ["tcp 10.0.0.2 8080:80"], []]);
    assertEquals(all.split(said).length - 1, 1, all);
  });
}

Deno.test("the weather clears: the next map remembers again, and says nothing", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  files.writeFailure = NO_SPACE;
  await world.run("map", "8080:80");
  files.writeFailure = undefined;
  assertEquals(await stderrOf(world, "map", "8080:80"), { exitCode: 0, said: "" });
  assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.length, 1);
});

const DAMAGED = [["damaged", "{"], ["of a version that never was", '{"version":0}']] as const;
const COMMANDS = ["map", "unmap", "map --if-due --quiet", "watch --for 1m"];

for (const command of COMMANDS) {
  for (const [what, text] of DAMAGED) {
    Deno.test(`${command} with a state file that is ${what}: set aside, one warning, exit 0`, async () => {
      const world = new TestWorld();
      const { files } = world.fakeStatePaths;
      files.texts.set(LEASES, text);
      const { exitCode, said } = await stderrOf(world, ...command.split(" "), "8080:80");
      assertEquals([exitCode, said.split("\n").length], [0, 2], said);
      assert(said.includes(`Cannot use the state file ${LEASES}: `), said);
      const aside = [...files.texts.keys()].filter((path) => path.startsWith(`${LEASES}.damaged-`));
      assertEquals([aside.length, files.texts.get(aside[0]!)], [1, text]);
      const next = await stderrOf(world, "map", "8080:80");
      assertEquals([next, world.fakeStatePaths.state.gateways[0]?.entries.length], [
        { exitCode: 0, said: "" },
        1,
      ]);
    });
  }

  Deno.test(`${command} with a state file of a newer version: left as it is, one warning each time, exit 0`, async () => {
    const world = new TestWorld();
    const { files } = world.fakeStatePaths;
    const text = '{"version":3,"gateways":[{}]}';
    files.texts.set(LEASES, text);
    for (let run = 0; run < 2; run++) {
      const { exitCode, said } = await stderrOf(world, ...command.split(" "), "8080:80");
      assertEquals([exitCode, said.split("\n").length], [0, 2], said);
      assert(said.includes(`Cannot use the state file ${LEASES}: a newer natpmp wrote it (version 3)`), said);
    }
    assertEquals([...files.texts], [[LEASES, text]]);
  });
}

// ---- the wall clock ----

for (
  const [what, byMs] of [["back by a year", -YEAR_MS], ["forward by a day", 24 * 60 * MINUTE_MS]] as const
) {
  Deno.test(`a wall clock that is set ${what}: map and unmap know the lease as before`, async () => {
    const world = new TestWorld();
    await world.run("map", "8080:80", "--quiet");
    world.fakeStatePaths.setWallClock(byMs);
    await world.clock.advance(MINUTE_MS);
    // Nothing is new about it, so that the hook does not run.
    assertEquals(await stderrOf(world, "map", "8080:80", "--exec", "hook"), { exitCode: 0, said: "" });
    assertEquals(world.fakeMachine.hooks, []);
    world.gateway.setFaults({ refuse: true }, world.clock.now());
    await world.run("map", "8080:80/both");
    assertEquals(world.deletions, []);
    world.gateway.setFaults({}, world.clock.now());
    assertEquals(await stderrOf(world, "unmap", "8080:80"), { exitCode: 0, said: "" });
    assertEquals([world.mappings, world.fakeStatePaths.state.gateways[0]?.entries], [[], []]);
  });

  Deno.test(`a wall clock that is set ${what} where runs of the machine have no name: map knows the lease, or renews it early`, async () => {
    const world = new TestWorld();
    world.fakeStatePaths.boot = undefined;
    const cron = ["map", "8080:80", "--if-due", "--quiet"];
    await world.run(...cron);
    world.fakeStatePaths.setWallClock(byMs);
    await world.clock.advance(15 * MINUTE_MS);
    const count = world.requests.length;
    const { exitCode, said } = await stderrOf(world, ...cron);
    const kinds = world.requests.slice(count).map(({ kind }) => kind);
    assertEquals([exitCode, said, kinds], [0, "", byMs > 0 ? ["address", "map"] : ["address"]]);
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
    // From then on all is as ever.
    const stdout = world.stdout.text;
    for (let run = 0; run < 2; run++) {
      await world.clock.advance(15 * MINUTE_MS);
      const count = world.requests.length;
      assertEquals(await stderrOf(world, ...cron), { exitCode: 0, said: "" });
      assertEquals(world.requests.slice(count).map(({ kind }) => kind), ["address"]);
    }
    assertEquals(world.stdout.text, stdout);
  });
}
