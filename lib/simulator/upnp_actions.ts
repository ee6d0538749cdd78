/**
 * The simulated gateway's actions of UPnP: reads arguments, changes the table, makes the answer's arguments. It answers
 * as miniupnpd does where the standard leaves a choice.
 *
 * @module
 */

import type { MapProtocol } from "../natpmp/message.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import { isStatic, type Mapping, remainingSeconds, type UpnpEntry } from "./mapping_table.ts";
import type { ActionName } from "./upnp_actions_table.ts";
import { HOSTILE_TEXT, type UpnpContext } from "./upnp_context.ts";
import { ERROR, type ErrorCode } from "./upnp_errors.ts";
import { escapeXml } from "./xml_text.ts";

/** An action that somebody asked for. */
export interface ActionRequest {
  /** The arguments, unescaped, all of them and in the order of the standard. */
  readonly values: readonly string[];
  /** The address of the client. */
  readonly client: string;
}

/** What an action came to: the values of the answer in the order of the standard, as XML, or an error. */
export type ActionOutcome = { readonly values: readonly string[]; readonly text: string } | ErrorCode;

type Action = (request: ActionRequest, context: UpnpContext) => ActionOutcome;

/** The longest lease of version 2, and what it makes of a permanent one (WANIPConnection:2 §2.3.21). */
const MAX_LEASE_SECONDS = 604_800;

/** The actions of the service that maps ports. */
export const ACTIONS: Readonly<Record<ActionName, Action>> = {
  AddPortMapping: (request, context) => {
    const wanted = readWanted(request, context);
    if (typeof wanted === "number") return wanted;
    if (wanted.externalPort === 0) return ERROR.wildcardExternalPort;
    return grant(wanted, context) ?? { values: [], text: `granted ${describeLease(wanted)}` };
  },
  AddAnyPortMapping: (request, context) => {
    const wanted = readWanted(request, context);
    if (typeof wanted === "number") return wanted;
    const refusal = wanted.externalPort === 0 ? ERROR.conflict : grant(wanted, context);
    if (refusal === undefined) return reserved(wanted);
    if (refusal !== ERROR.conflict) return refusal;
    const externalPort = context.table.freePort(wanted, context.nowMs);
    if (externalPort === undefined) return ERROR.noPortMapsAvailable;
    return grant({ ...wanted, externalPort }, context) ?? reserved({ ...wanted, externalPort });
  },
  DeletePortMapping: (request, context) => {
    const { table, faults } = context;
    const key = readKey(request.values);
    if (key === undefined || key.externalPort === 0) return ERROR.invalidArgs;
    if (faults.refuse) return ERROR.notAuthorized;
    const mapping = findListed(key, context);
    if (mapping === undefined) {
      return faults.upnpDeleteAbsent ? { values: [], text: "not there" } : ERROR.noSuchEntry;
    }
    if (mapping.address !== request.client && !faults.allowThirdParty) {
      return context.version === "igd2" ? ERROR.notAuthorized : ERROR.noSuchEntry;
    }
    table.deletePort(mapping);
    return { values: [], text: "deleted" };
  },
  GetExternalIPAddress: (_request, { externalAddress = "", faults }) => {
    const address = faults.zeroAddress ? "0.0.0.0" : externalAddress;
    return { values: [address], text: address === "" ? "none" : address };
  },
  GetSpecificPortMappingEntry: (request, context) => {
    const { upnpSpecificError } = context.faults;
    if (upnpSpecificError !== undefined) return upnpSpecificError;
    const key = readKey(request.values);
    if (key === undefined || key.externalPort === 0) return ERROR.invalidArgs;
    const mapping = findListed(key, context);
    if (mapping === undefined) return ERROR.noSuchEntry;
    return { values: entryValues(mapping, context).slice(3), text: describeMapping(mapping) };
  },
  GetGenericPortMappingEntry: ({ values: [text = ""] }, context) => {
    const { faults } = context;
    if (!/^[0-9]{1,5}$/.test(text)) return ERROR.invalidArgs;
    const index = Number(text) - (faults.upnpListFromOne ? 1 : 0);
    const mapping = faults.upnpNoListing ? undefined : listed(context)[index];
    if (mapping === undefined) return ERROR.noSuchIndex;
    return { values: entryValues(mapping, context), text: describeMapping(mapping) };
  },
  GetListOfPortMappings: ({ values, client }, context) => {
    const [first, last, protocol, isForAll, count] = [
      readNumber(values[0], 65_535),
      readNumber(values[1], 65_535),
      readProtocol(values[2]),
      readBoolean(values[3]),
      readNumber(values[4], 65_535),
    ];
    if (first === undefined || last === undefined || protocol === undefined) return ERROR.invalidArgs;
    if (isForAll === undefined || count === undefined) return ERROR.invalidArgs;
    if (first > last) return ERROR.inconsistentParameters;
    const found = context.faults.upnpNoListing
      ? []
      : listed(context).filter((mapping) =>
        mapping.protocol === protocol && mapping.externalPort >= first && mapping.externalPort <= last &&
        (isForAll || mapping.address === client)
      );
    if (found.length === 0) return ERROR.portMappingNotFound;
    const entries = (count === 0 ? found : found.slice(0, count)).map((mapping) =>
      listEntry(mapping, context)
    );
    return {
      values: [`<![CDATA[${PORT_LIST_START}${entries.join("")}</p:PortMappingList>]]>`],
      text: `${entries.length}`,
    };
  },
  GetStatusInfo: (_request, { externalAddress, epochSeconds }) => {
    const status = externalAddress === undefined ? "Disconnected" : "Connected";
    return { values: [status, "ERROR_NONE", `${epochSeconds}`], text: status };
  },
  GetNATRSIPStatus: () => ({ values: ["0", "1"], text: "NAT" }),
  GetConnectionTypeInfo: () => ({ values: ["IP_Routed", "IP_Routed"], text: "IP_Routed" }),
};

/** A request to map that is well formed. */
interface WantedPort {
  readonly protocol: MapProtocol;
  readonly externalPort: number;
  readonly internalPort: number;
  readonly address: string;
  readonly lifetimeSeconds: number;
  readonly upnp: UpnpEntry;
}

/** Reads the arguments of both actions that map, and refuses what is wrong whatever the table holds. */
function readWanted({ values, client }: ActionRequest, context: UpnpContext): WantedPort | ErrorCode {
  const { faults, version } = context;
  const key = readKey(values);
  const internalPort = readNumber(values[3], 65_535);
  const isEnabled = readBoolean(values[5]);
  const leaseSeconds = readNumber(values[7], 0xffff_ffff);
  // An empty one is the client itself, as in miniupnpd (miniupnp/miniupnp#236).
  const address = values[4] === "" ? client : values[4] ?? "";
  if (key === undefined || internalPort === undefined || isEnabled === undefined) return ERROR.invalidArgs;
  if (leaseSeconds === undefined || parseIpv4(address) === undefined) return ERROR.invalidArgs;
  if (internalPort === 0) return version === "igd2" ? ERROR.wildcardInternalPort : ERROR.invalidArgs;
  const isOwn = address === client || faults.allowThirdParty === true;
  if (!isOwn) return version === "igd2" ? ERROR.notAuthorized : ERROR.conflict;
  if (faults.refuse) return ERROR.notAuthorized;
  if (faults.full) return ERROR.noPortMapsAvailable;
  if (faults.upnpAddError !== undefined) return faults.upnpAddError;
  if (faults.upnpPermanentOnly && leaseSeconds !== 0) return ERROR.onlyPermanentLeases;
  if (faults.upnpNoPermanent && leaseSeconds === 0) return ERROR.invalidArgs;
  if (leaseSeconds > (faults.upnpMaxLeaseSeconds ?? Infinity)) return ERROR.invalidArgs;
  return {
    ...key,
    internalPort,
    address,
    lifetimeSeconds: grantedLease(leaseSeconds, context),
    upnp: { description: values[6] ?? "", isEnabled, remoteHost: values[0] ?? "" },
  };
}

function grantedLease(leaseSeconds: number, { version, faults }: UpnpContext): number {
  if (version === "igd1" || faults.upnpPermanentOnly) return leaseSeconds === 0 ? Infinity : leaseSeconds;
  return leaseSeconds === 0 ? MAX_LEASE_SECONDS : Math.min(leaseSeconds, MAX_LEASE_SECONDS);
}

/** Maps, or makes a lie of it where a fault asks for that; the error when the port is somebody else's. */
function grant(wanted: WantedPort, { table, faults, nowMs }: UpnpContext): ErrorCode | undefined {
  const { protocol, externalPort, internalPort, address } = wanted;
  if (faults.upnpSamePort && externalPort !== internalPort) return ERROR.samePortRequired;
  if (externalPort === faults.upnpTakenPort) return ERROR.conflict;
  const known = table.findByPort(protocol, externalPort, nowMs);
  if (known !== undefined && (known.address !== address || isStatic(known))) return ERROR.conflict;
  const isLie = faults.upnpNoMapping || (faults.upnpNoRefresh && known?.internalPort === internalPort);
  if (isLie || table.assign(wanted, nowMs) !== undefined) return undefined;
  return ERROR.conflict;
}

function reserved(wanted: WantedPort): ActionOutcome {
  const { externalPort } = wanted;
  return { values: [`${externalPort}`], text: `granted ${externalPort}, ${describeLease(wanted)}` };
}

interface PortKey {
  readonly externalPort: number;
  readonly protocol: MapProtocol;
}

/** Reads the remote host, the external port and the protocol, with which most requests begin. */
function readKey(values: readonly string[]): PortKey | undefined {
  const externalPort = readNumber(values[1], 65_535);
  const protocol = readProtocol(values[2]);
  return externalPort === undefined || protocol === undefined ? undefined : { externalPort, protocol };
}

function readNumber(text: string | undefined, max: number): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}

function readBoolean(text: string | undefined): boolean | undefined {
  return text === "1" ? true : text === "0" ? false : undefined;
}

function readProtocol(text: string | undefined): MapProtocol | undefined {
  return text === "TCP" ? "tcp" : text === "UDP" ? "udp" : undefined;
}

/** The mappings that UPnP shows: those of all protocols, and not the owner's. */
function listed({ table, nowMs }: UpnpContext): Mapping[] {
  return table.list(nowMs).filter((mapping) => !isStatic(mapping));
}

function findListed({ protocol, externalPort }: PortKey, { table, nowMs }: UpnpContext): Mapping | undefined {
  const mapping = table.findByPort(protocol, externalPort, nowMs);
  return mapping === undefined || isStatic(mapping) ? undefined : mapping;
}

/** The values of an entry, in the order of GetGenericPortMappingEntry. */
function entryValues(mapping: Mapping, { faults, nowMs }: UpnpContext): string[] {
  const { protocol, externalPort, internalPort, address, upnp } = mapping;
  return [
    escapeXml(upnp?.remoteHost ?? ""),
    `${externalPort}`,
    protocol.toUpperCase(),
    `${internalPort}`,
    address,
    upnp?.isEnabled === false ? "0" : "1",
    faults.upnpHostileText ? HOSTILE_TEXT : escapeXml(descriptionOf(mapping)),
    Number.isFinite(mapping.expiresAtMs) ? `${remainingSeconds(mapping, nowMs)}` : "0",
  ];
}

/** A mapping's description; miniupnpd describes those of the other protocols so, and hides the nonce. */
function descriptionOf({ upnp, pcp, externalPort, protocol }: Mapping): string {
  return upnp?.description ?? (pcp === undefined ? `NAT-PMP ${externalPort} ${protocol}` : "PCP MAP");
}

const PORT_LIST_START = '<p:PortMappingList xmlns:p="urn:schemas-upnp-org:gw:WANIPConnection" ' +
  'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
  'xsi:schemaLocation="urn:schemas-upnp-org:gw:WANIPConnection ' +
  'http://www.upnp.org/schemas/gw/WANIPConnection-v2.xsd">';

/** The names of an entry in the list of version 2, whose last two differ (WANIPConnection:2 §2.3.26). */
const LIST_NAMES = [
  "NewRemoteHost",
  "NewExternalPort",
  "NewProtocol",
  "NewInternalPort",
  "NewInternalClient",
  "NewEnabled",
  "NewDescription",
  "NewLeaseTime",
] as const;

function listEntry(mapping: Mapping, context: UpnpContext): string {
  const values = entryValues(mapping, context);
  const parts = LIST_NAMES.map((name, i) => `<p:${name}>${values[i]}</p:${name}>`);
  return `<p:PortMappingEntry>${parts.join("")}</p:PortMappingEntry>`;
}

function describeMapping({ address, internalPort }: Mapping): string {
  return `${address}:${internalPort}`;
}

function describeLease({ lifetimeSeconds }: WantedPort): string {
  return Number.isFinite(lifetimeSeconds) ? `${lifetimeSeconds} s` : "without an end";
}
