import type { MappingKey } from "../port_mapper.ts";
import { mappingName } from "../port_mapper.ts";

/** Options of {@linkcode mappingNames}. */
export interface MappingNamesOptions {
  /** Names one mapping. */
  readonly nameOf?: ((mapping: MappingKey) => string) | undefined;
  /** The range that a mapping is one port of; ports of one range that follow each other are named together. */
  readonly rangeOf?: ((mapping: MappingKey) => unknown) | undefined;
}

/**
 * Names mappings in their order.
 *
 * @returns The names, as in `tcp 6881-6889, udp 53`.
 */
export function mappingNames(
  mappings: readonly MappingKey[],
  { nameOf = mappingName, rangeOf = () => undefined }: MappingNamesOptions = {},
): string {
  return runsOf(mappings, rangeOf)
    .map(({ first, last }) => `${nameOf(first)}${end(first.internalPort, last)}`).join(", ");
}

/**
 * Writes mappings as specs of what is mapped on this host.
 *
 * @returns The specs, as in `6881-6889/tcp`.
 */
export function mappingSpecs(mappings: readonly MappingKey[]): string[] {
  return runsOf(mappings, () => mappings).map(({ first: { protocol, internalPort }, last }) =>
    `${internalPort}${end(internalPort, last)}/${protocol}`
  );
}

/**
 * Names ports in their order.
 *
 * @returns The ports, as in `6881-6889, 53`.
 */
export function portNames(ports: readonly number[]): string {
  const mappings = ports.map((internalPort) => ({ protocol: "tcp", internalPort }) as const);
  return mappingNames(mappings, { nameOf: ({ internalPort }) => `${internalPort}`, rangeOf: () => ports });
}

function end(first: number, last: number): string {
  return first === last ? "" : `-${last}`;
}

interface Run {
  readonly first: MappingKey;
  readonly range: unknown;
  last: number;
}

/** Ports of one protocol and range that follow each other. */
function runsOf(mappings: readonly MappingKey[], rangeOf: (mapping: MappingKey) => unknown): readonly Run[] {
  const runs: Run[] = [];
  for (const mapping of mappings) {
    const { protocol, internalPort } = mapping;
    const range = rangeOf(mapping);
    const run = runs.findLast(({ first }) => first.protocol === protocol);
    const isNext = run !== undefined && run.range === range && run.last + 1 === internalPort;
    if (isNext && range !== undefined) run.last = internalPort;
    else runs.push({ first: mapping, range, last: internalPort });
  }
  return runs;
}
