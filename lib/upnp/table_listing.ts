/**
 * The whole table of a router: at once, where it has that action, else entry by entry.
 *
 * @module
 */

import type { ListedMapping, TransportProtocol } from "../port_mapper.ts";
import {
  getGenericPortMappingEntry,
  getListOfPortMappings,
  readGenericEntry,
  readPortListing,
} from "./actions.ts";
import { ActionRefused } from "./action_refused.ts";
import { FAULT, MAX_LISTED } from "./constants.ts";
import type { Igd, Operation } from "./igd.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { isAbsence, isVersion2, readable, type TableEntry } from "./table_rules.ts";

/** A whole table, and this host's address as the router sees it. */
export interface Listed {
  readonly entries: readonly TableEntry[];
  readonly localAddress: string | undefined;
}

const PROTOCOLS: readonly TransportProtocol[] = ["tcp", "udp"];

/** Lists the table. */
export async function listMappings(igd: Igd, operation: Operation): Promise<Listed> {
  const { serviceType } = await igd.find(operation);
  const listed = isVersion2(serviceType) ? await listAtOnce(igd, operation) : undefined;
  return listed ?? await listOneByOne(igd, operation);
}

/** Lists the table with one request for each protocol; `undefined` where the router does not do that. */
export async function listAtOnce(igd: Igd, operation: Operation): Promise<Listed | undefined> {
  const entries: TableEntry[] = [];
  let localAddress: string | undefined;
  for (const protocol of PROTOCOLS) {
    try {
      const answered = await igd.call(
        getListOfPortMappings({ protocol, count: MAX_LISTED }),
        operation,
      );
      localAddress = answered.localAddress;
      entries.push(...readPortListing(answered.values).entries.filter(hasPort));
    } catch (error) {
      // An empty list is a fault at many routers.
      if (isAbsence(error)) continue;
      if (error instanceof ActionRefused || error instanceof MalformedDocumentError) return undefined;
      throw error;
    }
  }
  // Some routers list nothing at once, and all one by one.
  return localAddress === undefined ? undefined : { entries: entries.slice(0, MAX_LISTED), localAddress };
}

/** By index, from 0 on, or from 1 where there is no 0; until the router has no more, or begins again. */
async function listOneByOne(igd: Igd, operation: Operation): Promise<Listed> {
  const entries = new Map<string, TableEntry>();
  let localAddress: string | undefined;
  for (let index = 0; index < MAX_LISTED; index++) {
    try {
      const answered = await igd.call(getGenericPortMappingEntry(index), operation);
      localAddress = answered.localAddress;
      const entry = readable(() => readGenericEntry(answered.values));
      if (entry === undefined || !hasPort(entry)) continue;
      const name = `${entry.protocol} ${entry.externalPort} ${entry.remoteHost}`;
      if (entries.has(name)) break;
      entries.set(name, entry);
    } catch (error) {
      if (!(error instanceof ActionRefused) && !(error instanceof MalformedDocumentError)) throw error;
      if (index > 0) break;
      const isFault = error instanceof ActionRefused && !error.isHttp;
      if (!isFault || error.code === FAULT.invalidAction) throw error;
      localAddress = error.localAddress;
    }
  }
  return { entries: [...entries.values()], localAddress };
}

/** RouterOS begins its list with an entry that has no port. */
function hasPort({ externalPort }: TableEntry): boolean {
  return externalPort !== 0;
}

/** An entry as every protocol would list it. `localAddress` is this host's, as the router sees it. */
export function listedMapping(entry: TableEntry, localAddress: string | undefined): ListedMapping {
  const { protocol, externalPort, internalClient, internalPort, leaseSeconds, isEnabled, description } =
    entry;
  return {
    protocol,
    externalPort,
    internalClient,
    internalPort,
    secondsLeft: leaseSeconds === 0 ? "permanent" : leaseSeconds,
    isEnabled,
    description,
    isOwn: internalClient === localAddress,
  };
}
