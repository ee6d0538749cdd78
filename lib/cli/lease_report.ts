import type { Clock } from "../clock.ts";
import type { Lease } from "../port_mapper.ts";
import { formatTime, roundMs } from "./output.ts";

/**
 * A lease as one line for people.
 *
 * @param lease What was granted.
 * @param externalAddress Where it is reached, if that is known.
 * @returns The line, without its end.
 */
export function leaseLine(lease: Lease, externalAddress: string | undefined): string {
  const { protocol, internalPort, requestedExternalPort, externalPort, lifetimeSeconds } = lease;
  const asked = [
    requestedExternalPort === undefined || requestedExternalPort === externalPort
      ? []
      : `${requestedExternalPort}`,
    lease.requestedLifetimeSeconds === lifetimeSeconds ? [] : `${lease.requestedLifetimeSeconds} s`,
  ].flat().join(", ");
  const reachedAt = externalAddress === undefined ? externalPort : `${externalAddress}:${externalPort}`;
  return `${protocol} ${reachedAt} -> ${internalPort}, ${lifetimeSeconds} s` +
    (asked && ` (asked for ${asked})`);
}

/**
 * The fields that a granted mapping has in JSON besides its protocol and internal port.
 *
 * @param lease What was granted.
 * @param clock The clock that the lease's times are of.
 * @returns The fields.
 */
export function leaseFields(lease: Lease, clock: Clock): Readonly<Record<string, unknown>> {
  const { requestedExternalPort, externalPort, requestedLifetimeSeconds, lifetimeSeconds } = lease;
  const { epochSeconds, attempts } = lease;
  return {
    ...(requestedExternalPort === undefined ? {} : { requestedExternalPort }),
    externalPort,
    requestedLifetimeSeconds,
    lifetimeSeconds,
    expiresAt: formatTime(new Date(clock.wallNow().getTime() + lease.expiresAtMs - clock.now())),
    epochSeconds,
    attempts,
    elapsedMs: roundMs(lease.elapsedMs),
  };
}
