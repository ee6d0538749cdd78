import { assert, assertEquals, assertMatch } from "@std/assert";
import type { GatewayLab } from "../support/gateway_lab.ts";
import { e2eTest } from "../support/requirements.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";
import { createUpnpLab, tableByUpnpc, UPNPC, upnpc } from "../support/upnp_table.ts";

const VIA = ["--via", "auto"];
const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];
const AGAIN = "tcp 11.22.33.44:8080 -> 80, 7200 s (mapped again: the router had forgotten its mappings)\n";

/** A cron line's run; `more` are further words. */
function cron(lab: GatewayLab, ...more: string[]) {
  return lab.natpmp(["map", "8080:80", "--if-due", "--quiet", ...VIA, ...more]);
}

async function mapped(): Promise<GatewayLab> {
  const lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  const { code, stdout } = await cron(lab);
  assertEquals([code, stdout], [0, "tcp 11.22.33.44:8080 -> 80, 7200 s\n"]);
  return lab;
}

e2eTest("map --if-due over UPnP asks for the entry, leaves the lease alone, and is silent", async () => {
  await using lab = await mapped();
  const run = await cron(lab, "--verbose");
  assertEquals([run.code, run.stdout], [0, ""]);
  assertEquals([...run.stderr.matchAll(/-> \S+ UPnP (\w+)/g)].map(([, action]) => action), [
    "GetExternalIPAddress",
    "GetSpecificPortMappingEntry",
  ]);
  const { code, stdout, stderr } = await cron(lab);
  assertEquals([code, stdout, stderr], [0, "", ""]);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
});

e2eTest("a lease of one process is renewed by cron and deleted by a third, over UPnP", async () => {
  await using lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  assertEquals((await lab.natpmp(["map", "8080:80", "-l", "120", ...VIA])).code, 0);
  // Another lifetime than before is due at once.
  const due = await cron(lab, "-l", "300");
  assertEquals(due.code, 0, due.stderr);
  assertEquals((await cron(lab, "-l", "300")).stdout, "");
  const { leases = [] } = JSON.parse((await lab.natpmp(["status", "--json", ...VIA])).stdout);
  assertEquals([leases.length, leases[0]?.via, leases[0]?.lifetimeSeconds], [1, "upnp", 300]);
  assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  assertEquals(await lab.probe("tcp", 8080), "cli:80");
  assertEquals((await lab.natpmp(["unmap", "8080:80", ...VIA])).code, 0);
  assertEquals(await lab.gateway.daemon.mappings(), []);
});

// What is mapped again waits a random 0 to 5 s.
e2eSideBySide("map --if-due over UPnP makes a mapping again", {
  "after the router lost its table, and then is silent": async () => {
    await using lab = await mapped();
    await lab.gateway.rebootDaemon();
    assert(await lab.isClosed("tcp", 8080), "the reboot did not lose the mapping");
    const { code, stdout, stderr } = await cron(lab);
    assertEquals([code, stdout, stderr], [0, AGAIN, ""]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    assertEquals((await cron(lab)).stdout, "");
  },

  "after a reboot to another HTTP port": async () => {
    // A port of the daemon's choice.
    await using lab = await createUpnpLab({ extraConfiguration: ["http_port=0"] });
    assertEquals((await cron(lab)).code, 0);
    const before = await lab.natpmp(["address", "--verbose", ...VIA]);
    await lab.gateway.rebootDaemon();
    const { code, stdout } = await cron(lab);
    assertEquals([code, stdout], [0, AGAIN]);
    const after = await lab.natpmp(["address", "--verbose", ...VIA]);
    const portOf = (text: string) => /-> 10\.77\.0\.1:(\d+) UPnP GetExternalIPAddress/.exec(text)?.[1];
    assert(portOf(before.stderr) !== portOf(after.stderr), `${after.stderr}`);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  },

  "that somebody deleted": async () => {
    await using lab = await mapped();
    await upnpc(lab.cli, "-d", "8080", "TCP");
    assertEquals(await tableByUpnpc(lab.cli), []);
    const { code, stdout, stderr } = await cron(lab);
    assertEquals([code, stdout, stderr], [0, AGAIN, ""]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },

  "on another port where another host took its port after a reboot": async () => {
    await using lab = await mapped();
    await lab.listen(lab.cli2, "tcp", 81);
    await lab.gateway.rebootDaemon();
    assertEquals((await lab.natpmp(["map", "8080:81", ...VIA], { host: lab.cli2 })).code, 0);
    const { code, stdout } = await cron(lab);
    assertEquals(code, 0);
    const line =
      /^tcp 11\.22\.33\.44:(\d+) -> 80, 7200 s \(asked for 8080\) \(mapped again: .*; was 8080\)\n$/;
    assertMatch(stdout, line);
    assertEquals(await lab.probe("tcp", Number(line.exec(stdout)?.[1])), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
  },

  "at a router with another external address": async () => {
    await using lab = await mapped();
    await lab.gateway.stopDaemon();
    await lab.gateway.renumber("11.22.33.44/24", "11.22.33.55/24");
    await lab.gateway.rebootDaemon();
    const { code, stdout, stderr } = await cron(lab);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^tcp 11\.22\.33\.55:8080 -> 80, 7200 s \(/);
    assertEquals(await lab.probe("tcp", 8080, "11.22.33.55"), "cli:80");
    assertEquals((await cron(lab)).stdout, "");
  },
}, UPNPC);
