import type { TransportProtocol } from "../port_mapper.ts";
import { parseWholeNumber } from "./option_values.ts";
import { UsageError } from "./usage_error.ts";

/** A mapping as written on the command line. */
export interface MappingSpec {
  /** One protocol, or TCP and UDP. */
  readonly protocols: readonly TransportProtocol[];
  readonly internalPort: number;
  /** Absent when the gateway is to choose. */
  readonly externalPort?: number | undefined;
  /** How many ports a range has, counted up from both ports; absent where it is not a range. */
  readonly portCount?: number;
}

/** The most ports that a range may have. */
const MAX_RANGE_PORTS = 256;

/** Options of {@linkcode parseSpecs}. */
export interface ParseSpecsOptions {
  /** The protocols of specs that name none. */
  readonly defaultProtocols: readonly TransportProtocol[];
  /** Whether internal port 0 may be meant. */
  readonly allowPortZero: boolean;
}

/** The specs that operands mean. */
export interface ParsedSpecs {
  readonly specs: readonly MappingSpec[];
  /** Says how a bare pair was read, and how to write the other thing that it may have meant. */
  readonly note?: string;
}

/** The words that may follow the slash of a spec. */
export const PROTOCOLS = {
  tcp: ["tcp"],
  udp: ["udp"],
  both: ["tcp", "udp"],
} as const satisfies Readonly<Record<string, readonly TransportProtocol[]>>;

/** The protocols of `tcp`, `udp` or `both`, TCP first; `undefined` for any other word. */
export function protocolsNamed(word: string): readonly TransportProtocol[] | undefined {
  return Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word as keyof typeof PROTOCOLS] : undefined;
}

/**
 * The protocols that the flags `--udp`, `--tcp` and `--both` ask for.
 *
 * @returns The protocols; `undefined` without a flag.
 * @throws {UsageError} If more than one was given.
 */
export function protocolsOfFlags(
  flags: { readonly udp: boolean; readonly tcp: boolean; readonly both: boolean },
): readonly TransportProtocol[] | undefined {
  const given = Object.entries(flags).filter(([, isGiven]) => isGiven).map(([name]) => name);
  if (given.length > 1) {
    throw new UsageError(
      `Options --${given.join(" and --")} contradict each other: for TCP and UDP together use --both`,
    );
  }
  return given[0] === undefined ? undefined : protocolsNamed(given[0]);
}

/**
 * Reads mapping specs: `PORT[/PROTO]`, `EXTERNAL:INTERNAL[/PROTO]`, or exactly two bare numbers, which are one
 * mapping, external port first.
 *
 * @returns The specs, at least one.
 * @throws {UsageError} If one cannot be read, two collide, or bare numbers are ambiguous.
 */
export function parseSpecs(operands: readonly string[], options: ParseSpecsOptions): ParsedSpecs {
  if (operands.length === 0) {
    throw new UsageError("No mapping is given: write PORT or EXTERNAL:INTERNAL, as in 8080:80");
  }
  refuseSpaces(operands);
  const bare = operands.filter((operand) => /^[0-9]+$/.test(operand));
  if (bare.length > 2) {
    throw new UsageError(
      `${bare.length} bare numbers are ambiguous: write ${
        bare.map((port) => `${port}:${port}`).join(" ")
      } for one mapping each`,
    );
  }
  const [external, internal] = operands;
  if (operands.length === 2 && bare.length === 2) {
    const spec = parseSpec(`${external}:${internal}`, options);
    const isOtherPossible = external !== internal && external !== "0";
    return !isOtherPossible ? { specs: [spec] } : {
      specs: [spec],
      note: `natpmp reads this as one mapping, external port ${external} to internal port ${internal}; ` +
        `for two mappings write ${external}:${external} ${internal}:${internal}`,
    };
  }
  const specs = operands.map((operand) => parseSpec(operand, options));
  const collision = findCollision(specs);
  if (collision !== undefined) throw new UsageError(collision.reason);
  return { specs };
}

/** Refuses a spec that was typed as two operands, such as `51820 /udp`. */
function refuseSpaces(operands: readonly string[]): void {
  const i = operands.findIndex((operand, i) => i > 0 && isCut(operands[i - 1]!, operand));
  if (i < 0) return;
  const [first, second] = [operands[i - 1]!, operands[i]!];
  throw new UsageError(
    `Cannot read mapping "${first} ${second}": a SPEC has no space, as in ${first}${second}`,
  );
}

function isCut(first: string, second: string): boolean {
  return /[/:]$/.test(first) || /^[/:]/.test(second);
}

/**
 * Reads one mapping spec: `PORT[/PROTO]` or `EXTERNAL:INTERNAL[/PROTO]`, where either may be a range `FIRST-LAST`.
 *
 * @throws {UsageError} If it cannot be read.
 */
export function parseSpec(text: string, options: ParseSpecsOptions): MappingSpec {
  const [ports = "", protocolText, ...more] = text.split("/");
  const protocols = protocolText === undefined ? options.defaultProtocols : protocolsNamed(protocolText);
  if (protocols === undefined || more.length > 0) {
    throw new UsageError(`Cannot read mapping "${text}": write tcp, udp or both after the slash`);
  }
  const parts = ports.split(":");
  if (parts.length > 2) {
    throw new UsageError(`Cannot read mapping "${text}": write EXTERNAL:INTERNAL, as in 8080:80`);
  }
  const internal = parsePorts(parts.at(-1)!, { isZeroAllowed: options.allowPortZero, spec: text });
  const [externalText] = parts;
  const external = parts.length === 1
    ? internal
    : externalText === "any"
    ? { first: 0 }
    : parsePorts(externalText!, { isZeroAllowed: true, spec: text });
  return { protocols, ...joinPorts(external, internal, { what: `mapping "${text}"` }) };
}

/** One port, or a range of them. */
export interface Ports {
  readonly first: number;
  /** Absent where it is not a range. */
  readonly count?: number;
}

/**
 * Joins the two sides of a mapping; external port 0 stands for the gateway's choice.
 *
 * @throws {UsageError} If the sides have different numbers of ports.
 */
export function joinPorts(
  external: Ports,
  internal: Ports,
  { what }: { readonly what: string },
): Omit<MappingSpec, "protocols"> {
  const { count: portCount } = internal;
  const [outside, inside] = [external.count ?? 1, portCount ?? 1];
  if (external.first !== 0 && outside !== inside) {
    throw new UsageError(
      `Cannot read ${what}: both sides need the same number of ports, not ${outside} and ${inside}`,
    );
  }
  return {
    internalPort: internal.first,
    ...(external.first === 0 ? {} : { externalPort: external.first }),
    ...(portCount === undefined ? {} : { portCount }),
  };
}

/**
 * Reads a port, or a range of at most 256 as in `6881-6889`.
 *
 * @returns The ports.
 * @throws {UsageError} If they cannot be read.
 */
export function parsePorts(text: string, options: ParsePortOptions): Ports {
  const range = /^([^-]+)-([^-]+)$/.exec(text);
  if (range === null) return { first: parsePort(text, options) };
  const end = (digits: string) => parsePort(digits, { isZeroAllowed: true, spec: options.spec ?? text });
  const [first, last] = [end(range[1]!), end(range[2]!)];
  const count = last - first + 1;
  if (first === 0) throw new UsageError(`Cannot use range "${text}": a range begins at port 1 or above`);
  if (count < 1) throw new UsageError(`Cannot read range "${text}": it ends before it begins`);
  if (count > MAX_RANGE_PORTS) {
    throw new UsageError(
      `Cannot use range "${text}" of ${count} ports: a range has at most ${MAX_RANGE_PORTS}`,
    );
  }
  return { first, count };
}

/**
 * Gives a spec if it is a range.
 *
 * @returns The very spec; `undefined` where it is not a range.
 */
export function asRange(spec: MappingSpec | undefined): MappingSpec | undefined {
  return spec?.portCount === undefined ? undefined : spec;
}

/**
 * Takes a range apart into the mappings that it stands for.
 *
 * @returns One for each port, in order; the spec itself where it is not a range.
 */
export function expandSpec<Spec extends SpecPorts>(spec: Spec): Omit<Spec, "portCount">[] {
  const { portCount, ...rest } = spec;
  if (portCount === undefined) return [spec];
  const { internalPort, externalPort } = spec;
  return Array.from({ length: portCount }, (_, i) => ({
    ...rest,
    internalPort: internalPort + i,
    ...(externalPort === undefined ? {} : { externalPort: externalPort + i }),
  }));
}

type SpecPorts = {
  readonly internalPort: number;
  readonly externalPort?: number | undefined;
  readonly portCount?: number;
};

/** Options of {@linkcode parsePort}. */
export interface ParsePortOptions {
  /** Whether 0 may be meant. */
  readonly isZeroAllowed: boolean;
  /** The spec that the port is a part of, for the message. */
  readonly spec?: string;
}

/**
 * Reads a port.
 *
 * @throws {UsageError} If it is not a port.
 */
export function parsePort(text: string, { isZeroAllowed, spec }: ParsePortOptions): number {
  const port = parseWholeNumber(text);
  const place = spec === undefined ? "" : ` of "${spec}"`;
  if (port === 0 && !isZeroAllowed) {
    throw new UsageError(
      `Cannot use internal port 0${place}: a port is a whole number from 1 to 65535 ` +
        "(ProtonVPN: map --allow-port-zero; everything: unmap --all)",
    );
  }
  if (/^any$/i.test(text)) {
    throw new UsageError(
      `Cannot read "${spec ?? text}": to let the router choose the external port, write any:PORT`,
    );
  }
  if (!(port >= 0 && port <= 65535)) {
    throw new UsageError(`Cannot read port "${text}"${place}: a port is a whole number from 1 to 65535`);
  }
  return port;
}

/** Two mappings that want the same port. */
export interface Collision {
  /** Which of the specs wants what an earlier one has, from 0. */
  readonly index: number;
  readonly reason: string;
}

/**
 * Finds two mappings of one protocol that share an internal port, or an external one.
 *
 * @returns The first collision; `undefined` when there is none.
 */
export function findCollision(specs: readonly MappingSpec[]): Collision | undefined {
  const seen = new Set<string>();
  const ports = specs.flatMap((spec, index) => expandSpec(spec).map((port) => ({ ...port, index })));
  for (const { index, protocols, internalPort, externalPort } of ports) {
    for (const protocol of protocols) {
      const claims = [`internal ${protocol} port ${internalPort}`];
      if (externalPort !== undefined) claims.push(`external ${protocol} port ${externalPort}`);
      const taken = claims.find((claim) => seen.has(claim));
      if (taken !== undefined) {
        return { index, reason: `Two mappings have ${taken}: each port can be mapped once` };
      }
      for (const claim of claims) seen.add(claim);
    }
  }
  return undefined;
}
