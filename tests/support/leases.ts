/**
 * Leases as a gateway may have granted them.
 *
 * @module
 */

import type { HeldLease } from "../../lib/lease/ledger.ts";
import type { Lease } from "../../lib/port_mapper.ts";

/** TCP port 80, asked for at 8080 for two hours, granted at 40001 for one. */
export function leaseOf(different: Partial<Lease> = {}): Lease {
  return {
    protocol: "tcp",
    internalPort: 80,
    via: "nat-pmp",
    requestedExternalPort: 8080,
    externalPort: 40_001,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 3600,
    grantedAtMs: 0,
    renewAtMs: 1_800_000,
    joinAtMs: 1_700_000,
    minRetryGapMs: 2000,
    expiresAtMs: 3_600_000,
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 2.84,
    ...different,
  };
}

/** When the leases of {@linkcode heldLeaseOf} began: an hour after the machine's start. */
export const GRANTED = { wallMs: Date.UTC(2026, 0), uptimeMs: 3_600_000, boot: "first" };

/** The lease of {@linkcode leaseOf}, held since {@linkcode GRANTED}. */
export function heldLeaseOf(different: Partial<HeldLease> = {}): HeldLease {
  const { grantedAtMs: _, renewAtMs: renewAfterMs, joinAtMs: joinAfterMs, expiresAtMs: __, ...rest } =
    leaseOf();
  return { ...rest, granted: GRANTED, renewAfterMs, joinAfterMs, ...different };
}
