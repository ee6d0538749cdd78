/**
 * Choosing the gateway among the routes, by the kernel's own word and the caller's wish; pure.
 *
 * The rules, in this order:
 *
 * 1. Routes that reject or drop traffic are never chosen.
 * 2. A pair 0.0.0.0/1 and 128.0.0.0/1 through one interface covers everything and is more specific than a default
 *    route, so it comes first; then default routes by metric.
 * 3. Where the kernel would send from an address of another interface (policy routing), that interface is taken.
 * 4. With a wish only that interface's default route counts, and the kernel is not asked. Lacking one, a link with
 *    two ends still has the guess of rule 5; on any other link there is no gateway, since a next hop of some narrower
 *    route need not be the way to the Internet.
 * 5. A default route without a next hop gets a guess: the interface's own address with its last byte 1.
 *
 * @module
 */

import { sameNetwork } from "./prefix.ts";
import type { InterfaceAddress, Route } from "./route.ts";
import { addressesOf, type GatewayWish, grantWish, isLoopback, isPointToPoint, ownerOf } from "./wish.ts";
import type { WishFailure } from "./wish.ts";

/** The gateway to ask, and from where. */
export interface Gateway {
  /** The gateway's address. */
  readonly gateway: string;
  /** The address of this host to send from. */
  readonly localAddress: string;
  /** The interface that leads to it. */
  readonly interfaceName: string;
  /** Why this one, in words without a final period. */
  readonly reason: string;
  /** Whether the gateway's address is a guess, because the route names no next hop. */
  readonly guessed: boolean;
  /** Whether the kernel's own word was taken against the routing table's. */
  readonly overrulesTable: boolean;
}

/** A gateway that came into question. */
export interface Candidate {
  /** The interface; `*` for a route that leads nowhere. */
  readonly interfaceName: string;
  /** The gateway's address; absent where there is not even a guess. */
  readonly gateway?: string;
  /** The route's metric; absent where no route but the kernel named the interface. */
  readonly metric?: number;
  /** Whether the address is a guess. */
  readonly guessed: boolean;
  /** Whether it was chosen. */
  readonly chosen: boolean;
  /** What speaks for or against it, in words without a final period. */
  readonly reason: string;
}

/** Why there is no gateway. */
export type ChoiceFailure =
  | WishFailure
  | { readonly kind: "no-gateway"; readonly interfaceName: string }
  | { readonly kind: "no-guess"; readonly interfaceName: string; readonly localAddress: string }
  | { readonly kind: "no-default-route" };

/** What is known of this host. */
export interface Surroundings {
  /** The main routing table. */
  readonly routes: readonly Route[];
  /** The addresses of this host. */
  readonly interfaces: readonly InterfaceAddress[];
  /** Names of interfaces, also of those without any address. */
  readonly interfaceNames?: readonly string[];
  /** The address that the kernel would send from; absent where it was not asked or had no answer. */
  readonly kernelAddress?: string;
}

/** The outcome of {@linkcode chooseGateway}. */
export type Choice =
  & { readonly candidates: readonly Candidate[] }
  & ({ readonly gateway: Gateway } | { readonly failure: ChoiceFailure });

/** A way to the Internet: a route, or an interface that only the kernel or the caller named. */
interface Way {
  readonly interfaceName: string;
  readonly gateway?: string;
  readonly metric?: number;
  readonly reason: string;
  readonly overrulesTable?: boolean;
}

/** Rules 1 and 2: the ways that the table has, best first. */
function waysOf(routes: readonly Route[]): Way[] {
  const usable = routes.filter((route) => !route.rejects);
  const upper = usable.filter((route) => route.prefixLength === 1 && route.destination === "128.0.0.0");
  const pairs = usable
    .filter((route) => route.prefixLength === 1 && route.destination === "0.0.0.0")
    .filter((route) => upper.some((other) => other.interfaceName === route.interfaceName));
  const byMetric = (a: Route, b: Route) => a.metric - b.metric;
  const defaults = usable.filter((route) => route.prefixLength === 0).sort(byMetric);
  return [
    ...pairs.sort(byMetric).map((route) => ({
      ...route,
      reason: `the routes 0.0.0.0/1 and 128.0.0.0/1 through ${route.interfaceName} cover every address`,
    })),
    ...defaults.map((route) => ({
      ...route,
      reason: `default route through ${route.interfaceName}${rank(route)}`,
    })),
  ];

  function rank({ metric }: Route): string {
    return defaults.length < 2 || metric < 0 ? "" : `, metric ${metric}`;
  }
}

/** Rule 5, and the address to send from: the one in the gateway's network, else the kernel's own, else the first. */
function follow(
  way: Way,
  addresses: readonly InterfaceAddress[],
  around: Surroundings,
): Gateway | ChoiceFailure {
  const { interfaceName, overrulesTable = false } = way;
  const preferred = addresses.find(({ address }) => address === around.kernelAddress) ?? addresses[0];
  if (preferred === undefined) return { kind: "no-address", interfaceName };
  // Some systems write an interface's own address where a route has no next hop.
  const nextHop = around.interfaces.some(({ address }) => address === way.gateway) ? undefined : way.gateway;
  if (nextHop !== undefined) {
    const near = [preferred, ...addresses].find((own) => sameNetwork(own.address, nextHop, own.netmask));
    const localAddress = (near ?? preferred).address;
    return {
      gateway: nextHop,
      localAddress,
      interfaceName,
      reason: way.reason,
      guessed: false,
      overrulesTable,
    };
  }
  const localAddress = preferred.address;
  const gateway = localAddress.replace(/\d+$/, "1");
  if (gateway === localAddress) return { kind: "no-guess", interfaceName, localAddress };
  const guess = `${gateway} is a guess, the own address ${localAddress} with its last byte 1`;
  const reason = `${way.reason}; no next hop is known, so ${guess}`;
  return { gateway, localAddress, interfaceName, reason, guessed: true, overrulesTable };
}

/** Rule 3: the way through the interface that the kernel would use, when the table's best is another. */
function kernelsWay(ways: readonly Way[], around: Surroundings): Way | undefined {
  const { kernelAddress, interfaces } = around;
  const owner = kernelAddress === undefined ? undefined : ownerOf(interfaces, kernelAddress);
  if (owner === undefined || isLoopback(owner)) return undefined;
  const holds = (name: string) =>
    addressesOf(interfaces, name).some(({ address }) => address === kernelAddress);
  const best = ways[0];
  if (best !== undefined && holds(best.interfaceName)) return undefined;
  // An interface without addresses, or the loopback interface's extra ones, are borrowed from: no other way.
  if (best !== undefined && addressesOf(interfaces, best.interfaceName).length === 0) return undefined;
  if (addressesOf(interfaces, owner.name).some(isLoopback)) return undefined;
  const own = ways.find((way) => holds(way.interfaceName));
  const against = best === undefined
    ? "although the routing table has no default route"
    : `although the routing table's default route is through ${best.interfaceName}`;
  const reason =
    `the system sends from ${kernelAddress} on ${owner.name}, ${against}: policy routing, as VPNs set up`;
  return { ...own ?? { interfaceName: owner.name }, reason, overrulesTable: true };
}

/** Rule 4. */
function wishedWay(ways: readonly Way[], interfaceName: string, link: InterfaceAddress): Way | undefined {
  const own = ways.find((way) => way.interfaceName === interfaceName);
  if (own !== undefined) return { ...own, reason: `${own.reason}, as asked for` };
  if (!isPointToPoint(link)) return undefined;
  return { interfaceName, reason: `${interfaceName} was asked for; it has no default route` };
}

function candidatesOf(
  ways: readonly Way[],
  around: Surroundings,
  chosen: { readonly way?: Way; readonly gateway?: Gateway },
): Candidate[] {
  const known = ways.map((way): Candidate => {
    const found = follow(way, addressesOf(around.interfaces, way.interfaceName), around);
    const { interfaceName, reason } = way;
    const base = {
      interfaceName,
      chosen: false,
      ...(way.metric === undefined ? {} : { metric: way.metric }),
    };
    if ("gateway" in found) {
      return { ...base, gateway: found.gateway, guessed: found.guessed, reason: found.reason };
    }
    const lacking = found.kind === "no-address"
      ? "the interface has no IPv4 address"
      : "it names no next hop";
    return { ...base, guessed: false, reason: `${reason}; ${lacking}` };
  });
  const rejected = around.routes.filter((route) => route.rejects && route.prefixLength <= 1).map((
    { interfaceName, metric, destination, prefixLength },
  ): Candidate => ({
    interfaceName,
    metric,
    guessed: false,
    chosen: false,
    reason: `the route ${destination}/${prefixLength} rejects or drops traffic, so it is skipped`,
  }));
  const { gateway } = chosen;
  if (gateway === undefined) return [...known, ...rejected];
  const { localAddress: _, overrulesTable: __, ...first } = gateway;
  const metric = chosen.way?.metric;
  const others = known.filter((other) =>
    other.interfaceName !== gateway.interfaceName || other.gateway !== gateway.gateway
  );
  return [{ ...first, chosen: true, ...(metric === undefined ? {} : { metric }) }, ...others, ...rejected];
}

/**
 * Chooses the gateway.
 *
 * @param around The routes, the interfaces and the kernel's own answer.
 * @param wish From where the caller wants to send.
 * @returns The gateway or why there is none, and all candidates, the chosen one first.
 */
export function chooseGateway(around: Surroundings, wish: GatewayWish = {}): Choice {
  const ways = waysOf(around.routes);
  const fail = (failure: ChoiceFailure): Choice => ({ candidates: candidatesOf(ways, around, {}), failure });
  const take = (way: Way, addresses: readonly InterfaceAddress[]): Choice => {
    const found = follow(way, addresses, around);
    if (!("gateway" in found)) return fail(found);
    return { candidates: candidatesOf(ways, around, { way, gateway: found }), gateway: found };
  };
  if (wish.interfaceName !== undefined || wish.source !== undefined) {
    const granted = grantWish(wish, around.interfaces, around.interfaceNames);
    if ("kind" in granted) return fail(granted);
    const way = wishedWay(ways, granted.interfaceName, granted.addresses[0]!);
    return way === undefined
      ? fail({ kind: "no-gateway", interfaceName: granted.interfaceName })
      : take(way, granted.addresses);
  }
  const way = kernelsWay(ways, around) ?? ways[0];
  if (way === undefined) return fail({ kind: "no-default-route" });
  const own = addressesOf(around.interfaces, way.interfaceName);
  const borrowed = around.kernelAddress === undefined
    ? undefined
    : ownerOf(around.interfaces, around.kernelAddress);
  return take(way, own.length > 0 || borrowed === undefined ? own : [borrowed]);
}
