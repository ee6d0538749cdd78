import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
  assertNotEquals,
} from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { FileTimeline } from "../support/watch_file_timeline.ts";
import { WatchRun } from "../support/watch_run.ts";
import { e2eSideBySide } from "../support/watch_side_by_side.ts";
import { Traffic } from "../support/watch_traffic.ts";

const THREE_OF_TEN = { count: 3, of: 10 } as const;
const CLI_ADDRESS = "10.77.0.2";
const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** A hook that tells on our stderr what it was given and what the port file says at that moment. */
function tellingHook(portFile: string): string {
  const port = "${NATPMP_EXTERNAL_PORT-none} was ${NATPMP_PREVIOUS_EXTERNAL_PORT-none}";
  const address = "${NATPMP_EXTERNAL_ADDRESS-none} was ${NATPMP_PREVIOUS_EXTERNAL_ADDRESS-none}";
  return `echo "hook $NATPMP_EVENT ${port} at ${address}, file $(cat '${portFile}' 2>/dev/null || echo none)"`;
}

async function startLab() {
  const lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  return lab;
}

/** Holds 8080:80, and sees traffic pass. */
function watchIn(lab: GatewayLab, ...args: string[]): WatchRun {
  return new WatchRun(lab.cli, ["8080:80", "--json", ...args], lab);
}

/** Waits until the gateway's clock has gone on far enough for a restart of it to show. */
async function daemonIsOld(watch: WatchRun): Promise<void> {
  await watch.waitFor("renewed", { where: ({ epochSeconds = 0 }) => epochSeconds >= 10 });
}

e2eSideBySide("watch holds a lease", {
  "over five renewals of a lease of 10 s, while 3 of 10 datagrams are lost each way": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, "-l", "10");
    await watch.waitFor("mapped");
    await lab.gateway.lossEvery({ requests: THREE_OF_TEN, replies: THREE_OF_TEN });
    await using traffic = new Traffic(lab, 8080);
    await watch.waitFor("renewed", { count: 5, timeoutMs: 60_000 });
    const lost = await lab.gateway.faultCounts();
    assertGreater(lost.requests, 0);
    assertGreater(lost.replies, 0);
    const connections = traffic.all;
    assertEquals(connections.filter(({ isOk }) => !isOk), []);
    // Five halves of a life, ten connections a second.
    assertGreater(connections.length, 200);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080"]);
    assertEquals(watch.messages, []);
  },

  "over a reboot of the gateway: traffic is back within 8 s": async () => {
    await using lab = await startLab();
    await using watch = watchIn(lab, "-l", "22");
    await watch.waitFor("mapped");
    await using traffic = new Traffic(lab, 8080);
    await daemonIsOld(watch);
    const renewedBefore = watch.of("renewed").length;
    assertLessOrEqual(await traffic.backAfterReboot(lab), 8000);
    await watch.waitFor("renewed", { count: renewedBefore + 1 });
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "announcement", "state-lost"]);
    assertEquals(watch.of("renewed").length, renewedBefore + 1);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(watch.messages, []);
  },

  "over a change of the external address, which the hook learns": async () => {
    await using lab = await startLab();
    const portFile = `${lab.directory}/port`;
    await using watch = watchIn(lab, "-l", "22", "--exec", tellingHook(portFile), "--port-file", portFile);
    await watch.waitForMessage(/^hook mapped/);
    await daemonIsOld(watch);
    const renewedBefore = watch.of("renewed").length;
    await lab.gateway.renumber("11.22.33.44/24", "11.22.33.55/24");
    const { previousExternalAddress } = await watch.waitFor("address", {
      where: ({ externalAddress }) => externalAddress === "11.22.33.55",
    });
    assertEquals(previousExternalAddress, "11.22.33.44");
    const changed = await watch.waitFor("changed");
    assertEquals([changed.externalAddress, changed.previousExternalAddress], ["11.22.33.55", "11.22.33.44"]);
    assertEquals([changed.externalPort, changed.previousExternalPort], [8080, undefined]);
    await watch.waitFor("state-lost");
    await watch.waitFor("renewed", { count: renewedBefore + 1 });
    assertEquals(await lab.probe("tcp", 8080, "11.22.33.55"), "cli:80");
    assert(await lab.isClosed("tcp", 8080, "11.22.33.44"));
    assertEquals(watch.messages, [
      "hook mapped 8080 was none at 11.22.33.44 was none, file 8080",
      "hook changed 8080 was none at 11.22.33.55 was 11.22.33.44, file 8080",
    ]);
    const news = watch.story.slice(3);
    // The daemon announces itself for each change of its addresses that it sees.
    const changes = news.filter((event) => event !== "announcement");
    assertGreater(news.length, changes.length);
    assertEquals(changes.toSorted(), ["address", "changed tcp 8080", "state-lost"]);
    assertLess(news.indexOf("address"), news.indexOf("changed tcp 8080"));
  },

  "until it has expired at a gateway that is gone, and again when it is back": async () => {
    await using lab = await startLab();
    const portFile = `${lab.directory}/port`;
    await using watch = watchIn(lab, "-l", "8", "--exec", tellingHook(portFile), "--port-file", portFile);
    await watch.waitForMessage(/^hook mapped/);
    await using file = new FileTimeline(portFile);
    await using traffic = new Traffic(lab, 8080);
    await traffic.next(true, 0);
    await lab.gateway.dropAll();
    const droppedAtMs = Date.now();
    const expired = await watch.waitFor("expired");
    assertEquals([expired.externalPort, expired.previousExternalPort], [undefined, 8080]);
    const failed = await traffic.next(false, droppedAtMs);
    // It was published for as long as it lived, and not much longer.
    assertLess(Math.abs(Date.parse(expired.time) - failed.atMs), 3000);
    await watch.waitFor("gateway-silent");
    await watch.waitForMessage(/^hook expired/);
    await lab.gateway.clearFaults();
    const clearedAtMs = Date.now();
    await watch.waitFor("mapped", { count: 2 });
    const back = await traffic.next(true, clearedAtMs);
    assertLess(back.atMs - clearedAtMs, 10_000);
    await watch.waitForMessage(/^hook mapped [^]*$/);
    await watch.waitFor("renewed", { where: ({ time }) => Date.parse(time) > clearedAtMs });
    const news = watch.story.slice(3);
    assertEquals(news.toSorted(), ["expired tcp 8080", "gateway-back", "gateway-silent", "mapped tcp 8080"]);
    assertLess(news.indexOf("gateway-silent"), news.indexOf("gateway-back"));
    assertEquals(await file.upToNow(), ["8080\n", undefined, "8080\n"]);
    assertEquals(watch.messages, [
      "hook mapped 8080 was none at 11.22.33.44 was none, file 8080",
      "hook expired none was 8080 at 11.22.33.44 was none, file none",
      "hook mapped 8080 was none at 11.22.33.44 was none, file 8080",
    ]);
  },

  "on another port when somebody else took its port while it had expired": async () => {
    await using lab = await startLab();
    await lab.listen(lab.cli2, "tcp", 81);
    const portFile = `${lab.directory}/port`;
    await using watch = watchIn(lab, "-l", "8", "--exec", tellingHook(portFile), "--port-file", portFile);
    await watch.waitForMessage(/^hook mapped/);
    await using file = new FileTimeline(portFile);
    await lab.gateway.dropFrom(CLI_ADDRESS);
    await watch.waitFor("expired");
    await otherHostTakes8080(lab);
    await lab.gateway.clearFaults();
    const { externalPort, requestedExternalPort } = await watch.waitFor("mapped", { count: 2 });
    assertNotEquals(externalPort, 8080);
    assertEquals(requestedExternalPort, 8080);
    assertEquals(await lab.probe("tcp", externalPort!), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
    await watch.waitForMessage(new RegExp(`^hook mapped ${externalPort}`));
    assertEquals(await file.upToNow(), ["8080\n", undefined, `${externalPort}\n`]);
    assertEquals(watch.messages, [
      "hook mapped 8080 was none at 11.22.33.44 was none, file 8080",
      "hook expired none was 8080 at 11.22.33.44 was none, file none",
      `hook mapped ${externalPort} was none at 11.22.33.44 was none, file ${externalPort}`,
    ]);
    // Its own port, asked for again and again, is not taken from the other.
    await watch.waitFor("renewed", { where: (event) => event.externalPort === externalPort });
    assertEquals(watch.of("mapped").length, 2);
    assertEquals(watch.of("changed").length, 0);
    assertEquals(
      await lab.gateway.daemon.mappings(),
      [
        `tcp ${externalPort} -> 10.77.0.2:80`,
        "tcp 8080 -> 10.77.0.3:81",
      ].sort(),
    );
  },

  "on another port when somebody else took its port after a reboot": async () => {
    await using lab = await startLab();
    await lab.listen(lab.cli2, "tcp", 81);
    const portFile = `${lab.directory}/port`;
    await using watch = watchIn(lab, "-l", "30", "--exec", tellingHook(portFile), "--port-file", portFile);
    await watch.waitForMessage(/^hook mapped/);
    await daemonIsOld(watch);
    await using file = new FileTimeline(portFile);
    await lab.gateway.dropFrom(CLI_ADDRESS);
    await lab.gateway.rebootDaemon();
    await otherHostTakes8080(lab);
    await lab.gateway.clearFaults();
    const { externalPort, previousExternalPort } = await watch.waitFor("changed");
    assertNotEquals(externalPort, 8080);
    assertEquals(previousExternalPort, 8080);
    assertEquals(await lab.probe("tcp", externalPort!), "cli:80");
    assertEquals(await lab.probe("tcp", 8080), "cli2:81");
    await watch.waitForMessage(/^hook changed/);
    assertEquals(await file.upToNow(), ["8080\n", `${externalPort}\n`]);
    assertEquals(watch.messages, [
      "hook mapped 8080 was none at 11.22.33.44 was none, file 8080",
      `hook changed ${externalPort} was 8080 at 11.22.33.44 was none, file ${externalPort}`,
    ]);
    assertEquals(watch.story.slice(3), ["announcement", "state-lost", `changed tcp ${externalPort}`]);
  },
});

async function otherHostTakes8080(lab: GatewayLab): Promise<void> {
  const { code, stdout } = await lab.natpmp(["map", "8080:81"], { host: lab.cli2 });
  assertEquals([code, stdout], [0, "tcp 11.22.33.44:8080 -> 81, 7200 s\n"]);
}
