import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runNatpmp } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";
import { leaseSeconds } from "../support/slowness.ts";
import { VpnTunnel } from "../support/vpn_tunnel.ts";
import { WatchRun } from "../support/watch_run.ts";

/** What both tunnels have in common: the gateway's address. */
const GATEWAY = ["-g", "10.2.0.1"];

e2eTest(
  "two tunnels with the same addresses in two network namespaces share a state, and no lease",
  async () => {
    await using red = await VpnTunnel.create();
    await using blue = await VpnTunnel.create();
    for (const tunnel of [red, blue]) await tunnel.simulate({ movesAt: 1000 });
    const env = { XDG_STATE_HOME: red.directory };
    const natpmp = (tunnel: VpnTunnel, ...args: string[]) =>
      runNatpmp(args, { namespace: tunnel.client.name, env });
    const watch = (tunnel: VpnTunnel) =>
      new WatchRun(tunnel.client, ["8080:80", ...GATEWAY, "--json"], { directory: red.directory, env });

    {
      await using redWatch = watch(red);
      await redWatch.waitFor("mapped");
      await using blueWatch = watch(blue);
      await blueWatch.waitFor("mapped");
      assertEquals((await blueWatch.end("SIGTERM")).code, 0);
      const { stdout } = await natpmp(red, "status");
      assertMatch(stdout, /^tcp 80 .* alive .*natpmp watch, process /m);
      assertEquals((await redWatch.end("SIGTERM")).code, 0);
    }

    const lifetime = ["--lifetime", `${leaseSeconds(600)}s`];
    assertEquals((await natpmp(red, "map", "9000:90", ...GATEWAY, ...lifetime)).code, 0);
    assertEquals((await natpmp(blue, "map", "9001:91", ...GATEWAY, ...lifetime)).code, 0);
    assertEquals((await natpmp(blue, "unmap", "--all", ...GATEWAY)).code, 0);
    const redStatus = await natpmp(red, "status", "--json");
    assertMatch(redStatus.stdout, /"leases":\[\{"protocol":"tcp","internalPort":90,[^}]*\}\]/);
    const blueStatus = await natpmp(blue, "status");
    assertEquals(blueStatus.stdout, "No leases\n");
    assertStringIncludes(blueStatus.stderr, "1 lease of another network namespace is not listed");
  },
);
