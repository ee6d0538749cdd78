import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { GatewayLab, type Protocol } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

/** Lets the other host hold an external port, for its own port 81. */
async function otherHostHolds(lab: GatewayLab, protocol: Protocol, externalPort: number): Promise<void> {
  const { code, stdout } = await lab.natpmp(["map", `${externalPort}:81/${protocol}`], { host: lab.cli2 });
  assertEquals({ code, stdout }, {
    code: 0,
    stdout: `${protocol} 11.22.33.44:${externalPort} -> 81, 7200 s\n`,
  });
}

e2eTest(
  "map of a port that another host holds gets another port, says so, and traffic reaches both",
  async () => {
    await using lab = await GatewayLab.create();
    await otherHostHolds(lab, "tcp", 8080);
    await lab.listen(lab.cli, "tcp", 80);
    await lab.listen(lab.cli2, "tcp", 81);

    const { code, stdout } = await lab.natpmp(["map", "8080:80"]);
    assertEquals(code, 0);
    const line = /^tcp 11\.22\.33\.44:(\d+) -> 80, 7200 s \(asked for 8080[^)]*\)\n$/;
    assertMatch(stdout, line);
    const port = Number(line.exec(stdout)?.[1]);
    assertNotEquals(port, 8080);
    assertEquals(await lab.probe("tcp", port), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
  },
);

e2eTest("map --json names the port asked for and the port granted instead", async () => {
  await using lab = await GatewayLab.create();
  await otherHostHolds(lab, "udp", 8080);
  const result = await lab.natpmp(["map", "8080:80/udp", "--json"]);
  assertEquals(result.code, 0);
  const [mapping] = jsonOutput(result).mappings ?? [];
  assertEquals(mapping?.requestedExternalPort, 8080);
  assertEquals(await lab.gateway.daemon.mappings(), [
    "udp 8080 -> 10.77.0.3:81",
    `udp ${mapping?.externalPort} -> 10.77.0.2:80`,
  ]);
});

e2eTest("map --exact of a port that another host holds ends with 10 and leaves nothing mapped", async () => {
  await using lab = await GatewayLab.create();
  await otherHostHolds(lab, "tcp", 8080);
  const human = await lab.natpmp(["map", "8080:80", "--exact"]);
  assertEquals(human.code, 10);
  assertMatch(human.stderr, /8080/);
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.3:81"]);

  const json = await lab.natpmp(["map", "8080:80", "--exact", "--json"]);
  assertEquals(json.code, 10);
  assertEquals(jsonOutput(json).mappings?.map(({ error }) => error?.kind), ["port-differs"]);
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.3:81"]);
});

e2eTest("map --exact of a free port is met", async () => {
  await using lab = await GatewayLab.create();
  const { code, stdout } = await lab.natpmp(["map", "8080:80", "--exact"]);
  assertEquals({ code, stdout }, { code: 0, stdout: "tcp 11.22.33.44:8080 -> 80, 7200 s\n" });
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
});

e2eTest("map of both moves the pair together when another host holds the TCP port", async () => {
  await using lab = await GatewayLab.create();
  await otherHostHolds(lab, "tcp", 8080);
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli, "udp", 80);
  const result = await lab.natpmp(["map", "8080:80/both", "--json"]);
  assertEquals(result.code, 0);
  const [tcp, udp] = jsonOutput(result).mappings ?? [];
  assertNotEquals(tcp?.externalPort, 8080);
  assertEquals(udp?.externalPort, tcp?.externalPort);
  assertEquals(await lab.probe("tcp", tcp!.externalPort!), "cli:80");
  assertEquals(await lab.probe("udp", udp!.externalPort!), "cli:80");
});

e2eTest("map of both that would get two ports ends with 10 and leaves nothing mapped", async () => {
  await using lab = await GatewayLab.create();
  await otherHostHolds(lab, "udp", 8080);
  const result = await lab.natpmp(["map", "8080:80/both"]);
  assertEquals(result.code, 10);
  assertEquals(await lab.gateway.daemon.mappings(), ["udp 8080 -> 10.77.0.3:81"]);
});

e2eTest("map of both --any-port accepts two different ports", async () => {
  await using lab = await GatewayLab.create();
  await otherHostHolds(lab, "udp", 8080);
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli, "udp", 80);
  const result = await lab.natpmp(["map", "8080:80/both", "--any-port", "--json"]);
  assertEquals(result.code, 0);
  const [tcp, udp] = jsonOutput(result).mappings ?? [];
  assertEquals(tcp?.externalPort, 8080);
  assertNotEquals(udp?.externalPort, 8080);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  assertEquals(await lab.probe("udp", udp!.externalPort!), "cli:80");
});
