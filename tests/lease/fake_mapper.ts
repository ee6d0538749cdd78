/**
 * A gateway's client that answers as a test wants.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { NoAnswerError, RefusedError } from "../../lib/errors.ts";
import type {
  GatewayInfo,
  GatewayMemory,
  GrantedLifetime,
  Lease,
  MapRequest,
  PortMapper,
  RequestOptions,
  Unmapped,
  UnmapRequest,
} from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";

export const EFFORT = { attempts: 1, elapsedMs: 3 };
export const REFUSED = new RefusedError("Not allowed", "not-authorized", { resultCode: 2 });
export const NO_ANSWER = new NoAnswerError("Nobody answers", EFFORT, { discarded: new Map() });

/** How soon a lease that never ends is to be renewed. */
const PERMANENT_RENEWAL_MS = 3_600_000;

/** What a request is answered with; `"silence"` lasts until the request's own limit. */
export type Answer<T> = T | Error | "silence";

/** A client of a gateway that grants what is asked for, for two hours, until a test wants something else. */
export class FakeMapper implements PortMapper {
  readonly gateway: string;
  readonly via = "nat-pmp";
  readonly clock: Clock;
  /** Everything that was asked, as in `map tcp 80 at 8080`, `unmap tcp 80`, `probe`. */
  readonly calls: string[] = [];
  /** When each of them was. */
  readonly callTimesMs: number[] = [];
  /** The limits of each of them. */
  readonly limits: RequestOptions[] = [];
  /** The map requests as they came. */
  readonly mapRequests: MapRequest[] = [];
  /** The deletions as they came, those that are left to expire included. */
  readonly deletions: UnmapRequest[] = [];
  /** The external port that a request is granted. */
  onMap: (request: MapRequest) => Answer<number> = ({ externalPort }) => externalPort ?? 50_000;
  onUnmap: (mapping: UnmapRequest) => Answer<undefined> = () => undefined;
  /** The external address, where the gateway knows one. */
  onProbe: () => Answer<string | undefined> = () => "198.51.100.7";
  lifetimeSeconds: GrantedLifetime = 7200;
  /** The external address that comes with each lease, where the protocol has that. */
  leaseAddress: string | undefined;
  minRetryGapMs = 2000;
  memory: GatewayMemory | undefined;
  /** Whether the gateway's last word shows that it forgot its mappings. */
  hasForgotten = false;
  readonly #listeners = new Set<() => void>();
  #isBusy = false;

  constructor(clock: Clock = new ManualClock(), gateway = "10.0.0.1") {
    this.clock = clock;
    this.gateway = gateway;
  }

  /** How many listen for losses of state. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Notifies the listeners of a loss of state, as a reply does before its promise settles. */
  loseState(): void {
    for (const listener of this.#listeners) listener();
  }

  /** From now on nothing is answered, or only with this. */
  fallSilent(answer: Error | "silence" = "silence"): void {
    this.onMap = this.onUnmap = this.onProbe = () => answer;
  }

  async probe(options: RequestOptions = {}): Promise<GatewayInfo> {
    const externalAddress = await this.#answer("probe", options, () => this.onProbe());
    return { externalAddress, ...EFFORT };
  }

  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const { externalPort: requested, lifetimeSeconds: requestedLifetimeSeconds = 7200, ...key } = request;
    this.mapRequests.push(request);
    const grantedAtMs = this.clock.now();
    const name = `map ${key.protocol} ${key.internalPort}${
      requested === undefined ? "" : ` at ${requested}`
    }`;
    const externalPort = await this.#answer(name, options, () => this.onMap(request));
    const { lifetimeSeconds } = this;
    const lifeMs = lifetimeSeconds === "permanent" ? Infinity : lifetimeSeconds * 1000;
    const renewAtMs = grantedAtMs + Math.min(lifeMs / 2, PERMANENT_RENEWAL_MS);
    return {
      ...key,
      via: this.via,
      ...(requested === undefined ? {} : { requestedExternalPort: requested }),
      externalPort,
      ...(this.leaseAddress === undefined ? {} : { externalAddress: this.leaseAddress }),
      requestedLifetimeSeconds,
      lifetimeSeconds,
      grantedAtMs,
      renewAtMs,
      joinAtMs: renewAtMs,
      minRetryGapMs: this.minRetryGapMs,
      expiresAtMs: grantedAtMs + lifeMs,
      ...EFFORT,
    };
  }

  async unmap(mapping: UnmapRequest, options: RequestOptions = {}): Promise<Unmapped> {
    const { protocol, internalPort } = mapping;
    this.deletions.push(mapping);
    if (internalPort === 0) return { leftToExpire: true, attempts: 0, elapsedMs: 0 };
    await this.#answer(`unmap ${protocol} ${internalPort}`, options, () => this.onUnmap(mapping));
    return EFFORT;
  }

  unmapAll(): never {
    throw new Error("Nobody asked to delete everything");
  }

  recall(memory: GatewayMemory): void {
    this.memory ??= memory;
  }

  hasForgottenSince(): boolean {
    return this.hasForgotten;
  }

  onStateLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #answer<T>(name: string, options: RequestOptions, find: () => Answer<T>): Promise<T> {
    const { signal, timeoutMs = 60_000 } = options;
    signal?.throwIfAborted();
    if (this.#isBusy) throw new Error("Two requests at a time");
    this.calls.push(name);
    this.callTimesMs.push(this.clock.now());
    this.limits.push(options);
    this.#isBusy = true;
    try {
      const answer = find();
      if (answer === "silence") {
        await this.clock.sleep(timeoutMs, signal === undefined ? {} : { signal });
        throw NO_ANSWER;
      }
      await Promise.resolve();
      if (answer instanceof Error) throw answer;
      return answer as T;
    } finally {
      this.#isBusy = false;
    }
  }
}
