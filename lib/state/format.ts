/**
 * The text of the state file, and back. Pure.
 *
 * Version 2 is one JSON object: `version`, `gateways` and `runs`, with the fields of {@linkcode State}. A stored time is
 * an object with `at`, RFC 3339 in UTC, and where they are known `uptimeMs` and `boot`. Each mapping has its lease's
 * fields beside its own, and an `expiresAt` for people who look into the file; that is not read.
 *
 * Version 1, of natpmp 0.1, had `links` with `leases` and `keepers`, all over NAT-PMP.
 *
 * @module
 */

import { type LedgerEntry, lifeMs } from "../lease/ledger.ts";
import type { StoredTime } from "../lease/stored_time.ts";
import {
  type FieldTable,
  isObject,
  jsonOf,
  type Read,
  readFields,
  shown,
  type ValuesOf,
} from "../json_fields.ts";
import { type GrantedLifetime, type MappingKey, mappingName, type Via } from "../port_mapper.ts";
import type { GatewayRecord, RunRecord, State, WatchClaim } from "./records.ts";

/** The version that is written. */
const VERSION = 2;

const MAX_PORT = 65_535;

/** Lifetimes have 32 bits in every protocol. */
const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;

/** RFC 3339 in UTC. The other forms that `Date` understands may be local time, or beyond what it can write. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$/;

/** Longer than any machine runs, and still exact. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

/** The text is not a state file of a version that is known. */
export class StateFormatError extends Error {
  /** The class's name. */
  override readonly name = "StateFormatError";
}

/** The text is a state file of a program newer than this one. */
export class NewerStateError extends StateFormatError {}

/** The text of the state file. */
export function formatState({ gateways, runs }: State): string {
  const text = {
    version: VERSION,
    gateways: gateways.map(({ memory, entries, watches, ...key }) => ({
      ...key,
      memory: memory && { data: memory.data, at: timeJson(memory.at) },
      mappings: entries.flatMap(entryJson),
      watches: watches.map(({ lock, mappings }) => ({ lock, mappings: mappings.map(mappingName) })),
    })),
    runs: runs.map(({ at, ...run }) => ({ ...run, at: timeJson(at) })),
  };
  return `${JSON.stringify(text)}\n`;
}

/** The file gets neither what belongs to one process alone, nor a mapping that was never granted. */
function entryJson({ lease, isLost, reported, hookPending, config, portFile }: LedgerEntry) {
  if (lease === undefined) return [];
  const { granted, attempts: _, elapsedMs: _elapsed, epochSeconds: _epoch, isVerified: _verified, ...rest } =
    lease;
  const endMs = granted.wallMs + lifeMs(lease);
  return [{
    ...rest,
    granted: timeJson(granted),
    expiresAt: endMs === Infinity ? undefined : new Date(endMs).toISOString(),
    isLost: isLost || undefined,
    reported,
    hookPending: hookPending || undefined,
    config,
    portFile,
  }];
}

function timeJson({ wallMs, uptimeMs, boot }: StoredTime) {
  return { at: new Date(wallMs).toISOString(), uptimeMs, boot };
}

/**
 * Reads the text of a state file.
 *
 * @throws {NewerStateError} If a newer program wrote it.
 * @throws {StateFormatError} If it is damaged.
 */
export function parseState(text: string): State {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new StateFormatError(`it is not JSON (${error instanceof Error ? error.message : error})`);
  }
  const { version } = anyFile(json, "the file");
  if (version === undefined) throw new StateFormatError("it has no version");
  if (version === 1) return file1(json, "the file");
  if (typeof version === "number" && Number.isInteger(version) && version > VERSION) {
    throw new NewerStateError(`a newer natpmp wrote it (version ${version})`);
  }
  if (version !== VERSION) throw new StateFormatError(`its version is ${shown(version)}`);
  return file(json, "the file");
}

// ---- kinds of fields ----

function need<T>(read: Read<T>) {
  return { kind: { read }, isRequired: true } as const;
}

function may<T>(read: Read<T>) {
  return { kind: { read } };
}

const text: Read<string> = (value) => typeof value === "string" ? value : undefined;

const flag: Read<boolean> = (value) => typeof value === "boolean" ? value : undefined;

/** A value that is not ours to judge, if only it can be written again. */
const writable: Read<unknown> = (value) => jsonOf(value) === undefined ? undefined : value;

const amount: Read<number> = (value) =>
  typeof value === "number" && value >= 0 && value <= MAX_COUNT ? value : undefined;

/** Milliseconds; JSON has no `Infinity`, which is written as null. */
const duration: Read<number> = (value, name) => value === null ? Infinity : amount(value, name);

function whole(min: number, max: number): Read<number> {
  return (value) =>
    Number.isInteger(value) && min <= Number(value) && Number(value) <= max ? Number(value) : undefined;
}

const count = whole(0, MAX_COUNT);

/** A port that a request can carry: else every renewal would fail by it, for ever. */
const port = whole(1, MAX_PORT);

const seconds = whole(0, MAX_LIFETIME_SECONDS);

const lifetime: Read<GrantedLifetime> = (value, name) => value === "permanent" ? value : seconds(value, name);

function oneOf<T>(...values: readonly T[]): Read<T> {
  return (value) => values.find((one) => one === value);
}

function list<T>(read: Read<T>): Read<readonly T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) return undefined;
    const items = value.map((item, i) => read(item, `${name}[${i}]`));
    return items.includes(undefined) ? undefined : items as T[];
  };
}

/** An object with the fields of a table, and with others that are ignored. */
function object<Table extends FieldTable>(table: Table) {
  return (value: unknown, name: string): ValuesOf<Table> => {
    if (!isObject(value)) throw new StateFormatError(`${name} is not an object`);
    return readFields(table, value, (field, { kind }, value) => {
      const read = kind.read(value, field);
      if (read !== undefined) return read;
      throw new StateFormatError(
        `"${field}" of ${name} is ${value === undefined ? "missing" : shown(value)}`,
      );
    });
  };
}

/** An object with the fields of a table, of which something else is made. */
function madeOf<Table extends FieldTable, T>(table: Table, make: (values: ValuesOf<Table>) => T) {
  const read = object(table);
  return (value: unknown, name: string): T => make(read(value, name));
}

const wallMs: Read<number> = (value, name) => {
  const rfc3339 = text(value, name) ?? "";
  const ms = TIME.test(rfc3339) ? Date.parse(rfc3339) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
};

const time = madeOf(
  { at: need(wallMs), uptimeMs: may(amount), boot: may(text) },
  ({ at, ...rest }): StoredTime => ({ wallMs: at, ...rest }),
);

const mapping: Read<MappingKey> = (value, name) => {
  const [, protocol, internalPort] = /^(tcp|udp) ([0-9]+)$/.exec(text(value, name) ?? "") ?? [];
  if (protocol === undefined || Number(internalPort) > MAX_PORT) return undefined;
  return { protocol: protocol as MappingKey["protocol"], internalPort: Number(internalPort) };
};

// ---- the objects of the file ----

const GATEWAY = {
  host: need(text),
  gateway: need(text),
  port: need(port),
  localAddress: may(text),
  forHost: may(text),
  namespace: may(object({ inode: need(count), boot: may(text) })),
  externalAddress: may(text),
  memory: may(madeOf({ data: may(writable), at: need(time) }, ({ data, at }) => ({ data, at }))),
};

const via = oneOf<Via>("pcp", "nat-pmp", "upnp");

/** The fields of a lease that both versions have. */
const GRANT = {
  protocol: need(oneOf<MappingKey["protocol"]>("tcp", "udp")),
  internalPort: need(whole(0, MAX_PORT)),
  requestedExternalPort: may(port),
  externalPort: need(port),
  requestedLifetimeSeconds: need(seconds),
  granted: need(time),
};

const leaseFields = object({
  ...GRANT,
  via: need(via),
  externalAddress: may(text),
  forHost: may(text),
  token: may(text),
  lifetimeSeconds: need(lifetime),
  renewAfterMs: need(duration),
  joinAfterMs: need(duration),
  minRetryGapMs: need(amount),
});

const ownFields = object({
  isLost: may(flag),
  reported: may(object({ externalPort: need(port), externalAddress: may(text), hasEnded: may(flag) })),
  hookPending: may(flag),
  config: may(text),
  portFile: may(text),
});

const entry: Read<LedgerEntry> = (value, name) => {
  const lease = leaseFields(value, name);
  const { protocol, internalPort } = lease;
  return { protocol, internalPort, lease, ...ownFields(value, name) };
};

const watches = need(list<WatchClaim>(object({ lock: need(text), mappings: need(list(mapping)) })));

const RUN = {
  host: need(text),
  namespace: GATEWAY.namespace,
  source: need(text),
  at: need(time),
  shortRuns: need(count),
};

const anyFile = object({ version: may((value) => value) });

const file = object({
  gateways: need(list(madeOf(
    { ...GATEWAY, mappings: need(list(entry)), watches },
    ({ mappings: entries, ...rest }): GatewayRecord => ({ ...rest, entries }),
  ))),
  runs: need(list<RunRecord>(object({ ...RUN, reported: need(list(text)) }))),
});

// ---- version 1 ----

/** Version 1 renewed from half of the smaller lifetime on. */
const entry1: Read<LedgerEntry> = madeOf(
  {
    ...GRANT,
    lifetimeSeconds: need(seconds),
    isUntold: may(flag),
    isLost: may(flag),
    externalAddress: may(text),
    config: may(text),
  },
  ({ isUntold: hookPending, isLost, externalAddress, config, ...grant }) => {
    const { protocol, internalPort, externalPort, lifetimeSeconds, requestedLifetimeSeconds } = grant;
    const halfMs = Math.min(lifetimeSeconds, requestedLifetimeSeconds) * 500;
    const lease = {
      ...grant,
      via: "nat-pmp",
      renewAfterMs: halfMs,
      joinAfterMs: halfMs,
      minRetryGapMs: 2000,
    } as const;
    const reported = { externalPort, externalAddress };
    return { protocol, internalPort, lease, isLost, reported, hookPending, config };
  },
);

const file1 = madeOf(
  {
    links: need(list(madeOf(
      { ...GATEWAY, leases: need(list(entry1)), keepers: watches },
      ({ leases: entries, keepers: watches, memory, ...rest }): GatewayRecord => ({
        ...rest,
        // It was that of NAT-PMP's client alone.
        memory: memory && { ...memory, data: { "nat-pmp": { data: memory.data, agoMs: 0 } } },
        entries,
        watches,
      }),
    ))),
    runs: need(list(madeOf(
      { ...RUN, told: need(list(text)) },
      ({ told: reported, ...rest }): RunRecord => ({ ...rest, reported }),
    ))),
  },
  ({ links: gateways, runs }): State => ({ gateways, runs }),
);
