/**
 * The errors of finding a gateway: the caller's mistakes, and the host's lacks.
 *
 * @module
 */

import { NoGatewayError, type NoGatewayReason, UnknownInterfaceError } from "../errors.ts";
import type { ChoiceFailure } from "./choose.ts";

/**
 * Turns a failed choice into the error that says what is wrong.
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
        { reason: "no-address" },
      );
    case "no-gateway":
      return through(failure, "no default route leads through it", "no-route");
    case "no-guess":
      return through(
        failure,
        `its route names no next hop, and its own address ${failure.localAddress} leaves nothing to guess`,
        "no-next-hop",
      );
    case "no-private-guess":
      return through(
        failure,
        `its route names no next hop, and ${failure.guess} is not asked on a guess, as it may be a stranger's: it is ` +
          "not a private address (RFC 1918)",
        "no-next-hop",
      );
    case "ipv6-hop":
      return through(failure, "the next hop of its route is an IPv6 address", "no-next-hop");
    case "translated":
      return through(
        failure,
        `its address ${failure.localAddress} is that of an IPv6-only network, which translates IPv4 (464XLAT), and ` +
          "NAT-PMP is for IPv4",
        "ipv6-only",
      );
    case "ipv6-only":
      return new NoGatewayError(
        "Cannot find a gateway: this host has an IPv6 network only, and NAT-PMP is for IPv4",
        { reason: "ipv6-only" },
      );
    case "no-default-route":
      return new NoGatewayError("Cannot find a gateway: this host has no default route", {
        reason: "no-route",
      });
  }
}

function through(
  { interfaceName }: { readonly interfaceName: string },
  why: string,
  reason: NoGatewayReason,
): NoGatewayError {
  return new NoGatewayError(`Cannot find a gateway through ${interfaceName}: ${why}`, { reason });
}
