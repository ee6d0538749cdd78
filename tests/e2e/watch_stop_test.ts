import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { e2eSideBySide, eventually } from "../support/watch_side_by_side.ts";
import { WatchRun } from "../support/watch_run.ts";
import { Traffic } from "../support/watch_traffic.ts";

const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

async function startLab() {
  const lab = await GatewayLab.create();
  await lab.listen(lab.cli, "tcp", 80);
  return lab;
}

e2eSideBySide("watch ends", {
  "on SIGTERM without its mapping: traffic stops": async () => {
    await using lab = await startLab();
    const portFile = `${lab.directory}/port`;
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "--port-file", portFile], lab);
    await watch.waitFor("mapped");
    await using traffic = new Traffic(lab, 8080);
    await traffic.next(true, 0);
    assertEquals(await Deno.readTextFile(portFile), "8080\n");
    const { code, elapsedMs } = await watch.end("SIGTERM");
    const endedAtMs = Date.now();
    assertEquals(code, 0);
    assertLess(elapsedMs, 3000);
    assertEquals(await lab.gateway.daemon.mappings(), []);
    await traffic.next(false, endedAtMs);
    assert(await lab.isClosed("tcp", 8080));
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "unmapped tcp 8080", "stopped"]);
    assertEquals(watch.messages, []);
    await assertRejects(() => Deno.stat(portFile), Deno.errors.NotFound);
  },

  "on SIGTERM within 3 s when the gateway is gone": async () => {
    await using lab = await startLab();
    await using watch = new WatchRun(lab.cli, ["8080:80", "8081:81/both", "--json"], lab);
    await watch.waitFor("mapped", { count: 3 });
    await lab.gateway.dropAll();
    const { code, elapsedMs } = await watch.end("SIGTERM");
    assertEquals(code, 0);
    assertLess(elapsedMs, 3500);
    // At least one deletion was sent for each.
    assertGreater((await lab.gateway.faultCounts()).requests, 2);
    assertEquals((await lab.gateway.daemon.mappings()).length, 3);
    assertEquals(watch.story.at(-1), "stopped");
  },

  "with --keep, and its mapping stays": async () => {
    await using lab = await startLab();
    const portFile = `${lab.directory}/port`;
    const args = ["8080:80", "--json", "--keep", "--port-file", portFile];
    await using watch = new WatchRun(lab.cli, args, lab);
    await watch.waitFor("mapped");
    const { code, elapsedMs } = await watch.end("SIGTERM");
    assertEquals(code, 0);
    assertLess(elapsedMs, 3000);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    assertEquals(await Deno.readTextFile(portFile), "8080\n");
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "stopped"]);
  },

  "on SIGKILL, and its mapping lives until it expires": async () => {
    await using lab = await startLab();
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "-l", "8"], lab);
    await watch.waitFor("mapped");
    const { code } = await watch.end("SIGKILL");
    const endedAtMs = performance.now();
    assertEquals(code, 137);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    assertEquals(await lab.probe("tcp", 8080), "cli:80");
    await eventually(async () => (await lab.gateway.daemon.mappings()).length === 0, {
      what: "the mapping expires",
      timeoutMs: 15_000,
    });
    assertGreater(performance.now() - endedAtMs, 4000);
    assert(await lab.isClosed("tcp", 8080));
  },

  "by itself after --for, as by SIGTERM": async () => {
    await using lab = await startLab();
    await using watch = new WatchRun(lab.cli, ["8080:80", "--json", "--for", "4s", "-l", "4"], lab);
    await watch.waitFor("stopped");
    assertEquals(await watch.ended(), 0);
    assertEquals(watch.story, ["started", "address", "mapped tcp 8080", "unmapped tcp 8080", "stopped"]);
    assertEquals(await lab.gateway.daemon.mappings(), []);
  },
});
