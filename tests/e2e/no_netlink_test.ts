import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { e2eTest } from "../support/requirements.ts";

/** Where netlink sockets are forbidden, as by systemd's `RestrictAddressFamilies=AF_INET`. */
const SCRIPT = new URL("../support/without_netlink.pl", import.meta.url).pathname;
const WITHOUT_NETLINK = ["perl", SCRIPT];
const WITHOUT_INTERFACES = [...WITHOUT_NETLINK, "--no-interfaces"];

const OTHER = {
  link: "tun0",
  internalAddress: "10.78.0.1/24",
  hostAddress: "10.78.0.2/32",
  externalAddress: "11.22.55.66/24",
} as const;

e2eTest("every command finds the gateway where netlink is forbidden", async () => {
  await using lab = await GatewayLab.create();
  const through = WITHOUT_NETLINK;
  for (const wish of [[], ["--interface", "eth0"], ["--source", "10.77.0.2"]]) {
    const { code, stdout, stderr } = await lab.natpmp(["address", ...wish], { through });
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "11.22.33.44\n", stderr: "" });
  }
  const mapped = await lab.natpmp(["map", "8080:80"], { through });
  assertEquals([mapped.code, mapped.stdout], [0, "tcp 11.22.33.44:8080 -> 80, 7200 s\n"]);
  const report = await lab.natpmp(["doctor"], { through });
  assertEquals(report.code, 0, report.stdout + report.stderr);
  assertMatch(report.stdout, /^Interfaces\n {2}lo 127\.0\.0\.1\/8\n {2}eth0 10\.77\.0\.2\/24\n/);
  assertMatch(report.stdout, /^ {2}10\.77\.0\.1, default route through eth0/m);
  const unknown = await lab.natpmp(["address", "--interface", "eth7"], { through });
  assertEquals(unknown.code, 2);
  assertMatch(unknown.stderr, /^natpmp: error: [^\n]*eth7[^\n]*lo, eth0[^\n]*\n$/);
}, { programs: ["perl"], lab: true });

e2eTest("where netlink is forbidden policy rules are followed and --interface is kept", async () => {
  await using lab = await GatewayLab.create();
  await lab.addGateway(OTHER);
  await lab.gateway.countRequests();
  await lab.cli.addRoute("default", "dev", OTHER.link, "table", "51820");
  await lab.cli.addRoute("10.0.0.0/8", "via", lab.gatewayAddress);
  await lab.cli.ip("rule", "add", "priority", "100", "table", "main", "suppress_prefixlength", "0");
  await lab.cli.ip("rule", "add", "priority", "101", "table", "51820");
  for (const wish of [[], ["--interface", OTHER.link]]) {
    const { code, stdout } = await lab.natpmp(["address", ...wish], { through: WITHOUT_NETLINK });
    assertEquals({ code, stdout }, { code: 0, stdout: "11.22.55.66\n" });
  }
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
}, { programs: ["perl"], lab: true });

e2eTest("where the interfaces cannot be listed at all that is said, with what helps", async () => {
  await using lab = await GatewayLab.create();
  const through = WITHOUT_INTERFACES;
  const failed = await lab.natpmp(["address"], { through });
  assertEquals([failed.code, failed.stdout], [3, ""]);
  assertMatch(
    failed.stderr,
    /^natpmp: error: [^\n]*interfaces[^\n]*os error 97[^\n]*AF_NETLINK[^\n]*--gateway[^\n]*\n$/,
  );
  const report = await lab.natpmp(["doctor"], { through });
  assertEquals(report.code, 3);
  assertStringIncludes(report.stdout, "AF_NETLINK");
  const named = await lab.natpmp(["address", "--gateway", lab.gatewayAddress], { through });
  assertEquals([named.code, named.stdout, named.stderr], [0, "11.22.33.44\n", ""]);
}, { programs: ["perl"], lab: true });
