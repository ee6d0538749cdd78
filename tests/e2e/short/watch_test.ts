import { assert, assertEquals, assertRejects } from "@std/assert";
import { GatewayLab } from "../../support/gateway_lab.ts";
import { leaseSeconds } from "../../support/slowness.ts";
import { target } from "../../support/target.ts";
import { VpnTunnel } from "../../support/vpn_tunnel.ts";
import { FileTimeline } from "../../support/watch_file_timeline.ts";
import { WatchRun } from "../../support/watch_run.ts";
import { e2eSideBySide } from "../../support/watch_side_by_side.ts";

/** So short that a test can wait for a renewal. */
const LIFETIME = String(leaseSeconds(8));

e2eSideBySide("every target: watch", {
  "keeps a mapping over a renewal, and deletes it when it is stopped by Ctrl-C": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", LIFETIME], lab);
    await watch.waitFor("renewed");
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    const { code } = await watch.end("SIGINT");
    assertEquals(code, 0);
    assertEquals(await lab.gateway.daemon.mappings(), []);
    assert(await lab.isClosed("tcp", 8080));
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "unmapped tcp 8080", "stopped"]);
    assertEquals(watch.messages, []);
  },

  "hears that the gateway was rebooted, and creates its mapping again": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", "22"], lab);
    // The gateway's clock has to have gone on far enough for a restart of it to show.
    await watch.waitFor("renewed", { where: ({ epochSeconds = 0 }) => epochSeconds >= 10 });
    const renewed = watch.of("renewed").length;
    await lab.gateway.rebootDaemon();
    await watch.waitFor("renewed", { count: renewed + 1 });
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "announcement", "state-lost"]);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
  },

  "ends quietly and deletes its mapping when nobody reads its output any more": async () => {
    await using lab = await GatewayLab.create();
    // The reader takes three lines and goes; the fourth is the renewal, after half of the lease.
    const through = ["bash", "-c", 'set -o pipefail; "$@" | head -n 3', "bash"];
    const { code, stdout, stderr } = await lab.natpmp(["watch", "8080:80", "-l", LIFETIME], { through });
    assertEquals([code, stderr], [0, ""], stdout);
    assertEquals(stdout.split("\n").map((line) => line.split(" ")[1]?.replace(":", "")), [
      "started",
      "address",
      "mapped",
      undefined,
    ]);
    assertEquals(await lab.gateway.daemon.mappings(), []);
  },

  "tells its hook and its port file of a port that moves": async () => {
    await using vpn = await VpnTunnel.create();
    await vpn.simulate({ movesAt: 3 });
    const portFile = `${vpn.directory}/port`;
    await using file = new FileTimeline(portFile);
    const hook = target().hook("NATPMP_EVENT", "NATPMP_PROTOCOL", "NATPMP_EXTERNAL_PORT");
    const args = ["40000:80", "-g", "10.2.0.1", "--json", "--port-file", portFile, "--exec", hook];
    await using watch = new WatchRun(vpn.client, args, vpn);
    const { previousExternalPort, externalPort } = await watch.waitFor("changed");
    await watch.waitForMessage(/^hook changed /);
    assertEquals(previousExternalPort, 40_000);
    assertEquals(await file.upToNow(), [undefined, "40000\n", `${externalPort}\n`]);
    const { code } = await watch.end("SIGINT");
    assertEquals(code, 0);
    const [mapped, changed, ...rest] = watch.messages.map((line) => line.trimEnd());
    assertEquals([mapped, changed], ["hook mapped tcp 40000", `hook changed tcp ${externalPort}`]);
    // No port is set any more, which each shell shows in its own way.
    assertEquals(rest.map((line) => line.split(" ").slice(0, 3).join(" ")), ["hook unmapped tcp"]);
    await assertRejects(() => Deno.stat(portFile), Deno.errors.NotFound);
  },
});
