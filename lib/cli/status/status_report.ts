import type { Moment } from "../../lease/moment.ts";
import type { MappingKey } from "../../port_mapper.ts";
import { formatSpan } from "../format_span.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { formatTime } from "../output.ts";
import type { HeldLease } from "./held_lease.ts";

const HEADINGS = ["MAPPING", "EXTERNAL", "TIME LEFT", "STATUS", "GATEWAY", "KEPT BY"];
const NOTHING = "-";

/**
 * Leases as a table, and mappings that should have one.
 *
 * @param held The leases.
 * @param missing The mappings without any lease.
 * @returns The lines, without their ends; one that says so when there is nothing to list.
 */
export function statusLines(held: readonly HeldLease[], missing: readonly MappingKey[] = []): string[] {
  if (held.length + missing.length === 0) return ["No leases"];
  const rows = [HEADINGS, ...held.map(cellsOf), ...missing.map(missingCells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}

function cellsOf({ link, lease, standing, leftMs, keeper }: HeldLease): string[] {
  const { externalAddress, gateway } = link;
  const { externalPort, config } = lease;
  return [
    mappingName(lease),
    externalAddress === undefined ? String(externalPort) : `${externalAddress}:${externalPort}`,
    standing === "alive" && leftMs !== undefined ? formatSpan(leftMs) : NOTHING,
    standing,
    gateway,
    keeper ?? config ?? NOTHING,
  ];
}

function missingCells(mapping: MappingKey): string[] {
  return [mappingName(mapping), NOTHING, NOTHING, "missing", NOTHING, NOTHING];
}

/**
 * A lease as an object of JSON.
 *
 * @param held The lease.
 * @param now The time: the calendar may have been set since the lease was granted.
 * @returns The object.
 */
export function statusFields(
  { link, lease, standing, leftMs, keeper }: HeldLease,
  now: Moment,
): Record<string, unknown> {
  const { gateway, localAddress, externalAddress } = link;
  const { protocol, internalPort, requestedExternalPort, externalPort, config } = lease;
  const { requestedLifetimeSeconds, lifetimeSeconds } = lease;
  return {
    protocol,
    internalPort,
    ...(requestedExternalPort === undefined ? {} : { requestedExternalPort }),
    externalPort,
    requestedLifetimeSeconds,
    lifetimeSeconds,
    ...(leftMs === undefined ? {} : {
      expiresAt: formatTime(new Date(now.wallMs + leftMs)),
      secondsLeft: Math.max(0, Math.floor(leftMs / 1000)),
    }),
    status: standing,
    gateway,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(externalAddress === undefined ? {} : { externalAddress }),
    ...(keeper === undefined ? {} : { keeper }),
    ...(config === undefined ? {} : { config }),
  };
}
