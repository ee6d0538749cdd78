import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Gateway } from "../support/gateway.ts";
import { GatewayLab, type LabNatpmpOptions } from "../support/gateway_lab.ts";
import { e2eTest } from "../support/requirements.ts";

/** The second link of the host, and the gateway on its other side. */
const LINK = "tun0";
const HOME_ADDRESS = "11.22.33.44";
const TUNNEL_ADDRESS = "11.22.55.66";

/** A host whose only route yet is the default route to the home gateway, and which has a second link. */
async function twoLinks(
  hostAddress: string,
  internalAddress: string,
): Promise<{ readonly lab: GatewayLab; readonly tunnel: Gateway }> {
  const lab = await GatewayLab.create();
  try {
    const options = { link: LINK, hostAddress, internalAddress, externalAddress: `${TUNNEL_ADDRESS}/24` };
    const tunnel = await lab.addGateway(options);
    await lab.gateway.countRequests();
    await tunnel.countRequests();
    return { lab, tunnel };
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

async function address(lab: GatewayLab, args: readonly string[] = [], options: LabNatpmpOptions = {}) {
  const { code, stdout, stderr } = await lab.natpmp(["address", "--timeout", "2", ...args], options);
  return { code, stdout, stderr };
}

const answered = (externalAddress: string) => ({ code: 0, stdout: `${externalAddress}\n`, stderr: "" });

/** Everything that the home gateway and the tunnel's were sent. */
async function requests(lab: GatewayLab, tunnel: Gateway): Promise<readonly [home: number, tunnel: number]> {
  return [(await lab.gateway.faultCounts()).requests, (await tunnel.faultCounts()).requests];
}

e2eTest("of two next hops in one default route the one that the kernel uses is asked", async () => {
  const { lab } = await twoLinks("10.78.0.2/24", "10.78.0.1/24");
  await using _lab = lab;
  const hops = {
    eth0: ["nexthop", "via", lab.gatewayAddress, "dev", "eth0", "weight"],
    [LINK]: ["nexthop", "via", "10.78.0.1", "dev", LINK, "weight"],
  };
  // The table shows the first; the kernel takes the heavy one but for one flow in 257.
  for (const [light, heavy] of [["eth0", LINK], [LINK, "eth0"]] as const) {
    await lab.cli.ip("route", "replace", "default", ...hops[light]!, "1", ...hops[heavy]!, "256");
    const used = /dev (\S+)/.exec(await lab.cli.ip("route", "get", "1.1.1.1"))?.[1];
    assertEquals(await address(lab), answered(used === LINK ? TUNNEL_ADDRESS : HOME_ADDRESS));
  }
});

e2eTest("a default route in the table of a policy rule has its own next hop", async () => {
  const { lab, tunnel } = await twoLinks("10.78.0.2/24", "10.78.0.254/24");
  await using _lab = lab;
  await lab.cli.addRoute("default", "via", "10.78.0.254", "table", "78");
  await lab.cli.ip("rule", "add", "priority", "100", "table", "main", "suppress_prefixlength", "0");
  await lab.cli.ip("rule", "add", "priority", "101", "table", "78");
  const { code, stdout, stderr } = await address(lab);
  assertEquals({ code, stdout }, { code: 0, stdout: `${TUNNEL_ADDRESS}\n` });
  assertMatch(
    stderr,
    /^natpmp: note: Router 10\.78\.0\.254: [^\n]*tun0[^\n]*eth0[^\n]*policy routing[^\n]*\n$/,
  );
  assertEquals(await requests(lab, tunnel), [0, 1]);
});

e2eTest(
  "an interface whose default route only a policy rule has leads to that route's next hop",
  async () => {
    const { lab } = await twoLinks("10.78.0.2/24", "10.78.0.254/24");
    await using _lab = lab;
    await lab.cli.addRoute("default", "via", "10.78.0.254", "table", "78");
    await lab.cli.ip("rule", "add", "priority", "100", "from", "10.78.0.2", "table", "78");
    for (const wish of [["--interface", LINK], ["--source", "10.78.0.2"]]) {
      assertEquals(await address(lab, wish), answered(TUNNEL_ADDRESS));
    }
  },
);

e2eTest("a default route whose source address another interface has is no policy routing", async () => {
  await using lab = await GatewayLab.create();
  await lab.cli.addLink("dummy0", lab.isp, "dummy-cli");
  await lab.cli.addAddress("dummy0", "172.20.0.5/32");
  await lab.cli.ip("route", "replace", "default", "via", lab.gatewayAddress, "src", "172.20.0.5");
  assertEquals(await address(lab), answered(HOME_ADDRESS));
});

e2eTest("a route to a resolver alone is not taken for the way to the Internet", async () => {
  const { lab, tunnel } = await twoLinks("10.78.0.2/24", "10.78.0.254/24");
  await using _lab = lab;
  await lab.cli.addRoute("1.1.1.1", "via", "10.78.0.254");
  assertEquals(await address(lab), answered(HOME_ADDRESS));
  assertEquals(await requests(lab, tunnel), [1, 0]);
});

e2eTest("--interface sends from an interface that no route leads through", async () => {
  const { lab, tunnel } = await twoLinks("10.78.0.2/32", "10.78.0.1/24");
  await using _lab = lab;
  assertEquals(await address(lab, ["--interface", LINK, "--gateway", "10.78.0.1"]), answered(TUNNEL_ADDRESS));
  const guess = await address(lab, ["--interface", LINK]);
  assertEquals([guess.code, guess.stdout], [0, `${TUNNEL_ADDRESS}\n`]);
  assertEquals(await requests(lab, tunnel), [0, 2]);
  await lab.cli.ip("route", "delete", "default");
  assertEquals((await address(lab, ["--interface", LINK])).stdout, `${TUNNEL_ADDRESS}\n`);
});

e2eTest("--interface sends from the interface although a more specific route leads elsewhere", async () => {
  const { lab, tunnel } = await twoLinks("10.78.0.2/32", "10.78.0.1/24");
  await using _lab = lab;
  await lab.cli.addRoute("default", "dev", LINK, "metric", "500");
  await lab.cli.addRoute("10.0.0.0/8", "via", lab.gatewayAddress);
  for (const target of [[], ["--gateway", "10.78.0.1"]]) {
    const { code, stdout } = await address(lab, ["--interface", LINK, ...target]);
    assertEquals({ code, stdout }, { code: 0, stdout: `${TUNNEL_ADDRESS}\n` });
  }
  const mapped = await lab.natpmp(["map", "8080:80", "--interface", LINK]);
  assertEquals([mapped.code, mapped.stdout], [0, `tcp ${TUNNEL_ADDRESS}:8080 -> 80, 7200 s\n`]);
  assertEquals(await tunnel.daemon.mappings(), ["tcp 8080 -> 10.78.0.2:80"]);
  const watched = await lab.natpmp(["watch", "8081:81", "--interface", LINK, "--for", "1s"]);
  assertEquals(watched.code, 0);
  assertMatch(watched.stdout, /tcp 11\.22\.55\.66:8081 -> 81/);
  const probed = await lab.natpmp(["status", "--probe", "--interface", LINK, "--timeout", "2"]);
  assertEquals([probed.code, probed.stderr], [0, ""]);

  const report = await lab.natpmp(["doctor", "--interface", LINK]);
  assertEquals(report.code, 0, report.stdout + report.stderr);
  assertMatch(report.stdout, /^ {2}asked from 10\.78\.0\.2 on tun0,.*\n {2}bound to tun0: .*eth0/m);
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("the datagrams leave by the interface that a policy rule chose", async () => {
  const { lab, tunnel } = await twoLinks("10.78.0.2/32", "10.78.0.1/24");
  await using _lab = lab;
  // As wg-quick does, beside a LAN of 10.0.0.0/8.
  await lab.cli.addRoute("default", "dev", LINK, "table", "51820");
  await lab.cli.addRoute("10.0.0.0/8", "via", lab.gatewayAddress);
  await lab.cli.ip("rule", "add", "priority", "100", "table", "main", "suppress_prefixlength", "0");
  await lab.cli.ip("rule", "add", "priority", "101", "table", "51820");
  const { code, stdout } = await address(lab);
  assertEquals({ code, stdout }, { code: 0, stdout: `${TUNNEL_ADDRESS}\n` });
  assertEquals(await requests(lab, tunnel), [0, 1]);
});

/** Makes the link one of strangers: this host has `own` there, and on the other side is what a guess would name. */
async function amongStrangers(own: string): Promise<{ readonly lab: GatewayLab; readonly tunnel: Gateway }> {
  const { lab, tunnel } = await twoLinks("10.78.0.2/32", "10.78.0.1/24");
  await lab.cli.ip("address", "flush", "dev", LINK);
  await lab.cli.addAddress(LINK, own);
  await tunnel.namespace.addAddress("lan0", own.replace(/\d+\/.*/, "1/24"));
  return { lab, tunnel };
}

e2eTest("keepMapped() sends through the interface that a policy rule chose", async () => {
  const { lab, tunnel } = await twoLinks("10.78.0.2/32", "10.78.0.1/24");
  await using _lab = lab;
  await lab.cli.addRoute("default", "dev", LINK, "table", "51820");
  await lab.cli.addRoute("10.0.0.0/8", "via", lab.gatewayAddress);
  await lab.cli.ip("rule", "add", "priority", "100", "table", "main", "suppress_prefixlength", "0");
  await lab.cli.ip("rule", "add", "priority", "101", "table", "51820");
  const library = new URL("../../lib/mod.ts", import.meta.url).href;
  const program = `
    const { keepMapped } = await import("${library}");
    const keeper = keepMapped([{ protocols: ["tcp"], internalPort: 80, externalPort: 8080 }]);
    for await (const event of keeper) {
      if (event.type !== "mapped") continue;
      console.log(event.type, event.lease.externalPort);
      Deno.exit(0);
    }`;
  const { code, stdout, stderr } = await lab.cli.exec([Deno.execPath(), "eval", "--unstable-net", program]);
  assertEquals({ code, stdout }, { code: 0, stdout: "mapped 8080\n" }, stderr);
  assertEquals(await tunnel.daemon.mappings(), ["tcp 8080 -> 10.78.0.2:80"]);
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("a first default route that leads nowhere does not hide a second one", async () => {
  const { lab, tunnel } = await amongStrangers("133.159.203.5/32");
  await using _lab = lab;
  await lab.cli.ip("route", "delete", "default");
  await lab.cli.addRoute("default", "dev", LINK, "metric", "10");
  await lab.cli.addRoute("default", "via", lab.gatewayAddress, "metric", "20");
  const { code, stdout, stderr } = await address(lab);
  assertEquals({ code, stdout }, { code: 0, stdout: `${HOME_ADDRESS}\n` });
  assertMatch(stderr, /^natpmp: note: Router 10\.77\.0\.1: default route through eth0[^\n]*tun0[^\n]*\n$/);
  assertEquals(await requests(lab, tunnel), [1, 0]);
});

for (const own of ["133.159.203.5/32", "100.101.102.103/32", "133.159.203.5/24"]) {
  e2eTest(`no gateway is guessed next to ${own}`, async () => {
    const { lab, tunnel } = await amongStrangers(own);
    await using _lab = lab;
    await lab.cli.ip("route", "replace", "default", "dev", LINK);
    for (const wish of [[], ["--interface", LINK]]) {
      const { code, stdout, stderr } = await address(lab, wish);
      assertEquals({ code, stdout }, { code: 3, stdout: "" });
      assertMatch(stderr, /^natpmp: error: [^\n]*tun0[^\n]*RFC 1918[^\n]*--gateway[^\n]*\n$/);
    }
    assertEquals(await requests(lab, tunnel), [0, 0]);
  });
}

const GUESSES: readonly (readonly [what: string, host: string, gateway: string])[] = [
  ["the other end of a point-to-point link", "10.78.0.2 peer 10.78.0.9/32", "10.78.0.9/24"],
  ["the first address of the connected network", "10.78.3.77/16", "10.78.0.1/16"],
  ["the other address of a /31", "10.78.0.6/31", "10.78.0.7/24"],
  ["the last byte 1 where nothing else is known", "10.78.0.2/32", "10.78.0.1/24"],
];
for (const [what, host, gateway] of GUESSES) {
  e2eTest(`a link without a next hop gets a guess: ${what}`, async () => {
    const { lab, tunnel } = await twoLinks("10.78.99.99/32", gateway);
    await using _lab = lab;
    await lab.cli.ip("address", "flush", "dev", LINK);
    await lab.cli.ip("address", "add", ...host.split(" "), "dev", LINK);
    await lab.cli.ip("route", "replace", "default", "dev", LINK);
    const { code, stdout, stderr } = await address(lab);
    assertEquals({ code, stdout }, { code: 0, stdout: `${TUNNEL_ADDRESS}\n` });
    const guess = gateway.replace(/\/.*/, "").replaceAll(".", "\\.");
    assertMatch(stderr, new RegExp(`^natpmp: note: Router ${guess}: [^\\n]*guess[^\\n]*\\n$`));
    assertEquals(await requests(lab, tunnel), [0, 1]);
  });
}

e2eTest("a default route whose next hop is IPv6 has no IPv4 gateway", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.countRequests();
  await lab.cli.ip("-4", "route", "replace", "default", "via", "inet6", "fe80::1", "dev", "eth0");
  for (const wish of [[], ["--interface", "eth0"]]) {
    const { code, stderr } = await address(lab, wish);
    assertEquals(code, 3);
    assertMatch(stderr, /^natpmp: error: [^\n]*eth0[^\n]*IPv6[^\n]*--gateway[^\n]*\n$/);
  }
  assertEquals((await lab.gateway.faultCounts()).requests, 0);
});

e2eTest("a host without IPv4 is told that NAT-PMP is for IPv4, and what it can do", async () => {
  await using lab = await GatewayLab.create();
  await lab.cli.ip("address", "flush", "dev", "eth0");
  await lab.cli.ip("address", "add", "2001:db8:78::7/64", "dev", "eth0", "nodad");
  await lab.cli.ip("-6", "route", "add", "default", "via", "2001:db8:78::1");
  const only = await address(lab);
  assertEquals(only.code, 3);
  assertMatch(only.stderr, /^natpmp: error: [^\n]*IPv6[^\n]*NAT-PMP is for IPv4[^\n]*firewall[^\n]*\n$/);

  // 464XLAT, as phones have it.
  await lab.cli.addLink("clat", lab.isp, "clat-cli");
  await lab.cli.addAddress("clat", "192.0.0.4/32");
  await lab.cli.addRoute("default", "dev", "clat");
  for (const wish of [[], ["--interface", "clat"]]) {
    const { code, stderr } = await address(lab, wish);
    assertEquals(code, 3);
    assertMatch(stderr, /^natpmp: error: [^\n]*clat[^\n]*IPv6[^\n]*firewall[^\n]*\n$/);
  }
  const report = await lab.natpmp(["doctor"]);
  assertEquals(report.code, 3);
  assertStringIncludes(report.stdout.slice(report.stdout.indexOf("\nAdvice")), "IPv6");
});
