import {
  DeletionRefusedError,
  NoAnswerError,
  NoGatewayError,
  type NoGatewayReason,
  NotSupportedError,
  PortDiffersError,
  RefusedError,
} from "../errors.ts";

import type { CommandLine } from "./args.ts";
import { type CommandName, type OptionName, OPTIONS } from "./option_table.ts";
import { formatTime } from "./output.ts";
import type { MappingSpec } from "./specs.ts";

/** What this host remembers of a gateway that answered before. */
export interface RememberedGateway {
  /** Names the mappings that are still open there, in a sentence; absent where none is. */
  readonly stillOpen?: string;
}

/** The subject of a failed command. */
export interface FailedCommand {
  /** Its command line, for hints that show another one; absent where that is `natpmp doctor`, which they lead to. */
  readonly line?: CommandLine | undefined;
  /** The specs that could not be mapped as they ask. */
  readonly specs?: readonly MappingSpec[];
  /** Absent where the gateway never answered, as far as anybody knows. */
  readonly remembered?: RememberedGateway | undefined;
}

/** Explains a failure to a person: the cause, what came back, and what to do next, in one line. */
export function explain(error: unknown, gateway?: string, command: FailedCommand = {}): string {
  if (error instanceof NoAnswerError) return explainSilence(error, command);
  if (error instanceof NotSupportedError) return explainNotSupported(error, gateway);
  if (error instanceof DeletionRefusedError) return explainDeletionRefused(error);
  if (error instanceof RefusedError) {
    const anyPort = isAboutPorts(error) ? anyPortAdvice(command) : "";
    return `${error.message}. ${REFUSAL_CURES[error.refusal]}${anyPort}`;
  }
  if (error instanceof NoGatewayError && error.reason !== undefined) {
    return `${error.message}. ${NO_GATEWAY_CURES[error.reason]}`;
  }
  if (error instanceof PortDiffersError) {
    const anyPort = error.requirement === "exact" ? anyPortAdvice(command) : "";
    return `${error.message}. ${PORT_CURES[error.requirement]}${anyPort}`;
  }
  return error instanceof Error ? error.message : String(error);
}

const TURN_ON = 'Turn on NAT-PMP or "UPnP and NAT-PMP" in the router, or name another router with --gateway';

/** Advice for a host without a gateway. */
export const NO_GATEWAY_CURES: Readonly<Record<NoGatewayReason, string>> = {
  "no-route": "Connect this host to a network with a router, or name the router with --gateway",
  "no-next-hop": "Name the router with --gateway",
  "no-address": "Give the interface an address, or choose another one with --interface",
  "ipv6-only": "An IPv6 address needs no mapping: open the port in the router's IPv6 firewall. " +
    "If this network also has an IPv4 router, name it with --gateway",
  "other-interface": "Change the route, or name a router behind that interface with --gateway",
  "unlisted-interfaces": "Allow AF_NETLINK where this service or container forbids it " +
    "(RestrictAddressFamilies=, seccomp), or name the router with --gateway",
  "unreadable-routes": "Name the router with --gateway",
  "no-permission": "Start Deno with -A, or name the router with --gateway",
};

const PORT_CURES: Readonly<Record<PortDiffersError["requirement"], string>> = {
  exact: "Leave out --exact to accept another port",
  pair: "Accept two different ports with --any-port",
};

const REFUSAL_CURES: Readonly<Record<RefusedError["refusal"], string>> = {
  "not-authorized": "Allow port mapping for this host and port in the router's NAT-PMP or UPnP settings",
  "network-failure": "The router has no Internet connection at the moment: try again when it has one",
  "out-of-resources": "The router has no room for another mapping: delete one, or try again later",
  "unknown-result": "RFC 6886 does not define this result: look at the router's log",
};

function explainDeletionRefused({ message, mapping, livesUntil }: DeletionRefusedError): string {
  if (mapping.internalPort === 0) {
    const end = livesUntil === undefined
      ? "The others stay until their lifetimes end"
      : `The last mapping that this host knows of ends at ${formatTime(livesUntil)}`;
    return `${message}. The router may have deleted some of them. ${end}`;
  }
  const end = livesUntil === undefined ? "its lifetime ends" : formatTime(livesUntil);
  return `${message}. The port stays open until ${end}, unless you delete the mapping in the router's settings`;
}

/** Whether a router that refuses one external port may well grant another. */
function isAboutPorts({ refusal }: RefusedError): boolean {
  return refusal === "not-authorized" || refusal === "out-of-resources";
}

/** Advice for somebody who asked for a certain external port. */
function anyPortAdvice({ specs = [] }: FailedCommand): string {
  const words = specs
    .filter(({ internalPort, externalPort }) => externalPort !== undefined && internalPort !== 0)
    .map(({ protocols, internalPort, portCount = 1 }) => {
      const range = portCount === 1 ? "" : `-${internalPort + portCount - 1}`;
      return `any:${internalPort}${range}/${protocols.length > 1 ? "both" : protocols[0]}`;
    });
  return words.length === 0 ? "" : `, or let the router choose another port: ${words.join(" ")}`;
}

function explainSilence(error: NoAnswerError, { line, remembered }: FailedCommand): string {
  const { discarded, socketFailure } = error;
  const message = [error.message, remembered?.stillOpen ?? []].flat().join(". ");
  const total = discarded.values().reduce((sum, count) => sum + count, 0);
  if (total > 0) {
    const reasons = [...discarded].map(([reason, count]) => `${reason} (${count})`).join(", ");
    const came = total === 1 ? "One datagram came instead" : `${total} datagrams came instead`;
    return `${message}. ${came}: ${reasons}. Use --verbose to see each one`;
  }
  if (socketFailure !== undefined) {
    return `${message}. This host could not send: ${socketFailure}. Check its network and firewall`;
  }
  const check = line === undefined
    ? "Check whether this is the right router"
    : `Run ${commandHint(line, "doctor")} to see whether this is the right router`;
  const cure = `${message}. ${check}, or wait longer with --timeout`;
  return remembered === undefined ? `${cure}. ${TURN_ON}` : cure;
}

function explainNotSupported(error: NotSupportedError, gateway = "The router"): string {
  if (error.reason === "port-unreachable") {
    return `${gateway} has no NAT-PMP service (ICMP port unreachable). ${TURN_ON}`;
  }
  return `${error.message}. ${TURN_ON}`;
}

/** The options that decide where a command goes and what it remembers. */
const PLACE_OPTIONS = [
  "gateway",
  "interface",
  "source",
  "state",
  "no-state",
] as const satisfies OptionName[];

/** A hint's command line, quoted for a shell. It goes where the command of `line` went, which gives the hint. */
export function commandHint(line: CommandLine, command: CommandName, words: readonly string[] = []): string {
  const place = PLACE_OPTIONS.flatMap((name) => {
    if (!(OPTIONS[name].commands as readonly CommandName[]).includes(command)) return [];
    if (!("value" in OPTIONS[name])) return line.has(name) ? [`--${name}`] : [];
    const value = line.value(name);
    if (value === undefined) return [];
    // Behind a space it would be taken for an option.
    return value.startsWith("-") ? [`--${name}=${value}`] : [`--${name}`, value];
  });
  return ["natpmp", command, ...words, ...place].map(shellWord).join(" ");
}

/**
 * Quotes a word for a POSIX shell, where it needs that.
 *
 * @returns The word as it is typed.
 */
export function shellWord(word: string): string {
  return /^[\w/.,:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
