/**
 * Which protocol carries a request to a gateway of which nobody knows what it speaks. Pure.
 *
 * PCP is asked first, as RFC 6887 Appendix A has it. NAT-PMP gets a question that changes nothing, as some gateways drop
 * what is not of version 0. Both have UDP port 5351: what answers there is preferred to UPnP, of which nothing is sent
 * while that port may answer at once.
 *
 * @module
 */

/** Ours: after this long without an answer over PCP, NAT-PMP is asked for the external address, and UPnP searched for. */
export const QUESTION_AFTER_MS = 100;

/** Ours: after this long, a gateway that has answered NAT-PMP and not PCP speaks NAT-PMP alone. */
export const FALLBACK_AFTER_MS = 250;

/** Ours: for this long, port 5351 is preferred to a UPnP router that was found. */
export const UPNP_AFTER_MS = 300;

/** The state of a race. */
export interface Heard {
  /** How long ago the request went out over PCP, in milliseconds. */
  readonly elapsedMs: number;
  /** The request's fate: no answer yet; answered, be it by a refusal; PCP will not do here; the port is closed; silence. */
  readonly pcp: "pending" | "answered" | "unsuitable" | "closed" | "silent";
  /** The fate of the question over NAT-PMP. */
  readonly natPmp: "unasked" | "pending" | "answered" | "closed" | "silent";
  /** The fate of the search for a UPnP router; `none` also where it is not to be searched for. */
  readonly upnp: "unasked" | "searching" | "found" | "none";
}

/** The next move. */
export type Move =
  /** The request over PCP has its answer. */
  | { readonly kind: "take-pcp" }
  /** Ask NAT-PMP for the external address, while PCP is waited for. */
  | { readonly kind: "ask-nat-pmp" }
  /** Send the request over NAT-PMP. */
  | { readonly kind: "use-nat-pmp" }
  /** Search for a UPnP router, while port 5351 is waited for. */
  | { readonly kind: "search-upnp" }
  /** Send the request over UPnP. */
  | { readonly kind: "use-upnp" }
  /** Nobody listens, or nobody answers. */
  | { readonly kind: "give-up" }
  /** Wait for an answer, until this long after the start at most. */
  | { readonly kind: "wait"; readonly untilMs: number };

const WAIT: Move = { kind: "wait", untilMs: Infinity };

/** Decides the next move. */
export function nextMove(heard: Heard): Move {
  const { elapsedMs, pcp, natPmp, upnp } = heard;
  if (pcp === "answered") return { kind: "take-pcp" };
  // Such an answer comes from whoever has the port, which NAT-PMP shares.
  if (pcp === "unsuitable") return { kind: "use-nat-pmp" };
  if (pcp === "closed" || natPmp === "closed") return withoutPort(heard);
  if (natPmp === "answered") {
    return pcp === "silent" || elapsedMs >= FALLBACK_AFTER_MS
      ? { kind: "use-nat-pmp" }
      : { kind: "wait", untilMs: FALLBACK_AFTER_MS };
  }
  const isSilent = pcp === "silent" && natPmp !== "pending";
  if (pcp === "pending" && elapsedMs < QUESTION_AFTER_MS) return { kind: "wait", untilMs: QUESTION_AFTER_MS };
  if (pcp === "pending" && natPmp === "unasked") return { kind: "ask-nat-pmp" };
  if (!isSilent && upnp === "unasked") return { kind: "search-upnp" };
  if (upnp === "found") {
    return isSilent || elapsedMs >= UPNP_AFTER_MS
      ? { kind: "use-upnp" }
      : { kind: "wait", untilMs: UPNP_AFTER_MS };
  }
  return isSilent && upnp !== "searching" ? { kind: "give-up" } : WAIT;
}

/** Nobody listens on port 5351, so that UPnP is all that is left. */
function withoutPort({ upnp }: Heard): Move {
  if (upnp === "unasked") return { kind: "search-upnp" };
  if (upnp === "searching") return WAIT;
  return upnp === "found" ? { kind: "use-upnp" } : { kind: "give-up" };
}
