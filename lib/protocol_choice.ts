/**
 * Which protocol carries a request to a gateway of which nobody knows what it speaks. Pure.
 *
 * PCP is asked first, as RFC 6887 Appendix A has it. NAT-PMP gets a question that changes nothing, as some gateways drop
 * what is not of version 0.
 *
 * @module
 */

/** Ours: after this long without an answer over PCP, NAT-PMP is asked for the external address. */
export const QUESTION_AFTER_MS = 100;

/** Ours: after this long, a gateway that has answered NAT-PMP and not PCP speaks NAT-PMP alone. */
export const FALLBACK_AFTER_MS = 250;

/** The state of a race. */
export interface Heard {
  /** How long ago the request went out over PCP, in milliseconds. */
  readonly elapsedMs: number;
  /** The request's fate: no answer yet; answered, be it by a refusal; PCP will not do here; the port is closed; silence. */
  readonly pcp: "pending" | "answered" | "unsuitable" | "closed" | "silent";
  /** The fate of the question over NAT-PMP. */
  readonly natPmp: "unasked" | "pending" | "answered" | "closed" | "silent";
}

/** The next move. */
export type Move =
  /** The request over PCP has its answer. */
  | { readonly kind: "take-pcp" }
  /** Ask NAT-PMP for the external address, while PCP is waited for. */
  | { readonly kind: "ask-nat-pmp" }
  /** Send the request over NAT-PMP. */
  | { readonly kind: "use-nat-pmp" }
  /** Nobody listens, or nobody answers. */
  | { readonly kind: "give-up" }
  /** Wait for an answer, until this long after the start at most. */
  | { readonly kind: "wait"; readonly untilMs: number };

/** Decides the next move. */
export function nextMove({ elapsedMs, pcp, natPmp }: Heard): Move {
  if (pcp === "answered") return { kind: "take-pcp" };
  // Such an answer comes from whoever has the port, which NAT-PMP shares.
  if (pcp === "unsuitable") return { kind: "use-nat-pmp" };
  if (pcp === "closed" || natPmp === "closed") return { kind: "give-up" };
  if (natPmp === "answered") {
    return pcp === "silent" || elapsedMs >= FALLBACK_AFTER_MS
      ? { kind: "use-nat-pmp" }
      : { kind: "wait", untilMs: FALLBACK_AFTER_MS };
  }
  if (natPmp === "unasked" && pcp === "pending") {
    return elapsedMs >= QUESTION_AFTER_MS
      ? { kind: "ask-nat-pmp" }
      : { kind: "wait", untilMs: QUESTION_AFTER_MS };
  }
  if (pcp === "silent" && natPmp !== "pending") return { kind: "give-up" };
  return { kind: "wait", untilMs: Infinity };
}
