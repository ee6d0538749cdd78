import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { natpmpCommand } from "../support/command.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { e2eTest } from "../support/requirements.ts";

/** Holds a TCP port on loopback only. */
const ON_LOOPBACK = `
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 82 });
  console.log("ready");
  for await (const connection of listener) connection.close();
`;

e2eTest("doctor tells everything about a gateway that works, and leaves no mapping behind", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  await lab.listen(lab.cli, "udp", 53);
  await using loopback = lab.cli.spawn([Deno.execPath(), "eval", "--no-config", "--no-lock", ON_LOOPBACK]);
  await loopback.waitForLine(/^ready$/);

  const specs = ["80", "8081:81", "82", "53/udp"];
  const { code, stdout, stderr } = await lab.natpmp(["doctor", ...specs]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  for (
    const line of [
      /^ {2}eth0 10\.77\.0\.2\/24$/m,
      /^ {2}10\.77\.0\.1, default route through eth0$/m,
      /^ {2}asked from 10\.77\.0\.2 on eth0, a private address \(RFC 1918\)$/m,
      /^ {2}NAT-PMP: answered in \d+(\.\d)? ms \(attempts: 1\)/m,
      /^ {2}external address 11\.22\.33\.44, public$/m,
      /, up for \d+ s by its epoch$/m,
      /^ {2}port 5350 can be shared$/m,
      /^ {2}udp 11\.22\.33\.44:\d+ -> \d+, 120 s, granted in /m,
      /^ {2}deleted$/m,
      /^ {2}tcp 80: a program uses it/m,
      /^ {2}tcp 81: nothing listens/m,
      /^ {2}tcp 82: a program uses it, but not on this address/m,
      /^ {2}udp 53: a program uses it/m,
      /^ {2}\+\d+\.\d ms -> 10\.77\.0\.1:5351 address request/m,
      /^ {2}Start the program .* tcp port 81/m,
      /^ {2}Let the program on tcp port 82 /m,
    ]
  ) assertMatch(stdout, line);
  assertEquals(await lab.gateway.daemon.mappings(), []);
  // The service was not disturbed.
  assertEquals((await lab.natpmp(["map", "80"])).code, 0);
  assertEquals(await lab.probe("tcp", 80), "cli:80");
});

e2eTest("doctor --json is one object with all of it", async () => {
  await using lab = await GatewayLab.create();
  const { code, stdout } = await lab.natpmp(["doctor", "8080:80", "--json", "--quiet"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^\{[^\n]*\}\n$/);
  const report = JSON.parse(stdout);
  assertEquals([report.command, report.gateway, report.localAddress], ["doctor", "10.77.0.1", "10.77.0.2"]);
  assertEquals([report.externalAddress, report.externalAddressClass], ["11.22.33.44", "public"]);
  assertEquals(report.announcements, { canShare: true });
  assertEquals([report.testMapping.lifetimeSeconds, report.testMapping.deleted], [120, true]);
  assertEquals(report.ports.map(({ state }: { state: string }) => state), ["free"]);
  // PCP, NAT-PMP, the mapping and its deletion: asked and answered.
  const ofPort = report.datagrams.filter(({ text }: { text: string }) => text.includes(":5351 "));
  assertEquals(ofPort.length, 8);
  assertEquals(report.protocols.map(({ via, error }: Record<string, unknown>) => [via, error]), [
    ["pcp", undefined],
    ["nat-pmp", undefined],
    ["upnp", undefined],
  ]);
  const [router, ...others] = report.upnpRouters;
  assertEquals(others, []);
  assertEquals([router.address, router.chosen, router.natEnabled, router.connectionStatus], [
    "10.77.0.1",
    true,
    true,
    "Connected",
  ]);
  assertEquals(router.externalAddress, "11.22.33.44");
  assertMatch(router.server, /MiniUPnPd\/2\./);
  assertEquals(report.advice.map(({ finding }: { finding: string }) => finding), ["nobody-listens"]);
  assertEquals(report.error, undefined);
});

e2eTest("doctor tells port 5350 taken by a program that does not share it, and goes on", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "udp", 5350);
  const { code, stdout } = await lab.natpmp(["doctor"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^ {2}port 5350 cannot be shared: .*another program uses it/m);
  assertMatch(stdout, /^ {2}deleted$/m);
});

e2eTest("doctor without a gateway shows the interfaces and ends with 3", async () => {
  await using lab = await GatewayLab.create();
  await lab.cli.ip("route", "delete", "default");
  const { code, stdout, stderr } = await lab.natpmp(["doctor", "80"]);
  assertEquals(code, 3);
  assertMatch(stdout, /^ {2}eth0 10\.77\.0\.2\/24$/m);
  assertMatch(stdout, /^ {2}none: Cannot find a router: this host has no default route/m);
  assertMatch(stdout, /^ {2}tcp 80: nothing listens/m);
  assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
});

e2eTest("doctor tells a closed port, silence, a refusal and a PCP-only gateway apart", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.dropAll();
  const silent = await lab.natpmp(["doctor", "--timeout", "0.5", "--via", "nat-pmp"]);
  assertEquals(silent.code, 4);
  assertMatch(
    silent.stdout,
    /^ {2}NAT-PMP: 10\.77\.0\.1:5351 did not answer within 0\.5 s \(attempts: 2\)$/m,
  );
  assertMatch(silent.stdout, /^ {2}Turn on UPnP, NAT-PMP or PCP.* firewall blocks its UDP port/m);
  const silentPort = await lab.natpmp(["doctor", "--timeout", "0.5", "--json"]);
  assertEquals([silentPort.code, JSON.parse(silentPort.stdout).via], [0, "upnp"], silentPort.stdout);
  await lab.gateway.clearFaults();

  await lab.gateway.stopDaemon();
  const closed = await lab.natpmp(["doctor"]);
  assertEquals(closed.code, 8);
  assertMatch(
    closed.stdout,
    /^ {2}PCP: No program listens on UDP port 5351 of 10\.77\.0\.1 \(ICMP port unreachable\), after \d+/m,
  );
  assertMatch(closed.stdout, /<- 10\.77\.0\.1:5351 ICMP port unreachable$/m);
  assertNotMatch(closed.stdout, /^Test mapping$/m);

  for (
    const { fault, exit, line } of [
      { fault: "pcp-only", exit: 0, line: /^ {2}Do nothing for natpmp\..*it speaks only PCP$/m },
      { fault: "result=2", exit: 5, line: /the router answers, but refuses$/m },
      { fault: "zero-address", exit: 6, line: /it has no external address at the moment$/m },
      { fault: "result=4", exit: 7, line: /it has no room for another one$/m },
      { fault: "result=77", exit: 9, line: /the result that it answered says nothing more$/m },
    ]
  ) {
    const simulate = ["simulate", "--listen", "10.77.0.1:5351", "--speak", "nat-pmp", "--fault", fault];
    await using simulator = lab.gateway.namespace.spawn([...natpmpCommand(), ...simulate]);
    await simulator.waitForLine(/^listening/);
    const { code, stdout, stderr } = await lab.natpmp(["doctor"]);
    assertEquals(code, exit, stdout + stderr);
    assertMatch(stdout, line);
    if (exit !== 0) assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
  }
});

e2eTest("doctor tells double NAT, and a mapping works all the same", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.stopDaemon();
  const simulate = ["simulate", "--listen", "10.77.0.1:5351", "--external", "100.64.3.4"];
  await using simulator = lab.gateway.namespace.spawn([...natpmpCommand(), ...simulate]);
  await simulator.waitForLine(/^listening/);
  const { code, stdout } = await lab.natpmp(["doctor"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^ {2}external address 100\.64\.3\.4, shared$/m);
  assertMatch(stdout, /^ {2}.*100\.64\.3\.4.*\(double NAT\)$/m);
  assert(stdout.includes("deleted"));
});
