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
  if (error instanceof DeletionRefusedError) return `deletion refused: ${refusalOf(error)}`;
  if (error instanceof RefusedError) return `refused: ${refusalOf(error)}`;
  if (error instanceof NotSupportedError) return `not supported: ${error.reason}${byProtocol(error)}`;
  if (error instanceof NoAnswerError) return "silence";
  if (error instanceof BusyError) return "busy";
  if (error instanceof PortDiffersError) return `port differs: ${error.requirement}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function refusalOf(error: RefusedError): string {
  return `${error.refusal} ${error.resultCode}${byProtocol(error)}`;
}

/** The same number of another protocol is another cause. Those of NAT-PMP are as the state has them from version 0.1 on. */
function byProtocol({ via }: PortMapperError): string {
  return via === undefined || via === "nat-pmp" ? "" : ` (${via})`;
}

/** Whether trying again makes sense: the gateway refused or is missing. Anything else is a mistake or a defect. */
export function isRetryable(error: unknown): error is PortMapperError {
  return error instanceof PortMapperError;
}

/** Whether an error is about one mapping, so that another one may well succeed. */
export function isPerMapping(error: unknown): boolean {
  return error instanceof RefusedError || error instanceof PortDiffersError;
}
