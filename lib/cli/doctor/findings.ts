import {
  NoAnswerError,
  NoGatewayError,
  type NoGatewayReason,
  NotSupportedError,
  type NotSupportedReason,
  type Refusal,
  RefusedError,
} from "../../errors.ts";
import { isUnsuitable } from "../../backends.ts";
import { classifyIpv4, type Ipv4Class } from "../../net/ipv4.ts";
import type { GrantedLifetime, TransportProtocol } from "../../port_mapper.ts";
import { type Examination, firstError, type PortFinding } from "./examination.ts";
import { hasNoUpnp, type UpnpFinding, upnpFindings } from "./upnp_findings.ts";

/** Something that a person can act on, as data. */
export type Finding =
  | UpnpFinding
  | { readonly kind: "no-gateway"; readonly reason?: NoGatewayReason }
  | { readonly kind: "guessed-gateway"; readonly gateway: string }
  | { readonly kind: "policy-routing"; readonly interfaceName: string }
  | { readonly kind: "container"; readonly isBehindBridge: boolean }
  | { readonly kind: "not-private"; readonly localAddress: string; readonly addressClass: Ipv4Class }
  | { readonly kind: "silence"; readonly gateway: string; readonly junk: number; readonly couldSend: boolean }
  /** The UPnP router does not answer requests of HTTP. */
  | { readonly kind: "http-silence"; readonly gateway: string }
  | {
    readonly kind: "not-supported";
    readonly gateway: string;
    readonly reason: NotSupportedReason;
    readonly version?: number;
    /** Whether UPnP was searched for too, and not found. */
    readonly hasNoUpnp?: boolean;
  }
  /** The router speaks only PCP, or only answers requests of NAT-PMP. */
  | { readonly kind: "pcp-only" | "drops-version-2"; readonly gateway: string }
  /** Another address than this host's reaches the router. */
  | { readonly kind: "address-mismatch"; readonly gateway: string }
  | { readonly kind: "refused"; readonly what: "address" | "mapping"; readonly refusal: Refusal }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "not-public"; readonly externalAddress: string; readonly addressClass: Ipv4Class }
  | { readonly kind: "announcements-unheard" }
  | { readonly kind: "test-mapping-stays"; readonly lifetimeSeconds: GrantedLifetime }
  | {
    readonly kind: "nobody-listens" | "listens-elsewhere";
    readonly protocol: TransportProtocol;
    readonly internalPort: number;
    /** The last of several ports that follow each other. */
    readonly lastInternalPort?: number;
  };

type PortsFinding = Extract<Finding, { kind: "nobody-listens" | "listens-elsewhere" }>;

/**
 * Draws the conclusions from an examination; pure.
 *
 * @returns The findings, the gravest first; none when all is well.
 */
export function findingsOf(examination: Examination): Finding[] {
  const { container, ports } = examination;
  return [
    ...gatewayFindings(examination),
    // Where the gateway maps, it does not matter; where it does not, it may be why.
    ...(container.isLikely && firstError(examination) !== undefined
      ? [{ kind: "container", isBehindBridge: container.isBehindBridge } as const]
      : []),
    ...answerFindings(examination),
    ...protocolFindings(examination),
    ...upnpFindings(examination),
    ...mappingFindings(examination),
    ...portFindings(ports),
  ];
}

/** Ports of one protocol that follow each other, as those of a range do, are one finding. */
function portFindings(ports: readonly PortFinding[]): PortsFinding[] {
  const findings: PortsFinding[] = [];
  for (const { state, protocol, internalPort } of ports) {
    if (state !== "free" && state !== "elsewhere") continue;
    const kind = state === "free" ? "nobody-listens" : "listens-elsewhere";
    const i = findings.findLastIndex((finding) => finding.protocol === protocol);
    const last = findings[i];
    const lastPort = last?.lastInternalPort ?? last?.internalPort;
    if (last?.kind === kind && lastPort === internalPort - 1) {
      findings[i] = { ...last, lastInternalPort: internalPort };
    } else findings.push({ kind, protocol, internalPort });
  }
  return findings;
}

function gatewayFindings({ gateway }: Examination): Finding[] {
  if ("error" in gateway) {
    return [
      gateway.error instanceof NoGatewayError
        ? {
          kind: "no-gateway",
          ...(gateway.error.reason === undefined ? {} : { reason: gateway.error.reason }),
        }
        : { kind: "failed", error: gateway.error },
    ];
  }
  const { guessed, overrulesTable, localAddress, interfaceName = "" } = gateway.value;
  const addressClass = localAddress === undefined ? undefined : classifyIpv4(localAddress);
  return [
    ...(guessed ? [{ kind: "guessed-gateway", gateway: gateway.value.gateway } as const] : []),
    ...(overrulesTable ? [{ kind: "policy-routing", interfaceName } as const] : []),
    ...(localAddress === undefined || addressClass === undefined || addressClass === "private"
      ? []
      : [{ kind: "not-private", localAddress, addressClass } as const]),
  ];
}

function answerFindings({ address, gateway }: Examination): Finding[] {
  if (address === undefined || "error" in gateway) return [];
  if ("error" in address) return failureFindings(address.error, gateway.value.gateway, "address");
  const { externalAddress } = address.value;
  if (externalAddress === undefined) return [];
  const addressClass = classifyIpv4(externalAddress);
  return addressClass === "public" ? [] : [{ kind: "not-public", externalAddress, addressClass }];
}

/** Findings about one protocol where the gateway speaks the other one. */
function protocolFindings({ gateway, protocols, via }: Examination): Finding[] {
  if ("error" in gateway) return [];
  const name = gateway.value.gateway;
  const [pcp, natPmp] = (["pcp", "nat-pmp"] as const).map((via) => {
    const answer = protocols.find((one) => one.via === via)?.answer;
    return answer !== undefined && "error" in answer ? answer.error : undefined;
  });
  if (isAddressMismatch(pcp)) return [{ kind: "address-mismatch", gateway: name }];
  if (via === "pcp" && natPmp instanceof NotSupportedError) return [{ kind: "pcp-only", gateway: name }];
  if (via === "nat-pmp" && pcp instanceof NoAnswerError) return [{ kind: "drops-version-2", gateway: name }];
  return [];
}

/** PCP's result ADDRESS_MISMATCH (RFC 6887 §7.4). */
function isAddressMismatch(error: unknown): boolean {
  return error instanceof RefusedError && isUnsuitable(error);
}

function mappingFindings({ announcements, testMapping, gateway, via }: Examination): Finding[] {
  const unheard: Finding[] = announcements !== undefined && "error" in announcements && via !== "upnp"
    ? [{ kind: "announcements-unheard" }]
    : [];
  if (testMapping === undefined || "error" in gateway) return unheard;
  if ("error" in testMapping) {
    return [...failureFindings(testMapping.error, gateway.value.gateway, "mapping"), ...unheard];
  }
  const { lease: { lifetimeSeconds }, deletion } = testMapping.value;
  return [
    ...("error" in deletion ? [{ kind: "test-mapping-stays", lifetimeSeconds } as const] : []),
    ...unheard,
  ];
}

function failureFindings(error: unknown, gateway: string, what: "address" | "mapping"): Finding[] {
  if (error instanceof NoAnswerError && error.via === "upnp") return [{ kind: "http-silence", gateway }];
  if (error instanceof NoAnswerError) {
    const junk = error.discarded.values().reduce((sum, count) => sum + count, 0);
    return [{ kind: "silence", gateway, junk, couldSend: error.socketFailure === undefined }];
  }
  if (error instanceof NotSupportedError) {
    const { reason, version } = error;
    return [{
      kind: "not-supported",
      gateway,
      reason,
      ...(version === undefined ? {} : { version }),
      ...(hasNoUpnp(error) ? { hasNoUpnp: true } : {}),
    }];
  }
  // It has a finding of its own.
  if (isAddressMismatch(error)) return [];
  if (error instanceof RefusedError) return [{ kind: "refused", what, refusal: error.refusal }];
  return [{ kind: "failed", error }];
}
