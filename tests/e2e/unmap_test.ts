import { assert, assertEquals } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

for (const protocol of ["tcp", "udp"] as const) {
  e2eTest(`unmap stops the ${protocol} traffic`, async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, protocol, 80);
    assertEquals((await lab.natpmp(["map", `8080:80/${protocol}`])).code, 0);
    assertEquals(await lab.probe(protocol, 8080), "cli:80");
    const { code, stdout, stderr } = await lab.natpmp(["unmap", `8080:80/${protocol}`]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: `${protocol} 80 unmapped\n`, stderr: "" });
    assert(await lab.isClosed(protocol, 8080), "traffic still arrives");
  });
}

e2eTest("unmap leaves this host's other mappings and other hosts' alone", async () => {
  await using lab = await GatewayLab.create();
  assertEquals((await lab.natpmp(["map", "8080:80", "8080:80/udp", "9090:90"])).code, 0);
  assertEquals((await lab.natpmp(["map", "7070:80"], { host: lab.cli2 })).code, 0);
  assertEquals((await lab.natpmp(["unmap", "8080:80/tcp"])).code, 0);
  assertEquals(await lab.gateway.daemon.mappings(), [
    "tcp 7070 -> 10.77.0.3:80",
    "tcp 9090 -> 10.77.0.2:90",
    "udp 8080 -> 10.77.0.2:80",
  ]);
});

e2eTest("unmap of both deletes TCP and UDP, with the JSON fields of the contract", async () => {
  await using lab = await GatewayLab.create();
  assertEquals((await lab.natpmp(["map", "8080:80/both"])).code, 0);
  const result = await lab.natpmp(["unmap", "8080:80/both", "--json"]);
  assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
  const { mappings = [], ...top } = jsonOutput(result);
  assertEquals(top, { command: "unmap", gateway: "10.77.0.1" });
  assertEquals(mappings.map(({ elapsedMs, ...mapping }) => ({ ...mapping, timed: elapsedMs! > 0 })), [
    { protocol: "tcp", internalPort: 80, via: "nat-pmp", attempts: 1, timed: true },
    { protocol: "udp", internalPort: 80, via: "nat-pmp", attempts: 1, timed: true },
  ]);
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest("unmap of what is not mapped succeeds", async () => {
  await using lab = await GatewayLab.create();
  const { code, stdout } = await lab.natpmp(["unmap", "8080:80"]);
  assertEquals({ code, stdout }, { code: 0, stdout: "tcp 80 unmapped\n" });
});

e2eTest("unmap --all deletes every mapping of this host and none of another one's", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli2, "tcp", 80);
  assertEquals((await lab.natpmp(["map", "8080:80/both", "9090:90/udp"])).code, 0);
  assertEquals((await lab.natpmp(["map", "7070:80"], { host: lab.cli2 })).code, 0);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");

  const result = await lab.natpmp(["unmap", "--all", "--json"]);
  assertEquals(result.code, 0);
  const deleted = jsonOutput(result).mappings?.map(({ protocol, internalPort }) => ({
    protocol,
    internalPort,
  }));
  assertEquals(deleted, [{ protocol: "tcp", internalPort: 0 }, { protocol: "udp", internalPort: 0 }]);
  assert(await lab.isClosed("tcp", 8080), "traffic still arrives");
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 7070 -> 10.77.0.3:80"]);
  assertEquals(await lab.probe("tcp", 7070), "cli2:80");
});
