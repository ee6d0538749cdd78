import type { Clock } from "../../clock.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { Machine, ProcessEnd } from "../machine.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import {
  type Environment,
  hookEnvironment,
  type HookEvent,
  inheritedEnvironment,
} from "./hook_environment.ts";

/** After this long a hook is killed. */
const LIMIT_MS = 30_000;

/** How long a killed hook is waited for; one that changed its user may be out of reach. */
const KILL_GRACE_MS = 250;

/** A hook that did not succeed. */
export interface HookFailure {
  /** The event that it was to run on. */
  readonly event: HookEvent;
  readonly reason: string;
}

/** Options of {@linkcode HookRunner}. */
export interface HookRunnerOptions {
  /** What the shell is to run on an event; `undefined` when nobody wants to hear of it. */
  readonly commandOf: (event: HookEvent) => string | undefined;
  readonly machine: Pick<Machine, "environment" | "startShell">;
  readonly clock: Clock;
  /** Told of each failure, but of the same one of the same event only once. */
  readonly onFailure: (failure: HookFailure) => void;
}

/** Options of {@linkcode HookRunner.run}. */
export interface RunHookOptions {
  /** The external address, where the event does not tell it. */
  readonly externalAddress?: string | undefined;
  /** Whether nobody sees what the hook prints. */
  readonly isSilent?: boolean;
}

interface Job {
  readonly event: HookEvent;
  readonly command: string;
  readonly variables: Environment;
  readonly isSilent: boolean;
  /** Why it failed last; absent when it has not. */
  reason?: string;
}

/** Runs the commands of `--exec`, one event at a time and in order, beside whatever else is done. */
export class HookRunner {
  readonly #options: HookRunnerOptions;
  readonly #inherited: Environment;
  readonly #queue: Job[] = [];
  /** The jobs that failed and are still true, by what they are about. */
  readonly #failed = new Map<string, Job>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #hasFailed = false;

  /**
   * @param options The commands, machine, clock, and whom to tell of failures.
   */
  constructor(options: HookRunnerOptions) {
    this.#options = options;
    this.#inherited = inheritedEnvironment(options.machine.environment);
  }

  /** Whether any hook has failed so far. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Runs the hook on an event, after those that wait. A failure of an earlier event of the same mapping is moot then. */
  run(event: HookEvent, { externalAddress, isSilent = false }: RunHookOptions = {}): void {
    this.#failed.delete(subjectOf(event));
    const command = this.#options.commandOf(event);
    if (command === undefined) return;
    this.#enqueue({ event, command, variables: hookEnvironment(event, externalAddress), isSilent });
  }

  /** A mapping was renewed: a hook of it that failed is run again. */
  retry(mapping: MappingKey): void {
    const job = this.#failed.get(mappingName(mapping));
    if (job === undefined) return;
    this.#failed.delete(mappingName(mapping));
    this.#enqueue(job);
  }

  /** Resolves when no hook waits or runs; once the signal aborts, what runs is killed and what waits is given up. */
  async finish(signal: AbortSignal): Promise<void> {
    const stop = () => this.#stopping.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    await this.#running;
    signal.removeEventListener("abort", stop);
  }

  #enqueue(job: Job): void {
    this.#queue.push(job);
    this.#running ??= this.#runAll().finally(() => this.#running = undefined);
  }

  async #runAll(): Promise<void> {
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      const reason = this.#stopping.signal.aborted
        ? "was not run: there was no time left"
        : await this.#runOne(job);
      if (reason === undefined) continue;
      this.#hasFailed = true;
      const subject = subjectOf(job.event);
      // What has happened since is more to the point than what failed.
      if (!this.#queue.some(({ event }) => subjectOf(event) === subject)) this.#failed.set(subject, job);
      if (reason !== job.reason) this.#options.onFailure({ event: job.event, reason });
      job.reason = reason;
    }
  }

  /** Returns why it failed, if it did. */
  async #runOne({ command, variables, isSilent }: Job): Promise<string | undefined> {
    const { machine, clock } = this.#options;
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.#stopping.signal]);
    try {
      const process = machine.startShell(command, { ...this.#inherited, ...variables }, { isSilent });
      const limit = clock.sleep(LIMIT_MS, { signal }).then(
        () => `was killed after ${LIMIT_MS / 1000} s`,
        () => "was killed: there was no time left",
      );
      const outcome = await Promise.race([process.ended, limit]);
      if (typeof outcome !== "string") return reasonOf(outcome);
      await process.kill();
      const grace = clock.sleep(KILL_GRACE_MS, { signal: ended.signal }).catch(() => {});
      await Promise.race([process.ended, grace]);
      return outcome;
    } catch (error) {
      return `cannot be run: ${error instanceof Error ? error.message : error}`;
    } finally {
      ended.abort();
    }
  }
}

function reasonOf({ code, signal }: ProcessEnd): string | undefined {
  if (signal !== undefined) return `was ended by ${signal}`;
  return code === 0 ? undefined : `ended with exit code ${code}`;
}

/** What an event is about, so that a later event about the same thing replaces it. */
function subjectOf(event: HookEvent): string {
  if (event.type === "address") return "address";
  return mappingName("lease" in event ? event.lease : event.mapping);
}
