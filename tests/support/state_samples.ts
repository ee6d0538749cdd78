/**
 * What a state file can hold.
 *
 * @module
 */

import type { Moment } from "../../lib/lease/moment.ts";
import type { LinkState, RunState, State, StoredLease } from "../../lib/lease/state.ts";

/** The beginning of 2026, an hour after the machine's start. */
export const NEW_YEAR: Moment = { wallMs: Date.UTC(2026, 0), uptimeMs: 3_600_000, boot: "first" };

/** A lease for two hours, granted at {@linkcode NEW_YEAR}. */
export function leaseOf(internalPort: number, change: Partial<StoredLease> = {}): StoredLease {
  return {
    protocol: "tcp",
    internalPort,
    requestedExternalPort: internalPort,
    externalPort: internalPort,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 7200,
    granted: NEW_YEAR,
    ...change,
  };
}

/** What `box`, at 10.0.0.2, knows of 10.0.0.1. */
export function linkWith(change: Partial<LinkState> = {}): LinkState {
  return {
    host: "box",
    gateway: "10.0.0.1",
    port: 5351,
    localAddress: "10.0.0.2",
    leases: [],
    keepers: [],
    ...change,
  };
}

/** A run of cron's line on `box`. */
export function runOf(change: Partial<RunState> = {}): RunState {
  return { host: "box", source: "tcp 80", at: NEW_YEAR, told: [], shortRuns: 0, ...change };
}

/** A state with something of everything. */
export const FULL_STATE: State = {
  links: [
    linkWith({
      namespace: { inode: 4_026_531_840, boot: "first" },
      externalAddress: "203.0.113.7",
      memory: { data: { epochSeconds: 74_565 }, at: NEW_YEAR },
      leases: [
        leaseOf(80, {
          requestedExternalPort: 8080,
          externalPort: 40_001,
          externalAddress: "203.0.113.8",
          config: "/etc/natpmp.json",
        }),
        leaseOf(51_820, {
          protocol: "udp",
          isLost: true,
          isUntold: true,
          isEndReported: true,
          portFile: "/run/port",
        }),
        {
          protocol: "tcp",
          internalPort: 0,
          externalPort: 57_344,
          requestedLifetimeSeconds: 60,
          lifetimeSeconds: 4_294_967_295,
          granted: { wallMs: NEW_YEAR.wallMs + 1 },
        },
      ],
      keepers: [{
        lock: "/state/natpmp/leases.json.keeper-00000000-0000-4000-8000-000000000001.lock",
        mappings: [{ protocol: "tcp", internalPort: 80 }, { protocol: "udp", internalPort: 51_820 }],
      }],
    }),
    {
      host: "laptop",
      gateway: "192.168.1.1",
      port: 15_351,
      leases: [leaseOf(22, { granted: { wallMs: NEW_YEAR.wallMs, uptimeMs: 1 } })],
      keepers: [],
    },
  ],
  runs: [
    runOf({ source: "/etc/natpmp.json", told: ["10.0.0.1 did not answer", "\u001b[31mø\n"], shortRuns: 2 }),
    runOf({ host: "laptop", namespace: { inode: 1 }, at: { wallMs: 0 } }),
  ],
};
