import type { Clock } from "../../clock.ts";
import { type MappingKey, mappingName, type TransportProtocol } from "../../port_mapper.ts";
import type { Process, ProcessEnd } from "../../system/system.ts";
import { mergeEvents, subjectOf } from "../../lease/merge_events.ts";
import {
  type Environment,
  hookEnvironment,
  type HookEvent,
  inheritedEnvironment,
  mappingOf,
} from "./hook_environment.ts";

/** After this long a hook is killed. */
const LIMIT_MS = 30_000;

/** How long a killed hook is waited for; one that changed its user may be out of reach. */
const KILL_GRACE_MS = 250;

/** How long the hook of a range waits for events of its other ports, which come one after the other. */
const GATHER_MS = 100;

/** A hook that did not succeed. */
export interface HookFailure {
  /** The event that it was to run on. */
  readonly event: HookEvent;
  /** The same of further ports of a range. */
  readonly others?: readonly HookEvent[];
  readonly reason: string;
}

/** Options of {@linkcode HookRunner}. */
export interface HookRunnerOptions {
  /** Finds the shell command to run on an event; `undefined` when nobody wants to hear of it. */
  readonly commandOf: (event: HookEvent) => string | undefined;
  /** The range that a mapping is one port of: what happens to its ports together is one run of its hook. */
  readonly rangeOf?: ((mapping: MappingKey) => unknown) | undefined;
  readonly process: Pick<Process, "environment" | "startShell">;
  readonly clock: Clock;
  /** Takes what hooks print, line by line; without it that goes to our stderr. */
  readonly onOutput?: ((line: string) => void) | undefined;
  /** Called with each failure, but with the same one of the same event only once. */
  readonly onFailure: (failure: HookFailure) => void;
}

/** Options of {@linkcode HookRunner.run}. */
export interface RunHookOptions {
  /** The external address, where the event does not have it. */
  readonly externalAddress?: string | undefined;
  /** Whether nobody sees what the hook prints. */
  readonly isSilent?: boolean;
}

interface Job {
  readonly command: string;
  /** One, or several of one type and of one range and protocol. */
  readonly events: readonly [HookEvent, ...HookEvent[]];
  /** The range and protocol that the events share; absent for a single event that is not of a range. */
  readonly group?: { readonly range: unknown; readonly protocol: TransportProtocol };
  readonly externalAddress: string | undefined;
  readonly isSilent: boolean;
  /** The reason of its last failure; absent when it has not failed. */
  readonly reason?: string;
}

/**
 * Runs the commands of `--exec`, one event at a time and in order, beside whatever else is done. One event of each
 * mapping waits at most: a newer one takes its place, with what was so before the one that never ran.
 */
export class HookRunner {
  readonly #options: HookRunnerOptions;
  readonly #inherited: Environment;
  readonly #queue: Job[] = [];
  /** The subjects of the jobs that wait. */
  readonly #waiting = new Set<string>();
  /** The jobs that failed, as far as they are still true. */
  #failed: readonly Job[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
    this.#inherited = inheritedEnvironment(options.process.environment);
  }

  /** Runs the hook on an event, after those that wait. A failure of an earlier event of the same mapping is moot then. */
  run(news: HookEvent, { externalAddress, isSilent = false }: RunHookOptions = {}): void {
    this.#failed = this.#failed.flatMap((job) => without(job, [news]));
    const place = this.#placeOf(subjectOf(news));
    const event = place === undefined ? news : mergeEvents(place.event, news) as HookEvent;
    const command = this.#options.commandOf(event);
    if (command === undefined) return;
    const job = { events: [event], command, externalAddress, isSilent, ...this.#groupOf(event) } as const;
    const others = place === undefined ? [] : without(this.#queue[place.index]!, [event]);
    if (place !== undefined) this.#queue.splice(place.index, 1, ...others.length === 0 ? [job] : others);
    if (place === undefined || others.length > 0) this.#enqueue(job);
  }

  /** Where the event waits that is about a subject. */
  #placeOf(subject: string): { readonly index: number; readonly event: HookEvent } | undefined {
    if (!this.#waiting.has(subject)) return undefined;
    for (const [index, { events }] of this.#queue.entries()) {
      const event = events.find((event) => subjectOf(event) === subject);
      if (event !== undefined) return { index, event };
    }
    return undefined;
  }

  /** A mapping was renewed: a hook of it that failed is run again. */
  retry(mapping: MappingKey): void {
    const name = mappingName(mapping);
    const isAbout = ({ events }: Job) => events.some((event) => subjectOf(event) === name);
    const again = this.#failed.filter(isAbout);
    this.#failed = this.#failed.filter((job) => !isAbout(job));
    for (const job of again) this.#enqueue(job);
  }

  /** Resolves when no hook waits or runs; once the signal aborts, what runs is killed and what waits is given up. */
  async finish(signal: AbortSignal): Promise<void> {
    const stop = () => this.#stopping.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    while (this.#running !== undefined) await this.#running;
    signal.removeEventListener("abort", stop);
  }

  #groupOf(event: HookEvent): Pick<Job, "group"> {
    const mapping = mappingOf(event);
    const range = mapping && this.#options.rangeOf?.(mapping);
    return range === undefined ? {} : { group: { range, protocol: mapping!.protocol } };
  }

  #enqueue(job: Job): void {
    for (const event of job.events) this.#waiting.add(subjectOf(event));
    const i = this.#queue.findLastIndex(({ group }) => isSameGroup(group, job.group));
    const waiting = this.#queue[i];
    if (waiting !== undefined && waiting.events[0].type === job.events[0].type) {
      this.#queue[i] = joined(waiting, job);
    } else this.#queue.push(job);
    this.#start();
  }

  #start(): void {
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0) this.#start();
    });
  }

  async #runAll(): Promise<void> {
    for (let job = await this.#next(); job !== undefined; job = await this.#next()) {
      const reason = this.#stopping.signal.aborted
        ? "did not run: no time was left"
        : await this.#runOne(job);
      if (reason === undefined) continue;
      // A newer event is more to the point than the one that failed.
      const later = this.#queue.flatMap(({ events }) => events);
      this.#failed = [...this.#failed, ...without({ ...job, reason }, later)];
      const [event, ...others] = job.events;
      if (reason === job.reason) continue;
      this.#options.onFailure({ event, reason, ...(others.length === 0 ? {} : { others }) });
    }
  }

  /** The job whose turn it is; what belongs to it may still be on its way. */
  async #next(): Promise<Job | undefined> {
    const { signal } = this.#stopping;
    if (this.#queue[0]?.group !== undefined) {
      await this.#options.clock.sleep(GATHER_MS, { signal }).catch(() => {});
    }
    const job = this.#queue.shift();
    for (const event of job?.events ?? []) this.#waiting.delete(subjectOf(event));
    return job;
  }

  /** Returns why it failed, if it did. */
  async #runOne({ command, events, group, externalAddress, isSilent }: Job): Promise<string | undefined> {
    const { process, clock, onOutput } = this.#options;
    const variables = hookEnvironment(events[0], externalAddress, group && events);
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.#stopping.signal]);
    try {
      const shell = process.startShell(command, { ...this.#inherited, ...variables }, {
        isSilent,
        onOutput,
      });
      const limit = clock.sleep(LIMIT_MS, { signal }).then(
        () => `was killed after ${LIMIT_MS / 1000} s`,
        () => "was killed: no time was left",
      );
      const outcome = await Promise.race([shell.ended, limit]);
      if (typeof outcome !== "string") return reasonOf(outcome);
      await shell.kill();
      const grace = clock.sleep(KILL_GRACE_MS, { signal: ended.signal }).catch(() => {});
      await Promise.race([shell.ended, grace]);
      return outcome;
    } catch (error) {
      return `did not start: ${error instanceof Error ? error.message : error}`;
    } finally {
      ended.abort();
    }
  }
}

function reasonOf({ code, signal }: ProcessEnd): string | undefined {
  if (signal !== undefined) return `was ended by ${signal}`;
  if (code === 0) return undefined;
  const meaning = SHELL_CODES[code];
  return `ended with exit code ${code}${meaning === undefined ? "" : `: ${meaning}`}`;
}

/** The exit codes that a POSIX shell has of its own. */
const SHELL_CODES: Readonly<Record<number, string>> = {
  126: "a command in it is not executable",
  127: "a command in it was not found",
};

function isSameGroup(one: Job["group"], other: Job["group"]): boolean {
  return one !== undefined && one.range === other?.range && one.protocol === other?.protocol;
}

/** One job for the events of two; those of the later one replace what is about the same mappings. */
function joined(earlier: Job, later: Job): Job {
  const [kept] = without(earlier, later.events);
  const isSilent = earlier.isSilent && later.isSilent;
  return {
    ...later,
    isSilent,
    events: kept === undefined ? later.events : [...kept.events, ...later.events],
  };
}

/** Takes out of a job the events whose subjects later events have too; nothing is left where that is all of them. */
function without(job: Job, later: readonly HookEvent[]): Job[] {
  const subjects = new Set(later.map(subjectOf));
  const [first, ...others] = job.events.filter((event) => !subjects.has(subjectOf(event)));
  return first === undefined ? [] : [{ ...job, events: [first, ...others] }];
}
