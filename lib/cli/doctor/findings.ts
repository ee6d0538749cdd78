import {
  NoAnswerError,
  NoGatewayError,
  NotSupportedError,
  type NotSupportedReason,
  type Refusal,
  RefusedError,
} from "../../errors.ts";
import { classifyIpv4, type Ipv4Class } from "../../net/ipv4.ts";
import type { TransportProtocol } from "../../port_mapper.ts";
import { type Examination, firstError } from "./examination.ts";

/** Something that a person can act on, as data. */
export type Finding =
  | { readonly kind: "no-gateway" }
  | { readonly kind: "guessed-gateway"; readonly gateway: string }
  | { readonly kind: "policy-routing"; readonly interfaceName: string }
  | { readonly kind: "container"; readonly isBehindBridge: boolean }
  | { readonly kind: "not-private"; readonly localAddress: string; readonly addressClass: Ipv4Class }
  | { readonly kind: "silence"; readonly gateway: string; readonly junk: number; readonly couldSend: boolean }
  | {
    readonly kind: "not-supported";
    readonly gateway: string;
    readonly reason: NotSupportedReason;
    readonly version?: number;
  }
  | { readonly kind: "refused"; readonly what: "address" | "mapping"; readonly refusal: Refusal }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "not-public"; readonly externalAddress: string; readonly addressClass: Ipv4Class }
  | { readonly kind: "announcements-unheard" }
  | { readonly kind: "test-mapping-stays"; readonly lifetimeSeconds: number }
  | {
    readonly kind: "nobody-listens" | "listens-elsewhere";
    readonly protocol: TransportProtocol;
    readonly internalPort: number;
  };

/**
 * Draws the conclusions from an examination; pure.
 *
 * @param examination What was found out.
 * @returns The findings, what weighs most first; none when all is well.
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
    ...mappingFindings(examination),
    ...ports.flatMap(({ state, protocol, internalPort }): Finding[] => {
      if (state === "free") return [{ kind: "nobody-listens", protocol, internalPort }];
      return state === "elsewhere" ? [{ kind: "listens-elsewhere", protocol, internalPort }] : [];
    }),
  ];
}

function gatewayFindings({ gateway }: Examination): Finding[] {
  if ("error" in gateway) {
    return [
      gateway.error instanceof NoGatewayError
        ? { kind: "no-gateway" }
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
  const addressClass = classifyIpv4(externalAddress);
  return addressClass === "public" ? [] : [{ kind: "not-public", externalAddress, addressClass }];
}

function mappingFindings({ announcements, testMapping, gateway }: Examination): Finding[] {
  const unheard: Finding[] = announcements !== undefined && "error" in announcements
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
  if (error instanceof NoAnswerError) {
    const junk = error.discarded.values().reduce((sum, count) => sum + count, 0);
    return [{ kind: "silence", gateway, junk, couldSend: error.socketFailure === undefined }];
  }
  if (error instanceof NotSupportedError) {
    const { reason, version } = error;
    return [{ kind: "not-supported", gateway, reason, ...(version === undefined ? {} : { version }) }];
  }
  if (error instanceof RefusedError) return [{ kind: "refused", what, refusal: error.refusal }];
  return [{ kind: "failed", error }];
}
