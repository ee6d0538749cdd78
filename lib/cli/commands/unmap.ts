import type { MappingWish } from "../../lease/acquire.ts";
import { DeletionRefusedError } from "../../errors.ts";
import { isSameMapping, type StoredLease } from "../../lease/state.ts";
import type { MappingKey, Unmapped, UnmapRequest } from "../../port_mapper.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import type { Config } from "../config/config.ts";
import { configured } from "../config/configured.ts";
import { type MappingOutcome, reportMappings } from "../mapping_report.ts";
import { commandHint } from "../messages.ts";
import { roundMs } from "../output.ts";
import { endsSession, openSession, type Session } from "../session.ts";
import { asRange, expandSpec, protocolsOfFlags } from "../specs.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { openBook } from "../state/open_book.ts";
import { UsageError } from "../usage_error.ts";
import { readSpecs, readWishes, type SpecFinder, specFinder, type Wish } from "../wishes.ts";

/** `natpmp unmap`: deletes mappings, by spec, those of a configuration file, or all of this host's. */
export async function unmap(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  const { keys, specOf, wishes, note } = readKeys(line, config);
  // Only a configuration file can have port 0, and the packet that deletes it would delete everything.
  const deletable = keys.filter(({ internalPort }) => internalPort !== 0 || line.has("all"));
  if (deletable.length < keys.length) {
    output.warn("Mappings of internal port 0 cannot be deleted one by one: they expire");
  }
  if (deletable.length === 0) {
    output.json({ command: "unmap", mappings: [] });
    return 0;
  }
  const session = await openSession(context, { remember: openBook });
  if (note !== undefined) output.note(note);
  if (session.book !== undefined) await warnOfMistakes(context, session.book, { keys: deletable, specOf });

  const outcomes: MappingOutcome[] = [];
  let lastWord: { readonly error: unknown } | undefined;
  for (const mapping of deletable) {
    try {
      if (lastWord !== undefined) throw lastWord.error;
      const unmapped = await unmapOne(session, mapping, { isAll: line.has("all"), signal: world.signal });
      session.book?.noteDeletion(mapping);
      outcomes.push(describe(mapping, unmapped));
    } catch (error) {
      outcomes.push({ mapping, error });
      if (endsSession(error)) lastWord = { error };
    }
  }
  await session.book?.save({});
  const report = () =>
    reportMappings(output, outcomes, {
      command: "unmap",
      gateway: session.gateway,
      nameOf,
      line,
      specOf,
    });
  if (wishes.every(({ exec, portFile }) => exec === undefined && portFile === undefined)) {
    return await report();
  }
  const { tellOthers } = await import("../watch/after_unmap.ts");
  return await tellOthers(context, session, { wishes, outcomes, report });
}

/** What is to be deleted. */
interface Keys {
  readonly keys: readonly UnmapRequest[];
  readonly specOf: SpecFinder;
}

interface Asked extends Keys {
  /** The mappings of the configuration file, and who is to hear of them. */
  readonly wishes: readonly Wish[];
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
      wishes: [],
    };
  }
  const requestsOf = (specs: readonly MappingWish[]) =>
    specs.flatMap(({ protocols, internalPort, externalPort }) =>
      protocols.map((protocol) => ({ protocol, internalPort, externalPort }))
    );
  if (config !== undefined) {
    const { wishes } = readWishes(line, config);
    return { keys: requestsOf(wishes), specOf: specFinder(wishes), wishes };
  }
  const { specs, ...note } = readSpecs(line, config, { allowPortZero: false });
  return { keys: requestsOf(specs.flatMap(expandSpec)), specOf: specFinder(specs), wishes: [], ...note };
}

/** Deleting what is not there succeeds, so only the state can tell that something else was meant. */
async function warnOfMistakes(
  context: CommandContext,
  book: LeaseBook,
  { keys, specOf }: Keys,
): Promise<void> {
  const { world } = context;
  const { keepers } = book.known;
  // What is over is mapped no more, so nobody can have meant it.
  const leases = book.known.leases.filter((lease) => book.mayLive(lease));
  const { livingKeeper } = await import("../../lease/living_keeper.ts");
  const { files } = await world.stateHome();
  const isAll = keys.some(({ internalPort }) => internalPort === 0);
  const kept = keepers.flatMap(({ mappings }) => mappings);
  const meant = isAll ? kept.filter(({ protocol }) => keys.some((key) => key.protocol === protocol)) : keys;
  const keptBy = new Map<string, MappingKey[]>();
  for (const mapping of meant) {
    const keeper = await livingKeeper(files, keepers, [mapping]);
    if (keeper === undefined) continue;
    const process = keeper.holder === undefined ? "another process" : `another process (${keeper.holder})`;
    keptBy.set(process, [...keptBy.get(process) ?? [], mapping]);
  }
  if (keptBy.size > 0) await warnOfKeepers(context, keptBy, specOf);
  if (!isAll) await warnOfOthersMeant(context, { keys, specOf, leases });
}

async function warnOfKeepers(
  { output }: CommandContext,
  keptBy: ReadonlyMap<string, readonly MappingKey[]>,
  specOf: SpecFinder,
): Promise<void> {
  const { mappingNames } = await import("../mapping_names.ts");
  const rangeOf = (mapping: MappingKey) => asRange(specOf(mapping));
  for (const [process, mappings] of keptBy) {
    const [are, them, what] = mappings.length === 1 ? ["is", "it", "mapping"] : ["are", "them", "mappings"];
    output.warn(
      `${
        mappingNames(mappings, { nameOf, rangeOf })
      } ${are} kept by ${process}, which will map ${them} again: ` +
        `stop that one to be rid of the ${what}`,
    );
  }
}

/** Names the leases that were probably meant in place of what is not mapped, those of a range together. */
async function warnOfOthersMeant(
  { line, output }: CommandContext,
  { keys, specOf, leases }: Keys & { readonly leases: readonly StoredLease[] },
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
    const are = group.length === 1 ? "is, at external port" : "are, at external ports";
    output.warn(
      `No ${mappingNames(group.map(({ key }) => key), naming)} was mapped from here, but ` +
        `${mappingNames(meant, naming)} ${are} ${
          portNames(meant.map(({ externalPort }) => externalPort))
        }: ` +
        `if that was meant, ${commandHint(line, "unmap", mappingSpecs(meant))}`,
    );
  }
}

interface UnmapOneOptions {
  readonly isAll: boolean;
  readonly signal: AbortSignal;
}

/** The state knows the external port better than the command line does. */
async function unmapOne(
  { mapper, book, clock }: Session,
  mapping: UnmapRequest,
  options: UnmapOneOptions,
): Promise<Unmapped> {
  const { isAll, signal } = options;
  if (!isAll) return await mapper.unmap({ ...mapping, ...book?.toDelete(mapping) }, { signal });
  try {
    return await mapper.unmapAll(mapping.protocol, { signal });
  } catch (error) {
    if (!(error instanceof DeletionRefusedError)) throw error;
    const leftMs = (book?.known.leases ?? []).flatMap((lease) =>
      lease.protocol === mapping.protocol && book!.isAlive(lease) ? [book!.leftMs(lease)!] : []
    );
    if (leftMs.length === 0) throw error;
    const livesUntil = new Date(clock.wallNow().getTime() + Math.max(...leftMs));
    throw new DeletionRefusedError(error.message, error.refusal, { ...error, livesUntil });
  }
}

function describe(mapping: MappingKey, { attempts, elapsedMs }: Unmapped): MappingOutcome {
  return { mapping, line: `${nameOf(mapping)} unmapped`, json: { attempts, elapsedMs: roundMs(elapsedMs) } };
}

function nameOf({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort === 0 ? "all" : internalPort}`;
}
