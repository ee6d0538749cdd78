/**
 * What a keeper watches beside its rounds: time itself, the way to the gateway, and leases that end.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { MappingEvent } from "./keeper_event.ts";
import type { KeptWish } from "./kept_wish.ts";
import type { Link } from "./link.ts";
import type { Rounds } from "./rounds.ts";
import { JUMP_MS, TICK_MS } from "./schedule.ts";
import { Snooze } from "./snooze.ts";

/** Options of {@linkcode Watch}. */
export interface WatchOptions {
  /** What is kept. */
  readonly wishes: readonly KeptWish[];
  /** The link to the gateway. */
  readonly link: Link;
  /** Where what is noticed is acted on. */
  readonly rounds: Rounds;
  /** Measures and waits. */
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Takes the news about leases that ended. */
  readonly tell: (event: MappingEvent) => void;
}

/** The watch. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #snooze: Snooze;
  /** How far the calendar is ahead of the monotonic clock. */
  #offsetMs: number;
  #wakeAtMs = Infinity;

  /**
   * Prepares the watch.
   *
   * @param options What to watch.
   */
  constructor(options: WatchOptions) {
    const { clock, signal } = options;
    this.#options = options;
    this.#snooze = new Snooze(clock, signal);
    this.#offsetMs = this.#offset();
  }

  /** Looks around before it is time. */
  wake(): void {
    this.#snooze.wake();
  }

  /** Goes on until the signal ends it. */
  async run(): Promise<void> {
    const { clock, link, rounds, signal } = this.#options;
    while (!signal.aborted) {
      this.#noticeSleep();
      if (clock.now() >= link.checkAtMs) {
        await link.check();
        // Whether announcements are heard may have changed.
        rounds.wake();
      }
      if (signal.aborted) return;
      this.#expire();
      this.#yieldToQuestion();
      this.#wakeAtMs = this.#nextAtMs();
      await this.#snooze.until(this.#wakeAtMs);
    }
  }

  #nextAtMs(): number {
    const { clock, link, rounds, wishes } = this.#options;
    let nextAtMs = Math.min(clock.now() + TICK_MS, link.checkAtMs);
    if (rounds.questionAtMs !== Infinity) {
      nextAtMs = Math.min(nextAtMs, Math.max(rounds.questionAtMs, link.interruptibleAtMs));
    }
    for (const wish of wishes) if (!wish.isDoubtful) nextAtMs = Math.min(nextAtMs, wish.expiresAtMs);
    return nextAtMs;
  }

  #offset(): number {
    const { clock } = this.#options;
    return clock.wallNow().getTime() - clock.now();
  }

  /**
   * A suspended machine's monotonic clock and timers stand still, while its leases go on ageing at the gateway. A
   * calendar that is set forward looks the same: so everything is asked for, and nothing is over before that.
   */
  #noticeSleep(): void {
    const { clock, link, rounds, wishes } = this.#options;
    const nowMs = clock.now();
    const offsetMs = this.#offset();
    const jumpMs = offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    const isLate = nowMs - this.#wakeAtMs > JUMP_MS;
    if (jumpMs <= JUMP_MS && !isLate) return;
    if (jumpMs > JUMP_MS) { for (const wish of wishes) wish.age(jumpMs, nowMs); }
    link.checkAtMs = nowMs;
    link.interrupt(0);
    rounds.askAddress();
  }

  #expire(): void {
    const { clock, rounds, tell, wishes } = this.#options;
    for (const wish of wishes) {
      const events = wish.expire(clock.now());
      for (const event of events) tell(event);
      if (events.length > 0) rounds.wake();
    }
  }

  #yieldToQuestion(): void {
    const { clock, link, rounds } = this.#options;
    if (rounds.questionAtMs <= clock.now()) link.interrupt();
  }
}
