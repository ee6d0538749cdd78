import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { LoopbackGateway, WatchProcess } from "../../support/watch_process.ts";

/** Windows has neither these signals nor this shell; the rest of `watch` is tested in memory. */
const ignore = Deno.build.os === "windows";

/** A directory of the test's own. */
async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const GRANTS_SHORT = { maxLifetimeSeconds: 4 };

Deno.test({
  name: "watch as a process holds ProtonVPN's mapping with hook and port file, and ends with 0 on SIGTERM",
  ignore,
  fn: async () => {
    await using directory = await temporaryDirectory();
    const portFile = `${directory.path}/port`;
    await using gateway = new LoopbackGateway({
      ...GRANTS_SHORT,
      faults: { allowPortZero: true, rotatePortEvery: 2 },
    });
    const hook =
      `echo "$NATPMP_EVENT $NATPMP_PROTOCOL \${NATPMP_PREVIOUS_EXTERNAL_PORT-none} $NATPMP_EXTERNAL_PORT"`;
    await using watch = new WatchProcess(
      ["1:0/both", "-l", "60", "-g", gateway.address, "--allow-port-zero"]
        .concat("--exec", hook, "--port-file", portFile),
    );
    await watch.stdout.until(/ mapped udp /);
    const [mapped] = await watch.stderr.until(/^mapped udp none [0-9]+$/);
    const first = mapped!.split(" ")[3]!;
    assertEquals(await Deno.readTextFile(portFile), `${first}\n`);
    const [changed] = await watch.stderr.until(/^changed udp [0-9]+ [0-9]+$/);
    assertEquals(changed!.split(" ")[2], first);
    assertEquals(
      new Set((await Deno.readTextFile(portFile)).trim().split("\n")),
      new Set(gateway.ports.map(String)),
    );
    watch.kill("SIGTERM");
    assertEquals(await watch.ended(), 0);
    assertMatch(watch.stdout.all.at(-1)!, / stopped$/);
    assertEquals([...Deno.readDirSync(directory.path)], []);
  },
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.test({
    name: `watch as a process deletes its mapping on ${signal} and ends with 0`,
    ignore,
    fn: async () => {
      await using gateway = new LoopbackGateway();
      await using watch = new WatchProcess(["8080:80", "-g", gateway.address]);
      await watch.stdout.until(/ mapped tcp /);
      assertEquals(gateway.ports, [8080]);
      watch.kill(signal);
      assertEquals(await watch.ended(), 0);
      assertEquals([gateway.ports, watch.stderr.all], [[], []]);
    },
  });
}

Deno.test({
  name: "watch as a process goes on after SIGHUP when it came ignored (nohup; Linux)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using gateway = new LoopbackGateway(GRANTS_SHORT);
    await using watch = new WatchProcess(["8080:80", "-g", gateway.address], { prelude: "trap '' HUP" });
    await watch.stdout.until(/ mapped tcp /);
    watch.kill("SIGHUP");
    await watch.stdout.until(/ renewed tcp /);
    watch.kill("SIGTERM");
    assertEquals(await watch.ended(), 0);
  },
});

Deno.test({
  name: "watch as a process ends at once on a second signal, with 128 and its number",
  ignore,
  fn: async () => {
    await using gateway = new LoopbackGateway();
    await using watch = new WatchProcess(["8080:80", "-g", gateway.address, "-v"]);
    await watch.stdout.until(/ mapped tcp /);
    gateway.setFaults({ silent: true });
    watch.kill("SIGTERM");
    await watch.stderr.until(/unmap tcp request/);
    const signalledAtMs = performance.now();
    watch.kill("SIGINT");
    assertEquals(await watch.ended(), 130);
    assertLess(performance.now() - signalledAtMs, 1000);
  },
});

Deno.test({
  name: "watch as a process ends at once on a second signal, and leaves no hook behind",
  ignore,
  fn: async () => {
    await using gateway = new LoopbackGateway();
    const hook = "echo started; sleep 60 & wait";
    await using watch = new WatchProcess(["8080:80", "-g", gateway.address, "--exec", hook]);
    await watch.stderr.until(/^started$/);
    watch.kill("SIGTERM");
    await watch.stdout.until(/ unmapped tcp /);
    const signalledAtMs = performance.now();
    watch.kill("SIGTERM");
    // The hook and its child have our stderr: it is not drained before they are gone.
    assertEquals(await watch.ended(), 143);
    assertLess(performance.now() - signalledAtMs, 1500);
  },
});

Deno.test({
  name: "watch as a process stops within 3 s when gateway and hook hang, and leaves no hook behind",
  ignore,
  fn: async () => {
    await using gateway = new LoopbackGateway();
    await using watch = new WatchProcess([
      "8080:80",
      "-g",
      gateway.address,
      "--exec",
      "echo started; sleep 60 & wait",
    ]);
    await watch.stderr.until(/^started$/);
    gateway.setFaults({ silent: true });
    const signalledAtMs = performance.now();
    watch.kill("SIGTERM");
    // The streams close only when nothing that the hook started has them open.
    assertEquals(await watch.ended(), 0);
    const tookMs = performance.now() - signalledAtMs;
    assert(tookMs < 3500, `It took ${tookMs} ms`);
    assertMatch(watch.stderr.all.join("\n"), /The hook for mapped tcp 80 was killed: no time was left/);
  },
});

Deno.test({
  name: "watch as a process ends as by SIGTERM, without a word, when nobody reads its stdout",
  ignore,
  fn: async () => {
    await using gateway = new LoopbackGateway(GRANTS_SHORT);
    await using watch = new WatchProcess(["8080:80", "-g", gateway.address]);
    await watch.stdout.until(/ mapped tcp /);
    await watch.stdout.close();
    assertEquals(await watch.ended(), 0);
    assertEquals([gateway.ports, watch.stderr.all], [[], []]);
  },
});

Deno.test({
  name: "watch as a process renews at once on SIGUSR2 and prints the table",
  ignore,
  fn: async () => {
    await using gateway = new LoopbackGateway();
    await using watch = new WatchProcess(["8080:80", "-g", gateway.address]);
    await watch.stdout.until(/ mapped tcp /);
    watch.kill("SIGUSR2");
    await watch.stdout.until(/ renewed tcp /);
    assertMatch(watch.stdout.all.join("\n"), /\ntcp 80 +8080 +/);
    watch.kill("SIGTERM");
    assertEquals(await watch.ended(), 0);
  },
});

Deno.test({
  name: "watch as a process prints NDJSON only, one object a line",
  ignore,
  fn: async () => {
    await using gateway = new LoopbackGateway(GRANTS_SHORT);
    await using watch = new WatchProcess([
      "8080:80",
      "-g",
      gateway.address,
      "--json",
      "--exec",
      "echo not JSON",
    ]);
    await watch.stdout.until(/"renewed"/);
    watch.kill("SIGTERM");
    assertEquals(await watch.ended(), 0);
    const events = watch.stdout.all.map((line) => JSON.parse(line).event);
    assertEquals([events[0], events.at(-2), events.at(-1)], ["started", "unmapped", "stopped"]);
    assertEquals(new Set(watch.stderr.all), new Set(["not JSON"]));
  },
});

Deno.test({
  name: "watch as a process tells a service manager, keeps its socket from hooks, and has the journal's time",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/notify`;
    const manager = Deno.listenDatagram({ transport: "unixpacket", path });
    try {
      await using gateway = new LoopbackGateway();
      const out = `${directory.path}/out`;
      // The shell knows which file its stdout is, as systemd does.
      await using watch = new WatchProcess(
        ["8080:80", "-g", gateway.address, "--exec", 'echo "${NOTIFY_SOCKET-none}"'],
        {
          env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" },
          prelude: `exec >'${out}'; JOURNAL_STREAM=$(stat -c %d:%i '${out}'); export JOURNAL_STREAM`,
        },
      );
      const messages = new Set<string>();
      const wanted = ["READY=1", "WATCHDOG=1", "STATUS=tcp 203.0.113.7:8080 -> 80, 7200 s"];
      const hear = async () => {
        const [data] = await manager.receive();
        messages.add(new TextDecoder().decode(data));
      };
      while (!wanted.every((message) => messages.has(message))) await hear();
      await watch.stderr.until(/^none$/);
      watch.kill("SIGTERM");
      while (!messages.has("STOPPING=1")) await hear();
      assertEquals(await watch.ended(), 0);
      assertMatch(await Deno.readTextFile(out), /^started: tcp 80\naddress 203\.0\.113\.7\nmapped tcp /);
    } finally {
      manager.close();
    }
  },
});
