// What somebody at the command line sees of a router that speaks UPnP alone.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { UpnpClient } from "../../../lib/upnp/client.ts";
import type { MapRequest } from "../../../lib/port_mapper.ts";
import type { JsonOutput } from "../../support/json_output.ts";
import { GATEWAY, OTHER_HOST, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

/** Where the simulated router serves HTTP. */
const HTTP = `http://${GATEWAY}:5000`;

function upnpWorld(options: TestWorldOptions = {}): TestWorld {
  return new TestWorld({
    speaks: "none",
    upnp: "igd1",
    conditions: { reportsPortUnreachable: true },
    ...options,
  });
}

/** Another host of the network maps a port. */
async function otherHostMaps({ memory, clock }: TestWorld, request: MapRequest): Promise<void> {
  const { open, connect } = memory.host(OTHER_HOST);
  const client = new UpnpClient(GATEWAY, {
    clock,
    random: () => 0.5,
    openSocket: open,
    connectStream: connect,
    localAddress: OTHER_HOST,
  });
  await clock.runUntil(client.map(request));
}

/** The object that a command printed after others. */
async function jsonOf(world: TestWorld, ...args: string[]): Promise<{ exitCode: number; json: JsonOutput }> {
  const before = world.stdout.text.length;
  const { exitCode } = await world.run(...args, "--json");
  return { exitCode, json: JSON.parse(world.stdout.text.slice(before)) };
}

Deno.test("map, address, status and unmap work at a UPnP router with no option, and JSON names the protocol", async () => {
  const world = upnpWorld();
  const map = await jsonOf(world, "map", "8080:80");
  const [mapped] = map.json.mappings ?? [];
  assertEquals([map.exitCode, mapped?.via, mapped?.externalPort, mapped?.verified], [0, "upnp", 8080, true]);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  assertEquals((await jsonOf(world, "address")).json.via, "upnp");
  const { leases } = JSON.parse((await world.run("status", "--json")).stdout.trim().split("\n").at(-1)!);
  assertEquals([leases.length, leases[0].via], [1, "upnp"]);
  assertEquals((await jsonOf(world, "unmap", "80")).json.mappings?.[0]?.via, "upnp");
  assertEquals(world.mappings, []);
});

Deno.test("map costs 5 requests at a router that nobody knows, and 4 where its service is remembered", async () => {
  const world = upnpWorld();
  await world.run("map", "8080:80");
  assertEquals(world.gateway.counters.httpRequests, 5);
  await world.run("map", "8080:80");
  assertEquals(world.gateway.counters.httpRequests, 9);
});

Deno.test("the lines for people are those of the other protocols", async () => {
  const world = upnpWorld();
  const { stdout, stderr } = await world.run("map", "8080:80", "53/udp");
  assertEquals([stdout, stderr], [
    "tcp 203.0.113.7:8080 -> 80, 7200 s\nudp 203.0.113.7:53 -> 53, 7200 s\n",
    "",
  ]);
});

Deno.test("a router that grants only permanent mappings gets one, with a warning, and unmap deletes it", async () => {
  const world = upnpWorld({ faults: { upnpPermanentOnly: true } });
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80");
  assertEquals([exitCode, stdout], [0, "tcp 203.0.113.7:8080 -> 80, permanent\n"]);
  assertMatch(
    stderr,
    /warning: The router grants only mappings that never end: tcp 80 stays until natpmp unmap/,
  );
  const { json } = await jsonOf(world, "map", "8080:80");
  const [mapped] = json.mappings ?? [];
  assertEquals([mapped?.permanent, mapped?.lifetimeSeconds, mapped?.expiresAt], [true, undefined, undefined]);
  assertEquals((await world.run("unmap", "80")).exitCode, 0);
  assertEquals(world.mappings, []);
});

Deno.test("a mapping that the router cannot be asked for counts, and is not verified", async () => {
  for (const upnpSpecificError of [401, 501, 602, 606]) {
    const { exitCode, json } = await upnpWorld({ faults: { upnpSpecificError } }).runJson("map", "8080:80");
    assertEquals([exitCode, json.mappings?.[0]?.verified], [0, false], `${upnpSpecificError}`);
  }
});

/** What a router refuses, and how the command ends. */
const REFUSALS: readonly (readonly [error: number, args: readonly string[], exit: number, cure: RegExp])[] = [
  [606, [], 5, /this host may not do that \(UPnP error 606\).*Allow UPnP for this host/],
  [728, [], 7, /UPnP error 728.*delete one/],
  [718, [], 7, /External tcp port 8080 and 4 others are taken/],
  [729, [], 7, /External tcp port 8080 and 4 others are taken/],
  [501, [], 7, /External tcp ports 8080, \d+: the action failed \(UPnP error 501\)/],
  [718, ["--exact"], 10, /External tcp port 8080 is taken.*--exact/],
  [729, ["--exact"], 10, /External tcp port 8080 is taken.*--exact/],
  [501, ["--exact"], 9, /UPnP error 501/],
  [899, [], 9, /\(UPnP error 899\)/],
  [401, [], 8, /UPnP error 401/],
];

for (const [upnpAddError, args, exit, cure] of REFUSALS) {
  Deno.test(`UPnP error ${upnpAddError} ${args.join("")} ends with ${exit}, and the message has number and cure`, async () => {
    const world = upnpWorld({ faults: { upnpAddError } });
    const { exitCode, stderr } = await world.run("map", "8080:80", ...args);
    assertEquals(exitCode, exit, stderr);
    assertMatch(stderr, cure);
    assertEquals(world.mappings, []);
  });
}

Deno.test("a router that reports success and maps nothing is a failure", async () => {
  const { exitCode, stderr } = await upnpWorld({ faults: { upnpNoMapping: true } }).run("map", "8080:80");
  assertEquals(exitCode, 9);
  assertStringIncludes(stderr, "granted external tcp port 8080 but does not list it");
});

Deno.test("text from a router shows no control characters", async () => {
  const world = upnpWorld({ faults: { upnpHostileText: true } });
  await world.run("map", "8080:80");
  const outputs = [await world.run("list"), await world.run("map", "81", "--verbose")];
  for (const { stdout, stderr } of outputs) {
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/.test(stdout + stderr), false);
  }
});

Deno.test("a router without an external address maps with a warning, and address ends with 6", async () => {
  const world = upnpWorld({ faults: { noAddress: true } });
  const map = await world.run("map", "8080:80");
  assertEquals([map.exitCode, map.stdout], [0, "tcp 8080 -> 80, 7200 s\n"]);
  assertMatch(map.stderr, /warning: The external address is unknown/);
  assertEquals((await world.run("address")).exitCode, 6);
});

Deno.test("map --if-due makes a mapping again that has vanished inside of its lease", async () => {
  const world = upnpWorld();
  const due = () => world.run("map", "8080:80", "--if-due", "--quiet");
  assertEquals((await due()).exitCode, 0);
  const before = world.stdout.text.length;
  await due();
  assertEquals(world.stdout.text.length, before);
  world.gateway.forget();
  assertEquals((await due()).exitCode, 0);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  assertStringIncludes(world.stdout.text.slice(before), "tcp 203.0.113.7:8080 -> 80, 7200 s (mapped again: ");
});

Deno.test("what another host holds is left alone: another port, or exit 10 with --exact; unmap ends with 5", async () => {
  const world = upnpWorld();
  await otherHostMaps(world, { protocol: "tcp", externalPort: 8080, internalPort: 22 });
  const other = await world.run("map", "8080:80", "--exact");
  assertEquals(other.exitCode, 10);
  assertStringIncludes(other.stderr, `it leads to ${OTHER_HOST}:22`);
  const moved = await world.run("map", "8080:80");
  assertEquals(moved.exitCode, 0);
  assertMatch(moved.stdout, /\(asked for 8080\)\n$/);
  const { exitCode, stderr } = await world.run("unmap", "8080:22");
  assertEquals(exitCode, 5);
  assertStringIncludes(stderr, `leads to ${OTHER_HOST}:22, not to port 22 of this host`);
  assertEquals(world.mappings.includes(`tcp ${OTHER_HOST} 8080:22`), true);
});

Deno.test("--force overwrites what another host holds, and deletes it, where the router lets this host", async () => {
  const world = upnpWorld({ faults: { allowThirdParty: true } });
  await otherHostMaps(world, { protocol: "tcp", externalPort: 8080, internalPort: 22 });
  assertEquals((await world.run("unmap", "8080:22", "--force")).exitCode, 0);
  assertEquals(world.mappings, []);
});

Deno.test("list prints the table of every host, this one's with an asterisk, and --mine only those", async () => {
  const world = upnpWorld();
  assertEquals((await world.run("list")).stdout, "No mappings\n");
  await otherHostMaps(world, { protocol: "udp", externalPort: 53, internalPort: 5353 });
  await world.run("map", "8080:80");
  const before = world.stdout.text.length;
  await world.run("list");
  const [headings, ...rows] = world.stdout.text.slice(before).trimEnd().split("\n");
  assertMatch(
    headings!,
    /^ {2}PROTO {2}EXTERNAL {2}CLIENT +INTERNAL {2}TIME LEFT {2}ENABLED {2}DESCRIPTION$/,
  );
  assertEquals(rows.length, 2);
  assertMatch(rows.find((row) => row.includes("udp"))!, /^ {2}udp +53 +10\.0\.0\.3 +5353 /);
  assertMatch(
    rows.find((row) => row.includes("tcp"))!,
    /^\* tcp +8080 +10\.0\.0\.2 +80 +7\d+ s +yes +natpmp .* TCP 8080$/,
  );
  const { json } = await jsonOf(world, "list", "--mine");
  assertEquals(json.mappings?.map(({ externalPort, isOwn }) => [externalPort, isOwn]), [[8080, true]]);
});

Deno.test("list at a router without UPnP ends with 8 and says what to do instead", async () => {
  const world = new TestWorld({ speaks: "both", conditions: { reportsPortUnreachable: true } });
  const { exitCode, stderr } = await world.run("list");
  assertEquals(exitCode, 8);
  assertStringIncludes(
    stderr,
    "PCP and NAT-PMP cannot list mappings; natpmp status shows what this host made",
  );
  assertEquals([world.requests, world.pcpRequests], [[], []]);
});

Deno.test("--igd names the router, without a search and without a default route", async () => {
  const world = upnpWorld();
  const igd = ["--igd", `${HTTP}/rootDesc.xml`];
  assertEquals((await world.run("map", "8080:80", ...igd)).exitCode, 0);
  assertEquals([world.mappings, world.gateway.counters.searches], [["tcp 10.0.0.2 8080:80"], 0]);
  const gone = await world.run("address", "--igd", `${HTTP}/nothing.xml`);
  assertEquals(gone.exitCode, 8, gone.stderr);
  const closed = await world.run("address", "--igd", "http://10.0.0.1:9/rootDesc.xml");
  assertEquals(closed.exitCode, 4, closed.stderr);
});

for (
  const [args, message] of [
    [["--igd", "https://10.0.0.1/x"], "is not an http URL"],
    [["--igd", "http://router.lan/x"], "does not name its host by an IPv4 address"],
    [["--igd", "http://2130706433/x"], "does not name its host by an IPv4 address"],
    [["--igd", "http://10.0.0.1/x", "--gateway", "10.0.0.1"], "Cannot use --igd with --gateway"],
    [["--igd", "http://10.0.0.1/x", "--via", "pcp"], "Options --igd and --via pcp contradict each other"],
    [["--via", "upnp", "--allow-port-zero"], "to UPnP, internal port 0 is not a port"],
  ] as const
) {
  Deno.test(`map ${args.join(" ")} is refused before anything is sent`, async () => {
    const world = upnpWorld();
    const { exitCode, stderr } = await world.run("map", "80", ...args);
    assertEquals([exitCode, world.sentFrom], [2, []]);
    assertStringIncludes(stderr, message);
    assert(world.gateway.counters.searches === 0);
  });
}
