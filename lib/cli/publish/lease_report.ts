import { type HeldLease, leftMs } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { type MappingKey, mappingName } from "../../port_mapper.ts";
import type { FieldsOf, LEASE_FIELDS } from "../result_fields.ts";
import { formatTime, roundMs } from "../output.ts";

/** A granted lease as one line for people; the address only where it is known. */
export function leaseLine(lease: HeldLease, externalAddress: string | undefined): string {
  const { requestedExternalPort, externalPort, lifetimeSeconds } = lease;
  const asked = [
    requestedExternalPort === undefined || requestedExternalPort === externalPort
      ? []
      : `${requestedExternalPort}`,
    lease.requestedLifetimeSeconds === lifetimeSeconds || lifetimeSeconds === "permanent"
      ? []
      : `${lease.requestedLifetimeSeconds} s`,
  ].flat().join(", ");
  const lifetime = lifetimeSeconds === "permanent" ? lifetimeSeconds : `${lifetimeSeconds} s`;
  return `${reachedAt(lease, externalAddress)}, ${lifetime}` + (asked && ` (asked for ${asked})`);
}

/** A lease that was left alone, as one line for people. */
export function keptLine(lease: HeldLease, externalAddress: string | undefined, now: StoredTime): string {
  const left = leftMs(lease, now) ?? 0;
  const life = left === Infinity ? "permanent" : `${Math.floor(left / 1000)} s left`;
  return `${reachedAt(lease, externalAddress)}, ${life}`;
}

/** The end of a lease as one line for people. */
export function expiredLine(mapping: MappingKey, externalPort: number): string {
  return `${mappingName(mapping)} expired: external port ${externalPort} is closed`;
}

function reachedAt(
  { protocol, internalPort, externalPort }: HeldLease,
  externalAddress: string | undefined,
): string {
  const external = externalAddress === undefined ? externalPort : `${externalAddress}:${externalPort}`;
  return `${protocol} ${external} -> ${internalPort}`;
}

/** The fields that a lease has in JSON besides its protocol and internal port; what a grant cost where it was one. */
export function leaseFields(lease: HeldLease, now: StoredTime): FieldsOf<typeof LEASE_FIELDS> {
  const { requestedExternalPort, externalPort, requestedLifetimeSeconds, lifetimeSeconds } = lease;
  const { epochSeconds, attempts, elapsedMs } = lease;
  return {
    requestedExternalPort,
    externalPort,
    requestedLifetimeSeconds,
    ...(lifetimeSeconds === "permanent"
      ? { permanent: true }
      : { lifetimeSeconds, expiresAt: formatTime(new Date(now.wallMs + (leftMs(lease, now) ?? 0))) }),
    epochSeconds,
    attempts,
    elapsedMs: elapsedMs === undefined ? undefined : roundMs(elapsedMs),
  };
}
