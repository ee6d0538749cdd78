import { assert, assertAlmostEquals, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { GatewayLab, Protocol } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";
import { eventually } from "../support/watch_side_by_side.ts";
import { createUpnpLab } from "../support/upnp_table.ts";

const VIA = ["--via", "auto"];
const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** Lets the other host hold an external port, for its own port 81. */
async function otherHostHolds(lab: GatewayLab, protocol: Protocol, externalPort: number): Promise<void> {
  const { code, stdout } = await lab.natpmp(["map", `${externalPort}:81/${protocol}`, ...VIA], {
    host: lab.cli2,
  });
  assertEquals([code, stdout], [0, `${protocol} 11.22.33.44:${externalPort} -> 81, 7200 s\n`]);
}

for (const protocol of ["tcp", "udp"] as const) {
  e2eTest(
    `map brings ${protocol} traffic through a UPnP-only router with no option, and unmap ends it`,
    async () => {
      await using lab = await createUpnpLab();
      await lab.listen(lab.cli, protocol, 80);
      const result = await lab.natpmp(["map", `8080:80/${protocol}`, "--json", ...VIA]);
      assertEquals([result.code, result.stderr], [0, ""]);
      const { mappings: [mapping] = [], ...top } = jsonOutput(result);
      assertEquals(top, { command: "map", gateway: "10.77.0.1", externalAddress: "11.22.33.44" });
      const { expiresAt = "", attempts, elapsedMs, ...fields } = mapping!;
      assertEquals({ ...fields }, {
        protocol,
        internalPort: 80,
        via: "upnp",
        requestedExternalPort: 8080,
        externalPort: 8080,
        requestedLifetimeSeconds: 7200,
        lifetimeSeconds: 7200,
        verified: true,
      });
      assertAlmostEquals(Date.parse(expiresAt), Date.now() + 7200_000, 10_000);
      assert(attempts! >= 3 && elapsedMs! > 0, JSON.stringify(mapping));
      assertEquals(await lab.probe(protocol, 8080), "cli:80");
      const { code, stdout, stderr } = await lab.natpmp(["unmap", `8080:80/${protocol}`, ...VIA]);
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: `${protocol} 80 unmapped\n`, stderr: "" });
      assertEquals(await lab.gateway.daemon.mappings(), []);
      assert(await lab.isClosed(protocol, 8080), "the port is open after it was unmapped");
    },
  );
}

e2eTest("address over UPnP is the router's external address, and nothing is mapped for it", async () => {
  await using lab = await createUpnpLab();
  const result = await lab.natpmp(["address", "--json", ...VIA]);
  const { externalAddress, via } = jsonOutput(result);
  assertEquals([result.code, externalAddress, via], [0, "11.22.33.44", "upnp"]);
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest("map of both over UPnP opens one port for TCP and UDP", async () => {
  await using lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli, "udp", 80);
  const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80/both", ...VIA]);
  assertEquals([code, stdout, stderr], [
    0,
    "tcp 11.22.33.44:8080 -> 80, 7200 s\nudp 11.22.33.44:8080 -> 80, 7200 s\n",
    "",
  ]);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  assertEquals(await lab.probe("udp", 8080), "cli:80");
});

e2eTest("map again over UPnP renews, with another lifetime too, and the traffic goes on", async () => {
  await using lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  for (const lifetime of [600, 60, 3600]) {
    const { code, stdout } = await lab.natpmp(["map", "8080:80", "-l", `${lifetime}`, ...VIA]);
    assertEquals([code, stdout], [0, `tcp 11.22.33.44:8080 -> 80, ${lifetime} s\n`]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  }
  assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
});

e2eTest("map over UPnP with external port any gets a port that traffic reaches", async () => {
  await using lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  const result = await lab.natpmp(["map", "any:80", "--json", ...VIA]);
  const [mapping] = jsonOutput(result).mappings ?? [];
  assertEquals([result.code, mapping?.requestedExternalPort], [0, undefined], result.stderr);
  assertEquals(await lab.probe("tcp", mapping!.externalPort!), "cli:80");
});

e2eTest("the shortest lifetime over UPnP is granted as it is, and then the port is closed", async () => {
  await using lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  const { code, stdout } = await lab.natpmp(["map", "8080:80", "-l", "1", ...VIA]);
  assertEquals([code, stdout], [0, "tcp 11.22.33.44:8080 -> 80, 1 s\n"]);
  await eventually(async () => (await lab.gateway.daemon.mappings()).length === 0, {
    what: "the mapping expires",
    timeoutMs: 10_000,
  });
  assert(await lab.isClosed("tcp", 8080));
  assertEquals((await lab.natpmp(["status", "--check", ...VIA])).code, 1);
});

e2eTest(
  "map over UPnP of a port that another host holds takes another port, and traffic reaches both",
  async () => {
    await using lab = await createUpnpLab();
    await otherHostHolds(lab, "tcp", 8080);
    await lab.listen(lab.cli, "tcp", 80);
    await lab.listen(lab.cli2, "tcp", 81);
    const { code, stdout } = await lab.natpmp(["map", "8080:80", ...VIA]);
    assertEquals(code, 0);
    const [, port] = /^tcp 11\.22\.33\.44:(\d+) -> 80, 7200 s \(asked for 8080\)\n$/.exec(stdout) ?? [];
    assertNotEquals(port, "8080");
    assertEquals(await lab.probe("tcp", Number(port)), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
  },
);

e2eTest(
  "map of both over UPnP moves the pair together when another host holds one of its ports",
  async () => {
    await using lab = await createUpnpLab();
    await otherHostHolds(lab, "udp", 8080);
    await lab.listen(lab.cli, "tcp", 80);
    await lab.listen(lab.cli, "udp", 80);
    const result = await lab.natpmp(["map", "8080:80/both", "--json", ...VIA]);
    assertEquals(result.code, 0, result.stderr);
    const [tcp, udp] = jsonOutput(result).mappings ?? [];
    assertNotEquals(tcp?.externalPort, 8080);
    assertEquals(udp?.externalPort, tcp?.externalPort);
    assertEquals(await lab.probe("tcp", tcp!.externalPort!), "cli:80");
    assertEquals(await lab.probe("udp", tcp!.externalPort!), "cli:80");
    assertEquals((await lab.gateway.daemon.mappings()).length, 3);
  },
);

e2eTest(
  "map --exact over UPnP of a port that another host holds ends with 10 and leaves that one alone",
  async () => {
    await using lab = await createUpnpLab();
    await otherHostHolds(lab, "tcp", 8080);
    const { code, stderr } = await lab.natpmp(["map", "8080:80", "--exact", ...VIA]);
    assertEquals(code, 10);
    assertMatch(stderr, /8080 is taken: it leads to 10\.77\.0\.3:81/);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.3:81"]);
  },
);

e2eTest("unmap over UPnP of what another host holds ends with 5, names it, and leaves it alone", async () => {
  await using lab = await createUpnpLab();
  await otherHostHolds(lab, "tcp", 8080);
  const { code, stderr } = await lab.natpmp(["unmap", "8080:80", ...VIA]);
  assertEquals(code, 5);
  assertMatch(stderr, /leads to 10\.77\.0\.3:81, not to port 80 of this host/);
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.3:81"]);
});

e2eTest("--force at a router in secure mode changes nothing of another host's: exit 10 and 5", async () => {
  await using lab = await createUpnpLab();
  await otherHostHolds(lab, "tcp", 8080);
  const map = await lab.natpmp(["map", "8080:80", "--exact", "--force", ...VIA]);
  assertEquals(map.code, 10, map.stderr);
  const unmap = await lab.natpmp(["unmap", "8080:80", "--force", ...VIA]);
  assertEquals(unmap.code, 5);
  assertMatch(unmap.stderr, /UPnP error 606/);
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.3:81"]);
});

e2eTest(
  "map --force takes over what another host holds where the router lets this host delete that",
  async () => {
    await using lab = await createUpnpLab({ extraConfiguration: ["secure_mode=no"] });
    await lab.listen(lab.cli, "tcp", 80);
    assertEquals((await lab.natpmp(["map", "8080:81", ...VIA], { host: lab.cli2 })).code, 0);
    const { code, stderr } = await lab.natpmp(["map", "8080:80", "--exact", "--force", ...VIA]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },
);

e2eTest("unmap --force deletes what another host holds where the router allows that", async () => {
  await using lab = await createUpnpLab({ extraConfiguration: ["secure_mode=no"] });
  await otherHostHolds(lab, "tcp", 8080);
  const { code, stdout } = await lab.natpmp(["unmap", "8080:80", "--force", ...VIA]);
  assertEquals([code, stdout], [0, "tcp 80 unmapped\n"]);
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest(
  "map --force overwrites what leads to another port of this host; without it that is left alone",
  async () => {
    await using lab = await createUpnpLab();
    await lab.listen(lab.cli, "tcp", 80);
    assertEquals((await lab.natpmp(["map", "8080:81", "--no-state", ...VIA])).code, 0);
    const careful = await lab.natpmp(["map", "8080:80", "--exact", ...VIA]);
    assertEquals(careful.code, 10, careful.stderr);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:81"]);
    assertEquals((await lab.natpmp(["map", "8080:80", "--exact", "--force", ...VIA])).code, 0);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },
);

for (const state of [[], ["--no-state"]]) {
  e2eTest(
    `unmap 80 ${state.join("")} over UPnP finds the external port of what it is to delete`,
    async () => {
      await using lab = await createUpnpLab();
      await otherHostHolds(lab, "tcp", 80);
      assertEquals((await lab.natpmp(["map", "8080:80", "9090:90", ...state, ...VIA])).code, 0);
      const { code, stdout, stderr } = await lab.natpmp(["unmap", "80", ...state, ...VIA]);
      assertEquals([code, stdout, stderr], [0, "tcp 80 unmapped\n", ""]);
      assertEquals(await lab.gateway.daemon.mappings(), [
        "tcp 80 -> 10.77.0.3:81",
        "tcp 9090 -> 10.77.0.2:90",
      ]);
    },
  );
}

e2eTest(
  "unmap --all --via upnp deletes every mapping of this host, one line each, and none of another's",
  async () => {
    await using lab = await createUpnpLab();
    await lab.listen(lab.cli2, "tcp", 81);
    await otherHostHolds(lab, "tcp", 7070);
    assertEquals((await lab.natpmp(["map", "8080:80/both", ...VIA])).code, 0);
    assertEquals((await lab.natpmp(["map", "9090:80", "--no-state", ...VIA])).code, 0);
    const udp = await lab.natpmp(["unmap", "--all", "--udp", "--via", "upnp"]);
    assertEquals([udp.code, udp.stdout], [0, "udp 80 unmapped (external 8080)\n"]);
    const { code, stdout, stderr } = await lab.natpmp(["unmap", "--all", "--via", "upnp"]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.trimEnd().split("\n").toSorted(), [
      "tcp 80 unmapped (external 8080)",
      "tcp 80 unmapped (external 9090)",
    ]);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 7070 -> 10.77.0.3:81"]);
    assertEquals(await lab.probe("tcp", 7070), "cli2:81");
    assertEquals(JSON.parse((await lab.natpmp(["status", "--json", ...VIA])).stdout).leases, []);
  },
);

e2eTest(
  "unmap --all of a UPnP-only router deletes what the state knows, and names the command for the rest",
  async () => {
    await using lab = await createUpnpLab();
    assertEquals((await lab.natpmp(["map", "8080:80", ...VIA])).code, 0);
    assertEquals((await lab.natpmp(["map", "9090:90", "--no-state", ...VIA])).code, 0);
    const { code, stdout, stderr } = await lab.natpmp(["unmap", "--all", ...VIA]);
    assertEquals([code, stdout], [0, "tcp 80 unmapped\n"]);
    assertMatch(stderr, /^natpmp: note: [^\n]+ natpmp unmap --all --via upnp\n$/);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 9090 -> 10.77.0.2:90"]);
  },
);
