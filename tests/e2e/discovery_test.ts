import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Gateway } from "../support/gateway.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

/** A second way to the internet, through a link of its own to a gateway of its own. */
const OTHER = {
  link: "tun0",
  internalAddress: "10.78.0.1/24",
  hostAddress: "10.78.0.2/24",
  externalAddress: "11.22.55.66/24",
} as const;

/** Maps, and checks that this gateway did it. */
async function mapsAt(lab: GatewayLab, gateway: Gateway, line: string): Promise<string> {
  const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80"]);
  assertEquals({ code, stdout }, { code: 0, stdout: line });
  assertEquals((await gateway.daemon.mappings()).length, 1);
  return stderr;
}

e2eTest("the lowest metric decides between default routes to two gateways that both answer", async () => {
  await using lab = await GatewayLab.create();
  const other = await lab.addGateway(OTHER);
  await lab.cli.ip("route", "delete", "default");
  await lab.cli.addRoute("default", "via", lab.gatewayAddress, "metric", "300");
  await lab.cli.addRoute("default", "via", "10.78.0.1", "metric", "200");
  assertEquals(await mapsAt(lab, other, "tcp 11.22.55.66:8080 -> 80, 7200 s\n"), "");
  assertEquals(await lab.gateway.daemon.mappings(), []);

  await lab.cli.addRoute("default", "via", lab.gatewayAddress, "metric", "100");
  assertEquals(await mapsAt(lab, lab.gateway, "tcp 11.22.33.44:8080 -> 80, 7200 s\n"), "");
});

e2eTest("a pair of /1 routes, as VPNs set them, comes before the default route", async () => {
  await using lab = await GatewayLab.create();
  const other = await lab.addGateway(OTHER);
  await lab.cli.addRoute("0.0.0.0/1", "via", "10.78.0.1");
  await lab.cli.addRoute("128.0.0.0/1", "via", "10.78.0.1");
  await mapsAt(lab, other, "tcp 11.22.55.66:8080 -> 80, 7200 s\n");
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest("a policy rule that sends traffic into a tunnel is followed, and said aloud", async () => {
  await using lab = await GatewayLab.create();
  const other = await lab.addGateway(OTHER);
  // As wg-quick does: the main table keeps the home router, and loses only its default route to another table.
  await lab.cli.addRoute("default", "dev", OTHER.link, "table", "51820");
  await lab.cli.ip("rule", "add", "priority", "100", "table", "main", "suppress_prefixlength", "0");
  await lab.cli.ip("rule", "add", "priority", "101", "table", "51820");

  const stderr = await mapsAt(lab, other, "tcp 11.22.55.66:8080 -> 80, 7200 s\n");
  assertMatch(
    stderr,
    /^natpmp: note: Router 10\.78\.0\.1: [^\n]*tun0[^\n]*policy routing[^\n]*guess[^\n]*\n$/,
  );
  assertEquals(await lab.gateway.daemon.mappings(), []);

  const quiet = await lab.natpmp(["address", "--quiet"]);
  assertEquals([quiet.code, quiet.stdout, quiet.stderr], [0, "11.22.55.66\n", ""]);
  const home = await lab.natpmp(["address", "--interface", "eth0"]);
  assertEquals([home.code, home.stdout, home.stderr], [0, "11.22.33.44\n", ""]);

  const report = await lab.natpmp(["doctor"]);
  assertEquals(report.code, 0, report.stdout + report.stderr);
  assertMatch(report.stdout, /^ {2}10\.78\.0\.1, .*policy routing/m);
  assertMatch(report.stdout, /^ {2}not chosen: 10\.77\.0\.1, default route through eth0/m);
  assertMatch(report.stdout, /^ {2}If you do not mean the router behind /m);
});

e2eTest("on a point-to-point link the gateway is guessed by its last byte 1, and said aloud", async () => {
  await using lab = await GatewayLab.create();
  const other = await lab.addGateway({ ...OTHER, hostAddress: "10.78.0.2/32" });
  await lab.cli.ip("route", "delete", "default");
  await lab.cli.addRoute("default", "dev", OTHER.link);

  const stderr = await mapsAt(lab, other, "tcp 11.22.55.66:8080 -> 80, 7200 s\n");
  assertMatch(stderr, /^natpmp: note: Router 10\.78\.0\.1: [^\n]*guess[^\n]*\n$/);
  assertEquals(await other.daemon.mappings(), ["tcp 8080 -> 10.78.0.2:80"]);

  const report = jsonOutput(await lab.natpmp(["doctor", "--json"])) as unknown as Record<string, unknown>;
  assertEquals([report.gateway, report.guessed, report.error], ["10.78.0.1", true, undefined]);

  const overridden = await lab.natpmp(["address", "--gateway", lab.gatewayAddress]);
  assertEquals([overridden.code, overridden.stdout, overridden.stderr], [0, "11.22.33.44\n", ""]);
});

e2eTest("without a default route every command that talks ends with 3 and sends nothing", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.countRequests();
  await lab.cli.ip("route", "delete", "default");
  const commands = [["address"], ["map", "8080:80"], ["unmap", "8080:80"], ["doctor"]];
  for (const command of commands) {
    const { code, stderr } = await lab.natpmp(command);
    assertEquals(code, 3, stderr);
    assertMatch(stderr, /^natpmp: error: [^\n]*no default route[^\n]*--gateway[^\n]*\n$/);
  }
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("an unreachable default route is skipped although the kernel would use it", async () => {
  await using lab = await GatewayLab.create();
  await lab.cli.ip("route", "delete", "default");
  await lab.cli.addRoute("unreachable", "default", "metric", "10");
  await lab.cli.addRoute("default", "via", lab.gatewayAddress, "metric", "20");
  const { code, stdout } = await lab.natpmp(["address"]);
  assertEquals({ code, stdout }, { code: 0, stdout: "11.22.33.44\n" });
});

e2eTest("the gateway is found without any helper program in the PATH", async () => {
  await using lab = await GatewayLab.create();
  const through = ["env", "PATH=/nowhere"];
  const check = await lab.cli.exec([...through, "/bin/sh", "-c", "ip route"]);
  assert(check.code !== 0, "ip was found after all");
  const { code, stdout, stderr } = await lab.natpmp(["address"], { through });
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "11.22.33.44\n", stderr: "" });
  const report = await lab.natpmp(["doctor"], { through });
  assertEquals(report.code, 0);
  assertStringIncludes(report.stdout, "default route through eth0");
});
