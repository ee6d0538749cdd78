import type { Clock } from "../../clock.ts";
import type {
  ExternalAddress,
  Lease,
  MappingKey,
  MapRequest,
  PortMapper,
  RequestOptions,
  TransportProtocol,
  Unmapped,
} from "../../port_mapper.ts";

/** A gateway's client that remembers how old the gateway last said its mapping table is. */
export class UptimeMapper implements PortMapper {
  readonly gateway: string;
  readonly #mapper: PortMapper;
  readonly #clock: Clock;
  /** When the table was made, in milliseconds of the clock. */
  #bornAtMs: number | undefined;

  /**
   * @param mapper Who talks to the gateway.
   * @param clock The clock that answers are timed by.
   */
  constructor(mapper: PortMapper, clock: Clock) {
    this.gateway = mapper.gateway;
    this.#mapper = mapper;
    this.#clock = clock;
  }

  get ignoresEpoch(): boolean {
    return this.#mapper.ignoresEpoch ?? false;
  }

  /** How long the gateway has been up, as far as it told and can be believed. */
  get uptimeMs(): number | undefined {
    return this.#bornAtMs === undefined || this.ignoresEpoch ? undefined : this.#clock.now() - this.#bornAtMs;
  }

  async externalAddress(options?: RequestOptions): Promise<ExternalAddress> {
    return this.#note(await this.#mapper.externalAddress(options));
  }

  async map(request: MapRequest, options?: RequestOptions): Promise<Lease> {
    return this.#note(await this.#mapper.map(request, options));
  }

  async unmap(mapping: MappingKey, options?: RequestOptions): Promise<Unmapped> {
    return this.#note(await this.#mapper.unmap(mapping, options));
  }

  async unmapAll(protocol: TransportProtocol, options?: RequestOptions): Promise<Unmapped> {
    return this.#note(await this.#mapper.unmapAll(protocol, options));
  }

  onStateLost(listener: () => void): () => void {
    return this.#mapper.onStateLost(listener);
  }

  #note<T extends { readonly epochSeconds?: number }>(answer: T): T {
    if (answer.epochSeconds !== undefined) this.#bornAtMs = this.#clock.now() - answer.epochSeconds * 1000;
    return answer;
  }
}
