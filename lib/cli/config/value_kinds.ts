/**
 * The kinds of values that a configuration file holds: how one is read, with the functions that read the command line,
 * and how the schema describes it.
 *
 * @module
 */

import type { TransportProtocol } from "../../port_mapper.ts";
import { GATEWAY_PORT } from "../../backends.ts";
import { isObject, type Read, shown as shownJson } from "../../json_fields.ts";
import { VIA_CHOICES } from "../option_table.ts";
import {
  MAX_DURATION_SECONDS,
  MAX_TIMEOUT_SECONDS,
  parseAddress,
  parseDuration,
  parseEndpoint,
  parseTimeoutMs,
  parseVia,
} from "../option_values.ts";
import { parsePort, parsePorts, parseSpec, type Ports, PROTOCOLS, protocolsNamed } from "../specs.ts";
import { UsageError } from "../usage_error.ts";

/** A kind of value, which becomes a `T`. */
export interface ValueKind<T> {
  /** Describes a value of this kind, for the message about one of another kind. */
  readonly wanted: string;
  /** JSON Schema's words for it. Only the reader knows what they cannot express. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Whether the author of the file can make the program run a command, or write a file, with it; absent where neither. */
  readonly power?: "run" | "write";
  /** Throws a {@linkcode UsageError} for a value that is of the type but cannot be meant. */
  readonly read: Read<T>;
}

/** Regular expressions without anchors, for the schema. */
const PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
const BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const UNICAST = `(22[0-3]|2[01][0-9]|1[0-9]{2}|[1-9][0-9]?)(\\.${BYTE}){3}`;
const RANGE = `${PORT}-${PORT}`;
const NUMBER = "0*[0-9]{1,10}";
const DURATION_PATTERN = `^(${NUMBER}|${
  ["w", "d", "h", "m", "s"].map((unit) => `(${NUMBER}${unit})?`).join("")
})$`;
const PROTOCOL_WORDS = Object.keys(PROTOCOLS);

/** Reads what is text on the command line too, by the function that reads it there. */
function readText(value: unknown, check: (text: string) => unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  check(value);
  return value;
}

/** Text that some other program takes. */
export const TEXT: ValueKind<string> = {
  wanted: "text that is not empty",
  schema: { type: "string", pattern: "^[^\\u0000]+$" },
  // No system takes a NUL in a name or a command.
  read: (value) => typeof value === "string" && value !== "" && !value.includes("\0") ? value : undefined,
};

/** A file that is written, by a path that starts at the configuration file's directory unless it is absolute. */
export const PATH: ValueKind<string> = { ...TEXT, power: "write" };

/** A command for the shell. */
export const COMMAND: ValueKind<string> = { ...TEXT, power: "run" };

/** A name for lines that people read. */
export const NAME: ValueKind<string> = {
  wanted: "text of one line that is not empty",
  schema: { type: "string", pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]+$" },
  read: (value) => typeof value === "string" && /^\P{Cc}+$/u.test(value) ? value : undefined,
};

/** A switch. */
export const FLAG: ValueKind<boolean> = {
  wanted: "true or false",
  schema: { type: "boolean" },
  read: (value) => typeof value === "boolean" ? value : undefined,
};

/** The gateway, with a port if need be. */
export const ENDPOINT: ValueKind<string> = {
  wanted: 'an IPv4 address in dotted decimal, as in "10.0.0.1" or "10.0.0.1:5351"',
  schema: { type: "string", pattern: `^${UNICAST}(:${PORT})?$` },
  read: (value, what) =>
    readText(value, (text) => parseEndpoint(text, { defaultPort: GATEWAY_PORT, minPort: 1, what })),
};

/** An address of this host. */
export const ADDRESS: ValueKind<string> = {
  wanted: 'an IPv4 address in dotted decimal, as in "10.0.0.2"',
  schema: { type: "string", pattern: `^${BYTE}(\\.${BYTE}){3}$` },
  read: (value, what) => readText(value, (text) => parseAddress(text, what)),
};

/** The protocol to talk to the gateway in. */
export const VIA: ValueKind<string> = {
  wanted: VIA_CHOICES.map((word) => `"${word}"`).join(" or "),
  schema: { enum: VIA_CHOICES },
  read: (value, what) => readText(value, (text) => parseVia(text, what)),
};

const URL_OF_ADDRESS = new RegExp(`^[Hh][Tt][Tt][Pp]://${BYTE}(\\.${BYTE}){3}(:${PORT})?([/?#].*)?$`);

/** Where the description of a UPnP router is. */
export const IGD: ValueKind<string> = {
  wanted: 'a URL with an IPv4 address, as in "http://192.168.1.1:5000/rootDesc.xml"',
  schema: { type: "string", pattern: URL_OF_ADDRESS.source },
  // The rest is checked where the URL is used, before anything is sent.
  read: (value) => typeof value === "string" && URL_OF_ADDRESS.test(value) ? value : undefined,
};

/** How long one request lasts. */
export const TIMEOUT: ValueKind<string> = {
  wanted: "a number of seconds, as in 7.75",
  schema: { type: "number", exclusiveMinimum: 0, maximum: MAX_TIMEOUT_SECONDS },
  read(value, what) {
    if (typeof value !== "number") return undefined;
    parseTimeoutMs(String(value), what);
    return String(value);
  },
};

/** How long a mapping lives, as the command line has it. */
export const DURATION: ValueKind<string> = {
  wanted: 'seconds, or text as in "90s", "30m", "2h", "1d", "1w", "1h30m"',
  schema: {
    anyOf: [
      { type: "integer", minimum: 1, maximum: MAX_DURATION_SECONDS },
      { type: "string", pattern: DURATION_PATTERN, not: { pattern: "^[0a-z]*$" } },
    ],
  },
  read(value, what) {
    if (typeof value !== "number" && typeof value !== "string") return undefined;
    parseDuration(String(value), what);
    return String(value);
  },
};

/** An external port, or a range of them; port 0 where the gateway is to choose. */
export const EXTERNAL_PORT: ValueKind<Ports> = {
  wanted: 'a whole number from 1 to 65535, or "any", or a range as in "6881-6889"',
  schema: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: 65_535 },
      { const: "any" },
      { type: "string", pattern: `^${RANGE}$` },
    ],
  },
  read: (value) => value === "any" ? { first: 0 } : readPorts(value),
};

/** A port of this host, or a range of them. 0 passes: another key allows or forbids it. */
export const INTERNAL_PORT: ValueKind<Ports> = {
  wanted: 'a whole number from 1 to 65535, or a range as in "6881-6889"',
  schema: {
    anyOf: [{ type: "integer", minimum: 0, maximum: 65_535 }, { type: "string", pattern: `^${RANGE}$` }],
  },
  read: readPorts,
};

function readPorts(value: unknown): Ports | undefined {
  if (typeof value === "number") return { first: parsePort(String(value), { isZeroAllowed: true }) };
  const isRange = typeof value === "string" && value.includes("-");
  return isRange ? parsePorts(value, { isZeroAllowed: true }) : undefined;
}

/** One protocol, or both. */
export const PROTOCOL: ValueKind<readonly TransportProtocol[]> = {
  wanted: PROTOCOL_WORDS.map((word) => `"${word}"`).join(" or "),
  schema: { enum: PROTOCOL_WORDS },
  read: (value) => typeof value === "string" ? protocolsNamed(value) : undefined,
};

/** A mapping as on the command line. */
export const SPEC: ValueKind<string> = {
  wanted: 'text as in "8080:80/tcp", or an object',
  schema: {
    type: "string",
    pattern: `^(((any|0|${PORT}):)?(0|${PORT})|((any|0|${RANGE}):)?${RANGE})(/(${
      PROTOCOL_WORDS.join("|")
    }))?$`,
  },
  read: (value) =>
    readText(value, (text) => parseSpec(text, { defaultProtocols: ["tcp"], allowPortZero: true })),
};

/** A list, whose items are of a kind of their own. */
export const LIST: ValueKind<readonly unknown[]> = {
  wanted: "a list",
  schema: { type: "array" },
  read: (value) => Array.isArray(value) ? value : undefined,
};

/** A value as a message quotes it: only as much as the reader needs to find it. */
export function shown(value: unknown): string {
  if (isObject(value)) return "an object";
  return Array.isArray(value) ? "a list" : shownJson(value);
}

/**
 * Reads a value of a kind; `what` names it in the message.
 *
 * @throws {UsageError} If it is not of the kind.
 */
export function readValue<T>(kind: ValueKind<T>, value: unknown, what: string): T {
  const read = kind.read(value, what);
  if (read === undefined) throw new UsageError(`Cannot read ${what} ${shown(value)}: write ${kind.wanted}`);
  return read;
}
