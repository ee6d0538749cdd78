/**
 * The mappings in a router's table: to add one where that harms nobody, to delete one, to see which are gone; and the
 * ways in which routers want to be asked.
 *
 * @module
 */

import { RefusedError } from "../errors.ts";
import type { KnownLease, MappingKey } from "../port_mapper.ts";
import {
  addAnyPortMapping,
  addPortMapping,
  deletePortMapping,
  getExternalIpAddress,
  type NewPortMapping,
  type PortMappingKey,
  readExternalAddress,
  readReservedPort,
} from "./actions.ts";
import { ActionRefused } from "./action_refused.ts";
import { FAULT, MANY_LEASES, MAX_OTHER_PORTS } from "./constants.ts";
import type { Igd, Operation } from "./igd.ts";
import { isOfRouter } from "./refusal_error.ts";
import { listAtOnce, type Listed, listMappings } from "./table_listing.ts";
import { look, lookFirst, type Looking, lookInList } from "./table_lookup.ts";
import {
  type AddRequest,
  descriptionOf,
  find,
  type Granted,
  grantedLifetime,
  isAbsence,
  isActionFailed,
  isConflict,
  isEntry,
  isOwn,
  isStale,
  isVersion2,
  nextLease,
  noPort,
  readable,
  type TableEntry,
  Taken,
  wantsSamePort,
} from "./table_rules.ts";

/** Faults of a router that cannot choose a port. */
const LACKS_ADD_ANY: readonly number[] = [FAULT.invalidAction, FAULT.optionalActionNotImplemented];

/** The first port that any host may take without being asked. */
const FIRST_FREE_PORT = 1024;

/** Options of {@linkcode MappingTable}. */
export interface MappingTableOptions {
  readonly igd: Igd;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The name of this host in descriptions. */
  readonly hostName?: string | undefined;
}

/** The ways of the router at one place; another router has its own. */
interface Ways {
  readonly at: string | undefined;
  /** Whether it grants only mappings that never end. */
  isPermanentOnly: boolean;
  /** Whether it cannot add a mapping on a port of its own choice. */
  lacksAddAny: boolean;
}

/** What is known in the course of adding one mapping, over all the ports that are tried. */
interface Adding extends Looking {
  /** Whether a lease without an end was tried because of 501, which has many meanings. */
  hasTriedPermanent: boolean;
}

/** A mapping with everything that its action names. */
interface Asked extends AddRequest {
  readonly externalPort: number;
  readonly localAddress: string;
}

/** The table of one router. */
export class MappingTable {
  readonly #igd: Igd;
  readonly #random: () => number;
  readonly #hostName: string | undefined;
  #ways: Ways = { at: undefined, isPermanentOnly: false, lacksAddAny: false };

  constructor({ igd, random, hostName }: MappingTableOptions) {
    this.#igd = igd;
    this.#random = random;
    this.#hostName = hostName;
  }

  /** Whether the router grants only mappings that never end. */
  get isPermanentOnly(): boolean {
    return this.#here.isPermanentOnly;
  }

  /** Takes from an earlier process that the router grants only mappings that never end. */
  rememberPermanentOnly(): void {
    this.#here.isPermanentOnly = true;
  }

  /** The ways of the router that is asked now. */
  get #here(): Ways {
    const at = this.#igd.place?.location.href;
    if (at !== undefined && at !== this.#ways.at) {
      this.#ways = { at, isPermanentOnly: false, lacksAddAny: false };
    }
    return this.#ways;
  }

  /** The external address; `undefined` where the router has none, or no valid one. */
  async externalAddress(operation: Operation): Promise<string | undefined> {
    const { values } = await this.#igd.call(getExternalIpAddress(), operation);
    return readable(() => readExternalAddress(values));
  }

  /** Adds a mapping, or renews it, on the port that is asked for or, unless `exact`, on another one. */
  async add(request: AddRequest, operation: Operation): Promise<Granted> {
    const { externalPort, heldPort, internalPort, pairedWith, exact = false } = request;
    const adding: Adding = { operation, hasTriedPermanent: false };
    const isAny = externalPort === undefined && heldPort === undefined && pairedWith === undefined;
    if (isAny) {
      const any = await this.#addAny(request, adding);
      if (any !== undefined) return any;
    }
    const tried: number[] = [];
    let conflict: unknown;
    for (const port of this.#candidates(request)) {
      tried.push(port);
      try {
        return await this.#addAt(port, request, adding);
      } catch (error) {
        if (wantsSamePort(error) && port !== internalPort) {
          return await this.#addSame(request, { adding, isTried: tried.includes(internalPort) });
        }
        if (!(error instanceof Taken) && !isConflict(error)) throw error;
        // It may mean that a port is taken, and more often something else: another port is tried once.
        if (isActionFailed(error) && exact) throw error;
        if (isActionFailed(error) && isActionFailed(conflict)) {
          throw noPort(error, { ...request, tried }, operation);
        }
        conflict = error;
      }
    }
    throw noPort(conflict, { ...request, tried }, operation);
  }

  /** On the same port outside and inside, where the router grants nothing else. */
  async #addSame(
    request: AddRequest,
    { adding, isTried }: { readonly adding: Adding; readonly isTried: boolean },
  ): Promise<Granted> {
    const { protocol, internalPort, externalPort, exact } = request;
    const { operation } = adding;
    if (exact) {
      throw new RefusedError(
        `the router maps only to the same port, ${protocol} ${internalPort}, not to ${externalPort}`,
        "port-unavailable",
        { resultCode: FAULT.samePortRequired, effort: operation.effort },
      );
    }
    const tried = [internalPort];
    if (isTried) throw noPort(undefined, { ...request, tried }, operation);
    try {
      return await this.#addAt(internalPort, request, adding);
    } catch (error) {
      if (!(error instanceof Taken) && !isConflict(error)) throw error;
      throw noPort(error, { ...request, tried }, operation);
    }
  }

  /** What is asked for first, then what is held, then others. */
  *#candidates(
    { externalPort, heldPort, internalPort, exact = false }: AddRequest,
  ): Generator<number> {
    const first = externalPort ?? heldPort ?? internalPort;
    const given = new Set([first]);
    yield first;
    if (exact) return;
    if (heldPort !== undefined && !given.has(heldPort)) {
      given.add(heldPort);
      yield heldPort;
    }
    for (let i = 0; i < MAX_OTHER_PORTS; i++) {
      let port = FIRST_FREE_PORT + Math.floor(this.#random() * (65_536 - FIRST_FREE_PORT));
      while (given.has(port)) port = port === 65_535 ? FIRST_FREE_PORT : port + 1;
      given.add(port);
      yield port;
    }
  }

  /** On a port of the router's choice; `undefined` where it does not do that. */
  async #addAny(request: AddRequest, adding: Adding): Promise<Granted | undefined> {
    const { operation } = adding;
    const { serviceType } = await this.#igd.find(operation);
    if (!serviceType.endsWith("WANIPConnection:2") || this.#here.lacksAddAny) return undefined;
    const { protocol, internalPort } = request;
    const { localAddress } = await look(this.#igd, { protocol, externalPort: internalPort }, operation);
    const asked = { ...request, externalPort: internalPort, localAddress };
    let reservedPort: number | undefined;
    try {
      const leaseSeconds = await this.#withLease(asked, adding, async (leaseSeconds) => {
        const action = addAnyPortMapping(this.#newMapping(asked, leaseSeconds));
        reservedPort = readReservedPort((await this.#igd.call(action, operation)).values);
      });
      return await this.#verified({ ...asked, externalPort: reservedPort!, leaseSeconds }, operation);
    } catch (error) {
      if (error instanceof Taken) return undefined;
      if (!(error instanceof ActionRefused) || error.isHttp) throw error;
      if (error.code === FAULT.noPortMapsAvailable || error.code === FAULT.notAuthorized) throw error;
      if (LACKS_ADD_ANY.includes(error.code)) this.#here.lacksAddAny = true;
      return undefined;
    }
  }

  async #addAt(externalPort: number, request: AddRequest, adding: Adding): Promise<Granted> {
    const { protocol, pairedWith, force = false } = request;
    const { operation } = adding;
    const { found, localAddress } = await lookFirst(this.#igd, { protocol, externalPort }, adding);
    const own = { ...request, externalPort, localAddress };
    const held = isEntry(found) && isOwn(found, own) ? found : undefined;
    if (isEntry(found) && held === undefined && !force) throw new Taken(found);
    if (pairedWith !== undefined && !force) {
      const other = await lookFirst(this.#igd, { protocol: pairedWith, externalPort }, adding);
      if (isEntry(other.found) && !isOwn(other.found, own)) throw new Taken(other.found);
    }
    const isForced = force && isEntry(found) && held === undefined;
    const { leaseSeconds, ...granted } = await this.#put(own, { adding, held }).catch(async (error) => {
      if (!isForced || !isConflict(error)) throw error;
      // Some routers overwrite nothing, and delete what they are asked to (miniupnpd without secure mode).
      await this.#remove({ protocol, externalPort }, operation).catch(() => Promise.reject(error));
      return await this.#put(own, { adding });
    });
    if (!isStale(granted, { ...request, leaseSeconds, held })) return granted;
    // Some routers do not prolong a mapping that they have (miniupnp issues 131 and 199).
    await this.#remove({ protocol, externalPort }, operation);
    return await this.#put(own, { adding });
  }

  /** Adds, and looks at what came of it. A conflict with the mapping that this one renews leaves that as it is. */
  async #put(
    asked: Asked,
    { adding, held }: { readonly adding: Adding; readonly held?: TableEntry | undefined },
  ): Promise<Granted & { readonly leaseSeconds: number }> {
    const { externalPort, lifetimeSeconds } = asked;
    const { operation } = adding;
    try {
      const leaseSeconds = await this.#withLease(asked, adding, async (leaseSeconds) => {
        await this.#igd.call(addPortMapping(this.#newMapping(asked, leaseSeconds)), operation);
      });
      return { ...await this.#verified({ ...asked, leaseSeconds }, operation), leaseSeconds };
    } catch (error) {
      const isOwnConflict = held !== undefined && error instanceof ActionRefused && !error.isHttp &&
        error.code === FAULT.conflict;
      if (!isOwnConflict) throw error;
      const lasts = held.leaseSeconds === 0 ? "permanent" as const : held.leaseSeconds;
      const leaseSeconds = this.#here.isPermanentOnly ? 0 : lifetimeSeconds;
      return { externalPort, lifetimeSeconds: lasts, isVerified: true, leaseSeconds };
    }
  }

  /** Adds with the first lease that the router takes, and returns that one. */
  async #withLease(
    { lifetimeSeconds }: Asked,
    adding: Adding,
    add: (leaseSeconds: number) => Promise<void>,
  ): Promise<number> {
    const tried = new Set<number>();
    let isOnlyPermanent = false;
    let leaseSeconds = this.#here.isPermanentOnly ? 0 : lifetimeSeconds;
    for (;;) {
      tried.add(leaseSeconds);
      try {
        await add(leaseSeconds);
        if (leaseSeconds > 0) this.#here.isPermanentOnly = false;
        else if (isOnlyPermanent) this.#here.isPermanentOnly = true;
        return leaseSeconds;
      } catch (error) {
        if (!(error instanceof ActionRefused) || error.isHttp) throw error;
        isOnlyPermanent = error.code === FAULT.onlyPermanentLeases;
        const next = nextLease(leaseSeconds, error.code, adding);
        if (next === undefined || tried.has(next)) throw error;
        if (error.code === FAULT.actionFailed) adding.hasTriedPermanent = true;
        leaseSeconds = next;
      }
    }
  }

  /** Looks whether the mapping is there, and how long it lasts. */
  async #verified(
    asked: Asked & { readonly leaseSeconds: number },
    operation: Operation,
  ): Promise<Granted> {
    const { protocol, externalPort, leaseSeconds } = asked;
    const key = { protocol, externalPort };
    let { found } = await look(this.#igd, key, operation);
    if (found === "absent") found = await lookInList(this.#igd, key, operation);
    if (found === "absent") {
      throw new RefusedError(
        `the router granted external ${protocol} port ${externalPort} but does not list it`,
        "unknown-result",
        { resultCode: FAULT.noSuchEntry, effort: operation.effort },
      );
    }
    const asAsked = leaseSeconds === 0 ? "permanent" as const : leaseSeconds;
    if (found === "unknown") return { externalPort, lifetimeSeconds: asAsked, isVerified: false };
    if (!isOwn(found, { ...asked, heldPort: externalPort })) throw new Taken(found);
    // miniupnpd 2.3.7 lists internal port 0, and no lease, for what works.
    if (found.internalPort === 0) return { externalPort, lifetimeSeconds: asAsked, isVerified: false };
    return {
      externalPort,
      lifetimeSeconds: grantedLifetime(found.leaseSeconds, leaseSeconds),
      isVerified: found.isEnabled,
    };
  }

  /**
   * Deletes a mapping; without an external port every one of this host's that leads to the internal port. One that is
   * absent is deleted.
   *
   * @returns The mapping that stands there instead, which leads to another host or port and was left alone.
   */
  async delete(
    { protocol, internalPort, externalPort, force }: MappingKey & {
      readonly externalPort: number | undefined;
      readonly force: boolean;
    },
    operation: Operation,
  ): Promise<TableEntry | undefined> {
    if (externalPort === undefined) {
      const { entries, localAddress } = await this.list(operation);
      for (const entry of entries) {
        const isMeant = entry.protocol === protocol && entry.internalPort === internalPort;
        if (isMeant && entry.internalClient === localAddress) await this.#remove(entry, operation);
      }
      return undefined;
    }
    const key = { protocol, externalPort };
    const { found, localAddress } = await lookFirst(this.#igd, key, { operation });
    if (found === "absent") return undefined;
    const isMine = !isEntry(found) ||
      isOwn(found, { localAddress, internalPort, externalPort, heldPort: externalPort });
    if (!isMine && !force) return found;
    await this.#remove(key, operation);
    return undefined;
  }

  /** Deletes a mapping of this host that another one has replaced. If that fails, the mapping ends with its lease. */
  async leave(
    { protocol, internalPort, externalPort }: MappingKey & { readonly externalPort: number },
    operation: Operation,
  ): Promise<void> {
    const key = { protocol, externalPort };
    try {
      const { found, localAddress } = await look(this.#igd, key, operation);
      const isMine = isEntry(found) && isOwn(found, { localAddress, internalPort, externalPort });
      if (isMine) await this.#remove(key, operation);
    } catch (error) {
      if (!isOfRouter(error)) throw error;
    }
  }

  async #remove({ protocol, externalPort }: PortMappingKey, operation: Operation): Promise<void> {
    try {
      await this.#igd.call(deletePortMapping({ protocol, externalPort }), operation);
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
  }

  /**
   * The leases that are not in the table any more, or lead elsewhere. Where the router lists its table at once, many are
   * looked for in that; a lack there has to be confirmed, as some routers list less than they have.
   */
  async missing(leases: readonly KnownLease[], operation: Operation): Promise<readonly KnownLease[]> {
    const doubtful = leases.length < MANY_LEASES ? leases : await this.#unlisted(leases, operation);
    const missing: KnownLease[] = [];
    for (const lease of doubtful) {
      const { protocol, internalPort, externalPort = 0 } = lease;
      const { found, localAddress } = await look(this.#igd, { protocol, externalPort }, operation);
      const isMine = isEntry(found) &&
        isOwn(found, { localAddress, internalPort, externalPort, heldPort: externalPort });
      if (found === "absent" || (isEntry(found) && !isMine)) missing.push(lease);
      // The router lost its table; the rest need not be looked for.
      if (missing.length >= MANY_LEASES) break;
    }
    return missing;
  }

  /** The leases that the list does not have; all of them where there is no list at once. */
  async #unlisted(leases: readonly KnownLease[], operation: Operation): Promise<readonly KnownLease[]> {
    const { serviceType } = await this.#igd.find(operation);
    const listed = isVersion2(serviceType) ? await listAtOnce(this.#igd, operation) : undefined;
    if (listed === undefined) return leases;
    const { entries, localAddress = "" } = listed;
    return leases.filter(({ protocol, internalPort, externalPort = 0 }) => {
      const entry = find(entries, { protocol, externalPort });
      return entry === undefined ||
        !isOwn(entry, { localAddress, internalPort, externalPort, heldPort: externalPort });
    });
  }

  /** The whole table. */
  list(operation: Operation): Promise<Listed> {
    return listMappings(this.#igd, operation);
  }

  #newMapping(
    { protocol, externalPort, internalPort, localAddress: internalClient }: Asked,
    leaseSeconds: number,
  ): NewPortMapping {
    const description = descriptionOf(this.#hostName, protocol, externalPort);
    return { protocol, externalPort, internalPort, internalClient, description, leaseSeconds };
  }
}
