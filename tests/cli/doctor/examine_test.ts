import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { datagramDescriber } from "../../../lib/backends.ts";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import type { Examination, Outcome } from "../../../lib/cli/doctor/examination.ts";
import { examine, type ExamineOptions } from "../../../lib/cli/doctor/examine.ts";
import type { BindOutcome } from "../../../lib/system/system.ts";
import { Stopped } from "../../../lib/cli/world.ts";
import {
  NoAnswerError,
  NoGatewayError,
  RefusedError,
  SocketError,
  UnknownInterfaceError,
} from "../../../lib/errors.ts";
import { faultyFor, HOST, TestWorld } from "../../support/test_world.ts";

const describer = await datagramDescriber();

function examined(world: TestWorld, options: Partial<ExamineOptions> = {}): Promise<Examination> {
  const line = parseCommandLine(["doctor"]);
  return world.clock.runUntil(
    examine(world, { target: { source: {} }, ports: [], line, describer, ...options }),
  );
}

function valueOf<T>(outcome: Outcome<T> | undefined): T {
  assert(outcome !== undefined && "value" in outcome);
  return outcome.value;
}

function errorOf(outcome: Outcome<unknown> | undefined): unknown {
  assert(outcome !== undefined && "error" in outcome);
  return outcome.error;
}

Deno.test("examine() finds gateway, address and whether a mapping can be made, and leaves nothing behind", async () => {
  const world = new TestWorld();
  const found = await examined(world);
  assertEquals(valueOf(found.gateway).gateway, "10.0.0.1");
  assertEquals(valueOf(found.address).externalAddress, "203.0.113.7");
  assert("value" in valueOf(found.testMapping).deletion);
  assertEquals(world.mappings, []);
  assert(found.announcements !== undefined && "value" in found.announcements);
});

Deno.test("examine() asks for the address, a UDP mapping of one minute, and its deletion", async () => {
  const world = new TestWorld();
  await examined(world);
  assertEquals(
    world.requests.map((request) =>
      request.kind === "map" ? [request.protocol, request.lifetimeSeconds] : request.kind
    ),
    ["address", ["udp", 60], ["udp", 0]],
  );
});

Deno.test("examine() tests with a port of its own, which nobody else can have meanwhile", async () => {
  const world = new TestWorld();
  const { lease } = valueOf((await examined(world)).testMapping);
  assert(lease.internalPort > 0);
  assert(world.sentFrom.includes(HOST));
});

Deno.test("examine() notes every datagram with its time since the first", async () => {
  const seen: number[] = [];
  const world = new TestWorld();
  await world.clock.advance(5000);
  const { trace } = await examined(world, { observe: (_, elapsedMs) => seen.push(elapsedMs) });
  assertEquals(trace.length, 10);
  assertEquals(trace[0]?.elapsedMs, 0);
  assert(seen.length >= trace.length && seen.every((ms) => ms < 5000));
});

Deno.test("examine() makes no test mapping where nobody answers, and tells after the limit that it was given", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  const found = await examined(world, { timeoutMs: 1500 });
  const error = errorOf(found.address);
  assertInstanceOf(error, NoAnswerError);
  assertEquals([error.effort.elapsedMs, found.testMapping], [1500, undefined]);
});

Deno.test("examine() tests the mapping although the address is refused", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("address", { noAddress: true }) });
  const found = await examined(world);
  assertInstanceOf(errorOf(found.address), RefusedError);
  assert("value" in valueOf(found.testMapping).deletion);
});

Deno.test("examine() tells that the test mapping could not be deleted after two tries", async () => {
  const isDeletion = (request: { readonly kind: string; readonly lifetimeSeconds?: number }) =>
    request.kind === "map" && request.lifetimeSeconds === 0;
  const world = new TestWorld({ faultsFor: (request) => isDeletion(request) ? { silent: true } : {} });
  const found = await examined(world);
  assertInstanceOf(errorOf(valueOf(found.testMapping).deletion), NoAnswerError);
  assertEquals(world.deletions.length, 2);
});

Deno.test("examine() without a gateway tells the rest and sends nothing", async () => {
  const failure = new NoGatewayError("There is no default gateway");
  const world = new TestWorld({ noGateway: failure });
  const found = await examined(world, { ports: [{ protocol: "tcp", internalPort: 80 }] });
  assertEquals(errorOf(found.gateway), failure);
  assertEquals([world.sentFrom.length, found.trace, found.address], [0, [], undefined]);
  assertEquals([found.interfaces.length, found.ports.length], [1, 1]);
});

Deno.test("examine() of an unknown interface is the caller's mistake, no finding", async () => {
  const failure = new UnknownInterfaceError("No interface eth9", "eth9", ["eth0"]);
  await assertRejects(() => examined(new TestWorld({ noGateway: failure })), UnknownInterfaceError);
});

Deno.test("examine() asks the gateway that is named, at its port", async () => {
  const world = new TestWorld({ noGateway: new NoGatewayError("none") });
  const endpoint = { hostname: "10.0.0.1", port: 5351 };
  const gateway = valueOf((await examined(world, { target: { endpoint, source: {} } })).gateway);
  assertEquals([gateway.gateway, gateway.port, gateway.localAddress], ["10.0.0.1", 5351, HOST]);
  assertEquals([gateway.guessed, gateway.overrulesTable, gateway.reason], [
    false,
    false,
    "named with --gateway",
  ]);
});

Deno.test("examine() tells why announcements cannot be heard, and goes on", async () => {
  const found = await examined(new TestWorld({ hasNoSocket: true }));
  assertInstanceOf(errorOf(found.announcements), SocketError);
  assert(found.address !== undefined);
});

Deno.test("examine() deletes its test mapping before it ends", async () => {
  const world = new TestWorld({
    onSend: (request) => {
      if (request.kind === "map" && request.lifetimeSeconds === 0) world.stop();
    },
  });
  await assertRejects(() => examined(world), Stopped);
  assertEquals(world.mappings, []);
});

/** What binding a port comes to on every address, and on the one that mappings lead to. */
const BINDS: readonly (readonly [everywhere: BindOutcome, here: BindOutcome, state: string])[] = [
  ["free", "free", "free"],
  ["taken", "taken", "taken"],
  ["taken", "free", "elsewhere"],
  ["forbidden", "forbidden", "unknown"],
];

for (const [everywhere, here, state] of BINDS) {
  Deno.test(`examine() takes a port that is ${everywhere} everywhere and ${here} here for ${state}`, async () => {
    const tryBind = (_: string, hostname: string) =>
      Promise.resolve(hostname === "0.0.0.0" ? everywhere : here);
    const world = new TestWorld({ network: { tryBind } });
    const { ports: [port] } = await examined(world, { ports: [{ protocol: "udp", internalPort: 53 }] });
    assertEquals([port?.protocol, port?.internalPort, port?.state], ["udp", 53, state]);
  });
}

Deno.test("examine() cannot tell a port that cannot be bound for another reason", async () => {
  const tryBind = () => Promise.reject(new SocketError("No such address"));
  const world = new TestWorld({ network: { tryBind } });
  const { ports: [port] } = await examined(world, { ports: [{ protocol: "tcp", internalPort: 80 }] });
  assertEquals([port?.state, port?.how], ["unknown", "No such address"]);
});
