import {
  endReported,
  type HeldLease,
  isReported,
  type LedgerEntry,
  mappingsOf,
  statusOf,
} from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { isSameMapping, type MappingKey, mappingName } from "../../port_mapper.ts";
import { mayBeOf } from "../../state/network_namespace.ts";
import { type GatewayRecord, type RunKey, type State, withRecord } from "../../state/records.ts";
import type { CommandContext } from "../command.ts";
import { expiredLine } from "../publish/lease_report.ts";
import { type EndedMapping, runHooks, writePortFiles } from "../publish/run_publisher.ts";
import type { RequestedMapping } from "../wanted.ts";
import type { ReportedCauses } from "./reported_causes.ts";

/** Options of {@linkcode publishEnds}. */
export interface PublishEndsOptions {
  readonly wanted: readonly RequestedMapping[];
  readonly state: State;
  /** The run that the leases are looked up for. */
  readonly key: RunKey;
  readonly now: StoredTime;
  readonly reported: ReportedCauses;
}

/** The ends that {@linkcode publishEnds} published. */
export interface PublishedEnds {
  /** The mappings whose ends were printed. */
  readonly printed: readonly MappingKey[];
  /** The change of the state that remembers this; absent when nothing changes. */
  readonly remember?: ((state: State) => State) | undefined;
}

interface Ended {
  readonly record: GatewayRecord;
  readonly entry: LedgerEntry & { readonly lease: HeldLease };
}

/** Whether the end of a lease is to be printed: until its hook succeeds, later runs find that end again. */
export function isEndNews(reported: ReportedCauses, lease: HeldLease): boolean {
  return reported.isNews(`expired: ${mappingName(lease)} ${lease.granted.wallMs}`);
}

/**
 * Leases also run out while no gateway can be asked: a line is printed, port files lose their ports, and hooks hear of
 * it.
 */
export async function publishEnds(
  context: CommandContext,
  { wanted, state, key, now, reported }: PublishEndsOptions,
): Promise<PublishedEnds> {
  const records = state.gateways.filter((record) => record.host === key.host && mayBeOf(record, key));
  const held: Ended[] = [];
  const over: Ended[] = [];
  for (const mapping of mappingsOf(wanted)) {
    const known = records.flatMap((record): Ended[] => {
      const entry = record.entries.find((entry) => isSameMapping(entry, mapping));
      return entry?.lease === undefined ? [] : [{ record, entry: { ...entry, lease: entry.lease } }];
    });
    const living = known.find(({ entry }) => ["held", "unknown"].includes(statusOf(entry, now)!));
    if (living !== undefined) held.push(living);
    else if (known.length > 0) over.push(known.at(-1)!);
  }
  await writePortFiles(context, {
    wanted,
    held: held.map(({ entry: { lease } }) => lease),
    over: over.map(({ entry }) => entry),
  });
  let remember: ((state: State) => State) | undefined;
  const unreported = over.filter(({ entry }) => isReported(entry));
  const printed = unreported.flatMap(({ entry: { lease } }) => isEndNews(reported, lease) ? [lease] : []);
  for (const lease of printed) context.output.result(expiredLine(lease, lease.externalPort));
  for (const [record, ends] of Map.groupBy(unreported, ({ record }) => record)) {
    const { gateway, externalAddress } = record;
    const ended = ends.map(({ entry }): EndedMapping => ({
      type: "expired",
      protocol: entry.protocol,
      internalPort: entry.internalPort,
      via: entry.lease.via,
      externalPort: entry.lease.externalPort,
      hookPending: entry.hookPending,
    }));
    const failed = await runHooks(context, { gateway, externalAddress, wanted, ended });
    const before = remember ?? ((state) => state);
    remember = (state) =>
      withRecord(before(state), record, (known) => ({
        ...known,
        entries: known.entries.map((entry) => {
          const end = ends.find((one) => isSameMapping(one.entry, entry));
          // It may have been granted again meanwhile.
          if (end === undefined || entry.lease?.granted.wallMs !== end.entry.lease.granted.wallMs) {
            return entry;
          }
          return failed.some((mapping) => isSameMapping(mapping, entry))
            ? { ...entry, hookPending: true }
            : endReported(entry);
        }),
      }));
  }
  return { printed, remember };
}
