import type { TransportProtocol } from "../port_mapper.ts";
import { parseWholeNumber } from "./option_values.ts";
import { UsageError } from "./usage_error.ts";

/** A mapping as written on the command line. */
export interface MappingSpec {
  /** One protocol, or TCP and UDP. */
  readonly protocols: readonly TransportProtocol[];
  readonly internalPort: number;
  /** Absent when the gateway is to choose. */
  readonly externalPort?: number;
}

/** Options of {@linkcode parseSpecs}. */
export interface ParseSpecsOptions {
  /** The protocols of specs that name none. */
  readonly defaultProtocols: readonly TransportProtocol[];
  /** Whether internal port 0 may be meant. */
  readonly allowPortZero: boolean;
}

/** What operands mean. */
export interface ParsedSpecs {
  readonly specs: readonly MappingSpec[];
  /** What a bare pair was taken for, and how to write the other thing that it may have meant. */
  readonly note?: string;
}

const PROTOCOLS: Readonly<Record<string, readonly TransportProtocol[]>> = {
  tcp: ["tcp"],
  udp: ["udp"],
  both: ["tcp", "udp"],
};

/**
 * The protocols that the flags `--udp`, `--tcp` and `--both` ask for.
 *
 * @param flags Which of them were given.
 * @returns The protocols; `undefined` without a flag.
 * @throws {UsageError} If more than one was given.
 */
export function protocolsOfFlags(
  flags: { readonly udp: boolean; readonly tcp: boolean; readonly both: boolean },
): readonly TransportProtocol[] | undefined {
  const given = Object.entries(flags).filter(([, isGiven]) => isGiven).map(([name]) => name);
  if (given.length > 1) {
    throw new UsageError(
      `Options --${given.join(" and --")} contradict each other: TCP and UDP together is --both`,
    );
  }
  return given[0] === undefined ? undefined : PROTOCOLS[given[0]];
}

/**
 * Reads mapping specs: `PORT[/PROTO]`, `EXTERNAL:INTERNAL[/PROTO]`, or exactly two bare numbers, which are one
 * mapping, external port first.
 *
 * @param operands As typed.
 * @param options Protocols of specs that name none, and whether port 0 may be meant.
 * @returns The specs, at least one.
 * @throws {UsageError} If one cannot be read, two collide, or bare numbers are ambiguous.
 */
export function parseSpecs(operands: readonly string[], options: ParseSpecsOptions): ParsedSpecs {
  if (operands.length === 0) {
    throw new UsageError("No mapping is given: write PORT or EXTERNAL:INTERNAL, as in 8080:80");
  }
  const bare = operands.filter((operand) => /^[0-9]+$/.test(operand));
  if (bare.length > 2) {
    throw new UsageError(
      `${bare.length} bare numbers are ambiguous: write ${
        bare.map((port) => `${port}:${port}`).join(" ")
      } for a mapping each`,
    );
  }
  const [external, internal] = operands;
  if (operands.length === 2 && bare.length === 2) {
    const spec = parseSpec(`${external}:${internal}`, options);
    const isOtherPossible = external !== internal && external !== "0";
    return !isOtherPossible ? { specs: [spec] } : {
      specs: [spec],
      note: `Taken as one mapping, external port ${external} to internal port ${internal}; ` +
        `for two mappings write ${external}:${external} ${internal}:${internal}`,
    };
  }
  const specs = operands.map((operand) => parseSpec(operand, options));
  refuseCollisions(specs);
  return { specs };
}

function parseSpec(text: string, options: ParseSpecsOptions): MappingSpec {
  const [ports = "", protocolText, ...more] = text.split("/");
  const protocols = protocolText === undefined
    ? options.defaultProtocols
    : Object.hasOwn(PROTOCOLS, protocolText)
    ? PROTOCOLS[protocolText]
    : undefined;
  if (protocols === undefined || more.length > 0) {
    throw new UsageError(`Cannot read mapping "${text}": after the slash comes tcp, udp or both`);
  }
  const parts = ports.split(":");
  if (parts.length > 2) {
    throw new UsageError(`Cannot read mapping "${text}": write EXTERNAL:INTERNAL, as in 8080:80`);
  }
  const internalText = parts.at(-1)!;
  const internalPort = parsePort(internalText, text, { isZeroAllowed: options.allowPortZero });
  if (parts.length === 1) {
    return internalPort === 0
      ? { protocols, internalPort }
      : { protocols, internalPort, externalPort: internalPort };
  }
  const externalText = parts[0]!;
  const externalPort = externalText === "any" ? 0 : parsePort(externalText, text, { isZeroAllowed: true });
  return externalPort === 0 ? { protocols, internalPort } : { protocols, internalPort, externalPort };
}

function parsePort(text: string, spec: string, { isZeroAllowed }: { isZeroAllowed: boolean }): number {
  const port = parseWholeNumber(text);
  if (port === 0 && !isZeroAllowed) {
    throw new UsageError(
      `Cannot use internal port 0 of "${spec}": a port is a whole number from 1 to 65535 ` +
        "(ProtonVPN: map --allow-port-zero; everything: unmap --all)",
    );
  }
  if (/^any$/i.test(text)) {
    throw new UsageError(`Cannot read "${spec}": for a port of the gateway's choice write any:PORT`);
  }
  if (!(port >= 0 && port <= 65535)) {
    throw new UsageError(`Cannot read port "${text}" of "${spec}": a port is a whole number from 1 to 65535`);
  }
  return port;
}

/** Two mappings of one protocol cannot share an internal port, nor an external one. */
function refuseCollisions(specs: readonly MappingSpec[]): void {
  const seen = new Set<string>();
  const claim = (protocol: TransportProtocol, side: string, port: number) => {
    const claimed = `${side} ${protocol} port ${port}`;
    if (seen.has(claimed)) throw new UsageError(`Two mappings have ${claimed}: each port can be mapped once`);
    seen.add(claimed);
  };
  for (const { protocols, internalPort, externalPort } of specs) {
    for (const protocol of protocols) {
      claim(protocol, "internal", internalPort);
      if (externalPort !== undefined) claim(protocol, "external", externalPort);
    }
  }
}
