import type { Refusal } from "../../errors.ts";
import { NAT_PMP_VERSION, PCP_VERSION } from "../../backends.ts";
import { addressWarning } from "../address_warning.ts";
import { explain, NO_GATEWAY_CURES } from "../messages.ts";
import type { Finding } from "./findings.ts";
import { upnpAdvice } from "./upnp_findings.ts";

const SWITCH = "UPnP, NAT-PMP or PCP";

const REFUSALS: Readonly<Record<Refusal, string>> = {
  "not-authorized":
    `turn on ${SWITCH} in the router, and allow this host to use it: the router answers, but refuses`,
  "network-failure": "connect the router to the Internet: it has no external address at the moment",
  "out-of-resources":
    "delete mappings that nobody needs, or restart the router: it has no room for another one",
  "port-unavailable": "ask for another external port: the router cannot grant this one",
  "unknown-result": "look at the router's log: the result that it answered says nothing more",
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
      return `If ${finding.gateway} is not your router, name it with --gateway: ` +
        "the route names no next hop, so this address is a guess";
    case "policy-routing":
      return `If you do not mean the router behind ${finding.interfaceName}, name another interface with --interface: ` +
        "policy routing (a VPN sets it up, for example) overrules the routing table";
    case "container":
      return finding.isBehindBridge
        ? "Make the mapping on the host, or start the container with host networking: this looks like a " +
          "container behind a bridge, and its gateway is the host, not the router"
        : "Try the same on the host: this looks like a container";
    case "not-private":
      return `Check whether you need a mapping at all: ${finding.localAddress} is a ${finding.addressClass} ` +
        "address, and mappings are for private ones (RFC 1918)";
    case "silence":
      return silenceAdvice(finding);
    case "http-silence":
      return `Restart the UPnP router ${finding.gateway}, or check that it is the right one: it did not answer over HTTP`;
    case "not-supported":
      return notSupportedAdvice(finding);
    case "pcp-only":
      return `Do nothing for natpmp. For programs that know only NAT-PMP, turn that on in the router ` +
        `${finding.gateway}: it speaks only PCP`;
    case "drops-version-2":
      return `Do nothing, or use --via nat-pmp: the router ${finding.gateway} does not answer PCP, not even to refuse ` +
        "it, so natpmp waits a moment before it uses NAT-PMP";
    case "address-mismatch":
      return `Look for another NAT or a proxy between this host and the router ${finding.gateway}, and map there too: ` +
        "requests reach the router from another address than this host's";
    case "refused":
      return `To get ${finding.what === "address" ? "the external address" : "a mapping"}, ${
        REFUSALS[finding.refusal]
      }`;
    case "failed":
      return explain(finding.error);
    case "not-public":
      return addressWarning(finding.externalAddress) ??
        `Ask your provider for a public address: ${finding.externalAddress} is a ${finding.addressClass} address, ` +
          "which nobody on the Internet can reach";
    case "announcements-unheard":
      return "Do nothing for map and unmap. For watch, end the program that does not share port 5350: " +
        "until then, watch notices a restarted router later";
    case "test-mapping-stays":
      return finding.lifetimeSeconds === "permanent"
        ? "Delete the test mapping in the router's settings: natpmp could not delete it, and it never expires"
        : `Wait ${finding.lifetimeSeconds} s until the test mapping expires: natpmp could not delete it`;
    case "nobody-listens":
      return `Start the program for ${portsOf(finding)}: nothing listens there`;
    case "listens-elsewhere":
      return `Let the program on ${portsOf(finding)} listen on this host's network ` +
        "address too: a mapping does not lead to loopback";
    default:
      return upnpAdvice(finding);
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
  if (!couldSend) return "Check this host's firewall and network: this host could not send to the router";
  if (junk > 0) {
    return `If ${gateway} is your router, restart it, or look for an update of its software: it gave no valid answer`;
  }
  return `Turn on ${SWITCH} in the router ${gateway}, and check that no firewall blocks its UDP port; ` +
    "a slow router may need a longer --timeout";
}

function notSupportedAdvice(
  { gateway, reason, version, hasNoUpnp = false }: Extract<Finding, { kind: "not-supported" }>,
): string {
  if (reason === "no-service") {
    return `Turn on UPnP in the router ${gateway}, or leave out --via and --igd: no UPnP router that maps ports answered`;
  }
  if (reason === "port-unreachable") {
    const upnp = hasNoUpnp ? ", and no UPnP router that maps ports answered" : "";
    return `Turn on ${SWITCH} in the router ${gateway}: its UDP port 5351 is closed${upnp}`;
  }
  if (version === NAT_PMP_VERSION) {
    return `Use --via nat-pmp: the router ${gateway} speaks only NAT-PMP`;
  }
  if (version === PCP_VERSION) {
    return `Use --via pcp: the router ${gateway} speaks only PCP`;
  }
  return `Update the router ${gateway}, or use another client: the router speaks only a part of PCP or ` +
    "NAT-PMP, or another version of it";
}
