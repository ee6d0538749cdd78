import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { NoGatewayError } from "../../../lib/errors.ts";
import { faultyFor, OTHER_HOST, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

/** PCP is not asked before. */
const VIA = ["--via", "nat-pmp"];

/** Each cause: how the gateway fails, the exit code, `error.kind` and, for a refusal, `resultCode`. */
const CAUSES: readonly (TestWorldOptions & { cause: string; exit: number; kind: string; code?: number })[] = [
  { cause: "silence", faults: { silent: true }, exit: 4, kind: "timeout" },
  { cause: "result 1", faults: { resultCode: 1 }, exit: 8, kind: "not-supported", code: 1 },
  { cause: "result 2", faults: { refuse: true }, exit: 5, kind: "not-authorized", code: 2 },
  { cause: "result 3", faults: { noAddress: true }, exit: 6, kind: "network-failure", code: 3 },
  { cause: "result 4", faults: { full: true }, exit: 7, kind: "out-of-resources", code: 4 },
  { cause: "result 5", faults: { resultCode: 5 }, exit: 8, kind: "not-supported", code: 5 },
  { cause: "result 99", faults: { resultCode: 99 }, exit: 9, kind: "unknown-result", code: 99 },
  { cause: "a PCP-only gateway", faults: { pcpOnly: true }, exit: 8, kind: "not-supported" },
  { cause: "a success with port 0", faults: { zeroPort: true }, exit: 4, kind: "timeout" },
  { cause: "a success with lifetime 0", faults: { zeroLifetime: true }, exit: 4, kind: "timeout" },
  {
    cause: "ICMP port unreachable",
    gateway: { actsAsNat: false },
    conditions: { reportsPortUnreachable: true },
    exit: 8,
    kind: "not-supported",
  },
];

for (const { cause, exit, kind, code, ...options } of CAUSES) {
  Deno.test(`map ends with ${exit} and one line on stderr after ${cause}`, async () => {
    const world = new TestWorld(options);
    const { exitCode, stdout, stderr } = await world.run("map", "8080:80", ...VIA);
    assertEquals([exitCode, stdout], [exit, ""]);
    assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
    assertStringIncludes(stderr, "tcp 80");
  });

  Deno.test(`map asks for no address after ${cause}, as nothing was mapped`, async () => {
    const world = new TestWorld(options);
    await world.run("map", "8080:80", ...VIA);
    assertEquals(world.requests.filter(({ kind }) => kind === "address"), []);
  });

  Deno.test(`map --json has ${kind} in the mapping's entry after ${cause}`, async () => {
    const { exitCode, json } = await new TestWorld(options).runJson("map", "8080:80", ...VIA);
    assertEquals(exitCode, exit);
    assertEquals(Object.keys(json).sort(), ["command", "gateway", "mappings"]);
    const { error, ...rest } = json.mappings?.[0] ?? {};
    assertEquals(rest, { protocol: "tcp", internalPort: 80, via: "nat-pmp" });
    assertEquals([error?.kind, error?.resultCode], [kind, code]);
    assertEquals(["message", "attempts", "elapsedMs"].map((name) => typeof error?.[name]), [
      "string",
      "number",
      "number",
    ]);
  });
}

Deno.test("map --json of no gateway stands at the top", async () => {
  const noGateway = new NoGatewayError("Cannot find a router: this host has no default route");
  const { exitCode, json } = await new TestWorld({ noGateway }).runJson("map", "80");
  assertEquals(exitCode, 3);
  assertEquals(json.error?.kind, "no-gateway");
  assertEquals(Object.hasOwn(json, "mappings"), false);
});

Deno.test("map ends with 1 and no stack trace when this host has no socket", async () => {
  const { exitCode, stderr } = await new TestWorld({ hasNoSocket: true }).run("map", "80", "-v");
  assertEquals(exitCode, 1);
  assertNotMatch(stderr, /^ +at /m);
});

Deno.test("map gives the other specs of a silent gateway the same error without another wait", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  const { exitCode, stderr } = await world.run("map", "80", "443", "53/both", ...VIA);
  assertEquals(exitCode, 4);
  assertEquals([world.received, world.clock.now()], [5, 7750]);
  assertMatch(stderr, /^natpmp: error: tcp 80, tcp 443, tcp 53, udp 53: [^\n]+\n$/);
});

Deno.test("map --json has an entry with that error for each of them", async () => {
  const { json } = await new TestWorld({ faults: { silent: true } }).runJson("map", "80", "443/both");
  assertEquals(
    json.mappings?.map(({ protocol, internalPort, error }) => [protocol, internalPort, error?.kind]),
    [["tcp", 80, "timeout"], ["tcp", 443, "timeout"], ["udp", 443, "timeout"]],
  );
});

Deno.test("map asks a gateway that speaks no NAT-PMP once, whatever the specs", async () => {
  const world = new TestWorld({ faults: { pcpOnly: true } });
  const { exitCode, stderr } = await world.run("map", "80", "443", "53/udp", ...VIA);
  assertEquals([exitCode, world.received], [8, 1]);
  assertMatch(stderr, /^natpmp: error: tcp 80, tcp 443, udp 53: [^\n]+\n$/);
});

Deno.test("map asks a closed port once, whatever the specs", async () => {
  const world = new TestWorld({
    gateway: { actsAsNat: false },
    conditions: { reportsPortUnreachable: true },
  });
  assertEquals((await world.run("map", "80", "443")).exitCode, 8);
  assertEquals([world.pcpRequests.length, world.requests.length, world.clock.now()], [1, 0, 2000]);
});

Deno.test("map goes on after a refusal, and reports both", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("tcp", { refuse: true }) });
  const { exitCode, stdout, stderr } = await world.run("map", "80", "53/udp");
  assertEquals([exitCode, stdout], [5, "udp 203.0.113.7:53 -> 53, 7200 s\n"]);
  assertMatch(stderr, /^natpmp: error: tcp 80: [^\n]+\n$/);
});

Deno.test("map ends with the first failure's exit code", async () => {
  const faultsFor: TestWorldOptions["faultsFor"] = (request) =>
    request.kind !== "map" || request.internalPort === 1
      ? {}
      : { resultCode: request.internalPort === 2 ? 4 : 2 };
  assertEquals((await new TestWorld({ faultsFor }).run("map", "1/tcp", "2/tcp", "3/tcp")).exitCode, 7);
  assertEquals((await new TestWorld({ faultsFor }).run("map", "3/tcp", "2/tcp", "1/tcp")).exitCode, 5);
  assertEquals((await new TestWorld({ faultsFor }).runJson("map", "1/tcp", "2/tcp", "3/tcp")).exitCode, 7);
});

Deno.test("map reports what was mapped before the gateway fell silent", async () => {
  const world = new TestWorld({ faultsFor: (_, number) => number === 1 ? {} : { silent: true } });
  const { exitCode, stdout } = await world.run("map", "80/tcp", "443/tcp", "22/tcp");
  assertEquals([exitCode, stdout], [4, "tcp 80 -> 80, 7200 s\n"]);
  assertEquals(world.mappings, ["tcp 10.0.0.2 80:80"]);
  assertEquals(world.deletions, []);
});

Deno.test("map --exact is content with the very port", async () => {
  assertEquals((await new TestWorld().run("map", "8080:80", "--exact")).exitCode, 0);
});

Deno.test("map --exact ends with 10 at another port, deletes what it got and says how to go on", async () => {
  const world = new TestWorld({ gateway: { firstPort: 40_001, lastPort: 40_001 } });
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80", "--exact");
  assertEquals([exitCode, stdout], [10, ""]);
  assertEquals(world.mappings, []);
  assertMatch(stderr, /^natpmp: error: [^\n]*40001[^\n]*8080[^\n]*--exact[^\n]*\n$/);
});

Deno.test("map --exact --json says port-differs in the entry", async () => {
  const { exitCode, json } = await new TestWorld({ gateway: { firstPort: 40_001, lastPort: 40_001 } })
    .runJson("map", "8080:80", "--exact");
  assertEquals(exitCode, 10);
  assertEquals(json.mappings?.[0]?.error?.kind, "port-differs");
  assertEquals(Object.hasOwn(json.mappings?.[0] ?? {}, "externalPort"), false);
});

Deno.test("map --exact goes on with the other specs", async () => {
  const world = new TestWorld();
  world.gateway.receive({
    data: Uint8Array.of(0, 2, 0, 0, 0, 80, 0x1f, 0x90, 0, 0, 0x0e, 0x10),
    source: { hostname: OTHER_HOST, port: 50_000 },
  }, 0);
  const { exitCode, stdout } = await world.run("map", "8080:80", "443", "--exact");
  assertEquals([exitCode, stdout], [10, "tcp 203.0.113.7:443 -> 443, 7200 s\n"]);
  assertEquals(world.mappings, ["tcp 10.0.0.3 8080:80", "tcp 10.0.0.2 443:443"]);
});

Deno.test("map warns of a mapping that it could not release", async () => {
  const world = new TestWorld({
    gateway: { firstPort: 40_001, lastPort: 40_001 },
    faultsFor: (_, number) => number === 1 ? {} : { silent: true },
  });
  const { exitCode, stderr } = await world.run("map", "8080:80", "--exact");
  assertEquals(exitCode, 10);
  assertMatch(stderr, /^natpmp: warning: [^\n]*40001[^\n]*7200 s[^\n]*\nnatpmp: error: [^\n]+\n$/);
});

/** Each `--timeout`, how many datagrams fit, and when the command gives up. */
const TIMEOUTS = [
  [[], 5, 7750],
  [["-t", "0.1"], 1, 100],
  [["--timeout", "0.25"], 1, 250],
  [["-t1"], 3, 1000],
  [["-t", "7.75"], 5, 7750],
  [["-t", "127.75"], 9, 127_750],
] as const;

for (const [args, sends, endMs] of TIMEOUTS) {
  Deno.test(`map ${args.join(" ") || "by default"} sends ${sends} and ends after ${endMs} ms`, async () => {
    const world = new TestWorld({ faults: { silent: true } });
    assertEquals((await world.run("map", "80", ...args, ...VIA)).exitCode, 4);
    assertEquals([world.received, world.clock.now()], [sends, endMs]);
  });
}

Deno.test("map sends at 0, 0.25, 0.75, 1.75 and 3.75 s", async () => {
  const times: number[] = [];
  const world: TestWorld = new TestWorld({
    faults: { silent: true },
    onSend: () => times.push(world.clock.now()),
  });
  await world.run("map", "80", ...VIA);
  assertEquals(times, [0, 250, 750, 1750, 3750]);
});

for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`map stopped by ${name} reports what was mapped and ends with ${code}`, async () => {
    const world: TestWorld = new TestWorld({
      faultsFor: (_, number) => number === 1 ? {} : { silent: true },
      onSend: (_, number) => {
        if (number === 3) world.stop(name);
      },
    });
    const { exitCode, stdout, stderr } = await world.run("map", "80/tcp", "443/tcp", "22/tcp");
    assertEquals([exitCode, stdout], [code, "tcp 80 -> 80, 7200 s\n"]);
    assertMatch(stderr, /^natpmp: error: tcp 443, tcp 22: [^\n]+\n$/);
    assertEquals([world.mappings, world.deletions], [["tcp 10.0.0.2 80:80"], []]);
    assertEquals(world.clock.now(), 250);
  });
}

Deno.test("map stopped within a pair reports the half that was mapped", async () => {
  const world: TestWorld = new TestWorld({
    faultsFor: faultyFor("udp", { silent: true }),
    onSend: (_, number) => {
      if (number === 2) world.stop();
    },
  });
  const { exitCode, json } = await world.runJson("map", "80/both");
  assertEquals(exitCode, 130);
  assertEquals(json.mappings?.map(({ externalPort }) => externalPort), [80, undefined]);
});

Deno.test("map stopped while it asks for the address reports its mapping and ends with 130", async () => {
  const world: TestWorld = new TestWorld({
    faultsFor: faultyFor("address", { silent: true }),
    onSend: (request) => {
      if (request.kind === "address") world.stop();
    },
  });
  const { exitCode, stdout } = await world.run("map", "8080:80");
  assertEquals(stdout, "tcp 8080 -> 80, 7200 s\n");
  assertEquals(exitCode, 130);
});
