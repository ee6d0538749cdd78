import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { faultyFor, OTHER_HOST, TestWorld } from "../../support/test_world.ts";

Deno.test("map remembers what was granted, by whom, to whom, and what the gateway said of its age", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--lifetime", "1h");
  const granted = { wallMs: Date.UTC(2026, 0, 1), uptimeMs: 1_000_000, boot: "first" };
  assertEquals(world.fakeStatePaths.state, {
    gateways: [{
      host: "box",
      gateway: "10.0.0.1",
      port: 5351,
      localAddress: "10.0.0.2",
      externalAddress: "203.0.113.7",
      memory: {
        data: {
          "nat-pmp": { data: { epochSeconds: 74_565 }, agoMs: 0 },
          spoken: { via: "nat-pmp", agoMs: 0 },
        },
        at: granted,
      },
      entries: [{
        protocol: "tcp",
        internalPort: 80,
        lease: {
          protocol: "tcp",
          internalPort: 80,
          via: "nat-pmp",
          requestedExternalPort: 8080,
          externalPort: 8080,
          requestedLifetimeSeconds: 3600,
          lifetimeSeconds: 3600,
          granted,
          renewAfterMs: 1_912_500,
          joinAfterMs: 1_800_000,
          minRetryGapMs: 2000,
        },
        reported: { externalPort: 8080, externalAddress: "203.0.113.7" },
      }],
      watches: [],
    }],
    runs: [],
  });
});

Deno.test("map --state FILE remembers there, and --no-state nowhere", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--state", "mine.json");
  await world.run("map", "8080:80", "--no-state");
  assertEquals([...world.fakeStatePaths.files.texts.keys()], ["/work/mine.json"]);
});

Deno.test("map of another external port asks for it, and hints to unmap first", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  const { stdout, stderr } = await world.run("map", "9090:80");
  // RFC 6886 §3.3: the gateway answers with the mapping that there is.
  assertStringIncludes(stdout, "tcp 203.0.113.7:8080 -> 80, 7200 s (asked for 9090)\n");
  assertEquals(
    stderr,
    "natpmp: note: tcp 80 already has external port 8080: to move it, first unmap it (natpmp unmap 80/tcp)\n",
  );
});

Deno.test("map asks for the port that was typed, also when another one was granted before", async () => {
  const world = new TestWorld({
    gateway: {
      staticMappings: [{ address: OTHER_HOST, protocol: "tcp", internalPort: 1, externalPort: 8080 }],
    },
  });
  await world.run("map", "8080:80");
  await world.run("map", "8080:80");
  const asked = world.requests.flatMap((request) => request.kind === "map" ? [request.externalPort] : []);
  assertEquals(asked, [8080, 8080]);
});

Deno.test("map --exact leaves a lease alone that lived before on another port", async () => {
  const world = new TestWorld({
    gateway: {
      staticMappings: [{ address: OTHER_HOST, protocol: "tcp", internalPort: 1, externalPort: 8080 }],
    },
  });
  await world.run("map", "8080:80");
  const { exitCode } = await world.run("map", "8080:80", "--exact");
  assertEquals([exitCode, world.deletions.length, world.mappings.length], [10, 0, 2]);
});

Deno.test("map of a pair that fails gives back the new half and leaves the one that lived before", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { refuse: true }) });
  await world.run("map", "8080:80");
  const { exitCode } = await world.run("map", "8080:80/both");
  assertEquals([exitCode, world.deletions.length, world.mappings], [5, 0, ["tcp 10.0.0.2 8080:80"]]);
});

Deno.test("map runs the hook only when something changed against the state; with --no-state always", async () => {
  const world = new TestWorld();
  for (let i = 0; i < 2; i++) await world.run("map", "8080:80", "--exec", "hook");
  assertEquals(world.fakeMachine.hookEvents, ["mapped"]);
  world.gateway.setExternalAddress("203.0.113.8", world.clock.now());
  await world.run("map", "8080:80", "--exec", "hook");
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "changed"]);
  assertEquals(world.fakeMachine.hooks[1]?.environment.NATPMP_PREVIOUS_EXTERNAL_ADDRESS, "203.0.113.7");
  await world.run("map", "8080:80", "--exec", "hook", "--no-state");
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "changed", "mapped"]);
});

Deno.test("map runs a hook again that failed before", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = (_, number) => ({ code: number === 1 ? 1 : 0 });
  for (let i = 0; i < 3; i++) await world.run("map", "8080:80", "--exec", "hook");
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "mapped"]);
});

/** Whether the gateway has forgotten each lease that is remembered, by its internal port. */
function lossesIn(world: TestWorld) {
  const [gateway] = world.fakeStatePaths.state.gateways;
  return gateway?.entries.map(({ internalPort, isLost = false }) => [internalPort, isLost]);
}

Deno.test("map marks the other leases of a gateway that turns out to have another address", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "9000:90");
  await world.clock.advance(60_000);
  world.gateway.setExternalAddress("203.0.113.8", world.clock.now());
  for (let run = 0; run < 2; run++) {
    await world.run("map", "8080:80");
    assertEquals(lossesIn(world), [[80, false], [90, true]]);
  }
});

Deno.test("map marks the other leases of a gateway that turns out to have lost its state", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "9000:90");
  await world.clock.advance(60_000);
  world.gateway.reboot(world.clock.now());
  await world.run("map", "8080:80");
  assertEquals(lossesIn(world), [[80, false], [90, true]]);
});

Deno.test("map waits for the turn at the gateway no longer than --timeout, then says who has it", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.files.locks.set("/state/natpmp/gateway-10.0.0.1-5351.lock", "natpmp watch, process 9");
  const { exitCode, json } = await world.runJson("map", "8080:80", "81", "--timeout", "3");
  assertEquals([exitCode, world.requests.length, world.clock.now()], [1, 0, 3000]);
  assertEquals(json.mappings?.map(({ error }) => error?.kind), ["busy", "busy"]);
  assertStringIncludes(String(json.mappings?.[0]?.error?.message), "(natpmp watch, process 9)");
});

Deno.test("map --quiet prints only what changed against the state", async () => {
  const world = new TestWorld();
  assertEquals((await world.run("map", "8080:80", "-q")).stdout, "tcp 203.0.113.7:8080 -> 80, 7200 s\n");
  const before = world.stdout.text.length;
  for (const more of [[], ["--json"]]) {
    assertEquals((await world.run("map", "8080:80", "-q", ...more)).exitCode, 0);
    assertEquals(world.stdout.text.slice(before), "");
  }
  await world.run("map", "8080:80", "9000:90", "-q");
  assertEquals(world.stdout.text.slice(before), "tcp 203.0.113.7:9000 -> 90, 7200 s\n");
  world.gateway.setFaults({ refuse: true }, world.clock.now());
  const failed = world.stdout.text.length;
  await world.run("map", "8080:80", "-q", "--json");
  assertEquals(JSON.parse(world.stdout.text.slice(failed)).mappings[0].error.kind, "not-authorized");
});

Deno.test("map sets a state file aside that has a port which no request can carry", async () => {
  for (
    const [field, port] of [["externalPort", 70_000], ["internalPort", 80.5], ["requestedExternalPort", 0]]
  ) {
    const world = new TestWorld();
    await world.run("map", "8080:80");
    world.stderr.text = "";
    const { files, path } = world.fakeStatePaths;
    files.texts.set(
      path,
      files.texts.get(path)!.replace(new RegExp(`"${field}":\\d+`), `"${field}":${port}`),
    );
    const { exitCode, stderr } = await world.run("map", "8080:80", "--if-due", "--quiet");
    assertEquals(exitCode, 0);
    assertStringIncludes(stderr, `"${field}" of mappings[0] is ${port}. It is now `);
  }
});

Deno.test("map sets a state file aside that cannot be used, says in one line why, and starts anew", async () => {
  for (
    const [text, reason] of [
      ["", "it is not JSON \\([^)]+\\)"],
      ["{}", "it has no version"],
      ['{"version":1}', '"links" of the file is missing'],
      ['{"version":2}', '"gateways" of the file is missing'],
      ['{"version":"2"}', 'its version is "2"'],
      ["[]", "the file is not an object"],
    ] as const
  ) {
    const world = new TestWorld();
    const { files, path } = world.fakeStatePaths;
    files.texts.set(path, text);
    const { exitCode, stderr } = await world.run("map", "8080:80");
    assertEquals(exitCode, 0);
    assertMatch(
      stderr,
      new RegExp(
        `^natpmp: warning: Cannot use the state file ${path}: ${reason}\\. It is now [^\\n]+\\n$`,
      ),
    );
    const aside = [...files.texts.keys()].filter((name) => name.startsWith(`${path}.damaged-`));
    assertEquals(aside.map((name) => files.texts.get(name)), [text]);
    assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.length, 1);
  }
});

Deno.test("map leaves a state file alone that a newer natpmp wrote, says so once, and maps all the same", async () => {
  for (const more of [[], ["--state", "/state/natpmp/leases.json"]]) {
    const world = new TestWorld();
    const { files, path } = world.fakeStatePaths;
    const text = '{"version":3,"gateways":{"10.0.0.1":{}}}';
    files.texts.set(path, text);
    const { exitCode, stdout, stderr } = await world.run("map", "8080:80", ...more);
    assertEquals([exitCode, stdout], [0, "tcp 203.0.113.7:8080 -> 80, 7200 s\n"]);
    assertEquals(
      stderr,
      `natpmp: warning: Cannot use the state file ${path}: a newer natpmp wrote it (version 3). ` +
        "The file stays as it is, and leases are not remembered\n",
    );
    assertEquals([...files.texts], [[path, text]]);
  }
});

/** A state file as natpmp 0.1 wrote it: tcp 80 was granted when the clock of the tests began, and the router was young. */
const VERSION_1 = JSON.stringify({
  version: 1,
  links: [{
    host: "box",
    gateway: "10.0.0.1",
    port: 5351,
    localAddress: "10.0.0.2",
    externalAddress: "203.0.113.7",
    leases: [{
      protocol: "tcp",
      internalPort: 80,
      requestedExternalPort: 8080,
      externalPort: 8080,
      requestedLifetimeSeconds: 7200,
      lifetimeSeconds: 7200,
      externalAddress: "203.0.113.7",
      granted: { at: "2026-01-01T00:00:00.000Z", uptimeMs: 1_000_000, boot: "first" },
      expiresAt: "2026-01-01T02:00:00.000Z",
    }],
    keepers: [],
  }],
  runs: [],
});

Deno.test("map goes on from a state file of natpmp 0.1, and leaves one of this version", async () => {
  const world = new TestWorld();
  const { files, path } = world.fakeStatePaths;
  files.texts.set(path, VERSION_1);
  const { exitCode, stdout, stderr } = await world.run(
    "map",
    "8080:80",
    "9000:90",
    "--exec",
    "hook",
    "--quiet",
  );
  assertEquals([exitCode, stdout, stderr], [0, "tcp 203.0.113.7:9000 -> 90, 7200 s\n", ""]);
  assertEquals(world.fakeMachine.hooks.map(({ environment }) => environment.NATPMP_INTERNAL_PORT), ["90"]);
  assertEquals(JSON.parse(files.texts.get(path)!).version, 2);
  assertEquals([...files.texts.keys()], [path]);
});

Deno.test("map --state FILE leaves a file alone that is something else, and maps all the same", async () => {
  const world = new TestWorld();
  for (const text of ['{"mappings":["80"]}', "127.0.0.1 localhost\n"]) {
    world.fakeStatePaths.files.texts.set("/etc/hosts", text);
    const before = world.stderr.text.length;
    assertEquals((await world.run("map", "8080:80", "--state", "/etc/hosts")).exitCode, 0);
    assertEquals([...world.fakeStatePaths.files.texts], [["/etc/hosts", text]]);
    assertStringIncludes(world.stderr.text.slice(before), "Cannot use /etc/hosts as the state file: ");
  }
  world.fakeStatePaths.files.texts.set("/mine.json", '{"version":1,"links":[');
  await world.run("map", "8080:80", "--state", "/mine.json");
  assertEquals(
    [...world.fakeStatePaths.files.texts.keys()].filter((path) => path.includes("damaged")).length,
    1,
  );
});
