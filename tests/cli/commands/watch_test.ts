import { assert, assertEquals, assertMatch } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../../lib/errors.ts";
import { FakeMachine } from "../../support/fake_machine.ts";
import { faultyFor, TestWorld, worldWith } from "../../support/test_world.ts";

/** The NDJSON that a command line printed. */
async function eventsOf(world: TestWorld, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { exitCode, stdout, stderr } = await world.run("watch", "--json", ...args);
  assertEquals([exitCode, stderr], [0, ""]);
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

const namesOf = (events: readonly Record<string, unknown>[]) => events.map(({ event }) => event);

/** Watches, with a hook and a port file, until the time is up. */
const HOLD = ["8080:80", "--exec", "hook", "--port-file", "/run/port"] as const;

Deno.test("watch without specs prints the address, then every change of it, in lines that begin with the time", async () => {
  const world = worldWith(
    600_000,
    ({ gateway, clock }) => gateway.setExternalAddress("203.0.113.8", clock.now()),
  );
  const { exitCode, stdout, stderr } = await world.run("watch", "--for", "20m");
  assertEquals([exitCode, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) assertMatch(line, /^2026-01-01T00:[0-9]{2}:[0-9]{2}Z /);
  assertEquals(lines.map((line) => line.slice(21)).filter((line) => !line.startsWith("announcement")), [
    "started",
    "address 203.0.113.7",
    "address 203.0.113.8 (was 203.0.113.7)",
    "stopped",
  ]);
  assertEquals(world.mappings, []);
});

Deno.test("watch prints no time under systemd's journal, which has its own", async () => {
  const world = new TestWorld();
  world.fakeMachine.isJournaled = true;
  const { stdout } = await world.run("watch", "--for", "1m");
  assertEquals(stdout, "started\naddress 203.0.113.7\nstopped\n");
});

Deno.test("watch holds a lease, renews it, and deletes it when it stops", async () => {
  const world = new TestWorld();
  const events = await eventsOf(world, "8080:80", "--for", "100m");
  assertEquals(namesOf(events), ["started", "address", "mapped", "renewed", "unmapped", "stopped"]);
  assertEquals(world.mappings, []);
  assertEquals(world.deletions.length, 1);
});

Deno.test("watch --json has the fields of map's mappings, the event and the time", async () => {
  const [started, , mapped] = await eventsOf(new TestWorld(), "8080:80", "--for", "1m");
  assertEquals(started, { event: "started", time: "2026-01-01T00:00:00Z" });
  assertEquals(mapped, {
    event: "mapped",
    time: "2026-01-01T00:00:00Z",
    gateway: "10.0.0.1",
    protocol: "tcp",
    internalPort: 80,
    via: "nat-pmp",
    requestedExternalPort: 8080,
    externalPort: 8080,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 7200,
    expiresAt: "2026-01-01T02:00:00Z",
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 0,
    externalAddress: "203.0.113.7",
  });
});

Deno.test("watch --keep leaves the mappings and the port file", async () => {
  const world = new TestWorld();
  const events = await eventsOf(world, ...HOLD, "--keep", "--for", "1m");
  assertEquals(namesOf(events), ["started", "address", "mapped", "stopped"]);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  assertEquals(world.fakeMachine.files.get("/run/port"), "8080\n");
});

Deno.test("watch --quiet prints changes and errors, and neither start, renewals nor end", async () => {
  const { stdout } = await new TestWorld().run("watch", "8080:80", "-q", "--for", "100m");
  assertEquals(stdout.trimEnd().split("\n").map((line) => line.split(" ")[1]), [
    "address",
    "mapped",
    "unmapped",
  ]);
});

Deno.test("watch runs the hook on mapped, changed and unmapped, not on renewals", async () => {
  const world = new TestWorld({ faults: { rotatePortEvery: 2 } });
  await world.run("watch", ...HOLD, "-l", "60", "--for", "80s");
  const { hookEvents, hooks } = world.fakeMachine;
  assertEquals(hookEvents, ["mapped", "changed", "unmapped"]);
  assertEquals(hooks[0]?.command, "hook");
  const changed = hooks[1]!.environment;
  assertEquals(changed.NATPMP_PREVIOUS_EXTERNAL_PORT, "8080");
  assert(changed.NATPMP_EXTERNAL_PORT !== "8080");
  assertEquals(hooks[2]?.environment.NATPMP_PREVIOUS_EXTERNAL_PORT, changed.NATPMP_EXTERNAL_PORT);
  assertEquals(hooks[2]?.environment.NATPMP_EXTERNAL_PORT, undefined);
});

Deno.test("watch without specs runs the hook on address", async () => {
  const world = worldWith(
    60_000,
    ({ gateway, clock }) => gateway.setExternalAddress("203.0.113.8", clock.now()),
  );
  await world.run("watch", "--exec", "hook", "--for", "20m");
  const { hooks } = world.fakeMachine;
  assertEquals(hooks.map(({ environment }) => environment.NATPMP_EVENT), ["address", "address"]);
  assertEquals(hooks[1]?.environment.NATPMP_PREVIOUS_EXTERNAL_ADDRESS, "203.0.113.7");
});

Deno.test("watch with specs runs no hook on address", async () => {
  const world = new TestWorld();
  await world.run("watch", ...HOLD, "--for", "1m");
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "unmapped"]);
});

Deno.test("watch ends a round in the order: mappings, address, port file, event line, hook", async () => {
  const world = new TestWorld();
  const order: string[] = [];
  const { fakeMachine } = world;
  const write = FakeMachine.prototype.replace;
  fakeMachine.replace = (path, text) => {
    order.push(`file, ${world.requests.map(({ kind }) => kind).join()}`);
    return write.call(fakeMachine, path, text);
  };
  fakeMachine.onHook = () =>
    order.push(`hook, ${world.stdout.text.includes(" mapped ") ? "line" : "no line"}`);
  const lines = world.stdout.until(" mapped ").then(() =>
    order.push(`line, ${fakeMachine.files.get("/run/port")}`)
  );
  await world.run("watch", ...HOLD, "--for", "1m");
  await lines;
  assertEquals(order.slice(0, 1), ["file, map,address"]);
  assert(order.includes("hook, line"));
  assert(order.includes("line, 8080\n"));
});

Deno.test("watch holds the distinct ports in the port file, in the order of the specs, and removes it at the end", async () => {
  const world = new TestWorld();
  world.fakeMachine.files.set("/run/port", "4711\n");
  await world.run("watch", "9000:90/both", "8080:80", "--port-file", "/run/port", "--for", "1m");
  const history = world.fakeMachine.fileHistory;
  assertEquals(history.slice(0, 2), [undefined, "9000\n8080\n"]);
  assertEquals(history.at(-1), undefined);
  assertEquals(world.fakeMachine.files.size, 0);
  assertEquals(history.filter((text) => text === ""), []);
});

for (const [what, text] of [["deleted", undefined], ["overwritten", "4711\n"]] as const) {
  Deno.test(`watch restores a port file that somebody has ${what} at the next renewal`, async () => {
    const world = worldWith(10_000, ({ fakeMachine: { files } }) => {
      if (text === undefined) files.delete("/run/port");
      else files.set("/run/port", text);
    });
    await world.run("watch", ...HOLD, "9000:90", "-l", "60", "--for", "100s", "--keep");
    assertEquals(world.fakeMachine.files.get("/run/port"), "8080\n9000\n");
    assertEquals(world.fakeMachine.fileHistory.slice(-2), ["8080\n9000\n", "8080\n9000\n"]);
  });
}

Deno.test("watch looks at a port file once for all that a round renews", async () => {
  const specs = Array.from({ length: 50 }, (_, i) => `${1000 + i}:${1000 + i}`);
  let reads = 0;
  const world = worldWith(1_800_000, () => void (reads = 0));
  const { read } = FakeMachine.prototype;
  world.fakeMachine.read = (path, maxBytes) => {
    if (path === "/run/port") reads++;
    return read.call(world.fakeMachine, path, maxBytes);
  };
  await world.run("watch", ...specs, "--port-file", "/run/port", "--for", "100m", "--keep");
  assertEquals(reads, 1);
});

Deno.test("watch removes the port file when the lease has expired, and runs the hook", async () => {
  const world = worldWith(90_000, ({ gateway, clock }) => gateway.setFaults({ silent: true }, clock.now()));
  const events = await eventsOf(world, ...HOLD, "-l", "60", "--for", "5m");
  const names = namesOf(events);
  assertEquals(names.filter((name) => name === "expired").length, 1);
  assertEquals(names.includes("gateway-silent"), true);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "expired"]);
  assertEquals(world.fakeMachine.fileHistory, [undefined, "8080\n", undefined]);
});

Deno.test("watch reports a hook that failed, and runs it again at the renewals until it succeeds", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = (_, number) => ({ code: number < 3 ? 1 : 0 });
  const events = await eventsOf(world, ...HOLD, "-l", "60", "--for", "150s", "--keep");
  const failures = events.filter(({ event }) => event === "hook-failed");
  assertEquals(failures.length, 1);
  assertEquals([failures[0]?.protocol, failures[0]?.internalPort], ["tcp", 80]);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "mapped", "mapped"]);
});

Deno.test("watch renews in time while a hook hangs, which is killed after 30 s", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => undefined;
  const events = await eventsOf(world, ...HOLD, "-l", "10", "--for", "60s", "--keep");
  assertEquals(namesOf(events).includes("expired"), false);
  assert(namesOf(events).filter((name) => name === "renewed").length >= 10);
  assertEquals(world.fakeMachine.hooks[0]?.isKilled, true);
});

Deno.test("watch at a gateway that moves a one-second lease each time has one hook wait, which tells the port of now", async () => {
  const world = new TestWorld({ gateway: { maxLifetimeSeconds: 1 }, faults: { rotatePortEvery: 1 } });
  const { fakeMachine } = world;
  fakeMachine.hookEnd = () => undefined;
  const stale: unknown[] = [];
  fakeMachine.onHook = ({ environment }) => {
    const now = fakeMachine.files.get("/run/port")?.trim();
    if (environment.NATPMP_EXTERNAL_PORT !== now) stale.push([environment, now]);
  };
  const events = await eventsOf(world, ...HOLD, "--for", "5m", "--keep");
  assert(namesOf(events).filter((name) => name === "changed").length > 300);
  assertEquals([fakeMachine.hooks.length, stale], [11, []]);
  const ports = fakeMachine.hooks.map(({ environment }) => environment);
  for (const [i, { NATPMP_EXTERNAL_PORT, NATPMP_PREVIOUS_EXTERNAL_PORT }] of ports.slice(1).entries()) {
    // Without a port before, it is back on the one that the hook was told last.
    assertEquals(NATPMP_PREVIOUS_EXTERNAL_PORT ?? NATPMP_EXTERNAL_PORT, ports[i]?.NATPMP_EXTERNAL_PORT);
  }
});

Deno.test("watch goes on when the port file cannot be written, and says so once", async () => {
  const world = new TestWorld({ faults: { rotatePortEvery: 2 } });
  world.fakeMachine.replace = () => Promise.reject(new Error("No space left on device"));
  const events = await eventsOf(world, ...HOLD, "-l", "60", "--for", "10m");
  const errors = events.filter(({ event }) => event === "error");
  assertEquals(errors.length, 1);
  assertMatch(JSON.stringify(errors[0]?.error), /No space left/);
});

Deno.test("watch ends with 1, before anything is sent, when the port file can never be written", async () => {
  const world = new TestWorld();
  world.fakeMachine.fileFailure = "Permission denied";
  const { exitCode, stderr } = await world.run("watch", ...HOLD);
  assertEquals(exitCode, 1);
  assertMatch(stderr, /^natpmp: error: Cannot write the port file \/run\/port: Permission denied\n$/);
  assertEquals(world.requests, []);
});

Deno.test("watch ends with 1, before anything is sent, when another file stands in the port file's place", async () => {
  const world = new TestWorld();
  world.fakeMachine.files.set("/run/port", "somebody's notes\n");
  const { exitCode, stderr } = await world.run("watch", ...HOLD);
  assertEquals([exitCode, world.requests], [1, []]);
  assertMatch(
    stderr,
    /^natpmp: error: Cannot write the port file \/run\/port: \/run\/port is not a port file\. /,
  );
  assertEquals(world.fakeMachine.files.get("/run/port"), "somebody's notes\n");
});

Deno.test("watch waits for the directory of its port file, reports that once, and writes within 10 s of its coming", async () => {
  let isThere = false;
  let writtenAtMs: number | undefined;
  const world = worldWith(25 * 60_000, () => isThere = true);
  const { fakeMachine, clock } = world;
  const missing = () =>
    Promise.reject(new Deno.errors.NotFound("No such file or directory (os error 2): open 'x'"));
  const { replace, clear } = FakeMachine.prototype;
  fakeMachine.clear = (path) => isThere ? clear.call(fakeMachine, path) : missing();
  fakeMachine.replace = (path, text) => {
    if (!isThere) return missing();
    writtenAtMs ??= clock.now();
    return replace.call(fakeMachine, path, text);
  };
  const events = await eventsOf(world, ...HOLD, "--for", "30m");
  assertEquals(namesOf(events), ["started", "error", "address", "mapped", "unmapped", "stopped"]);
  assertMatch(JSON.stringify(events[1]), /Cannot write the port file \/run\/port: No such file or directory/);
  assert(writtenAtMs! <= 25 * 60_000 + 10_000, `${writtenAtMs}`);
  assertEquals(fakeMachine.fileHistory, ["8080\n", undefined]);
});

Deno.test("watch does not give up without a gateway: one error, and it asks on", async () => {
  const world = new TestWorld({ noGateway: new NoGatewayError("No default route") });
  const events = await eventsOf(world, "8080:80", "--for", "10m");
  assertEquals(namesOf(events), ["started", "error", "stopped"]);
});

Deno.test("watch ends with 2 when the interface is unknown at the start", async () => {
  const world = new TestWorld({
    noGateway: new UnknownInterfaceError("This host has no interface eth9", "eth9", ["eth0"]),
  });
  const { exitCode, stderr } = await world.run("watch", "80", "-i", "eth9");
  assertEquals(exitCode, 2);
  assertMatch(stderr, /no interface eth9/);
});

Deno.test("watch reports a refusal once for each cause, on stderr, and asks on", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("tcp", { resultCode: 4 }) });
  const { exitCode, stdout, stderr } = await world.run("watch", "8080:80", "--for", "10m");
  assertEquals(exitCode, 0);
  assertEquals(stderr.trimEnd().split("\n").length, 1);
  assertMatch(stderr, /^2026-01-01T00:00:00Z natpmp: error: tcp 80: /);
  assertEquals(stdout.includes("mapped"), false);
  assert(world.requests.length > 5);
});

Deno.test("watch warns of double NAT with each new address", async () => {
  const { stderr } = await new TestWorld({ gateway: { externalAddress: "100.64.1.2" } })
    .run("watch", "--for", "1m");
  assertMatch(stderr, /^2026-01-01T00:00:00Z natpmp: warning: .*double NAT.*\n$/);
});

Deno.test("watch says once that announcements are not heard, and polls instead", async () => {
  const world = new TestWorld({ hasNoSocket: false });
  const network = await world.network();
  const { SocketError } = await import("../../../lib/errors.ts");
  world.network = () =>
    Promise.resolve({
      ...network,
      openAnnouncementSocket: () =>
        Promise.reject(new SocketError("Cannot open a UDP socket on 224.0.0.1:5350")),
    });
  const { stderr } = await world.run("watch", "8080:80", "--for", "30m", "-l", "1d");
  assertEquals(stderr.trimEnd().split("\n").length, 1);
  assertMatch(stderr, /natpmp: warning: Cannot open .*announcements/);
  assert(world.requests.filter(({ kind }) => kind === "address").length >= 6);
  const { stdout } = await world.run("watch", "--json", "--for", "1s");
  const started = stdout.split("\n").find((line) => line.startsWith("{"));
  assertMatch(JSON.parse(started!).warnings[0], /^Cannot open .*announcements/);
});

Deno.test("watch hears a reboot announced, and makes its mappings again", async () => {
  const world = worldWith(60_000, ({ gateway, clock }) => gateway.reboot(clock.now()));
  const events = await eventsOf(world, "8080:80", "--for", "90s", "--keep");
  assert(namesOf(events).includes("announcement"));
  assertEquals(namesOf(events).filter((name) => name === "state-lost").length, 1);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

/** Another gateway in the place of the one that there is: it has none of the mappings, and its epoch is plausible. */
function swapGateway({ gateway, clock }: TestWorld): void {
  gateway.forget();
  gateway.setExternalAddress("198.51.100.5", clock.now());
}

const lossesOf = (world: TestWorld) =>
  world.fakeStatePaths.state.gateways[0]?.entries.map(({ isLost = false }) => isLost);

Deno.test("watch maps again within 6 s at a gateway with another address, and then runs the hook with both addresses", async () => {
  const world = worldWith(60_000, swapGateway);
  const events = await eventsOf(world, ...HOLD, "--for", "66s", "--keep");
  const names = namesOf(events).filter((name) => name !== "announcement");
  assertEquals(names, ["started", "address", "mapped", "address", "changed", "stopped"]);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "changed"]);
  const { NATPMP_EXTERNAL_ADDRESS, NATPMP_PREVIOUS_EXTERNAL_ADDRESS } =
    world.fakeMachine.hooks[1]!.environment;
  assertEquals([NATPMP_EXTERNAL_ADDRESS, NATPMP_PREVIOUS_EXTERNAL_ADDRESS], ["198.51.100.5", "203.0.113.7"]);
  assertEquals(lossesOf(world), [false]);
});

Deno.test("watch leaves in the state that a lease is lost which a gateway with another address refused", async () => {
  const world = worldWith(60_000, (world) => {
    swapGateway(world);
    world.gateway.setFaults({ full: true }, world.clock.now());
  });
  await eventsOf(world, ...HOLD, "--for", "2m", "--keep");
  assertEquals(lossesOf(world), [true]);
});

Deno.test("watch that finds another address than an earlier process did takes what it was granted for held", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--quiet");
  swapGateway(world);
  await world.run("watch", ...HOLD, "--for", "2m", "--keep");
  assertEquals(lossesOf(world), [false]);
});

Deno.test("watch is not late with the hook at a gateway that never tells its address, and says once why that is missing", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("address", { silent: true }) });
  const hookTimesMs: number[] = [];
  world.fakeMachine.onHook = () => void hookTimesMs.push(world.clock.now());
  const { exitCode, stdout, stderr } = await world.run("watch", ...HOLD, "--for", "10h", "--keep");
  assertEquals(exitCode, 0);
  assertEquals([hookTimesMs.length, hookTimesMs[0]! <= 2000], [1, true]);
  assertMatch(stderr, /^\S+ natpmp: error: The external address is unknown: 10\.0\.0\.1 [^\n]*\n$/);
  assertEquals(stdout.includes("gateway-silent"), false);
});

Deno.test("watch tells systemd that it is ready, what it holds, and that it stops", async () => {
  const world = new TestWorld();
  world.fakeMachine.environment = { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "60000000" };
  await world.run("watch", "8080:80", "--for", "70s");
  const { notifications } = world.fakeMachine;
  assertEquals(notifications.filter((text) => text === "READY=1").length, 1);
  assertEquals(notifications.includes("STATUS=tcp 203.0.113.7:8080 -> 80, 7200 s"), true);
  assertEquals(notifications.filter((text) => text === "WATCHDOG=1").length, 3);
  assertEquals(notifications.includes("STOPPING=1"), true);
});

Deno.test("watch tells systemd that it is ready only after something is held", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  world.fakeMachine.environment = { NOTIFY_SOCKET: "/run/notify" };
  await world.run("watch", "8080:80", "--for", "5m");
  assertEquals(world.fakeMachine.notifications.includes("READY=1"), false);
});

Deno.test("watch on a terminal shows a live table instead of lines", async () => {
  const world = new TestWorld({ isTerminal: true });
  await world.run("watch", "8080:80", "--for", "10s", "--keep");
  const last = world.stdout.text.split("\x1b[J").at(-1)!;
  const lines = last.trimEnd().split("\n");
  assertEquals(lines.slice(0, 5), [
    "Router            10.0.0.1, up 20:42:55",
    "External address  203.0.113.7",
    "",
    "MAPPING  EXTERNAL PORT  TIME LEFT  NEXT RENEWAL  VIA",
    lines[4]!,
  ]);
  assertMatch(lines[4]!, /^tcp 80 +8080 +1:59:50 +1:03:[0-9]{2} +nat-pmp$/);
  assertEquals(lines.at(-1), "2026-01-01T00:00:10Z stopped");
  assert(world.stdout.text.split("\x1b[J").length >= 10);
  assertEquals(world.stderr.text, "");
});

Deno.test("watch on a terminal shows what a hook prints below the live table, which it does not disturb", async () => {
  const world = new TestWorld({ isTerminal: true });
  world.fakeMachine.onHook = ({ print }) => {
    for (let line = 1; line <= 1000; line++) print?.(`\x1b[2Jline ${line}`);
  };
  await world.run("watch", "8080:80", "--exec", "hook", "--for", "10s", "--keep");
  assertEquals(world.fakeMachine.hooks[0]?.print !== undefined, true);
  const lines = world.stdout.text.split("\x1b[J").at(-1)!.trimEnd().split("\n");
  assertMatch(lines[0]!, /^Router +10\.0\.0\.1/);
  assertEquals(lines.at(-1), "2026-01-01T00:00:10Z stopped");
  assertMatch(lines.at(-2)!, /^hook: .*line 1000$/);
  assertEquals(world.stdout.text.includes("\x1b[2J"), false);
  // A thousand lines are not a thousand drawings.
  assertEquals(world.stdout.text.split("\x1b[J").length < 30, true);
});

Deno.test("watch that shows no table leaves what a hook prints to stderr", async () => {
  const world = new TestWorld();
  await world.run("watch", ...HOLD, "--for", "10s");
  assertEquals(world.fakeMachine.hooks.map(({ print }) => print), [undefined, undefined]);
});

for (const option of ["--quiet", "--verbose", "--json"]) {
  Deno.test(`watch ${option} on a terminal prints lines, no table`, async () => {
    const world = new TestWorld({ isTerminal: true });
    await world.run("watch", "8080:80", "--for", "10s", option);
    assertEquals(world.stdout.text.includes("\x1b"), false);
  });
}

Deno.test("SIGUSR2 makes watch renew at once and print the table; with --json on stderr", async () => {
  for (const json of [false, true]) {
    const world = worldWith(60_000, ({ fakeMachine }) => fakeMachine.requestRenewal());
    const { stdout, stderr } = await world.run("watch", "8080:80", "--for", "2m", ...json ? ["--json"] : []);
    assertMatch(
      json ? stderr : stdout,
      /MAPPING +EXTERNAL PORT +TIME LEFT +NEXT RENEWAL +VIA\ntcp 80 +8080 /,
    );
    assertEquals(world.requests.filter((request) => request.kind === "map").length, 3);
    if (json) { for (const line of stdout.trimEnd().split("\n")) JSON.parse(line); }
  }
});

Deno.test("watch takes --timeout up to 60 s a try", async () => {
  assertEquals((await new TestWorld().run("watch", "80", "-t", "61")).exitCode, 2);
  assertEquals((await new TestWorld().run("watch", "80", "-t", "60", "--for", "1s")).exitCode, 0);
});

Deno.test("watch holds ProtonVPN's mapping: a cap of 60 s, internal port 0, another port on the 20th renewal", async () => {
  const world = new TestWorld({
    gateway: { maxLifetimeSeconds: 60 },
    faults: { allowPortZero: true, rotatePortEvery: 20 },
  });
  const events = await eventsOf(
    world,
    ...["1:0/both", "-l", "60", "-g", "10.0.0.1", "--allow-port-zero"],
    ...["--exec", "hook", "--port-file", "/run/port", "--for", "1h"],
  );
  const names = namesOf(events);
  assertEquals(names.filter((name) => name === "mapped").length, 2);
  assertEquals(names.some((name) => name === "expired" || name === "error"), false);
  const changes = events.filter(({ event }) => event === "changed");
  assert(changes.length >= 6);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "mapped", ...changes.map(() => "changed")]);
  const { fileHistory } = world.fakeMachine;
  assertEquals([fileHistory[0], fileHistory.at(-1)], [undefined, undefined]);
  for (const text of fileHistory.slice(1, -1)) assertMatch(text ?? "", /^([1-9][0-9]{3,4}\n){1,2}$/);
  assertEquals(world.deletions, []);
});

Deno.test("watch follows the default route to another gateway, and maps there", async () => {
  const world = new TestWorld();
  const find = world.findGateway.bind(world);
  world.memory.attach(world.gateway, "10.0.1.1");
  world.findGateway = async () => ({
    ...await find(),
    ...(world.clock.now() < 60_000 ? {} : { gateway: "10.0.1.1" }),
  });
  const events = await eventsOf(world, "8080:80", "--port-file", "/run/port", "--for", "3m", "--keep");
  const moved = events.filter(({ event }) => event === "gateway-changed");
  assertEquals(moved.map(({ gateway, previousGateway }) => [gateway, previousGateway]), [[
    "10.0.1.1",
    "10.0.0.1",
  ]]);
  assertEquals(events.findLast(({ event }) => event === "mapped")?.gateway, "10.0.1.1");
  assertEquals(world.fakeMachine.files.get("/run/port"), "8080\n");
});

Deno.test("watch --verbose says each gateway once, and shows announcements on stderr", async () => {
  const world = worldWith(60_000, ({ gateway, clock }) => gateway.reboot(clock.now()));
  const { stderr } = await world.run("watch", "8080:80", "--for", "3m", "--verbose");
  assertEquals(stderr.match(/^Router 10\.0\.0\.1: /gm)?.length, 1);
  assertMatch(stderr, /^<- 10\.0\.0\.1:[0-9]+ announcement \(12 bytes\)$/m);
});
