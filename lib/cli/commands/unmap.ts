import type { MappingWish } from "../../lease/acquire.ts";
import { isSameMapping } from "../../lease/state.ts";
import { DeletionRefusedError } from "../../errors.ts";
import type { MappingKey, Unmapped, UnmapRequest } from "../../port_mapper.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import type { Config } from "../config/config.ts";
import { configured } from "../config/configured.ts";
import { type MappingOutcome, reportMappings } from "../mapping_report.ts";
import { roundMs } from "../output.ts";
import { endsSession, openSession, type Session } from "../session.ts";
import { protocolsOfFlags } from "../specs.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { openBook } from "../state/open_book.ts";
import { UsageError } from "../usage_error.ts";
import { readSpecs, readWishes, type Wish } from "../wishes.ts";

/** `natpmp unmap`: deletes mappings, by spec, those of a configuration file, or all of this host's. */
export async function unmap(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  const { keys, wishes, note } = readKeys(line, config);
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
  if (session.book !== undefined) await warnOfMistakes(context, session.book, deletable);

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
    reportMappings(output, outcomes, { command: "unmap", gateway: session.gateway, nameOf });
  if (wishes.every(({ exec, portFile }) => exec === undefined && portFile === undefined)) {
    return await report();
  }
  const { tellOthers } = await import("../watch/after_unmap.ts");
  return await tellOthers(context, session, { wishes, outcomes, report });
}

interface Keys {
  readonly keys: readonly UnmapRequest[];
  /** The mappings of the configuration file, and who is to hear of them. */
  readonly wishes: readonly Wish[];
  readonly note?: string;
}

function readKeys(line: CommandLine, config: Config | undefined): Keys {
  if (line.has("all")) {
    const beside = config === undefined ? line.operands.map((operand) => `"${operand}"`) : ["--config"];
    if (beside[0] !== undefined) {
      throw new UsageError(`Option --all deletes everything: leave out ${beside[0]}`);
    }
    const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
    const protocols = protocolsOfFlags(flags) ?? ["tcp", "udp"];
    return { keys: protocols.map((protocol) => ({ protocol, internalPort: 0 })), wishes: [] };
  }
  const requestsOf = (specs: readonly MappingWish[]) =>
    specs.flatMap(({ protocols, internalPort, externalPort }) =>
      protocols.map((protocol) => ({ protocol, internalPort, externalPort }))
    );
  if (config !== undefined) {
    const { wishes } = readWishes(line, config);
    return { keys: requestsOf(wishes), wishes };
  }
  const { specs, ...note } = readSpecs(line, config, { allowPortZero: false });
  return { keys: requestsOf(specs), wishes: [], ...note };
}

/** Deleting what is not there succeeds, so only the state can tell that something else was meant. */
async function warnOfMistakes(
  { output, world }: CommandContext,
  book: LeaseBook,
  keys: readonly MappingKey[],
): Promise<void> {
  const { keepers } = book.known;
  // What is over is mapped no more, so nobody can have meant it.
  const leases = book.known.leases.filter((lease) => book.mayLive(lease));
  const { livingKeeper } = await import("../../lease/living_keeper.ts");
  const { files } = await world.stateHome();
  const isAll = keys.some(({ internalPort }) => internalPort === 0);
  const kept = keepers.flatMap(({ mappings }) => mappings);
  const meant = isAll ? kept.filter(({ protocol }) => keys.some((key) => key.protocol === protocol)) : keys;
  const keptBy = new Map<string, string[]>();
  for (const mapping of meant) {
    const keeper = await livingKeeper(files, keepers, [mapping]);
    if (keeper === undefined) continue;
    const process = keeper.holder === undefined ? "another process" : `another process (${keeper.holder})`;
    keptBy.set(process, [...keptBy.get(process) ?? [], nameOf(mapping)]);
  }
  for (const [process, names] of keptBy) {
    const [are, them, mappings] = names.length === 1 ? ["is", "it", "mapping"] : ["are", "them", "mappings"];
    output.warn(
      `${names.join(", ")} ${are} kept by ${process}, which will map ${them} again: ` +
        `stop that one to be rid of the ${mappings}`,
    );
  }
  for (const key of keys) {
    if (isAll || leases.some((lease) => isSameMapping(lease, key))) continue;
    const { protocol, internalPort } = key;
    const probable = leases.find((lease) =>
      lease.protocol === protocol && lease.externalPort === internalPort
    ) ??
      leases.find((lease) => lease.protocol !== protocol && lease.internalPort === internalPort);
    if (probable === undefined || keys.some((other) => isSameMapping(other, probable))) continue;
    output.warn(
      `No ${nameOf(key)} was mapped from here, but ${
        nameOf(probable)
      } is, at external port ${probable.externalPort}: ` +
        `if that was meant, natpmp unmap ${probable.internalPort}/${probable.protocol}`,
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
