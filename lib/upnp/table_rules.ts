/**
 * What the answers about a router's table mean for a mapping. Pure.
 *
 * @module
 */

import {
  DeletionRefusedError,
  type DeletionRefusedErrorOptions,
  type Effort,
  RefusedError,
} from "../errors.ts";
import type { GrantedLifetime, MappingKey, MapRequest, TransportProtocol } from "../port_mapper.ts";
import type { PortMappingEntry, PortMappingKey } from "./actions.ts";
import { ActionRefused } from "./action_refused.ts";
import {
  FAULT,
  MAX_DESCRIPTION_CHARS,
  MAX_LEASE_SECONDS,
  REFRESH_TOLERANCE_SECONDS,
  SHORTER_LEASES_SECONDS,
} from "./constants.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";

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

/** The result of a look into the table: the mapping, that there is none, or that the router does not answer that. */
export type Look = TableEntry | "absent" | "unknown";

/** Faults that another external port may cure. */
const CONFLICTS: readonly number[] = [FAULT.conflict, FAULT.conflictWithOtherMechanisms, FAULT.actionFailed];

/** Faults that mean: there is no such mapping. */
const ABSENT: readonly number[] = [FAULT.noSuchEntry, FAULT.mappingNotFound, FAULT.indexInvalid];

/** The port leads to somebody else, or cannot be had as it is wanted. */
export class Taken extends Error {
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
export function nextLease(
  leaseSeconds: number,
  code: number,
  { hasTriedPermanent }: { readonly hasTriedPermanent: boolean },
): number | undefined {
  if (code === FAULT.onlyPermanentLeases) return 0;
  if (code === FAULT.actionFailed) return hasTriedPermanent ? undefined : 0;
  if (code !== FAULT.invalidArgs) return undefined;
  return leaseSeconds === 0
    ? MAX_LEASE_SECONDS
    : SHORTER_LEASES_SECONDS.find((seconds) => seconds < leaseSeconds);
}

/** Whether a mapping that was to be renewed has been left as it was, though it could have been prolonged. */
export function isStale(
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
export function isOwn(
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

/** Whether a fault means that there is no such mapping. */
export function isAbsence(error: unknown): error is ActionRefused {
  return error instanceof ActionRefused && !error.isHttp && ABSENT.includes(error.code);
}

export function isConflict(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && CONFLICTS.includes(error.code);
}

export function isActionFailed(error: unknown): error is ActionRefused {
  return error instanceof ActionRefused && !error.isHttp && error.code === FAULT.actionFailed;
}

export function wantsSamePort(error: unknown): boolean {
  return error instanceof ActionRefused && !error.isHttp && error.code === FAULT.samePortRequired;
}

export function isEntry(look: Look): look is TableEntry {
  return typeof look === "object";
}

export function isVersion2(serviceType: string): boolean {
  return serviceType.endsWith("WANIPConnection:2");
}

export function find(entries: readonly TableEntry[], key: PortMappingKey): TableEntry | undefined {
  return entries.find(({ protocol, externalPort }) =>
    protocol === key.protocol && externalPort === key.externalPort
  );
}

/** A value that can be read. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedDocumentError) return undefined;
    throw error;
  }
}

/** What was granted; a second or two have passed since, and routers round. */
export function grantedLifetime(listedSeconds: number, askedSeconds: number): GrantedLifetime {
  if (listedSeconds === 0) return "permanent";
  return Math.abs(listedSeconds - askedSeconds) <= REFRESH_TOLERANCE_SECONDS ? askedSeconds : listedSeconds;
}

/** A short text of printable ASCII: longer ones, and line feeds, are trouble at some routers. */
export function descriptionOf(hostName = "", protocol: TransportProtocol, externalPort: number): string {
  const host = hostName.replace(/[^\x21-\x7e]/g, "").replace(/[<>&"']/g, "");
  const end = ` ${protocol.toUpperCase()} ${externalPort}`;
  const start = `natpmp ${host}`.slice(0, MAX_DESCRIPTION_CHARS - end.length).trimEnd();
  return `${start}${end}`;
}

/** The error when no port could be had. */
export function noPort(
  conflict: unknown,
  { protocol, externalPort, internalPort, exact, tried }: AddRequest & { readonly tried: readonly number[] },
  { effort }: { readonly effort: Effort },
): RefusedError {
  const port = tried.length === 1 ? tried[0] : externalPort ?? internalPort;
  const why = conflict instanceof Taken
    ? `: it leads to ${conflict.entry.internalClient}:${conflict.entry.internalPort}`
    : "";
  const resultCode = conflict instanceof ActionRefused ? conflict.code : FAULT.conflict;
  if (isActionFailed(conflict)) {
    const ports = `External ${protocol} ports ${tried.join(", ")}`;
    return new RefusedError(`${ports}: ${conflict.message}`, "out-of-resources", {
      resultCode,
      effort,
    });
  }
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

/** The error of a deletion that was not asked for, as the mapping leads elsewhere. */
export function foreignRefusal(
  { protocol, internalPort }: MappingKey,
  owner: TableEntry,
  options: Omit<DeletionRefusedErrorOptions, "resultCode">,
): DeletionRefusedError {
  const message = `External ${protocol} port ${owner.externalPort} leads to ` +
    `${owner.internalClient}:${owner.internalPort}, not to port ${internalPort} of this host`;
  return new DeletionRefusedError(message, "not-authorized", { resultCode: FAULT.notAuthorized, ...options });
}
