import type { LeaseStatus } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { type MappingKey, mappingName } from "../../port_mapper.ts";
import { formatSpan } from "../format_span.ts";
import type { FieldsOf, STATUS_FIELDS } from "../result_fields.ts";
import { formatTime } from "../output.ts";
import type { KnownLease } from "./known_leases.ts";

const HEADINGS = ["MAPPING", "EXTERNAL", "TIME LEFT", "STATUS", "VIA", "ROUTER", "KEPT BY"];
const NOTHING = "-";

/** The word that users read for each status. */
const STATUS_WORDS: Readonly<Record<LeaseStatus, string>> = {
  held: "alive",
  expired: "expired",
  lost: "lost",
  unknown: "unknown",
};

/** Leases as a table, and mappings that should have one; one line when there is nothing to list. */
export function statusLines(known: readonly KnownLease[], missing: readonly MappingKey[] = []): string[] {
  if (known.length + missing.length === 0) return ["No leases"];
  const rows = [HEADINGS, ...known.map(cellsOf), ...missing.map(missingCells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}

function cellsOf({ record, lease, config, status, leftMs, keeper }: KnownLease): string[] {
  const { externalAddress, gateway } = record;
  const { externalPort, forHost } = lease;
  return [
    forHost === undefined ? mappingName(lease) : `${lease.protocol} ${forHost}:${lease.internalPort}`,
    externalAddress === undefined ? String(externalPort) : `${externalAddress}:${externalPort}`,
    status !== "held" || leftMs === undefined
      ? NOTHING
      : leftMs === Infinity
      ? "permanent"
      : formatSpan(leftMs),
    STATUS_WORDS[status],
    lease.via,
    gateway,
    keeper ?? config ?? NOTHING,
  ];
}

function missingCells(mapping: MappingKey): string[] {
  return [mappingName(mapping), NOTHING, NOTHING, "missing", NOTHING, NOTHING, NOTHING];
}

/** A lease as an object of JSON. Its end is given by the wall clock of now, which may have been set since the grant. */
export function statusFields(
  { record, lease, config, status, leftMs, keeper }: KnownLease,
  now: StoredTime,
): FieldsOf<typeof STATUS_FIELDS> {
  const { gateway, localAddress, externalAddress } = record;
  const { protocol, internalPort, via, forHost, requestedExternalPort, externalPort } = lease;
  const { requestedLifetimeSeconds, lifetimeSeconds } = lease;
  return {
    protocol,
    internalPort,
    via,
    forHost,
    requestedExternalPort,
    externalPort,
    requestedLifetimeSeconds,
    ...(lifetimeSeconds === "permanent" ? { permanent: true } : { lifetimeSeconds }),
    ...(leftMs === undefined || leftMs === Infinity ? {} : {
      expiresAt: formatTime(new Date(now.wallMs + leftMs)),
      secondsLeft: Math.max(0, Math.floor(leftMs / 1000)),
    }),
    status: STATUS_WORDS[status],
    gateway,
    localAddress,
    externalAddress,
    keeper,
    config,
  };
}
