/**
 * The actions of WANIPConnection and WANPPPConnection that are used, and the values of their answers
 * (WANIPConnection:1 §2.4, :2 §2.5). Pure.
 *
 * Writers throw a `RangeError` for a number that fits no field. Readers throw a {@linkcode MalformedDocumentError} for a value that is missing or out of its range.
 *
 * @module
 */

import { parseIpv4 } from "../net/ipv4.ts";
import { MAX_UINT32 } from "./constants.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { shortText } from "./router_text.ts";
import type { Action } from "./soap.ts";
import { readXml, textOf, type XmlElement } from "./xml.ts";

/** The transport protocols, in the words of the rest of this program. */
export type Protocol = "tcp" | "udp";

/** The values of an answer, by their names. */
export type Values = ReadonlyMap<string, string>;

/** The name of a mapping at the router. The remote host, its third part, is always empty here: anybody. */
export interface PortMappingKey {
  readonly externalPort: number;
  readonly protocol: Protocol;
}

/** A mapping to make. */
export interface NewPortMapping extends PortMappingKey {
  readonly internalPort: number;
  /** The IPv4 address of the host that the port leads to. */
  readonly internalClient: string;
  /** A short text in ASCII; some routers refuse an empty one. */
  readonly description: string;
  /** 0 is a mapping that never ends. */
  readonly leaseSeconds: number;
}

/** Where a mapping leads, as the router reports it. */
export interface PortMappingTarget {
  /** miniupnpd with nftables reports 0 for some mappings that work. */
  readonly internalPort: number;
  /** An IPv4 address, or whatever the router has there. */
  readonly internalClient: string;
  readonly isEnabled: boolean;
  readonly description: string;
  /** What is left of the lease; 0 is a mapping that never ends. */
  readonly leaseSeconds: number;
}

/** A mapping, as the router reports it. */
export interface PortMappingEntry extends PortMappingKey, PortMappingTarget {
  /** The only host that may use it; empty for anybody. */
  readonly remoteHost: string;
}

/** The mappings of a list. */
export interface PortListing {
  readonly entries: readonly PortMappingEntry[];
  /** How many entries could not be read. */
  readonly unreadable: number;
}

/** Options of {@linkcode getListOfPortMappings}. */
export interface ListingRange {
  readonly protocol: Protocol;
  readonly startPort?: number | undefined;
  readonly endPort?: number | undefined;
  /** How many mappings are listed at most. */
  readonly count?: number | undefined;
}

/** The state of the router's connection to the Internet. */
export interface StatusInfo {
  /** `Connected` where it works, by the standard; some routers write `Up`. */
  readonly connectionStatus: string;
  readonly lastConnectionError?: string | undefined;
  /** Since the connection was made; some routers report nonsense. */
  readonly uptimeSeconds?: number | undefined;
}

/** Whether the router translates addresses. */
export interface NatStatus {
  /** Whether RSIP is there. */
  readonly isRsipAvailable: boolean;
  /** False on a router that is only a bridge. */
  readonly isNatEnabled: boolean;
}

// ---- actions ----

/** Makes a mapping, or renews it. External port 0 is a `RangeError`, as it is all ports for some routers. */
export function addPortMapping(mapping: NewPortMapping): Action {
  requirePort(mapping.externalPort, "an external port");
  return { name: "AddPortMapping", args: mappingArgs(mapping) };
}

/** The router may choose another external port; 0 leaves the choice to it. Of version 2 alone. */
export function addAnyPortMapping(mapping: NewPortMapping): Action {
  if (mapping.externalPort !== 0) requirePort(mapping.externalPort, "an external port");
  return { name: "AddAnyPortMapping", args: mappingArgs(mapping) };
}

/** Deletes a mapping, whoever made it. */
export function deletePortMapping(key: PortMappingKey): Action {
  requirePort(key.externalPort, "an external port");
  return { name: "DeletePortMapping", args: keyArgs(key) };
}

export function getExternalIpAddress(): Action {
  return { name: "GetExternalIPAddress", args: [] };
}

export function getSpecificPortMappingEntry(key: PortMappingKey): Action {
  requirePort(key.externalPort, "an external port");
  return { name: "GetSpecificPortMappingEntry", args: keyArgs(key) };
}

/** Asks for a mapping by its place in the list, from 0. */
export function getGenericPortMappingEntry(index: number): Action {
  return { name: "GetGenericPortMappingEntry", args: [["NewPortMappingIndex", String(index)]] };
}

/** Lists the mappings of every host, where this one may see them. Of version 2 alone. */
export function getListOfPortMappings(
  { protocol, startPort = 1, endPort = 65_535, count = 1000 }: ListingRange,
): Action {
  return {
    name: "GetListOfPortMappings",
    args: [
      ["NewStartPort", String(startPort)],
      ["NewEndPort", String(endPort)],
      ["NewProtocol", protocol.toUpperCase()],
      ["NewManage", "1"],
      ["NewNumberOfPorts", String(count)],
    ],
  };
}

export function getStatusInfo(): Action {
  return { name: "GetStatusInfo", args: [] };
}

export function getNatRsipStatus(): Action {
  return { name: "GetNATRSIPStatus", args: [] };
}

/** The remote host stays empty: pfSense makes an invisible mapping of any other text. */
function keyArgs({ externalPort, protocol }: PortMappingKey): (readonly [string, string])[] {
  return [
    ["NewRemoteHost", ""],
    ["NewExternalPort", String(externalPort)],
    ["NewProtocol", protocol.toUpperCase()],
  ];
}

function mappingArgs(mapping: NewPortMapping): (readonly [string, string])[] {
  const { internalPort, internalClient, description, leaseSeconds } = mapping;
  requirePort(internalPort, "an internal port");
  if (!Number.isInteger(leaseSeconds) || leaseSeconds < 0 || leaseSeconds > MAX_UINT32) {
    throw new RangeError(`Cannot encode ${leaseSeconds}: it is not a lease in seconds`);
  }
  return [
    ...keyArgs(mapping),
    ["NewInternalPort", String(internalPort)],
    ["NewInternalClient", internalClient],
    ["NewEnabled", "1"],
    ["NewPortMappingDescription", description],
    ["NewLeaseDuration", String(leaseSeconds)],
  ];
}

function requirePort(port: number, what: string): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RangeError(`Cannot encode ${port}: it is not ${what}`);
  }
}

// ---- values ----

/** The external port of AddAnyPortMapping. */
export function readReservedPort(values: Values): number {
  const port = unsigned(values, "NewReservedPort", 65_535);
  if (port === 0) throw unusable("NewReservedPort");
  return port;
}

/** The external address; `undefined` where the router has none, which is an empty text or `0.0.0.0`. */
export function readExternalAddress(values: Values): string | undefined {
  const address = required(values, "NewExternalIPAddress");
  if (address === "" || address === "0.0.0.0") return undefined;
  if (parseIpv4(address) === undefined) throw unusable("NewExternalIPAddress");
  return address;
}

/** The answer of GetSpecificPortMappingEntry. */
export function readSpecificEntry(values: Values): PortMappingTarget {
  return {
    internalPort: unsigned(values, "NewInternalPort", 65_535),
    internalClient: readClient(values),
    isEnabled: flag(values, "NewEnabled"),
    description: shortText(values.get("NewPortMappingDescription")) ?? "",
    leaseSeconds: unsigned(values, "NewLeaseDuration", MAX_UINT32),
  };
}

/** The answer of GetGenericPortMappingEntry. */
export function readGenericEntry(values: Values): PortMappingEntry {
  const remoteHost = shortText(values.get("NewRemoteHost")) ?? "";
  return {
    // Askey routers write the address that means anybody.
    remoteHost: remoteHost === "0.0.0.0" ? "" : remoteHost,
    externalPort: unsigned(values, "NewExternalPort", 65_535),
    protocol: readProtocol(values),
    ...readSpecificEntry(values),
  };
}

/** The answer of GetListOfPortMappings: XML inside XML. An entry that cannot be read costs no other. */
export function readPortListing(values: Values): PortListing {
  const list = readXml(required(values, "NewPortListing"));
  const entries: PortMappingEntry[] = [];
  let unreadable = 0;
  for (const element of list.children) {
    if (element.name !== "PortMappingEntry") continue;
    try {
      entries.push(readGenericEntry(listedValues(element)));
    } catch (error) {
      if (!(error instanceof MalformedDocumentError)) throw error;
      unreadable++;
    }
  }
  return { entries, unreadable };
}

/** The answer of GetStatusInfo. */
export function readStatusInfo(values: Values): StatusInfo {
  const uptime = values.get("NewUptime");
  return {
    connectionStatus: shortText(required(values, "NewConnectionStatus")) ?? "",
    lastConnectionError: shortText(values.get("NewLastConnectionError")),
    uptimeSeconds: uptime === undefined ? undefined : parseUnsigned(uptime, MAX_UINT32),
  };
}

/** The answer of GetNATRSIPStatus. */
export function readNatStatus(values: Values): NatStatus {
  return {
    isRsipAvailable: flag(values, "NewRSIPAvailable"),
    isNatEnabled: flag(values, "NewNATEnabled"),
  };
}

/** The two names of an entry in a list that differ from those of an answer (WANIPConnection:2 §2.3). */
function listedValues(element: XmlElement): Values {
  const values = new Map(element.children.map(({ name, text }) => [name, text]));
  values.set("NewPortMappingDescription", textOf(element, "NewDescription") ?? "");
  values.set("NewLeaseDuration", textOf(element, "NewLeaseTime") ?? "");
  return values;
}

function unusable(name: string): MalformedDocumentError {
  return new MalformedDocumentError(`The answer has no valid ${name}`);
}

function required(values: Values, name: string): string {
  const value = values.get(name);
  if (value === undefined) throw unusable(name);
  return value;
}

function readClient(values: Values): string {
  const client = shortText(required(values, "NewInternalClient"));
  if (client === undefined) throw unusable("NewInternalClient");
  return client;
}

function readProtocol(values: Values): Protocol {
  const protocol = required(values, "NewProtocol").toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp") throw unusable("NewProtocol");
  return protocol;
}

/** The ways in which UDA §2.5 writes a boolean. */
function flag(values: Values, name: string): boolean {
  const value = required(values, name).toLowerCase();
  if (["1", "true", "yes"].includes(value)) return true;
  if (["0", "false", "no"].includes(value)) return false;
  throw unusable(name);
}

function unsigned(values: Values, name: string, max: number): number {
  const value = parseUnsigned(required(values, name), max);
  if (value === undefined) throw unusable(name);
  return value;
}

function parseUnsigned(text: string, max: number): number | undefined {
  if (!/^\+?[0-9]{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
