/**
 * A gateway's client that answers as a test says.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { NoAnswerError, RefusedError } from "../../lib/errors.ts";
import type {
  ExternalAddress,
  Lease,
  MappingKey,
  MapRequest,
  PortMapper,
  RequestOptions,
  Unmapped,
} from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";

export const EFFORT = { attempts: 1, elapsedMs: 3 };
export const REFUSED = new RefusedError("Not allowed", "not-authorized", { resultCode: 2 });
export const NO_ANSWER = new NoAnswerError("Nobody answers", EFFORT, { discarded: new Map() });

/** What a request is answered with; `"silence"` lasts until the request's own limit. */
export type Answer<T> = T | Error | "silence";

/** A client of a gateway that grants what is asked for, for two hours, until a test says otherwise. */
export class FakeMapper implements PortMapper {
  readonly gateway: string;
  readonly clock: Clock;
  /** Everything that was asked, as in `map tcp 80 at 8080`, `unmap tcp 80`, `address`. */
  readonly calls: string[] = [];
  /** When each of them was. */
  readonly callTimesMs: number[] = [];
  /** The limits of each of them. */
  readonly limits: RequestOptions[] = [];
  /** The map requests as they came. */
  readonly mapRequests: MapRequest[] = [];
  /** The external port that a request is granted. */
  onMap: (request: MapRequest) => Answer<number> = ({ externalPort }) => externalPort ?? 50_000;
  onUnmap: (mapping: MappingKey) => Answer<undefined> = () => undefined;
  onAddress: () => Answer<string> = () => "198.51.100.7";
  lifetimeSeconds = 7200;
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock = new ManualClock(), gateway = "10.0.0.1") {
    this.clock = clock;
    this.gateway = gateway;
  }

  /** How many listen for losses of state. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Tells that the gateway forgot its mappings, as a reply does before it is handed on. */
  loseState(): void {
    for (const listener of this.#listeners) listener();
  }

  /** From now on nothing is answered, or only so. */
  fallSilent(answer: Error | "silence" = "silence"): void {
    this.onMap = this.onUnmap = this.onAddress = () => answer;
  }

  async externalAddress(options: RequestOptions = {}): Promise<ExternalAddress> {
    return { externalAddress: await this.#answer("address", options, () => this.onAddress()), ...EFFORT };
  }

  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const { externalPort: requested, lifetimeSeconds: requestedLifetimeSeconds = 7200, ...key } = request;
    this.mapRequests.push(request);
    const grantedAtMs = this.clock.now();
    const name = `map ${key.protocol} ${key.internalPort}${
      requested === undefined ? "" : ` at ${requested}`
    }`;
    const externalPort = await this.#answer(name, options, () => this.onMap(request));
    return {
      ...key,
      ...(requested === undefined ? {} : { requestedExternalPort: requested }),
      externalPort,
      requestedLifetimeSeconds,
      lifetimeSeconds: this.lifetimeSeconds,
      grantedAtMs,
      renewAtMs: grantedAtMs + this.lifetimeSeconds * 500,
      expiresAtMs: grantedAtMs + this.lifetimeSeconds * 1000,
      ...EFFORT,
    };
  }

  async unmap(mapping: MappingKey, options: RequestOptions = {}): Promise<Unmapped> {
    const { protocol, internalPort } = mapping;
    await this.#answer(`unmap ${protocol} ${internalPort}`, options, () => this.onUnmap(mapping));
    return EFFORT;
  }

  unmapAll(): never {
    throw new Error("Nobody asked to delete everything");
  }

  onStateLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #answer<T>(name: string, options: RequestOptions, find: () => Answer<T>): Promise<T> {
    const { signal, timeoutMs = 60_000 } = options;
    signal?.throwIfAborted();
    this.calls.push(name);
    this.callTimesMs.push(this.clock.now());
    this.limits.push(options);
    const answer = find();
    if (answer === "silence") {
      await this.clock.sleep(timeoutMs, signal === undefined ? {} : { signal });
      throw NO_ANSWER;
    }
    await Promise.resolve();
    if (answer instanceof Error) throw answer;
    return answer as T;
  }
}
