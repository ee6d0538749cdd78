/** A command line. */
export type CommandWords = readonly string[];

/** Variables added to those that are inherited. */
export type Environment = Readonly<Record<string, string>>;

/** The time and memory of a program, whole process. */
export interface Sample {
  /** The median, from its start to its end. */
  readonly elapsedMs: number;
  /** The median of its peak memory; read from /proc, so 0 where there is none. */
  readonly peakMib: number;
}

/** Options of {@linkcode sampleProcesses}. */
export interface SampleOptions {
  /** How often each is run for its time. */
  readonly timedRuns: number;
  /** How often each is run for its peak memory. */
  readonly peakRuns: number;
  readonly env: Environment;
}

function spawn([program, ...args]: CommandWords, env: Environment): Deno.ChildProcess {
  return new Deno.Command(program!, { args, env, stdin: "null", stdout: "null", stderr: "null" }).spawn();
}

/**
 * Runs programs in turn, so that what else the machine does hits all of them alike.
 *
 * @param commands The command lines by name. Each has to succeed.
 * @param options How often.
 * @returns The sample of each.
 */
export async function sampleProcesses(
  commands: Readonly<Record<string, CommandWords>>,
  options: SampleOptions,
): Promise<Map<string, Sample>> {
  const { timedRuns, peakRuns, env } = options;
  const entries = Object.entries(commands);
  const times = new Map<string, number[]>(entries.map(([name]) => [name, []]));
  const peaks = new Map<string, number[]>(entries.map(([name]) => [name, []]));
  for (const [, command] of entries) await timeOf(command, env);
  for (let run = 0; run < timedRuns; run++) {
    for (const [name, command] of entries) times.get(name)!.push(await timeOf(command, env));
  }
  for (let run = 0; run < peakRuns && Deno.build.os === "linux"; run++) {
    for (const [name, command] of entries) peaks.get(name)!.push(await peakMibOf(spawn(command, env)));
  }
  return new Map(
    entries.map(([name]) => [name, {
      elapsedMs: median(times.get(name)!),
      peakMib: median(peaks.get(name)!),
    }]),
  );
}

async function timeOf(command: CommandWords, env: Environment): Promise<number> {
  const startMs = performance.now();
  const { success } = await spawn(command, env).status;
  if (!success) throw new Error(`Cannot measure: ${command.join(" ")} failed`);
  return performance.now() - startMs;
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
