import { NotSupportedError, PortMapperError, RefusedError } from "../errors.ts";
import { exitCodeOf, kindOf } from "./exit_codes.ts";
import { explain } from "./messages.ts";
import { roundMs } from "./output.ts";
import { Stopped } from "./world.ts";

/** A failure in every form in which a command tells it. */
export interface Failure {
  readonly exitCode: number;
  /** Whether it is a fault of the program, neither the caller's nor the gateway's. */
  readonly isDefect: boolean;
  /** For people, one line. */
  readonly message: string;
  /** For `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Puts an error into the words of the command line.
 *
 * @param error What failed.
 * @param gateway The gateway that was asked, where there was one.
 * @returns Exit code, message and JSON.
 */
export function failureOf(error: unknown, gateway?: string): Failure {
  const kind = kindOf(error);
  const message = explain(error, gateway);
  const hasResultCode = error instanceof RefusedError || error instanceof NotSupportedError;
  const resultCode = hasResultCode && error.resultCode !== undefined ? { resultCode: error.resultCode } : {};
  const effort = error instanceof PortMapperError && error.effort !== undefined
    ? { attempts: error.effort.attempts, elapsedMs: roundMs(error.effort.elapsedMs) }
    : {};
  const isDefect = kind === "failure" && !(error instanceof PortMapperError || error instanceof Stopped);
  return {
    isDefect,
    exitCode: exitCodeOf(error),
    message,
    json: { kind, message, ...resultCode, ...effort },
  };
}
