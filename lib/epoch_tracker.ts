/**
 * The epochs that a gateway has sent one client, and what follows from them by the rule of its protocol. An epoch is the
 * number of seconds since the gateway's mapping table was made: one that is implausible shows that the table is a new one.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import { type GatewayMemory, memoryFields } from "./port_mapper.ts";

/** A gateway's statement of the age of its mapping table, and the time of it. */
export interface EpochSample {
  /** Seconds since the gateway's table was made. */
  readonly epochSeconds: number;
  /** When that was heard, in milliseconds of a monotonic clock. */
  readonly atMs: number;
}

/** A protocol's rule: whether a gateway lost its mappings between two samples. Without a first one it did not. */
export type LossRule = (last: EpochSample | undefined, next: EpochSample) => boolean;

// All numbers are ours: the standards believe every epoch.

/**
 * An epoch that is wrong this many times in a row is nonsense: it stands still, or its bytes are in the wrong order.
 */
const MAX_WRONG_IN_A_ROW = 3;

/** A clock may run this much faster than ours and be right, even where the protocol lets it run faster. */
const FASTEST_RATE = 8 / 7;

/** It may be ahead of that by this many seconds. */
const TOLERANCE_SECONDS = 2;

/** An epoch has to be right for this long after it was wrong to count as right. */
const CONFIRMATION_MS = 300_000;

/** Ours: the wall clock is ahead of the monotonic one by this much more than before after a sleep. */
const MIN_SLEEP_MS = 2000;

/** The known epochs of a gateway. */
export interface EpochRecord {
  /** The last one. */
  readonly last: EpochSample;
  /** How often it was wrong in a row, and when it was so last; absent while it is right. */
  readonly wrong?: { readonly times: number; readonly last: EpochSample } | undefined;
}

/** Whether a gateway's epochs still mean something, so that a loss of state is found by them. */
export function isEpochBelieved(record: EpochRecord | undefined): boolean {
  return (record?.wrong?.times ?? 0) < MAX_WRONG_IN_A_ROW;
}

/**
 * Judges an epoch by those before it: the epochs known now, and whether the mappings are lost. Losses are believed until
 * there were too many in a row; an epoch that is ignored is believed again once it has been right for a while.
 */
export function judgeEpoch(
  record: EpochRecord | undefined,
  next: EpochSample,
  { isStateLost }: { readonly isStateLost: LossRule },
): { readonly record: EpochRecord; readonly isLost: boolean } {
  if (record === undefined) return { record: { last: next }, isLost: false };
  const { wrong } = record;
  if (isStateLost(record.last, next)) {
    const times = Math.min(MAX_WRONG_IN_A_ROW, (wrong?.times ?? 0) + 1);
    const judged = { last: next, wrong: { times, last: next } };
    return { record: judged, isLost: isEpochBelieved(judged) };
  }
  const isRight = wrong === undefined || (isTrue(wrong.last, next) && !isStateLost(wrong.last, next));
  return { record: isRight ? { last: next } : { last: next, wrong }, isLost: false };
}

/** Whether a gateway's clock ran long enough, and not too fast, between two samples. */
function isTrue(from: EpochSample, to: EpochSample): boolean {
  const elapsedMs = to.atMs - from.atMs;
  const latestSeconds = from.epochSeconds + FASTEST_RATE * elapsedMs / 1000 + TOLERANCE_SECONDS;
  return elapsedMs >= CONFIRMATION_MS && to.epochSeconds <= latestSeconds;
}

/** A client's memory of its gateway's epochs. */
export class EpochTracker {
  readonly #clock: Clock;
  readonly #isStateLost: LossRule;
  readonly #lossListeners = new Set<() => void>();
  /** The epochs of the replies so far: what the next one is compared with. */
  #epochs: EpochRecord | undefined;
  /** Whether the last of them came in a reply to this client: the memory of an earlier one does not have an age. */
  #hasHeardOne = false;
  /** How far the wall clock was ahead of the monotonic one at the last reply. */
  #wallAheadMs: number | undefined;

  constructor(clock: Clock, isStateLost: LossRule) {
    this.#clock = clock;
    this.#isStateLost = isStateLost;
  }

  /** Compares the epoch of a reply with the one before and keeps it, also when it shows a loss. */
  note(epochSeconds: number): void {
    const sleptMs = this.#sleptMs();
    const { record, isLost } = judgeEpoch(this.#epochs, this.#sample(epochSeconds), {
      isStateLost: (last, next) => this.#showsLoss(last, next, sleptMs),
    });
    this.#epochs = record;
    this.#wallAheadMs = this.#wallMs() - this.#clock.now();
    this.#hasHeardOne = true;
    if (isLost) this.#reportLoss();
  }

  /** Notes a loss that something else than the epoch shows, so that the epoch was right. */
  lose(): void {
    this.believe();
    this.#reportLoss();
  }

  #reportLoss(): void {
    for (const listener of this.#lossListeners) listener();
  }

  /** Calls a listener at each loss, until the returned function is called. */
  onLoss(listener: () => void): () => void {
    this.#lossListeners.add(listener);
    return () => void this.#lossListeners.delete(listener);
  }

  /** Notes that the last epoch was right, however wrong it looked. */
  believe(): void {
    if (this.#epochs !== undefined) this.#epochs = { last: this.#epochs.last };
  }

  /** Whether the epoch was wrong so often in a row that it is ignored. */
  get isIgnored(): boolean {
    return !isEpochBelieved(this.#epochs);
  }

  /** The gateway's age by the last epoch that it sent this client. */
  get ageMs(): number | undefined {
    const last = this.#epochs?.last;
    if (last === undefined || !this.#hasHeardOne || this.isIgnored) return undefined;
    return last.epochSeconds * 1000 + this.#clock.now() - last.atMs;
  }

  /** Whether an epoch of now would show a loss. It is not kept. */
  wouldShowLoss(epochSeconds: number): boolean {
    return !this.isIgnored &&
      this.#showsLoss(this.#epochs?.last, this.#sample(epochSeconds), this.#sleptMs());
  }

  /**
   * The epoch as the gateway sent it last: `{ "epochSeconds": 74565 }`. Where it has been wrong, `wrong` has how many
   * `times` in a row, and what it was then, this many milliseconds earlier.
   */
  get memory(): GatewayMemory | undefined {
    return this.#epochs && memoryOf(this.#epochs);
  }

  recall(memory: GatewayMemory): void {
    this.#epochs ??= epochsIn(memory);
  }

  hasForgottenSince(memory: GatewayMemory): boolean {
    const last = this.#epochs?.last;
    const earlier = epochsIn(memory)?.last;
    return last !== undefined && earlier !== undefined && earlier.atMs < last.atMs && !this.isIgnored &&
      this.#isStateLost(earlier, last);
  }

  /**
   * A machine's monotonic clock stands still while it sleeps, and the gateway's goes on: an epoch that is right by either
   * of the two clocks is right.
   */
  #showsLoss(last: EpochSample | undefined, next: EpochSample, sleptMs: number): boolean {
    if (!this.#isStateLost(last, next)) return false;
    return last === undefined || sleptMs < MIN_SLEEP_MS ||
      this.#isStateLost({ ...last, atMs: last.atMs - sleptMs }, next);
  }

  /** For how long the machine slept since the last reply; or else by how much its wall clock was set forward. */
  #sleptMs(): number {
    return this.#wallAheadMs === undefined ? 0 : this.#wallMs() - this.#clock.now() - this.#wallAheadMs;
  }

  #wallMs(): number {
    return this.#clock.wallNow().getTime();
  }

  #sample(epochSeconds: number): EpochSample {
    return { epochSeconds, atMs: this.#clock.now() };
  }
}

function memoryOf({ last: { epochSeconds, atMs }, wrong }: EpochRecord): GatewayMemory {
  if (wrong === undefined) return { data: { epochSeconds }, atMs };
  const { times, last } = wrong;
  const agoMs = atMs - last.atMs;
  return { data: { epochSeconds, wrong: { times, epochSeconds: last.epochSeconds, agoMs } }, atMs };
}

/** The epochs that a client remembered, if that is what it is. */
function epochsIn({ data, atMs }: GatewayMemory): EpochRecord | undefined {
  const { epochSeconds, wrong } = memoryFields(data);
  if (typeof epochSeconds !== "number") return undefined;
  const last: EpochSample = { epochSeconds, atMs };
  const { times, epochSeconds: wrongSeconds, agoMs } = memoryFields(wrong);
  const isSound = Number.isInteger(times) && Number(times) > 0 && typeof wrongSeconds === "number" &&
    typeof agoMs === "number" && agoMs >= 0;
  if (!isSound) return { last };
  return { last, wrong: { times: Number(times), last: { epochSeconds: wrongSeconds, atMs: atMs - agoMs } } };
}
