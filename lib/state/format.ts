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

import { type HeldLease, type LedgerEntry, lifeMs } from "../lease/ledger.ts";
import type { StoredTime } from "../lease/stored_time.ts";
import { type MappingKey, mappingName, type Via } from "../port_mapper.ts";
import type { NetworkNamespace } from "./network_namespace.ts";
import type { GatewayRecord, RunRecord, State, WatchClaim } from "./records.ts";

/** The version that is written. */
const VERSION = 2;

const VIAS: readonly Via[] = ["pcp", "nat-pmp", "upnp"];

const MAX_PORT = 65_535;

/** Lifetimes have 32 bits in every protocol. */
const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;

/** RFC 3339 in UTC. The other forms that `Date` understands may be local time, or beyond what it can write. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$/;

/** Longer than any machine runs, and still exact. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

/** This much of a wrong value is shown. */
const SHOWN_LENGTH = 60;

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
  const { granted, attempts: _, elapsedMs: _elapsed, epochSeconds: _epoch, ...rest } = lease;
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
  const file = new Fields(json, "the file");
  const version = file.value("version");
  if (version === undefined) throw new StateFormatError("it has no version");
  if (version === 1) {
    return { gateways: file.list("links").map(parseLink1), runs: file.list("runs").map(parseRun1) };
  }
  if (typeof version === "number" && Number.isInteger(version) && version > VERSION) {
    throw new NewerStateError(`a newer natpmp wrote it (version ${version})`);
  }
  if (version !== VERSION) throw new StateFormatError(`its version is ${shown(version)}`);
  return { gateways: file.list("gateways").map(parseGateway), runs: file.list("runs").map(parseRun) };
}

function parseGateway(gateway: Fields): GatewayRecord {
  return {
    ...parseKey(gateway),
    via: gateway.oneOf("via", VIAS),
    entries: gateway.list("mappings").map(parseEntry),
    watches: gateway.list("watches").map(parseClaim),
  };
}

function parseKey(gateway: Fields): Omit<GatewayRecord, "via" | "entries" | "watches"> {
  return {
    host: gateway.text("host"),
    gateway: gateway.text("gateway"),
    port: gateway.port("port"),
    ...gateway.optionalText("localAddress"),
    ...parseNamespace(gateway),
    ...gateway.optionalText("externalAddress"),
    memory: gateway.optional(
      "memory",
      (fields) => ({ data: fields.writable("data"), at: parseTime(fields, "at") }),
    ),
  };
}

function parseNamespace(parent: Fields): { readonly namespace?: NetworkNamespace } {
  const namespace = parent.optional(
    "namespace",
    (fields) => ({ inode: fields.whole("inode", MAX_COUNT), ...fields.optionalText("boot") }),
  );
  return namespace === undefined ? {} : { namespace };
}

function parseEntry(fields: Fields): LedgerEntry {
  const lifetime = fields.value("lifetimeSeconds");
  const lease: HeldLease = {
    ...parseGrant(fields),
    via: fields.oneOf("via", VIAS),
    ...fields.optionalText("externalAddress"),
    lifetimeSeconds: lifetime === "permanent"
      ? lifetime
      : fields.whole("lifetimeSeconds", MAX_LIFETIME_SECONDS),
    renewAfterMs: fields.duration("renewAfterMs"),
    joinAfterMs: fields.duration("joinAfterMs"),
    minRetryGapMs: fields.number("minRetryGapMs", MAX_COUNT),
  };
  const { protocol, internalPort } = lease;
  return {
    protocol,
    internalPort,
    lease,
    ...fields.optionalFlag("isLost"),
    reported: fields.optional("reported", (reported) => ({
      externalPort: reported.port("externalPort"),
      ...reported.optionalText("externalAddress"),
      ...reported.optionalFlag("hasEnded"),
    })),
    ...fields.optionalFlag("hookPending"),
    ...fields.optionalText("config"),
    ...fields.optionalText("portFile"),
  };
}

/** The fields of a lease that both versions have. */
function parseGrant(lease: Fields) {
  return {
    protocol: lease.oneOf("protocol", ["tcp", "udp"] as const),
    internalPort: lease.port("internalPort", 0),
    requestedExternalPort: lease.value("requestedExternalPort") === undefined
      ? undefined
      : lease.port("requestedExternalPort"),
    externalPort: lease.port("externalPort"),
    requestedLifetimeSeconds: lease.whole("requestedLifetimeSeconds", MAX_LIFETIME_SECONDS),
    granted: parseTime(lease, "granted"),
  };
}

function parseClaim(claim: Fields): WatchClaim {
  const mappings = claim.texts("mappings").map((text): MappingKey => {
    const [, protocol, internalPort] = /^(tcp|udp) ([0-9]+)$/.exec(text) ?? [];
    if (protocol === undefined || Number(internalPort) > MAX_PORT) throw claim.wrong("mappings");
    return { protocol: protocol as MappingKey["protocol"], internalPort: Number(internalPort) };
  });
  return { lock: claim.text("lock"), mappings };
}

function parseRun(run: Fields): RunRecord {
  return { ...parseRunKey(run), reported: run.texts("reported") };
}

function parseRunKey(run: Fields): Omit<RunRecord, "reported"> {
  return {
    host: run.text("host"),
    ...parseNamespace(run),
    source: run.text("source"),
    at: parseTime(run, "at"),
    shortRuns: run.whole("shortRuns", MAX_COUNT),
  };
}

function parseTime(parent: Fields, name: string): StoredTime {
  const time = new Fields(parent.value(name), name);
  const text = time.text("at");
  const wallMs = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(wallMs)) throw time.wrong("at");
  return {
    wallMs,
    uptimeMs: time.value("uptimeMs") === undefined ? undefined : time.number("uptimeMs", MAX_COUNT),
    ...time.optionalText("boot"),
  };
}

// ---- version 1 ----

function parseLink1(link: Fields): GatewayRecord {
  return {
    ...parseKey(link),
    via: "nat-pmp",
    entries: link.list("leases").map(parseLease1),
    watches: link.list("keepers").map(parseClaim),
  };
}

/** Version 1 renewed from half of the smaller lifetime on. */
function parseLease1(fields: Fields): LedgerEntry {
  const grant = parseGrant(fields);
  const lifetimeSeconds = fields.whole("lifetimeSeconds", MAX_LIFETIME_SECONDS);
  const halfMs = Math.min(lifetimeSeconds, grant.requestedLifetimeSeconds) * 500;
  const { protocol, internalPort, externalPort } = grant;
  const { isUntold: hookPending } = fields.optionalFlag("isUntold");
  return {
    protocol,
    internalPort,
    lease: {
      ...grant,
      via: "nat-pmp",
      lifetimeSeconds,
      renewAfterMs: halfMs,
      joinAfterMs: halfMs,
      minRetryGapMs: 2000,
    },
    ...fields.optionalFlag("isLost"),
    reported: { externalPort, ...fields.optionalText("externalAddress") },
    hookPending,
    ...fields.optionalText("config"),
  };
}

function parseRun1(run: Fields): RunRecord {
  return { ...parseRunKey(run), reported: run.texts("told") };
}

/** An object of the file. A field that is not what it should be is an error that names it. */
class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #name: string;

  constructor(value: unknown, name: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new StateFormatError(`${name} is not an object`);
    }
    this.#object = value as Readonly<Record<string, unknown>>;
    this.#name = name;
  }

  wrong(name: string): StateFormatError {
    return new StateFormatError(`"${name}" of ${this.#name} is ${shown(this.value(name))}`);
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== "string") throw this.wrong(name);
    return value;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.text(name);
    if (!values.includes(value as T)) throw this.wrong(name);
    return value as T;
  }

  number(name: string, max: number): number {
    const value = this.value(name);
    if (typeof value !== "number" || value < 0 || value > max) throw this.wrong(name);
    return value;
  }

  /** Milliseconds; JSON has no `Infinity`, which is written as null. */
  duration(name: string): number {
    return this.value(name) === null ? Infinity : this.number(name, MAX_COUNT);
  }

  whole(name: string, max: number): number {
    const value = this.number(name, max);
    if (!Number.isInteger(value)) throw this.wrong(name);
    return value;
  }

  /** A value that is not ours to judge, as long as it can be written again: JSON reads deeper than it writes. */
  writable(name: string): unknown {
    const value = this.value(name);
    if (value !== undefined && textOf(value) === undefined) throw this.wrong(name);
    return value;
  }

  /** A port that a request can carry: else every renewal would fail by it, for ever. */
  port(name: string, least = 1): number {
    const value = this.whole(name, MAX_PORT);
    if (value < least) throw this.wrong(name);
    return value;
  }

  texts(name: string): string[] {
    const value = this.value(name);
    if (!Array.isArray(value) || !value.every((text) => typeof text === "string")) throw this.wrong(name);
    return value;
  }

  list(name: string): Fields[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw this.wrong(name);
    return value.map((item, i) => new Fields(item, `${name}[${i}]`));
  }

  optional<T>(name: string, read: (fields: Fields) => T): T | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : read(new Fields(value, name));
  }

  optionalText<K extends string>(name: K): { [key in K]?: string } {
    return (this.value(name) === undefined ? {} : { [name]: this.text(name) }) as { [key in K]?: string };
  }

  optionalFlag<K extends string>(name: K): { [key in K]?: boolean } {
    const value = this.value(name);
    if (value === undefined) return {};
    if (typeof value !== "boolean") throw this.wrong(name);
    return { [name]: value } as { [key in K]?: boolean };
  }
}

/** A value's JSON; `undefined` where it has none. */
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** The beginning of a value, for people. */
function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = textOf(value) ?? "not a value that can be shown";
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
