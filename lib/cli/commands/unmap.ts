import type { HeldLease, WantedMapping } from "../../lease/ledger.ts";
import { isSameMapping, type MappingKey, type UnmapRequest } from "../../port_mapper.ts";
import type { GatewayState } from "../../state/gateway_state.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import type { Config } from "../config/config.ts";
import { configured } from "../config/configured.ts";
import { commandHint } from "../messages.ts";
import { openGatewayState } from "../open_state.ts";
import { type MappingOutcome, reportMappings } from "../publish/mapping_report.ts";
import { openStatefulSession, readForHost, readVia, type StatefulSession, stopsCommand } from "../session.ts";
import { asRange, expandSpec, protocolsOfFlags } from "../specs.ts";
import { describe, forget, mayLive, nameOf, unmapOne } from "../unmap/unmap_one.ts";
import { UsageError } from "../usage_error.ts";
import { readSpecs, readWanted, type RequestedMapping, type SpecFinder, specFinder } from "../wanted.ts";

/** `natpmp unmap`: deletes mappings, by spec, those of a configuration file, or all of this host's. */
export async function unmap(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output } = context;
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

  const outcomes = isAll
    ? await unmapEverything(context, session, deletable)
    : await unmapEach(context, session, deletable);
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

/** Deletes all mappings of this host of the protocols of `all`. */
async function unmapEverything(
  context: CommandContext,
  session: StatefulSession,
  all: readonly UnmapRequest[],
): Promise<readonly MappingOutcome[]> {
  const protocols = all.map(({ protocol }) => protocol);
  if (readVia(context.line) === "upnp") {
    const { unmapListed } = await import("../unmap/unmap_listed.ts");
    return await unmapListed(context, session, protocols);
  }
  const { unmapAll } = await import("../unmap/unmap_all.ts");
  return await unmapAll(context, session, protocols);
}

async function unmapEach(
  { line, world: { signal } }: CommandContext,
  session: StatefulSession,
  mappings: readonly UnmapRequest[],
): Promise<readonly MappingOutcome[]> {
  const outcomes: MappingOutcome[] = [];
  const forHost = readForHost(line);
  let stop: { readonly error: unknown } | undefined;
  for (const mapping of mappings) {
    try {
      if (stop !== undefined) throw stop.error;
      const unmapped = await unmapOne(session, { ...mapping, force: line.has("force") }, signal);
      forget(session.state, mapping);
      outcomes.push(describe(mapping, unmapped, forHost));
    } catch (error) {
      outcomes.push({ mapping, error });
      if (stopsCommand(error)) stop = { error };
    }
  }
  return outcomes;
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
      protocols.map((protocol) => ({
        protocol,
        internalPort,
        externalPort,
        isPortGuess: externalPort === internalPort,
      }))
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
