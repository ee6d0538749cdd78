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
  MapRequest,
  TransportProtocol,
  UnmapRequest,
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

/** A mapping in the table. */
export type TableEntry = PortMappingEntry;

/** A mapping to add. */
export interface AddRequest extends MapRequest {
  readonly lifetimeSeconds: number;
  /** How long the mapping still lasts that this one renews. */
  readonly leftSeconds?: number | undefined;
}

/** A mapping that was added. */
export interface Granted {
  readonly externalPort: number;
  readonly lifetimeSeconds: GrantedLifetime;
  /** Whether it was found in the table. */
  readonly isVerified: boolean;
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
const ABSENT: readonly number[] = [FAULT.noSuchEntry, FAULT.mappingNotFound];

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

/** The table of one router. */
export class MappingTable {
  /** Whether the router grants only mappings that never end. */
  isPermanentOnly = false;
  readonly #igd: Igd;
  readonly #random: () => number;
  readonly #hostName: string | undefined;
  /** Whether the router cannot add a mapping on a port of its own choice. */
  #lacksAddAny = false;

  constructor({ igd, random, hostName }: MappingTableOptions) {
    this.#igd = igd;
    this.#random = random;
    this.#hostName = hostName;
  }

  /** The external address; `undefined` where the router has none, or does not answer that. */
  async externalAddress(operation: Operation): Promise<string | undefined> {
    const { values } = await this.#igd.call(getExternalIpAddress(), operation);
    return readExternalAddress(values);
  }

  /** Adds a mapping, or renews it, on the port that is asked for or, unless `exact`, on another one. */
  async add(request: AddRequest, operation: Operation): Promise<Granted> {
    if (request.externalPort === undefined && !this.#lacksAddAny) {
      const any = await this.#addAny(request, operation);
      if (any !== undefined) return any;
    }
    const { exact = false, internalPort } = request;
    let conflict: unknown;
    for (const port of this.#candidates(request.externalPort ?? internalPort, exact)) {
      try {
        return await this.#addAt(port, request, operation);
      } catch (error) {
        if (wantsSamePort(error) && port !== internalPort) return await this.#addSame(request, operation);
        if (!(error instanceof Taken) && !isConflict(error)) throw error;
        conflict = error;
      }
    }
    throw noPort(conflict, request, operation);
  }

  /** On the same port outside and inside, where the router grants nothing else. */
  async #addSame(request: AddRequest, operation: Operation): Promise<Granted> {
    const { protocol, internalPort, externalPort, exact } = request;
    if (!exact) return await this.#addAt(internalPort, request, operation);
    throw new RefusedError(
      `the router maps only to the same port, ${protocol} ${internalPort}, not to ${externalPort}`,
      "port-unavailable",
      { resultCode: FAULT.samePortRequired, effort: operation.effort },
    );
  }

  *#candidates(first: number, exact: boolean): Generator<number> {
    yield first;
    if (exact) return;
    for (let i = 0; i < MAX_OTHER_PORTS; i++) {
      yield FIRST_FREE_PORT + Math.floor(this.#random() * (65_536 - FIRST_FREE_PORT));
    }
  }

  /** On a port of the router's choice; `undefined` where it does not have that action. */
  async #addAny(request: AddRequest, operation: Operation): Promise<Granted | undefined> {
    const { serviceType } = await this.#igd.find(operation);
    if (!serviceType.endsWith("WANIPConnection:2")) return undefined;
    const { protocol, internalPort } = request;
    const localAddress = (await this.#look({ protocol, externalPort: internalPort }, operation)).localAddress;
    const [leaseSeconds] = this.#leases(request.lifetimeSeconds);
    try {
      const asked = {
        ...request,
        externalPort: internalPort,
        localAddress,
        leaseSeconds: leaseSeconds!,
      };
      const { values } = await this.#igd.call(addAnyPortMapping(this.#newMapping(asked)), operation);
      const externalPort = readReservedPort(values);
      return await this.#verified(
        { ...request, externalPort, localAddress, leaseSeconds: leaseSeconds! },
        operation,
      );
    } catch (error) {
      if (!(error instanceof ActionRefused)) throw error;
      if (error.code === FAULT.noPortMapsAvailable || error.code === FAULT.notAuthorized) throw error;
      this.#lacksAddAny = true;
      return undefined;
    }
  }

  async #addAt(externalPort: number, request: AddRequest, operation: Operation): Promise<Granted> {
    const { protocol, internalPort, pairedWith, force = false } = request;
    const { look, localAddress } = await this.#look({ protocol, externalPort }, operation);
    const isOwn = (entry: TableEntry) =>
      entry.internalClient === localAddress && entry.internalPort === internalPort;
    if (isEntry(look) && !isOwn(look) && !force) throw new Taken(look);
    if (pairedWith !== undefined && !force) {
      const other = await this.#look({ protocol: pairedWith, externalPort }, operation);
      if (isEntry(other.look) && !isOwn(other.look)) throw new Taken(other.look);
    }
    const asked = { ...request, externalPort, localAddress };
    const leaseSeconds = await this.#addWithLease(asked, operation);
    const granted = await this.#verified({ ...asked, leaseSeconds }, operation);
    if (!this.#isStale(granted, { ...request, leaseSeconds })) return granted;
    // Some routers do not prolong a mapping that they have (miniupnp issues 131 and 199).
    await this.#remove({ protocol, externalPort }, operation);
    await this.#addWithLease(asked, operation);
    return await this.#verified({ ...asked, leaseSeconds }, operation);
  }

  #isStale(
    { lifetimeSeconds, isVerified }: Granted,
    { leaseSeconds, leftSeconds }: AddRequest & { readonly leaseSeconds: number },
  ): boolean {
    if (!isVerified || leftSeconds === undefined || lifetimeSeconds === "permanent") return false;
    const wasProlonged = lifetimeSeconds > leftSeconds + REFRESH_TOLERANCE_SECONDS;
    return !wasProlonged && leaseSeconds > leftSeconds + 2 * REFRESH_TOLERANCE_SECONDS;
  }

  /** Adds with the first lease that the router takes, and returns that one. */
  async #addWithLease(
    asked: AddRequest & { readonly externalPort: number; readonly localAddress: string },
    operation: Operation,
  ): Promise<number> {
    let refused: ActionRefused | undefined;
    for (const leaseSeconds of this.#leases(asked.lifetimeSeconds)) {
      if (refused !== undefined && !mayCure(leaseSeconds, refused)) continue;
      try {
        await this.#igd.call(addPortMapping(this.#newMapping({ ...asked, leaseSeconds })), operation);
        if (refused !== undefined && leaseSeconds === 0) this.isPermanentOnly = true;
        return leaseSeconds;
      } catch (error) {
        if (!(error instanceof ActionRefused)) throw error;
        refused = error;
      }
    }
    throw refused;
  }

  /** The leases to ask for, one after the other: what is wanted, what never ends (0), and what most routers take. */
  #leases(lifetimeSeconds: number): readonly number[] {
    if (this.isPermanentOnly) return [0, MAX_LEASE_SECONDS];
    const shorter = SHORTER_LEASES_SECONDS.filter((seconds) => seconds < lifetimeSeconds);
    return [lifetimeSeconds, 0, ...shorter];
  }

  /** Looks whether the mapping is there, and how long it lasts. */
  async #verified(
    asked: AddRequest & {
      readonly externalPort: number;
      readonly localAddress: string;
      readonly leaseSeconds: number;
    },
    operation: Operation,
  ): Promise<Granted> {
    const { protocol, externalPort, internalPort, localAddress, leaseSeconds } = asked;
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
    const asAsked = {
      externalPort,
      lifetimeSeconds: leaseSeconds === 0 ? "permanent" as const : leaseSeconds,
    };
    // miniupnpd 2.3.7 lists internal port 0 for what works.
    if (look === "unknown" || look.internalPort === 0) return { ...asAsked, isVerified: false };
    if (look.internalClient !== localAddress || look.internalPort !== internalPort) throw new Taken(look);
    return {
      externalPort,
      lifetimeSeconds: grantedLifetime(look.leaseSeconds, leaseSeconds),
      isVerified: true,
    };
  }

  /**
   * Deletes a mapping. One that is absent is deleted.
   *
   * @returns The mapping that stands there instead, which leads to another host or port and was left alone.
   */
  async delete(
    mapping: UnmapRequest & { readonly force: boolean },
    operation: Operation,
  ): Promise<TableEntry | undefined> {
    const { protocol, internalPort, force } = mapping;
    const externalPort = mapping.externalPort ?? await this.#externalPortOf(mapping, operation);
    if (externalPort === undefined) return undefined;
    const { look, localAddress } = await this.#look({ protocol, externalPort }, operation);
    if (look === "absent") return undefined;
    const isOwn = !isEntry(look) || look.internalPort === 0 ||
      (look.internalClient === localAddress && look.internalPort === internalPort);
    if (!isOwn && !force) return look;
    await this.#remove({ protocol, externalPort }, operation);
    return undefined;
  }

  /** The external port of this host's mapping of an internal one, by the table. */
  async #externalPortOf(
    { protocol, internalPort }: UnmapRequest,
    operation: Operation,
  ): Promise<number | undefined> {
    const { entries, localAddress } = await this.list(operation);
    return entries.find((entry) =>
      entry.protocol === protocol && entry.internalPort === internalPort &&
      entry.internalClient === localAddress
    )?.externalPort;
  }

  async #remove(key: PortMappingKey, operation: Operation): Promise<void> {
    try {
      await this.#igd.call(deletePortMapping(key), operation);
    } catch (error) {
      if (!(error instanceof ActionRefused && !error.isHttp && ABSENT.includes(error.code))) throw error;
    }
  }

  /** The leases that are not in the table any more. From `listsFrom` leases on, the table is listed. */
  async missing(
    leases: readonly KnownLease[],
    { listsFrom }: { readonly listsFrom: number },
    operation: Operation,
  ): Promise<readonly KnownLease[]> {
    const isAt = ({ protocol, externalPort }: KnownLease, entry: TableEntry) =>
      entry.protocol === protocol && entry.externalPort === externalPort;
    if (leases.length >= listsFrom) {
      const { entries } = await this.list(operation);
      return entries.length === MAX_LISTED
        ? []
        : leases.filter((lease) => !entries.some((entry) => isAt(lease, entry)));
    }
    const missing: KnownLease[] = [];
    for (const lease of leases) {
      const { protocol, internalPort, externalPort = 0 } = lease;
      const { look, localAddress } = await this.#look({ protocol, externalPort }, operation);
      const isAnothers = isEntry(look) && look.internalPort !== 0 &&
        (look.internalClient !== localAddress || look.internalPort !== internalPort);
      if (look === "absent" || isAnothers) missing.push(lease);
    }
    return missing;
  }

  /** The whole table, and this host's address as the router sees it. */
  async list(
    operation: Operation,
  ): Promise<{ entries: readonly TableEntry[]; localAddress: string | undefined }> {
    const { serviceType } = await this.#igd.find(operation);
    if (serviceType.endsWith("WANIPConnection:2")) {
      const listed = await this.#listAtOnce(operation);
      if (listed !== undefined) return listed;
    }
    return await this.#listOneByOne(operation);
  }

  async #listAtOnce(
    operation: Operation,
  ): Promise<{ entries: readonly TableEntry[]; localAddress: string | undefined } | undefined> {
    const entries: TableEntry[] = [];
    let localAddress: string | undefined;
    for (const protocol of PROTOCOLS) {
      try {
        const answered = await this.#igd.call(
          getListOfPortMappings({ protocol, count: MAX_LISTED }),
          operation,
        );
        localAddress = answered.localAddress;
        entries.push(...readPortListing(answered.values).entries);
      } catch (error) {
        // An empty list is a fault at many routers.
        const isEmpty = error instanceof ActionRefused && !error.isHttp && ABSENT.includes(error.code);
        if (isEmpty) continue;
        if (error instanceof ActionRefused || error instanceof MalformedDocumentError) return undefined;
        throw error;
      }
    }
    return localAddress === undefined ? undefined : { entries, localAddress };
  }

  /** By index, from 0 on, or from 1 where there is no 0; until the router has no more, or begins again. */
  async #listOneByOne(
    operation: Operation,
  ): Promise<{ entries: readonly TableEntry[]; localAddress: string | undefined }> {
    const entries = new Map<string, TableEntry>();
    let localAddress: string | undefined;
    for (let index = 0; index < MAX_LISTED; index++) {
      try {
        const answered = await this.#igd.call(getGenericPortMappingEntry(index), operation);
        localAddress = answered.localAddress;
        const entry = readable(() => readGenericEntry(answered.values));
        if (entry === undefined) continue;
        const name = `${entry.protocol} ${entry.externalPort}`;
        if (entries.has(name)) break;
        entries.set(name, entry);
      } catch (error) {
        if (!(error instanceof ActionRefused)) throw error;
        if (index === 0 && !error.isHttp && error.code !== FAULT.invalidAction) continue;
        if (index === 0) throw error;
        break;
      }
    }
    return { entries: [...entries.values()], localAddress };
  }

  async #lookInList(key: PortMappingKey, operation: Operation): Promise<Look> {
    try {
      const { entries } = await this.list(operation);
      return entries.find((entry) =>
        entry.protocol === key.protocol && entry.externalPort === key.externalPort
      ) ??
        "absent";
    } catch (error) {
      if (error instanceof ActionRefused) return "absent";
      throw error;
    }
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
    { protocol, externalPort, internalPort, localAddress, leaseSeconds }: AddRequest & {
      readonly externalPort: number;
      readonly localAddress: string;
      readonly leaseSeconds: number;
    },
  ): NewPortMapping {
    const description = descriptionOf(this.#hostName, protocol, externalPort);
    return { protocol, externalPort, internalPort, internalClient: localAddress, description, leaseSeconds };
  }
}

/** The port leads to somebody else, or cannot be had as it is wanted. */
class Taken extends Error {
  readonly entry: TableEntry | undefined;

  constructor(entry: TableEntry | undefined) {
    super("The port is taken");
    this.entry = entry;
  }
}

/**
 * Whether another lease may cure a refusal: one that never ends (0) where only such are granted, for which some routers
 * have 501; one that ends, and a shorter one, where the router takes a lease for wrong (402).
 */
function mayCure(leaseSeconds: number, { code, isHttp }: ActionRefused): boolean {
  if (isHttp) return false;
  if (code === FAULT.onlyPermanentLeases || code === FAULT.actionFailed) return leaseSeconds === 0;
  return code === FAULT.invalidArgs && leaseSeconds !== 0;
}

function isConflict(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && CONFLICTS.includes(error.code);
}

function wantsSamePort(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && error.code === FAULT.samePortRequired;
}

function isEntry(look: Look): look is TableEntry {
  return typeof look === "object";
}

/** An entry that can be read; one without ports, as some routers begin their list with, is none. */
function readable(read: () => TableEntry): TableEntry | undefined {
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
  { protocol, externalPort, internalPort, exact }: AddRequest,
  operation: Operation,
) {
  const port = externalPort ?? internalPort;
  const entry = conflict instanceof Taken ? conflict.entry : undefined;
  const why = entry === undefined ? "" : `: it leads to ${entry.internalClient}:${entry.internalPort}`;
  const { effort } = operation;
  const code = conflict instanceof ActionRefused ? conflict.code : FAULT.conflict;
  if (exact && code === FAULT.actionFailed) return conflict;
  return exact
    ? new RefusedError(`External ${protocol} port ${port} is taken${why}`, "port-unavailable", {
      resultCode: code,
      effort,
    })
    : new RefusedError(
      `External ${protocol} port ${port} and ${MAX_OTHER_PORTS} others are taken${why}`,
      "out-of-resources",
      {
        resultCode: code,
        effort,
      },
    );
}
