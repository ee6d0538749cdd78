import { assert, assertEquals, assertLess, assertLessOrEqual, assertNotEquals } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { createUpnpLab, UPNPC, upnpc } from "../support/upnp_table.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";
import { Traffic } from "../support/watch_traffic.ts";

const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];
/** Of UPnP nothing but a question shows that a router lost its table: with this lifetime it comes every 5 s. */
const SHORT = ["-l", "10"];
const HELD = ["started", "address", "mapped tcp 8080"];

async function startLab(): Promise<GatewayLab> {
  const lab = await createUpnpLab();
  await lab.listen(lab.cli, "tcp", 80);
  return lab;
}

function watchIn(lab: GatewayLab, ...args: string[]): WatchRun {
  return new WatchRun(lab.cli, ["8080:80", "--json", "--via", "auto", ...args], lab);
}

e2eSideBySide("watch over UPnP", {
  "holds a lease of 10 s over five renewals, and traffic is never interrupted": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, ...SHORT);
    const { via, verified } = await watch.waitFor("mapped") as { via?: string; verified?: boolean };
    assertEquals([via, verified], ["upnp", true]);
    await using traffic = new Traffic(lab, 8080);
    await traffic.next(true, 0);
    await watch.waitFor("renewed", { count: 5, timeoutMs: 45_000 });
    assertEquals(traffic.all.filter(({ isOk }) => !isOk), []);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(watch.story, HELD);
    assertEquals(watch.messages, []);
  },

  "holds a lease of two hours over a reboot of the router: traffic is back within 8 s": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab);
    await watch.waitFor("mapped");
    await using traffic = new Traffic(lab, 8080);
    await traffic.next(true, 0);
    // An announcement with a new boot number, the question after it, and a random wait.
    assertLessOrEqual(await traffic.backAfterReboot(lab), 8000);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  },

  "renews at once on SIGUSR2 what the router lost, long before the lease is due": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab);
    await watch.waitFor("mapped");
    await upnpc(lab.cli, "-d", "8080", "TCP");
    assert(await lab.isClosed("tcp", 8080), "the mapping was not deleted");
    Deno.kill(watch.pid, "SIGUSR2");
    await watch.waitFor("renewed");
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },

  "maps again what somebody deleted": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, ...SHORT);
    await watch.waitFor("mapped");
    await upnpc(lab.cli, "-d", "8080", "TCP");
    await watch.waitFor("renewed");
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },

  "takes another port when another host took its port after a reboot, and the hook learns it": async () => {
    await using lab = await startLab();
    await lab.listen(lab.cli2, "tcp", 81);
    const hook =
      'echo "hook $NATPMP_EVENT $NATPMP_EXTERNAL_PORT ${NATPMP_PREVIOUS_EXTERNAL_PORT-none} $NATPMP_VIA"';
    await using watch = watchIn(lab, ...SHORT, "--exec", hook);
    await watch.waitForMessage(/^hook mapped 8080 none upnp$/);
    await lab.gateway.dropUpnpFrom("10.77.0.2");
    await lab.gateway.rebootDaemon();
    const other = await lab.natpmp(["map", "8080:81", "--via", "auto"], { host: lab.cli2 });
    assertEquals(other.code, 0, other.stderr);
    await lab.gateway.clearFaults();
    const { externalPort } = await watch.waitFor("changed", { timeoutMs: 40_000 });
    assertNotEquals(externalPort, 8080);
    await watch.waitForMessage(new RegExp(`^hook changed ${externalPort} 8080 upnp$`));
    assertEquals(await lab.probe("tcp", externalPort!), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
  },

  "follows a router that has another HTTP port after a reboot": async () => {
    await using lab = await GatewayLab.create({ isUpnpOnly: true });
    await using watch = watchIn(lab, ...SHORT);
    await watch.waitFor("mapped");
    await lab.gateway.stopDaemon();
    await lab.gateway.rebootDaemon();
    const rebootedAtMs = Date.now();
    await watch.waitFor("renewed", { where: ({ time }) => Date.parse(time) >= rebootedAtMs - 1000 });
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  },

  "follows another external address": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, ...SHORT);
    await watch.waitFor("mapped");
    await lab.gateway.renumber("11.22.33.44/24", "11.22.33.55/24");
    const { previousExternalAddress } = await watch.waitFor("changed", { timeoutMs: 40_000 });
    assertEquals(previousExternalAddress, "11.22.33.44");
    assertEquals(await lab.probe("tcp", 8080, "11.22.33.55"), "cli:80");
    assert(watch.story.includes("address"));
  },

  "reports the router's silence and the lease's end, and maps again when it is back": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, ...SHORT);
    await watch.waitFor("mapped");
    await using traffic = new Traffic(lab, 8080);
    await traffic.next(true, 0);
    await lab.gateway.dropUpnpFrom("10.77.0.2");
    const droppedAtMs = Date.now();
    const expired = await watch.waitFor("expired", { timeoutMs: 30_000 });
    const failed = await traffic.next(false, droppedAtMs);
    assertLess(Math.abs(Date.parse(expired.time) - failed.atMs), 3000);
    await watch.waitFor("gateway-silent");
    await lab.gateway.clearFaults();
    await watch.waitFor("mapped", { count: 2, timeoutMs: 70_000 });
    await traffic.next(true, failed.atMs);
    assertEquals(watch.story.slice(3).toSorted(), [
      "expired tcp 8080",
      "gateway-back",
      "gateway-silent",
      "mapped tcp 8080",
    ]);
  },

  "deletes its mappings on SIGTERM, and those of others stay": async () => {
    await using lab = await startLab();
    await using watch = new WatchRun(lab.cli, ["8080:80/both", "--json", "--via", "auto"], lab);
    await watch.waitFor("mapped", { count: 2 });
    assertEquals((await lab.natpmp(["map", "7070:70", "--via", "auto"], { host: lab.cli2 })).code, 0);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    const { code, elapsedMs } = await watch.end("SIGTERM");
    assertEquals(code, 0);
    assertLess(elapsedMs, 3000);
    assertEquals(await lab.gateway.daemon.mappings(), ["tcp 7070 -> 10.77.0.3:70"]);
    assertEquals(watch.story.slice(-3), ["unmapped tcp 8080", "unmapped udp 8080", "stopped"]);
  },

  "ends on SIGTERM within 3 s when the router is silent": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab);
    await watch.waitFor("mapped");
    await lab.gateway.dropUpnpFrom("10.77.0.2");
    const { code, elapsedMs } = await watch.end("SIGTERM");
    assertEquals(code, 0);
    assertLess(elapsedMs, 3500);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
  },

  "leaves its mapping with --keep, and ends by itself after --for": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, "--keep", "--for", "3s");
    assertEquals(await watch.ended(), 0);
    assertEquals(watch.story, [...HELD, "stopped"]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },
}, UPNPC);
