/**
 * The one place that makes a client of a gateway, for every command and for the library. Besides it only `mod.ts`, which
 * exports the client, and the simulator, which shares the bytes, import from a backend.
 *
 * @module
 */

import type { ViaChoice } from "./protocol_finder.ts";
import type { Clock } from "./clock.ts";
import { NotSupportedError, PortMapperError, RefusedError } from "./errors.ts";
import { PCP_VERSION } from "./natpmp/constants.ts";
import type { ConnectSocket, OpenSocket } from "./net/datagram.ts";
import type { ConnectStream } from "./net/stream.ts";
import type { ExchangeEvent, RequestLock } from "./net/exchange.ts";
import { DEFAULT_TIMEOUT_MS } from "./natpmp/retransmission.ts";
import type { PortMapper, RequestOptions, Via } from "./port_mapper.ts";
import type { Survey, UpnpClient } from "./upnp/client.ts";
import type { UrlVerdict } from "./upnp/location.ts";
import type { OpenGroupSocket } from "./upnp/restart_listener.ts";

export {
  ANNOUNCEMENT_GROUP,
  ANNOUNCEMENT_PORT,
  GATEWAY_PORT,
  MAX_LIFETIME_SECONDS,
  NAT_PMP_VERSION,
  PCP_VERSION,
  RECOMMENDED_LIFETIME_SECONDS,
} from "./natpmp/constants.ts";
export { MAX_TIMEOUT_MS } from "./natpmp/retransmission.ts";
export type { ViaChoice } from "./protocol_finder.ts";
export type { SurveyedRouter } from "./upnp/survey.ts";

export { DEFAULT_TIMEOUT_MS };

/** UPnP's port of searches (UDA 1.1 §1.1), by which the lock of its requests is named. */
export const UPNP_PORT = 1900;

/** Ours: for this long a UPnP router is searched for where nobody knows whether there is one. */
export const AUTO_SEARCH_MS = 2000;

/** PCP's result ADDRESS_MISMATCH (RFC 6887 §7.4). */
const PCP_ADDRESS_MISMATCH = 12;

/** Where a gateway is, and from where to ask it. */
export interface MapperTarget {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  readonly port?: number | undefined;
  /** The local address to send from; without it the system's choice. */
  readonly localAddress?: string | undefined;
  /** The interface that the socket is bound to, where the route leads through another one. */
  readonly boundInterface?: string | undefined;
}

/** The parts that a client works with. */
export interface MapperParts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Opens sockets; the system's. */
  readonly openSocket?: OpenSocket | undefined;
  /** Opens sockets that hear ICMP port unreachable. */
  readonly connectSocket?: ConnectSocket | undefined;
  /** Connects by TCP, which UPnP takes; without it there is no UPnP. */
  readonly connectStream?: ConnectStream | undefined;
  /** Opens a socket that hears UPnP's multicast group on the interface with this address. It may fail. */
  readonly openSearchSocket?: OpenGroupSocket | undefined;
  /** Keeps requests of other processes to UDP port 5351 of the same gateway apart from these. */
  readonly requestLock?: RequestLock | undefined;
  /** Keeps requests of other processes to the same UPnP router apart from these. */
  readonly upnpLock?: RequestLock | undefined;
  /** Where the description of the UPnP router is, where a user has named it: only UPnP is spoken then. */
  readonly igdUrl?: URL | undefined;
  /** Whether a user has named the gateway, so that no other router's answer counts. */
  readonly isGatewayNamed?: boolean | undefined;
  /** The name of this host, for the description of a mapping over UPnP. */
  readonly hostName?: string | undefined;
  /** Called with each datagram. */
  readonly observe?: ((event: ExchangeEvent) => void) | undefined;
  /** How long one request lasts unless it says otherwise, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** Whether internal port 0 may be mapped, as ProtonVPN's gateways want it. That is for NAT-PMP: to PCP it means all. */
  readonly allowPortZero?: boolean | undefined;
  /** The host that mappings lead to instead of this one; that is for PCP. */
  readonly forHost?: string | undefined;
  /** The protocol to use; by default the gateway is asked which it speaks. */
  readonly via?: ViaChoice | undefined;
  /** Called with the protocol that is used, and why. */
  readonly onChoice?: ((via: Via, reason: string) => void) | undefined;
  /** Finds the address of this host from which the gateway is asked, where none is named. */
  readonly findLocalAddress?: (() => Promise<string | undefined>) | undefined;
  /** Checks whether nobody waits for the answer to the next request, so that it is repeated as seldom as PCP has it. */
  readonly isPatient?: (() => boolean) | undefined;
}

/** Makes the client of a gateway; nothing is sent yet, and no protocol is loaded. */
export async function openMapper(target: MapperTarget, parts: MapperParts): Promise<PortMapper> {
  const { AutoMapper } = await import("./auto_mapper.ts");
  const { clock, timeoutMs = DEFAULT_TIMEOUT_MS, onChoice } = parts;
  const via = viaOf(parts);
  const searchTimeoutMs = via === "auto" ? AUTO_SEARCH_MS : undefined;
  return new AutoMapper(target.gateway, {
    clock,
    via,
    timeoutMs,
    onChoice,
    isUnsuitable,
    // A TCP connection follows the routes: nothing binds it to another interface.
    triesUpnp: parts.connectStream !== undefined && target.boundInterface === undefined,
    async open(via, { takesNoTurn = false, onSend } = {}) {
      const { gateway, ...from } = target;
      const options = {
        ...from,
        ...parts,
        ...(takesNoTurn ? { requestLock: undefined } : {}),
        observe(event: ExchangeEvent) {
          parts.observe?.(event);
          if (event.kind === "sent" || event.kind === "send-failed") onSend?.();
        },
      };
      if (via === "upnp") return await openUpnp(target, parts, searchTimeoutMs);
      if (via === "nat-pmp") {
        const { NatPmpClient } = await import("./natpmp/client.ts");
        return new NatPmpClient(gateway, options);
      }
      const { PcpClient } = await import("./pcp/client.ts");
      return new PcpClient(gateway, {
        ...options,
        get isPatient() {
          return parts.isPatient?.() ?? false;
        },
        async clientAddress() {
          const address = await parts.findLocalAddress?.();
          if (address === undefined) throw new UnknownAddressError(gateway);
          return address;
        },
      });
    },
  });
}

async function openUpnp(
  { gateway, localAddress, boundInterface }: MapperTarget,
  { openSocket, connectStream, openSearchSocket, observe, upnpLock, ...parts }: MapperParts,
  searchTimeoutMs: number | undefined,
): Promise<UpnpClient> {
  if (boundInterface !== undefined) {
    throw new PortMapperError(
      `Cannot speak UPnP through ${boundInterface}: the route to ${gateway} leads through another interface`,
    );
  }
  const [
    { UpnpClient },
    { SSDP_GROUP, SSDP_PORT },
    { openGroupSocket, openUdpSocket },
    { connectTcpStream },
  ] = await Promise.all([
    import("./upnp/client.ts"),
    import("./upnp/constants.ts"),
    import("./net/udp_socket.ts"),
    import("./net/tcp_stream.ts"),
  ]);
  const openSystemSearchSocket: OpenGroupSocket = (address) =>
    openGroupSocket({ hostname: SSDP_GROUP, port: SSDP_PORT }, address);
  return new UpnpClient(gateway, {
    ...parts,
    openSocket: openSocket ?? openUdpSocket,
    connectStream: connectStream ?? connectTcpStream,
    // A caller's own sockets belong to a network of their own.
    openSearchSocket: openSearchSocket ?? (openSocket === undefined ? openSystemSearchSocket : undefined),
    // The network that faces the gateway is searched.
    localAddress: localAddress ?? await parts.findLocalAddress?.(),
    sourceAddress: localAddress,
    searchTimeoutMs,
    requestLock: upnpLock,
    trace: observe === undefined ? undefined : (text) => observe({ kind: "noted", text }),
    onConversation: observe === undefined
      ? undefined
      : (kind) => observe({ kind: `conversation-${kind}`, partner: `UPnP at ${gateway}` }),
  });
}

/** The routers that answered a search, and the client of the one among them that other commands use. */
export interface UpnpSurvey extends Survey {
  readonly mapper: PortMapper;
}

/** Options of {@linkcode surveyUpnp}. */
export interface SurveyUpnpOptions extends RequestOptions {
  /** How long the search lasts, in milliseconds; the limit of all requests is `timeoutMs`. */
  readonly searchMs: number;
}

/** Searches for every UPnP router at a gateway and in the network that faces it, and asks each about itself. */
export async function surveyUpnp(
  target: MapperTarget,
  parts: MapperParts,
  { searchMs, ...options }: SurveyUpnpOptions,
): Promise<UpnpSurvey> {
  const [client, mapper, { joinedMemory }] = await Promise.all([
    openUpnp(target, parts, undefined),
    openMapper(target, { ...parts, via: "upnp" }),
    import("./auto_memory.ts"),
  ]);
  const survey = await client.survey(searchMs, options);
  const found = client.memory;
  const memory = found && joinedMemory([["upnp", found]], undefined, parts.clock.now());
  if (memory !== undefined) mapper.recall(memory);
  return { ...survey, mapper };
}

/** To PCP internal port 0 means all ports, and only PCP can map to another host. */
function viaOf({ allowPortZero, forHost, igdUrl, via = "auto" }: MapperParts): ViaChoice {
  if (igdUrl !== undefined) return "upnp";
  if (allowPortZero) return "nat-pmp";
  return forHost === undefined ? via : "pcp";
}

/** PCP's packets name the address that they are sent from (RFC 6887 §8.1), and this host does not know it. */
class UnknownAddressError extends PortMapperError {
  constructor(gateway: string) {
    super(`Cannot speak PCP with ${gateway}: the address that this host sends from is unknown`);
  }
}

/**
 * Checks whether an error means that a protocol will not do with a gateway that is there. Another one is tried where this
 * one is not spoken, and where another address than the packet's has reached the gateway: NAT-PMP has no address in its
 * packets.
 */
export function isUnsuitable(error: unknown): boolean {
  if (error instanceof UnknownAddressError) return true;
  if (error instanceof NotSupportedError) return error.reason !== "port-unreachable";
  return error instanceof RefusedError && error.via === "pcp" && error.resultCode === PCP_ADDRESS_MISMATCH;
}

/** Judges the URL of a UPnP router that somebody typed. */
export async function parseIgdUrl(text: string): Promise<UrlVerdict> {
  return (await import("./upnp/location.ts")).parseIgdUrl(text);
}

/** Puts datagrams into words. */
export interface DatagramDescriber {
  /** Names a request to a gateway. */
  readonly describeRequest: (data: Uint8Array) => string;
  /** Names a gateway's response. */
  readonly describeResponse: (data: Uint8Array) => string;
}

/** Loads the words for datagrams to and from a gateway, of each protocol its own. */
export async function datagramDescriber(): Promise<DatagramDescriber> {
  const [natPmp, pcp] = await Promise.all([import("./natpmp/describe.ts"), import("./pcp/describe.ts")]);
  const isPcp = (data: Uint8Array) => data[0] === PCP_VERSION;
  return {
    describeRequest: (data) =>
      isPcp(data) ? `PCP ${pcp.describeRequest(data)}` : natPmp.describeRequest(data),
    describeResponse: (data) =>
      isPcp(data) ? `PCP ${pcp.describeResponse(data)}` : natPmp.describeResponse(data),
  };
}
