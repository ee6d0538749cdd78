import {
  BusyError,
  NoAnswerError,
  NoGatewayError,
  NotSupportedError,
  PortDiffersError,
  RefusedError,
  UnknownInterfaceError,
} from "../errors.ts";
import { UsageError } from "./usage_error.ts";
import { Stopped } from "./world.ts";

/** The causes of failure that JSON names, and the exit code of each. */
export const EXIT_CODES = {
  "failure": 1,
  "usage": 2,
  "no-gateway": 3,
  "timeout": 4,
  "not-authorized": 5,
  "network-failure": 6,
  "out-of-resources": 7,
  "not-supported": 8,
  "unknown-result": 9,
  "port-differs": 10,
  "busy": 1,
} as const;

/** `error.kind` in JSON. */
export type ErrorKind = keyof typeof EXIT_CODES;

/** The kind of an error of any class. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof UsageError || error instanceof UnknownInterfaceError) return "usage";
  if (error instanceof NoGatewayError) return "no-gateway";
  if (error instanceof NoAnswerError) return "timeout";
  if (error instanceof RefusedError) return error.refusal;
  if (error instanceof NotSupportedError) return "not-supported";
  if (error instanceof BusyError) return "busy";
  if (error instanceof PortDiffersError) return "port-differs";
  return "failure";
}

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: unknown): number {
  return error instanceof Stopped ? error.exitCode : EXIT_CODES[kindOf(error)];
}
