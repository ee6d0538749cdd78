import { isSameMapping } from "../../lease/state.ts";
import type { MappingKey, Unmapped } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { type MappingOutcome, reportMappings } from "../mapping_report.ts";
import { roundMs } from "../output.ts";
import { endsSession, openSession, type Session } from "../session.ts";
import { parseSpecs, protocolsOfFlags } from "../specs.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp unmap`: deletes mappings, by spec or all of this host's. */
export async function unmap(context: CommandContext): Promise<number> {
  const { line, output, world } = context;
  const { keys, note } = readKeys(context);
  const session = await openSession(context, { remembers: true });
  if (note !== undefined) output.note(note);
  if (session.book !== undefined) await warnOfMistakes(context, session.book, keys);

  const outcomes: MappingOutcome[] = [];
  let lastWord: { readonly error: unknown } | undefined;
  for (const mapping of keys) {
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
  return reportMappings(output, outcomes, { command: "unmap", gateway: session.gateway, nameOf });
}

function readKeys({ line }: CommandContext): { keys: MappingKey[]; note?: string } {
  const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
  const protocols = protocolsOfFlags(flags);
  if (line.has("all")) {
    if (line.operands.length > 0) {
      throw new UsageError(`Option --all deletes everything: leave out "${line.operands[0]}"`);
    }
    return { keys: (protocols ?? ["tcp", "udp"]).map((protocol) => ({ protocol, internalPort: 0 })) };
  }
  const { specs, ...note } = parseSpecs(line.operands, {
    defaultProtocols: protocols ?? ["tcp"],
    allowPortZero: false,
  });
  const keys = specs.flatMap(({ protocols, internalPort }) =>
    protocols.map((protocol) => ({ protocol, internalPort }))
  );
  return { keys, ...note };
}

/** Deleting what is not there succeeds, so only the state can tell that something else was meant. */
async function warnOfMistakes(
  { output, world }: CommandContext,
  book: LeaseBook,
  keys: readonly MappingKey[],
): Promise<void> {
  const { leases, keepers } = book.known;
  const { livingKeeper } = await import("../../lease/living_keeper.ts");
  const { files } = await world.stateHome();
  const isAll = keys.some(({ internalPort }) => internalPort === 0);
  const meant = isAll ? leases.filter(({ protocol }) => keys.some((key) => key.protocol === protocol)) : keys;
  const keeper = await livingKeeper(files, keepers, meant);
  if (keeper !== undefined) {
    const { mapping, holder } = keeper;
    output.warn(
      `${nameOf(mapping)} is kept by another process${holder === undefined ? "" : ` (${holder})`}, ` +
        "which will map it again: stop that one to be rid of the mapping",
    );
  }
  for (const key of keys) {
    if (isAll || book.leaseOf(key) !== undefined) continue;
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

async function unmapOne(
  { mapper }: Session,
  mapping: MappingKey,
  options: UnmapOneOptions,
): Promise<Unmapped> {
  const { isAll, signal } = options;
  return await (isAll ? mapper.unmapAll(mapping.protocol, { signal }) : mapper.unmap(mapping, { signal }));
}

function describe(mapping: MappingKey, { attempts, elapsedMs }: Unmapped): MappingOutcome {
  return { mapping, line: `${nameOf(mapping)} unmapped`, json: { attempts, elapsedMs: roundMs(elapsedMs) } };
}

function nameOf({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort === 0 ? "all" : internalPort}`;
}
