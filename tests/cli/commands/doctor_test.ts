import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../../lib/errors.ts";
import { type JsonObject, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const HEALTHY = { gateway: { externalAddress: "11.22.33.44" } } as const;

Deno.test("doctor tells what it finds, section by section, and ends with 0", async () => {
  const { exitCode, stdout, stderr } = await new TestWorld(HEALTHY).run("doctor", "8080:80");
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(
    stdout.replaceAll(/\d{5}/g, "PORT"),
    [
      "Interfaces",
      "  eth0 10.0.0.2/24",
      "Router",
      "  10.0.0.1, default route through eth0",
      "  asked from 10.0.0.2 on eth0, a private address (RFC 1918)",
      "Answer",
      "  PCP: 10.0.0.1 speaks NAT-PMP, not PCP, after 0 ms (attempts: 1)",
      "  NAT-PMP: answered in 0 ms (attempts: 1), up for 20 h 42 min by its epoch",
      "  UPnP: No router answered the search at 10.0.0.1 within 2 s",
      "  external address 11.22.33.44, public",
      "  natpmp uses NAT-PMP",
      "Announcements",
      "  port 5350 can be shared",
      "Test mapping",
      "  udp 11.22.33.44:PORT -> PORT, 60 s, granted in 0 ms",
      "  deleted",
      "Internal ports",
      "  tcp 80: nothing listens (natpmp could bind 0.0.0.0:80)",
      "Datagrams",
      "  +0.0 ms -> 10.0.0.1:5351 PCP announce request: from 10.0.0.2 (24 bytes), attempt 1",
      "  +0.0 ms <- 10.0.0.1:5351 refusal: unsupported version (result 1), epoch PORT s (8 bytes)",
      "  +0.0 ms -> 10.0.0.1:5351 address request (2 bytes), attempt 1",
      "  +0.0 ms <- 10.0.0.1:5351 address reply: 11.22.33.44, epoch PORT s (12 bytes)",
      "  +0.0 ms -> 10.0.0.1:1900 UPnP search for urn:schemas-upnp-org:device:InternetGatewayDevice:1",
      "  +100.0 ms -> 239.255.255.250:1900 UPnP search for urn:schemas-upnp-org:device:InternetGatewayDevice:1",
      "  +2000.0 ms -> 10.0.0.1:5351 map udp request: internal PORT, external any, 60 s (12 bytes), attempt 1",
      "  +2000.0 ms <- 10.0.0.1:5351 map udp reply: internal PORT, external PORT, 60 s, epoch PORT s (16 bytes)",
      "  +2000.0 ms -> 10.0.0.1:5351 unmap udp request: internal PORT (12 bytes), attempt 1",
      "  +2000.0 ms <- 10.0.0.1:5351 map udp reply: internal PORT, external 0, 0 s, epoch PORT s (16 bytes)",
      "Advice",
      "  Start the program for tcp port 80: nothing listens there",
      "",
    ].join("\n"),
  );
});

Deno.test("doctor asks for the address, maps a free port for a minute, and deletes that again", async () => {
  const world = new TestWorld(HEALTHY);
  await world.run("doctor");
  const [address, map, unmap, ...more] = world.requests;
  assertEquals([address?.kind, map?.kind, unmap?.kind, more.length], ["address", "map", "map", 0]);
  assertEquals(map?.kind === "map" && [map.protocol, map.externalPort, map.lifetimeSeconds], ["udp", 0, 60]);
  assertEquals(unmap?.kind === "map" && unmap.lifetimeSeconds, 0);
  assertEquals(world.mappings, []);
});

/** PCP's result (RFC 6887 §7.4). */
const ADDRESS_MISMATCH = 12;

/** Each situation: what the gateway does, the exit code and `error.kind`. */
const FAILURES: readonly (TestWorldOptions & { what: string; exit: number; kind: string; asks?: number })[] =
  [
    { what: "silence", faults: { silent: true }, exit: 4, kind: "timeout" },
    { what: "a refusal to everything", faults: { resultCode: 2 }, exit: 5, kind: "not-authorized" },
    { what: "no external address", faults: { noAddress: true }, exit: 6, kind: "network-failure" },
    { what: "the address 0.0.0.0", faults: { zeroAddress: true }, exit: 6, kind: "network-failure" },
    { what: "a full gateway", faults: { full: true }, exit: 7, kind: "out-of-resources" },
    {
      what: "another version of both protocols",
      faults: { answerBytes: Uint8Array.of(1, 0x80, 0, 1, 0, 0, 0, 0) },
      exit: 8,
      kind: "not-supported",
    },
    { what: "an undefined result", faults: { resultCode: 99 }, exit: 9, kind: "unknown-result" },
    {
      what: "ICMP port unreachable",
      gateway: { actsAsNat: false },
      conditions: { reportsPortUnreachable: true },
      exit: 8,
      kind: "not-supported",
    },
  ];

for (const { what, exit, kind, ...options } of FAILURES) {
  Deno.test(`doctor ends with ${exit} after ${what}, with its report and one line on stderr`, async () => {
    const { exitCode, stdout, stderr } = await new TestWorld(options).run("doctor");
    assertEquals(exitCode, exit);
    assertMatch(stdout, /^Interfaces\n(.*\n)+Advice\n {2}[A-Z].*\n/);
    assertMatch(stderr, /^natpmp: error: [^\n]*10\.0\.0\.1[^\n]*\n$/);
  });

  Deno.test(`doctor --json says ${kind} at the top after ${what}`, async () => {
    const { exitCode, json, stderr } = await new TestWorld(options).runJson("doctor");
    assertEquals([exitCode, stderr, json.command, json.gateway], [exit, "", "doctor", "10.0.0.1"]);
    assertEquals(json.error?.kind, kind);
  });
}

Deno.test("doctor does not advise to run natpmp doctor", async () => {
  for (const json of [[], ["--json"]]) {
    const { stdout, stderr } = await new TestWorld({ faults: { silent: true } }).run("doctor", ...json);
    assertNotMatch(stdout + stderr, /natpmp doctor/);
  }
});

Deno.test("doctor --via nat-pmp makes no test mapping where nobody speaks NAT-PMP", async () => {
  const world = new TestWorld({ faults: { pcpOnly: true } });
  const { exitCode, stdout, stderr } = await world.run("doctor", "--via", "nat-pmp");
  assertEquals([exitCode, world.requests.length, world.pcpRequests.length], [8, 1, 0]);
  assertNotMatch(stdout, /^Test mapping$/m);
  assertMatch(stdout, /^Advice\n {2}Use --via pcp: the router 10\.0\.0\.1 speaks only PCP$/m);
  assertMatch(stderr, /speaks PCP, not NAT-PMP\. Use --via pcp or --via auto\n$/);
});

Deno.test("doctor tests each protocol of a router that speaks both, and maps over PCP", async () => {
  const world = new TestWorld({ ...HEALTHY, speaks: "both" });
  const { exitCode, stdout } = await world.run("doctor");
  assertEquals(exitCode, 0);
  assertMatch(stdout, /^ {2}PCP: answered in 0 ms \(attempts: 1\), up for 20 h 42 min by its epoch$/m);
  assertMatch(stdout, /^ {2}NAT-PMP: answered in 0 ms/m);
  assertMatch(stdout, /^ {2}external address 11\.22\.33\.44, public\n {2}natpmp uses PCP$/m);
  assertMatch(stdout, /^Advice\n {2}Nothing to do: this router opens ports\n$/m);
  assertEquals(world.requests, [{ kind: "address" }]);
  assertEquals(world.pcpRequests.map(({ kind }) => kind), ["announce", "map", "map"]);
  assertEquals(world.mappings, []);
});

Deno.test("doctor of a router that speaks only PCP advises for programs that do not", async () => {
  const { exitCode, json } = await new TestWorld({ ...HEALTHY, speaks: "pcp" }).runJson("doctor");
  assertEquals([exitCode, json.via, json.externalAddress], [0, "pcp", "11.22.33.44"]);
  const [pcp, natPmp] = json.protocols as Record<string, { kind?: string }>[];
  assertEquals([pcp?.via, pcp?.error, natPmp?.via, natPmp?.error?.kind], [
    "pcp",
    undefined,
    "nat-pmp",
    "not-supported",
  ]);
  assertEquals((json.advice as { finding: string }[]).map(({ finding }) => finding), ["pcp-only"]);
});

Deno.test("doctor reports a router that drops requests of PCP, after two seconds", async () => {
  const world = new TestWorld({ ...HEALTHY, faults: { dropVersion2: true } });
  const { exitCode, json } = await world.runJson("doctor");
  // Two more are the search of UPnP.
  assertEquals([exitCode, json.via, world.clock.now()], [0, "nat-pmp", 4000]);
  assertEquals((json.advice as { finding: string }[]).map(({ finding }) => finding), ["drops-version-2"]);
});

Deno.test("doctor finds that another address than this host's reaches the router", async () => {
  const world = (speaks: "pcp" | "both") =>
    new TestWorld({ ...HEALTHY, speaks, faults: { pcpResultCode: ADDRESS_MISMATCH } });
  const findings = (json: JsonObject) => (json.advice as { finding: string }[]).map(({ finding }) => finding);
  const both = await world("both").runJson("doctor");
  assertEquals([both.exitCode, both.json.via, findings(both.json)], [0, "nat-pmp", ["address-mismatch"]]);
  const pcp = await world("pcp").runJson("doctor");
  assertEquals([pcp.exitCode, pcp.json.via, pcp.json.error?.resultCode], [5, "pcp", ADDRESS_MISMATCH]);
  assertEquals(findings(pcp.json), ["address-mismatch"]);
});

Deno.test("doctor --via pcp asks by PCP alone", async () => {
  const world = new TestWorld({ ...HEALTHY, speaks: "both" });
  const { exitCode, stdout } = await world.run("doctor", "--via", "pcp");
  assertEquals([exitCode, world.requests], [0, []]);
  assertNotMatch(stdout, /NAT-PMP/);
});

Deno.test("doctor tests the mapping although the gateway refuses to tell its address", async () => {
  const world = new TestWorld({ faultsFor: ({ kind }) => kind === "address" ? { noAddress: true } : {} });
  const { exitCode, stdout } = await world.run("doctor");
  assertEquals(exitCode, 6);
  assertMatch(stdout, /^ {2}udp \d+ -> \d+, 60 s, granted/m);
});

Deno.test("doctor says that the test mapping stays when its deletion is not answered", async () => {
  const world = new TestWorld({
    ...HEALTHY,
    faultsFor: (request) => request.kind === "map" && request.lifetimeSeconds === 0 ? { silent: true } : {},
  });
  const { exitCode, stdout } = await world.run("doctor");
  assertEquals(exitCode, 0);
  assertMatch(stdout, /^ {2}not deleted: /m);
  assertMatch(stdout, /^ {2}Wait 60 s until the test mapping expires: /m);
  assertEquals(world.deletions.length, 2);
});

Deno.test("doctor without a gateway shows the rest, sends nothing, and ends with 3", async () => {
  const world = new TestWorld({ noGateway: new NoGatewayError("Cannot find a router: there is none") });
  const { exitCode, stdout, stderr } = await world.run("doctor", "80");
  assertEquals([exitCode, stderr], [3, "natpmp: error: Cannot find a router: there is none\n"]);
  assertMatch(stdout, /^ {2}none: Cannot find a router: there is none$/m);
  assertMatch(stdout, /^ {2}natpmp asked no router$/m);
  assertMatch(stdout, /^ {2}tcp 80: /m);
  assertEquals([world.received, world.sentFrom.length], [0, 0]);
});

Deno.test("doctor of an unknown interface is a usage error as of any command", async () => {
  const noGateway = new UnknownInterfaceError("Cannot send from eth7: there is eth0", "eth7", ["eth0"]);
  const survey = { failure: noGateway };
  const { exitCode, stdout, stderr } = await new TestWorld({ noGateway: noGateway, survey }).run(
    "doctor",
    "-i",
    "eth7",
  );
  assertEquals([exitCode, stdout, stderr], [2, "", "natpmp: error: Cannot send from eth7: there is eth0\n"]);
});

Deno.test("doctor asks the gateway that --gateway names, also where none would be found", async () => {
  const world = new TestWorld({ ...HEALTHY, noGateway: new NoGatewayError("there is none") });
  const { exitCode, stdout } = await world.run("doctor", "-g", "10.0.0.1");
  assertEquals(exitCode, 0);
  assertMatch(stdout, /^ {2}10\.0\.0\.1, named with --gateway$/m);
  assertMatch(stdout, /^ {2}other routers are unknown: there is none$/m);
});

Deno.test("doctor goes on where port 5350 cannot be shared", async () => {
  const { stdout } = await new TestWorld({ ...HEALTHY, hasNoSocket: true }).run("doctor");
  assertMatch(stdout, /^ {2}port 5350 cannot be shared: /m);
  assertMatch(stdout, /^Advice\n {2}./m);
});

Deno.test("doctor names every candidate, and says why the others were not taken", async () => {
  const chosen = {
    interfaceName: "eth0",
    gateway: "10.0.0.1",
    guessed: false,
    chosen: true,
    reason: "default route through eth0",
  };
  const other = {
    ...chosen,
    interfaceName: "eth1",
    gateway: "10.9.0.1",
    metric: 200,
    chosen: false,
    reason: "metric",
  };
  const world = () => new TestWorld({ ...HEALTHY, survey: { candidates: [chosen, other] } });
  const { stdout } = await world().run("doctor");
  assertMatch(stdout, /^ {2}not chosen: 10\.9\.0\.1, metric$/m);
  assertEquals(stdout.match(/10\.0\.0\.1, default route/g)?.length, 1);
  const { json } = await world().runJson("doctor");
  const { interfaceName, ...rest } = other;
  assertEquals((json.candidates as unknown[])[1], { interface: interfaceName, ...rest });
});

Deno.test("doctor tells ports that are taken here, elsewhere, or not to be told", async () => {
  const binds: Readonly<Record<string, "free" | "taken" | "forbidden">> = {
    "0.0.0.0:80": "taken",
    "10.0.0.2:80": "taken",
    "0.0.0.0:81": "taken",
    "10.0.0.2:81": "free",
    "0.0.0.0:82": "forbidden",
    "10.0.0.2:82": "forbidden",
  };
  const asked: string[] = [];
  const tryBind = (protocol: string, hostname: string, port: number) => {
    asked.push(protocol);
    return Promise.resolve(binds[`${hostname}:${port}`] ?? "free" as const);
  };
  const world = new TestWorld({ ...HEALTHY, network: { tryBind } });
  const { stdout } = await world.run("doctor", "80", "81/udp", "82", "83/both");
  assertMatch(stdout, /^ {2}tcp 80: a program uses it \(natpmp could not bind 10\.0\.0\.2:80\)$/m);
  assertMatch(stdout, /^ {2}udp 81: a program uses it, but not on this address \(/m);
  assertMatch(stdout, /^ {2}tcp 82: unknown \(this user may not bind .*\)$/m);
  assertMatch(stdout, /^ {2}tcp 83: nothing listens/m);
  assertMatch(stdout, /^ {2}udp 83: nothing listens/m);
  assertEquals([...new Set(asked)].sort(), ["tcp", "udp"]);
});

Deno.test("doctor advises to map on the host where a container behind a bridge gets no answer", async () => {
  const containerSigns = () =>
    Promise.resolve({ marks: ["/.dockerenv"], controlGroups: "", isHalfOfPair: true });
  const world = (options: TestWorldOptions) => new TestWorld({ ...options, process: { containerSigns } });
  const failing = await world({ faults: { silent: true } }).run("doctor");
  assertMatch(failing.stdout, /^ {2}this looks like a container: \/\.dockerenv/m);
  assertMatch(failing.stdout, /^Advice\n {2}Make the mapping on the host/m);
  const working = await world(HEALTHY).run("doctor");
  assertNotMatch(working.stdout, /on the host/);
});

Deno.test("doctor --json has every part, and no nulls", async () => {
  const { json } = await new TestWorld(HEALTHY).runJson("doctor", "80");
  assertEquals(Object.keys(json), [
    "command",
    "gateway",
    "port",
    "interface",
    "localAddress",
    "localAddressClass",
    "reason",
    "guessed",
    "overrulesTable",
    "interfaces",
    "candidates",
    "container",
    "via",
    "protocols",
    "upnpRouters",
    "externalAddress",
    "externalAddressClass",
    "epochSeconds",
    "attempts",
    "elapsedMs",
    "announcements",
    "testMapping",
    "ports",
    "datagrams",
    "advice",
  ]);
  assertNotMatch(JSON.stringify(json), /null/);
  assertEquals(json.interfaces, [{ name: "eth0", family: "IPv4", address: "10.0.0.2", prefixLength: 24 }]);
  assertEquals(
    (json.datagrams as { text: string }[])[0]?.text,
    "-> 10.0.0.1:5351 PCP announce request: from 10.0.0.2 (24 bytes), attempt 1",
  );
});

Deno.test("doctor prints its report with --quiet too, as it was asked for", async () => {
  const { stdout } = await new TestWorld(HEALTHY).run("doctor", "--quiet");
  assertStringIncludes(stdout, "Router");
});

Deno.test("doctor --verbose shows each datagram on stderr while it comes", async () => {
  const { stderr } = await new TestWorld(HEALTHY).run("doctor", "--verbose");
  assertEquals(stderr.match(/ms (->|<-) 10\.0\.0\.1:5351/g)?.length, 8);
});

Deno.test("doctor shows a long wait on a terminal", async () => {
  const world = new TestWorld({ ...HEALTHY, isTerminal: true, faults: { latencyMs: 900 } });
  assertStringIncludes((await world.run("doctor")).stderr, "Waiting for 10.0.0.1:5351");
});

Deno.test("doctor that is stopped deletes its test mapping and ends as by the signal", async () => {
  const world: TestWorld = new TestWorld({
    ...HEALTHY,
    onSend: (request) => {
      if (request.kind === "map" && request.lifetimeSeconds === 0) world.stop();
    },
  });
  assertEquals((await world.run("doctor")).exitCode, 130);
  assertEquals(world.mappings, []);
});

Deno.test("doctor refuses what it cannot read before anything is sent", async () => {
  for (const args of [["12abc"], ["--timeout", "0"], ["--gateway", "home"], ["--udp", "--tcp"], ["0"]]) {
    const world = new TestWorld();
    assertEquals((await world.run("doctor", ...args)).exitCode, 2);
    assertEquals([world.received, world.sentFrom.length], [0, 0]);
  }
});
