/**
 * The errors of finding a gateway: mistakes of the caller, and things that this host lacks.
 *
 * @module
 */

import { NoGatewayError, type NoGatewayReason, UnknownInterfaceError } from "../errors.ts";
import type { ChoiceFailure } from "./choose.ts";

/**
 * Turns a failed choice into its error.
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
        : `it is not an IPv4 address of ${failure.interfaceName ?? "this host"}`;
      const kind = failure.kind === "unknown-interface" ? "interfaces" : "addresses";
      const there = `${kind}: ${known.length === 0 ? "none" : known.join(", ")}`;
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
        `its route names no next hop, and its own address ${failure.localAddress} does not allow a guess`,
        "no-next-hop",
      );
    case "no-private-guess":
      return through(
        failure,
        `its route names no next hop, and the likely one, ${failure.guess}, may be a stranger's, as ` +
          "it is not a private address (RFC 1918)",
        "no-next-hop",
      );
    case "ipv6-hop":
      return through(failure, "the next hop of its route is an IPv6 address", "no-next-hop");
    case "translated":
      return through(
        failure,
        `its address ${failure.localAddress} belongs to an IPv6-only network, which translates IPv4 (464XLAT), and ` +
          "NAT-PMP is for IPv4",
        "ipv6-only",
      );
    case "ipv6-only":
      return new NoGatewayError(
        "Cannot find a router: this host has only an IPv6 network, and NAT-PMP is for IPv4",
        { reason: "ipv6-only" },
      );
    case "no-default-route":
      return new NoGatewayError("Cannot find a router: this host has no default route", {
        reason: "no-route",
      });
  }
}

function through(
  { interfaceName }: { readonly interfaceName: string },
  why: string,
  reason: NoGatewayReason,
): NoGatewayError {
  return new NoGatewayError(`Cannot find a router through ${interfaceName}: ${why}`, { reason });
}
