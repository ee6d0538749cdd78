import type { Refusal } from "../../errors.ts";
import { PCP_VERSION } from "../../backends.ts";
import { addressWarning } from "../address_warning.ts";
import { explain, NO_GATEWAY_CURES } from "../messages.ts";
import type { Finding } from "./findings.ts";

const SWITCH = 'NAT-PMP, or "UPnP and NAT-PMP"';

const REFUSALS: Readonly<Record<Refusal, string>> = {
  "not-authorized":
    `switch on ${SWITCH} in the router, and allow it for this host: the router answers, but forbids it`,
  "network-failure": "connect the router to the Internet: it has no external address at the moment",
  "out-of-resources": "delete mappings that nobody needs, or restart the router: it has room for no more",
  "unknown-result": "look into the router's log: RFC 6886 does not define what it answered",
};

/**
 * Advises what to do about a finding.
 *
 * @returns One line, without its end.
 */
export function adviceFor(finding: Finding): string {
  switch (finding.kind) {
    case "no-gateway":
      return NO_GATEWAY_CURES[finding.reason ?? "no-route"];
    case "guessed-gateway":
      return `If ${finding.gateway} is wrong, name the gateway with --gateway: ` +
        "the route names no next hop, so this is a guess";
    case "policy-routing":
      return `Ask the other gateway with --interface if you do not mean ${finding.interfaceName}: ` +
        "policy routing, as VPNs set up, overrules the routing table";
    case "container":
      return finding.isBehindBridge
        ? "Make the mapping on the host, or start the container with host networking: this looks like a " +
          "container behind a bridge, whose gateway is the host and not the router"
        : "Try it on the host too: this looks like a container";
    case "not-private":
      return `Check whether a mapping is needed at all: ${finding.localAddress} is a ${finding.addressClass} ` +
        "address, and NAT-PMP is for private ones (RFC 1918)";
    case "silence":
      return silenceAdvice(finding);
    case "not-supported":
      return notSupportedAdvice(finding);
    case "refused":
      return `For the ${finding.what === "address" ? "external address" : "mapping"}, ${
        REFUSALS[finding.refusal]
      }`;
    case "failed":
      return explain(finding.error);
    case "not-public":
      return addressWarning(finding.externalAddress) ??
        `Ask the provider for a public address: nobody on the Internet can reach ${finding.externalAddress}, a ` +
          `${finding.addressClass} one`;
    case "announcements-unheard":
      return "Nothing needs to be done for map and unmap; watch learns of a restarted router later " +
        "when another program keeps port 5350 to itself";
    case "test-mapping-stays":
      return finding.lifetimeSeconds === "permanent"
        ? "Delete the test mapping in the router: it could not be deleted, and never expires"
        : `Wait ${finding.lifetimeSeconds} s: the test mapping could not be deleted and expires then`;
    case "nobody-listens":
      return `Start the program that is to be reached on ${portsOf(finding)}: nothing listens there`;
    case "listens-elsewhere":
      return `Let the program on ${portsOf(finding)} listen on this host's network ` +
        "address too: a mapping does not lead to loopback";
  }
}

function portsOf(
  { protocol, internalPort, lastInternalPort }: Extract<
    Finding,
    { kind: "nobody-listens" | "listens-elsewhere" }
  >,
): string {
  return lastInternalPort === undefined
    ? `${protocol} port ${internalPort}`
    : `${protocol} ports ${internalPort}-${lastInternalPort}`;
}

function silenceAdvice({ gateway, junk, couldSend }: Extract<Finding, { kind: "silence" }>): string {
  if (!couldSend) return "Check this host's firewall and network: it could not send to the gateway";
  if (junk > 0) {
    return `Check what is on the NAT-PMP port of ${gateway}: it sends, but nothing that is an answer`;
  }
  return `Switch on ${SWITCH} in the router ${gateway}, and check that no firewall drops its UDP port; ` +
    "a slow router may need a longer --timeout";
}

function notSupportedAdvice(
  { gateway, reason, version }: Extract<Finding, { kind: "not-supported" }>,
): string {
  if (reason === "port-unreachable") {
    return `Switch on ${SWITCH} in the router ${gateway}: it says that nobody listens on that UDP port`;
  }
  if (version === PCP_VERSION) {
    return `Switch on ${SWITCH} in the router ${gateway}, or use a client of PCP: it speaks PCP only`;
  }
  return `Look for another client, or an update of the router ${gateway}: it speaks NAT-PMP only in part, or ` +
    "another version of it";
}
