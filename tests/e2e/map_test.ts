import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

for (const protocol of ["tcp", "udp"] as const) {
  e2eTest(`map brings ${protocol} traffic from outside to the internal port`, async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, protocol, 80);
    assert(await lab.isClosed(protocol, 8080), "the port was open before it was mapped");
    const { code, stdout, stderr } = await lab.natpmp(["map", `8080:80/${protocol}`]);
    assertEquals({ code, stdout, stderr }, {
      code: 0,
      stdout: `${protocol} 11.22.33.44:8080 -> 80, 7200 s\n`,
      stderr: "",
    });
    assertEquals(await lab.probe(protocol, 8080), "cli:80");
  });
}

e2eTest("map of several specs opens each of them and nothing else", async () => {
  await using lab = await GatewayLab.create();
  const { code, stdout } = await lab.natpmp(["map", "8080:80", "4500/udp", "2222:22/tcp", "-l", "30m"]);
  assertEquals({ code, stdout }, {
    code: 0,
    stdout: [
      "tcp 11.22.33.44:8080 -> 80, 1800 s\n",
      "udp 11.22.33.44:4500 -> 4500, 1800 s\n",
      "tcp 11.22.33.44:2222 -> 22, 1800 s\n",
    ].join(""),
  });
  assertEquals(await lab.gateway.daemon.mappings(), [
    "tcp 2222 -> 10.77.0.2:22",
    "tcp 8080 -> 10.77.0.2:80",
    "udp 4500 -> 10.77.0.2:4500",
  ]);
});

e2eTest(
  "map of a range opens each port of it to the port in the same place, and unmap closes them",
  async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 9010);
    const { code, stdout } = await lab.natpmp(["map", "8000-8010:9000-9010"]);
    assertEquals([code, stdout.trimEnd().split("\n").length], [0, 11]);
    assertEquals(await lab.probe("tcp", 8010), "cli:9010");
    assertEquals((await lab.gateway.daemon.mappings()).length, 11);
    assertEquals((await lab.natpmp(["unmap", "8000-8010:9000-9010"])).code, 0);
    assertEquals(await lab.gateway.daemon.mappings(), []);
  },
);

e2eTest(
  "map --json has the fields of the contract, with the gateway found by the default route",
  async () => {
    await using lab = await GatewayLab.create();
    const result = await lab.natpmp(["map", "8080:80", "--lifetime", "1h", "--json"]);
    assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
    const { mappings = [], ...top } = jsonOutput(result);
    assertEquals(top, { command: "map", gateway: "10.77.0.1", externalAddress: "11.22.33.44" });
    assertEquals(mappings.length, 1);
    const { expiresAt = "", epochSeconds = -1, elapsedMs = 0, ...mapping } = mappings[0]!;
    assertEquals(mapping, {
      protocol: "tcp",
      internalPort: 80,
      requestedExternalPort: 8080,
      externalPort: 8080,
      requestedLifetimeSeconds: 3600,
      lifetimeSeconds: 3600,
      via: "nat-pmp",
      attempts: 1,
    });
    assertEquals(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(expiresAt), true, expiresAt);
    assertAlmostEquals(Date.parse(expiresAt), Date.now() + 3600_000, 10_000);
    assert(Number.isInteger(epochSeconds) && epochSeconds >= 0 && epochSeconds < 60, `epoch ${epochSeconds}`);
    assert(elapsedMs > 0 && elapsedMs < 5000, `elapsed ${elapsedMs}`);
  },
);

e2eTest("map again renews: the same port, and the traffic goes on", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  for (let round = 0; round < 3; round++) {
    const { code, stdout } = await lab.natpmp(["map", "8080:80", "-l", "600"]);
    assertEquals({ code, stdout }, { code: 0, stdout: "tcp 11.22.33.44:8080 -> 80, 600 s\n" });
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  }
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
});

e2eTest("map after the gateway rebooted restores the mapping", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  assertEquals((await lab.natpmp(["map", "8080:80"])).code, 0);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  await lab.gateway.rebootDaemon();
  assert(await lab.isClosed("tcp", 8080), "the reboot did not lose the mapping");
  assertEquals((await lab.natpmp(["map", "8080:80"])).code, 0);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
});

e2eTest("map of both opens one port for TCP and UDP", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli, "udp", 80);
  const result = await lab.natpmp(["map", "8080:80/both", "--json"]);
  assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
  const granted = jsonOutput(result).mappings?.map(({ protocol, externalPort }) => ({
    protocol,
    externalPort,
  }));
  assertEquals(granted, [{ protocol: "tcp", externalPort: 8080 }, { protocol: "udp", externalPort: 8080 }]);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  assertEquals(await lab.probe("udp", 8080), "cli:80");
});

e2eTest("map with external port any takes what the gateway chooses, and traffic reaches it", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  const result = await lab.natpmp(["map", "any:80", "--json"]);
  assertEquals(result.code, 0);
  const [mapping] = jsonOutput(result).mappings ?? [];
  assertEquals(mapping && "requestedExternalPort" in mapping, false);
  assertEquals(await lab.probe("tcp", mapping!.externalPort!), "cli:80");
});

e2eTest("map works while another program holds UDP port 5350", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "udp", 5350);
  const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80"]);
  assertEquals({ code, stdout, stderr }, {
    code: 0,
    stdout: "tcp 11.22.33.44:8080 -> 80, 7200 s\n",
    stderr: "",
  });
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
});
