/**
 * Leases as a gateway may have granted them.
 *
 * @module
 */

import type { Lease } from "../../lib/port_mapper.ts";

/** TCP port 80, asked for at 8080 for two hours, granted at 40001 for one. */
export function leaseOf(different: Partial<Lease> = {}): Lease {
  return {
    protocol: "tcp",
    internalPort: 80,
    requestedExternalPort: 8080,
    externalPort: 40_001,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 3600,
    grantedAtMs: 0,
    renewAtMs: 1_800_000,
    expiresAtMs: 3_600_000,
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 2.84,
    ...different,
  };
}
