import { parseIgdUrl, type ViaChoice } from "../backends.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import type { Endpoint } from "../net/datagram.ts";
import { VIA_CHOICES } from "./option_table.ts";
import { UsageError } from "./usage_error.ts";

/** The units of a duration, the largest first. */
const UNIT_SECONDS = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 } as const;

/** Seconds, or numbers with units: each unit once at most, the larger before the smaller. */
const DURATION = /^(?:([0-9]+)|([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?)$/;

/** The longest lifetime that any command takes, in seconds: what fits 32 bits. */
export const MAX_DURATION_SECONDS = 2 ** 32 - 1;

/**
 * Reads a duration: seconds, or numbers with w, d, h, m or s, as in `1h30m`.
 *
 * @returns Seconds, 1 to 4294967295.
 * @throws {UsageError} If it is not a duration or out of range.
 */
export function parseDuration(text: string, what: string): number {
  const [, bareSeconds, ...parts] = DURATION.exec(text) ?? [];
  const seconds = Object.values(UNIT_SECONDS).reduce(
    (sum, unitSeconds, i) => sum + parseInt(parts[i] ?? "0") * unitSeconds,
    Number(bareSeconds ?? 0),
  );
  if (!(seconds >= 1 && seconds <= MAX_DURATION_SECONDS)) {
    throw new UsageError(
      `Cannot read ${what} "${text}": write seconds, or 90s, 30m, 2h, 1d, 1w, 1h30m, from 1 to ${MAX_DURATION_SECONDS} s`,
    );
  }
  return seconds;
}

/** The whole schedule of RFC 6886 §3.1, in seconds. */
export const MAX_TIMEOUT_SECONDS = 127.75;

/**
 * Reads the value of `--timeout`.
 *
 * @returns Milliseconds, above 0 and up to 127750.
 * @throws {UsageError} If it is not a number or out of range.
 */
export function parseTimeoutMs(text: string, what = "--timeout"): number {
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) {
    throw new UsageError(
      `Cannot read ${what} "${text}": write a number of seconds above 0 and up to ${MAX_TIMEOUT_SECONDS}`,
    );
  }
  return seconds * 1000;
}

/**
 * Reads the value of `--via`.
 *
 * @returns The protocol, or that it is to be found out.
 * @throws {UsageError} If it is none of them.
 */
export function parseVia(text: string, what = "--via"): ViaChoice {
  const via = VIA_CHOICES.find((choice) => choice === text);
  if (via !== undefined) return via;
  throw new UsageError(`Cannot read ${what} "${text}": write ${VIA_CHOICES.join(", ")}`, {
    word: text,
    known: VIA_CHOICES,
  });
}

/** Options of {@linkcode parseEndpoint}. */
export interface ParseEndpointOptions {
  /** The port when none is named. */
  readonly defaultPort: number;
  /** The lowest port that may be named. */
  readonly minPort: number;
  /** The option, for the message. */
  readonly what: string;
  /** Whether 0.0.0.0 may be named, for every address of this host. */
  readonly isAnyAllowed?: boolean;
}

/** From here on, the first byte of an IPv4 address means multicast or something reserved. */
const FIRST_NOT_UNICAST = 224;

/**
 * Reads `ADDR[:PORT]`, an IPv4 address of one host in dotted decimal: no names, no IPv6.
 *
 * @returns Address and port.
 * @throws {UsageError} If it is not one.
 */
export function parseEndpoint(text: string, options: ParseEndpointOptions): Endpoint {
  const { defaultPort, minPort, what, isAnyAllowed = false } = options;
  const [hostname = "", portText, ...more] = text.split(":");
  const address = parseIpv4(hostname);
  if (address === undefined || more.length > 0) {
    throw new UsageError(
      `Cannot read ${what} "${text}": write an IPv4 address in dotted decimal, with a port if needed, as in 10.0.0.1:5351`,
    );
  }
  const [first = 0] = address;
  if (!(isAnyAllowed && hostname === "0.0.0.0") && (first === 0 || first >= FIRST_NOT_UNICAST)) {
    throw new UsageError(`Cannot use ${what} "${text}": ${hostname} is not the address of a single host`);
  }
  const port = portText === undefined ? defaultPort : parseWholeNumber(portText);
  if (!(port >= minPort && port <= 65535)) {
    throw new UsageError(
      `Cannot read ${what} "${text}": the port is a whole number from ${minPort} to 65535`,
    );
  }
  return { hostname, port };
}

/**
 * Reads the value of `--igd`: http, an IPv4 address, nothing else.
 *
 * @throws {UsageError} If it is not such a URL.
 */
export async function parseIgd(text: string, what = "--igd"): Promise<URL> {
  const verdict = await parseIgdUrl(text);
  if ("url" in verdict) return verdict.url;
  throw new UsageError(
    `Cannot use ${what} "${text}": it ${verdict.because}. Write a URL as in http://192.168.1.1:5000/rootDesc.xml`,
  );
}

/**
 * Reads the address of one host in dotted decimal.
 *
 * @throws {UsageError} If it is not one.
 */
export function parseHostAddress(text: string, what: string): string {
  const [first = 0] = parseIpv4(parseAddress(text, what))!;
  if (first !== 0 && first < FIRST_NOT_UNICAST) return text;
  throw new UsageError(`Cannot use ${what} "${text}": it is not the address of a single host`);
}

/**
 * Reads a port.
 *
 * @param text Decimal digits.
 * @param what The option, for messages.
 * @returns The port; 0 is any free one.
 * @throws {UsageError} If the text is not a number from 0 to 65535.
 */
export function parsePort(text: string, what: string): number {
  const port = parseWholeNumber(text);
  if (port >= 0 && port <= 65535) return port;
  throw new UsageError(`Cannot read ${what} "${text}": the port is a whole number from 0 to 65535`);
}

/**
 * Reads a whole decimal number without sign or leading zeros.
 *
 * @returns The number, or NaN when the text is not one.
 */
export function parseWholeNumber(text: string): number {
  return /^(0|[1-9][0-9]*)$/.test(text) ? Number(text) : NaN;
}

/**
 * Reads an address in dotted decimal.
 *
 * @throws {UsageError} If it is not one.
 */
export function parseAddress(text: string, what: string): string {
  if (parseIpv4(text) === undefined) {
    throw new UsageError(`Cannot read ${what} "${text}": write an IPv4 address in dotted decimal`);
  }
  return text;
}
