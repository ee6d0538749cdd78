import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NatPmpClient } from "../../../lib/natpmp/client.ts";
import type { Faults } from "../../../lib/simulator/mod.ts";
import { faultyFor, GATEWAY, OTHER_HOST, socketsOf, TestWorld } from "../../support/test_world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Runs the command line of cron, and gives what cron would mail. */
async function cron(world: TestWorld, ...more: string[]): Promise<{ exitCode: number; mail: string }> {
  const before = [world.stdout.text.length, world.stderr.text.length] as const;
  const { exitCode } = await world.run("map", "8080:80", "--if-due", "--quiet", ...more);
  return { exitCode, mail: world.stdout.text.slice(before[0]) + world.stderr.text.slice(before[1]) };
}

/** The requests since a number of them, each in a word. */
function since(world: TestWorld, count: number): string[] {
  return world.requests.slice(count).map((request) =>
    request.kind === "map"
      ? `${request.protocol} ${request.externalPort}:${request.internalPort} ${request.lifetimeSeconds}`
      : request.kind
  );
}

async function reboot(world: TestWorld): Promise<void> {
  world.gateway.reboot(world.clock.now());
  await world.clock.advance(0);
}

/** Another host is quicker. */
async function takePort(world: TestWorld, externalPort: number): Promise<void> {
  const client = new NatPmpClient(GATEWAY, { openSocket: socketsOf(world, OTHER_HOST), clock: world.clock });
  await world.clock.runUntil(client.map({ protocol: "tcp", internalPort: 1, externalPort }));
}

const SILENT = { exitCode: 0, mail: "" };
const BACK = { exitCode: 0, mail: "10.0.0.1 answers again\n" };

Deno.test("map --if-due asks for the address and for what is not known yet, and tells it in one line", async () => {
  const world = new TestWorld();
  assertEquals(await cron(world), { exitCode: 0, mail: "tcp 203.0.113.7:8080 -> 80, 7200 s\n" });
  assertEquals(since(world, 0), ["address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due sends one address request and nothing else while nothing is due, and is silent", async () => {
  const world = new TestWorld();
  await cron(world);
  for (let run = 1; run < 4; run++) {
    await world.clock.advance(15 * MINUTE_MS);
    const count = world.requests.length;
    assertEquals(await cron(world), SILENT);
    assertEquals(since(world, count), ["address"], `run ${run}`);
  }
});

Deno.test("map --if-due warns once in a run of a state file that cannot be written", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.files.writeFailure = new Deno.errors.PermissionDenied(
    "Permission denied (os error 13)",
  );
  const { exitCode, mail } = await cron(world);
  assertEquals([exitCode, mail.match(/Cannot write the state file/g)?.length], [0, 1]);
  world.stderr.text = "";
  const { stderr } = await world.run("map", "8080:80");
  assertEquals(stderr.match(/Cannot write the state file/g)?.length, 1);
});

Deno.test("map --if-due renews at half of the lifetime, on the port that it has, in silence", async () => {
  const world = new TestWorld({
    gateway: {
      staticMappings: [{ address: OTHER_HOST, protocol: "tcp", internalPort: 1, externalPort: 8080 }],
    },
  });
  assertMatch((await cron(world)).mail, /:57344 -> 80, 7200 s \(asked for 8080\)\n$/);
  for (let run = 1; run < 4; run++) {
    await world.clock.advance(15 * MINUTE_MS);
    await cron(world);
  }
  await world.clock.advance(15 * MINUTE_MS);
  const count = world.requests.length;
  assertEquals(await cron(world), SILENT);
  assertEquals(since(world, count), ["address", "tcp 57344:80 7200"]);
});

Deno.test("map --if-due renews what would not survive two more runs", async () => {
  const world = new TestWorld({ gateway: { maxLifetimeSeconds: 2400 } });
  await cron(world);
  await world.clock.advance(16 * MINUTE_MS);
  const count = world.requests.length;
  // 24 minutes are left, and two runs take 32.
  assertEquals(await cron(world), SILENT);
  assertEquals(since(world, count), ["address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due: a missed run costs nothing as long as the lease lives", async () => {
  const world = new TestWorld();
  await cron(world);
  await world.clock.advance(119 * MINUTE_MS);
  assertEquals(await cron(world), SILENT);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("map --if-due maps again what ran out, and says so in one line", async () => {
  const world = new TestWorld();
  await cron(world);
  await world.clock.advance(3 * HOUR_MS);
  assertEquals(await cron(world), {
    exitCode: 0,
    mail: "tcp 203.0.113.7:8080 -> 80, 7200 s (mapped again: the lease had expired)\n",
  });
});

Deno.test("map --if-due maps again at once what a rebooted gateway forgot, after a random wait, in one line", async () => {
  const world = new TestWorld();
  await cron(world);
  await world.clock.advance(15 * MINUTE_MS);
  await reboot(world);
  const startMs = world.clock.now();
  const { exitCode, mail } = await cron(world);
  assertEquals([exitCode, mail], [
    0,
    "tcp 203.0.113.7:8080 -> 80, 7200 s (mapped again: the router had forgotten its mappings)\n",
  ]);
  // Half of the 5 s of RFC 6886 §3.7, as chance has it here.
  assertEquals(world.clock.now() - startMs, 2500);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  await world.clock.advance(15 * MINUTE_MS);
  assertEquals(await cron(world), SILENT);
});

Deno.test("map --if-due asks a rebooted gateway for the port that it had granted", async () => {
  const world = new TestWorld();
  const first = await world.run("map", "any:80", "--if-due", "--quiet");
  const [, port] = /:(\d+) -> 80/.exec(first.stdout)!;
  await reboot(world);
  const count = world.requests.length;
  await world.run("map", "any:80", "--if-due", "--quiet");
  assertEquals(since(world, count), ["address", `tcp ${port}:80 7200`]);
});

Deno.test("map --if-due tells a changed port, and runs the hook for it and for nothing else", async () => {
  const world = new TestWorld();
  await cron(world, "--exec", "hook", "--port-file", "/run/port");
  assertEquals(world.fakeMachine.hookEvents, ["mapped"]);
  await world.clock.advance(15 * MINUTE_MS);
  assertEquals(await cron(world, "--exec", "hook", "--port-file", "/run/port"), SILENT);
  assertEquals(world.fakeMachine.hookEvents, ["mapped"]);
  await reboot(world);
  await takePort(world, 8080);
  const { mail } = await cron(world, "--exec", "hook", "--port-file", "/run/port");
  assertMatch(mail, /^tcp \S+ -> 80, 7200 s \(asked for 8080\) \(mapped again: .*; was 8080\)\n$/);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "mapped"]);
});

Deno.test("map --if-due runs a hook that failed again at the next run", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = (_, number) => ({ code: number === 1 ? 3 : 0 });
  const first = await cron(world, "--exec", "hook");
  assertEquals(first.exitCode, 1);
  assertStringIncludes(first.mail, "The hook for mapped tcp 80 ended with exit code 3");
  await world.clock.advance(15 * MINUTE_MS);
  assertEquals(await cron(world, "--exec", "hook"), SILENT);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "mapped"]);
  await world.clock.advance(15 * MINUTE_MS);
  await cron(world, "--exec", "hook");
  assertEquals(world.fakeMachine.hooks.length, 2);
});

Deno.test("map --if-due --quiet runs a hook in silence whose failure was reported before", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => ({ code: 3 });
  await cron(world, "--exec", "hook");
  assertEquals(await cron(world, "--exec", "hook"), { exitCode: 1, mail: "" });
  await world.run("map", "8080:80", "--if-due", "--exec", "hook");
  // What it prints is our mail too.
  assertEquals(world.fakeMachine.hooks.map(({ isSilent }) => isSilent), [false, true, false]);
});

Deno.test("map --if-due without --quiet tells a failure each time, once", async () => {
  const world = new TestWorld();
  await cron(world);
  world.gateway.setFaults({ silent: true }, world.clock.now());
  await cron(world);
  const before = world.stderr.text.length;
  const { exitCode } = await world.run("map", "8080:80", "--if-due");
  assertEquals([exitCode, world.stderr.text.slice(before).match(/did not answer/g)?.length], [4, 1]);
  // Who was there does not keep cron's next run from its silence.
  assertEquals(await cron(world), { exitCode: 4, mail: "" });
});

/** Neither PCP nor NAT-PMP. */
const VERSION_1_ERROR = Uint8Array.of(1, 0x80, 0, 1, 0, 0, 0, 0);

Deno.test("map --if-due tells the same failure once, and again when it changes; the exit code is always true", async () => {
  const world = new TestWorld();
  await cron(world);
  world.gateway.setFaults({ silent: true }, world.clock.now());
  const first = await cron(world);
  assertEquals(first.exitCode, 4);
  assertStringIncludes(first.mail, "did not answer within 7.75 s");
  assertEquals(await cron(world, "--timeout", "1"), { exitCode: 4, mail: "" });
  world.gateway.setFaults({ answerBytes: VERSION_1_ERROR }, world.clock.now());
  const other = await cron(world);
  assertEquals([other.exitCode, other.mail.split("\n").length], [8, 2]);
  assertEquals(await cron(world), { exitCode: 8, mail: "" });
  world.gateway.setFaults({}, world.clock.now());
  assertEquals(await cron(world), BACK);
  assertEquals(await cron(world), SILENT);
  world.gateway.setFaults({ silent: true }, world.clock.now());
  assertStringIncludes((await cron(world)).mail, "did not answer");
});

Deno.test("map --if-due tells the same refusal of a mapping once", async () => {
  const world = new TestWorld({ faultsFor: (request) => request.kind === "map" ? { refuse: true } : {} });
  const first = await cron(world);
  assertEquals(first.exitCode, 5);
  assertStringIncludes(first.mail, "tcp 80: 10.0.0.1 answered: not authorized");
  assertEquals(await cron(world), { exitCode: 5, mail: "" });
});

Deno.test("map --if-due tells the same warning once", async () => {
  const world = new TestWorld({ gateway: { externalAddress: "192.168.1.2" } });
  assertStringIncludes((await cron(world)).mail, "double NAT");
  await world.clock.advance(15 * MINUTE_MS);
  assertEquals(await cron(world), SILENT);
});

Deno.test("map --if-due tells a missing gateway once", async () => {
  const { NoGatewayError } = await import("../../../lib/errors.ts");
  const world = new TestWorld({ noGateway: new NoGatewayError("Cannot find a router: no route") });
  assertEquals(await cron(world), { exitCode: 3, mail: "natpmp: error: Cannot find a router: no route\n" });
  assertEquals(await cron(world), { exitCode: 3, mail: "" });
});

Deno.test("map --if-due says once, after two runs, that watch is the right tool for short leases", async () => {
  const world = new TestWorld({ gateway: { maxLifetimeSeconds: 1800 } });
  const mails: string[] = [];
  for (let run = 0; run < 5; run++) {
    mails.push((await cron(world)).mail);
    await world.clock.advance(15 * MINUTE_MS);
  }
  assertEquals(mails.map((mail) => mail.includes("natpmp watch")), [false, false, true, false, false]);
  // Runs that are granted nothing have nothing to say of it, neither those that fail nor those that renew nothing.
  assertEquals(await cron(world), SILENT);
  assertEquals(await cron(world), SILENT);
  world.gateway.setFaults({ silent: true }, world.clock.now());
  assertEquals((await cron(world)).mail.split("\n").length, 2);
  world.gateway.setFaults({}, world.clock.now());
  assertEquals(await cron(world), BACK);
  await world.clock.advance(15 * MINUTE_MS);
  assertEquals(await cron(world), SILENT);
});

Deno.test("map --if-due yields in silence to a copy that is at work", async () => {
  const world = new TestWorld({ conditions: { latencyMs: 40 } });
  await cron(world);
  await world.clock.advance(HOUR_MS);
  const count = world.requests.length;
  const [first, second] = await Promise.all([cron(world), cron(world)]);
  assertEquals([first, second], [SILENT, SILENT]);
  assertEquals(since(world, count), ["address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due yields to a copy on the very first run too, when there is no directory for a lock yet", async () => {
  const world = new TestWorld();
  await Promise.all([cron(world), cron(world)]);
  assertEquals(since(world, 0), ["address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due names the gateway where NAT-PMP is not spoken", async () => {
  const world = new TestWorld({
    gateway: { actsAsNat: false },
    conditions: { reportsPortUnreachable: true },
  });
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 8);
  assertMatch(mail, /^natpmp: error: PCP, NAT-PMP: no program listens on UDP port 5351 of 10\.0\.0\.1 /);
});

Deno.test("map --if-due says once in a run that there is no place for the state", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = { missing: "HOME is not set" };
  const { mail } = await cron(world);
  assertEquals(mail.match(/natpmp cannot remember leases/g)?.length, 1);
  const { stdout } = await world.run("map", "8080:80", "--if-due", "--json");
  assertEquals(JSON.parse(stdout.slice(stdout.lastIndexOf('{"command"'))).warnings.length, 1);
});

Deno.test("map --if-due ends in silence with 0 when another process is at the gateway for too long", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.files.locks.set("/state/natpmp/gateway-10.0.0.1-5351.lock", "natpmp watch, process 9");
  assertEquals(await cron(world), SILENT);
  assertEquals([world.requests, world.clock.now()], [[], 7750]);
});

Deno.test("map --if-due asks another gateway, or from another address, for what it does not know", async () => {
  const world = new TestWorld();
  await cron(world);
  await world.clock.advance(15 * MINUTE_MS);
  const count = world.requests.length;
  const { files, path } = world.fakeStatePaths;
  files.texts.set(
    path,
    files.texts.get(path)!.replace('"localAddress":"10.0.0.2"', '"localAddress":"10.0.0.7"'),
  );
  await cron(world);
  assertEquals(since(world, count), ["address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due leaves alone what a running watch keeps", async () => {
  const world = new TestWorld();
  await cron(world);
  const { files, path, state } = world.fakeStatePaths;
  const { formatState } = await import("../../../lib/state/format.ts");
  const watches = [{
    lock: world.fakeStatePaths.watchLock(1),
    mappings: [{ protocol: "tcp" as const, internalPort: 80 }],
  }];
  files.texts.set(
    path,
    formatState({ ...state, gateways: state.gateways.map((record) => ({ ...record, watches })) }),
  );
  files.locks.set(world.fakeStatePaths.watchLock(1), "natpmp watch, process 9");
  await world.clock.advance(65 * MINUTE_MS);
  const count = world.requests.length;
  assertEquals(await cron(world), SILENT);
  assertEquals(since(world, count), ["address"]);
  files.locks.delete(world.fakeStatePaths.watchLock(1));
  await cron(world);
  assertEquals(since(world, count), ["address", "address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due without --quiet tells of each mapping, also of those that are left alone", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--if-due");
  await world.clock.advance(15 * MINUTE_MS);
  const before = world.stdout.text.length;
  await world.run("map", "8080:80", "--if-due");
  assertEquals(world.stdout.text.slice(before), "tcp 203.0.113.7:8080 -> 80, 6300 s left\n");
});

Deno.test("map --if-due --json marks what is left alone; with --quiet it prints only on a change or a failure", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "--if-due");
  await world.clock.advance(15 * MINUTE_MS);
  const before = world.stdout.text.length;
  assertEquals(await cron(world, "--json"), SILENT);
  await world.run("map", "8080:80", "--if-due", "--json");
  const { mappings } = JSON.parse(world.stdout.text.slice(before));
  assertEquals(mappings, [{
    protocol: "tcp",
    internalPort: 80,
    via: "nat-pmp",
    requestedExternalPort: 8080,
    externalPort: 8080,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 7200,
    expiresAt: "2026-01-01T02:00:00Z",
    kept: true,
  }]);
  await reboot(world);
  const { mail } = await cron(world, "--json");
  assertEquals(JSON.parse(mail).mappings.length, 1);
});

for (
  const [what, byMs] of [["back by a year", -365 * 24 * HOUR_MS], ["forward by a day", 24 * HOUR_MS]] as const
) {
  Deno.test(`map --if-due is not confused by a wall clock that is set ${what}`, async () => {
    const world = new TestWorld();
    await cron(world);
    world.fakeStatePaths.setWallClock(byMs);
    for (let run = 1; run < 4; run++) {
      await world.clock.advance(15 * MINUTE_MS);
      const count = world.requests.length;
      assertEquals(await cron(world), SILENT);
      assertEquals(since(world, count), ["address"], `run ${run}`);
    }
    await world.clock.advance(15 * MINUTE_MS);
    const count = world.requests.length;
    assertEquals(await cron(world), SILENT);
    assertEquals(since(world, count), ["address", "tcp 8080:80 7200"]);
  });
}

Deno.test("map --if-due renews when the machine started anew with a wall clock from before the lease", async () => {
  const world = new TestWorld();
  await cron(world);
  await world.clock.advance(15 * MINUTE_MS);
  world.fakeStatePaths.setWallClock(-365 * 24 * HOUR_MS);
  world.fakeStatePaths.boot = "second";
  const count = world.requests.length;
  await cron(world);
  assertEquals(since(world, count), ["address", "tcp 8080:80 7200"]);
});

Deno.test("map --if-due tells of a new address also when another command has heard of it first", async () => {
  const world = new TestWorld();
  await cron(world, "--exec", "hook");
  world.gateway.setExternalAddress("203.0.113.8", world.clock.now());
  await world.run("map", "9000:90", "--quiet");
  await world.run("status", "--probe", "--quiet");
  await world.clock.advance(15 * MINUTE_MS);
  const { mail } = await cron(world, "--exec", "hook");
  assertEquals(mail, "tcp 203.0.113.8:8080 -> 80, 7200 s (was 203.0.113.7:8080)\n");
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "changed"]);
  assertEquals(await cron(world, "--exec", "hook"), SILENT);
});

/** Another gateway in the place of the one that there is: it has none of the mappings, and its epoch is plausible. */
function swapGateway(world: TestWorld): void {
  world.gateway.forget();
  world.gateway.setExternalAddress("198.51.100.5", world.clock.now());
}

Deno.test("map --if-due maps everything again, after a random wait, when the gateway has another address", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "any:90", "--if-due", "--quiet", "--exec", "hook");
  await world.clock.advance(15 * MINUTE_MS);
  swapGateway(world);
  const count = world.requests.length;
  const [startMs, before] = [world.clock.now(), world.stdout.text.length];
  await world.run("map", "8080:80", "any:90", "--if-due", "--quiet", "--exec", "hook");
  assertEquals(since(world, count), ["address", "tcp 8080:80 7200", "tcp 57344:90 7200"]);
  assertEquals(world.clock.now() - startMs, 2500);
  assertEquals(world.stdout.text.slice(before).split("\n"), [
    "tcp 198.51.100.5:8080 -> 80, 7200 s (was 203.0.113.7:8080)",
    "tcp 198.51.100.5:57344 -> 90, 7200 s (was 203.0.113.7:57344)",
    "",
  ]);
  assertEquals(world.fakeMachine.hookEvents, ["mapped", "mapped", "changed", "changed"]);
  assertEquals(world.mappings.length, 2);
});

Deno.test("map --if-due tells nothing as held that a gateway with another address refuses, and asks again at the next run", async () => {
  let faults: Faults = {};
  const world = new TestWorld({ faultsFor: ({ kind }) => kind === "map" ? faults : {} });
  await cron(world, "--port-file", "/run/port");
  await world.clock.advance(15 * MINUTE_MS);
  swapGateway(world);
  faults = { full: true };
  const { exitCode, mail } = await cron(world, "--port-file", "/run/port");
  assertEquals([exitCode, mail.includes(" left"), mail.includes("198.51.100.5")], [7, false, false]);
  assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.map(({ isLost }) => isLost), [true]);
  assertEquals(world.fakeMachine.files.size, 0);
  const count = world.requests.length;
  assertEquals(await cron(world), { exitCode: 7, mail: "" });
  assertEquals(since(world, count), ["address", "tcp 8080:80 7200"]);
  faults = {};
  assertMatch(
    (await cron(world)).mail,
    /^tcp 198\.51\.100\.5:8080 -> 80, 7200 s \(was 203\.0\.113\.7:8080\)\n$/,
  );
});

Deno.test("map --if-due maps what is due at a gateway that never tells its address, and says that once", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("address", { silent: true }) });
  const first = await cron(world);
  assertEquals([first.exitCode, first.mail.split("\n").length], [0, 3]);
  assertStringIncludes(first.mail, "tcp 8080 -> 80, 7200 s\n");
  assertStringIncludes(
    first.mail,
    "The external address is unknown: 10.0.0.1:5351 did not answer within 7.75 s",
  );
  for (let run = 1; run < 20; run++) {
    await world.clock.advance(15 * MINUTE_MS);
    assertEquals(await cron(world), SILENT, `run ${run}`);
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  }
});

Deno.test("map --if-due at a gateway that never reported its address and is gone fails as long as that is so", async () => {
  let isGone = false;
  const world = new TestWorld({ faultsFor: ({ kind }) => ({ silent: isGone || kind === "address" }) });
  await cron(world);
  await world.clock.advance(70 * MINUTE_MS);
  isGone = true;
  const { exitCode, mail } = await cron(world);
  assertEquals([exitCode, mail.split("\n").length], [4, 2]);
  assertStringIncludes(mail, "natpmp: error: 10.0.0.1:5351 did not answer");
  assertEquals(await cron(world), { exitCode: 4, mail: "" });
  isGone = false;
  assertEquals(await cron(world), BACK);
});

Deno.test("map --if-due renews what is due although the gateway does not answer the address request this time", async () => {
  let isMute = false;
  const world = new TestWorld({ faultsFor: ({ kind }) => ({ silent: isMute && kind === "address" }) });
  await cron(world);
  await world.clock.advance(70 * MINUTE_MS);
  isMute = true;
  const { exitCode, mail } = await cron(world);
  assertEquals([exitCode, mail.split("\n").length], [0, 2]);
  assertMatch(mail, /^natpmp: warning: The external address is unknown/);
  assertEquals(world.mappings.length, 1);
});

Deno.test("map --if-due believes an epoch that stands still twice, says once that it ignores it, and is silent then", async () => {
  const world = new TestWorld({ faults: { clockRate: 0 } });
  const mails: string[] = [];
  for (let run = 0; run < 40; run++) {
    mails.push((await cron(world, "--exec", "hook")).mail);
    await world.clock.advance(15 * MINUTE_MS);
  }
  const reported = mails.flatMap((mail) => mail.split("\n")).filter((line) => line !== "");
  assertEquals(reported.filter((line) => /^natpmp: warning: 10\.0\.0\.1 .*ignored/.test(line)).length, 1);
  assertEquals(reported.length <= 4, true, reported.join("\n"));
  assertEquals(mails.slice(4), Array(36).fill(""));
  assertEquals(world.fakeMachine.hooks.length <= 3, true);
  const maps = world.requests.filter(({ kind }) => kind === "map").length;
  // At half of two hours each, and what was believed.
  assertEquals(maps <= 10 + 3, true, String(maps));
});

Deno.test("map --if-due shares with watch that an epoch is ignored", async () => {
  const world = new TestWorld({ faults: { clockRate: 0 } });
  await world.run("watch", "8080:80", "--for", "5h", "--keep");
  assertStringIncludes(world.stderr.text, "ignored");
  await world.clock.advance(15 * MINUTE_MS);
  const { exitCode, mail } = await cron(world);
  assertEquals([exitCode, mail.split("\n").length], [0, 2]);
  assertMatch(mail, /^natpmp: warning: .*ignored/);
});

Deno.test("map --if-due writes the state once in a run in which there is nothing to say", async () => {
  const world = new TestWorld();
  await cron(world);
  const { written } = world.fakeStatePaths.files;
  const count = written.length;
  await cron(world);
  assertEquals(written.length, count + 1);
});

Deno.test("map --if-due says once that another run hangs, and ends with 1 for as long as it does", async () => {
  const world = new TestWorld();
  const { files } = world.fakeStatePaths;
  // A run that was stopped in the middle of its work.
  const { promise: stopped, resolve: goOn } = Promise.withResolvers<undefined>();
  const { readText } = files;
  files.readText = () => stopped;
  const hanging = world.run("map", "8080:80", "--if-due", "--quiet");
  await world.clock.advance(1);
  files.readText = readText;
  const [path] = [...files.locks.keys()].filter((path) => path.includes(".if-due-"));
  files.lockTimes.set(path!, world.fakeStatePaths.now().wallMs);
  assertEquals(await cron(world), SILENT);
  await world.clock.advance(20 * MINUTE_MS);
  const { exitCode, mail } = await cron(world);
  assertEquals(exitCode, 1);
  assertMatch(
    mail,
    /^natpmp: error: Another natpmp map --if-due \(natpmp map, process 4711\) has been running for 20 min: [^\n]+\n$/,
  );
  assertEquals(await cron(world), { exitCode: 1, mail: "" });
  const before = world.stdout.text.length;
  await world.run("map", "8080:80", "--if-due", "--json");
  assertEquals(JSON.parse(world.stdout.text.slice(before)).error.kind, "busy");
  goOn(undefined);
  assertEquals((await hanging).exitCode, 0);
  assertEquals((await cron(world)).exitCode, 0);
});

for (const [silent, other] of [["80", "8080"], ["80/udp", "80"]] as const) {
  Deno.test(`map --if-due ${other} is not held up by a run for ${silent} that gets no answer`, async () => {
    const protocol = silent.endsWith("udp") ? "udp" : "tcp";
    const world = new TestWorld({
      faultsFor: (request) => {
        const isSilent = request.kind === "map" && request.internalPort === 80 &&
          request.protocol === protocol;
        return isSilent ? { silent: true } : {};
      },
    });
    const runs = [silent, other].map((port) => world.run("map", port, "--if-due", "--quiet"));
    const [first, second] = await Promise.all(runs);
    assertEquals([first!.exitCode, second!.exitCode], [4, 0]);
    assertEquals(world.mappings.length, 1);
  });
}

Deno.test("map --if-due mails a move and a new address also while a hook keeps failing, and the hook once", async () => {
  const world = new TestWorld();
  world.fakeMachine.hookEnd = () => ({ code: 3 });
  assertMatch((await cron(world, "--exec", "hook")).mail, /^tcp [^\n]+\n[^\n]+ended with exit code 3\n$/);
  world.gateway.setExternalAddress("203.0.113.8", world.clock.now());
  assertMatch(
    (await cron(world, "--exec", "hook")).mail,
    /^tcp 203\.0\.113\.8:8080 -> 80, [0-9]+ s \(was 203\.0\.113\.7:8080\)\n$/,
  );
  await world.clock.advance(3 * HOUR_MS);
  await takePort(world, 8080);
  assertMatch((await cron(world, "--exec", "hook")).mail, /^[^\n]+the lease had expired; was 8080\)\n$/);
  assertEquals(await cron(world, "--exec", "hook"), { exitCode: 1, mail: "" });
  world.fakeMachine.hookEnd = () => ({ code: 0 });
  assertEquals(await cron(world, "--exec", "hook"), SILENT);
});

Deno.test("map --if-due tells a failed hook once, whatever event it ran on", async () => {
  const world = new TestWorld();
  await cron(world, "--exec", "hook");
  world.fakeMachine.hookEnd = () => ({ code: 3 });
  world.gateway.setExternalAddress("203.0.113.8", world.clock.now());
  assertStringIncludes((await cron(world, "--exec", "hook")).mail, "The hook for changed tcp 80");
  assertEquals(await cron(world, "--exec", "hook"), { exitCode: 1, mail: "" });
});

Deno.test("map --if-due does not tell a warning again because the gateway was silent in between", async () => {
  const world = new TestWorld({ gateway: { externalAddress: "192.168.1.2" } });
  assertStringIncludes((await cron(world)).mail, "double NAT");
  world.gateway.setFaults({ silent: true }, world.clock.now());
  assertStringIncludes((await cron(world)).mail, "did not answer");
  assertEquals(await cron(world), { exitCode: 4, mail: "" });
  world.gateway.setFaults({}, world.clock.now());
  assertEquals(await cron(world), BACK);
  // The silence itself was over.
  world.gateway.setFaults({ silent: true }, world.clock.now());
  assertStringIncludes((await cron(world)).mail, "did not answer");
});

Deno.test("map --if-due --exact is not met by another port after a loss of state: exit 10, nothing left behind", async () => {
  const world = new TestWorld();
  await cron(world, "--exact");
  await world.clock.advance(15 * MINUTE_MS);
  await reboot(world);
  await takePort(world, 8080);
  const { exitCode, mail } = await cron(world, "--exact");
  assertEquals(exitCode, 10);
  assertStringIncludes(mail, "not 8080");
  assertEquals(world.mappings.length, 1);
  assertEquals(await cron(world, "--exact"), { exitCode: 10, mail: "" });
});

Deno.test("map --if-due holds --exact against a lease that lives on another port: exit 10, reported once, nothing given back", async () => {
  const world = new TestWorld();
  await takePort(world, 8080);
  await world.run("map", "8080:80", "--quiet");
  const first = await cron(world, "--exact");
  assertEquals(first.exitCode, 10);
  assertStringIncludes(first.mail, "not 8080");
  assertEquals(await cron(world, "--exact"), { exitCode: 10, mail: "" });
  assertEquals([world.deletions, world.mappings.length], [[], 2]);
});
