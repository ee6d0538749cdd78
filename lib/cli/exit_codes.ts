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

/** When a command ends with the exit code of each kind, for the README and the man page. */
const MEANINGS: Readonly<Record<ErrorKind, string>> = {
  "failure": "any other failure: a file that natpmp cannot write, status --check with a dead lease, a defect",
  "usage":
    "a mistake in the command line or the configuration file, or an interface or address that this host does not have",
  "no-gateway": "no router found, or none behind the interface",
  "timeout": "the router did not answer in time",
  "not-authorized":
    "the router refused: not authorized (NAT-PMP result 2, PCP results 2 and 12, UPnP error 606), or over UPnP the " +
    "mapping to delete belongs to another host or port",
  "network-failure":
    "the router has no external address (NAT-PMP result 3, PCP result 7, 0.0.0.0, or over UPnP none)",
  "out-of-resources":
    "the router has no room for another mapping (NAT-PMP result 4, PCP results 8, 10 and 13, UPnP error 728; UPnP " +
    "errors 718, 729 and 501 after other ports were tried)",
  "not-supported":
    "the router speaks neither PCP nor NAT-PMP nor UPnP, or not what --via names: ICMP port unreachable and no answer " +
    "to the search of UPnP, another version, an unsupported opcode, protocol or action",
  "unknown-result":
    "any other result of the router, such as one that no standard defines; a mapping that it granted over UPnP and " +
    "does not list",
  "port-differs":
    "another external port than --exact allows (also PCP result 11, UPnP errors 718, 724 and 729), or two different " +
    "ports for TCP and UDP",
  "busy": "another natpmp is talking to the router, or keeps the mapping",
};

/** A row of the table of exit codes. */
export interface ExitCodeMeaning {
  /** One code, or some with commas between them. */
  readonly codes: string;
  /** `error.kind` in JSON; absent where the code means no error. */
  readonly kind?: ErrorKind;
  /** When a command ends so. */
  readonly meaning: string;
}

/**
 * Every exit code and when a command ends with it.
 *
 * @returns The rows, the lowest code first.
 */
export function exitCodeTable(): ExitCodeMeaning[] {
  const kinds = (Object.entries(EXIT_CODES) as [ErrorKind, number][]).toSorted(([, a], [, b]) => a - b);
  return [
    { codes: "0", meaning: "done; for watch, a clean stop by SIGINT, SIGTERM or --for" },
    ...kinds.map(([kind, code]) => ({ codes: String(code), kind, meaning: MEANINGS[kind] })),
    {
      codes: "130, 143",
      meaning: "stopped by SIGINT or SIGTERM; for watch, by a second signal",
    },
  ];
}

/** The kind of an error of any class. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof UsageError || error instanceof UnknownInterfaceError) return "usage";
  if (error instanceof NoGatewayError) return "no-gateway";
  if (error instanceof NoAnswerError) return "timeout";
  if (error instanceof RefusedError) {
    return error.refusal === "port-unavailable" ? "port-differs" : error.refusal;
  }
  if (error instanceof NotSupportedError) return "not-supported";
  if (error instanceof BusyError) return "busy";
  if (error instanceof PortDiffersError) return "port-differs";
  return "failure";
}

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: unknown): number {
  return error instanceof Stopped ? error.exitCode : EXIT_CODES[kindOf(error)];
}
