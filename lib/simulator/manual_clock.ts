/**
 * A clock that stands still until somebody turns it, for tests in which a virtual week takes a second.
 *
 * @module
 */

import type { Clock, SleepOptions } from "../clock.ts";

/** Options of {@linkcode ManualClock}. */
export interface ManualClockOptions {
  /** The first value of {@linkcode ManualClock.now}, in milliseconds. Default 0. */
  readonly startMs?: number;
  /** The first value of {@linkcode ManualClock.wallNow}. Default 2024-01-01T00:00:00Z. */
  readonly wallStart?: Date;
}

/** Options of {@linkcode ManualClock.runUntil}. */
export interface RunUntilOptions {
  /** The most milliseconds that the clock may go on. Default: a year. */
  readonly limitMs?: number;
}

interface Sleeper {
  readonly wakeAtMs: number;
  /** Those that wake at the same time wake in the order in which they fell asleep. */
  readonly order: number;
  /** Absent once it was aborted. */
  wake: (() => void) | undefined;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

function isEarlier(a: Sleeper, b: Sleeper): boolean {
  return a.wakeAtMs < b.wakeAtMs || (a.wakeAtMs === b.wakeAtMs && a.order < b.order);
}

/**
 * Lets promises settle: one turn of the event loop (about 15 µs), before which every microtask runs. The channel is new
 * each time, since Deno hands out a message that a port already holds without such a turn.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/**
 * A clock whose time passes only in {@linkcode ManualClock.advance} and {@linkcode ManualClock.runUntil}. Between two
 * wake-ups everything that promises alone can do is done; work that waits for the system, such as files and sockets,
 * is not waited for.
 *
 * @example Ten minutes at once
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ManualClock } from "./manual_clock.ts";
 *
 * const clock = new ManualClock();
 * await clock.runUntil(clock.sleep(600_000));
 * assertEquals(clock.now(), 600_000);
 * ```
 */
export class ManualClock implements Clock {
  #nowMs: number;
  /** The wall clock is this plus `#nowMs`. */
  #wallOriginMs: number;
  #suspendedMs = 0;
  #order = 0;
  /** A binary heap, the next to wake first; aborted sleepers stay until their time. */
  readonly #sleepers: Sleeper[] = [];

  /**
   * Makes a clock.
   *
   * @param options The clock's first values.
   */
  constructor(options: ManualClockOptions = {}) {
    this.#nowMs = options.startMs ?? 0;
    this.#wallOriginMs = (options.wallStart ?? new Date("2024-01-01T00:00:00Z")).getTime() - this.#nowMs;
  }

  /** Milliseconds on the monotonic clock, which stands still in suspend. */
  now(): number {
    return this.#nowMs;
  }

  /** The time of the wall clock. */
  wallNow(): Date {
    return new Date(this.#wallOriginMs + this.#nowMs);
  }

  /**
   * The monotonic time of the rest of the world, which does not sleep when this machine is suspended.
   *
   * @returns Milliseconds: {@linkcode now} and every suspend so far.
   */
  worldNow(): number {
    return this.#nowMs + this.#suspendedMs;
  }

  /**
   * Sets the wall clock, as an administrator or a time server does. Nothing else changes.
   *
   * @param date The new time of the wall clock.
   */
  setWall(date: Date): void {
    this.#wallOriginMs = date.getTime() - this.#nowMs;
  }

  /**
   * Suspends the machine: the wall clock goes on, the monotonic clock and the sleepers do not.
   *
   * @param ms How long, in milliseconds.
   */
  suspend(ms: number): void {
    this.#wallOriginMs += ms;
    this.#suspendedMs += ms;
  }

  /** Resolves once the clock has gone on by `ms` milliseconds; rejects with the signal's reason when it aborts. */
  sleep(ms: number, { signal }: SleepOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        sleeper.wake = undefined;
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const sleeper: Sleeper = { wakeAtMs: this.#nowMs + Math.max(0, ms), order: this.#order++, wake };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#push(sleeper);
    });
  }

  /**
   * Lets time pass and wakes whom it wakes, in order, each at its own time and with everything settled before the
   * next. With 0 it only lets pending promises settle.
   *
   * @param ms How much time passes, in milliseconds.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await turn();
    for (let next = this.#next(); next !== undefined && next.wakeAtMs <= endMs; next = this.#next()) {
      this.#wake(next);
      await turn();
    }
    this.#nowMs = endMs;
  }

  /**
   * Goes from wake-up to wake-up until a promise settles.
   *
   * @param promise The promise to wait for.
   * @param options How long at most.
   * @returns The promise's value.
   * @throws {Error} If the promise still waits when nobody sleeps any more, or the limit is reached.
   */
  async runUntil<T>(promise: PromiseLike<T>, options: RunUntilOptions = {}): Promise<T> {
    const { limitMs = YEAR_MS } = options;
    const endMs = this.#nowMs + limitMs;
    let isSettled = false;
    const settle = () => void (isSettled = true);
    promise.then(settle, settle);
    await turn();
    while (!isSettled) {
      const next = this.#next();
      if (next === undefined) {
        throw new Error(`The promise is pending at ${this.#nowMs} ms, and nobody sleeps who could settle it`);
      }
      if (next.wakeAtMs > endMs) {
        this.#nowMs = endMs;
        throw new Error(`The promise is pending after the limit of ${limitMs} ms`);
      }
      this.#wake(next);
      await turn();
    }
    return await promise;
  }

  #wake(sleeper: Sleeper): void {
    this.#pop();
    this.#nowMs = Math.max(this.#nowMs, sleeper.wakeAtMs);
    sleeper.wake?.();
  }

  /** The next who will wake; those who were aborted are dropped on the way. */
  #next(): Sleeper | undefined {
    while (this.#sleepers[0] !== undefined && this.#sleepers[0].wake === undefined) this.#pop();
    return this.#sleepers[0];
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#sleepers;
    let at = heap.push(sleeper) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || isEarlier(parent, sleeper)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = sleeper;
  }

  #pop(): void {
    const heap = this.#sleepers;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      const right = heap[childAt + 1];
      if (child !== undefined && right !== undefined && isEarlier(right, child)) {
        child = right;
        childAt++;
      }
      if (child === undefined || isEarlier(last, child)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}
