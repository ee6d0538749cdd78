import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { type JsonObject, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";
import { attachIgd, type ScriptedIgd } from "../../support/scripted_igd.ts";

const PUBLIC = "11.22.33.44";
const ONLY_UPNP = { speaks: "none", upnp: "igd1", gateway: { externalAddress: PUBLIC } } as const;
const CLOSED = { conditions: { reportsPortUnreachable: true } } as const;

const CONNECTED = { NewConnectionStatus: "Connected", NewLastConnectionError: "ERROR_NONE", NewUptime: "9" };
const ANSWERS = {
  GetStatusInfo: CONNECTED,
  GetNATRSIPStatus: { NewRSIPAvailable: "0", NewNATEnabled: "1" },
  GetExternalIPAddress: { NewExternalIPAddress: PUBLIC },
};
const ROUTER: ScriptedIgd = { address: "10.0.0.1", service: "WANIPConnection:1", answers: ANSWERS };

/** A world whose only devices are these. */
function worldOf(devices: readonly ScriptedIgd[], options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld({ speaks: "none", ...CLOSED, ...options });
  for (const device of devices) attachIgd(world.memory, device);
  return world;
}

function findings({ advice }: JsonObject): string[] {
  return (advice as { finding: string }[]).map(({ finding }) => finding);
}

function routers({ upnpRouters }: JsonObject): Record<string, unknown>[] {
  return upnpRouters as Record<string, unknown>[];
}

function vias({ protocols }: JsonObject): string[] {
  return (protocols as { via: string; error?: { kind: string } }[]).map(({ via, error }) =>
    error === undefined ? via : `${via}: ${error.kind}`
  );
}

Deno.test("doctor of a router that speaks only UPnP maps by that, and finds no fault", async () => {
  const world = new TestWorld({ ...ONLY_UPNP, ...CLOSED });
  const { exitCode, stdout, stderr } = await world.run("doctor");
  assertEquals([exitCode, stderr, world.mappings], [0, "", []]);
  const [, answer, rest] = /\nAnswer\n([^]*\n)(Announcements\n[^]*)Datagrams\n/.exec(stdout) ?? [];
  assertEquals(
    answer,
    [
      "  PCP: No program listens on UDP port 5351 of 10.0.0.1 (ICMP port unreachable), after 0 ms (attempts: 1)",
      "  NAT-PMP: No program listens on UDP port 5351 of 10.0.0.1 (ICMP port unreachable), after 0 ms (attempts: 1)",
      "  UPnP: answered in 0 ms (attempts: 1)",
      "  external address 11.22.33.44, public",
      "  natpmp uses UPnP",
      "UPnP routers",
      "  10.0.0.1, which natpmp uses for UPnP",
      '    name: "Simulated router"',
      '    model: "natpmp Simulated router"',
      '    software: "Linux/6.1 UPnP/1.1 natpmp-simulate/1.0"',
      "    description: http://10.0.0.1:5000/rootDesc.xml, version 1",
      "    services that map ports: WANIPConnection:1",
      '    state: "Connected", NAT is on, external address 11.22.33.44, public',
      "",
    ].join("\n"),
  );
  assertMatch(
    rest ?? "",
    /\n {2}udp 11\.22\.33\.44:\d+ -> \d+, 60 s, granted in 0 ms, and the router lists it\n/,
  );
  assertMatch(stdout, /^ {2}\+2000\.0 ms -> 10\.0\.0\.1:5000 UPnP AddPortMapping .*LeaseDuration=60$/m);
  assertMatch(stdout, /^Advice\n {2}Nothing to do: this router opens ports\n$/m);
});

Deno.test("doctor shows of a search the first datagram to each address", async () => {
  const { stdout } = await new TestWorld(ONLY_UPNP).run("doctor", "--via", "upnp");
  assertEquals(stdout.match(/-> \S+ UPnP search/g), [
    "-> 10.0.0.1:1900 UPnP search",
    "-> 239.255.255.250:1900 UPnP search",
  ]);
});

Deno.test("doctor --json has what the router reports about itself", async () => {
  const device = {
    ...ROUTER,
    server: "OpenWrt UPnP/1.1 MiniUPnPd/2.3.9",
    about: { friendlyName: "Box", manufacturer: "Maker", modelName: "M", modelNumber: "7" },
  };
  const { json } = await worldOf([device]).runJson("doctor");
  assertEquals(routers(json), [{
    address: "10.0.0.1",
    location: "http://10.0.0.1:8000/igd.xml",
    server: "OpenWrt UPnP/1.1 MiniUPnPd/2.3.9",
    friendlyName: "Box",
    manufacturer: "Maker",
    modelName: "M",
    modelNumber: "7",
    igdVersion: 1,
    services: ["WANIPConnection:1"],
    connectionStatus: "Connected",
    chosen: true,
    externalAddress: PUBLIC,
    externalAddressClass: "public",
    natEnabled: true,
  }]);
});

Deno.test("doctor tests UPnP beside PCP and NAT-PMP, and maps over PCP", async () => {
  const world = new TestWorld({ ...ONLY_UPNP, speaks: "both", upnp: "igd2" });
  const { exitCode, json } = await world.runJson("doctor");
  assertEquals([exitCode, json.via, vias(json)], [0, "pcp", ["pcp", "nat-pmp", "upnp"]]);
  assertEquals(routers(json).map(({ services, igdVersion }) => [services, igdVersion]), [[
    ["WANIPConnection:2"],
    2,
  ]]);
  assertEquals([findings(json), world.pcpRequests.map(({ kind }) => kind)], [[], ["announce", "map", "map"]]);
});

Deno.test("doctor sends nothing of UPnP with --via pcp and --via nat-pmp, and nothing else with --via upnp", async () => {
  for (const via of ["pcp", "nat-pmp"]) {
    const world = new TestWorld({ ...ONLY_UPNP, speaks: "both" });
    const { json } = await world.runJson("doctor", "--via", via);
    assertEquals([vias(json), "upnpRouters" in json], [[via], false]);
    assertEquals([world.gateway.counters.searches, world.gateway.counters.httpRequests], [0, 0]);
  }
  const world = new TestWorld({ ...ONLY_UPNP, speaks: "both" });
  const { exitCode, json } = await world.runJson("doctor", "--via", "upnp");
  assertEquals([exitCode, vias(json), json.via, world.received], [0, ["upnp"], "upnp", 0]);
  assertEquals(["port", "announcements"].filter((name) => name in json), []);
  assertEquals((json.testMapping as JsonObject).verified, true);
});

Deno.test("doctor --igd asks the router that the URL names, without a search", async () => {
  const world = new TestWorld({ ...ONLY_UPNP, speaks: "both" });
  const { exitCode, json } = await world.runJson("doctor", "--igd", "http://10.0.0.1:5000/rootDesc.xml");
  assertEquals([exitCode, json.reason, json.via, vias(json)], [0, "named with --igd", "upnp", ["upnp"]]);
  assertEquals([world.received, world.gateway.counters.searches, world.clock.now()], [0, 0, 0]);
  assertEquals(routers(json).length, 1);
});

Deno.test("doctor --igd ends as other commands do where the URL leads nowhere", async () => {
  const url = "http://10.0.0.1:8000/igd.xml";
  for (
    const [device, found] of [
      [{ ...ROUTER, address: "10.0.0.9" }, "http-silence"],
      [{ address: "10.0.0.1" }, "maps-no-ports"],
      [{ address: "10.0.0.1", isGone: true }, "unreadable-description"],
    ] as const
  ) {
    const { exitCode, json } = await worldOf([device]).runJson("doctor", "--igd", url);
    assertEquals(findings(json).filter((one) => one === found), [found]);
    assertEquals(exitCode, (await worldOf([device]).run("address", "--igd", url)).exitCode);
  }
});

Deno.test("doctor ends with 8 and both reasons where port 5351 is closed and UPnP is absent", async () => {
  const { exitCode, stdout, stderr } = await worldOf([]).run("doctor");
  assertEquals(exitCode, 8);
  assertMatch(stdout, /^ {2}UPnP: No router answered the search at 10\.0\.0\.1 within 2 s$/m);
  assertMatch(
    stdout,
    /^Advice\n {2}Turn on UPnP, NAT-PMP or PCP in the router 10\.0\.0\.1: its UDP port 5351 is closed, and no UPnP router/m,
  );
  assertMatch(
    stderr,
    /^natpmp: error: PCP, NAT-PMP: no program listens .*\. UPnP: no router answered the search .* within 2 s\. /,
  );
});

Deno.test("doctor ends as natpmp address does where nothing is spoken", async () => {
  for (const options of [{}, CLOSED, { faults: { silent: true } }]) {
    for (const via of [[], ["--via", "upnp"], ["--via", "pcp"]]) {
      const world = () => new TestWorld({ speaks: "none", ...options });
      const doctor = await world().run("doctor", ...via);
      const address = await world().run("address", ...via);
      assertEquals(doctor.exitCode, address.exitCode);
    }
  }
});

Deno.test("doctor lists every router that answers, and finds that there are several", async () => {
  const second = { ...ROUTER, address: "10.0.0.254" };
  const television = { address: "10.0.0.77", deviceType: "MediaRenderer:1" };
  const { json, exitCode } = await worldOf([television, ROUTER, second]).runJson("doctor", "--via", "upnp");
  assertEquals(routers(json).map(({ address, chosen }) => [address, chosen]), [["10.0.0.1", true], [
    "10.0.0.254",
    false,
  ]]);
  assertEquals([findings(json).includes("several-routers"), exitCode], [true, 8]);
  const elsewhere = await worldOf([{ ...ROUTER, address: "10.0.0.9" }, second]).runJson("doctor");
  const several = (elsewhere.json.advice as Record<string, unknown>[]).find(({ finding }) =>
    finding === "several-routers"
  );
  // The gateway is none of them.
  assertEquals([several?.gateway, several?.addresses], ["10.0.0.9", ["10.0.0.9", "10.0.0.254"]]);
  const named = await worldOf([ROUTER, second]).runJson("doctor", "--via", "upnp", "-g", "10.0.0.254");
  assertEquals(routers(named.json).map(({ address }) => address), ["10.0.0.254"]);
});

Deno.test("doctor finds a bridge, a connection that is down, a router that maps no ports, and one that is broken", async () => {
  const withAnswers = (answers: NonNullable<ScriptedIgd["answers"]>) => ({
    ...ROUTER,
    answers: { ...ANSWERS, ...answers },
  });
  const cases: readonly (readonly [ScriptedIgd, string])[] = [
    [withAnswers({ GetNATRSIPStatus: { NewRSIPAvailable: "0", NewNATEnabled: "0" } }), "nat-off"],
    [withAnswers({ GetStatusInfo: { ...CONNECTED, NewConnectionStatus: "Connecting" } }), "disconnected"],
    [{ address: "10.0.0.1" }, "maps-no-ports"],
    [{ address: "10.0.0.1", isGone: true }, "unreadable-description"],
    [{ ...ROUTER, server: "Linux UPnP/1.1 MiniUPnPd/2.3.10" }, "broken-miniupnpd"],
  ];
  for (const [device, finding] of cases) {
    const { json } = await worldOf([device]).runJson("doctor");
    assertEquals(findings(json).filter((one) => one === finding), [finding]);
  }
  const { json } = await worldOf([{ ...ROUTER, server: "MiniUPnPd/2.3.1" }]).runJson("doctor");
  assertEquals(findings(json).includes("broken-miniupnpd"), false);
});

Deno.test("doctor of a router that maps no ports by UPnP finds no fault in that where it speaks PCP", async () => {
  const world = worldOf([{ address: "10.0.0.1" }], { ...ONLY_UPNP, speaks: "pcp", upnp: undefined! });
  const { exitCode, json } = await world.runJson("doctor");
  assertEquals([exitCode, json.via, findings(json)], [0, "pcp", ["pcp-only"]]);
});

Deno.test("doctor warns of a double NAT over UPnP", async () => {
  const { json } = await new TestWorld({
    speaks: "none",
    upnp: "igd1",
    gateway: { externalAddress: "192.168.1.5" },
  })
    .runJson("doctor");
  assertEquals([findings(json), json.externalAddressClass], [["not-public"], "private"]);
});

Deno.test("doctor of a UPnP router without an external address ends with 6, and maps all the same", async () => {
  const world = new TestWorld({ ...ONLY_UPNP, faults: { noAddress: true } });
  const { exitCode, json } = await world.runJson("doctor");
  assertEquals([exitCode, json.error?.kind, findings(json)], [6, "network-failure", ["refused"]]);
  assertEquals((json.testMapping as JsonObject).deleted, true);
  assertEquals(routers(json)[0]?.connectionStatus, "Disconnected");
});

Deno.test("doctor finds that a router grants only mappings that never end, and leaves none", async () => {
  const world = new TestWorld({ ...ONLY_UPNP, faults: { upnpPermanentOnly: true } });
  const { exitCode, json } = await world.runJson("doctor");
  const { permanent, deleted } = json.testMapping as JsonObject;
  assertEquals([exitCode, permanent, deleted, findings(json)], [0, true, true, ["permanent-only"]]);
  assertEquals(world.mappings, []);
});

Deno.test("doctor ends with a UPnP router's refusal to map", async () => {
  for (const [error, exit] of [[606, 5], [501, 7], [728, 7], [402, 9]] as const) {
    const options = { ...ONLY_UPNP, faults: { upnpAddError: error } };
    const { exitCode, json } = await new TestWorld(options).runJson("doctor");
    const map = await new TestWorld(options).run("map", "80");
    assertEquals([exitCode, map.exitCode, json.error?.resultCode], [exit, exit, error]);
    assertEquals(findings(json).includes("refused"), true);
  }
});

Deno.test("doctor shows that the router does not list the test mapping, or cannot be asked", async () => {
  const unlisted = await new TestWorld({ ...ONLY_UPNP, faults: { upnpNoMapping: true } }).runJson("doctor");
  assertEquals([unlisted.exitCode, unlisted.json.error?.kind], [9, "unknown-result"]);
  const { stdout } = await new TestWorld({
    ...ONLY_UPNP,
    faults: { upnpSpecificError: 606, upnpNoListing: true },
  })
    .run("doctor");
  assertMatch(stdout, /granted in 0 ms; the router does not show whether it lists it\n {2}deleted\n/);
});

Deno.test("doctor waits for a slow UPnP router where UPnP is named, and advises to name it", async () => {
  const options = { ...ONLY_UPNP, faults: { upnpSearchLatencyMs: 3000 } };
  assertEquals((await new TestWorld({ ...options, ...CLOSED }).run("doctor")).exitCode, 8);
  const { exitCode, json } = await new TestWorld(options).runJson("doctor", "--via", "upnp");
  assertEquals([exitCode, findings(json)], [0, ["slow-search"]]);
});

Deno.test("doctor searches no longer than --timeout", async () => {
  const world = new TestWorld({ speaks: "none" });
  const { exitCode } = await world.run("doctor", "--timeout", "1");
  // One second for each of the three protocols.
  assertEquals([exitCode, world.clock.now()], [4, 3000]);
});

Deno.test("doctor shows nothing of a router's texts that a terminal would obey", async () => {
  const world = () => new TestWorld({ ...ONLY_UPNP, faults: { upnpHostileText: true } });
  for (const json of [[], ["--json"]]) {
    const { exitCode, stdout, stderr } = await world().run("doctor", ...json);
    assertEquals(exitCode, 0);
    // deno-lint-ignore no-control-regex
    assertNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f]/);
  }
});

Deno.test("doctor cuts a router's long texts", async () => {
  const about = { friendlyName: "x".repeat(5000) };
  const { json } = await worldOf([{ ...ROUTER, about }]).runJson("doctor");
  assertEquals([...(routers(json)[0]?.friendlyName as string)].length, 256);
});

Deno.test("doctor that is stopped while it searches ends as by the signal", async () => {
  const world = new TestWorld(ONLY_UPNP);
  void world.clock.sleep(500).then(() => world.stop());
  assertEquals((await world.run("doctor", "--via", "upnp")).exitCode, 130);
});
