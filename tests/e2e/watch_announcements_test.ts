import { assertEquals, assertMatch } from "@std/assert";
import type { BackgroundProcess } from "../support/background_process.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide, eventually } from "../support/watch_side_by_side.ts";

const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** Another program that hears announcements and leaves the port to others too. */
async function startListener(lab: GatewayLab): Promise<BackgroundProcess> {
  const { href } = new URL("../support/watch_listener.ts", import.meta.url);
  const flags = ["-q", "--no-config", "--no-lock", "--unstable-net", "--allow-net"];
  const listener = lab.cli.spawn([Deno.execPath(), "run", ...flags, href, "10.77.0.2"]);
  await listener.waitForLine(/^ready$/);
  return listener;
}

/** Waits until the gateway's clock has gone on far enough for a restart of it to show. */
async function daemonIsOld(watch: WatchRun): Promise<void> {
  await watch.waitFor("renewed", { where: ({ epochSeconds = 0 }) => epochSeconds >= 10 });
}

e2eSideBySide("watch and port 5350", {
  "shares it with a listener from before and one from after: all hear the gateway": async () => {
    await using lab = await GatewayLab.create();
    await using before = await startListener(lab);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", "22"], lab);
    await watch.waitFor("mapped");
    await using after = await startListener(lab);
    await using observer = new WatchRun(lab.cli, ["--json"], lab);
    await observer.waitFor("address");
    await daemonIsOld(watch);
    const renewed = watch.of("renewed").length;
    await lab.gateway.rebootDaemon();
    // miniupnpd announces itself by PCP only.
    await Promise.all([before, after].map((listener) => listener.waitForLine(/^heard 10\.77\.0\.1 2$/)));
    await Promise.all([watch.waitFor("state-lost"), observer.waitFor("state-lost")]);
    await watch.waitFor("renewed", { count: renewed + 1 });
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "announcement", "state-lost"]);
    assertEquals(observer.story, ["started", "address", "announcement", "state-lost"]);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals([...watch.messages, ...observer.messages], []);
  },

  "goes without it when another program owns it, warns once, and asks the gateway": async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "udp", 5350);
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", "22"], lab);
    await using person = new WatchRun(lab.cli, ["8081:81", "-l", "22"], lab);
    await watch.waitFor("mapped");
    await person.waitForMessage(/ mapped tcp /);
    await daemonIsOld(watch);
    const renewed = watch.of("renewed").length;
    await lab.gateway.rebootDaemon();
    await watch.waitFor("state-lost");
    await person.waitForMessage(/ state-lost/);
    await watch.waitFor("renewed", { count: renewed + 1 });
    // Nothing was heard, the next renewal told.
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "state-lost"]);
    const [started, ...others] = watch.events;
    assertEquals(started?.warnings?.length, 1);
    assertEquals(others.filter(({ warnings }) => warnings !== undefined), []);
    assertEquals(watch.messages, []);
    const warnings = person.messages.filter((line) => /warning/.test(line));
    assertEquals(warnings.length, 1);
    assertMatch(warnings[0]!, /5350/);
    assertEquals(person.messages.filter((line) => / state-lost/.test(line)).length, 1);
    const both = [...MAPPED, "tcp 8081 -> 10.77.0.2:81"];
    await eventually(async () => String(await lab.gateway.daemon.mappings()) === String(both), {
      what: "the gateway has both mappings again",
      timeoutMs: 10_000,
    });
  },
});
