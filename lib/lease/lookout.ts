/**
 * The events that a keeper watches for during a request: time that jumped, a gateway that moved, leases that
 * end, questions that cannot wait.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { AddressPoller } from "./address_poller.ts";
import type { GatewayMonitor } from "./gateway_monitor.ts";
import { isHeld, type Ledger, leftMs, type Now, type WantedMapping } from "./ledger.ts";
import { elapsedMs } from "./stored_time.ts";
import { JUMP_MS, TICK_MS } from "./timing.ts";
import { WakeableSleep } from "./wakeable_sleep.ts";

/** Options of {@linkcode Lookout}. */
export interface LookoutOptions {
  readonly wanted: readonly WantedMapping[];
  readonly monitor: GatewayMonitor;
  readonly address: AddressPoller;
  /** The ledger of the present gateway. */
  readonly ledger: () => Ledger;
  readonly clock: Clock;
  readonly now: () => Now;
  /** Ends the lookout. */
  readonly signal: AbortSignal;
  /** Called when leases may have ended. */
  readonly onTime: () => void;
  /** Called after each look for the gateway. */
  readonly onLook: () => void;
  /** Called when the machine slept, or the wall clock was set so that it looks the same. */
  readonly onSleep: (hasTimeJumped: boolean) => void;
}

/** Looks out beside the keeper's loop. */
export class Lookout {
  readonly #options: LookoutOptions;
  readonly #sleep: WakeableSleep;

  /** Begins with {@linkcode Lookout.run}. */
  constructor(options: LookoutOptions) {
    this.#options = options;
    this.#sleep = new WakeableSleep(options.clock, options.signal);
  }

  /** Looks before it is time. */
  wake(): void {
    this.#sleep.wake();
  }

  /** Goes on until the signal ends it. */
  async run(): Promise<void> {
    const { address, monitor, onLook, onTime, signal } = this.#options;
    let last = this.#options.now();
    let wakeAtMs = Infinity;
    while (!signal.aborted) {
      last = this.#noticeSleep(last, wakeAtMs);
      if (this.#options.clock.now() >= monitor.checkAtMs) {
        await monitor.check();
        onLook();
      }
      if (signal.aborted) return;
      onTime();
      if (address.questionAtMs <= this.#options.clock.now()) monitor.interrupt();
      const waitMs = this.#lookAgainInMs();
      wakeAtMs = this.#options.clock.now() + waitMs;
      await this.#sleep.for(waitMs);
    }
  }

  #lookAgainInMs(): number {
    const { address: { questionAtMs }, monitor, wanted } = this.#options;
    const now = this.#options.now();
    const ledger = this.#options.ledger();
    let inMs = Math.min(TICK_MS, monitor.checkAtMs - now.ms);
    if (questionAtMs !== Infinity) {
      inMs = Math.min(inMs, Math.max(questionAtMs, monitor.interruptibleAtMs) - now.ms);
    }
    for (const { protocols, internalPort } of wanted) {
      for (const protocol of protocols) {
        const entry = ledger.of(protocol, internalPort);
        if (entry?.reported === undefined || entry.isDoubtful || !isHeld(entry, now.stored)) continue;
        inMs = Math.min(inMs, leftMs(entry.lease, now.stored) ?? Infinity);
      }
    }
    return inMs;
  }

  /** A suspended machine's monotonic clock and timers stand still, while its leases go on ageing at the gateway. */
  #noticeSleep(last: Now, wakeAtMs: number): Now {
    const { monitor, onSleep } = this.#options;
    const now = this.#options.now();
    const jumpMs = (elapsedMs(last.stored, now.stored) ?? 0) - (now.ms - last.ms);
    if (jumpMs <= JUMP_MS && now.ms - wakeAtMs <= JUMP_MS) return now;
    monitor.checkSoon();
    monitor.interrupt(0);
    onSleep(jumpMs > JUMP_MS);
    return now;
  }
}
