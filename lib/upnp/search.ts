/**
 * The search for a UPnP router (UPnP Device Architecture 1.1, section 1.3): first at the gateway itself, then on the
 * network that faces it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { MalformedMessageError } from "../errors.ts";
import {
  type DatagramSocket,
  datagramsOf,
  type Endpoint,
  formatEndpoint,
  type OpenSocket,
} from "../net/datagram.ts";
import { classifyIpv4 } from "../net/ipv4.ts";
import {
  MAX_SEARCH_REPLIES,
  MULTICAST_AFTER_MS,
  SEARCH_REPEATS_MS,
  SEARCH_SPACING_MS,
  SEARCH_TARGETS,
  SSDP_GROUP,
  SSDP_PORT,
} from "./constants.ts";
import { safeLocation } from "./location.ts";
import { decodeSearchReply, encodeSearch } from "./ssdp.ts";

/** A router that answered the search. */
export interface FoundRouter {
  /** Where its description is. */
  readonly location: URL;
  /** The host that it named there, where that is not the one to talk to. */
  readonly rewrittenHost?: string | undefined;
  /** The address that it answered from. */
  readonly address: string;
  /** Its own words about its software, as they came. */
  readonly server?: string | undefined;
  /** Another number after each start, where it sends one. */
  readonly bootId?: string | undefined;
}

/** Options of {@linkcode search}. */
export interface SearchOptions {
  /** The gateway's address. */
  readonly gateway: string;
  /** The address of this host that faces it; without it the system's choice. */
  readonly localAddress?: string | undefined;
  readonly openSocket: OpenSocket;
  readonly clock: Clock;
  /** How long the search lasts, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with what is sent and heard, for people. */
  readonly trace?: ((text: string) => void) | undefined;
  /** Whether only replies from the gateway count, as where a user has named it. */
  readonly isGatewayNamed?: boolean | undefined;
}

/**
 * Searches, and yields each router once, in the order of their answers, until the time is over. Answers of others than
 * the gateway count where they come from the neighbourhood of this host's address. What cannot be read, and what names an
 * unsafe place, is passed over.
 *
 * @throws {SocketError} If no socket can be opened.
 */
export async function* search(options: SearchOptions): AsyncGenerator<FoundRouter> {
  const { localAddress, openSocket, clock, timeoutMs, signal, trace } = options;
  signal?.throwIfAborted();
  const socket = openSocket(localAddress === undefined ? {} : { hostname: localAddress });
  const over = new AbortController();
  const end = () => {
    over.abort();
    socket.close();
  };
  signal?.addEventListener("abort", end, { once: true });
  const running = Promise.all([
    clock.sleep(timeoutMs, { signal: over.signal }).then(end, () => {}),
    ...destinationsOf(options).map((to) => sendTo(socket, { ...to, clock, signal: over.signal, trace })),
  ]);
  const seen = new Set<string>();
  let heard = 0;
  try {
    for await (const { data, source } of datagramsOf(socket)) {
      if (++heard > MAX_SEARCH_REPLIES) break;
      const router = routerOf(data, source, options);
      if (router === undefined || seen.has(router.location.href)) continue;
      seen.add(router.location.href);
      trace?.(`<- ${formatEndpoint(source)} UPnP search reply: ${router.location.href}`);
      yield router;
    }
  } finally {
    signal?.removeEventListener("abort", end);
    end();
    await running;
  }
  signal?.throwIfAborted();
}

interface Destination {
  readonly to: Endpoint;
  readonly afterMs: number;
}

/** Multicast reaches nobody on loopback. */
function destinationsOf({ gateway }: SearchOptions): readonly Destination[] {
  const unicast = { to: { hostname: gateway, port: SSDP_PORT }, afterMs: 0 };
  const multicast = { to: { hostname: SSDP_GROUP, port: SSDP_PORT }, afterMs: MULTICAST_AFTER_MS };
  return classifyIpv4(gateway) === "loopback" ? [unicast] : [unicast, multicast];
}

interface SendOptions extends Destination, Pick<SearchOptions, "clock" | "trace"> {
  readonly signal: AbortSignal;
}

/** Sends the targets one after the other, again and again until the time is over. A send that fails is a lost one. */
async function sendTo(
  socket: DatagramSocket,
  { to, afterMs, clock, signal, trace }: SendOptions,
): Promise<void> {
  try {
    await clock.sleep(afterMs, { signal });
    for (const pauseMs of SEARCH_REPEATS_MS) {
      for (const target of SEARCH_TARGETS) {
        trace?.(`-> ${formatEndpoint(to)} UPnP search for ${target}`);
        await socket.send(encodeSearch(target, { hostname: to.hostname }), to).catch(() => {});
        await clock.sleep(SEARCH_SPACING_MS, { signal });
      }
      await clock.sleep(pauseMs, { signal });
    }
  } catch {
    // The search is over.
  }
}

function routerOf(data: Uint8Array, source: Endpoint, options: SearchOptions): FoundRouter | undefined {
  const { gateway, localAddress, isGatewayNamed, trace } = options;
  const isGateway = source.hostname === gateway;
  if (!isGateway && (isGatewayNamed || !areNeighbours(source.hostname, localAddress ?? gateway))) {
    return undefined;
  }
  const drop = (why: string) => trace?.(`<- ${formatEndpoint(source)} UPnP search reply dropped: ${why}`);
  try {
    const { location, server, bootId } = decodeSearchReply(data);
    const verdict = safeLocation(location, { repliedFrom: source.hostname, gateway });
    if ("url" in verdict) {
      const { url, rewrittenHost } = verdict;
      return { location: url, rewrittenHost, address: source.hostname, server, bootId };
    }
    drop(`${location} ${verdict.because}`);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    drop(error.message);
  }
  return undefined;
}

/** Whether two addresses differ in their last byte at most, as in most home networks. */
function areNeighbours(a: string, b: string): boolean {
  const network = (address: string) => address.slice(0, address.lastIndexOf("."));
  return network(a) === network(b);
}
