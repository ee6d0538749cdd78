import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { NoGatewayError } from "../../../lib/errors.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const TEXT_OF_CURE = "Turn on UPnP, NAT-PMP or PCP in the router, or name another router with --gateway";

Deno.test("address prints the gateway's external address and nothing else", async () => {
  const outcome = await new TestWorld().run("address");
  assertEquals(outcome, { exitCode: 0, stdout: "203.0.113.7\n", stderr: "" });
});

Deno.test("address asks once, with a request of the address alone", async () => {
  const world = new TestWorld();
  await world.run("address");
  assertEquals(world.requests, [{ kind: "address" }]);
});

Deno.test("address prints with --quiet too, as it was asked for", async () => {
  const outcome = await new TestWorld().run("address", "--quiet");
  assertEquals(outcome, { exitCode: 0, stdout: "203.0.113.7\n", stderr: "" });
});

Deno.test("address asks the gateway that --gateway names, and looks for none", async () => {
  const world = new TestWorld({ noGateway: new Error("nobody is to look") });
  assertEquals((await world.run("address", "--gateway", "10.0.0.1")).exitCode, 0);
  assertEquals(world.requests.length, 1);
});

Deno.test("address asks the port that --gateway names", async () => {
  const world = new TestWorld();
  assertEquals((await world.run("address", "-g", "10.0.0.1:5352")).exitCode, 4);
  assertEquals(world.received, 0);
});

Deno.test("address --json has the fields of the contract", async () => {
  const world = new TestWorld({ faults: { latencyMs: 3.14 } });
  const { exitCode, json, stderr } = await world.runJson("address");
  assertEquals(json, {
    command: "address",
    gateway: "10.0.0.1",
    via: "nat-pmp",
    externalAddress: "203.0.113.7",
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 3.1,
  });
  assertEquals([exitCode, stderr], [0, ""]);
});

Deno.test("address --json --quiet prints its object, as it was asked for", async () => {
  const { json } = await new TestWorld().runJson("address", "--quiet");
  assertEquals(json.externalAddress, "203.0.113.7");
});

const DOUBLE_NAT = ["10.1.2.3", "172.16.0.1", "192.168.0.2", "100.64.0.1", "100.127.255.254"];
for (const externalAddress of DOUBLE_NAT) {
  Deno.test(`address warns of double NAT at ${externalAddress} and still prints it`, async () => {
    const { exitCode, stdout, stderr } = await new TestWorld({ gateway: { externalAddress } }).run("address");
    assertEquals([exitCode, stdout], [0, `${externalAddress}\n`]);
    assertMatch(stderr, /^natpmp: warning: .*double NAT.*\n$/);
    assertStringIncludes(stderr, externalAddress);
  });
}

for (const externalAddress of ["8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "11.0.0.1"]) {
  Deno.test(`address does not warn of ${externalAddress}`, async () => {
    assertEquals((await new TestWorld({ gateway: { externalAddress } }).run("address")).stderr, "");
  });
}

Deno.test("address --json has the warnings as texts", async () => {
  const { json } = await new TestWorld({ gateway: { externalAddress: "10.1.2.3" } }).runJson("address");
  assertEquals(json.warnings?.length, 1);
  assertStringIncludes(json.warnings?.[0] ?? "", "double NAT");
});

/** PCP is not asked before. */
const VIA = ["--via", "nat-pmp"];

/** Each cause: how the gateway fails, the exit code, `error.kind` and, for a refusal, `resultCode`. */
const CAUSES: readonly (TestWorldOptions & { cause: string; exit: number; kind: string; code?: number })[] = [
  { cause: "silence", faults: { silent: true }, exit: 4, kind: "timeout" },
  { cause: "result 1", faults: { resultCode: 1 }, exit: 8, kind: "not-supported", code: 1 },
  { cause: "result 2", faults: { resultCode: 2 }, exit: 5, kind: "not-authorized", code: 2 },
  { cause: "result 3", faults: { noAddress: true }, exit: 6, kind: "network-failure", code: 3 },
  { cause: "0.0.0.0", faults: { zeroAddress: true }, exit: 6, kind: "network-failure", code: 0 },
  { cause: "result 4", faults: { resultCode: 4 }, exit: 7, kind: "out-of-resources", code: 4 },
  { cause: "result 5", faults: { resultCode: 5 }, exit: 8, kind: "not-supported", code: 5 },
  { cause: "result 6", faults: { resultCode: 6 }, exit: 9, kind: "unknown-result", code: 6 },
  { cause: "result 65535", faults: { resultCode: 65_535 }, exit: 9, kind: "unknown-result", code: 65_535 },
  { cause: "a PCP-only gateway", faults: { pcpOnly: true }, exit: 8, kind: "not-supported" },
  {
    cause: "ICMP port unreachable",
    gateway: { actsAsNat: false },
    conditions: { reportsPortUnreachable: true },
    exit: 8,
    kind: "not-supported",
  },
];

for (const { cause, exit, kind, code, ...options } of CAUSES) {
  Deno.test(`address ends with ${exit} and one line on stderr after ${cause}`, async () => {
    const { exitCode, stdout, stderr } = await new TestWorld(options).run("address", ...VIA);
    assertEquals([exitCode, stdout], [exit, ""]);
    assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
    assertStringIncludes(stderr, "10.0.0.1");
  });

  Deno.test(`address --json says ${kind} at the top after ${cause}`, async () => {
    const { exitCode, json } = await new TestWorld(options).runJson("address", ...VIA);
    assertEquals(exitCode, exit);
    assertEquals([json.command, json.gateway], ["address", "10.0.0.1"]);
    assertEquals(json.error?.kind, kind);
    assertEquals(json.error?.resultCode, code);
    assertEquals([typeof json.error?.message, typeof json.error?.attempts], ["string", "number"]);
    assertEquals(typeof json.error?.elapsedMs, "number");
    assertEquals(Object.hasOwn(json, "externalAddress"), false);
    assertEquals(Object.hasOwn(json.error ?? {}, "resultCode"), code !== undefined);
  });
}

Deno.test("address says what was tried, what came back and what to do when nobody listens", async () => {
  const world = new TestWorld({
    gateway: { actsAsNat: false },
    conditions: { reportsPortUnreachable: true },
  });
  const { stderr } = await world.run("address");
  assertEquals(
    stderr,
    `natpmp: error: PCP, NAT-PMP: no program listens on UDP port 5351 of 10.0.0.1 (ICMP port unreachable). ` +
      `UPnP: no router answered the search at 10.0.0.1 within 2 s. ${TEXT_OF_CURE}\n`,
  );
  assertEquals(world.clock.now(), 2000);
});

Deno.test("address --json after silence has the attempts and milliseconds of the contract", async () => {
  const { json } = await new TestWorld({ faults: { silent: true } }).runJson("address");
  assertEquals([json.error?.attempts, json.error?.elapsedMs], [5, 7750]);
});

Deno.test("address ends with 3 when there is no gateway, and JSON names none", async () => {
  const noGateway = new NoGatewayError("Cannot find a router: this host has no default route");
  const { exitCode, stdout, stderr } = await new TestWorld({ noGateway }).run("address");
  assertEquals([exitCode, stdout], [3, ""]);
  assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
  const { json } = await new TestWorld({ noGateway }).runJson("address");
  assertEquals(json.command, "address");
  assertEquals(json.error?.kind, "no-gateway");
  assertEquals(Object.hasOwn(json, "gateway"), false);
});

Deno.test("address ends with 1 and no stack trace when this host has no socket", async () => {
  const { exitCode, stdout, stderr } = await new TestWorld({ hasNoSocket: true }).run("address", "-v");
  assertEquals([exitCode, stdout], [1, ""]);
  assertMatch(stderr, /^natpmp: error: Cannot open a UDP socket[^\n]+\n$/m);
  assertNotMatch(stderr, /^ +at /m);
});

Deno.test("address says that the host could not send", async () => {
  const world = new TestWorld();
  world.memory.host("10.0.0.2").isUp = false;
  assertStringIncludes((await world.run("address")).stderr, "Network is unreachable");
});

for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`address stopped by ${name} while it waits ends with ${code} at once`, async () => {
    const world: TestWorld = new TestWorld({
      faults: { silent: true },
      onSend: (_, number) => {
        if (number === 2) world.stop(name);
      },
    });
    const { exitCode, stdout, stderr } = await world.run("address", ...VIA);
    assertEquals([exitCode, stdout], [code, ""]);
    assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
    assertEquals(world.clock.now(), 250);
  });
}

Deno.test("address --json stopped by a signal still prints one object", async () => {
  const world: TestWorld = new TestWorld({ faults: { silent: true }, onSend: () => world.stop() });
  const { exitCode, json } = await world.runJson("address");
  assertEquals(exitCode, 130);
  assertEquals(typeof json.error?.message, "string");
});
