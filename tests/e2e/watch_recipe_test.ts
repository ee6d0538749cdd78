import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { VpnTunnel } from "../support/vpn_tunnel.ts";
import { FileTimeline } from "../support/watch_file_timeline.ts";
import { NotifyListener } from "../support/watch_notify_socket.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";

/** As users.md has it, up to the two options that everybody fills in differently. */
const RECIPE = ["1:0/both", "-l", "60", "-g", "10.2.0.1", "--allow-port-zero"];

const HOOK = 'echo "hook $NATPMP_EVENT $NATPMP_PROTOCOL ${NATPMP_PREVIOUS_EXTERNAL_PORT-none} ' +
  '${NATPMP_EXTERNAL_PORT-none}"';

e2eSideBySide("watch as users run it", {
  "the recipe for ProtonVPN follows its port, and never publishes another": async () => {
    await using vpn = await VpnTunnel.create();
    const gateway = await vpn.simulate({ movesAt: 10 });
    const portFile = `${vpn.directory}/port`;
    await using file = new FileTimeline(portFile);
    const args = [...RECIPE, "--exec", HOOK, "--port-file", portFile];
    await using watch = new WatchRun(vpn.client, [...args, "--json"], vpn);
    await watch.waitFor("mapped", { count: 2 });
    const [tcp, udp] = watch.of("mapped");
    assertEquals([tcp!.protocol, udp!.protocol], ["tcp", "udp"]);
    assertEquals([tcp!.internalPort, tcp!.lifetimeSeconds], [0, 3]);
    const port = tcp!.externalPort!;
    assertEquals(udp!.externalPort, port);
    await watch.waitFor("changed", { count: 2, timeoutMs: 30_000 });
    await watch.waitForMessage(/^hook changed udp/);
    const changed = watch.of("changed");
    assertEquals(changed.map(({ previousExternalPort }) => previousExternalPort), [port, port]);
    const [movedTcp, movedUdp] = changed.map(({ externalPort }) => externalPort!);
    assertNotEquals(movedTcp, port);
    assertNotEquals(movedUdp, port);
    assertEquals(watch.messages, [
      `hook mapped tcp none ${port}`,
      `hook mapped udp none ${port}`,
      `hook changed tcp ${port} ${movedTcp}`,
      `hook changed udp ${port} ${movedUdp}`,
    ]);
    // Both had moved before the first of them was published.
    const moved = [...new Set([movedTcp, movedUdp])].map((port) => `${port}\n`).join("");
    assertEquals(await file.upToNow(), [undefined, `${port}\n`, moved]);
    const { code, elapsedMs } = await watch.end("SIGTERM");
    assertEquals([code, elapsedMs < 3000], [0, true]);
    // It expires: to delete internal port 0 would be to delete everything.
    assertEquals(gateway.lines.filter((line) => /delete|unmap/i.test(line)), []);
    // A gateway announces itself for a while after its start (RFC 6886 §3.2.1), perhaps while this one is asked.
    const story = watch.story.filter((event) => event !== "announcement");
    assertEquals(story.slice(0, 4), ["started", "address", `mapped tcp ${port}`, `mapped udp ${port}`]);
    assertEquals(story.at(-1), "stopped");
    await assertRejects(() => Deno.stat(portFile), Deno.errors.NotFound);
  },

  "under systemd: ready, status, watchdog, stopping": async () => {
    await using lab = await GatewayLab.create();
    const path = `${lab.directory}/notify`;
    await using manager = new NotifyListener(path);
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "1000000" };
    await lab.gateway.dropAll();
    const args = ["8080:80", "-l", "6", "--exec", 'echo "hook ${NOTIFY_SOCKET-none}"'];
    await using watch = new WatchRun(lab.cli, args, { ...lab, env });
    await watch.waitForMessage(/ (?:error|gateway-silent)/, 15_000);
    assertEquals(manager.lines.includes("READY=1"), false);
    await lab.gateway.clearFaults();
    await watch.waitForMessage(/ renewed tcp /);
    await watch.end("SIGTERM");
    const notified = manager.lines;
    const beats = notified.filter((line) => line === "WATCHDOG=1").length;
    assertEquals(beats > 8, true, `${beats} beats`);
    const states = notified.filter((line) => line !== "WATCHDOG=1");
    assertEquals(states.filter((line) => line === "READY=1").length, 1);
    assertEquals(states.filter((line) => line === "STOPPING=1").length, 1);
    assertMatch(states.join("\n"), /READY=1\nSTATUS=tcp 11\.22\.33\.44:8080 -> 80, 6 s[^\n]*\nSTOPPING=1/);
    assertEquals(watch.messages.filter((line) => line.startsWith("hook")), ["hook none", "hook none"]);
  },
});
