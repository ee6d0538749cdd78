import type { WantedMapping } from "../lease/ledger.ts";
import { mappingName } from "../port_mapper.ts";
import type { MappingKey } from "../port_mapper.ts";
import type { CommandLine } from "./args.ts";
import type { Config, ConfigMapping } from "./config/config.ts";
import { parseDuration } from "./option_values.ts";
import {
  asRange,
  expandSpec,
  findCollision,
  type MappingSpec,
  type ParsedSpecs,
  parseSpecs,
  protocolsOfFlags,
} from "./specs.ts";
import { UsageError } from "./usage_error.ts";

/** A mapping that is wanted, and who is to hear of it. */
export interface RequestedMapping extends WantedMapping {
  /** The range that it is one port of; the same object for all of them. */
  readonly range?: MappingSpec;
  /** Its name in the configuration file. */
  readonly name?: string;
  /** The command to run on each change of it. */
  readonly exec?: string;
  /** The file that is to hold its external ports. */
  readonly portFile?: string;
}

/** The mappings that a command line asks for. */
export interface WantedList {
  readonly wanted: readonly RequestedMapping[];
  /** Says how a bare pair was read. */
  readonly note?: string;
}

/**
 * Reads the specs of `map` and `watch`, or the mappings of their configuration file, and the options that say how they
 * are to be mapped. A typed value wins over the file's for one mapping, and that over the file's for all.
 *
 * @returns The wanted, at least one unless the file says that there are none.
 * @throws {UsageError} If one cannot be read, or options contradict each other.
 */
export function readWanted(line: CommandLine, config?: Config): WantedList {
  const { specs, ...note } = readSpecs(line, config, { allowPortZero: line.has("allow-port-zero") });
  if (line.isTyped("exact") && line.isTyped("any-port")) {
    throw new UsageError("Options --exact and --any-port contradict each other");
  }
  const typedLifetime = line.isTyped("lifetime") ? lifetimeOf(line) : undefined;
  const lifetimeSeconds = lifetimeOf(line);
  const wanted = specs.flatMap((spec) => {
    const own: MappingSpec & Partial<ConfigMapping> = spec;
    const { name } = own;
    const exec = line.isTyped("exec") ? line.value("exec") : own.exec ?? line.value("exec");
    const portFile = line.isTyped("port-file")
      ? line.value("port-file")
      : own.portFile ?? line.value("port-file");
    return expandSpec(spec).map(({ protocols, internalPort, externalPort }): RequestedMapping => ({
      ...(name === undefined ? {} : { name }),
      ...(spec.portCount === undefined ? {} : { range: spec }),
      protocols,
      internalPort,
      ...(externalPort === undefined ? {} : { externalPort }),
      lifetimeSeconds: typedLifetime ?? own.lifetimeSeconds ?? lifetimeSeconds,
      ...portRule(line, own),
      ...(line.has("force") ? { force: true } : {}),
      ...(exec === undefined ? {} : { exec }),
      ...(portFile === undefined ? {} : { portFile }),
    }));
  });
  return { wanted, ...note };
}

/** Options of {@linkcode readSpecs}. */
export interface ReadSpecsOptions {
  /** Whether internal port 0 may be typed. */
  readonly allowPortZero: boolean;
}

/**
 * Reads which mappings are meant: the specs that are typed, or those of the configuration file.
 *
 * @returns The specs, at least one unless the file says that there are none.
 * @throws {UsageError} If one cannot be read, there are two lists of them, or none.
 */
export function readSpecs(
  line: CommandLine,
  config: Config | undefined,
  options: ReadSpecsOptions,
): ParsedSpecs {
  const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
  const protocols = protocolsOfFlags(flags);
  if (config === undefined) {
    return parseSpecs(line.operands, { defaultProtocols: protocols ?? ["tcp"], ...options });
  }
  if (line.operands.length > 0) {
    throw new UsageError(
      `Mappings come from ${config.path} or from the command line, not both: leave out "${line.operands[0]}"`,
    );
  }
  if (!config.listsMappings) {
    throw new UsageError(`${config.path}: mappings: It is missing, so there is nothing to map`);
  }
  const specs = config.mappings.map((mapping) =>
    mapping.namesProtocol || protocols === undefined ? mapping : { ...mapping, protocols }
  );
  const collision = findCollision(specs);
  if (collision !== undefined) {
    const { index, reason } = collision;
    const { name } = config.mappings[index]!;
    throw new UsageError(
      `${config.path}: mappings[${index}]${name === undefined ? "" : ` (${name})`}: ${reason}`,
    );
  }
  return { specs };
}

function lifetimeOf(line: CommandLine): number | undefined {
  const lifetime = line.value("lifetime");
  return lifetime === undefined ? undefined : parseDuration(lifetime, "--lifetime");
}

/** Whether another port will do. Of two rules that exclude each other the nearer one counts. */
function portRule(
  line: CommandLine,
  own: Partial<ConfigMapping>,
): Required<Pick<RequestedMapping, "exact" | "anyPort">> {
  const typed = { exact: line.isTyped("exact"), anyPort: line.isTyped("any-port") };
  if (typed.exact || typed.anyPort) return typed;
  const {
    exact = own.anyPort ? false : line.has("exact"),
    anyPort = own.exact ? false : line.has("any-port"),
  } = own;
  return { exact, anyPort };
}

/** Finds the spec that a mapping belongs to; its range, where it is one port of one. */
export type SpecFinder = (mapping: MappingKey) => MappingSpec | undefined;

/** Makes a finder of specs. */
export function specFinder(
  specs: readonly (MappingSpec & { readonly range?: MappingSpec })[],
): SpecFinder {
  const byName = new Map(
    specs.flatMap((spec) => mappingsOf([spec]).map((mapping) => [mappingName(mapping), spec.range ?? spec])),
  );
  return (mapping) => byName.get(mappingName(mapping));
}

/**
 * Makes a finder of ranges.
 *
 * @returns A finder that finds the specs which are ranges, and no others.
 */
export function rangeFinder(specs: Parameters<typeof specFinder>[0]): SpecFinder {
  const specOf = specFinder(specs);
  return (mapping) => asRange(specOf(mapping));
}

/**
 * The mappings of wanted or specs, one for each port and protocol.
 *
 * @returns The mappings, in order.
 */
export function mappingsOf(
  wanted: readonly (WantedMapping & { readonly portCount?: number })[],
): MappingKey[] {
  return wanted.flatMap(expandSpec).flatMap(({ protocols, internalPort }) =>
    protocols.map((protocol) => ({ protocol, internalPort }))
  );
}
