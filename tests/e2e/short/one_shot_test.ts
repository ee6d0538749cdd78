import { assert, assertEquals, assertMatch } from "@std/assert";
import { natpmpCommand } from "../../support/command.ts";
import { GatewayLab } from "../../support/gateway_lab.ts";
import { e2eTest } from "../../support/requirements.ts";
import { target } from "../../support/target.ts";

e2eTest(
  "every target: address finds the gateway in the system's routes and prints its external address",
  async () => {
    await using lab = await GatewayLab.create();
    const { code, stdout, stderr } = await lab.natpmp(["address"]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "11.22.33.44\n", stderr: "" });
  },
);

e2eTest("every target: a mapping carries traffic until it is unmapped", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli, "udp", 80);
  assert(await lab.isClosed("tcp", 8080));
  const mapped = await lab.natpmp(["map", "8080:80/both"]);
  assertEquals([mapped.code, mapped.stderr], [0, ""]);
  assertEquals(
    mapped.stdout,
    "tcp 11.22.33.44:8080 -> 80, 7200 s\nudp 11.22.33.44:8080 -> 80, 7200 s\n",
  );
  assertEquals([await lab.probe("tcp", 8080), await lab.probe("udp", 8080)], ["cli:80", "cli:80"]);
  const unmapped = await lab.natpmp(["unmap", "8080:80/both"]);
  assertEquals([unmapped.code, unmapped.stderr], [0, ""]);
  assertEquals(unmapped.stdout, "tcp 80 unmapped\nudp 80 unmapped\n");
  assertEquals(await lab.gateway.daemon.mappings(), []);
  assert(await lab.isClosed("tcp", 8080));
  assert(await lab.isClosed("udp", 8080));
});

e2eTest(
  "every target: a closed port ends with 8 (Wine hears no ICMP errors: with 4, at the deadline)",
  async () => {
    await using lab = await GatewayLab.create();
    await lab.gateway.stopDaemon();
    const { code, stdout, stderr } = await lab.natpmp(["address", "--timeout", "2"]);
    assertEquals(stdout, "");
    // Windows reports them by itself on the socket that sent the datagram; Wine does not.
    const [expected, message] = target().os === "Windows"
      ? [4, /^natpmp: error: 10\.77\.0\.1:5351 did not answer within 2 s \(attempts: 4\)[^\n]*\n$/]
      : [
        8,
        /^natpmp: error: NAT-PMP: no program listens on UDP port 5351 of 10\.77\.0\.1 \(ICMP port unreachable\)[^\n]*\n$/,
      ];
    assertEquals(code, expected, stderr);
    assertMatch(stderr, message);
  },
);

e2eTest("every target: a command that waits is stopped by Ctrl-C with 130", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.dropAll();
  const args = ["map", "8080:80", "--timeout", "127", "--verbose"];
  const env = { XDG_STATE_HOME: `${lab.directory}/cli` };
  await using running = lab.cli.spawn([...natpmpCommand(), ...args], { env });
  await running.waitForLine(/attempt 2$/, 20_000);
  running.kill("SIGINT");
  assertEquals(await running.ended(), 130);
  assertMatch(running.lines.at(-1)!, /^natpmp: error: /);
});

e2eTest("every target: a reader that has gone is no failure, and no trace", async () => {
  await using lab = await GatewayLab.create();
  const through = ["bash", "-c", 'set -o pipefail; "$@" | true', "bash"];
  const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80"], { through });
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
});
