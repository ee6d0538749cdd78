import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatState, parseState } from "../../../lib/state/format.ts";
import type { State, WatchClaim } from "../../../lib/state/records.ts";
import { TestWorld, worldWith } from "../../support/test_world.ts";

/** Each lease in a few words. */
function leasesIn({ gateways }: State): string[] {
  return gateways.flatMap(({ gateway, entries }) =>
    entries.map(({ protocol, lease, internalPort }) =>
      `${gateway} ${protocol} ${lease?.externalPort}:${internalPort}`
    )
  );
}

function setWatches(world: TestWorld, watches: readonly WatchClaim[]): void {
  const { files, path, state } = world.fakeStatePaths;
  const gateways = state.gateways.map((record) => ({ ...record, watches }));
  files.texts.set(path, formatState({ ...state, gateways }));
}

const OTHER = {
  lock: "/state/natpmp/leases.json.keeper-00000000-0000-4000-8000-000000000001.lock",
  mappings: [{ protocol: "tcp", internalPort: 80 }],
} as const;

Deno.test("watch shares its leases with the state while it runs, claims them, and leaves nothing", async () => {
  let during: State | undefined;
  let locked: string[] = [];
  const world = worldWith(60_000, ({ fakeStatePaths }) => {
    during = fakeStatePaths.state;
    locked = [...fakeStatePaths.files.locks.keys()];
  });
  await world.run("watch", "8080:80/both", "--for", "2m");
  assertEquals(leasesIn(during!), ["10.0.0.1 tcp 8080:80", "10.0.0.1 udp 8080:80"]);
  const [claim] = during!.gateways[0]!.watches;
  assertEquals(claim?.mappings, [{ protocol: "tcp", internalPort: 80 }, {
    protocol: "udp",
    internalPort: 80,
  }]);
  assertEquals(locked, [claim?.lock]);
  const { state, files } = world.fakeStatePaths;
  assertEquals([leasesIn(state), state.gateways.map(({ watches }) => watches), [...files.locks]], [
    [],
    [[]],
    [],
  ]);
});

Deno.test("watch --keep leaves its leases in the state, claimed by nobody", async () => {
  const world = new TestWorld();
  await world.run("watch", "8080:80", "--keep", "--for", "1m");
  const { state } = world.fakeStatePaths;
  assertEquals([leasesIn(state), state.gateways[0]?.watches], [["10.0.0.1 tcp 8080:80"], []]);
});

Deno.test("watch notes each renewal, so that the state has the age of its leases", async () => {
  let grantedAtMs = 0;
  const world = worldWith(90 * 60_000, ({ fakeStatePaths: { state } }) => {
    grantedAtMs = state.gateways[0]!.entries[0]!.lease!.granted.wallMs;
  });
  await world.run("watch", "8080:80", "--for", "100m");
  assertEquals(grantedAtMs > Date.UTC(2026, 0, 1, 1), true);
});

Deno.test("watch writes what a round brings once, however much it is", async () => {
  let texts: readonly string[] = [];
  const world = worldWith(30 * 60_000, ({ fakeStatePaths: { files } }) => texts = [...files.written]);
  const specs = Array.from({ length: 20 }, (_, i) => `${8000 + i}:${80 + i}`);
  await world.run("watch", ...specs, "--for", "31m");
  const written = texts.map((text) => leasesIn(parseState(text)).length);
  // Its claim, then all of its leases.
  assertEquals(written, [0, 20]);
});

Deno.test("watch writes the leases of a round that could not be written when the next one has come", async () => {
  let during: State | undefined;
  const world = worldWith(99 * 60_000, ({ fakeStatePaths }) => during = fakeStatePaths.state);
  const { files } = world.fakeStatePaths;
  files.writeFailure = new Error("No space left on device (os error 28)");
  world.clock.sleep(30 * 60_000).then(() => files.writeFailure = undefined);
  await world.run("watch", "8080:80", "8081:81", "--for", "100m");
  assertEquals(leasesIn(during!).length, 2);
});

Deno.test("watch --no-state remembers nothing and claims nothing", async () => {
  const world = new TestWorld();
  await world.run("watch", "8080:80", "--no-state", "--keep", "--for", "1m");
  assertEquals(world.fakeStatePaths.files.texts.size, 0);
});

Deno.test("watch stops with 1 before anything is sent where another process keeps one of its mappings", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  setWatches(world, [OTHER]);
  world.fakeStatePaths.files.locks.set(OTHER.lock, "natpmp watch, process 9");
  const count = world.requests.length;
  const { exitCode, stderr } = await world.run("watch", "9000:90", "8080:80", "--for", "1m");
  assertEquals([exitCode, world.requests.length], [1, count]);
  assertEquals(
    stderr,
    "natpmp: error: Another process (natpmp watch, process 9) already keeps tcp 80. " +
      "Stop that process first, or leave the mapping to it\n",
  );
});

Deno.test("watch --json reports another watch as busy", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--quiet");
  setWatches(world, [OTHER]);
  world.fakeStatePaths.files.locks.set(OTHER.lock, "natpmp watch, process 9");
  const before = world.stdout.text.length;
  await world.run("watch", "8080:80", "--json", "--for", "1m");
  assertEquals(JSON.parse(world.stdout.text.slice(before)).error.kind, "busy");
});

Deno.test("watch takes over from a watch that was killed, and tidies up after it", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  setWatches(world, [OTHER]);
  world.fakeStatePaths.files.texts.set(OTHER.lock, "");
  let watches: readonly WatchClaim[] = [];
  world.clock.sleep(30_000).then(() => watches = world.fakeStatePaths.state.gateways[0]!.watches);
  const { exitCode } = await world.run("watch", "8080:80", "--for", "1m");
  assertEquals([exitCode, watches.length, watches[0]?.lock === OTHER.lock], [0, 1, false]);
  assertEquals(world.fakeStatePaths.files.texts.has(OTHER.lock), false);
});

Deno.test("watch beside one that keeps other mappings is not a conflict", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  setWatches(world, [OTHER]);
  world.fakeStatePaths.files.locks.set(OTHER.lock, "natpmp watch, process 9");
  assertEquals((await world.run("watch", "9000:90", "80/udp", "--for", "1m")).exitCode, 0);
  assertEquals(world.fakeStatePaths.state.gateways[0]?.watches, [OTHER]);
});

Deno.test("watch stops with 1 where another watch keeps one of its mappings at the gateway that it moves to", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  setWatches(world, [OTHER]);
  world.fakeStatePaths.files.locks.set(OTHER.lock, "natpmp watch, process 9");
  const { files, path } = world.fakeStatePaths;
  // At first it is somewhere else.
  let gateway = "10.0.0.9";
  world.findGateway = () =>
    Promise.resolve({
      gateway,
      localAddress: "10.0.0.2",
      interfaceName: "eth0",
      reason: "default route through eth0",
      guessed: false,
      overrulesTable: false,
      isSecondChoice: false,
      candidates: [],
    });
  world.clock.sleep(60_000).then(() => gateway = "10.0.0.1");
  const { exitCode, stderr } = await world.run("watch", "8080:80", "--for", "10m");
  assertEquals(exitCode, 1);
  assertStringIncludes(stderr, "Another process (natpmp watch, process 9) already keeps tcp 80");
  assertEquals(world.clock.now() < 120_000, true);
  assertEquals(files.texts.has(path), true);
});

Deno.test("watch asks for the port again that an earlier process was given, where the gateway chooses", async () => {
  const world = new TestWorld();
  await world.run("watch", "any:80", "--keep", "--for", "1m");
  const [entry] = world.fakeStatePaths.state.gateways[0]!.entries;
  const count = world.requests.length;
  await world.run("watch", "any:80", "--for", "1m");
  const asked = world.requests.slice(count).find(({ kind }) => kind === "map");
  assertEquals(asked?.kind === "map" && asked.externalPort, entry!.lease!.externalPort);
});

Deno.test("watch reports at once that the gateway lost its state since an earlier process", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  await world.clock.advance(60_000);
  world.gateway.reboot(world.clock.now());
  const { stdout } = await world.run("watch", "9000:90", "--for", "1m");
  assertMatch(stdout, /state-lost/);
  assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.map(({ isLost }) => isLost), [true]);
});

Deno.test("watch does not delete a mapping that was held before, when it cannot have the port", async () => {
  const world = new TestWorld({
    gateway: {
      staticMappings: [{ address: "10.0.0.3", protocol: "tcp", internalPort: 1, externalPort: 8080 }],
    },
  });
  await world.run("map", "8080:80");
  await world.run("watch", "8080:80", "--exact", "--keep", "--for", "1m");
  assertEquals(world.deletions, []);
});

Deno.test("watch goes on without a state that cannot be written, and warns once", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.files.writeFailure = new Error("No space left on device (os error 28)");
  const { exitCode, stdout, stderr } = await world.run("watch", "8080:80", "--for", "100m");
  assertEquals(exitCode, 0);
  assertMatch(stdout, /mapped tcp 203.0.113.7:8080/);
  assertEquals(stderr.match(/No space left/g)?.length, 1);
  const json = new TestWorld();
  json.fakeStatePaths.files.writeFailure = new Error("No space left on device (os error 28)");
  const { stdout: lines } = await json.run("watch", "8080:80", "--json", "--for", "1m");
  assertMatch(lines, /"event":"started".*"warnings":\[".*No space left/);
});

Deno.test("watch writes the state no more often than every five seconds", async () => {
  const world = new TestWorld({ gateway: { maxLifetimeSeconds: 8 } });
  await world.run("watch", "8080:80", "81:81", "82:82", "--for", "1m");
  const { written } = world.fakeStatePaths.files;
  // One at the claim, at most one in five seconds, one at the end.
  assertEquals(written.length <= 1 + 60 / 5 + 1 && written.length > 5, true, String(written.length));
});

Deno.test("watch ends within 3 s although another process has the state file locked", async () => {
  const world = new TestWorld();
  world.clock.sleep(30_000).then(() =>
    world.fakeStatePaths.files.locks.set("/state/natpmp/leases.json.lock", "x")
  );
  const { exitCode } = await world.run("watch", "8080:80", "--for", "1m");
  assertEquals([exitCode, world.mappings], [0, []]);
  assertEquals(world.clock.now() <= 63_000, true, String(world.clock.now()));
});
