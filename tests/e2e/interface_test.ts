import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

const SECOND = {
  link: "eth1",
  internalAddress: "10.78.0.1/24",
  hostAddress: "10.78.0.2/24",
  externalAddress: "11.22.55.66/24",
} as const;

/** A host with two gateways; what is sent from an address leaves through that address's interface. */
async function twoGateways() {
  const lab = await GatewayLab.create();
  try {
    const second = await lab.addGateway(SECOND);
    await lab.cli.addRoute("default", "via", "10.78.0.1", "metric", "500");
    await lab.cli.addRoute("default", "via", "10.78.0.1", "table", "78");
    await lab.cli.ip("rule", "add", "priority", "100", "from", "10.78.0.2", "table", "78");
    return { lab, second };
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

const WISHES = [
  { option: "--interface", first: "eth0", second: "eth1" },
  { option: "--source", first: "10.77.0.2", second: "10.78.0.2" },
] as const;

for (const wish of WISHES) {
  e2eTest(`each ${wish.option} of a host with two gateways maps on its own gateway`, async () => {
    const { lab, second } = await twoGateways();
    await using _lab = lab;
    await lab.listen(lab.cli, "tcp", 80);
    await lab.listen(lab.cli, "tcp", 81);
    await lab.gateway.countRequests();
    await second.countRequests();

    const one = await lab.natpmp(["map", "8080:80", wish.option, wish.first]);
    assertEquals([one.code, one.stdout, one.stderr], [0, "tcp 11.22.33.44:8080 -> 80, 7200 s\n", ""]);
    assertEquals((await second.faultCounts()).requests, 0);
    const two = await lab.natpmp(["map", "8081:81", wish.option, wish.second]);
    assertEquals([two.code, two.stdout, two.stderr], [0, "tcp 11.22.55.66:8081 -> 81, 7200 s\n", ""]);

    // A mapping and an address each, sent once, and nothing to the other gateway.
    assertEquals((await lab.gateway.faultCounts()).requests, 2);
    assertEquals((await second.faultCounts()).requests, 2);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
    assertEquals(await second.daemon.mappings(), ["tcp 8081 -> 10.78.0.2:81"]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    assertEquals(await lab.probe("tcp", 8081, "11.22.55.66"), "cli:81");
    assert(await lab.isClosed("tcp", 8081), "the first gateway has the second one's mapping");

    const unmap = await lab.natpmp(["unmap", "8081:81", wish.option, wish.second]);
    assertEquals(unmap.code, 0);
    assertEquals(await second.daemon.mappings(), []);
    assertEquals((await lab.gateway.daemon.mappings()).length, 1);
  });
}

e2eTest("doctor lists both gateways and takes the one of the interface that was asked for", async () => {
  const { lab } = await twoGateways();
  await using _lab = lab;
  const result = await lab.natpmp(["doctor", "--interface", "eth1", "--json"]);
  const { error, ...report } = jsonOutput(result) as unknown as {
    gateway: string;
    localAddress: string;
    externalAddress: string;
    candidates: { gateway: string; chosen: boolean }[];
    error?: unknown;
  };
  assertEquals([result.code, error], [0, undefined]);
  assertEquals([report.gateway, report.localAddress], ["10.78.0.1", "10.78.0.2"]);
  assertEquals(report.externalAddress, "11.22.55.66");
  assertEquals(report.candidates.map(({ gateway, chosen }) => [gateway, chosen]), [
    ["10.78.0.1", true],
    ["10.77.0.1", false],
  ]);
});

e2eTest("an unknown interface or a foreign source ends with 2 and a list of what there is", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.countRequests();
  for (const command of [["address"], ["map", "8080:80"], ["unmap", "8080:80"], ["doctor"]]) {
    const unknown = await lab.natpmp([...command, "--interface", "eth7"]);
    assertEquals([unknown.code, unknown.stdout], [2, ""]);
    assertMatch(unknown.stderr, /^natpmp: error: [^\n]*eth7[^\n]*lo, eth0[^\n]*\n$/);
    const foreign = await lab.natpmp([...command, "--source", "10.77.0.3"]);
    assertEquals([foreign.code, foreign.stdout], [2, ""]);
    assertMatch(foreign.stderr, /^natpmp: error: [^\n]*10\.77\.0\.3[^\n]*10\.77\.0\.2[^\n]*\n$/);
  }
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("an interface without an IPv4 address or without a gateway ends with 3", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.countRequests();
  await lab.cli.addLink("bare0", lab.isp, "bare-cli");
  await lab.cli.addLink("lan1", lab.isp, "lan1-cli");
  await lab.cli.addAddress("lan1", "10.99.0.2/24");
  for (const command of [["address"], ["map", "8080:80"], ["doctor"]]) {
    const bare = await lab.natpmp([...command, "--interface", "bare0"]);
    assertEquals(bare.code, 3);
    assertMatch(bare.stderr, /^natpmp: error: [^\n]*bare0[^\n]*no IPv4 address[^\n]*\n$/);
    for (const wish of [["--interface", "lan1"], ["--source", "10.99.0.2"]]) {
      const closed = await lab.natpmp([...command, ...wish]);
      assertEquals(closed.code, 3);
      assertMatch(closed.stderr, /^natpmp: error: [^\n]*lan1[^\n]*--gateway[^\n]*\n$/);
    }
  }
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("--source with --gateway sends from that address, to that gateway", async () => {
  const { lab, second } = await twoGateways();
  await using _lab = lab;
  const options = ["--gateway", "10.78.0.1", "--source", "10.78.0.2"];
  const { code, stdout } = await lab.natpmp(["map", "8080:80", ...options]);
  assertEquals({ code, stdout }, { code: 0, stdout: "tcp 11.22.55.66:8080 -> 80, 7200 s\n" });
  assertEquals(await second.daemon.mappings(), ["tcp 8080 -> 10.78.0.2:80"]);
  assertGreater((await second.daemon.mappings()).length, 0);
});
