import { assertEquals } from "@std/assert";
import { TestWorld } from "../../support/test_world.ts";

const PATH = "/etc/natpmp.json";
const FILE = {
  gateway: "10.0.0.1",
  lifetime: "1h",
  exec: "general",
  mappings: [
    "8080:80",
    "any:22/udp",
    { name: "torrent", internal: 6881, protocol: "both", anyPort: true, portFile: "port" },
    { internal: 51820, protocol: "udp", lifetime: "1d", exact: true, exec: 'say "hello"\n' },
  ],
};

function worldWith(file: unknown): TestWorld {
  const world = new TestWorld();
  world.fakeMachine.files.set(PATH, JSON.stringify(file));
  return world;
}

/** The command asked for nothing outside of itself. */
function assertNothingDone(world: TestWorld): void {
  const { fakeMachine: { fileHistory, hooks } } = world;
  assertEquals([world.networksOpened, world.requests.length, fileHistory.length, hooks.length], [0, 0, 0, 0]);
}

Deno.test("map --check prints a line for each mapping of the file, and sends nothing", async () => {
  const world = worldWith(FILE);
  const { exitCode, stdout, stderr } = await world.run("map", "--config", PATH, "--check");
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(stdout.split("\n"), [
    'would map tcp 8080 -> 80, 3600 s, exec "general"',
    'would map udp any -> 22, 3600 s, exec "general"',
    'would map tcp 6881 -> 6881, 3600 s, any port, name torrent, exec "general", port file "/etc/port"',
    'would map udp 6881 -> 6881, 3600 s, any port, name torrent, exec "general", port file "/etc/port"',
    'would map udp 51820 -> 51820, 86400 s, exact, exec "say \\"hello\\"\\n"',
    "",
  ]);
  assertNothingDone(world);
});

Deno.test("map --check --json prints one object with the mappings", async () => {
  const world = worldWith(FILE);
  const { exitCode, json } = await world.runJson("map", "--config", PATH, "--check");
  assertEquals(exitCode, 0);
  const common = { requestedLifetimeSeconds: 3600, exec: "general" };
  const torrent = {
    internalPort: 6881,
    requestedExternalPort: 6881,
    ...common,
    anyPort: true,
    portFile: "/etc/port",
  };
  assertEquals(json, {
    command: "map",
    check: true,
    mappings: [
      { protocol: "tcp", internalPort: 80, requestedExternalPort: 8080, ...common },
      { protocol: "udp", internalPort: 22, ...common },
      { name: "torrent", protocol: "tcp", ...torrent },
      { name: "torrent", protocol: "udp", ...torrent },
      {
        protocol: "udp",
        internalPort: 51820,
        requestedExternalPort: 51820,
        requestedLifetimeSeconds: 86_400,
        exact: true,
        exec: 'say "hello"\n',
      },
    ],
  });
  assertNothingDone(world);
});

Deno.test("map --check works for specs too, with the default lifetime, and looks for no gateway", async () => {
  const world = new TestWorld({ noGateway: new Error("somebody looked for a gateway") });
  const { exitCode, stdout, stderr } = await world.run(
    "map",
    "--check",
    "8080:80",
    "1:0/udp",
    "--allow-port-zero",
  );
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(stdout, "would map tcp 8080 -> 80, 7200 s\nwould map udp 1 -> 0, 7200 s\n");
  assertNothingDone(world);
});

Deno.test("map --check says what a bare pair was taken for, as map does", async () => {
  const { stdout, stderr } = await new TestWorld().run("map", "--check", "8080", "80");
  assertEquals(stdout, "would map tcp 8080 -> 80, 7200 s\n");
  assertEquals(stderr.startsWith("natpmp: note: natpmp reads this as one mapping"), true, stderr);
});

Deno.test("map --check --quiet says nothing when all is well", async () => {
  for (const json of [[], ["--json"]]) {
    const { exitCode, stdout, stderr } = await worldWith(FILE).run(
      "map",
      "--config",
      PATH,
      "--check",
      "-q",
      ...json,
    );
    assertEquals([exitCode, stdout, stderr], [0, "", ""]);
  }
});

Deno.test("map --check has no lines for a file that wants nothing mapped", async () => {
  const { exitCode, stdout } = await worldWith({ mappings: [] }).run("map", "--config", PATH, "--check");
  assertEquals([exitCode, stdout], [0, ""]);
});

for (
  const args of [
    ["80", "--gateway", "router.lan"],
    ["80", "--source", "10.0.0"],
    ["80", "--timeout", "0"],
    ["80", "--lifetime", "0"],
    ["80", "--exact", "--any-port"],
    ["70000"],
    [],
  ]
) {
  Deno.test(`map --check ${args.join(" ")}: exit 2, one line, nothing sent`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run("map", "--check", ...args);
    assertEquals([exitCode, stdout, stderr.split("\n").length], [2, "", 2]);
    assertNothingDone(world);
  });
}

Deno.test("map --check obeys no terminal sequence that a file has in its words", async () => {
  const { stdout } = await worldWith({ mappings: [{ internal: 80, exec: "a\u009b31m\u007f\u001b[31m" }] })
    .run("map", "--config", PATH, "--check");
  assertEquals(stdout, 'would map tcp 80 -> 80, 7200 s, exec "a\\u009b31m\\u007f\\u001b[31m"\n');
});
