import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";
import { eventually } from "../support/watch_side_by_side.ts";
import { createUpnpLab, IGD_URL } from "../support/upnp_table.ts";

const VIA = ["--via", "auto"];
const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** What a command asked UPnP for, in order, as `--verbose` has it. */
function asked(stderr: string): readonly string[] {
  return [...stderr.matchAll(/-> \S+ UPnP (search|\w+)/g)].map(([, name]) => name!);
}

e2eTest("map at a router that speaks all three is over PCP and sends nothing of UPnP", async () => {
  await using lab = await createUpnpLab({ isUpnpOnly: false });
  await lab.gateway.countUpnp();
  for (
    const args of [["map", "8080:80"], ["map", "8080:80", "--if-due"], ["address"], ["unmap", "8080:80"]]
  ) {
    const result = await lab.natpmp([...args, "--json", ...VIA]);
    const { via, mappings } = jsonOutput(result);
    assertEquals([result.code, via ?? mappings?.[0]?.via ?? "pcp"], [0, "pcp"], args.join(" "));
  }
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
  // The counter counts.
  assertEquals((await lab.natpmp(["address", "--via", "upnp"])).code, 0);
  assert((await lab.gateway.faultCounts()).requests > 0);
});

e2eTest("map --via upnp at a router that speaks all three sends nothing to port 5351", async () => {
  await using lab = await createUpnpLab({ isUpnpOnly: false });
  await lab.listen(lab.cli, "tcp", 80);
  await lab.gateway.countRequests();
  const result = await lab.natpmp(["map", "8080:80", "--via", "upnp", "--json"]);
  assertEquals([result.code, jsonOutput(result).mappings?.[0]?.via], [0, "upnp"], result.stderr);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  assertEquals((await lab.natpmp(["unmap", "80", "--via", "upnp"])).code, 0);
  assertEquals(await lab.gateway.daemon.mappings(), []);
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("map of a held port with another --via moves the lease to UPnP and back", async () => {
  await using lab = await createUpnpLab({ isUpnpOnly: false });
  await lab.listen(lab.cli, "tcp", 80);
  for (const via of ["pcp", "upnp", "nat-pmp", "upnp", "pcp"]) {
    const result = await lab.natpmp(["map", "8080:80", "--via", via, "--json"]);
    const [mapping] = jsonOutput(result).mappings ?? [];
    assertEquals([result.code, mapping?.via, mapping?.externalPort], [0, via, 8080], result.stderr);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    const { leases } = JSON.parse((await lab.natpmp(["status", "--json", "--via", via])).stdout);
    assertEquals(leases.map((lease: { via: string }) => lease.via), [via]);
  }
});

e2eTest("a later command knows where the UPnP router is: no search, no description", async () => {
  await using lab = await createUpnpLab();
  const first = await lab.natpmp(["map", "8080:80", "--verbose", ...VIA]);
  const second = await lab.natpmp(["map", "9090:90", "--verbose", ...VIA]);
  assertEquals([first.code, second.code], [0, 0]);
  assert(asked(first.stderr).includes("search") && asked(first.stderr).includes("description"), first.stderr);
  assertEquals(asked(second.stderr).slice(0, 3), [
    "GetSpecificPortMappingEntry",
    "AddPortMapping",
    "GetSpecificPortMappingEntry",
  ]);
  const beside = ["search", "description"];
  assertEquals(asked(second.stderr).filter((name) => beside.includes(name)), [], second.stderr);
});

e2eTest("a later command finds a UPnP router that has moved to another HTTP port", async () => {
  // A port of the daemon's choice.
  await using lab = await createUpnpLab({ extraConfiguration: ["http_port=0"] });
  await lab.listen(lab.cli, "tcp", 80);
  assertEquals((await lab.natpmp(["map", "8080:80", ...VIA])).code, 0);
  await lab.gateway.rebootDaemon();
  const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80", "--verbose", ...VIA]);
  assertEquals([code, stdout], [0, "tcp 11.22.33.44:8080 -> 80, 7200 s\n"]);
  assertEquals(asked(stderr).filter((name) => name === "description").length, 1, stderr);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  await lab.gateway.stopDaemon();
  await lab.gateway.startDaemon();
  assertEquals((await lab.natpmp(["unmap", "80", ...VIA])).stdout, "tcp 80 unmapped\n");
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest(
  "where nothing is spoken, auto ends with 8 after the search, and NAT-PMP in milliseconds",
  async () => {
    await using lab = await GatewayLab.create();
    await lab.gateway.stopDaemon();
    const auto = await lab.natpmp(["map", "8080:80", "--no-state", ...VIA]);
    assertEquals(auto.code, 8);
    assertMatch(
      auto.stderr,
      /^natpmp: error: tcp 80: PCP, NAT-PMP: no program listens on UDP port 5351 of 10\.77\.0\.1 \(ICMP port unreachable\)\. UPnP: no router answered the search at 10\.77\.0\.1 within 2(\.\d+)? s\. Turn on UPnP, NAT-PMP or PCP in the router[^\n]+\n$/,
    );
    assert(auto.elapsedMs >= 2000 && auto.elapsedMs < 3500, `the process took ${auto.elapsedMs} ms`);
    for (const via of ["nat-pmp", "pcp"]) {
      const { code, stderr, elapsedMs } = await lab.natpmp(["map", "8080:80", "--no-state", "--via", via]);
      assertEquals(code, 8, stderr);
      assertEquals(stderr.includes("UPnP: "), false, stderr);
      assertLess(elapsedMs, 1500, via);
    }
  },
);

e2eTest("--igd names the router: no search, and no default route is needed", async () => {
  await using lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  await lab.cli.ip("route", "delete", "default");
  assertEquals((await lab.natpmp(["map", "8080:80", ...VIA])).code, 3);
  const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80", "--igd", IGD_URL, "--verbose"]);
  assertEquals([code, stdout], [0, "tcp 11.22.33.44:8080 -> 80, 7200 s\n"]);
  assertEquals(asked(stderr).slice(0, 2), ["description", "GetSpecificPortMappingEntry"], stderr);
  assertEquals(asked(stderr).includes("search"), false, stderr);
  assertEquals((await lab.natpmp(["address", "--igd", IGD_URL])).stdout, "11.22.33.44\n");
  assertMatch((await lab.natpmp(["list", "--igd", IGD_URL])).stdout, /^\* tcp +8080 +10\.77\.0\.2 +80 /m);
  await lab.cli.addRoute("default", "via", lab.gatewayAddress);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  await lab.cli.ip("route", "delete", "default");
  assertEquals((await lab.natpmp(["unmap", "80", "--igd", IGD_URL])).stdout, "tcp 80 unmapped\n");
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest("--igd where nobody listens ends with 4 at once, and says what to name instead", async () => {
  await using lab = await createUpnpLab();
  const wrong = IGD_URL.replace(":5000", ":5001");
  const { code, stderr, elapsedMs } = await lab.natpmp(["map", "8080:80", "--igd", wrong]);
  assertEquals(code, 4);
  assertMatch(stderr, /No program listens on TCP port 5001 of 10\.77\.0\.1\. .*another router with --igd\n$/);
  assertLess(elapsedMs, 1500);
});

e2eTest("a UPnP router that is silent is given up at the deadline, one that is named with 4", async () => {
  await using lab = await createUpnpLab();
  await lab.gateway.dropUpnpFrom("10.77.0.2");
  const named = await lab.natpmp(["map", "8080:80", "9090:90", "--igd", IGD_URL, "--timeout", "1"]);
  assertEquals([named.code, named.stdout], [4, ""]);
  assertMatch(
    named.stderr,
    /^natpmp: error: tcp 80, tcp 90: 10\.77\.0\.1:5000 did not answer within (1|0\.9\d) s\. /,
  );
  // The second spec fails without another wait.
  assert(named.elapsedMs >= 990 && named.elapsedMs < 1900, `the process took ${named.elapsedMs} ms`);
  const sought = await lab.natpmp(["map", "8080:80", "--via", "upnp", "--timeout", "1"]);
  assertEquals(sought.code, 8);
  assert(sought.elapsedMs >= 990 && sought.elapsedMs < 1900, `the process took ${sought.elapsedMs} ms`);
  assert((await lab.gateway.faultCounts()).requests > 0);
});

for (const [title, isKnown] of [["is known", true], ["has to be found", false]] as const) {
  e2eTest(`a UPnP router that ${title} and comes back within the deadline is heard`, async () => {
    await using lab = await createUpnpLab();
    if (isKnown) assertEquals((await lab.natpmp(["map", "9090:90", ...VIA])).code, 0);
    await lab.gateway.dropUpnpFrom("10.77.0.2");
    const mapping = lab.natpmp(["map", "8080:80", "--via", "upnp", "--timeout", "10"]);
    await eventually(async () => (await lab.gateway.faultCounts()).requests > 0, {
      what: "a request that is dropped",
      timeoutMs: 5000,
    });
    await lab.gateway.clearFaults();
    const { code, stdout, stderr } = await mapping;
    assertEquals([code, stdout, stderr], [0, "tcp 11.22.33.44:8080 -> 80, 7200 s\n", ""]);
  });
}

e2eTest("--igd with a path that is not there is exit 8", async () => {
  await using lab = await createUpnpLab();
  const { code, stderr } = await lab.natpmp(["map", "80", "--igd", "http://10.77.0.1:5000/nothere.xml"]);
  assertEquals(code, 8, stderr);
});

e2eTest(
  "a UPnP router that was known and is gone is exit 8 after the search, with both sentences",
  async () => {
    await using lab = await createUpnpLab();
    assertEquals((await lab.natpmp(["map", "8080:80", ...VIA])).code, 0);
    await lab.gateway.stopDaemon();
    const { code, stderr, elapsedMs } = await lab.natpmp(["map", "8080:80", ...VIA]);
    assertEquals(code, 8);
    assert(elapsedMs < 4000, `the process took ${elapsedMs} ms`);
    assertMatch(
      stderr,
      /PCP, NAT-PMP: no program listens on UDP port 5351 .*UPnP: no router answered the search at 10\.77\.0\.1 within 2 s\./,
    );
  },
);
