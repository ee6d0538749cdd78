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
import type { ViaChoice } from "../backends.ts";
import type { Via } from "../port_mapper.ts";
import { type CommandName, type OptionName, OPTIONS, VIA_CHOICES } from "./option_table.ts";
import { formatTime } from "./output.ts";
import type { MappingSpec } from "./specs.ts";
import { viaName } from "./via_name.ts";

/** This host's memory of a gateway that answered before. */
export interface RememberedGateway {
  /** Names the mappings that are still open there, in a sentence; absent where none is. */
  readonly stillOpen?: string;
}

/** The subject of a failed command. */
export interface FailedCommand {
  /** Its command line, for hints that show another one. */
  readonly line?: CommandLine | undefined;
  /** The specs that could not be mapped as they ask. */
  readonly specs?: readonly MappingSpec[];
  /** Absent where the gateway never answered, as far as anybody knows. */
  readonly remembered?: RememberedGateway | undefined;
}

/** Explains a failure to a person: the cause, what came back, and what to do next, in one line. */
export function explain(error: unknown, command: FailedCommand = {}): string {
  if (error instanceof NoAnswerError) return explainSilence(error, command);
  if (error instanceof NotSupportedError) return explainNotSupported(error, command);
  if (error instanceof DeletionRefusedError) return explainDeletionRefused(error);
  if (error instanceof RefusedError) {
    if (isAboutOtherHosts(error, command)) return `${error.message}. ${OTHER_HOSTS_CURE}`;
    const anyPort = isAboutPorts(error) ? anyPortAdvice(command) : "";
    return `${error.message}. ${refusalCure(error)}${anyPort}`;
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

/** The switches of routers, by the protocols that were tried. */
const SWITCHES: Readonly<Record<ViaChoice, string>> = {
  "auto": "UPnP, NAT-PMP or PCP",
  "nat-pmp": 'NAT-PMP or "UPnP and NAT-PMP"',
  "pcp": "PCP",
  "upnp": "UPnP",
};

function turnOn({ line }: FailedCommand): string {
  const option = line?.value("igd") === undefined ? "--gateway" : "--igd";
  return `Turn on ${SWITCHES[viaOf(line)]} in the router, or name another router with ${option}`;
}

/** The value of `--via`, which was read before; `--igd` implies one. */
function viaOf(line: CommandLine | undefined): ViaChoice {
  if (line?.value("igd") !== undefined) return "upnp";
  return VIA_CHOICES.find((via) => via === line?.value("via")) ?? "auto";
}

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
  "port-unavailable": PORT_CURES.exact,
  "unknown-result": "RFC 6886 does not define this result: look at the router's log",
};

/** UPnP's errors that have a cure of their own. */
const UPNP_CURES: Readonly<Record<number, string>> = {
  // Action Failed
  501: "Many routers answer so where UPnP is switched off for this host: look at its UPnP settings",
  // Action not authorized
  606: "Allow UPnP for this host in the router's settings; many routers refuse external ports below 1024",
  // SamePortValuesRequired
  724: "Ask for the same port outside and inside, or leave out --exact",
};

function upnpCure({ refusal, resultCode }: RefusedError): string {
  const cure = UPNP_CURES[resultCode];
  if (cure !== undefined) return cure;
  return refusal === "unknown-result"
    ? "The router does not understand this request, or has a defect: look at its log"
    : REFUSAL_CURES[refusal];
}

/** The highest result that RFC 6887 defines. */
const LAST_PCP_RESULT = 13;

/** PCP's results (RFC 6887 §7.4) that have a cure of their own. */
const PCP_CURES: Readonly<Record<number, string>> = {
  // NOT_AUTHORIZED
  2: "If another program made this mapping, wait until that ends. Otherwise allow PCP for this host and port in the " +
    "router's settings",
  // USER_EX_QUOTA
  10: "The router grants this host no more mappings: delete one, or try again later",
  // ADDRESS_MISMATCH
  12: "Map at that NAT instead: name its address with --gateway. Or try --via nat-pmp",
};

/** PCP's results about a request for another host: not authorized, unsupported option (RFC 6887 §13.1). */
const NOT_FOR_OTHERS: readonly number[] = [2, 5];

const OTHER_HOSTS_CURE = "The router does not let this host map to others: allow that in its settings " +
  "(miniupnpd: pcp_allow_thirdparty=yes), or run natpmp on that host";

function isAboutOtherHosts({ via, resultCode }: RefusedError, { line }: FailedCommand): boolean {
  return via === "pcp" && NOT_FOR_OTHERS.includes(resultCode) && line?.value("for-host") !== undefined;
}

function refusalCure(error: RefusedError): string {
  const { via, refusal, resultCode } = error;
  if (via === "upnp") return upnpCure(error);
  if (via !== "pcp") return REFUSAL_CURES[refusal];
  const cure = PCP_CURES[resultCode];
  if (cure !== undefined) return cure;
  if (refusal !== "unknown-result") return REFUSAL_CURES[refusal];
  return resultCode <= LAST_PCP_RESULT
    ? "The router does not understand this request: look at its log, and try --via nat-pmp"
    : "RFC 6887 does not define this result: look at the router's log";
}

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

/** PCP's results that are about the host: quota exceeded, address mismatch, too many remote peers (RFC 6887 §7.4). */
const ABOUT_HOST: readonly number[] = [10, 12, 13];

/** Whether a router that refuses one external port may well grant another. */
function isAboutPorts({ via, refusal, resultCode }: RefusedError): boolean {
  if (via === "pcp" && ABOUT_HOST.includes(resultCode)) return false;
  return refusal === "not-authorized" || refusal === "out-of-resources" || refusal === "port-unavailable";
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

function explainSilence(error: NoAnswerError, command: FailedCommand): string {
  const { line, remembered } = command;
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
  const check = line === undefined || line.command === "doctor"
    ? "Check whether this is the right router"
    : `Run ${commandHint(line, "doctor")} to see whether this is the right router`;
  const cure = `${message}. ${check}, or wait longer with --timeout`;
  return remembered === undefined ? `${cure}. ${turnOn(command)}` : cure;
}

/** The versions by which the protocols are known to each other (RFC 6886 §1.1, RFC 6887 Appendix A). */
const VIA_OF_VERSION: Readonly<Record<number, Via>> = { 0: "nat-pmp", 2: "pcp" };

function explainNotSupported(error: NotSupportedError, command: FailedCommand): string {
  const { message, reason, via, version } = error;
  if (reason === "port-unreachable" || reason === "no-service") {
    const others = error.others.map((other) => aboutProtocol(other, "UPnP"));
    // Two protocols have the same port.
    const text = aboutProtocol(error, via === undefined ? "PCP, NAT-PMP" : viaName(via));
    return `${[text, ...others].join(". ")}. ${turnOn(command)}`;
  }
  const spoken = version === undefined ? undefined : VIA_OF_VERSION[version];
  return viaOf(command.line) !== "auto" && spoken !== undefined
    ? `${message}. Use --via ${spoken} or --via auto`
    : `${message}. ${turnOn(command)}`;
}

function aboutProtocol({ message }: NotSupportedError, protocols: string): string {
  return `${protocols}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

/** The options that decide where a command goes and what it remembers. */
const PLACE_OPTIONS = [
  "gateway",
  "interface",
  "source",
  "for-host",
  "igd",
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
