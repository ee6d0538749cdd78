import { DeletionRefusedError } from "../../errors.ts";
import { type LedgerEntry, leftMs, statusOf, toDelete } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { isSameMapping, type MappingKey, type Unmapped, type UnmapRequest } from "../../port_mapper.ts";
import type { GatewayState } from "../../state/gateway_state.ts";
import { roundMs } from "../output.ts";
import { closingText } from "../publish/lease_report.ts";
import type { MappingOutcome } from "../publish/mapping_report.ts";
import type { StatefulSession } from "../session.ts";

/** Deletes a mapping; with port 0 all of its protocol, by NAT-PMP. The state knows the external port better than the command line does. */
export async function unmapOne(
  { mapper, state, clock }: StatefulSession,
  mapping: UnmapRequest,
  signal: AbortSignal,
): Promise<Unmapped> {
  const now = state.now();
  if (mapping.internalPort !== 0) {
    const entry = state.ledger.get(mapping);
    const lease = entry && toDelete(entry, now);
    const isPortGuess = mapping.isPortGuess && lease?.externalPort === undefined;
    return await mapper.unmap({ ...mapping, ...lease, isPortGuess }, { signal });
  }
  try {
    return await mapper.unmapAll!(mapping.protocol, { signal });
  } catch (error) {
    if (!(error instanceof DeletionRefusedError)) throw error;
    const left = [...state.ledger.entries].flatMap((entry) =>
      entry.protocol === mapping.protocol && !isDeletedByName(entry) &&
        statusOf(entry, now.stored) === "held"
        ? [leftMs(entry.lease!, now.stored)!]
        : []
    );
    if (left.length === 0 || left.includes(Infinity)) throw error;
    const livesUntil = new Date(clock.wallNow().getTime() + Math.max(...left));
    const refused = new DeletionRefusedError(error.message, error.refusal, { ...error, livesUntil });
    if (error.via !== undefined) refused.via = error.via;
    throw refused;
  }
}

/** Whether no request deletes a lease together with others: those of NAT-PMP have one for all. */
export function isDeletedByName({ lease }: LedgerEntry): boolean {
  return lease?.via === "pcp" || lease?.via === "upnp";
}

/** Whether a lease may still be open at the router. */
export function mayLive(entry: LedgerEntry, now: StoredTime): boolean {
  return ["held", "unknown"].includes(statusOf(entry, now) ?? "");
}

/** Forgets a deleted mapping; with port 0, everything of the protocol that NAT-PMP deletes together. */
export function forget(state: GatewayState, mapping: MappingKey): void {
  state.forget(
    mapping.internalPort === 0
      ? (one) => one.protocol === mapping.protocol && !isDeletedByName(one)
      : (one) => isSameMapping(one, mapping),
  );
}

/** The outcome of a deletion; `forHost` is the other host that the mapping led to. */
export function describe(
  mapping: MappingKey,
  unmapped: Unmapped,
  forHost: string | undefined,
): MappingOutcome {
  const { via, closesInSeconds, attempts, elapsedMs } = unmapped;
  const name = forHost === undefined
    ? nameOf(mapping)
    : `${mapping.protocol} ${forHost}:${mapping.internalPort}`;
  return {
    mapping,
    line: `${name} unmapped${closingText(closesInSeconds)}`,
    json: { via, forHost, closesInSeconds, attempts, elapsedMs: roundMs(elapsedMs) },
  };
}

/** Names a mapping, as in `tcp 80`; with port 0, as in `tcp all`. */
export function nameOf({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort === 0 ? "all" : internalPort}`;
}
