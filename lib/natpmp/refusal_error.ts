/**
 * The meaning of a gateway's refusal to the caller (RFC 6886 §3.5).
 *
 * @module
 */

import { type Effort, NotSupportedError, type Refusal, RefusedError } from "../errors.ts";
import { PCP_VERSION, RESULT, resultName } from "./constants.ts";
import type { Response } from "./message.ts";

/** The result codes with a meaning, in words that other protocols share (§3.5). */
const REFUSALS: ReadonlyMap<number, Refusal> = new Map([
  [RESULT.notAuthorized, "not-authorized"],
  [RESULT.networkFailure, "network-failure"],
  [RESULT.outOfResources, "out-of-resources"],
]);

/**
 * Makes the error for a reply that is a refusal.
 *
 * @param gateway The gateway, for the message.
 * @param reply The reply.
 * @param effort The cost of the request.
 * @returns The error; `undefined` for a success.
 */
export function refusalError(
  gateway: string,
  reply: Response,
  effort: Effort,
): RefusedError | NotSupportedError | undefined {
  if (reply.kind === "other-version") {
    const { version } = reply;
    const name = version === PCP_VERSION ? "PCP" : `version ${version}`;
    return new NotSupportedError(`${gateway} speaks ${name}, not NAT-PMP`, "unsupported-version", {
      version,
      effort,
    });
  }
  if (reply.kind !== "refusal") return undefined;
  const { resultCode } = reply;
  const message = `${gateway} answered: ${resultName(resultCode)} (result ${resultCode})`;
  switch (resultCode) {
    case RESULT.unsupportedVersion:
      return new NotSupportedError(message, "unsupported-version", { resultCode, effort });
    case RESULT.unsupportedOpcode:
      return new NotSupportedError(message, "unsupported-opcode", { resultCode, effort });
    default:
      return new RefusedError(message, REFUSALS.get(resultCode) ?? "unknown-result", { resultCode, effort });
  }
}
