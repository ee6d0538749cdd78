import type { MappingKey, Unmapped } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { type MappingOutcome, reportMappings } from "../mapping_report.ts";
import { roundMs } from "../output.ts";
import { endsSession, openSession, type Session } from "../session.ts";
import { parseSpecs, protocolsOfFlags } from "../specs.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp unmap`: deletes mappings, by spec or all of this host's. */
export async function unmap(context: CommandContext): Promise<number> {
  const { line, output, world } = context;
  const { keys, note } = readKeys(context);
  const session = await openSession(context);
  if (note !== undefined) output.note(note);

  const outcomes: MappingOutcome[] = [];
  let lastWord: { readonly error: unknown } | undefined;
  for (const mapping of keys) {
    try {
      if (lastWord !== undefined) throw lastWord.error;
      const unmapped = await unmapOne(session, mapping, { isAll: line.has("all"), signal: world.signal });
      outcomes.push(describe(mapping, unmapped));
    } catch (error) {
      outcomes.push({ mapping, error });
      if (endsSession(error)) lastWord = { error };
    }
  }
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
