import { assert, assertEquals, assertLess } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";

const SECOND = {
  link: "eth1",
  internalAddress: "10.78.0.1/24",
  hostAddress: "10.78.0.2/24",
  externalAddress: "11.22.55.66/24",
} as const;

/** What is looked at each 30 s, and what a round takes. */
const NOTICED_MS = 35_000;

e2eSideBySide("watch moves", {
  "with the default route: mapped at the other gateway within 35 s, or at the next renewal": async () => {
    await using lab = await GatewayLab.create();
    const second = await lab.addGateway(SECOND);
    await lab.listen(lab.cli, "tcp", 80);
    await lab.listen(lab.cli, "tcp", 81);
    await using long = new WatchRun(lab.cli, ["8080:80", "--json"], lab);
    await using short = new WatchRun(lab.cli, ["8081:81", "--json", "-l", "12"], lab);
    await Promise.all([long.waitFor("mapped"), short.waitFor("mapped")]);
    assertEquals((await lab.gateway.daemon.mappings()).length, 2);
    await lab.cli.ip("route", "replace", "default", "via", "10.78.0.1");
    const movedAtMs = Date.now();
    const [soon, late] = await Promise.all([short, long].map(async (watch) => {
      const { time } = await watch.waitFor("mapped", { count: 2, timeoutMs: NOTICED_MS });
      return Date.parse(time) - movedAtMs;
    }));
    assertLess(soon!, 10_000);
    assertLess(late!, NOTICED_MS);
    for (const [watch, port] of [[long, 8080], [short, 8081]] as const) {
      assertEquals(watch.story, [
        "started",
        "address",
        `mapped tcp ${port}`,
        "gateway-changed",
        "address",
        `mapped tcp ${port}`,
      ]);
      const [{ gateway, previousGateway } = {}] = watch.of("gateway-changed");
      assertEquals([gateway, previousGateway], ["10.78.0.1", "10.77.0.1"]);
      const [, { externalAddress, previousExternalAddress } = {}] = watch.of("address");
      assertEquals([externalAddress, previousExternalAddress], ["11.22.55.66", "11.22.33.44"]);
      assertEquals(watch.messages, []);
    }
    assertEquals(await second.daemon.mappings(), ["tcp 8080 -> 10.78.0.2:80", "tcp 8081 -> 10.78.0.2:81"]);
    assertEquals(await lab.probe("tcp", 8080, "11.22.55.66"), "cli:80");
    assertEquals(await lab.probe("tcp", 8081, "11.22.55.66"), "cli:81");
    // What goes now is what the second gateway holds.
    const { code } = await long.end("SIGTERM");
    assertEquals(code, 0);
    assertEquals(await second.daemon.mappings(), ["tcp 8081 -> 10.78.0.2:81"]);
    assert(await lab.isClosed("tcp", 8080, "11.22.55.66"));
  },

  "with its own address: mapped for the new one": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", "12"], lab);
    await watch.waitFor("mapped");
    await lab.cli.ip("address", "delete", "10.77.0.2/24", "dev", "eth0");
    await lab.cli.addAddress("eth0", "10.77.0.9/24");
    await lab.cli.addRoute("default", "via", "10.77.0.1");
    const { externalPort } = await watch.waitFor("mapped", { count: 2 });
    // Its old lease still stands there, and has the port.
    assert((await lab.gateway.daemon.mappings()).includes(`tcp ${externalPort} -> 10.77.0.9:80`));
    assertEquals(await lab.probe("tcp", externalPort!), "cli:80");
    const [{ gateway, previousGateway } = {}] = watch.of("gateway-changed");
    assertEquals([gateway, previousGateway], ["10.77.0.1", undefined]);
    assertEquals(watch.of("gateway-changed").length, 1);
  },
});
