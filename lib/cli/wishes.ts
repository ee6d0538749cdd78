import type { MappingWish } from "../lease/acquire.ts";
import type { MappingKey } from "../port_mapper.ts";
import type { CommandLine } from "./args.ts";
import { parseDuration } from "./option_values.ts";
import { parseSpecs, protocolsOfFlags } from "./specs.ts";
import { UsageError } from "./usage_error.ts";

/** A mapping that is wanted, with whom to tell of it. */
export interface Wish extends MappingWish {
  readonly name?: string;
  readonly exec?: string;
  readonly portFile?: string;
}

/** What a command line wants mapped. */
export interface Wishes {
  readonly wishes: readonly Wish[];
  /** What a bare pair was taken for. */
  readonly note?: string;
}

/**
 * Reads the specs of `map` and `watch`, and the options that say how they are to be mapped.
 *
 * @param line The command line.
 * @returns The wishes, at least one.
 * @throws {UsageError} If one cannot be read, or options contradict each other.
 */
export function readWishes(line: CommandLine): Wishes {
  const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
  const { specs, ...note } = parseSpecs(line.operands, {
    defaultProtocols: protocolsOfFlags(flags) ?? ["tcp"],
    allowPortZero: line.has("allow-port-zero"),
  });
  const lifetime = line.value("lifetime");
  const exact = line.has("exact");
  const anyPort = line.has("any-port");
  if (exact && anyPort) throw new UsageError("Options --exact and --any-port contradict each other");
  const lifetimeSeconds = lifetime === undefined ? undefined : parseDuration(lifetime, "--lifetime");
  return { wishes: specs.map((spec) => ({ ...spec, lifetimeSeconds, exact, anyPort })), ...note };
}

/**
 * The mappings of wishes, one for each protocol.
 *
 * @param wishes The wishes.
 * @returns The mappings, in order.
 */
export function mappingsOf(wishes: readonly MappingWish[]): MappingKey[] {
  return wishes.flatMap(({ protocols, internalPort }) =>
    protocols.map((protocol) => ({ protocol, internalPort }))
  );
}
