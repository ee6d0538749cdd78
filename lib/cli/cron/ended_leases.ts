import { endReported, isReported, type LedgerEntry, mappingsOf, statusOf } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { isSameMapping } from "../../port_mapper.ts";
import { mayBeOf } from "../../state/network_namespace.ts";
import { type GatewayRecord, type RunKey, type State, withRecord } from "../../state/records.ts";
import type { CommandContext } from "../command.ts";
import { type EndedMapping, runHooks, writePortFiles } from "../publish/run_publisher.ts";
import type { RequestedMapping } from "../wanted.ts";

/** Options of {@linkcode publishEnds}. */
export interface PublishEndsOptions {
  readonly wanted: readonly RequestedMapping[];
  readonly state: State;
  /** The run that the leases are looked up for. */
  readonly key: RunKey;
  readonly now: StoredTime;
}

interface Ended {
  readonly record: GatewayRecord;
  readonly entry: LedgerEntry & { readonly lease: NonNullable<LedgerEntry["lease"]> };
}

/**
 * Leases also run out while no gateway can be asked: port files lose their ports, and hooks hear of it.
 *
 * @returns The change of the state that remembers this; `undefined` when nothing changes.
 */
export async function publishEnds(
  context: CommandContext,
  { wanted, state, key, now }: PublishEndsOptions,
): Promise<((state: State) => State) | undefined> {
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
  return remember;
}
