/**
 * `natpmp unmap --all` over UPnP, which has no request for all: the router lists its table, and each entry of this host is
 * deleted.
 *
 * @module
 */

import {
  isSameMapping,
  type ListedMapping,
  type MappingKey,
  type TransportProtocol,
} from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import type { MappingOutcome } from "../publish/mapping_report.ts";
import { type StatefulSession, stopsCommand } from "../session.ts";
import { describe, mayLive } from "./unmap_one.ts";

/** A mapping at the router, which names it by its external port. */
interface Target extends MappingKey {
  readonly externalPort: number;
}

/** Deletes every mapping of this host in the router's table, and those that the state knows where it does not list them. */
export async function unmapListed(
  context: CommandContext,
  session: StatefulSession,
  protocols: readonly TransportProtocol[],
): Promise<readonly MappingOutcome[]> {
  const { output, world: { signal } } = context;
  let listed: readonly ListedMapping[] = [];
  let failed: readonly MappingOutcome[] = [];
  try {
    ({ mappings: listed } = await session.mapper.list!({ signal }));
  } catch (error) {
    failed = protocols.map((protocol) => ({ mapping: { protocol, internalPort: 0 }, error }));
    if (stopsCommand(error)) return failed;
  }
  const targets = [...ownTargets(session, listed), ...unlistedTargets(session, listed)]
    .filter(({ protocol }) => protocols.includes(protocol));
  if (targets.length === 0 && failed.length === 0) output.note("The router lists no mapping of this host");
  const outcomes = await unmapEach(context, session, targets);
  if (failed.length === 0) forgetOver(session, protocols, outcomes);
  return [...outcomes, ...failed];
}

/** The entries of this host. */
function ownTargets({ state }: StatefulSession, listed: readonly ListedMapping[]): readonly Target[] {
  return listed.filter(({ isOwn }) => isOwn).map(({ protocol, externalPort, internalPort }) => {
    const known = [...state.ledger.entries].find((entry) =>
      entry.protocol === protocol && entry.lease?.externalPort === externalPort
    );
    // miniupnpd 2.3.7 lists internal port 0 for what works.
    return { protocol, externalPort, internalPort: internalPort || (known?.internalPort ?? externalPort) };
  });
}

/** The leases of UPnP that the state knows and the router does not list, as some do with what works. */
function unlistedTargets({ state }: StatefulSession, listed: readonly ListedMapping[]): readonly Target[] {
  const { stored } = state.now();
  return [...state.ledger.entries].flatMap((entry) => {
    const { protocol, internalPort, lease } = entry;
    if (lease?.via !== "upnp" || !mayLive(entry, stored)) return [];
    const { externalPort } = lease;
    const isListed = listed.some((one) => one.protocol === protocol && one.externalPort === externalPort);
    return isListed ? [] : [{ protocol, internalPort, externalPort }];
  });
}

async function unmapEach(
  { world: { signal } }: CommandContext,
  { mapper, state }: StatefulSession,
  targets: readonly Target[],
): Promise<readonly MappingOutcome[]> {
  const outcomes: MappingOutcome[] = [];
  let stop: { readonly error: unknown } | undefined;
  for (const { protocol, internalPort, externalPort } of targets) {
    const mapping = { protocol, internalPort };
    try {
      if (stop !== undefined) throw stop.error;
      const { line, json } = describe(
        mapping,
        await mapper.unmap({ ...mapping, externalPort }, { signal }),
        undefined,
      );
      state.forget((one) => isSameMapping(one, mapping) && one.lease?.externalPort === externalPort);
      outcomes.push({ mapping, line: `${line} (external ${externalPort})`, json: { externalPort, ...json } });
    } catch (error) {
      outcomes.push({ mapping, json: { externalPort }, error });
      if (stopsCommand(error)) stop = { error };
    }
  }
  return outcomes;
}

/** Forgets leases of UPnP that are over: they expired, or their ports are others' now. */
function forgetOver(
  { state }: StatefulSession,
  protocols: readonly TransportProtocol[],
  outcomes: readonly MappingOutcome[],
): void {
  const left = outcomes.flatMap((outcome) => "error" in outcome ? [outcome.mapping] : []);
  state.forget((entry) =>
    entry.lease?.via === "upnp" && protocols.includes(entry.protocol) &&
    !left.some((mapping) => isSameMapping(mapping, entry))
  );
}
