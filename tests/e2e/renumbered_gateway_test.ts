import { assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";

const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** A gateway whose epoch is the machine's uptime, so that it runs on whatever becomes of the daemon. */
function startLab(): Promise<GatewayLab> {
  return GatewayLab.create({ extraConfiguration: ["system_uptime=yes"] });
}

/** Puts another gateway in the place of the one that there is, with another external address and no mapping. */
async function replace({ gateway }: GatewayLab): Promise<void> {
  await gateway.stopDaemon();
  await gateway.renumber("11.22.33.44/24", "11.22.33.55/24");
  await gateway.rebootDaemon();
}

for (const via of ["nat-pmp", "pcp"]) {
  e2eSideBySide(`a gateway with another external address whose epoch runs on, over ${via},`, {
    "gets the mapping of watch again within 10 s, and the hook then learns the address": async () => {
      await using lab = await startLab();
      await lab.listen(lab.cli, "tcp", 80);
      const hook =
        'echo "hook $NATPMP_EVENT $NATPMP_EXTERNAL_ADDRESS ${NATPMP_PREVIOUS_EXTERNAL_ADDRESS-none}"';
      await using watch = new WatchRun(lab.cli, ["8080:80", "--via", via, "--json", "--exec", hook], lab);
      await watch.waitForMessage(/^hook mapped/);
      await replace(lab);
      const replacedAtMs = Date.now();
      const { time } = await watch.waitFor("changed");
      assertLessOrEqual(Date.parse(time) - replacedAtMs, 10_000);
      assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
      assertEquals(await lab.probe("tcp", 8080, "11.22.33.55"), "cli:80");
      await watch.waitForMessage(/^hook changed/);
      assertEquals(watch.messages, ["hook mapped 11.22.33.44 none", "hook changed 11.22.33.55 11.22.33.44"]);
      assertEquals(watch.story.filter((event) => event !== "announcement"), [
        "started",
        "address",
        "mapped tcp 8080",
        "address",
        "changed tcp 8080",
      ]);
    },

    "gets the mapping of map --if-due again at the next run": async () => {
      await using lab = await startLab();
      const cron = () => lab.natpmp(["map", "8080:80", "--via", via, "--if-due", "--quiet"]);
      assertEquals((await cron()).code, 0);
      assertEquals((await cron()).stdout, "");
      await replace(lab);
      const { code, stdout, stderr } = await cron();
      assertEquals([code, stderr], [0, ""]);
      assertMatch(stdout, /^tcp 11\.22\.33\.55:8080 -> 80, 7200 s \(was 11\.22\.33\.44:8080\)\n$/);
      assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
      assertEquals((await cron()).stdout, "");
    },
  });
}
