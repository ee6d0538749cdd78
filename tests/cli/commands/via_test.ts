import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { HOST, TestWorld } from "../../support/test_world.ts";

const PCP_RESULTS = {
  notAuthorized: 2,
  malformedRequest: 3,
  quotaExceeded: 10,
  addressMismatch: 12,
} as const;

for (const speaks of ["pcp", "both"] as const) {
  Deno.test(`map, address and unmap of a router that speaks ${speaks} are over PCP, and JSON says so`, async () => {
    const world = new TestWorld({ speaks });
    const map = await world.run("map", "8080:80", "--json");
    const { mappings: [mapped], externalAddress } = JSON.parse(map.stdout);
    assertEquals([map.exitCode, mapped.via, externalAddress], [0, "pcp", "203.0.113.7"]);
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
    const before = world.stdout.text.length;
    await world.run("address", "--json");
    await world.run("unmap", "80", "--json");
    const [address, unmapped] = world.stdout.text.slice(before).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assertEquals([address.via, unmapped.mappings[0].via], ["pcp", "pcp"]);
    assertEquals([world.mappings, world.requests], [[], []]);
  });
}

Deno.test("the lines of map and address are the same, whatever the router speaks", async () => {
  for (const speaks of ["nat-pmp", "pcp", "both"] as const) {
    const world = new TestWorld({ speaks });
    await world.run("map", "8080:80");
    await world.run("address");
    assertEquals(world.stdout.text, "tcp 203.0.113.7:8080 -> 80, 7200 s\n203.0.113.7\n", speaks);
  }
});

Deno.test("map of a router that speaks both costs no more datagrams than over NAT-PMP", async () => {
  const [auto, natPmp] = [new TestWorld({ speaks: "both" }), new TestWorld({ speaks: "both" })];
  await auto.run("map", "8080:80");
  await natPmp.run("map", "8080:80", "--via", "nat-pmp");
  assertEquals([auto.received <= natPmp.received, natPmp.pcpRequests], [true, []]);
});

Deno.test("map --via takes that protocol and sends nothing of the other", async () => {
  const pcp = new TestWorld({ speaks: "both" });
  await pcp.run("map", "8080:80", "--via", "pcp");
  assertEquals([pcp.requests, pcp.mappings.length], [[], 1]);
  const natPmp = new TestWorld({ speaks: "both" });
  await natPmp.run("map", "8080:80", "--via=nat-pmp");
  assertEquals([natPmp.pcpRequests, natPmp.mappings.length], [[], 1]);
});

Deno.test("--via of a protocol that the router does not speak ends with 8, and names the other one", async () => {
  const pcp = await new TestWorld({ speaks: "nat-pmp" }).run("map", "80", "--via", "pcp");
  assertEquals(pcp.exitCode, 8);
  assertStringIncludes(pcp.stderr, "speaks NAT-PMP, not PCP. Use --via nat-pmp or --via auto");
  const natPmp = await new TestWorld({ speaks: "pcp" }).run("address", "--via", "nat-pmp");
  assertEquals(natPmp.exitCode, 8);
  assertStringIncludes(natPmp.stderr, "speaks PCP, not NAT-PMP. Use --via pcp or --via auto");
});

Deno.test("--via is read by every command before anything is sent: a wrong value is exit 2 with the list", async () => {
  for (
    const command of [["address"], ["map", "80"], ["unmap", "80"], ["watch", "80"], ["status"], ["doctor"]]
  ) {
    const world = new TestWorld();
    const { exitCode, stderr } = await world.run(...command, "--via", "nat-pm");
    assertEquals([exitCode, world.sentFrom], [2, []]);
    assertMatch(
      stderr,
      /^natpmp: error: Cannot read --via "nat-pm": write auto, pcp, nat-pmp, upnp; did you mean nat-pmp\?\n$/,
    );
  }
});

Deno.test("via of a configuration file is as --via, which wins over it", async () => {
  const world = new TestWorld({ speaks: "both" });
  const file = (via: string) => JSON.stringify({ via, mappings: ["8080:80"] });
  world.fakeMachine.files.set("/etc/natpmp.json", file("nat-pmp"));
  await world.run("map", "--config", "/etc/natpmp.json", "--no-state");
  assertEquals([world.pcpRequests.length, world.requests.length], [0, 2]);
  await world.run("map", "--config", "/etc/natpmp.json", "--no-state", "--via", "pcp");
  assertEquals(world.requests.length, 2);
  world.fakeMachine.files.set("/etc/natpmp.json", file("upnpc"));
  const { exitCode, stderr } = await world.run("map", "--config", "/etc/natpmp.json");
  assertEquals(exitCode, 2);
  assertStringIncludes(
    stderr,
    '/etc/natpmp.json: via: Cannot read via "upnpc": write auto, pcp, nat-pmp, upnp',
  );
});

Deno.test("--allow-port-zero with --via pcp is a usage error, and with auto is NAT-PMP", async () => {
  for (const command of ["map", "watch"]) {
    const world = new TestWorld({ speaks: "both" });
    const { exitCode, stderr } = await world.run(command, "1:0", "--allow-port-zero", "--via", "pcp");
    assertEquals([exitCode, world.received], [2, 0]);
    assertStringIncludes(stderr, "to PCP, internal port 0 means all ports");
  }
  const world = new TestWorld({ speaks: "both", faults: { allowPortZero: true } });
  await world.run("map", "1:0", "--allow-port-zero");
  assertEquals([world.pcpRequests, world.requests.length > 0], [[], true]);
});

Deno.test("--verbose prints which protocol is used, and why", async () => {
  const both = await new TestWorld({ speaks: "both" }).run("address", "--verbose");
  assertMatch(both.stderr, /^PCP: it answered$/m);
  const natPmp = await new TestWorld({ speaks: "nat-pmp" }).run("address", "--verbose");
  assertMatch(natPmp.stderr, /^NAT-PMP: PCP is not spoken$/m);
});

Deno.test("a closed port and a search without an answer are reported, a sentence for each", async () => {
  const world = new TestWorld({
    gateway: { actsAsNat: false },
    conditions: { reportsPortUnreachable: true },
  });
  const { exitCode, json } = await world.runJson("address");
  assertEquals([exitCode, json.via], [8, undefined]);
  assertMatch(
    `${json.error?.message}`,
    /^PCP, NAT-PMP: no program listens on UDP port 5351 of 10\.0\.0\.1 \(.*\)\. UPnP: no router answered the search at 10\.0\.0\.1 within 2 s\. Turn on UPnP, NAT-PMP or PCP /,
  );
});

/** Each refusal over PCP: its result, the exit code and what to do. */
const REFUSALS: readonly (readonly [result: number, exit: number, cure: RegExp])[] = [
  [PCP_RESULTS.notAuthorized, 5, /allow PCP for this host and port/],
  [7, 6, /no Internet connection/],
  [8, 7, /no room for another mapping/],
  [PCP_RESULTS.quotaExceeded, 7, /grants this host no more mappings/],
  [11, 10, /Leave out --exact/],
  [PCP_RESULTS.addressMismatch, 5, /another NAT or a proxy.*--gateway/],
  [13, 7, /no room/],
  [4, 8, /Turn on PCP/],
  [9, 8, /Turn on PCP/],
  [PCP_RESULTS.malformedRequest, 9, /does not understand this request/],
  [99, 9, /RFC 6887 does not define this result/],
];

for (const [resultCode, exit, cure] of REFUSALS) {
  Deno.test(`map --via pcp ends with ${exit} after PCP's result ${resultCode}, with its cure`, async () => {
    const world = new TestWorld({ speaks: "both", faults: { pcpResultCode: resultCode } });
    const { exitCode, json } = await world.runJson("map", "8080:80", "--via", "pcp");
    const [entry] = json.mappings ?? [];
    assertEquals([exitCode, entry?.via, entry?.error?.resultCode], [exit, "pcp", resultCode]);
    assertMatch(`${entry?.error?.message}`, cure);
  });
}

Deno.test("map goes on with NAT-PMP after ADDRESS_MISMATCH, and not after a refusal by policy", async () => {
  const mismatch = { pcpResultCode: PCP_RESULTS.addressMismatch };
  const other = new TestWorld({ speaks: "both", faults: mismatch });
  assertEquals((await other.runJson("map", "80")).json.mappings?.[0]?.via, "nat-pmp");
  const only = await new TestWorld({ speaks: "pcp", faults: mismatch }).runJson("map", "80");
  assertEquals([only.exitCode, only.json.mappings?.[0]?.via], [5, "pcp"]);
  const policy = { pcpResultCode: PCP_RESULTS.notAuthorized };
  const refused = new TestWorld({ speaks: "both", faults: policy });
  assertEquals([(await refused.run("map", "80")).exitCode, refused.requests], [5, []]);
});

Deno.test("a lease of PCP is renewed by --if-due and deleted by a later command, with its nonce", async () => {
  const world = new TestWorld({ speaks: "both" });
  await world.run("map", "8080:80", "--if-due");
  await world.clock.advance(70 * 60_000);
  assertEquals((await world.run("map", "8080:80", "--if-due")).exitCode, 0);
  assertEquals((await world.run("unmap", "80")).exitCode, 0);
  const nonces = world.pcpRequests.flatMap((request) => request.kind === "map" ? [request.nonce] : []);
  assertEquals(world.pcpRequests.map(({ kind }) => kind), ["announce", "map", "map", "map", "map"]);
  assertEquals(new Set(nonces).size, 1);
  assertEquals([world.mappings, world.requests], [[], []]);
});

Deno.test("map with another --via moves a lease: deleted by its own protocol, made by the other", async () => {
  const world = new TestWorld({ speaks: "both" });
  await world.run("map", "8080:80");
  await world.run("map", "8080:80", "--via", "nat-pmp");
  assertEquals(world.pcpRequests.map((request) => request.kind === "map" && request.lifetimeSeconds), [
    7200,
    0,
  ]);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("unmap of what the state does not know is over NAT-PMP; --via pcp ends with 5", async () => {
  const world = new TestWorld({ speaks: "both" });
  await world.run("map", "8080:80", "--via", "nat-pmp", "--no-state");
  const refused = await world.run("unmap", "80", "--via", "pcp");
  assertEquals([refused.exitCode, world.pcpRequests], [5, []]);
  assertEquals((await world.run("unmap", "80")).exitCode, 0);
  assertEquals(world.mappings, []);
});

Deno.test("unmap prints how long the router leaves a port open", async () => {
  const world = new TestWorld({ speaks: "pcp", faults: { lingerSeconds: 60 } });
  await world.run("map", "8080:80");
  const before = world.stdout.text.length;
  await world.run("unmap", "80");
  assertEquals(world.stdout.text.slice(before), "tcp 80 unmapped; the port closes within 60 s\n");
});

Deno.test("a nonce is not lost where no answer came: a later map takes the mapping over", async () => {
  for (
    const line of [["map", "8080:80"], ["map", "8080:80", "--if-due"], ["watch", "8080:80", "--for", "20s"]]
  ) {
    const world = new TestWorld({ speaks: "pcp", faults: { loseReplies: { first: 40 } } });
    await world.run(...line, "--via", "pcp");
    world.gateway.setFaults({}, world.clock.now());
    assertEquals(line[0] === "watch" || world.mappings.length === 1, true);
    assertEquals((await world.run("map", "8080:80")).exitCode, 0, line.join(" "));
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
    await world.run("unmap", "80");
    assertEquals(world.mappings, []);
  }
});

Deno.test("a port that is still closing is mapped again by a later command, with its nonce", async () => {
  const world = new TestWorld({ speaks: "pcp", faults: { lingerSeconds: 600 } });
  await world.run("map", "8080:80");
  await world.run("unmap", "80");
  assertEquals((await world.run("map", "8080:80")).exitCode, 0);
});

Deno.test("a nonce is neither in JSON nor in what --verbose prints", async () => {
  for (
    const line of [["map", "80"], ["map", "80", "--if-due"], ["status"], ["watch", "80", "--for", "10s"], [
      "unmap",
      "80",
    ]]
  ) {
    const world = new TestWorld({ speaks: "pcp" });
    await world.run("map", "80");
    const { token } = world.fakeStatePaths.state.gateways[0]!.entries[0]!.lease!;
    const { stdout, stderr } = await world.run(...line, "--json", "--verbose");
    assertEquals((stdout + stderr).includes(token!), false, line.join(" "));
  }
});

Deno.test("map renews at a router that has no resources for renewals", async () => {
  const world = new TestWorld({ speaks: "pcp", faults: { noResourcesOnRenewal: true } });
  await world.run("map", "8080:80");
  assertEquals((await world.run("map", "8080:80")).exitCode, 0);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("watch reports how long the router leaves a port open", async () => {
  const world = () => new TestWorld({ speaks: "pcp", faults: { lingerSeconds: 60 } });
  const text = await world().run("watch", "8080:80", "--for", "10s");
  assertMatch(text.stdout, /unmapped tcp 8080 -> 80; the port closes within 60 s\n/);
  const { stdout } = await world().run("watch", "8080:80", "--for", "10s", "--json");
  const unmapped = stdout.trim().split("\n").map((line) => JSON.parse(line))
    .find(({ event }) => event === "unmapped");
  assertEquals([unmapped.closesInSeconds, unmapped.previousExternalPort, unmapped.via], [60, 8080, "pcp"]);
});

Deno.test("map --if-due reports how long the router leaves a port open that the file no longer has", async () => {
  const world = new TestWorld({ speaks: "pcp", faults: { lingerSeconds: 60 } });
  const write = (mappings: readonly string[]) =>
    world.fakeMachine.files.set("/etc/natpmp.json", JSON.stringify({ mappings }));
  const run = ["map", "--config", "/etc/natpmp.json", "--if-due"];
  for (const form of [[], ["--json"]]) {
    write(["8080:80"]);
    await world.run(...run);
    write([]);
    const before = world.stdout.text.length;
    await world.run(...run, ...form);
    const text = world.stdout.text.slice(before);
    await world.clock.advance(60_000);
    if (form.length === 0) assertEquals(text, "tcp 80 unmapped; the port closes within 60 s\n");
    else assertEquals(JSON.parse(text).mappings[0].closesInSeconds, 60);
  }
});

Deno.test("unmap --all deletes each lease of PCP by its nonce, then everything by NAT-PMP", async () => {
  const world = new TestWorld({ speaks: "both" });
  await world.run("map", "80", "53/udp");
  await world.run("map", "443", "--via", "nat-pmp", "--no-state");
  const before = world.stdout.text.length;
  assertEquals((await world.run("unmap", "--all", "--json")).exitCode, 0);
  const { mappings } = JSON.parse(world.stdout.text.slice(before));
  assertEquals(
    mappings.map(({ protocol, internalPort, via }: Record<string, unknown>) => [protocol, internalPort, via]),
    [["tcp", 80, "pcp"], ["udp", 53, "pcp"], ["tcp", 0, "nat-pmp"], ["udp", 0, "nat-pmp"]],
  );
  assertEquals(world.mappings, []);
});

Deno.test("unmap --all of a router that speaks only PCP deletes what is known, and warns of the rest", async () => {
  for (const via of ["auto", "pcp"]) {
    const world = new TestWorld({ speaks: "pcp" });
    await world.run("map", "80");
    const before = world.stdout.text.length;
    const { exitCode, stderr } = await world.run("unmap", "--all", "--via", via);
    assertEquals([exitCode, world.stdout.text.slice(before)], [0, "tcp 80 unmapped\n"]);
    assertMatch(
      stderr,
      /^natpmp: warning: Over PCP, natpmp can delete only the mappings that it knows[^\n]+\n$/,
    );
    assertEquals(world.mappings, []);
  }
});

Deno.test("status names the protocol of each lease, and nothing prints a nonce", async () => {
  const world = new TestWorld({ speaks: "both" });
  await world.run("map", "80", "--verbose");
  await world.run("map", "443", "--via", "nat-pmp");
  await world.run("status");
  assertMatch(world.stdout.text, /STATUS +VIA +ROUTER/);
  assertMatch(world.stdout.text, /^tcp 80 .* alive +pcp +10\.0\.0\.1/m);
  assertMatch(world.stdout.text, /^tcp 443 .* alive +nat-pmp +10\.0\.0\.1/m);
  await world.run("status", "--json", "--verbose", "--probe");
  await world.run("watch", "80", "--json", "--for", "10s", "--verbose");
  const [mapped] = world.pcpRequests;
  const nonce = mapped?.kind === "map" ? mapped.nonce : "";
  assertEquals(nonce.length, 24);
  assertEquals(world.written.join("").includes(nonce), false);
});

Deno.test("watch names the protocol in each event of a mapping, and to its hooks", async () => {
  const world = new TestWorld({ speaks: "pcp" });
  const { stdout } = await world.run("watch", "80", "--json", "--for", "10s", "--exec", "hook");
  const vias = stdout.trim().split("\n").map((line) => JSON.parse(line)).map((
    { event, via },
  ) => [event, via]);
  assertEquals(vias.filter(([event]) => ["mapped", "unmapped"].includes(event)), [
    ["mapped", "pcp"],
    ["unmapped", "pcp"],
  ]);
  assertEquals(world.fakeMachine.hooks.map(({ environment }) => environment.NATPMP_VIA), ["pcp", "pcp"]);
});

Deno.test("map warns of a lease over PCP that is very short, unless it was asked for", async () => {
  const world = () => new TestWorld({ speaks: "pcp", gateway: { maxLifetimeSeconds: 20 } });
  const { exitCode, stderr } = await world().run("map", "80");
  assertEquals(exitCode, 0);
  assertMatch(stderr, /^natpmp: warning: The router grants tcp 80 for only 20 s: /m);
  assertNotMatch((await world().run("map", "80", "-l", "20")).stderr, /for only/);
});

Deno.test("map warns of double NAT also where the address comes with the mapping", async () => {
  const world = new TestWorld({ speaks: "pcp", gateway: { externalAddress: "10.1.2.3" } });
  const { stderr } = await world.run("map", "80");
  assertMatch(stderr, /^natpmp: warning: [^\n]*double NAT[^\n]*\n$/);
});

Deno.test("a host that does not know its own address uses NAT-PMP", async () => {
  const localAddressOf = () => Promise.resolve(undefined);
  const world = new TestWorld({ speaks: "both", network: { localAddressOf } });
  const { exitCode, json } = await world.runJson("map", "80", "-g", "10.0.0.1");
  assertEquals([exitCode, json.mappings?.[0]?.via, world.mappings], [0, "nat-pmp", [`tcp ${HOST} 80:80`]]);
});

const THIRD_HOST = "10.0.0.9";

Deno.test("--for-host maps to another host, remembers that apart from this host's own, and unmaps it", async () => {
  const world = new TestWorld({ speaks: "both", faults: { allowThirdParty: true } });
  await world.run("map", "8080:80");
  const mapped = await world.run("map", "8081:80", "--for-host", THIRD_HOST);
  assertEquals([mapped.exitCode, mapped.stderr], [0, ""]);
  assertStringIncludes(mapped.stdout, `tcp 203.0.113.7:8081 -> ${THIRD_HOST}:80, 7200 s\n`);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80", `tcp ${THIRD_HOST} 8081:80`]);
  const { stdout } = await world.run("status");
  assertStringIncludes(stdout, `tcp ${THIRD_HOST}:80  203.0.113.7:8081`);
  assertStringIncludes(stdout, "tcp 80           203.0.113.7:8080");
  // Another process renews it with the nonce from the state, on its port.
  await world.run("map", "8081:80", "--for-host", THIRD_HOST);
  assertEquals(world.mappings.length, 2);
  const unmapped = await world.run("unmap", "80", "--for-host", THIRD_HOST);
  assertStringIncludes(unmapped.stdout, `tcp ${THIRD_HOST}:80 unmapped\n`);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("unmap --all --for-host deletes what is known of that host and nothing else", async () => {
  const world = new TestWorld({ speaks: "both", faults: { allowThirdParty: true } });
  await world.run("map", "8080:80");
  for (const port of ["81", "82/udp"]) await world.run("map", port, "--for-host", THIRD_HOST);
  const { exitCode, stdout } = await world.run("unmap", "--all", "--for-host", THIRD_HOST);
  assertEquals(exitCode, 0);
  assertMatch(stdout, /tcp 10\.0\.0\.9:81 unmapped\nudp 10\.0\.0\.9:82 unmapped\n$/);
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("map --if-due --for-host renews each host's mapping by its own, also from one configuration file", async () => {
  const world = new TestWorld({ speaks: "both", faults: { allowThirdParty: true } });
  world.fakeMachine.files.set("/etc/natpmp.json", JSON.stringify({ mappings: ["80"] }));
  for (const host of ["10.0.0.8", THIRD_HOST, "10.0.0.8", THIRD_HOST]) {
    const due = ["map", "--config", "/etc/natpmp.json", "--if-due", "--quiet", "--for-host", host];
    assertEquals((await world.run(...due)).exitCode, 0);
  }
  assertEquals(world.mappings.length, 2);
  const { leases } = JSON.parse((await world.run("status", "--json")).stdout.split("\n").at(-2)!);
  assertEquals(leases.map(({ forHost }: { forHost: string }) => forHost).sort(), ["10.0.0.8", THIRD_HOST]);
});

Deno.test("a router that does not map for other hosts is explained", async () => {
  const world = new TestWorld({ speaks: "both" });
  const { exitCode, stderr } = await world.run("map", "80", "--for-host", THIRD_HOST);
  assertEquals([exitCode, world.mappings, world.requests], [9, [], []]);
  assertStringIncludes(
    stderr,
    "unsupported option (PCP result 5). The router does not let this host map to others: allow that in its settings " +
      "(miniupnpd: pcp_allow_thirdparty=yes), or run natpmp on that host\n",
  );
});

for (
  const [args, message] of [
    [["--for-host", "10.0.0"], 'Cannot read --for-host "10.0.0": write an IPv4 address in dotted decimal'],
    [
      ["--for-host", "224.0.0.1"],
      'Cannot use --for-host "224.0.0.1": it is not the address of a single host',
    ],
    [["--for-host", "0.0.0.0"], 'Cannot use --for-host "0.0.0.0": it is not the address of a single host'],
    [["--for-host", HOST], `Cannot use --for-host "${HOST}": that is this host. Leave out --for-host`],
    [
      ["--for-host", THIRD_HOST, "--via", "nat-pmp"],
      "Cannot use --for-host with --via nat-pmp: only PCP can map to another host",
    ],
  ] as const
) {
  Deno.test(`map and unmap ${args.join(" ")} are refused before anything is sent`, async () => {
    for (const command of ["map", "unmap"]) {
      const world = new TestWorld({ speaks: "both" });
      const { exitCode, stderr } = await world.run(command, "80", ...args);
      assertEquals([exitCode, stderr, world.sentFrom], [2, `natpmp: error: ${message}\n`, []]);
    }
  });
}

Deno.test("map --no-state over PCP says that nobody can renew or delete the mapping", async () => {
  const pcp = await new TestWorld({ speaks: "pcp" }).run("map", "80", "--no-state");
  assertMatch(pcp.stderr, /^natpmp: note: Without the state file, natpmp can neither renew nor delete/);
  const natPmp = await new TestWorld({ speaks: "nat-pmp" }).run("map", "80", "--no-state");
  assertEquals(natPmp.stderr, "");
});
