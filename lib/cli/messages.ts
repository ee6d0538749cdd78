import {
  DeletionRefusedError,
  NoAnswerError,
  NotSupportedError,
  PortDiffersError,
  RefusedError,
} from "../errors.ts";

import { classifyIpv4, type Ipv4Class } from "../net/ipv4.ts";
import { formatTime } from "./output.ts";

/**
 * What a failure means to a person: the cause, what came back, and what to do next, in one line.
 *
 * @param error What failed.
 * @param gateway The gateway that was asked, where there was one.
 * @returns The message.
 */
export function explain(error: unknown, gateway?: string): string {
  if (error instanceof NoAnswerError) return explainSilence(error);
  if (error instanceof NotSupportedError) return explainNotSupported(error, gateway);
  if (error instanceof DeletionRefusedError) return explainDeletionRefused(error);
  if (error instanceof RefusedError) return `${error.message}. ${REFUSAL_CURES[error.refusal]}`;
  if (error instanceof PortDiffersError) return `${error.message}. ${PORT_CURES[error.requirement]}`;
  return error instanceof Error ? error.message : String(error);
}

const TURN_ON = 'Turn on NAT-PMP or "UPnP and NAT-PMP" in the router, or name another gateway with --gateway';

const PORT_CURES: Readonly<Record<PortDiffersError["requirement"], string>> = {
  exact: "Leave out --exact to accept another port",
  pair: "Accept two different ports with --any-port",
};

const REFUSAL_CURES: Readonly<Record<RefusedError["refusal"], string>> = {
  "not-authorized": "Allow port mapping for this host and port in the router's NAT-PMP or UPnP settings",
  "network-failure": "The router has no Internet connection at the moment: try again when it has",
  "out-of-resources": "The router has no room for another mapping: delete some, or try again later",
  "unknown-result": "RFC 6886 does not define this result: look into the router's log",
};

function explainDeletionRefused({ message, mapping, livesUntil }: DeletionRefusedError): string {
  if (mapping.internalPort === 0) {
    const end = livesUntil === undefined
      ? "The others end with their lifetimes"
      : `The last one that this host knows of ends at ${formatTime(livesUntil)}`;
    return `${message}. It may have deleted some. ${end}`;
  }
  const end = livesUntil === undefined ? "its lifetime ends" : formatTime(livesUntil);
  return `${message}. It stays open until ${end}, unless you delete it in the router's settings`;
}

function explainSilence(error: NoAnswerError): string {
  const { message, discarded, socketFailure } = error;
  const total = discarded.values().reduce((sum, count) => sum + count, 0);
  if (total > 0) {
    const reasons = [...discarded].map(([reason, count]) => `${reason} (${count})`).join(", ");
    const came = total === 1 ? "One datagram came that was" : `${total} datagrams came that were`;
    return `${message}. ${came} no answer: ${reasons}. Look at each with --verbose`;
  }
  if (socketFailure !== undefined) {
    return `${message}. This host could not send: ${socketFailure}. Check its network and firewall`;
  }
  return `${message}. See natpmp doctor whether it is the right gateway, or wait longer with --timeout. ${TURN_ON}`;
}

function explainNotSupported(error: NotSupportedError, gateway = "The gateway"): string {
  if (error.reason === "port-unreachable") {
    return `${gateway} has no NAT-PMP service (ICMP port unreachable). ${TURN_ON}`;
  }
  return `${error.message}. ${TURN_ON}`;
}

const UNREACHABLE_CLASSES: Partial<Record<Ipv4Class, string>> = {
  private: "a private one",
  shared: "one that the provider shares among customers (100.64.0.0/10)",
  "link-local": "a link-local one",
  loopback: "a loopback one",
};

/**
 * What is to be said about an external address that the Internet cannot reach.
 *
 * @param externalAddress The address in dotted decimal.
 * @returns The warning; `undefined` when there is none to give.
 */
export function addressWarning(externalAddress: string): string | undefined {
  const kind = UNREACHABLE_CLASSES[classifyIpv4(externalAddress)];
  return kind &&
    `The external address ${externalAddress} is ${kind}: another router in front of this one has to ` +
      `forward the port too (double NAT)`;
}
