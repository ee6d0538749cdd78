import { isUnsuitable, PCP_VERSION } from "../../backends.ts";
import { DeletionRefusedError, NotSupportedError } from "../../errors.ts";
import {
  type HeldLease,
  type LedgerEntry,
  leftMs,
  statusOf,
  toDelete,
  type WantedMapping,
} from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { isSameMapping, type MappingKey, type Unmapped, type UnmapRequest } from "../../port_mapper.ts";
import type { GatewayState } from "../../state/gateway_state.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import type { Config } from "../config/config.ts";
import { configured } from "../config/configured.ts";
import { commandHint } from "../messages.ts";
import { openGatewayState } from "../open_state.ts";
import { roundMs } from "../output.ts";
import { closingText } from "../publish/lease_report.ts";
import { type MappingOutcome, reportMappings } from "../publish/mapping_report.ts";
import { openStatefulSession, readForHost, readVia, type StatefulSession, stopsCommand } from "../session.ts";
import { asRange, expandSpec, protocolsOfFlags } from "../specs.ts";
import { UsageError } from "../usage_error.ts";
import { readSpecs, readWanted, type RequestedMapping, type SpecFinder, specFinder } from "../wanted.ts";

/** `natpmp unmap`: deletes mappings, by spec, those of a configuration file, or all of this host's. */
export async function unmap(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  const { keys, specOf, wanted, note } = readKeys(line, config);
  const isAll = line.has("all");
  const deletable = keys.filter(({ internalPort }) => internalPort !== 0 || isAll);
  if (deletable.length < keys.length) {
    output.warn(
      "NAT-PMP cannot delete mappings of internal port 0 one by one: they stay until their lifetimes end",
    );
  }
  if (deletable.length === 0) {
    output.json({ command: "unmap", mappings: [] });
    return 0;
  }
  const session = await openStatefulSession(context, { openState: openGatewayState });
  const { state } = session;
  if (note !== undefined) output.note(note);
  if (state.isRemembered) await warnOfMistakes(context, state, { keys: deletable, specOf });

  const outcomes: MappingOutcome[] = [];
  let stop: { readonly error: unknown } | undefined;
  const forHost = readForHost(line);
  const isOnlyPcp = readVia(line) === "pcp" || forHost !== undefined;
  if (isAll && isOnlyPcp) output.warn(ONLY_KNOWN);
  for (const mapping of isAll ? everything(state, deletable, { isOnlyPcp }) : deletable) {
    try {
      if (stop !== undefined) throw stop.error;
      const unmapped = await unmapOne(session, { ...mapping, force: line.has("force") }, world.signal);
      forget(state, mapping);
      outcomes.push(describe(mapping, unmapped, forHost));
    } catch (error) {
      if (isAllOfNone(state, mapping, error)) {
        output.warn(ONLY_KNOWN);
        continue;
      }
      outcomes.push({ mapping, error });
      // With --all, what one protocol cannot delete another one may.
      if (stopsCommand(error) && !(isAll && isUnsuitable(error))) stop = { error };
    }
  }
  await state.save();
  const report = () =>
    reportMappings(output, outcomes, {
      command: "unmap",
      gateway: session.gateway,
      nameOf,
      line,
      specOf,
    });
  if (wanted.every(({ exec, portFile }) => exec === undefined && portFile === undefined)) {
    return await report();
  }
  const { publishUnmap } = await import("../publish/unmap_publisher.ts");
  return await publishUnmap(context, session, { wanted, outcomes, report });
}

const ONLY_KNOWN =
  "Over PCP, natpmp can delete only the mappings that it knows: any other one stays until its lifetime ends";

/** The mappings that `--all` deletes: those of PCP one by one, and with port 0 all others, which NAT-PMP can delete. */
function everything(
  state: GatewayState,
  all: readonly UnmapRequest[],
  { isOnlyPcp }: { readonly isOnlyPcp: boolean },
): readonly UnmapRequest[] {
  const { stored } = state.now();
  const known = [...state.ledger.entries].filter((entry) =>
    isOfPcp(entry) && mayLive(entry, stored) && all.some(({ protocol }) => protocol === entry.protocol)
  );
  return [...known, ...(isOnlyPcp ? [] : all)];
}

function isOfPcp({ lease }: LedgerEntry): boolean {
  return lease?.via === "pcp";
}

function mayLive(entry: LedgerEntry, now: StoredTime): boolean {
  return ["held", "unknown"].includes(statusOf(entry, now) ?? "");
}

/** Whether NAT-PMP is not spoken and has nothing that it could delete, as at a router that speaks only PCP. */
function isAllOfNone(state: GatewayState, { protocol, internalPort }: MappingKey, error: unknown): boolean {
  if (internalPort !== 0 || !(error instanceof NotSupportedError) || error.version !== PCP_VERSION) {
    return false;
  }
  const { stored } = state.now();
  return ![...state.ledger.entries].some((entry) =>
    entry.protocol === protocol && !isOfPcp(entry) && mayLive(entry, stored)
  );
}

/** Forgets a deleted mapping; with port 0, everything of the protocol that is not of PCP. */
function forget(state: GatewayState, mapping: MappingKey): void {
  state.forget(
    mapping.internalPort === 0
      ? (one) => one.protocol === mapping.protocol && !isOfPcp(one)
      : (one) => isSameMapping(one, mapping),
  );
}

/** The mappings to delete. */
interface Keys {
  readonly keys: readonly UnmapRequest[];
  readonly specOf: SpecFinder;
}

interface Asked extends Keys {
  /** The mappings of the configuration file, and who is to hear of them. */
  readonly wanted: readonly RequestedMapping[];
  readonly note?: string;
}

function readKeys(line: CommandLine, config: Config | undefined): Asked {
  if (line.has("all")) {
    const beside = config === undefined ? line.operands.map((operand) => `"${operand}"`) : ["--config"];
    if (beside[0] !== undefined) {
      throw new UsageError(`Option --all deletes everything: leave out ${beside[0]}`);
    }
    const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
    const protocols = protocolsOfFlags(flags) ?? ["tcp", "udp"];
    return {
      keys: protocols.map((protocol) => ({ protocol, internalPort: 0 })),
      specOf: () => undefined,
      wanted: [],
    };
  }
  const requestsOf = (specs: readonly WantedMapping[]) =>
    specs.flatMap(({ protocols, internalPort, externalPort }) =>
      protocols.map((protocol) => ({ protocol, internalPort, externalPort }))
    );
  if (config !== undefined) {
    const { wanted } = readWanted(line, config);
    return { keys: requestsOf(wanted), specOf: specFinder(wanted), wanted };
  }
  const { specs, ...note } = readSpecs(line, config, { allowPortZero: false });
  return { keys: requestsOf(specs.flatMap(expandSpec)), specOf: specFinder(specs), wanted: [], ...note };
}

/** Deleting a missing mapping succeeds, so only the state can show that the user meant another one. */
async function warnOfMistakes(
  context: CommandContext,
  state: GatewayState,
  { keys, specOf }: Keys,
): Promise<void> {
  const { world } = context;
  const { watches, entries } = state.record;
  const { stored } = state.now();
  // An expired lease is not mapped any more, so nobody can mean it.
  const leases = entries.flatMap((entry) =>
    entry.lease !== undefined && mayLive(entry, stored) ? [entry.lease] : []
  );
  const { findRunningWatch } = await import("../../state/running_watch.ts");
  const { state: { files } } = await world.files();
  const isAll = keys.some(({ internalPort }) => internalPort === 0);
  const kept = watches.flatMap(({ mappings }) => mappings);
  const meant = isAll ? kept.filter(({ protocol }) => keys.some((key) => key.protocol === protocol)) : keys;
  const keptBy = new Map<string, MappingKey[]>();
  for (const mapping of meant) {
    const watch = await findRunningWatch(files, watches, [mapping]);
    if (watch === undefined) continue;
    const process = watch.holder === undefined ? "Another process" : `Another process (${watch.holder})`;
    keptBy.set(process, [...keptBy.get(process) ?? [], mapping]);
  }
  if (keptBy.size > 0) await warnOfWatches(context, keptBy, specOf);
  if (!isAll) await warnOfOthersMeant(context, { keys, specOf, leases });
}

async function warnOfWatches(
  { output }: CommandContext,
  keptBy: ReadonlyMap<string, readonly MappingKey[]>,
  specOf: SpecFinder,
): Promise<void> {
  const { mappingNames } = await import("../mapping_names.ts");
  const rangeOf = (mapping: MappingKey) => asRange(specOf(mapping));
  for (const [process, mappings] of keptBy) {
    const [them, its] = mappings.length === 1 ? ["it", "its"] : ["them", "their"];
    output.warn(
      `${process} keeps ${
        mappingNames(mappings, { nameOf, rangeOf })
      } and maps ${them} again at ${its} next renewal: ` +
        `to delete ${them} for good, stop that process`,
    );
  }
}

/** Names the leases that were probably meant in place of what is not mapped, those of a range together. */
async function warnOfOthersMeant(
  { line, output }: CommandContext,
  { keys, specOf, leases }: Keys & { readonly leases: readonly HeldLease[] },
): Promise<void> {
  const mistakes = keys.flatMap((key) => {
    if (leases.some((lease) => isSameMapping(lease, key))) return [];
    const { protocol, internalPort } = key;
    const probable = leases.find((lease) =>
      lease.protocol === protocol && lease.externalPort === internalPort
    ) ?? leases.find((lease) => lease.protocol !== protocol && lease.internalPort === internalPort);
    const isMeantToo = probable === undefined || keys.some((other) => isSameMapping(other, probable));
    return isMeantToo ? [] : [{ key, probable }];
  });
  if (mistakes.length === 0) return;
  const { mappingNames, mappingSpecs, portNames } = await import("../mapping_names.ts");
  for (const group of Map.groupBy(mistakes, ({ key }) => asRange(specOf(key)) ?? key).values()) {
    const meant = group.map(({ probable }) => probable);
    const naming = { nameOf, rangeOf: () => group };
    const at = group.length === 1 ? "at external port" : "at external ports";
    output.warn(
      `This host did not map ${mappingNames(group.map(({ key }) => key), naming)}, but it mapped ` +
        `${mappingNames(meant, naming)} ${at} ${portNames(meant.map(({ externalPort }) => externalPort))}: ` +
        `to unmap that, run ${commandHint(line, "unmap", mappingSpecs(meant))}`,
    );
  }
}

/** The state knows the external port better than the command line does. */
async function unmapOne(
  { mapper, state, clock }: StatefulSession,
  mapping: UnmapRequest,
  signal: AbortSignal,
): Promise<Unmapped> {
  const now = state.now();
  if (mapping.internalPort !== 0) {
    const entry = state.ledger.get(mapping);
    return await mapper.unmap({ ...mapping, ...(entry && toDelete(entry, now)) }, { signal });
  }
  try {
    return await mapper.unmapAll!(mapping.protocol, { signal });
  } catch (error) {
    if (!(error instanceof DeletionRefusedError)) throw error;
    const left = [...state.ledger.entries].flatMap((entry) =>
      entry.protocol === mapping.protocol && !isOfPcp(entry) && statusOf(entry, now.stored) === "held"
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

function describe(
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

function nameOf({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort === 0 ? "all" : internalPort}`;
}
