/**
 * The epochs that a gateway has sent one client, and what follows from them (RFC 6886 §3.6).
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { GatewayMemory } from "../port_mapper.ts";
import { type EpochRecord, type EpochSample, isEpochBelieved, isStateLost, judgeEpoch } from "./epoch.ts";

/** A client's memory of its gateway's epochs. */
export class EpochTracker {
  readonly #clock: Clock;
  readonly #lossListeners = new Set<() => void>();
  /** The epochs of the replies so far: what the next one is compared with (§3.6). */
  #epochs: EpochRecord | undefined;
  /** Whether the last of them came in a reply to this client: the memory of an earlier one does not have an age. */
  #hasHeardOne = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Compares the epoch of a reply with the one before and keeps it, also when it shows a loss (§3.6). */
  note(epochSeconds: number): void {
    const { record, isLost } = judgeEpoch(this.#epochs, this.#sample(epochSeconds));
    this.#epochs = record;
    this.#hasHeardOne = true;
    if (isLost) { for (const listener of this.#lossListeners) listener(); }
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
    return !this.isIgnored && isStateLost(this.#epochs?.last, this.#sample(epochSeconds));
  }

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
      isStateLost(earlier, last);
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
  const { epochSeconds, wrong } = fieldsOf(data);
  if (typeof epochSeconds !== "number") return undefined;
  const last: EpochSample = { epochSeconds, atMs };
  const { times, epochSeconds: wrongSeconds, agoMs } = fieldsOf(wrong);
  const isSound = Number.isInteger(times) && Number(times) > 0 && typeof wrongSeconds === "number" &&
    typeof agoMs === "number" && agoMs >= 0;
  if (!isSound) return { last };
  return { last, wrong: { times: Number(times), last: { epochSeconds: wrongSeconds, atMs: atMs - agoMs } } };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {};
}
