import { assert, assertEquals, assertLessOrEqual, assertMatch, assertNotEquals } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";
import { Traffic } from "../support/watch_traffic.ts";

const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** Waits until the gateway's clock has gone on far enough for a restart of it to show (RFC 6887 §8.5). */
async function gatewayIsOld(lab: GatewayLab): Promise<void> {
  for (let look = 0; look < 200; look++) {
    const { epochSeconds = 0 } = jsonOutput(await lab.natpmp(["address", "--json"]));
    if (epochSeconds >= 6) return;
  }
  throw new Error("The gateway's clock does not go on");
}

for (const via of ["auto", "pcp"] as const) {
  for (const protocol of ["tcp", "udp"] as const) {
    e2eTest(`map --via ${via} brings ${protocol} traffic over PCP, and unmap ends it`, async () => {
      await using lab = await GatewayLab.create();
      await lab.listen(lab.cli, protocol, 80);
      const result = await lab.natpmp(["map", `8080:80/${protocol}`, "--via", via, "--json"]);
      assertEquals([result.code, result.stderr], [0, ""]);
      const { externalAddress, mappings = [] } = jsonOutput(result);
      assertEquals([externalAddress, mappings[0]?.via, mappings[0]?.externalPort], [
        "11.22.33.44",
        "pcp",
        8080,
      ]);
      assertEquals(await lab.probe(protocol, 8080), "cli:80");
      // Another process knows the nonce from the state.
      const { code, stdout, stderr } = await lab.natpmp(["unmap", `8080:80/${protocol}`, "--via", via]);
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: `${protocol} 80 unmapped\n`, stderr: "" });
      assertEquals(await lab.gateway.daemon.mappings(), []);
      assert(await lab.isClosed(protocol, 8080), "the port is open after it was unmapped");
    });
  }
}

e2eTest("a pair is mapped over PCP on one external port", async () => {
  await using lab = await GatewayLab.create();
  const { code, stdout } = await lab.natpmp(["map", "6881/both", "--via", "pcp"]);
  assertEquals([code, stdout], [
    0,
    "tcp 11.22.33.44:6881 -> 6881, 7200 s\nudp 11.22.33.44:6881 -> 6881, 7200 s\n",
  ]);
});

e2eTest("a lease of one process is renewed by cron and deleted by a third, over PCP", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  const via = ["--via", "auto"];
  assertEquals((await lab.natpmp(["map", "8080:80", "-l", "120", ...via])).code, 0);
  const cron = ["map", "8080:80", "--if-due", "--quiet", ...via];
  // Another lifetime than before is due at once.
  const due = await lab.natpmp([...cron, "-l", "300", "--json"]);
  assertEquals(due.code, 0, due.stderr);
  assertEquals((await lab.natpmp([...cron, "-l", "300"])).stdout, "");
  const { leases = [] } = JSON.parse((await lab.natpmp(["status", "--json", ...via])).stdout);
  assertEquals([leases.length, leases[0]?.via, leases[0]?.lifetimeSeconds], [1, "pcp", 300]);
  assertEquals(JSON.stringify(leases).includes("token"), false);
  assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  assertEquals((await lab.natpmp(["unmap", "8080:80", ...via])).code, 0);
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest("map --if-due makes a PCP mapping again after the gateway rebooted", async () => {
  await using lab = await GatewayLab.create();
  const cron = () => lab.natpmp(["map", "8080:80", "--if-due", "--quiet", "--via", "auto"]);
  assertEquals((await cron()).code, 0);
  await gatewayIsOld(lab);
  await lab.gateway.stopDaemon();
  await lab.gateway.rebootDaemon();
  const { code, stdout, stderr } = await cron();
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^tcp 11\.22\.33\.44:8080 -> 80, 7200 s \(mapped again: /);
  assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
});

e2eTest("map over PCP sends again when the first datagram is lost", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.lossEvery({ requests: { count: 1, of: 1000 } });
  const result = await lab.natpmp(["map", "8080:80", "--via", "pcp", "--json"]);
  const { attempts, elapsedMs = 0 } = jsonOutput(result).mappings?.[0] ?? {};
  assertEquals([result.code, attempts], [0, 2], result.stderr);
  // 250 ms, and a tenth of that more or less (RFC 6887 §8.1.1).
  assert(elapsedMs >= 224 && elapsedMs < 750, `elapsed ${elapsedMs}`);
});

e2eTest("address over PCP leaves no mapping behind", async () => {
  await using lab = await GatewayLab.create();
  const result = await lab.natpmp(["address", "--via", "pcp", "--json"]);
  const { externalAddress, via } = jsonOutput(result);
  assertEquals([result.code, externalAddress, via], [0, "11.22.33.44", "pcp"]);
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

e2eTest(
  "map --exact over PCP of a port that another host holds ends with 10 and leaves nothing mapped",
  async () => {
    await using lab = await GatewayLab.create();
    assertEquals((await lab.natpmp(["map", "8080:80", "--via", "pcp"], { host: lab.cli2 })).code, 0);
    const { code, stderr } = await lab.natpmp(["map", "8080:80", "--exact", "--via", "pcp"]);
    assertEquals(code, 10, stderr);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.3:80"]);
  },
);

e2eTest(
  "unmap --via pcp of a mapping whose nonce is unknown ends with 5, and the mapping stays",
  async () => {
    await using lab = await GatewayLab.create();
    assertEquals((await lab.natpmp(["map", "8080:80", "--via", "pcp", "--no-state"])).code, 0);
    const { code, stderr } = await lab.natpmp(["unmap", "8080:80", "--via", "pcp"]);
    assertEquals(code, 5);
    assertMatch(stderr, /nonce/);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  },
);

e2eTest(
  "map --for-host brings traffic to another host where the router allows it, and unmap ends it",
  async () => {
    await using lab = await GatewayLab.create({ extraConfiguration: ["pcp_allow_thirdparty=yes"] });
    await lab.listen(lab.cli2, "tcp", 80);
    const other = ["--via", "auto", "--for-host", "10.77.0.3"];
    const { code, stdout, stderr } = await lab.natpmp(["map", "8080:80", ...other]);
    assertEquals([code, stdout, stderr], [0, "tcp 11.22.33.44:8080 -> 10.77.0.3:80, 7200 s\n", ""]);
    assertEquals(await lab.probe("tcp", 8080), "cli2:80");
    assertEquals((await lab.natpmp(["unmap", "80", ...other])).stdout, "tcp 10.77.0.3:80 unmapped\n");
    assert(await lab.isClosed("tcp", 8080), "the port is open after it was unmapped");
  },
);

e2eTest(
  "map --for-host where the router does not allow it maps nothing, and says what to allow",
  async () => {
    await using lab = await GatewayLab.create();
    const { code, stderr } = await lab.natpmp(["map", "8080:80", "--via", "pcp", "--for-host", "10.77.0.3"]);
    assertEquals(code, 9);
    assertMatch(stderr, /pcp_allow_thirdparty=yes/);
    assertEquals(await lab.gateway.daemon.mappings(), []);
  },
);

e2eTest("map of a held port with another --via moves the lease", async () => {
  await using lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  for (const via of ["pcp", "nat-pmp", "pcp"]) {
    const result = await lab.natpmp(["map", "8080:80", "--via", via, "--json"]);
    assertEquals([result.code, jsonOutput(result).mappings?.[0]?.via], [0, via], result.stderr);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  }
});

e2eTest("map asks in the protocol of the last time first, and needs one datagram", async () => {
  await using lab = await GatewayLab.create();
  for (let run = 0; run < 2; run++) {
    const { stderr } = await lab.natpmp(["map", `808${run}:80${run}`, "--via", "auto", "--verbose"]);
    const sent = stderr.split("\n").filter((line) => line.includes(" -> 10.77.0.1:5351 "));
    assertEquals(sent.length, 1, stderr);
    assertMatch(sent[0]!, /PCP map tcp request/);
  }
});

e2eSideBySide("watch over PCP", {
  "holds a lease over a reboot of the gateway: traffic is back within 8 s": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "--via", "auto"], lab);
    const { via } = await watch.waitFor("mapped") as { via?: string };
    assertEquals(via, "pcp");
    await using traffic = new Traffic(lab, 8080);
    await gatewayIsOld(lab);
    assertLessOrEqual(await traffic.backAfterReboot(lab), 8000);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(watch.story.filter((event) => event === "state-lost").length, 1);
  },

  "deletes what it holds when it is stopped": async () => {
    await using lab = await GatewayLab.create();
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "--via", "auto"], lab);
    await watch.waitFor("mapped");
    assertEquals((await watch.end("SIGTERM")).code, 0);
    assertEquals(await lab.gateway.daemon.mappings(), []);
    assertNotEquals(watch.of("unmapped").length, 0);
  },

  "renews a lease in time, while 3 of 10 datagrams are lost each way": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await using watch = new WatchRun(lab.cli, ["8080:80", "-l", "120", "--json", "--via", "pcp"], lab);
    await watch.waitFor("mapped");
    await lab.gateway.lossEvery({ requests: { count: 3, of: 10 }, replies: { count: 3, of: 10 } });
    await using traffic = new Traffic(lab, 8080);
    await watch.waitFor("renewed", { timeoutMs: 110_000 });
    assertEquals(traffic.all.filter(({ isOk }) => !isOk), []);
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080"]);
  },

  "takes another port when somebody else took its port after a reboot": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await lab.listen(lab.cli2, "tcp", 81);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "--via", "pcp"], lab);
    await watch.waitFor("mapped");
    await gatewayIsOld(lab);
    await lab.gateway.dropFrom("10.77.0.2");
    await lab.gateway.rebootDaemon();
    assertEquals((await lab.natpmp(["map", "8080:81", "--via", "pcp"], { host: lab.cli2 })).code, 0);
    await lab.gateway.clearFaults();
    const { externalPort, previousExternalPort } = await watch.waitFor("changed");
    assertNotEquals(externalPort, 8080);
    assertEquals(previousExternalPort, 8080);
    assertEquals(await lab.probe("tcp", externalPort!), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
  },

  "follows another external address": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "--via", "pcp"], lab);
    await watch.waitFor("mapped");
    await gatewayIsOld(lab);
    await lab.gateway.stopDaemon();
    await lab.gateway.renumber("11.22.33.44/24", "11.22.33.55/24");
    await lab.gateway.rebootDaemon();
    await watch.waitFor("changed");
    assertEquals(await lab.probe("tcp", 8080, "11.22.33.55"), "cli:80");
  },
});
