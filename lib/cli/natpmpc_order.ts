import { parseCommandLine } from "./args.ts";
import { shellWord } from "./messages.ts";
import { parseDuration } from "./option_values.ts";
import type { CommandName } from "./option_table.ts";
import { parsePort } from "./specs.ts";

/** A mapping as natpmpc is asked for it: `-a PUBLIC PRIVATE PROTOCOL [LIFETIME]`. */
interface NatpmpcMapping {
  readonly external: number;
  readonly internal: number;
  readonly protocol: string;
  /** In seconds; 0 deletes. */
  readonly lifetime: number | undefined;
}

/** The commands that take a mapping as natpmpc does. */
const MAPPING_COMMANDS = ["map", "unmap", "watch"] as const satisfies CommandName[];

/**
 * Explains how to write what is in natpmpc's order, from arguments that are wrong.
 *
 * @returns The explanation; `undefined` when they are not in natpmpc's order, or not right for natpmpc either.
 */
export function natpmpcHint(args: readonly string[]): string | undefined {
  const start = args.findIndex((_, i) => /^[0-9]+ [0-9]+ (tcp|udp)$/i.test(args.slice(i, i + 3).join(" ")));
  const [external = "", internal = "", protocol = "", next = ""] = start === -1 ? [] : args.slice(start);
  const hasLifetime = /^[0-9]+$/.test(next);
  const mapping = attempt(() => ({
    external: parsePort(external, { isZeroAllowed: true }),
    internal: parsePort(internal, { isZeroAllowed: true }),
    protocol: protocol.toLowerCase(),
    lifetime: !hasLifetime ? undefined : next === "0" ? 0 : parseDuration(next, "lifetime"),
  }));
  if (mapping === undefined) return undefined;
  const before = args.slice(0, args[start - 1] === "-a" ? start - 1 : start);
  const { command, options } = readOthers([...before, ...args.slice(start + (hasLifetime ? 4 : 3))]);
  const words = wordsFor(mapping, command);
  const all = [...words, ...options];
  // An option may be one too many, as a lifetime that is there twice.
  const right = attempt(() => parseCommandLine(all)) === undefined ? words : all;
  return `The arguments are in natpmpc's order: write natpmp ${right.map(shellWord).join(" ")}`;
}

/** Reads the words beside the mapping: perhaps a command, and options as they were given. */
function readOthers(args: readonly string[]) {
  const isAll = (rest: readonly string[]) => {
    const line = attempt(() => parseCommandLine(rest));
    return line !== undefined && line.command === undefined;
  };
  if (isAll(args)) return { command: undefined, options: args };
  const i = args.findIndex((_, i) => isAll(args.toSpliced(i, 1)));
  return i === -1 ? { command: undefined, options: [] } : { command: args[i], options: args.toSpliced(i, 1) };
}

function wordsFor(
  { external, internal, protocol, lifetime }: NatpmpcMapping,
  given: string | undefined,
): string[] {
  const command = lifetime === 0 ? "unmap" : MAPPING_COMMANDS.find((name) => name === given) ?? "map";
  if (command === "unmap") {
    // To both protocols, the deletion of port 0 is that of everything.
    return internal === 0 ? [command, "--all", `--${protocol}`] : [command, `${internal}/${protocol}`];
  }
  const ports = external === internal && internal !== 0 ? internal : `${external || "any"}:${internal}`;
  return [
    command,
    `${ports}/${protocol}`,
    ...(lifetime === undefined ? [] : ["--lifetime", `${lifetime}`]),
    ...(internal === 0 ? ["--allow-port-zero"] : []),
  ];
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
