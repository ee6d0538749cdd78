import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatState } from "../../../lib/state/format.ts";
import { TestWorld } from "../../support/test_world.ts";

const HOUR_MS = 3_600_000;

/** Runs `natpmp status`, and gives what it alone printed. */
async function status(world: TestWorld, ...args: string[]) {
  const before = [world.stdout.text.length, world.stderr.text.length] as const;
  const { exitCode } = await world.run("status", ...args);
  return { exitCode, stdout: world.stdout.text.slice(before[0]), stderr: world.stderr.text.slice(before[1]) };
}

Deno.test("status lists the leases with the time they have, and sends nothing", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "51820/udp");
  await world.clock.advance(HOUR_MS);
  const count = world.requests.length;
  assertEquals(await status(world), {
    exitCode: 0,
    stdout: "MAPPING    EXTERNAL           TIME LEFT  STATUS  VIA      ROUTER    KEPT BY\n" +
      "tcp 80     203.0.113.7:8080   1:00:00    alive   nat-pmp  10.0.0.1  -\n" +
      "udp 51820  203.0.113.7:51820  1:00:00    alive   nat-pmp  10.0.0.1  -\n",
    stderr: "",
  });
  assertEquals(world.requests.length, count);
});

Deno.test("status says so when there are no leases, and is well with --check", async () => {
  assertEquals(await status(new TestWorld()), { exitCode: 0, stdout: "No leases\n", stderr: "" });
  assertEquals((await status(new TestWorld(), "--check")).exitCode, 0);
});

Deno.test("status marks a lease that is over, and with --check ends with 1", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--lifetime", "1h");
  assertEquals((await status(world, "--check")).exitCode, 0);
  await world.clock.advance(HOUR_MS);
  const { exitCode, stdout } = await status(world);
  assertEquals(exitCode, 0);
  assertMatch(stdout, /^tcp 80 +203\.0\.113\.7:8080 +- +expired/m);
  assertEquals((await status(world, "--check")).exitCode, 1);
});

Deno.test("status --json has the fields of map's mappings and how each lease stands", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  await world.clock.advance(HOUR_MS);
  const { stdout } = await status(world, "--json");
  assertEquals(JSON.parse(stdout), {
    command: "status",
    leases: [{
      protocol: "tcp",
      internalPort: 80,
      requestedExternalPort: 8080,
      externalPort: 8080,
      via: "nat-pmp",
      requestedLifetimeSeconds: 7200,
      lifetimeSeconds: 7200,
      expiresAt: "2026-01-01T02:00:00Z",
      secondsLeft: 3600,
      status: "alive",
      gateway: "10.0.0.1",
      localAddress: "10.0.0.2",
      externalAddress: "203.0.113.7",
    }],
  });
});

Deno.test("status prints with --quiet too", async () => {
  assertEquals((await status(new TestWorld(), "--quiet")).stdout, "No leases\n");
});

Deno.test("status --probe finds out that the gateway forgot, and remembers it", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  await world.clock.advance(60_000);
  assertMatch((await status(world, "--probe", "--check")).stdout, /alive/);
  world.gateway.reboot(world.clock.now());
  const { exitCode, stdout } = await status(world, "--probe", "--check");
  assertEquals(exitCode, 1);
  assertMatch(stdout, /^tcp 80 .* lost /m);
  assertMatch((await status(world)).stdout, /^tcp 80 .* lost /m);
  await world.run("map", "8080:80");
  assertMatch((await status(world)).stdout, /^tcp 80 .* alive /m);
});

Deno.test("status --probe of a silent gateway says so, and lists what is known", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  world.gateway.setFaults({ silent: true }, world.clock.now());
  const { exitCode, stdout, stderr } = await status(world, "--probe", "--timeout", "1");
  assertEquals(exitCode, 4);
  assertMatch(stdout, /^tcp 80 .* alive /m);
  assertStringIncludes(stderr, "10.0.0.1:5351 did not answer within 1 s");
  const { error } = JSON.parse((await status(world, "--probe", "--timeout", "1", "--json")).stdout);
  assertEquals([error.kind, error.gateway], ["timeout", "10.0.0.1"]);
});

Deno.test("status names the running process that keeps a lease", async () => {
  const world = new TestWorld();
  let text = "";
  world.clock.sleep(60_000).then(async () => {
    const other = new TestWorld();
    other.files = () => world.files();
    const { stdout } = await other.run("status");
    text = stdout;
  });
  await world.run("watch", "8080:80", "--for", "2m");
  assertMatch(text, /^tcp 80 .* natpmp watch, process 4711$/m);
});

Deno.test("status does not show what another host with the same home directory holds", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  world.fakeStatePaths.host = "another";
  assertEquals((await status(world)).stdout, "No leases\n");
});

Deno.test("status tells of a lease whose age nobody knows that it is unknown, which is not dead", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  world.fakeStatePaths.setWallClock(-24 * HOUR_MS);
  world.fakeStatePaths.boot = "second";
  const { exitCode, stdout } = await status(world, "--check");
  assertEquals(exitCode, 0);
  assertMatch(stdout, /^tcp 80 .* - +unknown /m);
});

Deno.test("status --gateway and --config show the leases of one gateway and of one file", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  const { files, path, state } = world.fakeStatePaths;
  const [first] = state.gateways;
  const [entry] = first!.entries;
  const second = { ...first!, gateway: "10.0.0.9", entries: [{ ...entry!, config: "/etc/natpmp.json" }] };
  files.texts.set(path, formatState({ ...state, gateways: [first!, second] }));
  world.fakeMachine.files.set("/etc/natpmp.json", '{"mappings":[]}');
  const gatewaysIn = (text: string) => text.match(/10\.0\.0\.\d/g);
  assertEquals(gatewaysIn((await status(world)).stdout), ["10.0.0.1", "10.0.0.9"]);
  assertEquals(gatewaysIn((await status(world, "--gateway", "10.0.0.1")).stdout), ["10.0.0.1"]);
  assertEquals(gatewaysIn((await status(world, "--config", "/etc/natpmp.json")).stdout), ["10.0.0.9"]);
});

Deno.test("status --config lists what the file asks for and nobody was granted; with --check that is 1", async () => {
  const world = new TestWorld();
  world.fakeMachine.files.set("/etc/natpmp.json", '{"mappings":["8080:80","53/udp"]}');
  await world.run("map", "8080:80");
  const { exitCode, stdout } = await status(world, "--config", "/etc/natpmp.json", "--check");
  assertEquals(exitCode, 1);
  assertMatch(stdout, /^tcp 80 .* alive /m);
  assertMatch(stdout, /^udp 53 +- +- +missing /m);
  const json = JSON.parse((await status(world, "--config", "/etc/natpmp.json", "--json")).stdout);
  assertEquals(json.leases[1], { protocol: "udp", internalPort: 53, status: "missing" });
  await world.run("map", "--config", "/etc/natpmp.json");
  assertEquals((await status(world, "--config", "/etc/natpmp.json", "--check")).exitCode, 0);
});

Deno.test("status --config with a file that vanished ends with 2", async () => {
  assertEquals((await status(new TestWorld(), "--config", "/etc/none.json")).exitCode, 2);
});

Deno.test("status fails where there is no place for a state, and where the file cannot be read", async () => {
  const homeless = new TestWorld();
  homeless.fakeStatePaths.directory = { missing: "neither HOME nor XDG_STATE_HOME is set" };
  assertEquals((await status(homeless)).exitCode, 1);
  const unreadable = new TestWorld();
  unreadable.fakeStatePaths.files.readFailure = new Error("Permission denied (os error 13)");
  const { exitCode, stderr } = await status(unreadable);
  assertEquals(exitCode, 1);
  assertEquals(
    stderr,
    "natpmp: error: Cannot read the state file /state/natpmp/leases.json: Permission denied (os error 13)\n",
  );
});
