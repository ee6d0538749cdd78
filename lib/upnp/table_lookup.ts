/**
 * One mapping in a router's table: whether it is there, and where it leads.
 *
 * @module
 */

import { getSpecificPortMappingEntry, type PortMappingKey, readSpecificEntry } from "./actions.ts";
import { ActionRefused } from "./action_refused.ts";
import { FAULT } from "./constants.ts";
import type { Igd, Operation } from "./igd.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { type Listed, listMappings } from "./table_listing.ts";
import { find, isAbsence, type Look, readable } from "./table_rules.ts";

/** Faults of a router that cannot show a mapping. */
const CANNOT_SHOW: readonly number[] = [
  FAULT.invalidAction,
  FAULT.invalidArgs,
  FAULT.actionFailed,
  FAULT.optionalActionNotImplemented,
  FAULT.notAuthorized,
];

/** What was found, and the address of this host as the router sees it. */
export interface Looked {
  readonly found: Look;
  readonly localAddress: string;
}

/** Several looks in one operation. */
export interface Looking {
  readonly operation: Operation;
  /** The whole table, where the router shows it and not its entries; `undefined` until it is needed. */
  table?: Listed | "unknown" | undefined;
}

/** Looks a mapping up. The address of this host comes with every answer, a fault included. */
export async function look(igd: Igd, key: PortMappingKey, operation: Operation): Promise<Looked> {
  try {
    const answered = await igd.call(getSpecificPortMappingEntry(key), operation);
    const entry = readable(() => ({ remoteHost: "", ...key, ...readSpecificEntry(answered.values) }));
    return { found: entry ?? "unknown", localAddress: answered.localAddress };
  } catch (error) {
    if (!(error instanceof ActionRefused) || error.isHttp) throw error;
    const { code, localAddress } = error;
    if (isAbsence(error)) return { found: "absent", localAddress };
    if (CANNOT_SHOW.includes(code)) return { found: "unknown", localAddress };
    throw error;
  }
}

/** Looks before something is changed: where the router does not show one mapping, in all of them. */
export async function lookFirst(igd: Igd, key: PortMappingKey, looking: Looking): Promise<Looked> {
  const looked = await look(igd, key, looking.operation);
  if (looked.found !== "unknown") return looked;
  looking.table ??= await listMappings(igd, looking.operation).catch((error) => {
    if (!isUnlisted(error)) throw error;
    return "unknown" as const;
  });
  if (looking.table === "unknown") return looked;
  // An entry that is not listed may be there all the same.
  return { ...looked, found: find(looking.table.entries, key) ?? "unknown" };
}

/** Looks into the whole table. A mapping is absent too where the router does not list them. */
export async function lookInList(igd: Igd, key: PortMappingKey, operation: Operation): Promise<Look> {
  try {
    return find((await listMappings(igd, operation)).entries, key) ?? "absent";
  } catch (error) {
    if (!isUnlisted(error)) throw error;
    return "absent";
  }
}

function isUnlisted(error: unknown): boolean {
  return error instanceof ActionRefused || error instanceof MalformedDocumentError;
}
