/**
 * The text of the state file, and back. Pure.
 *
 * Version 1 is one JSON object: `version`, `links` and `runs`, with the fields of {@linkcode State}. A moment is an
 * object with `at`, RFC 3339 in UTC, and where they are known `uptimeMs` and `boot`. Each lease has an `expiresAt` too,
 * for those who look into the file; it is not read.
 *
 * @module
 */

import type { Moment } from "./moment.ts";
import type { InNamespace } from "./network_namespace.ts";
import type { MappingKey } from "../port_mapper.ts";
import type { KeeperClaim, LinkState, RunState, State, StoredLease } from "./state.ts";

/** The version that is written, and the only one that is read. */
const VERSION = 1;

const MAX_PORT = 65_535;

/** Lifetimes have 32 bits in every protocol. */
const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;

/** RFC 3339 in UTC. What else `Date` understands may be local time, or beyond what it can write. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$/;

/** Longer than any machine runs, and still exact. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

/** So much of what is wrong is shown. */
const SHOWN_LENGTH = 60;

/** The text is no state file of this version. */
export class StateFormatError extends Error {
  /** The class's name. */
  override readonly name = "StateFormatError";
}

/**
 * The text of the state file.
 *
 * @param state All that is known.
 * @returns The text.
 */
export function formatState({ links, runs }: State): string {
  const text = {
    version: VERSION,
    links: links.map(({ memory, leases, keepers, ...link }) => ({
      ...link,
      ...(memory === undefined ? {} : { memory: { data: memory.data, at: momentJson(memory.at) } }),
      leases: leases.map(leaseJson),
      keepers: keepers.map(({ lock, mappings }) => ({
        lock,
        mappings: mappings.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`),
      })),
    })),
    runs: runs.map(({ at, ...run }) => ({ ...run, at: momentJson(at) })),
  };
  return `${JSON.stringify(text)}\n`;
}

function leaseJson({ granted, ...lease }: StoredLease) {
  const expiresAt = new Date(granted.wallMs + lease.lifetimeSeconds * 1000);
  return { ...lease, granted: momentJson(granted), expiresAt: expiresAt.toISOString() };
}

function momentJson({ wallMs, uptimeMs, boot }: Moment) {
  return { at: new Date(wallMs).toISOString(), uptimeMs, boot };
}

/**
 * Reads the text of a state file.
 *
 * @param text The text.
 * @returns All that is known.
 * @throws {StateFormatError} If it is damaged, or of another version.
 */
export function parseState(text: string): State {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new StateFormatError(`it is no JSON (${error instanceof Error ? error.message : error})`);
  }
  const file = new Fields(json, "the file");
  const version = file.value("version");
  if (version === undefined) throw new StateFormatError("it has no version");
  if (version !== VERSION) {
    throw new StateFormatError(`it is of version ${shown(version)}, not ${VERSION}`);
  }
  return { links: file.list("links").map(parseLink), runs: file.list("runs").map(parseRun) };
}

function parseLink(link: Fields): LinkState {
  const memory = link.optional(
    "memory",
    (fields) => ({ data: fields.writable("data"), at: parseMoment(fields, "at") }),
  );
  return {
    host: link.text("host"),
    gateway: link.text("gateway"),
    port: link.port("port"),
    ...parseNamespace(link),
    ...link.optionalText("localAddress"),
    ...link.optionalText("externalAddress"),
    ...(memory === undefined ? {} : { memory }),
    leases: link.list("leases").map(parseLease),
    keepers: link.list("keepers").map(parseClaim),
  };
}

function parseLease(lease: Fields): StoredLease {
  const protocol = lease.text("protocol");
  if (protocol !== "tcp" && protocol !== "udp") throw lease.wrong("protocol");
  return {
    protocol,
    internalPort: lease.port("internalPort", 0),
    ...(lease.value("requestedExternalPort") === undefined
      ? {}
      : { requestedExternalPort: lease.port("requestedExternalPort") }),
    externalPort: lease.port("externalPort"),
    requestedLifetimeSeconds: lease.whole("requestedLifetimeSeconds", MAX_LIFETIME_SECONDS),
    lifetimeSeconds: lease.whole("lifetimeSeconds", MAX_LIFETIME_SECONDS),
    granted: parseMoment(lease, "granted"),
    ...lease.optionalText("externalAddress"),
    ...lease.optionalText("config"),
    ...lease.optionalFlag("isLost"),
    ...lease.optionalFlag("isUntold"),
    ...lease.optionalFlag("isEndReported"),
    ...lease.optionalText("portFile"),
  };
}

function parseClaim(claim: Fields): KeeperClaim {
  const mappings = claim.texts("mappings").map((text): MappingKey => {
    const [, protocol, internalPort] = /^(tcp|udp) ([0-9]+)$/.exec(text) ?? [];
    if (protocol === undefined || Number(internalPort) > MAX_PORT) throw claim.wrong("mappings");
    return { protocol: protocol as MappingKey["protocol"], internalPort: Number(internalPort) };
  });
  return { lock: claim.text("lock"), mappings };
}

function parseRun(run: Fields): RunState {
  return {
    host: run.text("host"),
    source: run.text("source"),
    ...parseNamespace(run),
    at: parseMoment(run, "at"),
    told: run.texts("told"),
    shortRuns: run.whole("shortRuns", MAX_COUNT),
  };
}

function parseNamespace(record: Fields): InNamespace {
  const namespace = record.optional("namespace", (fields) => ({
    inode: fields.whole("inode", MAX_COUNT),
    ...fields.optionalText("boot"),
  }));
  return namespace === undefined ? {} : { namespace };
}

function parseMoment(parent: Fields, name: string): Moment {
  const moment = new Fields(parent.value(name), name);
  const text = moment.text("at");
  const wallMs = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(wallMs)) throw moment.wrong("at");
  return {
    wallMs,
    ...(moment.value("uptimeMs") === undefined ? {} : { uptimeMs: moment.number("uptimeMs", MAX_COUNT) }),
    ...moment.optionalText("boot"),
  };
}

/** An object of the file, whose fields are what they should be or say that they are not. */
class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #name: string;

  constructor(value: unknown, name: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new StateFormatError(`${name} is no object`);
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

  number(name: string, max: number): number {
    const value = this.value(name);
    if (typeof value !== "number" || value < 0 || value > max) throw this.wrong(name);
    return value;
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
  const text = textOf(value) ?? "beyond words";
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
