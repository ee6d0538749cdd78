/**
 * The meaning of an error to a program that goes on trying.
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

/** A request was ended so that something more urgent could be done. */
export class Interrupted extends Error {
  /** The class's name. */
  override readonly name = "Interrupted";
}

/** Names the cause of an error, without what differs from try to try, so that each cause is reported once. */
export function causeOf(error: unknown): string {
  if (error instanceof DeletionRefusedError) return `deletion refused: ${error.refusal} ${error.resultCode}`;
  if (error instanceof RefusedError) return `refused: ${error.refusal} ${error.resultCode}`;
  if (error instanceof NotSupportedError) return `not supported: ${error.reason}`;
  if (error instanceof NoAnswerError) return "silence";
  if (error instanceof BusyError) return "busy";
  if (error instanceof PortDiffersError) return `port differs: ${error.requirement}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Whether trying again makes sense: the gateway refused or is missing. Anything else is a mistake or a defect. */
export function isRetryable(error: unknown): error is PortMapperError {
  return error instanceof PortMapperError;
}

/** Whether an error is about one mapping, so that another one may well succeed. */
export function isPerMapping(error: unknown): boolean {
  return error instanceof RefusedError || error instanceof PortDiffersError;
}
