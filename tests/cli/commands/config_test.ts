import { assertEquals, assertMatch } from "@std/assert";
import { faultyFor, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const PATH = "/etc/natpmp.json";
const CONFIG = ["--config", PATH] as const;

function worldWith(file: unknown, options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.fakeMachine.files.set(PATH, JSON.stringify(file));
  return world;
}

/** What each hook was started for, as in `web: mapped tcp 80`. */
function hookStory({ fakeMachine: { hooks } }: TestWorld): string[] {
  return hooks.map(({ command, environment: { NATPMP_EVENT, NATPMP_PROTOCOL, NATPMP_INTERNAL_PORT } }) =>
    `${command}: ${NATPMP_EVENT} ${NATPMP_PROTOCOL} ${NATPMP_INTERNAL_PORT}`
  );
}

/** The port files that there are. */
function portFiles({ fakeMachine: { files } }: TestWorld): Record<string, string> {
  const { [PATH]: _, ...others } = Object.fromEntries(files);
  return others;
}

const SERVICES = {
  lifetime: "1h",
  exec: "all",
  portFile: "all",
  mappings: [
    "8080:80",
    { name: "torrent", internal: 6881, protocol: "both", exec: "torrent", portFile: "torrent" },
    { name: "game", internal: 27015, protocol: "udp", lifetime: 600, portFile: "torrent" },
  ],
};

Deno.test("map --config maps what the file lists, as it says", async () => {
  const world = worldWith(SERVICES);
  const { exitCode, stdout, stderr } = await world.run("map", ...CONFIG);
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(stdout.split("\n"), [
    "tcp 203.0.113.7:8080 -> 80, 3600 s",
    "tcp 203.0.113.7:6881 -> 6881, 3600 s",
    "udp 203.0.113.7:6881 -> 6881, 3600 s",
    "udp 203.0.113.7:27015 -> 27015, 600 s",
    "",
  ]);
});

Deno.test("map --config runs each mapping's own hook and writes its own port file", async () => {
  const world = worldWith(SERVICES);
  await world.run("map", ...CONFIG);
  assertEquals(hookStory(world), [
    "all: mapped tcp 80",
    "torrent: mapped tcp 6881",
    "torrent: mapped udp 6881",
    "all: mapped udp 27015",
  ]);
  assertEquals(portFiles(world), { "/etc/all": "8080\n", "/etc/torrent": "6881\n27015\n" });
});

Deno.test("map --config with --exec and --port-file runs and writes these for every mapping", async () => {
  const world = worldWith(SERVICES);
  await world.run("map", ...CONFIG, "--exec", "typed", "--port-file", "/run/typed", "-l", "30m");
  assertEquals(world.fakeMachine.hooks.map(({ command }) => command), Array(4).fill("typed"));
  assertEquals(portFiles(world), { "/run/typed": "8080\n6881\n27015\n" });
  const lifetimes = world.requests.flatMap((request) =>
    request.kind === "map" ? [request.lifetimeSeconds] : []
  );
  assertEquals(lifetimes, [1800, 1800, 1800, 1800]);
});

Deno.test("map --config leaves a port file alone whose mappings were refused", async () => {
  const world = worldWith(SERVICES, { faultsFor: faultyFor("udp", { resultCode: 2 }) });
  world.fakeMachine.files.set("/etc/torrent", "4711\n");
  const { exitCode } = await world.run("map", ...CONFIG);
  assertEquals([exitCode, hookStory(world)], [5, ["all: mapped tcp 80"]]);
  assertEquals(portFiles(world), { "/etc/all": "8080\n", "/etc/torrent": "4711\n" });
});

Deno.test("map --config asks whom the file names, for as long as it says; the command line wins", async () => {
  const file = { gateway: "10.0.0.9", timeout: 1, mappings: ["80"] };
  const world = worldWith(file);
  const { exitCode, stderr } = await world.run("map", ...CONFIG);
  assertEquals([exitCode, world.clock.now()], [4, 1000]);
  assertMatch(stderr, /10\.0\.0\.9:5351 did not answer within 1 s/);
  const other = worldWith(file);
  assertEquals((await other.run("map", ...CONFIG, "--gateway", "10.0.0.1")).exitCode, 0);
});

Deno.test("map --config allows port 0 by the file or by the command line", async () => {
  const mappings = ["1:0/both"];
  for (const [file, args] of [[{ allowPortZero: true }, []], [{}, ["--allow-port-zero"]]] as const) {
    const { exitCode, stdout } = await worldWith({ ...file, mappings }, { faults: { allowPortZero: true } })
      .run("map", ...CONFIG, ...args);
    assertEquals([exitCode, stdout.split("\n").length], [0, 3]);
  }
});

Deno.test("map --config takes another port for an error where the mapping says exact, and only there", async () => {
  const taken = { address: "10.0.0.3", protocol: "tcp", internalPort: 1 } as const;
  const staticMappings = [{ ...taken, externalPort: 8080 }, {
    ...taken,
    internalPort: 2,
    externalPort: 9090,
  }];
  const file = { mappings: ["8080:80", { internal: 90, external: 9090, exact: true }] };
  const world = worldWith(file, { gateway: { staticMappings } });
  const { exitCode, stdout } = await world.run("map", ...CONFIG);
  assertEquals(exitCode, 10);
  assertMatch(stdout, /^tcp 203\.0\.113\.7:\d+ -> 80, 7200 s \(asked for 8080\)\n$/);
});

Deno.test("map --config runs no command of a file that somebody else can write, and sends nothing", async () => {
  const world = worldWith(SERVICES);
  world.fakeMachine.doubts.set(PATH, "/etc belongs to user 1001, not to root");
  const { exitCode, stderr } = await world.run("map", ...CONFIG);
  assertEquals([exitCode, world.requests.length, world.fakeMachine.hooks.length], [2, 0, 0]);
  assertMatch(
    stderr,
    /^natpmp: error: \/etc\/natpmp\.json: exec: Cannot run a command [^\n]+: \/etc belongs to user 1001, not to root\n$/,
  );
});

Deno.test("unmap --config deletes the file's mappings, both of a pair, and no others", async () => {
  const world = worldWith(SERVICES);
  await world.run("map", "80", "8081:6881/both", "443");
  const before = world.stdout.text.length;
  const { exitCode, stderr } = await world.run("unmap", ...CONFIG);
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(
    world.stdout.text.slice(before),
    "tcp 80 unmapped\ntcp 6881 unmapped\nudp 6881 unmapped\nudp 27015 unmapped\n",
  );
  assertEquals(world.mappings, ["tcp 10.0.0.2 443:443"]);
  assertEquals(hookStory(world), [
    "all: unmapped tcp 80",
    "torrent: unmapped tcp 6881",
    "torrent: unmapped udp 6881",
  ]);
  assertEquals(portFiles(world), {});
});

Deno.test("unmap --config leaves port 0 to expire, says so, and deletes the rest", async () => {
  const world = worldWith({ allowPortZero: true, mappings: ["1:0/both", "80"] });
  const { exitCode, stdout, stderr } = await world.run("unmap", ...CONFIG);
  assertEquals([exitCode, stdout], [0, "tcp 80 unmapped\n"]);
  assertEquals(
    stderr,
    "natpmp: warning: NAT-PMP cannot delete mappings of internal port 0 one by one: they stay until their lifetimes end\n",
  );
  assertEquals(world.deletions.map((request) => request.kind === "map" && request.internalPort), [80]);
});

Deno.test("unmap --config with nothing to delete sends nothing", async () => {
  const world = worldWith({ mappings: [] });
  const { exitCode, json } = await world.runJson("unmap", ...CONFIG);
  assertEquals([exitCode, json, world.requests.length], [0, { command: "unmap", mappings: [] }, 0]);
});

Deno.test("unmap --all goes without a file", async () => {
  const world = worldWith(SERVICES);
  const { exitCode, stderr } = await world.run("unmap", "--all", ...CONFIG);
  assertEquals([exitCode, world.requests.length], [2, 0]);
  assertEquals(stderr, "natpmp: error: Option --all deletes everything: leave out --config\n");
});

/** Watches what a file says until the given time, or for a minute. */
async function watched(world: TestWorld, ...args: string[]) {
  const { exitCode, stdout, stderr } = await world.run("watch", ...CONFIG, "--for", "1m", ...args);
  const lines = stdout.trimEnd().split("\n").map((line) => line.replace(/^\S+ /, ""));
  return { exitCode, lines, stderr };
}

Deno.test("watch --config keeps the file's mappings, with the hook and the port file of each", async () => {
  const world = worldWith(SERVICES);
  world.clock.sleep(59_000).then(() => files.push(portFiles(world)));
  const files: Record<string, string>[] = [];
  const { exitCode, stderr } = await watched(world);
  assertEquals([exitCode, stderr, world.mappings], [0, "", []]);
  assertEquals(hookStory(world), [
    ...[
      "all: mapped tcp 80",
      "torrent: mapped tcp 6881",
      "torrent: mapped udp 6881",
      "all: mapped udp 27015",
    ],
    ...[
      "all: unmapped tcp 80",
      "torrent: unmapped tcp 6881",
      "torrent: unmapped udp 6881",
      "all: unmapped udp 27015",
    ],
  ]);
  assertEquals(files, [{ "/etc/all": "8080\n", "/etc/torrent": "6881\n27015\n" }]);
  assertEquals(portFiles(world), {});
});

Deno.test("watch --config removes the port files of an earlier run before anything is granted", async () => {
  const world = worldWith(SERVICES, { faults: { silent: true } });
  for (const name of ["all", "torrent"]) world.fakeMachine.files.set(`/etc/${name}`, "4711\n");
  await watched(world);
  assertEquals(portFiles(world), {});
});

Deno.test("watch --config with --keep leaves the mappings and their port files", async () => {
  const world = worldWith(SERVICES);
  await watched(world, "--keep");
  assertEquals(portFiles(world), { "/etc/all": "8080\n", "/etc/torrent": "6881\n27015\n" });
});

Deno.test("watch --config has in a shared port file what its mappings still hold", async () => {
  const file = {
    mappings: [
      { internal: 80, lifetime: 10, portFile: "port" },
      { internal: 81, lifetime: 1000, portFile: "port" },
    ],
  };
  const world = worldWith(file);
  world.clock.sleep(4000).then(() => world.gateway.setFaults({ silent: true }, world.clock.now()));
  await watched(world);
  assertEquals(world.fakeMachine.fileHistory.filter((text) => text !== undefined), ["80\n81\n", "81\n"]);
});

Deno.test("watch --config without mappings observes, and runs the file's command on the address", async () => {
  const world = worldWith({ exec: "all", lifetime: "1h" });
  const { exitCode, lines } = await watched(world);
  assertEquals([exitCode, world.mappings], [0, []]);
  assertEquals(hookStory(world), ["all: address undefined undefined"]);
  assertEquals(lines.length > 1, true);
});

Deno.test("watch --config refuses a timeout that is too long for it, and says where that stands", async () => {
  const world = worldWith({ timeout: 100, mappings: ["80"] });
  const { exitCode, stderr } = await watched(world);
  assertEquals([exitCode, world.requests.length], [2, 0]);
  assertEquals(
    stderr,
    `natpmp: error: ${PATH}: timeout: Cannot use 100: one try of "natpmp watch" lasts at most 60 s\n`,
  );
});

Deno.test("watch --config runs a hook that failed again with the command of its mapping", async () => {
  const world = worldWith({
    lifetime: 20,
    mappings: [{ internal: 80, exec: "web" }, { internal: 81, exec: "other" }],
  });
  world.fakeMachine.hookEnd = ({ command }, number) => ({ code: command === "web" && number < 3 ? 1 : 0 });
  const { stderr } = await watched(world);
  assertEquals(hookStory(world), [
    "web: mapped tcp 80",
    "other: mapped tcp 81",
    "web: mapped tcp 80",
    "web: unmapped tcp 80",
    "other: unmapped tcp 81",
  ]);
  assertMatch(stderr, /The hook for mapped tcp 80 ended with exit code 1\n$/);
});
