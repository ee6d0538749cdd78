import {
  DeletionRefusedError,
  NotSupportedError,
  PortMapperError,
  RefusedError,
  StoreError,
} from "../errors.ts";
import { causeOf } from "../lease/cause.ts";
import type { Via } from "../port_mapper.ts";
import { exitCodeOf, kindOf } from "./exit_codes.ts";
import type { ERROR_FIELDS, FieldsOf } from "./result_fields.ts";
import { explain, type FailedCommand } from "./messages.ts";
import { formatTime, roundMs } from "./output.ts";
import { Stopped } from "./world.ts";

/** A failure in every form in which a command reports it. */
export interface Failure {
  readonly exitCode: number;
  /** Whether it is a fault of the program, neither the caller's nor the gateway's. */
  readonly isDefect: boolean;
  /** For people, one line. */
  readonly message: string;
  /** The same for the same failure, whatever it cost. */
  readonly cause: string;
  /** The protocol of the failed request, for `--json`, where it stands beside the error. */
  readonly via?: Via | undefined;
  /** For `--json`. */
  readonly json: FieldsOf<typeof ERROR_FIELDS>;
}

/**
 * Puts an error into the words of the command line.
 *
 * @returns Exit code, message and JSON.
 */
export function failureOf(error: unknown, command?: FailedCommand): Failure {
  const kind = kindOf(error);
  const message = explain(error, command);
  const hasResultCode = error instanceof RefusedError || error instanceof NotSupportedError;
  const resultCode = hasResultCode && error.resultCode !== undefined ? { resultCode: error.resultCode } : {};
  const livesUntil = error instanceof DeletionRefusedError ? error.livesUntil : undefined;
  const expiresAt = livesUntil === undefined ? {} : { expiresAt: formatTime(livesUntil) };
  const effort = error instanceof PortMapperError && error.effort !== undefined
    ? { attempts: error.effort.attempts, elapsedMs: roundMs(error.effort.elapsedMs) }
    : {};
  const isExpected = error instanceof PortMapperError || error instanceof StoreError ||
    error instanceof Stopped;
  const isDefect = kind === "failure" && !isExpected;
  return {
    isDefect,
    exitCode: exitCodeOf(error),
    message,
    cause: causeOf(error),
    via: error instanceof PortMapperError ? error.via : undefined,
    json: { kind, message, ...resultCode, ...expiresAt, ...effort },
  };
}
