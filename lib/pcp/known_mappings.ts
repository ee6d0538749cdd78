/**
 * The mappings that a PCP client has asked for: their nonces and external ends, and their form in its memory. Pure.
 *
 * @module
 */

import {
  type GatewayMemory,
  type KnownLease,
  type MappingKey,
  mappingName,
  memoryFields,
} from "../port_mapper.ts";
import { isNonce, type Response } from "./message.ts";

/** The external end of a mapping. */
export type External = Pick<
  Extract<Response, { kind: "map" }>,
  "externalPort" | "externalAddress"
>;

/** No port, and no address of IPv4 (§11.1, and §15.1 as erratum 3621 corrects it). */
export const NO_PREFERENCE: External = { externalPort: 0, externalAddress: "0.0.0.0" };

/** No gateway has either address. */
const NO_ADDRESSES: readonly string[] = ["0.0.0.0", "::"];

/** A mapping that this client has asked for. */
export interface KnownMapping {
  readonly nonce: string;
  /** Absent while it does not have one. */
  readonly external?: External | undefined;
  /** The lifetime that was granted last; absent while none was, or nobody knows. */
  readonly lifetimeSeconds?: number | undefined;
  /** Until when it may stand at the gateway, in milliseconds of the clock. */
  readonly untilMs: number;
}

/** A mapping that stands at the gateway, as far as this client knows. */
export interface StandingMapping extends MappingKey, KnownMapping {
  readonly external: External;
  readonly lifetimeSeconds: number;
}

/** The mappings of one client. */
export class KnownMappings {
  readonly #known = new Map<string, KnownMapping & MappingKey>();

  get(mapping: MappingKey): KnownMapping | undefined {
    return this.#known.get(mappingName(mapping));
  }

  set(mapping: MappingKey, known: KnownMapping): void {
    const { protocol, internalPort } = mapping;
    this.#known.set(mappingName(mapping), { protocol, internalPort, ...known });
  }

  /** Takes leases of earlier clients, as far as they are known to stand; one of another protocol has the mapping's place. */
  adopt(leases: Iterable<KnownLease>): void {
    for (const { via, token, externalPort, expiresAtMs, lifetimeSeconds, ...mapping } of leases) {
      const known = this.get(mapping);
      if (via !== "pcp") {
        if (known !== undefined) this.set(mapping, { nonce: known.nonce, untilMs: known.untilMs });
        continue;
      }
      const isKnown = token !== undefined && isNonce(token) && externalPort !== undefined &&
        expiresAtMs !== undefined && typeof lifetimeSeconds === "number";
      if (!isKnown || known?.external !== undefined) continue;
      const external = { ...NO_PREFERENCE, externalPort };
      this.set(mapping, { nonce: token, external, lifetimeSeconds, untilMs: expiresAtMs });
    }
  }

  /** The mapping that will stand for longest; `undefined` where none will for this long. */
  longestStanding(untilMs: number): StandingMapping | undefined {
    return [...this.#known.values()]
      .filter((known): known is StandingMapping =>
        known.external !== undefined && known.lifetimeSeconds !== undefined && known.untilMs >= untilMs
      )
      .reduce<StandingMapping | undefined>(
        (best, one) => best !== undefined && best.untilMs >= one.untilMs ? best : one,
        undefined,
      );
  }

  /**
   * A memory with the nonces of the mappings that may stand at the gateway: `{ "tcp 80": { "nonce": "0123…", "leftMs":
   * 7200000 } }`.
   *
   * @param memory The memory of the epochs, which is all of it where no mapping stands.
   */
  addTo(memory: GatewayMemory | undefined, nowMs: number): GatewayMemory | undefined {
    const standing = [...this.#known].filter(([, { untilMs }]) => untilMs > nowMs);
    if (standing.length === 0) return memory;
    const atMs = memory?.atMs ?? nowMs;
    const nonces = standing.map(([name, { nonce, untilMs }]) => [name, { nonce, leftMs: untilMs - atMs }]);
    return {
      data: { ...memory?.data as object, nonces: Object.fromEntries(nonces) },
      atMs,
      isUnique: standing.some(([, { external }]) => external === undefined),
    };
  }

  /** Takes the nonces in a memory of mappings that are not known yet; what has another form is left out. */
  recall({ data, atMs }: GatewayMemory): void {
    for (const [name, known] of Object.entries(memoryFields(memoryFields(data).nonces))) {
      const { nonce, leftMs } = memoryFields(known);
      if (typeof nonce !== "string" || !isNonce(nonce) || typeof leftMs !== "number") continue;
      const mapping = mappingNamed(name);
      if (mapping === undefined || this.#known.has(name)) continue;
      this.set(mapping, { nonce, untilMs: atMs + leftMs });
    }
  }
}

/** The mapping that a name means, as {@linkcode mappingName} makes it. */
function mappingNamed(name: string): MappingKey | undefined {
  const [, protocol, port] = /^(tcp|udp) ([0-9]{1,5})$/.exec(name) ?? [];
  return protocol === undefined
    ? undefined
    : { protocol: protocol as MappingKey["protocol"], internalPort: Number(port) };
}

/** Whether an address is one that a gateway can have. */
export function isAddress(address: string): boolean {
  return !NO_ADDRESSES.includes(address);
}

/** The suggestion of a mapping's renewal (§11.2.1). The address `::` would ask for IPv6. */
export function suggestionOf({ externalPort, externalAddress }: External): External {
  const isKnown = isAddress(externalAddress);
  return { externalPort, externalAddress: isKnown ? externalAddress : NO_PREFERENCE.externalAddress };
}
