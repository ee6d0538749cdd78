import { assertEquals } from "@std/assert";
import type { HookEvent } from "../../../lib/cli/publish/hook_environment.ts";
import { type HookFailure, HookRunner } from "../../../lib/cli/publish/hook_runner.ts";
import { ManualClock } from "../../../lib/simulator/mod.ts";
import { FakeMachine } from "../../support/fake_machine.ts";
import { heldLeaseOf } from "../../support/leases.ts";

const NEVER = new AbortController().signal;

class Bench {
  readonly machine = new FakeMachine();
  readonly clock = new ManualClock();
  readonly failures: HookFailure[] = [];
  readonly runner = new HookRunner({
    commandOf: () => "the command",
    process: this.machine,
    clock: this.clock,
    onFailure: (failure) => this.failures.push(failure),
  });

  get reasons(): string[] {
    return this.failures.map(({ event, reason }) => `${event.type}: ${reason}`);
  }
}

function eventOf(type: "mapped" | "changed", internalPort = 80): HookEvent {
  return { type, lease: heldLeaseOf({ internalPort }), gateway: "10.0.0.1", time: new Date(0) };
}

Deno.test("HookRunner runs the command with the event's variables and what it inherits", async () => {
  const { machine, runner } = new Bench();
  machine.environment = { PATH: "/bin", NATPMP_EVENT: "old", NOTIFY_SOCKET: "/run/notify" };
  const second = new HookRunner({
    commandOf: () => "the command",
    process: machine,
    clock: new ManualClock(),
    onFailure: () => {},
  });
  second.run(eventOf("mapped"));
  await second.finish(NEVER);
  await runner.finish(NEVER);
  const [hook] = machine.hooks;
  assertEquals([hook?.command, hook?.environment.PATH], ["the command", "/bin"]);
  assertEquals(hook?.environment.NATPMP_EVENT, "mapped");
  assertEquals(hook?.environment.NOTIFY_SOCKET, undefined);
});

Deno.test("HookRunner says what a shell means by an exit code of its own", async () => {
  for (
    const [code, reason] of [
      [126, "ended with exit code 126: a command in it is not executable"],
      [127, "ended with exit code 127: a command in it was not found"],
      [128, "ended with exit code 128"],
    ] as const
  ) {
    const bench = new Bench();
    bench.machine.hookEnd = () => ({ code });
    bench.runner.run(eventOf("mapped"));
    await bench.runner.finish(NEVER);
    assertEquals(bench.reasons, [`mapped: ${reason}`]);
  }
});

Deno.test("HookRunner runs one hook at a time and in order", async () => {
  const { machine, clock, runner } = new Bench();
  machine.hookEnd = undefined;
  runner.run(eventOf("mapped", 80));
  runner.run(eventOf("mapped", 81));
  runner.run(eventOf("changed", 80));
  for (const number of [1, 2, 3]) {
    await clock.advance(0);
    assertEquals(machine.hooks.length, number);
    machine.hooks.at(-1)!.end({ code: 0 });
  }
  await runner.finish(NEVER);
  const ports = machine.hooks.map(({ environment }) => environment.NATPMP_INTERNAL_PORT);
  assertEquals([ports, machine.hookEvents], [["80", "81", "80"], ["mapped", "mapped", "changed"]]);
});

Deno.test("HookRunner runs each mapping's own command, all in one queue, and none for who has none", async () => {
  const { machine, clock } = new Bench();
  machine.hookEnd = undefined;
  const runner = new HookRunner({
    commandOf: (event) =>
      "lease" in event && event.lease.internalPort < 82 ? `of ${event.lease.internalPort}` : undefined,
    process: machine,
    clock,
    onFailure: () => {},
  });
  for (const port of [80, 82, 81, 80]) runner.run(eventOf("mapped", port));
  for (const number of [1, 2, 3]) {
    await clock.advance(0);
    assertEquals(machine.hooks.length, number);
    machine.hooks.at(-1)!.end({ code: 0 });
  }
  await runner.finish(NEVER);
  assertEquals(machine.hooks.map(({ command }) => command), ["of 80", "of 81", "of 80"]);
});

Deno.test("HookRunner runs a hook that failed again with its own command", async () => {
  const { machine, clock } = new Bench();
  machine.hookEnd = () => ({ code: 1 });
  const commandOf = (event: HookEvent) => `of ${"lease" in event ? event.lease.internalPort : "nothing"}`;
  const runner = new HookRunner({ commandOf, process: machine, clock, onFailure: () => {} });
  runner.run(eventOf("mapped", 80));
  runner.run(eventOf("mapped", 81));
  await clock.advance(0);
  runner.retry({ protocol: "tcp", internalPort: 80 });
  await runner.finish(NEVER);
  assertEquals(machine.hooks.map(({ command }) => command), ["of 80", "of 81", "of 80"]);
});

Deno.test("HookRunner kills a hook after 30 s, reports it, and goes on with the next", async () => {
  const bench = new Bench();
  const { machine, clock, runner } = bench;
  machine.hookEnd = (_, number) => number === 1 ? undefined : { code: 0 };
  runner.run(eventOf("mapped", 80));
  runner.run(eventOf("mapped", 81));
  await clock.advance(29_999);
  assertEquals([machine.hooks.length, machine.hooks[0]?.isKilled], [1, false]);
  await clock.advance(1);
  assertEquals([machine.hooks.length, machine.hooks[0]?.isKilled], [2, true]);
  assertEquals(bench.reasons, ["mapped: was killed after 30 s"]);
  await runner.finish(NEVER);
});

Deno.test("HookRunner runs a hook that failed again at each renewal of its mapping, until it succeeds", async () => {
  const bench = new Bench();
  const { machine, clock, runner } = bench;
  machine.hookEnd = (_, number) => ({ code: number < 3 ? 1 : 0 });
  runner.run(eventOf("mapped"));
  await clock.advance(0);
  for (const hooks of [2, 3, 3]) {
    runner.retry({ protocol: "udp", internalPort: 80 });
    runner.retry({ protocol: "tcp", internalPort: 80 });
    await clock.advance(0);
    assertEquals(machine.hooks.length, hooks);
  }
  assertEquals(machine.hookEvents, ["mapped", "mapped", "mapped"]);
  assertEquals(bench.reasons, ["mapped: ended with exit code 1"]);
});

Deno.test("HookRunner reports a failure again only when its cause changes", async () => {
  const bench = new Bench();
  const { machine, clock, runner } = bench;
  machine.hookEnd = (_, number) => ({ code: number < 3 ? 1 : number });
  runner.run(eventOf("mapped"));
  for (let renewal = 0; renewal < 3; renewal++) {
    await clock.advance(0);
    runner.retry({ protocol: "tcp", internalPort: 80 });
  }
  await clock.advance(0);
  assertEquals(machine.hooks.length, 4);
  assertEquals(bench.reasons, [
    "mapped: ended with exit code 1",
    "mapped: ended with exit code 3",
    "mapped: ended with exit code 4",
  ]);
});

Deno.test("HookRunner does not run a failed hook again once the mapping has newer news", async () => {
  const { machine, clock, runner } = new Bench();
  machine.hookEnd = (_, number) => ({ code: number === 1 ? 1 : 0 });
  runner.run(eventOf("mapped"));
  await clock.advance(0);
  runner.run(eventOf("changed"));
  await clock.advance(0);
  runner.retry({ protocol: "tcp", internalPort: 80 });
  await clock.advance(0);
  assertEquals(machine.hookEvents, ["mapped", "changed"]);
});

Deno.test("HookRunner reports a shell that cannot be started, and a hook that a signal ended", async () => {
  const bench = new Bench();
  const { machine, runner } = bench;
  machine.onHook = () => {
    if (machine.hooks.length === 1) throw new Error("no shell here");
  };
  machine.hookEnd = () => ({ code: 143, signal: "SIGTERM" });
  runner.run(eventOf("mapped"));
  runner.run(eventOf("changed"));
  await runner.finish(NEVER);
  assertEquals(bench.reasons, ["mapped: did not start: no shell here", "changed: was ended by SIGTERM"]);
});

function changed(externalPort: number, previousExternalPort: number, internalPort = 80): HookEvent {
  const lease = heldLeaseOf({ internalPort, externalPort });
  return { type: "changed", lease, previousExternalPort, gateway: "10.0.0.1", time: new Date(0) };
}

const portsOfHooks = ({ machine }: Bench) =>
  machine.hooks.map(({ environment }) => [
    environment.NATPMP_INTERNAL_PORT,
    environment.NATPMP_EXTERNAL_PORT,
    environment.NATPMP_PREVIOUS_EXTERNAL_PORT,
  ]);

Deno.test("HookRunner has one hook of each mapping wait: it tells the newest port, and the one before the oldest", async () => {
  const bench = new Bench();
  const { machine, clock, runner } = bench;
  machine.hookEnd = undefined;
  runner.run(eventOf("mapped", 80));
  for (let port = 5000; port <= 105_000; port++) runner.run(changed(port % 50_000, (port - 1) % 50_000));
  runner.run(changed(7, 6, 81));
  for (const number of [1, 2, 3]) {
    await clock.advance(0);
    assertEquals(machine.hooks.length, number);
    machine.hooks.at(-1)!.end({ code: 0 });
  }
  await runner.finish(NEVER);
  assertEquals(portsOfHooks(bench), [["80", "40001", undefined], ["80", "5000", "4999"], ["81", "7", "6"]]);
});

Deno.test("HookRunner gives a mapping that moved and ended while its hook had to wait the port that was reported before", async () => {
  const bench = new Bench();
  const { machine, clock, runner } = bench;
  machine.hookEnd = (_, number) => number === 1 ? undefined : { code: 0 };
  runner.run(eventOf("mapped", 81));
  runner.run(changed(2, 1));
  const mapping = { protocol: "tcp", internalPort: 80 } as const;
  runner.run({ type: "expired", mapping, previousExternalPort: 2, gateway: "10.0.0.1", time: new Date(0) });
  await clock.advance(0);
  machine.hooks[0]!.end({ code: 0 });
  await clock.advance(0);
  assertEquals(machine.hookEvents, ["mapped", "expired"]);
  assertEquals(portsOfHooks(bench)[1], ["80", undefined, "1"]);
  await runner.finish(NEVER);
});

Deno.test("finish() waits for the hooks, and after the signal kills what runs and gives up what waits", async () => {
  const bench = new Bench();
  const { machine, clock, runner } = bench;
  machine.hookEnd = undefined;
  runner.run(eventOf("mapped"));
  runner.run(eventOf("changed"));
  const deadline = new AbortController();
  let isFinished = false;
  const finished = runner.finish(deadline.signal).then(() => void (isFinished = true));
  await clock.advance(2999);
  assertEquals(isFinished, false);
  deadline.abort();
  await finished;
  assertEquals(machine.hooks.map(({ isKilled }) => isKilled), [true]);
  assertEquals(bench.reasons, [
    "mapped: was killed: no time was left",
    "changed: did not run: no time was left",
  ]);
});

Deno.test("finish() does not wait for a hook that cannot be killed", async () => {
  const { machine, clock, runner } = new Bench();
  const immortal = machine.startShell.bind(machine);
  machine.startShell = (...args) => ({ ...immortal(...args), kill: () => Promise.resolve() });
  machine.hookEnd = undefined;
  runner.run(eventOf("mapped"));
  const deadline = new AbortController();
  const finished = runner.finish(deadline.signal);
  deadline.abort();
  await clock.runUntil(finished, { limitMs: 250 });
});
