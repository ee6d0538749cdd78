/**
 * The errors of finding a gateway: what the caller got wrong, and what the host lacks.
 *
 * @module
 */

import { NoGatewayError, UnknownInterfaceError } from "../errors.ts";
import type { ChoiceFailure } from "./choose.ts";

/** What helps wherever discovery does not. */
export const NAME_IT = "name the gateway with --gateway";

/**
 * Turns a failed choice into the error that says what is wrong and what to do.
 *
 * @param failure The failure.
 * @returns {@linkcode UnknownInterfaceError} for the caller's mistakes, else {@linkcode NoGatewayError}.
 */
export function failureError(failure: ChoiceFailure): UnknownInterfaceError | NoGatewayError {
  switch (failure.kind) {
    case "unknown-interface":
    case "foreign-source": {
      const { asked, known } = failure;
      const what = failure.kind === "unknown-interface"
        ? "this host has no such interface"
        : `it is no IPv4 address of ${failure.interfaceName ?? "this host"}`;
      const there = known.length === 0 ? "there is none" : `there is ${known.join(", ")}`;
      return new UnknownInterfaceError(`Cannot send from ${asked}: ${what} (${there})`, asked, known);
    }
    case "no-address":
      return new NoGatewayError(
        `Cannot send from ${failure.interfaceName}: the interface has no IPv4 address`,
      );
    case "no-gateway":
      return new NoGatewayError(
        `Cannot find a gateway through ${failure.interfaceName}: no default route leads through it; ${NAME_IT}`,
      );
    case "no-guess":
      return new NoGatewayError(
        `Cannot find a gateway through ${failure.interfaceName}: its route names no next hop, and its own address ` +
          `${failure.localAddress} leaves nothing to guess; ${NAME_IT}`,
      );
    case "no-default-route":
      return new NoGatewayError(
        `Cannot find a gateway: this host has no default route; connect it to a network, or ${NAME_IT}`,
      );
  }
}
