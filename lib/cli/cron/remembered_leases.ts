import { leftMs, mappingsOf, statusOf } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { isSameMapping } from "../../port_mapper.ts";
import { mayBeOf } from "../../state/network_namespace.ts";
import type { RunKey, State } from "../../state/records.ts";
import { mappingNames } from "../mapping_names.ts";
import type { RememberedGateway } from "../messages.ts";
import { formatTime } from "../output.ts";
import { rangeFinder, type RequestedMapping } from "../wanted.ts";

/** Options of {@linkcode rememberedGateway}. */
export interface RememberedGatewayOptions {
  readonly wanted: readonly RequestedMapping[];
  readonly state: State;
  readonly key: RunKey;
  readonly now: StoredTime;
}

/**
 * The leases at a gateway that does not answer, for the message about it.
 *
 * @returns The mappings that are still open, until the first of them ends; `undefined` where it never granted anything,
 * and may not be the right one.
 */
export function rememberedGateway(
  gateway: string,
  { wanted, state, key, now }: RememberedGatewayOptions,
): RememberedGateway | undefined {
  const entries = state.gateways
    .filter((record) => record.gateway === gateway && record.host === key.host && mayBeOf(record, key))
    .flatMap((record) => record.entries);
  if (entries.every(({ lease }) => lease === undefined)) return undefined;
  const open = mappingsOf(wanted).flatMap((mapping) => {
    const entry = entries.find((one) => isSameMapping(one, mapping) && statusOf(one, now) === "held");
    return entry === undefined ? [] : [{ mapping, left: leftMs(entry.lease!, now)! }];
  });
  if (open.length === 0) return {};
  const names = mappingNames(open.map(({ mapping }) => mapping), { rangeOf: rangeFinder(wanted) });
  const stay = open.length === 1 ? "stays" : "stay";
  const first = Math.min(...open.map(({ left }) => left));
  const until = first === Infinity ? "" : ` until ${formatTime(new Date(now.wallMs + first))}`;
  return { stillOpen: `Unless the router has restarted, ${names} ${stay} open${until}` };
}
