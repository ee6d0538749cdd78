/** The reason why a request has no answer. */
export type HttpFailure =
  /** Nobody listens on that port. */
  | "refused"
  /** No connection could be made for another reason. */
  | "unreachable"
  /** The answer was not whole in time. */
  | "timeout"
  /** The connection ended before the answer was whole. */
  | "broken"
  /** The answer exceeds a bound. */
  | "too-long"
  /** The answer is not one of HTTP/1. */
  | "not-http";

/** A request that has no answer. An answer with any status is one. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly reason: HttpFailure;

  constructor(message: string, reason: HttpFailure) {
    super(message);
    this.reason = reason;
  }
}

/** The failures of a router that does not answer; the others are answers that cannot be read. */
const SILENCES: readonly HttpFailure[] = ["refused", "unreachable", "timeout", "broken"];

/** Whether an error means that there was no answer at all. */
export function isSilence(error: unknown): error is HttpError {
  return error instanceof HttpError && SILENCES.includes(error.reason);
}
