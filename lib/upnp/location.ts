/**
 * Which URLs of a router are used. Pure.
 *
 * Anybody in the network can answer a search, and so choose what this host connects to. A URL is used only if it is
 * plain http to an IPv4 address that the router is known by. The checks read the text, since `new URL()` turns
 * `http://2130706433/` and `http://0x7f.1/` into dotted decimal.
 *
 * @module
 */

import { classifyIpv4, type Ipv4Class, parseIpv4 } from "../net/ipv4.ts";
import { MAX_URL_CHARS } from "./constants.ts";

/** The reason why a URL is not used. */
export type UrlRefusal =
  | "malformed"
  | "not-http"
  | "user-info"
  /** A name, an IPv6 address, or an IPv4 address that is not in dotted decimal. */
  | "not-ipv4"
  | "bad-port"
  /** An address that no router has, such as one of loopback. */
  | "special-address"
  /** Neither the gateway nor the host that sent the URL. */
  | "foreign-host";

/** A URL that may be used, or the reason against it. */
export type UrlVerdict =
  | {
    readonly url: URL;
    /** The host of the text, where the URL has the gateway instead. */
    readonly rewrittenHost?: string | undefined;
  }
  | {
    readonly refusal: UrlRefusal;
    /** The reason in words that follow the URL, as in `is not an http URL`. */
    readonly because: string;
  };

/** The hosts that a search is about. */
export interface SearchedHosts {
  /** The source address of the answer. */
  readonly repliedFrom: string;
  /** The gateway's address. */
  readonly gateway: string;
}

/** The hosts and URLs that the URLs of a description are judged by. */
export interface DescriptionOrigin {
  /** Where the description was read. Its host is allowed. */
  readonly location: URL;
  /** Other hosts that are allowed. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** The host that was replaced in the location: it is replaced in the description too. */
  readonly rewrittenHost?: string | undefined;
}

/**
 * Judges the location in an answer to a search. Its host has to be the gateway or the sender. Where the gateway itself
 * names another address, it is asked at its own: the other one may be on a network of the router that this host cannot
 * reach, or one of several routers that share an address.
 */
export function safeLocation(text: string, { repliedFrom, gateway }: SearchedHosts): UrlVerdict {
  const parts = splitUrl(text);
  if ("refusal" in parts) return parts;
  if (parts.host === repliedFrom || parts.host === gateway) return makeUrl(parts);
  if (repliedFrom === gateway) return makeUrl({ ...parts, host: gateway }, parts.host);
  return refuseHost(parts.host);
}

/** Judges a URL that somebody typed: any address is allowed that a host can have. */
export function parseIgdUrl(text: string): UrlVerdict {
  const parts = splitUrl(text);
  if ("refusal" in parts) return parts;
  return UNUSABLE.includes(classifyIpv4(parts.host)) ? refuseHost(parts.host) : makeUrl(parts);
}

/**
 * Resolves and judges a URL of a description. An absolute one counts as it is; any other is relative to `URLBase`, or to
 * the description's own URL where that is missing or not allowed (UDA §2.3, UDA 1.0 §2.1).
 */
export function resolveServiceUrl(
  text: string,
  { urlBase, ...origin }: DescriptionOrigin & { readonly urlBase?: string | undefined },
): UrlVerdict {
  if (text === "") return refuse("malformed", "is empty");
  if (ABSOLUTE.test(text)) return judgeAbsolute(text, origin);
  const problem = malformation(text);
  if (problem !== undefined) return problem;
  const base = urlBase === undefined ? undefined : judgeAbsolute(urlBase, origin);
  return joinUrl(base !== undefined && "url" in base ? base.url : origin.location, text);
}

function judgeAbsolute(text: string, origin: DescriptionOrigin): UrlVerdict {
  const { location, allowedHosts = [], rewrittenHost } = origin;
  const parts = splitUrl(text);
  if ("refusal" in parts) return parts;
  if (parts.host === location.hostname || allowedHosts.includes(parts.host)) return makeUrl(parts);
  if (parts.host === rewrittenHost) return makeUrl({ ...parts, host: location.hostname }, rewrittenHost);
  return refuseHost(parts.host);
}

/** Addresses that no other host can have. */
const UNUSABLE: readonly Ipv4Class[] = ["zero", "multicast", "broadcast"];
/** Addresses that a router does not have towards this host. */
const SPECIAL: readonly Ipv4Class[] = [...UNUSABLE, "loopback", "link-local"];

interface UrlParts {
  readonly host: string;
  readonly port: number;
  /** Path, query and fragment. */
  readonly rest: string;
}

type Refused = Extract<UrlVerdict, { refusal: UrlRefusal }>;

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
/** Printable ASCII but `"<>\` and the blank, which no URL has (RFC 3986 §2). `new URL()` takes a `\` for a `/`. */
const URL_TEXT = /^[!#-;=?-[\]-~]*$/;
const PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i;
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/;

function refuse(refusal: UrlRefusal, because: string): Refused {
  return { refusal, because };
}

function refuseHost(host: string): Refused {
  return SPECIAL.includes(classifyIpv4(host))
    ? refuse("special-address", "has an address that no router has")
    : refuse("foreign-host", "is on a host that is neither the router nor the one that sent the URL");
}

function malformation(text: string): Refused | undefined {
  if (text.length > MAX_URL_CHARS) return refuse("malformed", "is too long for a URL");
  if (!URL_TEXT.test(text)) return refuse("malformed", "has characters that no URL has");
}

function splitUrl(text: string): UrlParts | Refused {
  const problem = malformation(text);
  if (problem !== undefined) return problem;
  const [, scheme, authority, rest] = PARTS.exec(text) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) {
    return refuse("malformed", "is not a URL");
  }
  if (scheme.toLowerCase() !== "http") return refuse("not-http", "is not an http URL");
  if (authority.includes("@")) return refuse("user-info", "has a user name in it");
  const [, host, portText = ""] = HOST_AND_PORT.exec(authority) ?? [];
  if (host === undefined) return refuse("bad-port", "has no valid port");
  if (parseIpv4(host) === undefined) {
    return refuse("not-ipv4", "does not name its host by an IPv4 address in dotted decimal");
  }
  const port = portText === "" ? 80 : Number(portText);
  if (port < 1 || port > 65_535) return refuse("bad-port", "has no valid port");
  return { host, port, rest };
}

function makeUrl({ host, port, rest }: UrlParts, rewrittenHost?: string): UrlVerdict {
  const url = new URL(`http://${host}:${port}${rest.startsWith("/") ? "" : "/"}${rest}`);
  url.hash = "";
  return rewrittenHost === undefined ? { url } : { url, rewrittenHost };
}

/** Several slashes at the joint are one: neither `//host` nor `/` after a base that ends in `/` names a host here. */
function joinUrl(base: URL, text: string): UrlVerdict {
  const start = new URL(base);
  start.pathname = base.pathname.replace(/^\/+/, "/").replace(/(?<!\/)\/+$/, "/");
  // The Broadcom stack's paths begin with `uuid:`, which is not a scheme there.
  const path = SCHEME.test(text) ? `./${text}` : text.replace(/^\/+/, "/");
  const url = new URL(path, start);
  url.hash = "";
  return url.host === base.host ? { url } : refuse("malformed", "is not a URL");
}
