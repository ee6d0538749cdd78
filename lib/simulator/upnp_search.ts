/**
 * The simulated gateway's answers to searches (SSDP, UPnP Device Architecture 1.1 §1.3). Pure.
 *
 * @module
 */

import { otherAddress } from "./adversity.ts";
import {
  connectionType,
  DESCRIPTION_PATH,
  deviceId,
  type DeviceName,
  DEVICES,
  deviceType,
  formatType,
  fulfils,
  LINK_TYPE,
  SEARCH_PORT,
  SERVER,
  type TypeName,
  type UpnpContext,
} from "./upnp_context.ts";

/** The outcome of a search. */
export interface SearchOutcome {
  /** The answers, in order. */
  readonly answers: readonly Uint8Array[];
  /** The search and what came of it, for people. */
  readonly text: string;
}

/** How long an answer may be remembered, in seconds; miniupnpd has this. */
const MAX_AGE_SECONDS = 120;

/**
 * Answers one datagram that came to the port of searches.
 *
 * @param data The datagram.
 * @param context The gateway.
 * @returns The answers; none to a datagram that is not a search as the standard has it, or is for something else.
 */
export function answerSearch(data: Uint8Array, context: UpnpContext): SearchOutcome {
  const search = readSearch(new TextDecoder().decode(data));
  if (typeof search === "string") return { answers: [], text: `${search}: dropped` };
  const heard = `search for ${search.target}`;
  if (context.faults.silent) return { answers: [], text: `${heard}: silent` };
  const found = entitiesFor(search.target, context);
  const answers = found.map((entity) => new TextEncoder().encode(writeAnswer(entity, context)));
  return { answers, text: `${heard}: ${found.length === 0 ? "not here" : `answered ${found.length}`}` };
}

/** A search, or what is wrong with it. */
function readSearch(text: string): { readonly target: string } | string {
  const [first, ...lines] = text.split("\r\n");
  if (first !== "M-SEARCH * HTTP/1.1") return "a datagram that is not a search";
  if (lines.at(-1) !== "" || lines.at(-2) !== "") return "a search without an empty line at its end";
  const headers = new Map<string, string>();
  for (const line of lines.slice(0, -2)) {
    const colon = line.indexOf(":");
    if (colon < 1) return "a search with a line that is not a header";
    headers.set(line.slice(0, colon).trim().toUpperCase(), line.slice(colon + 1).trim());
  }
  if (headers.get("MAN") !== '"ssdp:discover"') return 'a search without MAN: "ssdp:discover"';
  if (!headers.has("HOST")) return "a search without HOST";
  const target = headers.get("ST");
  return target === undefined ? "a search without ST" : { target };
}

/** Something that a search finds. */
interface Entity {
  /** The search target that it answers to. */
  readonly target: string;
  /** Its unique name. */
  readonly name: string;
}

function entitiesFor(target: string, context: UpnpContext): Entity[] {
  const all = typesOf(context);
  const idOf = (device: DeviceName) => deviceId(device, context);
  const root: Entity = {
    target: "upnp:rootdevice",
    name: `${idOf("InternetGatewayDevice")}::upnp:rootdevice`,
  };
  const ids = DEVICES.map((device): Entity => ({ target: idOf(device), name: idOf(device) }));
  const typed = (device: DeviceName, text: string): Entity => ({
    target: text,
    name: `${idOf(device)}::${text}`,
  });
  if (target === "ssdp:all") {
    return [root, ...ids, ...all.map(({ device, type }) => typed(device, formatType(type)))];
  }
  const named = [root, ...ids].filter((entity) => entity.target === target);
  // An older version that is asked for is in the answer as it was asked (§1.3.2).
  return [
    ...named,
    ...all.filter(({ type }) => fulfils(type, target)).map(({ device }) => typed(device, target)),
  ];
}

function typesOf(context: UpnpContext): { readonly device: DeviceName; readonly type: TypeName }[] {
  return [
    ...DEVICES.map((device) => ({ device, type: deviceType(device, context) })),
    { device: "WANDevice", type: LINK_TYPE },
    { device: "WANConnectionDevice", type: connectionType(context) },
  ];
}

function writeAnswer({ target, name }: Entity, context: UpnpContext): string {
  const { bootId, faults } = context;
  const newline = faults.upnpBareLf ? "\n" : "\r\n";
  return [
    "HTTP/1.1 200 OK",
    `CACHE-CONTROL: max-age=${MAX_AGE_SECONDS}`,
    `ST: ${target}`,
    `USN: ${name}`,
    "EXT:",
    `SERVER: ${SERVER}`,
    `LOCATION: ${locationOf(context)}`,
    'OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01',
    `01-NLS: ${bootId}`,
    `BOOTID.UPNP.ORG: ${bootId}`,
    "CONFIGID.UPNP.ORG: 1337",
    "",
    "",
  ].join(newline);
}

function locationOf({ http: { hostname, port }, faults }: UpnpContext): string {
  const path = DESCRIPTION_PATH;
  switch (faults.upnpLocation) {
    case "loopback":
      // As a router says it whose developers bound the wrong address (home-assistant/core#57052).
      return `http://[::1]:${SEARCH_PORT}${path}`;
    case "other":
      return `http://${otherAddress(hostname)}:${port}${path}`;
    case "name":
      return `http://router.example:${port}${path}`;
    case "https":
      return `https://${hostname}:${port}${path}`;
    default:
      return `http://${hostname}:${port}${path}`;
  }
}
