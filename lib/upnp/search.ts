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
  GATEWAY_FIRST_MS,
  MAX_LOCATIONS_PER_HOST,
  MAX_SEARCH_REPLIES,
  MAX_TRACE_CHARS,
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
 * Searches, and yields each place of a router once, until the time is over. Replies of the gateway go before those of
 * others, which count where they come from the neighbourhood of this host's address. What cannot be read, and what names
 * an unsafe place, is passed over.
 *
 * @throws {SocketError} If no socket can be opened.
 */
export async function* search(options: SearchOptions): AsyncGenerator<FoundRouter> {
  const { localAddress, openSocket, clock, timeoutMs, signal, trace } = options;
  signal?.throwIfAborted();
  const socket = openSocket(localAddress === undefined ? {} : { hostname: localAddress });
  const over = new AbortController();
  const replies = new Replies(options, over.signal);
  const end = () => {
    over.abort();
    socket.close();
  };
  signal?.addEventListener("abort", end, { once: true });
  const running = Promise.all([
    clock.sleep(timeoutMs, { signal: over.signal }).then(end, () => {}),
    replies.collect(socket),
    ...destinationsOf(options).map((to) => sendTo(socket, { ...to, clock, signal: over.signal, trace })),
  ]);
  try {
    for (let next = await replies.next(); next !== undefined; next = await replies.next()) {
      if (signal?.aborted) break;
      yield next;
    }
  } finally {
    signal?.removeEventListener("abort", end);
    end();
    await running;
  }
  signal?.throwIfAborted();
}

interface Waiting {
  readonly router: FoundRouter;
  /** When it is another host's turn. */
  readonly fromMs: number;
}

/**
 * The replies that wait for their turn. Anybody can send any number of them, so the places that count are limited, for
 * each host and in all, and others cannot take the gateway's place.
 */
class Replies {
  readonly #options: SearchOptions;
  readonly #over: AbortSignal;
  readonly #seen = new Set<string>();
  /** How many places each host has named. */
  readonly #places = new Map<string, number>();
  /** How many places hosts other than the gateway have named. */
  #others = 0;
  #dropped = 0;
  #waiting: Waiting[] = [];
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #change = Promise.withResolvers<void>();

  constructor(options: SearchOptions, over: AbortSignal) {
    this.#options = options;
    this.#over = over;
  }

  async collect(socket: DatagramSocket): Promise<void> {
    try {
      for await (const { data, source } of datagramsOf(socket)) this.#take(data, source);
    } catch (error) {
      this.#failure = { error };
    }
    this.#hasEnded = true;
    this.#change.resolve();
  }

  /** The next place to look at; `undefined` at the end of the search. */
  async next(): Promise<FoundRouter | undefined> {
    for (;;) {
      const { gateway, clock } = this.#options;
      const next = this.#waiting.find(({ router }) => router.address === gateway) ??
        this.#waiting.find(({ fromMs }) => this.#hasEnded || fromMs <= clock.now());
      if (next !== undefined) {
        this.#waiting = this.#waiting.filter((one) => one !== next);
        return next.router;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#hasEnded) return undefined;
      await this.#change.promise;
      this.#change = Promise.withResolvers();
    }
  }

  #take(data: Uint8Array, source: Endpoint): void {
    const { gateway, clock, trace } = this.#options;
    const isGateway = source.hostname === gateway;
    const places = this.#places.get(source.hostname) ?? 0;
    if (places >= MAX_LOCATIONS_PER_HOST || (!isGateway && this.#others >= MAX_SEARCH_REPLIES)) return;
    const router = routerOf(data, source, this.#options, (why) => {
      if (this.#dropped++ < MAX_SEARCH_REPLIES) {
        trace?.(`<- ${formatEndpoint(source)} UPnP search reply dropped: ${why}`);
      }
    });
    if (router === undefined || this.#seen.has(router.location.href)) return;
    this.#seen.add(router.location.href);
    this.#places.set(source.hostname, places + 1);
    trace?.(`<- ${formatEndpoint(source)} UPnP search reply: ${router.location.href}`);
    const waitMs = isGateway ? 0 : GATEWAY_FIRST_MS;
    this.#waiting.push({ router, fromMs: clock.now() + waitMs });
    if (!isGateway) {
      this.#others++;
      clock.sleep(waitMs, { signal: this.#over }).then(() => this.#change.resolve(), () => {});
    }
    this.#change.resolve();
  }
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

function routerOf(
  data: Uint8Array,
  { hostname }: Endpoint,
  options: SearchOptions,
  drop: (why: string) => void,
): FoundRouter | undefined {
  const { gateway } = options;
  if (hostname !== gateway && !mayBeRouter(hostname, options)) return undefined;
  try {
    const { location, server, bootId } = decodeSearchReply(data);
    const verdict = safeLocation(location, { repliedFrom: hostname, gateway });
    if ("url" in verdict) {
      const { url, rewrittenHost } = verdict;
      return { location: url, rewrittenHost, address: hostname, server, bootId };
    }
    drop(`${location.slice(0, MAX_TRACE_CHARS)} ${verdict.because}`);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    drop(error.message);
  }
  return undefined;
}

/** Whether a host other than the gateway may be the router that is looked for: a neighbour, where none is named. */
export function mayBeRouter(
  address: string,
  { gateway, localAddress, isGatewayNamed }: Pick<
    SearchOptions,
    "gateway" | "localAddress" | "isGatewayNamed"
  >,
): boolean {
  return !isGatewayNamed && areNeighbours(address, localAddress ?? gateway);
}

/** Whether two addresses differ in their last byte at most, as in most home networks. */
function areNeighbours(a: string, b: string): boolean {
  const network = (address: string) => address.slice(0, address.lastIndexOf("."));
  return network(a) === network(b);
}
