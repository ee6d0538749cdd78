/**
 * Whole-process time and peak memory of `natpmp map` against a simulated gateway on loopback, beside `deno run` of an
 * empty file, on the same machine in turn. Medians of many runs. Peak memory is read from /proc, so on Linux only.
 *
 * Usage: deno task bench:startup [PATH OF A COMPILED BINARY]
 */

const ROOT = `${import.meta.dirname}/..`;
const RUNS = 40;
const PORT = 45_351;
const binary = Deno.args[0];

interface Sample {
  readonly elapsedMs: number;
  readonly peakMib: number;
}

type CommandWords = readonly string[];

/** What is mapped here is none of the user's leases. */
const stateHome = await Deno.makeTempDir({ prefix: "natpmp-bench-" });

function spawn([program, ...args]: CommandWords): Deno.ChildProcess {
  const env = { XDG_STATE_HOME: stateHome };
  return new Deno.Command(program!, { args, env, stdin: "null", stdout: "null", stderr: "null" }).spawn();
}

/** Reads the peak of a process again and again for as long as it lives: the last reading counts. */
async function peakMibOf(child: Deno.ChildProcess): Promise<number> {
  let peak = 0;
  let isRunning = true;
  child.status.then(() => isRunning = false);
  while (isRunning) {
    // It may end at any moment; its file is then gone, or no longer to be read.
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
    peak = Number(/VmHWM:\s+([0-9]+) kB/.exec(status)?.[1] ?? peak * 1024) / 1024;
  }
  return peak;
}

async function timeOf(command: CommandWords): Promise<number> {
  const startMs = performance.now();
  const { success } = await spawn(command).status;
  if (!success) throw new Error(`Cannot measure: ${command.join(" ")} failed`);
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function measure(commands: Readonly<Record<string, CommandWords>>): Promise<Map<string, Sample>> {
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  const peaks = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let run = 0; run < RUNS; run++) {
    for (const [name, command] of Object.entries(commands)) times.get(name)!.push(await timeOf(command));
  }
  for (let run = 0; run < 5 && Deno.build.os === "linux"; run++) {
    for (const [name, command] of Object.entries(commands)) {
      peaks.get(name)!.push(await peakMibOf(spawn(command)));
    }
  }
  return new Map(
    Object.keys(commands).map((name) => [name, {
      elapsedMs: median(times.get(name)!),
      peakMib: median(peaks.get(name)!),
    }]),
  );
}

const emptyFile = await Deno.makeTempFile({ suffix: ".ts" });
const source = [Deno.execPath(), "run", "-q", "-A", `${ROOT}/main.ts`];
const mapping = ["map", "8080:80", "--gateway", `127.0.0.1:${PORT}`];
const gateway = spawn([...source, "simulate", "--listen", `127.0.0.1:${PORT}`, "--fault", "no-announcement"]);
try {
  const samples = await measure({
    "deno run of an empty file": [Deno.execPath(), "run", "-q", emptyFile],
    "natpmp --version": [...source, "--version"],
    "natpmp map": [...source, ...mapping],
    ...(binary === undefined ? {} : { "natpmp map, compiled": [binary, ...mapping] }),
  });
  const floorMs = samples.get("deno run of an empty file")!.elapsedMs;
  for (const [name, { elapsedMs, peakMib }] of samples) {
    const above = `+${(elapsedMs - floorMs).toFixed(1)} ms`.padStart(10);
    console.log(
      `${name.padEnd(28)}${elapsedMs.toFixed(1).padStart(8)} ms${above}${
        peakMib.toFixed(1).padStart(8)
      } MiB peak`,
    );
  }
  console.log(`Deno ${Deno.version.deno}, medians of ${RUNS} runs (time) and 5 runs (memory)`);
} finally {
  gateway.kill("SIGKILL");
  await gateway.status;
  await Deno.remove(emptyFile);
  await Deno.remove(stateHome, { recursive: true });
}
