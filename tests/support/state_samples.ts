/**
 * What a state file can hold.
 *
 * @module
 */

import type { HeldLease, LedgerEntry } from "../../lib/lease/ledger.ts";
import type { StoredTime } from "../../lib/lease/stored_time.ts";
import type { GatewayRecord, RunRecord, State } from "../../lib/state/records.ts";

/** The beginning of 2026, an hour after the machine's start. */
export const NEW_YEAR: StoredTime = { wallMs: Date.UTC(2026, 0), uptimeMs: 3_600_000, boot: "first" };

/** A lease for two hours, granted at {@linkcode NEW_YEAR}. */
export function leaseOf(internalPort: number, change: Partial<HeldLease> = {}): HeldLease {
  return {
    protocol: "tcp",
    internalPort,
    via: "nat-pmp",
    requestedExternalPort: internalPort,
    externalPort: internalPort,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 7200,
    granted: NEW_YEAR,
    renewAfterMs: 3_600_000,
    joinAfterMs: 3_600_000,
    minRetryGapMs: 2000,
    ...change,
  };
}

/** What is known of a mapping with the lease of {@linkcode leaseOf}. */
export function entryOf(
  internalPort: number,
  { lease: change = {}, ...more }: Partial<Omit<LedgerEntry, "lease">> & {
    readonly lease?: Partial<HeldLease>;
  } = {},
): LedgerEntry {
  const lease = leaseOf(internalPort, { protocol: more.protocol ?? "tcp", ...change });
  return { protocol: lease.protocol, internalPort, lease, ...more };
}

/** What `box`, at 10.0.0.2, knows of 10.0.0.1. */
export function recordWith(change: Partial<GatewayRecord> = {}): GatewayRecord {
  return {
    host: "box",
    gateway: "10.0.0.1",
    port: 5351,
    localAddress: "10.0.0.2",
    entries: [],
    watches: [],
    ...change,
  };
}

/** A run of cron's line on `box`. */
export function runOf(change: Partial<RunRecord> = {}): RunRecord {
  return { host: "box", source: "tcp 80", at: NEW_YEAR, reported: [], shortRuns: 0, ...change };
}

/** The same value without the fields that are `undefined`, which JSON does not carry. */
export function plain<T>(value: T): T {
  if (Array.isArray(value)) return value.map(plain) as T;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)])) as T;
}

/** A state with something of everything. */
export const FULL_STATE: State = {
  gateways: [
    recordWith({
      namespace: { inode: 4_026_531_840, boot: "first" },
      externalAddress: "203.0.113.7",
      memory: { data: { epochSeconds: 74_565 }, at: NEW_YEAR },
      entries: [
        entryOf(80, {
          lease: { requestedExternalPort: 8080, externalPort: 40_001 },
          reported: { externalPort: 40_000, externalAddress: "203.0.113.8" },
          config: "/etc/natpmp.json",
        }),
        entryOf(51_820, {
          protocol: "udp",
          lease: { joinAfterMs: 3_000_000 },
          isLost: true,
          reported: { externalPort: 51_820 },
          hookPending: true,
          portFile: "/run/port",
        }),
        {
          protocol: "tcp",
          internalPort: 0,
          lease: {
            protocol: "tcp",
            internalPort: 0,
            via: "nat-pmp",
            externalPort: 57_344,
            requestedLifetimeSeconds: 60,
            lifetimeSeconds: 4_294_967_295,
            granted: { wallMs: NEW_YEAR.wallMs + 1 },
            renewAfterMs: 30_000.5,
            joinAfterMs: 30_000.5,
            minRetryGapMs: 2000,
          },
        },
      ],
      watches: [{
        lock: "/state/natpmp/leases.json.keeper-00000000-0000-4000-8000-000000000001.lock",
        mappings: [{ protocol: "tcp", internalPort: 80 }, { protocol: "udp", internalPort: 51_820 }],
      }],
    }),
    recordWith({
      port: 5352,
      memory: { data: { epochSeconds: 12 }, at: NEW_YEAR },
      entries: [
        entryOf(443, { lease: { via: "pcp", token: "000102030405060708090a0b", minRetryGapMs: 4000 } }),
      ],
    }),
    {
      host: "laptop",
      gateway: "192.168.1.1",
      port: 5351,
      entries: [
        entryOf(22, {
          lease: {
            via: "upnp",
            lifetimeSeconds: "permanent",
            granted: { wallMs: NEW_YEAR.wallMs, uptimeMs: 1 },
            renewAfterMs: Infinity,
            joinAfterMs: Infinity,
          },
        }),
      ],
      watches: [],
    },
  ],
  runs: [
    runOf({
      source: "/etc/natpmp.json",
      reported: ["10.0.0.1 did not answer", "\u001b[31mø\n"],
      shortRuns: 2,
    }),
    runOf({ host: "laptop", namespace: { inode: 1 }, at: { wallMs: 0 } }),
  ],
};
