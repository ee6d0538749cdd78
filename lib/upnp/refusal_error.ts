/**
 * The meaning of a router's refusal to the caller.
 *
 * @module
 */

import {
  DeletionRefusedError,
  type DeletionRefusedErrorOptions,
  type Effort,
  NoAnswerError,
  NotSupportedError,
  type Refusal,
  RefusedError,
} from "../errors.ts";
import { FAULT } from "./constants.ts";
import { ActionRefused } from "./action_refused.ts";
import { HttpError, isSilence } from "./http_error.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";

/** The faults with a meaning that other protocols share. */
const REFUSALS: ReadonlyMap<number, Refusal> = new Map([
  [FAULT.notAuthorized, "not-authorized"],
  [FAULT.readOnly, "not-authorized"],
  [FAULT.noPortMapsAvailable, "out-of-resources"],
  [FAULT.outOfMemory, "out-of-resources"],
  [FAULT.conflict, "port-unavailable"],
  [FAULT.conflictWithOtherMechanisms, "port-unavailable"],
]);

/** The faults of a router that lacks the action. */
const LACKS: readonly number[] = [FAULT.invalidAction, FAULT.optionalActionNotImplemented];

/** Whether an error is the router's: a refusal, no answer, or one that cannot be read. */
export function isOfRouter(error: unknown): error is ActionRefused | HttpError | MalformedDocumentError {
  return error instanceof ActionRefused || error instanceof HttpError ||
    error instanceof MalformedDocumentError;
}

/** The error for callers; what is not of the router stays as it is. */
export function refusal(gateway: string, error: unknown, effort: Effort): unknown {
  if (isSilence(error)) return new NoAnswerError(error.message, effort, { discarded: new Map() });
  if (error instanceof HttpError) {
    return new RefusedError(error.message, "unknown-result", { resultCode: 0, effort });
  }
  if (error instanceof MalformedDocumentError) {
    const message = `${gateway} sent an answer that cannot be read: ${error.message}`;
    return new RefusedError(message, "unknown-result", { resultCode: 0, effort });
  }
  if (!(error instanceof ActionRefused)) return error;
  const { code, isHttp } = error;
  const message = messageOf(gateway, error);
  if (!isHttp && LACKS.includes(code)) {
    return new NotSupportedError(message, "unsupported-opcode", { resultCode: code, effort });
  }
  const reason = isHttp ? undefined : REFUSALS.get(code);
  return new RefusedError(message, reason ?? "unknown-result", { resultCode: code, effort });
}

/** The error of a deletion that was refused. */
export function deletionRefusal(
  gateway: string,
  error: ActionRefused,
  options: Omit<DeletionRefusedErrorOptions, "resultCode">,
): DeletionRefusedError {
  const { code, isHttp } = error;
  const reason = isHttp ? undefined : REFUSALS.get(code);
  const message = `${gateway} refused to delete the mapping: ${error.message}`;
  return new DeletionRefusedError(message, reason ?? "unknown-result", { resultCode: code, ...options });
}

function messageOf(gateway: string, { message }: ActionRefused): string {
  return `${gateway} answered: ${message}`;
}
