/**
 * The cost of `natpmp watch` while it has little to do: resident memory with 1 and with 1,000 leases and CPU time with
 * ten leases of an hour, over real time against a simulated gateway on loopback (read from /proc, so on Linux only), and
 * mapping requests an hour against the minimum that the lifetimes allow, in virtual time.
 *
 * Usage: deno task bench:watch [SECONDS OF REAL TIME, 60 by default] [PATH OF A COMPILED BINARY]
 */

import { Keeper } from "../lib/lease/keeper.ts";
import { NatPmpClient } from "../lib/natpmp/client.ts";
import { decodeRequest } from "../lib/natpmp/message.ts";
import { ManualClock, MemoryNetwork, SimulatedGateway } from "../lib/simulator/mod.ts";
import { sourceCommand } from "./bench/source_command.ts";

const seconds = Number(Deno.args[0] ?? 60);
const binary = Deno.args[1];
const natpmp = binary === undefined ? await sourceCommand() : [binary];

/** Each target with what was measured; the run fails when one is missed. */
let isMissed = false;

function report(what: string, value: number, { unit, limit }: { unit: string; limit: number }): void {
  const isMet = value <= limit;
  if (!isMet) isMissed = true;
  const digits = value < 1 ? 3 : value < 10 ? 2 : 1;
  console.log(
    `${what.padEnd(58)}${value.toFixed(digits).padStart(8)} ${unit.padEnd(4)} (at most ${limit})${
      isMet ? "" : "  MISSED"
    }`,
  );
}

// ---- real time ----

/** Ports of the simulated gateways, each watch having its own. */
let nextPort = 45_352;

interface Usage {
  readonly residentMib: number;
  readonly peakMib: number;
  /** Of one core, while it was idle. */
  readonly cpuPercent: number;
}

function spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): Deno.ChildProcess {
  const [program, ...rest] = [...natpmp, ...args];
  const streams = { stdin: "null", stdout: "piped", stderr: "inherit" } as const;
  return new Deno.Command(program!, { args: rest, env: { ...env }, ...streams }).spawn();
}

/** Reads lines until this many match, and what comes later without keeping it. */
async function countLines(child: Deno.ChildProcess, pattern: RegExp, count: number): Promise<void> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = "";
  for (let found = 0; found < count;) {
    const { value, done } = await reader.read();
    if (value) last = value;
    if (done) {
      throw new Error(
        `Cannot measure: ${found} of ${count} lines matched ${pattern}; the last was ${last.trim()}`,
      );
    }
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    found += lines.filter((line) => pattern.test(line)).length;
  }
  (async () => {
    while (!(await reader.read()).done);
  })();
}

async function memoryOf(pid: number, name: string): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`${name}:\\s+([0-9]+) kB`).exec(status)?.[1]) / 1024;
}

/** CPU time of the whole process so far, which the kernel counts in ticks of 10 ms: 60 s resolve 0.017 %. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself, which is reported elsewhere.
  }
  await child.status;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs a watch of this many leases against a gateway of its own. */
async function usageOf(leases: number, lifetime: string): Promise<Usage> {
  const address = `127.0.0.1:${nextPort++}`;
  const home = await Deno.makeTempDir();
  const gateway = spawn(["simulate", "--listen", address, "--fault", "no-announcement"]);
  await countLines(gateway, /^listening/, 1);
  const specs = Array.from({ length: leases }, (_, i) => `${10_000 + i}:${10_000 + i}`);
  const watch = spawn(["watch", ...specs, "-g", address, "-l", lifetime, "--json"], { XDG_STATE_HOME: home });
  try {
    await countLines(watch, /"event":"mapped"/, leases);
    // The cost of the start is not the cost of being idle.
    await sleep(2000);
    const startMs = await cpuMs(watch.pid);
    await sleep(seconds * 1000);
    const usedMs = await cpuMs(watch.pid) - startMs;
    return {
      residentMib: await memoryOf(watch.pid, "VmRSS"),
      peakMib: await memoryOf(watch.pid, "VmHWM"),
      cpuPercent: usedMs / (seconds * 10),
    };
  } finally {
    for (const child of [watch, gateway]) await end(child);
    await Deno.remove(home, { recursive: true });
  }
}

// ---- virtual time ----

const GATEWAY = "10.0.0.1";
const HOST = "10.0.0.2";
const HOURS = 24;

/** Mapping requests of a day without loss, re-sends left out, as a multiple of what renewal at half of a life asks. */
async function requestRatio(lifetimesSeconds: readonly number[]): Promise<number> {
  const clock = new ManualClock();
  // Numbers that spread well enough, and are the same in each run.
  let state = 1;
  const random = () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
  const network = new MemoryNetwork({ clock, random });
  const gateway = new SimulatedGateway({
    externalAddress: "203.0.113.7",
    random,
    startMs: 0,
    announcesStart: false,
  });
  network.attach(gateway, GATEWAY);
  let requests = 0;
  const host = network.host(HOST);
  const mapper = new NatPmpClient(GATEWAY, {
    clock,
    random,
    openSocket: (local) => {
      const socket = host.open(local);
      let isFirst = true;
      return {
        local: socket.local,
        receive: () => socket.receive(),
        close: () => socket.close(),
        send: (data, to) => {
          if (isFirst && decodeRequest(data).kind === "map") requests++;
          isFirst = false;
          return socket.send(data, to);
        },
      };
    },
  });
  const keeper = new Keeper({
    wanted: lifetimesSeconds.map((lifetimeSeconds, i) => ({
      protocols: ["tcp"],
      internalPort: 1000 + i,
      externalPort: 1000 + i,
      lifetimeSeconds,
    })),
    connect: () => Promise.resolve({ mapper, localAddress: HOST }),
    clock,
    random,
    hearsAnnouncements: true,
    leavesMappings: true,
  });
  const reading = (async () => {
    for await (const _ of keeper);
  })();
  await clock.advance(HOURS * 3_600_000);
  await clock.runUntil(keeper.stop());
  await clock.runUntil(reading);
  const minimum = lifetimesSeconds.reduce((sum, lifetime) => sum + HOURS * 3600 / (lifetime / 2), 0);
  return requests / minimum;
}

// ---- all of it ----

function times(count: number, lifetimeSeconds: number): number[] {
  return Array.from({ length: count }, () => lifetimeSeconds);
}

const MIXES: Readonly<Record<string, readonly number[]>> = {
  "one of 2 h": [7200],
  "two of 60 s": times(2, 60),
  "30 of 2 h and two of 60 s": [...times(30, 7200), ...times(2, 60)],
  "1,000 of 1 h": times(1000, 3600),
  "20 of 1 min to 20 h": Array.from({ length: 20 }, (_, i) => 60 * (i * 3 + 1) * (i + 1)),
};

console.log(`Deno ${Deno.version.deno}, ${seconds} s of real time${binary ? `, ${binary}` : ""}`);
if (Deno.build.os === "linux") {
  const [one, many, ten] = await Promise.all([usageOf(1, "1h"), usageOf(1000, "1h"), usageOf(10, "1h")]);
  report("resident memory with 1 lease", one.residentMib, { unit: "MiB", limit: 50 });
  report("resident memory with 1,000 leases", many.residentMib, { unit: "MiB", limit: 70 });
  report("CPU of an idle watch with ten leases of an hour", ten.cpuPercent, { unit: "%", limit: 0.05 });
  console.log(`peaks: ${one.peakMib.toFixed(1)} and ${many.peakMib.toFixed(1)} MiB`);
}
for (const [name, lifetimes] of Object.entries(MIXES)) {
  const ratio = await requestRatio(lifetimes);
  report(`mapping requests of a day against the minimum, ${name}`, ratio, { unit: "", limit: 1.1 });
}
Deno.exit(isMissed ? 1 : 0);
