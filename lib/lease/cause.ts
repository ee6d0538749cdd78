/**
 * What an error means to somebody who goes on trying.
 *
 * @module
 */

import {
  BusyError,
  DeletionRefusedError,
  NoAnswerError,
  NotSupportedError,
  PortDiffersError,
  PortMapperError,
  RefusedError,
} from "../errors.ts";

/**
 * Names the cause of an error, without what differs from try to try, so that each cause is told once.
 *
 * @param error The error.
 * @returns A text that is the same for the same cause.
 */
export function causeOf(error: unknown): string {
  if (error instanceof DeletionRefusedError) return `deletion refused: ${error.refusal} ${error.resultCode}`;
  if (error instanceof RefusedError) return `refused: ${error.refusal} ${error.resultCode}`;
  if (error instanceof NotSupportedError) return `not supported: ${error.reason}`;
  if (error instanceof NoAnswerError) return "silence";
  if (error instanceof BusyError) return "busy";
  if (error instanceof PortDiffersError) return `port differs: ${error.requirement}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/**
 * Tells whether an error is the gateway's, or comes from its absence, so that trying again makes sense.
 *
 * @param error The error.
 * @returns Whether it is; anything else is a mistake of the caller or a defect.
 */
export function isGatewaysFault(error: unknown): error is PortMapperError {
  return error instanceof PortMapperError;
}

/**
 * Tells whether an error is about one mapping rather than about the gateway as a whole.
 *
 * @param error The error.
 * @returns Whether another mapping may well succeed.
 */
export function concernsOneMapping(error: unknown): boolean {
  return error instanceof RefusedError || error instanceof PortDiffersError;
}
