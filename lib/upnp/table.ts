/**
 * The mappings in a router's table: to look one up, to add one where that harms nobody, to delete one, to list them all;
 * and the ways in which routers want to be asked.
 *
 * @module
 */

import { RefusedError } from "../errors.ts";
import type {
  GrantedLifetime,
  KnownLease,
  MappingKey,
  MapRequest,
  TransportProtocol,
} from "../port_mapper.ts";
import {
  addAnyPortMapping,
  addPortMapping,
  deletePortMapping,
  getExternalIpAddress,
  getGenericPortMappingEntry,
  getListOfPortMappings,
  getSpecificPortMappingEntry,
  type NewPortMapping,
  type PortMappingEntry,
  type PortMappingKey,
  readExternalAddress,
  readGenericEntry,
  readPortListing,
  readReservedPort,
  readSpecificEntry,
} from "./actions.ts";
import {
  FAULT,
  MANY_LEASES,
  MAX_DESCRIPTION_CHARS,
  MAX_LEASE_SECONDS,
  MAX_LISTED,
  MAX_OTHER_PORTS,
  REFRESH_TOLERANCE_SECONDS,
  SHORTER_LEASES_SECONDS,
} from "./constants.ts";
import { ActionRefused } from "./action_refused.ts";
import type { Igd, Operation } from "./igd.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { isOfRouter } from "./refusal_error.ts";

/** A mapping in the table. */
export type TableEntry = PortMappingEntry;

/** A mapping to add. */
export interface AddRequest extends MapRequest {
  readonly lifetimeSeconds: number;
  /** How long the mapping still lasts that this one renews, by this host's count. */
  readonly leftSeconds?: number | undefined;
  /** The external port that this host holds for it. */
  readonly heldPort?: number | undefined;
  /** The lifetime that was granted for that. */
  readonly heldLifetime?: GrantedLifetime | undefined;
}

/** A mapping that was added. */
export interface Granted {
  readonly externalPort: number;
  readonly lifetimeSeconds: GrantedLifetime;
  /** Whether it was found in the table. */
  readonly isVerified: boolean;
}

/** A whole table, and this host's address as the router sees it. */
export interface Listed {
  readonly entries: readonly TableEntry[];
  readonly localAddress: string | undefined;
}

/** The result of a look into the table: the mapping, that there is none, or that the router does not answer that. */
type Look = TableEntry | "absent" | "unknown";

/** Faults of a router that cannot show a mapping. */
const CANNOT_SHOW: readonly number[] = [
  FAULT.invalidAction,
  FAULT.invalidArgs,
  FAULT.actionFailed,
  FAULT.optionalActionNotImplemented,
  FAULT.notAuthorized,
];

/** Faults that another external port may cure. */
const CONFLICTS: readonly number[] = [FAULT.conflict, FAULT.conflictWithOtherMechanisms, FAULT.actionFailed];

/** Faults that mean: there is no such mapping. */
const ABSENT: readonly number[] = [FAULT.noSuchEntry, FAULT.mappingNotFound, FAULT.indexInvalid];

/** Faults of a router that cannot choose a port. */
const LACKS_ADD_ANY: readonly number[] = [FAULT.invalidAction, FAULT.optionalActionNotImplemented];

const PROTOCOLS: readonly TransportProtocol[] = ["tcp", "udp"];

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
interface Adding {
  readonly operation: Operation;
  /** Whether a lease without an end was tried because of 501, which has many meanings. */
  hasTriedPermanent: boolean;
  /** The whole table, where the router shows it and not its entries; `undefined` until it is needed. */
  table?: Listed | "unknown" | undefined;
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
        // It may mean that a port is taken, and more often something else.
        const isFailure = error instanceof ActionRefused && error.code === FAULT.actionFailed;
        if (isFailure && (exact || isActionFailed(conflict))) throw error;
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
      throw isActionFailed(error) ? error : noPort(error, { ...request, tried }, operation);
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
    const { localAddress } = await this.#look({ protocol, externalPort: internalPort }, operation);
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
    const { look, localAddress } = await this.#lookFirst({ protocol, externalPort }, adding);
    const own = { ...request, externalPort, localAddress };
    const held = isEntry(look) && isOwn(look, own) ? look : undefined;
    if (isEntry(look) && held === undefined && !force) throw new Taken(look);
    if (pairedWith !== undefined && !force) {
      const other = await this.#lookFirst({ protocol: pairedWith, externalPort }, adding);
      if (isEntry(other.look) && !isOwn(other.look, own)) throw new Taken(other.look);
    }
    const { leaseSeconds, ...granted } = await this.#put(own, { adding, held });
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
    let { look } = await this.#look(key, operation);
    if (look === "absent") look = await this.#lookInList(key, operation);
    if (look === "absent") {
      throw new RefusedError(
        `the router granted external ${protocol} port ${externalPort} but does not list it`,
        "unknown-result",
        { resultCode: FAULT.noSuchEntry, effort: operation.effort },
      );
    }
    const asAsked = leaseSeconds === 0 ? "permanent" as const : leaseSeconds;
    if (look === "unknown") return { externalPort, lifetimeSeconds: asAsked, isVerified: false };
    if (!isOwn(look, { ...asked, heldPort: externalPort })) throw new Taken(look);
    // miniupnpd 2.3.7 lists internal port 0, and no lease, for what works.
    if (look.internalPort === 0) return { externalPort, lifetimeSeconds: asAsked, isVerified: false };
    return {
      externalPort,
      lifetimeSeconds: grantedLifetime(look.leaseSeconds, leaseSeconds),
      isVerified: look.isEnabled,
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
    const { look, localAddress } = await this.#lookFirst(key, { operation, hasTriedPermanent: false });
    if (look === "absent") return undefined;
    const isMine = !isEntry(look) ||
      isOwn(look, { localAddress, internalPort, externalPort, heldPort: externalPort });
    if (!isMine && !force) return look;
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
      const { look, localAddress } = await this.#look(key, operation);
      const isMine = isEntry(look) && isOwn(look, { localAddress, internalPort, externalPort });
      if (isMine) await this.#remove(key, operation);
    } catch (error) {
      if (!isOfRouter(error)) throw error;
    }
  }

  async #remove({ protocol, externalPort }: PortMappingKey, operation: Operation): Promise<void> {
    try {
      await this.#igd.call(deletePortMapping({ protocol, externalPort }), operation);
    } catch (error) {
      if (!(error instanceof ActionRefused && !error.isHttp && ABSENT.includes(error.code))) throw error;
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
      const { look, localAddress } = await this.#look({ protocol, externalPort }, operation);
      const isMine = isEntry(look) &&
        isOwn(look, { localAddress, internalPort, externalPort, heldPort: externalPort });
      if (look === "absent" || (isEntry(look) && !isMine)) missing.push(lease);
      // One is enough to show that the router lost its table.
      if (missing.length >= MANY_LEASES) break;
    }
    return missing;
  }

  /** The leases that the list does not have; all of them where there is no list at once. */
  async #unlisted(leases: readonly KnownLease[], operation: Operation): Promise<readonly KnownLease[]> {
    const { serviceType } = await this.#igd.find(operation);
    const listed = isVersion2(serviceType) ? await this.#listAtOnce(operation) : undefined;
    if (listed === undefined) return leases;
    const { entries, localAddress = "" } = listed;
    return leases.filter(({ protocol, internalPort, externalPort = 0 }) => {
      const entry = find(entries, { protocol, externalPort });
      return entry === undefined ||
        !isOwn(entry, { localAddress, internalPort, externalPort, heldPort: externalPort });
    });
  }

  /** The whole table. */
  async list(operation: Operation): Promise<Listed> {
    const { serviceType } = await this.#igd.find(operation);
    const listed = isVersion2(serviceType) ? await this.#listAtOnce(operation) : undefined;
    return listed ?? await this.#listOneByOne(operation);
  }

  async #listAtOnce(operation: Operation): Promise<Listed | undefined> {
    const entries: TableEntry[] = [];
    let localAddress: string | undefined;
    for (const protocol of PROTOCOLS) {
      try {
        const answered = await this.#igd.call(
          getListOfPortMappings({ protocol, count: MAX_LISTED }),
          operation,
        );
        localAddress = answered.localAddress;
        entries.push(...readPortListing(answered.values).entries.filter(hasPort));
      } catch (error) {
        // An empty list is a fault at many routers.
        const isEmpty = error instanceof ActionRefused && !error.isHttp && ABSENT.includes(error.code);
        if (isEmpty) continue;
        if (error instanceof ActionRefused || error instanceof MalformedDocumentError) return undefined;
        throw error;
      }
    }
    // Some routers list nothing at once, and all one by one.
    return localAddress === undefined ? undefined : { entries: entries.slice(0, MAX_LISTED), localAddress };
  }

  /** By index, from 0 on, or from 1 where there is no 0; until the router has no more, or begins again. */
  async #listOneByOne(operation: Operation): Promise<Listed> {
    const entries = new Map<string, TableEntry>();
    let localAddress: string | undefined;
    for (let index = 0; index < MAX_LISTED; index++) {
      try {
        const answered = await this.#igd.call(getGenericPortMappingEntry(index), operation);
        localAddress = answered.localAddress;
        const entry = readable(() => readGenericEntry(answered.values));
        if (entry === undefined || !hasPort(entry)) continue;
        const name = `${entry.protocol} ${entry.externalPort} ${entry.remoteHost}`;
        if (entries.has(name)) break;
        entries.set(name, entry);
      } catch (error) {
        const isFault = error instanceof ActionRefused && !error.isHttp;
        if (!isFault && !(error instanceof ActionRefused) && !(error instanceof MalformedDocumentError)) {
          throw error;
        }
        if (index > 0) break;
        if (!isFault || error.code === FAULT.invalidAction) throw error;
        localAddress = error.localAddress;
      }
    }
    return { entries: [...entries.values()], localAddress };
  }

  async #lookInList(key: PortMappingKey, operation: Operation): Promise<Look> {
    try {
      return find((await this.list(operation)).entries, key) ?? "absent";
    } catch (error) {
      if (error instanceof ActionRefused || error instanceof MalformedDocumentError) return "absent";
      throw error;
    }
  }

  /** Looks before something is changed: where the router does not show one mapping, in all of them. */
  async #lookFirst(key: PortMappingKey, adding: Adding): Promise<{ look: Look; localAddress: string }> {
    const { look, localAddress } = await this.#look(key, adding.operation);
    if (look !== "unknown") return { look, localAddress };
    adding.table ??= await this.list(adding.operation).catch((error) => {
      if (error instanceof ActionRefused || error instanceof MalformedDocumentError) {
        return "unknown" as const;
      }
      throw error;
    });
    if (adding.table === "unknown") return { look, localAddress };
    // An entry that is not listed may be there all the same.
    return { look: find(adding.table.entries, key) ?? "unknown", localAddress };
  }

  /** Looks a mapping up. The address of this host comes with every answer, a fault included. */
  async #look(key: PortMappingKey, operation: Operation): Promise<{ look: Look; localAddress: string }> {
    try {
      const answered = await this.#igd.call(getSpecificPortMappingEntry(key), operation);
      const entry = readable(() => ({ remoteHost: "", ...key, ...readSpecificEntry(answered.values) }));
      return { look: entry ?? "unknown", localAddress: answered.localAddress };
    } catch (error) {
      if (!(error instanceof ActionRefused) || error.isHttp) throw error;
      const { code, localAddress } = error;
      if (ABSENT.includes(code)) return { look: "absent", localAddress };
      if (CANNOT_SHOW.includes(code)) return { look: "unknown", localAddress };
      throw error;
    }
  }

  #newMapping(
    { protocol, externalPort, internalPort, localAddress: internalClient }: Asked,
    leaseSeconds: number,
  ): NewPortMapping {
    const description = descriptionOf(this.#hostName, protocol, externalPort);
    return { protocol, externalPort, internalPort, internalClient, description, leaseSeconds };
  }
}

/** The port leads to somebody else, or cannot be had as it is wanted. */
class Taken extends Error {
  readonly entry: TableEntry;

  constructor(entry: TableEntry) {
    super("The port is taken");
    this.entry = entry;
  }
}

/**
 * The lease to ask for after a refusal: one without an end (0) where only such are granted, for which some routers have
 * 501; one that ends, and a shorter one, where the router takes a lease for wrong (402).
 */
function nextLease(
  leaseSeconds: number,
  code: number,
  { hasTriedPermanent }: Adding,
): number | undefined {
  if (code === FAULT.onlyPermanentLeases) return 0;
  if (code === FAULT.actionFailed) return hasTriedPermanent ? undefined : 0;
  if (code !== FAULT.invalidArgs) return undefined;
  return leaseSeconds === 0
    ? MAX_LEASE_SECONDS
    : SHORTER_LEASES_SECONDS.find((seconds) => seconds < leaseSeconds);
}

/** Whether a mapping that was to be renewed has been left as it was, though it could have been prolonged. */
function isStale(
  { lifetimeSeconds, isVerified }: Granted,
  { leaseSeconds, leftSeconds, heldLifetime, held }: AddRequest & {
    readonly leaseSeconds: number;
    readonly held: TableEntry | undefined;
  },
): boolean {
  const left = held?.leaseSeconds || leftSeconds;
  if (!isVerified || left === undefined || lifetimeSeconds === "permanent") return false;
  if (lifetimeSeconds > left + REFRESH_TOLERANCE_SECONDS) return false;
  const possible = typeof heldLifetime === "number" ? Math.min(leaseSeconds, heldLifetime) : leaseSeconds;
  return possible > left + 2 * REFRESH_TOLERANCE_SECONDS;
}

/**
 * Whether an entry is this host's for that internal port. miniupnpd 2.3.7 lists internal port 0 for what works: that
 * counts only where this host is known to hold the external port.
 */
function isOwn(
  entry: TableEntry,
  { localAddress, internalPort, externalPort, heldPort }: {
    readonly localAddress: string;
    readonly internalPort: number;
    readonly externalPort: number;
    readonly heldPort?: number | undefined;
  },
): boolean {
  if (entry.internalClient !== localAddress) return false;
  return entry.internalPort === internalPort || (entry.internalPort === 0 && heldPort === externalPort);
}

function isConflict(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && CONFLICTS.includes(error.code);
}

function isActionFailed(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && error.code === FAULT.actionFailed;
}

function wantsSamePort(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && error.code === FAULT.samePortRequired;
}

function isEntry(look: Look): look is TableEntry {
  return typeof look === "object";
}

function isVersion2(serviceType: string): boolean {
  return serviceType.endsWith("WANIPConnection:2");
}

/** RouterOS begins its list with an entry that has no port. */
function hasPort({ externalPort }: TableEntry): boolean {
  return externalPort !== 0;
}

function find(entries: readonly TableEntry[], key: PortMappingKey): TableEntry | undefined {
  return entries.find(({ protocol, externalPort }) =>
    protocol === key.protocol && externalPort === key.externalPort
  );
}

/** A value that can be read. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedDocumentError) return undefined;
    throw error;
  }
}

/** What was granted; a second or two have passed since, and routers round. */
function grantedLifetime(listedSeconds: number, askedSeconds: number): GrantedLifetime {
  if (listedSeconds === 0) return "permanent";
  return Math.abs(listedSeconds - askedSeconds) <= REFRESH_TOLERANCE_SECONDS ? askedSeconds : listedSeconds;
}

/** A short text of printable ASCII: longer ones, and line feeds, are trouble at some routers. */
function descriptionOf(hostName = "", protocol: TransportProtocol, externalPort: number): string {
  const host = hostName.replace(/[^\x21-\x7e]/g, "").replace(/[<>&"']/g, "");
  const end = ` ${protocol.toUpperCase()} ${externalPort}`;
  const start = `natpmp ${host}`.slice(0, MAX_DESCRIPTION_CHARS - end.length).trimEnd();
  return `${start}${end}`;
}

/** The error when no port could be had. */
function noPort(
  conflict: unknown,
  { protocol, externalPort, internalPort, exact, tried }: AddRequest & { readonly tried: readonly number[] },
  { effort }: Operation,
): RefusedError {
  const port = tried.length === 1 ? tried[0] : externalPort ?? internalPort;
  const why = conflict instanceof Taken
    ? `: it leads to ${conflict.entry.internalClient}:${conflict.entry.internalPort}`
    : "";
  const resultCode = conflict instanceof ActionRefused ? conflict.code : FAULT.conflict;
  if (exact || tried.length === 1) {
    const refusal = exact ? "port-unavailable" : "out-of-resources";
    return new RefusedError(`External ${protocol} port ${port} is taken${why}`, refusal, {
      resultCode,
      effort,
    });
  }
  return new RefusedError(
    `External ${protocol} port ${port} and ${tried.length - 1} others are taken`,
    "out-of-resources",
    { resultCode, effort },
  );
}
