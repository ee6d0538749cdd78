import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { tryLockFile } from "../../../lib/files/file_lock.ts";
import { parseState } from "../../../lib/state/format.ts";
import { natpmpCommand, runNatpmp } from "../../support/command.ts";
import { LoopbackGateway, WatchProcess } from "../../support/watch_process.ts";

/** A place for the state of the processes of one test. */
async function ownState(): Promise<AsyncDisposable & { readonly env: Readonly<Record<string, string>> }> {
  const directory = await Deno.makeTempDir();
  return {
    env: Deno.build.os === "windows" ? { LOCALAPPDATA: directory } : { XDG_STATE_HOME: directory },
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

function directoryOf(env: Readonly<Record<string, string>>): string {
  return `${env["XDG_STATE_HOME"] ?? env["LOCALAPPDATA"]}/natpmp`;
}

/** The lock of a gateway, whose name ends with the network namespace where the system has any. */
function isLockOf({ address }: LoopbackGateway, name: string): boolean {
  const [, namespace] = /^gateway-[0-9.]+-[0-9]+(-[0-9]+)?\.lock$/.exec(name) ?? [];
  return name === `gateway-${address.replace(":", "-")}${namespace ?? ""}.lock` &&
    (namespace !== undefined) === (Deno.build.os === "linux");
}

const LATENCY_MS = 100;
const TOGETHER = 20;

/** Far more than a start takes. */
const START_MS = 5000;

Deno.test("twenty map processes at once get twenty mappings, one request at a time, and leave twenty leases", async () => {
  await using gateway = new LoopbackGateway({ faults: { latencyMs: LATENCY_MS } });
  await using state = await ownState();
  const ports = Array.from({ length: TOGETHER }, (_, i) => 8001 + i);
  const all = await Promise.all(
    ports.map((port) =>
      runNatpmp(["map", `${port}`, "--timeout", "60", "-g", gateway.address], { ...state, timeoutMs: 60_000 })
    ),
  );
  assertEquals(all.map(({ code, stderr }) => [code, stderr]), ports.map(() => [0, ""]));
  assertEquals(
    all.map(({ stdout }) => stdout),
    ports.map((port) => `tcp 203.0.113.7:${port} -> ${port}, 7200 s\n`),
  );
  assertEquals(gateway.ports.toSorted(), ports);
  const { received, mostInFlight } = gateway.simulated.counters;
  // On a machine that is busy enough a process sends again although its answer is there already, and goes on then: the
  // gateway still has that datagram to answer when the next process asks.
  const wasSentAgain = received > 2 * TOGETHER;
  assertLessOrEqual(mostInFlight, wasSentAgain ? 2 : 1);
  const directory = directoryOf(state.env);
  const { gateways } = parseState(await Deno.readTextFile(`${directory}/leases.json`));
  assertEquals(gateways.length, 1);
  const leases = gateways[0]!.entries.map(({ protocol, internalPort, lease }) => [
    protocol,
    internalPort,
    lease?.externalPort,
  ]);
  assertEquals(leases.toSorted(), ports.map((port) => ["tcp", port, port]));
  // Nothing is left beside the state and the locks, which stay.
  const [lock, ...others] = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  assert(isLockOf(gateway, lock!), lock);
  assertEquals(others, ["leases.json", "leases.json.lock"]);
});

Deno.test("a map process that cannot have its turn within its --timeout ends with busy, and names who has it", async () => {
  await using gateway = new LoopbackGateway();
  await using state = await ownState();
  const directory = directoryOf(state.env);
  const args = ["map", "8080:80", "--timeout", "0.5", "-g", gateway.address];
  await runNatpmp(args, state);
  const { received } = gateway.simulated.counters;
  const { name } = [...Deno.readDirSync(directory)].find(({ name }) => isLockOf(gateway, name))!;
  const lock = await tryLockFile(`${directory}/${name}`, "natpmp watch, process 77");
  const { code, stdout, stderr, elapsedMs } = await runNatpmp(args, state);
  assertEquals([code, stdout, gateway.simulated.counters.received], [1, "", received]);
  const who = Deno.build.os === "windows" ? "" : " (natpmp watch, process 77)";
  const text = `Cannot ask 127.0.0.1 within 0.5 s: another process${who} is asking it`;
  assert(stderr.startsWith(`natpmp: error: tcp 80: ${text}`), stderr);
  assertGreater(elapsedMs, 500);
  const { mappings } = JSON.parse((await runNatpmp([...args, "--json"], state)).stdout);
  assertEquals(mappings[0].error.kind, "busy");
  lock!.release();
  assertEquals((await runNatpmp(args, state)).code, 0);
});

Deno.test({
  name: "map --if-due names the stopped process that sits on its lock, and ends with 1",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using gateway = new LoopbackGateway({ faults: { silent: true } });
    await using state = await ownState();
    const args = ["map", "8080:80", "--if-due", "--quiet", "-g", gateway.address];
    const [program, ...words] = natpmpCommand();
    const stopped = new Deno.Command(program!, {
      args: [...words, ...args],
      env: state.env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await until(() => gateway.simulated.counters.received > 0);
      stopped.kill("SIGSTOP");
      const fresh = await runNatpmp(args, state);
      assertEquals([fresh.code, fresh.stdout, fresh.stderr], [0, "", ""]);
      const directory = directoryOf(state.env);
      const lock = [...Deno.readDirSync(directory)].find(({ name }) => /\.if-due-.*\.lock$/.test(name))!;
      const longAgo = new Date(Date.now() - 2 * 60_000);
      await Deno.utime(`${directory}/${lock.name}`, longAgo, longAgo);
      const { code, stdout, stderr } = await runNatpmp(args, state);
      assertEquals([code, stdout], [1, ""]);
      const who =
        `Another natpmp map --if-due (natpmp map, process ${stopped.pid}) has been running for 2 min: `;
      assert(stderr.startsWith(`natpmp: error: ${who}`), stderr);
    } finally {
      stopped.kill("SIGKILL");
      await stopped.status;
    }
  },
});

Deno.test("a map process gets its turn while a watch waits for an answer of a silent gateway", async () => {
  await using gateway = new LoopbackGateway({ faults: { silent: true } });
  await using state = await ownState();
  await using watch = new WatchProcess(["9090:90", "-g", gateway.address], state);
  await until(() => gateway.simulated.counters.received > 0);
  const mapping = runNatpmp(["map", "8080:80", "--timeout", "7.75", "-g", gateway.address], state);
  // Before the watch would ask again, which it does 7.75 s after its first send.
  await until(() => gateway.simulated.counters.received >= 5);
  gateway.setFaults({});
  const { code, stdout, stderr, elapsedMs } = await mapping;
  assertEquals([code, stdout, stderr], [0, "tcp 203.0.113.7:8080 -> 80, 7200 s\n", ""]);
  // The turn after 4 s at most, then its own schedule.
  assertLess(elapsedMs, 4000 + 7750 + START_MS);
  assert(gateway.ports.includes(8080), `${gateway.ports}`);
  watch.kill("SIGKILL");
});

/** Looks again and again, for at most 15 s. */
async function until(isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 15_000;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error("It did not come to pass in 15 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
