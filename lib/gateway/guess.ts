/**
 * Guessing a gateway where the route names no next hop, from what this host knows of the link; pure.
 *
 * @module
 */

import { classifyIpv4, formatIpv4 } from "../net/ipv4.ts";
import { ipv4Number, netmaskLength } from "./prefix.ts";
import type { InterfaceAddress, Route } from "./route.ts";

/** A gateway that nobody has named. */
export interface Guess {
  readonly address: string;
  /** Its place, as in "the other end of the link". */
  readonly what: string;
}

/**
 * Guesses the gateway on a link: its other end, else the first address of its network, else the own address with its
 * last byte 1.
 *
 * @param own This host's address on the link.
 * @param routes The routing table.
 * @returns The guess; `undefined` when it would be this host itself.
 */
export function guessGateway(own: InterfaceAddress, routes: readonly Route[]): Guess | undefined {
  return otherEnd(own, routes) ?? firstOfNetwork(own) ?? lastByteOne(own);
}

/**
 * Whether a guessed address may be asked: only a private one (RFC 1918). Any other may be a stranger's, a provider's
 * customer (100.64.0.0/10, also somebody's Tailscale node) or a host of the Internet.
 *
 * @param guess The guess.
 * @returns Whether it may.
 */
export function mayBeAsked(guess: Guess): boolean {
  return classifyIpv4(guess.address) === "private";
}

/** A PPP peer is the one host that a route without a next hop leads to. */
function otherEnd(own: InterfaceAddress, routes: readonly Route[]): Guess | undefined {
  const peers = new Set(
    routes
      .filter((route) => route.interfaceName === own.name && route.prefixLength === 32 && !route.rejects)
      .filter((route) =>
        route.gateway === undefined && !route.hasIpv6Hop && route.destination !== own.address
      )
      .map((route) => route.destination),
  );
  const [address] = peers;
  return peers.size === 1 && address !== undefined
    ? { address, what: "the other end of the link" }
    : undefined;
}

function firstOfNetwork(own: InterfaceAddress): Guess | undefined {
  const length = netmaskLength(own.netmask) ?? 32;
  const number = ipv4Number(own.address)!;
  if (length === 32) return undefined;
  // A /31 has two addresses and no network address (RFC 3021).
  if (length === 31) return { address: addressOf(number ^ 1), what: "the other address of its network" };
  const address = addressOf((number & ipv4Number(own.netmask)!) + 1);
  return address === own.address ? undefined : { address, what: "the first address of its network" };
}

function lastByteOne(own: InterfaceAddress): Guess | undefined {
  const address = own.address.replace(/\d+$/, "1");
  if (address === own.address) return undefined;
  return { address, what: `this host's address ${own.address} with 1 as its last byte` };
}

function addressOf(number: number): string {
  return formatIpv4([number >>> 24, number >>> 16 & 255, number >>> 8 & 255, number & 255]);
}
