import { assert, assertEquals } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";

const ADDRESS = "10.77.0.2/24";

/** What is looked at each 30 s, and what a round takes. */
const NOTICED_MS = 35_000;

async function goes({ cli }: GatewayLab): Promise<void> {
  await cli.ip("address", "delete", ADDRESS, "dev", "eth0");
  await cli.ip("link", "set", "eth0", "down");
}

async function comes({ cli }: GatewayLab): Promise<void> {
  await cli.ip("link", "set", "eth0", "up");
  await cli.addAddress("eth0", ADDRESS);
  await cli.addRoute("default", "via", "10.77.0.1");
}

const WAYS: Readonly<Record<string, readonly string[]>> = {
  "a default route": [],
  "a named gateway": ["-g", "10.77.0.1"],
};

for (const [way, options] of Object.entries(WAYS)) {
  e2eSideBySide(`watch with ${way}, whose interface`, {
    "goes and comes back: nothing is mapped again, nothing has changed, and the hook runs once": async () => {
      await using lab = await GatewayLab.create();
      const args = ["8080:80", "--json", "-l", "120", "--exec", "echo hook", ...options];
      await using watch = new WatchRun(lab.cli, args, lab);
      await watch.waitForMessage(/^hook$/);
      await goes(lab);
      await watch.waitFor("error", { timeoutMs: NOTICED_MS });
      await comes(lab);
      await watch.waitFor("gateway-back", { timeoutMs: NOTICED_MS });
      assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "error", "gateway-back"]);
      assertEquals(watch.messages, ["hook"]);
    },

    "is not there yet: it hears the gateway's announcements once it is": async () => {
      await using lab = await GatewayLab.create();
      await goes(lab);
      await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", "22", ...options], lab);
      await watch.waitFor("error");
      await comes(lab);
      await watch.waitFor("mapped", { timeoutMs: NOTICED_MS });
      await watch.waitFor("renewed", { where: ({ epochSeconds = 0 }) => epochSeconds >= 10 });
      await lab.gateway.rebootDaemon();
      await watch.waitFor("state-lost");
      const { story } = watch;
      assertEquals(story.slice(0, 4), ["started", "error", "address", "mapped tcp 8080"]);
      assertEquals(story.includes("gateway-changed"), false);
      const heardAt = story.indexOf("announcement");
      assert(heardAt > 0 && heardAt < story.indexOf("state-lost"), String(story));
      assertEquals(watch.messages, []);
    },
  });
}
