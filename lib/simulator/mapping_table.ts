/**
 * The table of mappings that a gateway keeps, one for all protocols (RFC 6886 §3.3, §3.4; RFC 6887 §11). UPnP names a
 * mapping by its external port, and may give several of them to one internal port. Pure: times are arguments.
 *
 * @module
 */

import type { MapProtocol } from "../natpmp/message.ts";
import type { Endpoint } from "../net/datagram.ts";
import { ANNOUNCEMENT_PORT, SERVER_PORT } from "../pcp/constants.ts";

/** The name of a mapping: the client's address, its internal port and the protocol (§3.3). */
export interface MappingKey {
  /** The internal address: the source address of the request (§3.3), or that of THIRD_PARTY (RFC 6887 §13.1). */
  readonly address: string;
  /** The internal port. */
  readonly internalPort: number;
  /** The transport protocol. */
  readonly protocol: MapProtocol;
}

/** A mapping that the gateway's owner made by hand: it never expires and no client can delete it (§3.4). */
export interface StaticMapping extends MappingKey {
  /** The external port. */
  readonly externalPort: number;
}

/** The claim of a PCP client on a mapping. */
export interface PcpClaim {
  /** The nonce that changes and deletes the mapping, as the codec writes it (RFC 6887 §11.2). */
  readonly nonce: string;
  /** Where the last request for it came from, and where news of it goes (RFC 6887 §14.2). */
  readonly client: Endpoint;
}

/** What UPnP keeps of a mapping besides its ports. */
export interface UpnpEntry {
  /** The client's text about it. */
  readonly description: string;
  /** Whether it forwards. */
  readonly isEnabled: boolean;
  /** The only host that may come in, as the client wrote it; empty for any. */
  readonly remoteHost: string;
}

/** A client's request for an external port, as UPnP has it. */
export interface PortRequest extends StaticMapping {
  /** The lifetime in seconds; `Infinity` for a permanent mapping. */
  readonly lifetimeSeconds: number;
  /** The rest of the request. */
  readonly upnp: UpnpEntry;
}

/** A client's request for a mapping (§3.3; RFC 6887 §11.1). */
export interface GrantRequest extends MappingKey {
  /** The external port that the client would like; 0 leaves the choice to the gateway. */
  readonly suggestedPort: number;
  /** The lifetime that the client asks for, in seconds. */
  readonly lifetimeSeconds: number;
  /** Whether another port than the suggested one will not do (PREFER_FAILURE, RFC 6887 §13.2). Default `false`. */
  readonly isExact?: boolean | undefined;
  /** The claim of a request of PCP. One of NAT-PMP makes none, and takes a PCP client's claim away. */
  readonly pcp?: PcpClaim | undefined;
}

/** A mapping in the table. */
export interface Mapping extends StaticMapping {
  /** The lifetime that was granted last, in seconds. */
  readonly lifetimeSeconds: number;
  /** When the mapping dies unless it is renewed, in milliseconds; `Infinity` for a static or permanent one. */
  readonly expiresAtMs: number;
  /** How often it was granted, the first time and renewals together. */
  readonly grants: number;
  /** The claim of the PCP client that asked last; absent where another protocol or the owner made the mapping. */
  readonly pcp?: PcpClaim | undefined;
  /** What UPnP keeps of it; absent where another protocol or the owner made the mapping. */
  readonly upnp?: UpnpEntry | undefined;
}

/** Options of {@linkcode MappingTable}. */
export interface MappingTableOptions {
  /** Numbers from 0 to below 1, for the ports that the gateway chooses. */
  readonly random: () => number;
  /** The longest lifetime that is granted, in seconds. Default: whatever is asked. */
  readonly maxLifetimeSeconds?: number;
  /** The lowest external port that may be granted. Default 1. */
  readonly firstPort?: number;
  /** The highest external port that may be granted. Default 65535. */
  readonly lastPort?: number;
  /** Mappings that no client made. */
  readonly staticMappings?: readonly StaticMapping[];
}

/** Where the dynamic ports begin: the high-numbered ones that a gateway chooses by itself (§3.3). */
const FIRST_DYNAMIC_PORT = 49_152;

/** Where the ports begin that need no privilege; a gateway chooses none below by itself. */
const FIRST_UNPRIVILEGED_PORT = 1024;

/** The gateway's own UDP ports, which it must not map (RFC 6887 §11.3). */
const OWN_PORTS: readonly number[] = [ANNOUNCEMENT_PORT, SERVER_PORT];

const OTHER: Readonly<Record<MapProtocol, MapProtocol>> = { udp: "tcp", tcp: "udp" };

function keyOf({ address, internalPort, protocol }: MappingKey): string {
  return `${protocol} ${address}:${internalPort}`;
}

/**
 * Checks whether a mapping is the owner's.
 *
 * @param mapping The mapping.
 * @returns Whether no client can change or delete it.
 */
export function isStatic(mapping: Mapping): boolean {
  return isPermanent(mapping) && mapping.upnp === undefined;
}

/**
 * Checks whether a mapping is the owner's or a permanent one of UPnP.
 *
 * @param mapping The mapping.
 * @returns Whether it never expires.
 */
export function isPermanent(mapping: Mapping): boolean {
  return mapping.expiresAtMs === Infinity;
}

/**
 * The life that is left of a mapping.
 *
 * @param mapping The mapping; a static or permanent one has an endless life.
 * @param nowMs The time.
 * @returns Seconds, begun ones included.
 */
export function remainingSeconds(mapping: Mapping, nowMs: number): number {
  return Math.max(0, Math.ceil((mapping.expiresAtMs - nowMs) / 1000));
}

/**
 * The mappings of one gateway: for NAT-PMP and PCP one for each client address, internal port and protocol (§3.3), for
 * UPnP one for each external port and protocol.
 *
 * @example A port that is taken is replaced, not refused (§3.3)
 * ```ts
 * import { assertEquals, assertNotEquals } from "@std/assert";
 * import { MappingTable } from "./mapping_table.ts";
 *
 * const table = new MappingTable({ random: () => 0 });
 * const selector = { internalPort: 80, protocol: "tcp", suggestedPort: 8080, lifetimeSeconds: 60 } as const;
 * assertEquals(table.grant({ ...selector, address: "192.168.1.2" }, 0)?.externalPort, 8080);
 * assertNotEquals(table.grant({ ...selector, address: "192.168.1.3" }, 0)?.externalPort, 8080);
 * ```
 */
export class MappingTable {
  readonly #random: () => number;
  readonly #maxLifetimeSeconds: number;
  readonly #firstPort: number;
  readonly #lastPort: number;
  /** The mappings of NAT-PMP, of PCP and of the owner, by their keys. */
  readonly #byKey = new Map<string, Mapping>();
  /** Every mapping, those of UPnP too, by `PROTOCOL PORT`. */
  readonly #byPort = new Map<string, Mapping>();

  /**
   * Makes a table with the static mappings alone.
   *
   * @param options The random source, the port range, the cap of lifetimes and the static mappings.
   */
  constructor(options: MappingTableOptions) {
    this.#random = options.random;
    this.#maxLifetimeSeconds = options.maxLifetimeSeconds ?? Infinity;
    this.#firstPort = options.firstPort ?? 1;
    this.#lastPort = options.lastPort ?? 65_535;
    for (const mapping of options.staticMappings ?? []) {
      this.#put({ ...mapping, lifetimeSeconds: 0, expiresAtMs: Infinity, grants: 0 });
    }
  }

  /**
   * Makes a mapping or renews it. A key that has one keeps its external port whatever is suggested (§3.3); a suggested
   * port that is taken, out of range or reserved for another host's companion mapping is replaced by another one.
   *
   * @param request The client's request, with a lifetime above 0.
   * @param nowMs The time.
   * @returns The mapping, or `undefined` when no external port is left, or the exact one cannot be had.
   */
  grant(request: GrantRequest, nowMs: number): Mapping | undefined {
    const lifetimeSeconds = Math.min(request.lifetimeSeconds, this.#maxLifetimeSeconds);
    const known = this.find(request, nowMs);
    const externalPort = known?.externalPort ?? this.#choosePort(request, nowMs);
    if (externalPort === undefined) return undefined;
    if (request.isExact && externalPort !== request.suggestedPort) return undefined;
    if (known !== undefined && isStatic(known)) return { ...known, lifetimeSeconds };
    const { address, internalPort, protocol, pcp } = request;
    return this.#put({
      address,
      internalPort,
      protocol,
      externalPort,
      lifetimeSeconds,
      expiresAtMs: nowMs + lifetimeSeconds * 1000,
      grants: (known?.grants ?? 0) + 1,
      pcp,
    });
  }

  /**
   * Gives an external port to a host, as UPnP does. Whatever the host had on that port is overwritten, and whatever
   * else it has for the same internal port stays.
   *
   * @param request The client's request.
   * @param nowMs The time.
   * @returns The mapping, or `undefined` when the port is another host's, the owner's or the gateway's own, or out of
   * range.
   */
  assign(request: PortRequest, nowMs: number): Mapping | undefined {
    const { protocol, externalPort, address } = request;
    const known = this.findByPort(protocol, externalPort, nowMs);
    if (known === undefined && !this.#isAssignable(protocol, externalPort)) return undefined;
    if (known !== undefined && (known.address !== address || isStatic(known))) return undefined;
    const isEndless = request.lifetimeSeconds === Infinity;
    const lifetimeSeconds = isEndless ? 0 : Math.min(request.lifetimeSeconds, this.#maxLifetimeSeconds);
    if (known !== undefined) this.#drop(known);
    return this.#put({
      ...request,
      lifetimeSeconds,
      expiresAtMs: isEndless ? Infinity : nowMs + lifetimeSeconds * 1000,
      grants: (known?.grants ?? 0) + 1,
    });
  }

  /**
   * Chooses an external port that is free.
   *
   * @param key The mapping that it is for.
   * @param nowMs The time.
   * @returns The port, or `undefined` when none is left.
   */
  freePort(key: MappingKey, nowMs: number): number | undefined {
    return this.#choosePort({ ...key, suggestedPort: 0 }, nowMs);
  }

  /**
   * Moves a mapping to an external port of the gateway's own choice. The second of a pair follows the first to its new
   * port.
   *
   * @param key Which mapping.
   * @param nowMs The time.
   * @returns The mapping with its new port; as it was when it is static or no other port is left.
   */
  rotate(key: MappingKey, nowMs: number): Mapping | undefined {
    const known = this.find(key, nowMs);
    if (known === undefined || isStatic(known)) return known;
    const companion = this.find({ ...key, protocol: key.protocol === "tcp" ? "udp" : "tcp" }, nowMs);
    const hasMoved = companion !== undefined && companion.externalPort !== known.externalPort;
    const suggestedPort = hasMoved ? companion.externalPort : 0;
    const externalPort = this.#choosePort({ ...key, suggestedPort }, nowMs);
    if (externalPort === undefined) return known;
    this.#byPort.delete(`${known.protocol} ${known.externalPort}`);
    return this.#put({ ...known, externalPort });
  }

  /**
   * Looks a mapping up. One of UPnP is found by its port alone, as in miniupnpd, and so NAT-PMP and PCP neither renew
   * nor delete it.
   *
   * @param key Which mapping.
   * @param nowMs The time.
   * @returns The mapping, or `undefined` when there is none or it has expired.
   */
  find(key: MappingKey, nowMs: number): Mapping | undefined {
    return this.#alive(this.#byKey.get(keyOf(key)), nowMs);
  }

  /**
   * Looks up who has an external port.
   *
   * @param protocol The transport protocol.
   * @param externalPort The external port.
   * @param nowMs The time.
   * @returns The mapping, or `undefined` when the port is free.
   */
  findByPort(protocol: MapProtocol, externalPort: number, nowMs: number): Mapping | undefined {
    return this.#alive(this.#byPort.get(`${protocol} ${externalPort}`), nowMs);
  }

  /**
   * Lets a mapping die earlier.
   *
   * @param key Which mapping.
   * @param seconds The most that is left of its life from now on.
   * @param nowMs The time.
   * @returns The mapping with the lifetime that is left; as it was when it is static or absent.
   */
  shorten(key: MappingKey, seconds: number, nowMs: number): Mapping | undefined {
    const known = this.find(key, nowMs);
    if (known === undefined || isStatic(known)) return known;
    const lifetimeSeconds = Math.min(seconds, remainingSeconds(known, nowMs));
    return this.#put({ ...known, lifetimeSeconds, expiresAtMs: nowMs + lifetimeSeconds * 1000 });
  }

  /**
   * Deletes a mapping (§3.4).
   *
   * @param key Which mapping.
   * @returns `false` if it is static and stays; an absent mapping is deleted already.
   */
  delete(key: MappingKey): boolean {
    const mapping = this.#byKey.get(keyOf(key));
    if (mapping === undefined) return true;
    if (isStatic(mapping)) return false;
    this.#drop(mapping);
    return true;
  }

  /**
   * Deletes the mapping of an external port, as UPnP does.
   *
   * @param mapping The mapping, from {@linkcode findByPort}.
   * @returns `false` if it is static and stays.
   */
  deletePort(mapping: Mapping): boolean {
    if (isStatic(mapping)) return false;
    this.#drop(mapping);
    return true;
  }

  /**
   * Deletes every mapping that one host has for one protocol and that neither PCP nor UPnP made (§3.4).
   *
   * @param owner The host and the protocol.
   * @returns `false` if a static one stays.
   */
  deleteAll(owner: Pick<MappingKey, "address" | "protocol">): boolean {
    const owned = [...this.#byKey.values()].filter((mapping) =>
      mapping.address === owner.address && mapping.protocol === owner.protocol && mapping.pcp === undefined
    );
    return owned.map((mapping) => this.deletePort(mapping)).every((deleted) => deleted);
  }

  /** Forgets every mapping but the static ones, as a reboot does (§3.7). */
  clear(): void {
    for (const mapping of [...this.#byPort.values()]) this.deletePort(mapping);
  }

  /**
   * Lists the mappings, static ones first, then in the order in which they were made.
   *
   * @param nowMs The time; what has expired by then is not in the list.
   * @returns The mappings.
   */
  list(nowMs: number): readonly Mapping[] {
    return [...this.#byPort.values()].filter((mapping) => this.#alive(mapping, nowMs) !== undefined);
  }

  #put(mapping: Mapping): Mapping {
    if (mapping.upnp === undefined) this.#byKey.set(keyOf(mapping), mapping);
    this.#byPort.set(`${mapping.protocol} ${mapping.externalPort}`, mapping);
    return mapping;
  }

  #drop(mapping: Mapping): void {
    if (mapping.upnp === undefined) this.#byKey.delete(keyOf(mapping));
    this.#byPort.delete(`${mapping.protocol} ${mapping.externalPort}`);
  }

  #alive(mapping: Mapping | undefined, nowMs: number): Mapping | undefined {
    if (mapping === undefined || nowMs < mapping.expiresAtMs) return mapping;
    this.#drop(mapping);
    return undefined;
  }

  #isAssignable(protocol: MapProtocol, port: number): boolean {
    return port >= this.#firstPort && port <= this.#lastPort &&
      !(protocol === "udp" && OWN_PORTS.includes(port));
  }

  #choosePort(selector: Omit<GrantRequest, "lifetimeSeconds">, nowMs: number): number | undefined {
    const { suggestedPort } = selector;
    const inRange = suggestedPort >= this.#firstPort && suggestedPort <= this.#lastPort;
    if (suggestedPort !== 0 && inRange && this.#isFree(suggestedPort, selector, nowMs)) return suggestedPort;
    // miniupnpd takes the client's own mapping of UPnP over, if it is for the same internal port.
    const holder = this.findByPort(selector.protocol, suggestedPort, nowMs);
    if (holder?.upnp !== undefined && keyOf(holder) === keyOf(selector)) return suggestedPort;
    for (const floor of [FIRST_DYNAMIC_PORT, FIRST_UNPRIVILEGED_PORT]) {
      // A configured range that ends below the floor is searched whole.
      const first = floor > this.#lastPort ? this.#firstPort : Math.max(floor, this.#firstPort);
      const count = this.#lastPort - first + 1;
      const start = Math.floor(this.#random() * count);
      for (let i = 0; i < count; i++) {
        const port = first + (start + i) % count;
        if (this.#isFree(port, selector, nowMs)) return port;
      }
    }
    return undefined;
  }

  /** The port of the other protocol with the same number belongs to the host that has this one (§3.3). */
  #isFree(port: number, key: MappingKey, nowMs: number): boolean {
    if (key.protocol === "udp" && OWN_PORTS.includes(port)) return false;
    if (this.findByPort(key.protocol, port, nowMs) !== undefined) return false;
    const companion = this.findByPort(OTHER[key.protocol], port, nowMs);
    return companion === undefined || companion.address === key.address;
  }
}
