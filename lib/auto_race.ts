/**
 * The first request to a gateway of which nobody knows what it speaks: over PCP and, when that takes long, a question over
 * NAT-PMP and a search for a UPnP router beside it.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import { NoAnswerError, NotSupportedError, type PortMapperError, RefusedError } from "./errors.ts";
import type { GatewayInfo } from "./port_mapper.ts";
import { type Heard, type Move, nextMove } from "./protocol_choice.ts";

/** How a promise ended. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** The parts of a race. */
export interface RaceOptions<T> {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Checks whether an error means that this protocol will not do with a gateway that is there. */
  readonly isUnsuitable: (error: unknown) => boolean;
  /** Sends the request over PCP; `onSend` is to be called with each datagram. */
  readonly request: (signal: AbortSignal, onSend: () => void) => Promise<T>;
  /** Whether the answer to the question is all that is wanted, so that it is not asked a second time. */
  readonly usesAnswer: boolean;
  /** Asks over NAT-PMP what changes nothing, this long after the request was sent. */
  readonly ask: (signal: AbortSignal, spentMs: number) => Promise<GatewayInfo>;
  /** Searches for a UPnP router, this long after the request was sent; absent where none is to be searched for. */
  readonly search?: ((signal: AbortSignal, spentMs: number) => Promise<void>) | undefined;
}

/** The outcome of a race: the answer over PCP, or another protocol to use. */
export type RaceOutcome<T> =
  | { readonly via: "pcp"; readonly value: T }
  | {
    readonly via: "nat-pmp";
    /** The answer to the question, where it was asked and answered by a success. */
    readonly answer?: GatewayInfo | undefined;
    /** Why PCP did not answer. */
    readonly error: unknown;
    /** Why the question was not answered to its end. */
    readonly questionError?: NoAnswerError | undefined;
    /** How long ago the request was sent, in milliseconds. */
    readonly spentMs: number;
  }
  | {
    readonly via: "upnp";
    /** How long ago the request was sent, in milliseconds. */
    readonly spentMs: number;
  };

/** Runs a race to its end. Throws where no protocol has an answer, and a refusal over PCP, which is one. */
export async function race<T>(options: RaceOptions<T>): Promise<RaceOutcome<T>> {
  const { clock, isUnsuitable, ask, search, usesAnswer } = options;
  const over = new AbortController();
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal]);
  let change = Promise.withResolvers<void>();
  const upnp = search === undefined ? "none" : "unasked";
  let heard: Omit<Heard, "elapsedMs"> = { pcp: "pending", natPmp: "unasked", upnp };
  const hear = (more: Partial<typeof heard>) => {
    heard = { ...heard, ...more };
    change.resolve();
  };
  // Before its turn at the gateway nothing is sent, over neither protocol.
  let sentAtMs = Infinity;
  const elapsedMs = () => clock.now() - sentAtMs;
  const pcp = settled(options.request(signal, () => {
    if (sentAtMs !== Infinity) return;
    sentAtMs = clock.now();
    change.resolve();
  }));
  void pcp.then((outcome) =>
    hear({ pcp: "value" in outcome ? "answered" : kindOf(outcome.error, isUnsuitable) })
  );
  let question: Promise<Settled<GatewayInfo>> | undefined;
  let searched: Promise<Settled<void>> | undefined;
  /** Ends what is still under way. */
  const end = async () => {
    over.abort();
    return [await pcp, await question, await searched] as const;
  };
  for (;;) {
    const move: Move = nextMove({ ...heard, elapsedMs: elapsedMs() });
    switch (move.kind) {
      case "take-pcp": {
        const [outcome] = await end();
        if ("error" in outcome) throw outcome.error;
        return { via: "pcp", value: outcome.value };
      }
      case "give-up": {
        const [outcome, ...others] = await end();
        throw failureOf("error" in outcome ? outcome.error : undefined, ...others);
      }
      case "ask-nat-pmp":
        question = settled(ask(signal, elapsedMs()));
        void question.then((outcome) =>
          hear({ natPmp: "value" in outcome ? "answered" : answerOf(outcome.error) })
        );
        hear({ natPmp: "pending" });
        break;
      case "search-upnp":
        searched = settled(search!(signal, elapsedMs()));
        void searched.then((outcome) => hear({ upnp: "value" in outcome ? "found" : "none" }));
        hear({ upnp: "searching" });
        break;
      case "use-upnp": {
        const spentMs = Math.max(0, elapsedMs());
        const [outcome] = await end();
        // It came at the last moment.
        if ("value" in outcome) return { via: "pcp", value: outcome.value };
        options.signal?.throwIfAborted();
        return { via: "upnp", spentMs };
      }
      case "use-nat-pmp": {
        const answer = usesAnswer || heard.natPmp === "answered" ? await question : undefined;
        const spentMs = Math.max(0, elapsedMs());
        const [outcome, asked] = await end();
        // It came at the last moment.
        if ("value" in outcome) return { via: "pcp", value: outcome.value };
        options.signal?.throwIfAborted();
        return {
          via: "nat-pmp",
          answer: answer !== undefined && "value" in answer ? answer.value : undefined,
          error: outcome.error,
          questionError: asked !== undefined && "error" in asked && asked.error instanceof NoAnswerError
            ? asked.error
            : undefined,
          spentMs,
        };
      }
      case "wait": {
        const timer = new AbortController();
        const ms = move.untilMs - elapsedMs();
        const sleeping = ms === Infinity ? [] : [clock.sleep(ms, { signal: timer.signal }).catch(() => {})];
        await Promise.race([change.promise, ...sleeping]);
        timer.abort();
      }
    }
    change = Promise.withResolvers();
  }
}

export function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then((value) => ({ value }), (error) => ({ error }));
}

/** Both protocols have the same port. */
export function isClosed(error: unknown): error is NotSupportedError {
  return error instanceof NotSupportedError && error.reason === "port-unreachable";
}

/** An error that is not of one protocol alone. */
export function ofNeither<E extends PortMapperError>(error: E): E {
  delete error.via;
  return error;
}

/** Why PCP is not used, for people. */
export function reasonAgainst(error: unknown): string {
  if (error instanceof NotSupportedError) return "PCP is not spoken";
  return error instanceof RefusedError ? "PCP was refused" : "PCP was not answered";
}

function kindOf(error: unknown, isUnsuitable: RaceOptions<unknown>["isUnsuitable"]): Heard["pcp"] {
  if (isClosed(error)) return "closed";
  if (isUnsuitable(error)) return "unsuitable";
  return error instanceof NoAnswerError ? "silent" : "answered";
}

/** A refusal shows that NAT-PMP is spoken, as a success does. */
function answerOf(error: unknown): Heard["natPmp"] {
  if (isClosed(error)) return "closed";
  return error instanceof RefusedError ? "answered" : "silent";
}

/** Where none answered: that nobody listens there, or how the request over PCP failed. */
function failureOf(
  error: unknown,
  question: Settled<GatewayInfo> | undefined,
  searched: Settled<void> | undefined,
): unknown {
  const closed = isClosed(error) ? error : errorOf(question);
  if (isClosed(closed)) return withOther(ofNeither(closed), errorOf(searched));
  return error instanceof NoAnswerError ? ofNeither(error) : error;
}

function errorOf(outcome: Settled<unknown> | undefined): unknown {
  return outcome !== undefined && "error" in outcome ? outcome.error : undefined;
}

/** An error that no protocol is spoken, with what is known of one more. */
export function withOther(error: NotSupportedError, other: unknown): NotSupportedError {
  if (!(other instanceof NotSupportedError)) return error;
  const { message, reason, effort, others } = error;
  return new NotSupportedError(message, reason, {
    ...(effort === undefined ? {} : { effort }),
    others: [...others, other],
  });
}
