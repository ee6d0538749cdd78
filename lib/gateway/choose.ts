/**
 * Choosing the gateway among the routes, by the kernel's own word and the caller's choice; pure.
 *
 * The rules, in this order:
 *
 * 1. Routes that reject or drop traffic are never chosen.
 * 2. The route that the kernel would take comes first. Where the kernel gives only the address that it would send
 *    from, that is the way through the address's interface.
 * 3. A pair 0.0.0.0/1 and 128.0.0.0/1 through one interface covers everything and is more specific than a default
 *    route, so it comes next; then default routes by metric.
 * 4. Where one is named, only ways through that interface count. Lacking one, a link with two ends still has the guess
 *    of rule 6; on any other link none is taken, since a next hop of some narrower route need not lead to
 *    the Internet.
 * 5. The first way that leads to a gateway is taken; one that leads nowhere hides no other.
 * 6. A way without a next hop gets a guess (`guess.ts`), but a private address only. A next hop that is an IPv6
 *    address cannot be the IPv4 gateway.
 *
 * @module
 */

import { guessGateway, mayBeAsked } from "./guess.ts";
import { sameNetwork } from "./prefix.ts";
import type { InterfaceAddress, KernelRoute, Route } from "./route.ts";
import {
  addressesOf,
  isIpv6Only,
  isLoopback,
  isPointToPoint,
  isTranslated,
  ownerOf,
  type SelectedSource,
  selectSource,
  type SourceSelector,
} from "./source_selector.ts";
import type { SourceFailure } from "./source_selector.ts";

/** The gateway to ask, and from where. */
export interface Gateway {
  /** The gateway's address. */
  readonly gateway: string;
  /** The address of this host to send from. */
  readonly localAddress: string;
  /** The interface that leads to it. */
  readonly interfaceName: string;
  /** The reason for this one, in words without a final period. */
  readonly reason: string;
  /** Whether the gateway's address is a guess, because the route names no next hop. */
  readonly guessed: boolean;
  /** Whether the kernel's route was taken against the routing table. */
  readonly overrulesTable: boolean;
  /** Whether a route that the system prefers leads to no gateway, so that this one is the next. */
  readonly isSecondChoice: boolean;
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
  /** The reason for or against it, in words without a final period. */
  readonly reason: string;
}

/** The reason why no gateway was chosen. */
export type ChoiceFailure =
  | SourceFailure
  | { readonly kind: "no-gateway"; readonly interfaceName: string }
  | { readonly kind: "no-guess"; readonly interfaceName: string; readonly localAddress: string }
  | { readonly kind: "no-private-guess"; readonly interfaceName: string; readonly guess: string }
  | { readonly kind: "ipv6-hop"; readonly interfaceName: string }
  | { readonly kind: "translated"; readonly interfaceName: string; readonly localAddress: string }
  | { readonly kind: "ipv6-only" }
  | { readonly kind: "no-default-route" };

/** The known facts about this host. */
export interface Surroundings {
  /** The main routing table. */
  readonly routes: readonly Route[];
  /** The addresses of this host. */
  readonly interfaces: readonly InterfaceAddress[];
  /** Names of interfaces, also of those without any address. */
  readonly interfaceNames?: readonly string[];
  /** The route that the kernel would take; absent where it was not asked or has none. */
  readonly kernelRoute?: KernelRoute;
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
  readonly hasIpv6Hop?: boolean;
  readonly metric?: number;
  readonly reason: string;
  readonly overrulesTable?: boolean;
  /** The address that the kernel would send from on this way. */
  readonly source?: string | undefined;
}

/** Rules 1 and 3: the ways that the table has, best first. */
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

function isSameWay(a: Way, b: Way): boolean {
  return a.interfaceName === b.interfaceName && a.gateway === b.gateway &&
    (a.hasIpv6Hop ?? false) === (b.hasIpv6Hop ?? false);
}

function againstTable(best: Way | undefined): string {
  return best === undefined
    ? "although the routing table has no default route"
    : `although the routing table's default route is through ${best.interfaceName}`;
}

/** The kernel's route as a way, with what the table knows of it; none where the kernel only assumes one. */
function wayOfKernel(route: KernelRoute, ways: readonly Way[]): Way | undefined {
  const { interfaceName, nextHop, isForeignHop, origin, isLocal, source } = route;
  if (isLocal || origin === "assumed") return undefined;
  const way = {
    interfaceName,
    ...(nextHop === undefined || isForeignHop ? {} : { gateway: nextHop }),
    ...(isForeignHop ? { hasIpv6Hop: true } : {}),
    reason: `the system's route to the Internet leads through ${interfaceName}`,
  };
  return { ...way, ...ways.find((other) => isSameWay(other, way)), source };
}

/** Rule 2, where the kernel gave its route. */
function kernelRoutesWay(route: KernelRoute, ways: readonly Way[]): Way | undefined {
  const way = wayOfKernel(route, ways);
  const [best] = ways;
  if (way === undefined || route.origin === "main-table" || (best && isSameWay(best, way))) return way;
  const reason =
    `the system's route to the Internet leads through ${way.interfaceName}, ${againstTable(best)}: ` +
    "policy routing, as with a VPN";
  return { ...way, reason, overrulesTable: true };
}

/** Rule 2, where it gave only its address: the way through its interface, when the table's best is another. */
function kernelAddressWay(ways: readonly Way[], around: Surroundings): Way | undefined {
  const { kernelAddress: source, interfaces } = around;
  const owner = source === undefined ? undefined : ownerOf(interfaces, source);
  if (owner === undefined || isLoopback(owner)) return undefined;
  const holds = (name: string) => addressesOf(interfaces, name).some(({ address }) => address === source);
  const best = ways[0];
  // An interface without addresses, or the loopback interface's extra ones, are borrowed from: no other way.
  const isBorrowed = best !== undefined && addressesOf(interfaces, best.interfaceName).length === 0 ||
    addressesOf(interfaces, owner.name).some(isLoopback);
  if (best !== undefined && (isBorrowed || holds(best.interfaceName))) return { ...best, source };
  if (isBorrowed) return undefined;
  const own = ways.find((way) => holds(way.interfaceName));
  const reason = `the system sends from ${source} on ${owner.name}, ${againstTable(best)}: ` +
    "policy routing, as with a VPN";
  return { ...own ?? { interfaceName: owner.name }, reason, overrulesTable: true, source };
}

/** Rule 4. Of a way through the selected interface it does not matter in which table it is. */
function selectedWays(
  ways: readonly Way[],
  { interfaceName, addresses }: SelectedSource,
  around: Surroundings,
): Way[] {
  const { kernelRoute } = around;
  const own = ways.filter((way) => way.interfaceName === interfaceName);
  const kernels = kernelRoute?.interfaceName === interfaceName ? wayOfKernel(kernelRoute, own) : undefined;
  const selected = kernels === undefined ? own : first(kernels, own);
  if (selected.length > 0) return selected.map((way) => ({ ...way, reason: `${way.reason}, as requested` }));
  if (!addresses.some(isPointToPoint)) return [];
  return [{ interfaceName, reason: `${interfaceName} was requested; it has no default route` }];
}

function first(way: Way, ways: readonly Way[]): Way[] {
  return [way, ...ways.filter((other) => !isSameWay(other, way))];
}

/** Rule 6, and the address to send from: the one in the gateway's network, else the kernel's own, else the first. */
function follow(
  way: Way,
  addresses: readonly InterfaceAddress[],
  around: Surroundings,
): Gateway | ChoiceFailure {
  const { interfaceName, overrulesTable = false } = way;
  const preferred = addresses.find(({ address }) => address === way.source) ?? addresses[0];
  if (preferred === undefined) return { kind: "no-address", interfaceName };
  const { address: localAddress } = preferred;
  if (isTranslated(localAddress)) return { kind: "translated", interfaceName, localAddress };
  const base = { interfaceName, overrulesTable, isSecondChoice: false };
  // Some systems write an interface's own address where a route has no next hop.
  const nextHop = around.interfaces.some(({ address }) => address === way.gateway) ? undefined : way.gateway;
  if (nextHop !== undefined) {
    const near = [preferred, ...addresses].find((own) => sameNetwork(own.address, nextHop, own.netmask));
    return {
      ...base,
      gateway: nextHop,
      localAddress: (near ?? preferred).address,
      reason: way.reason,
      guessed: false,
    };
  }
  if (way.hasIpv6Hop) return { kind: "ipv6-hop", interfaceName };
  const guess = guessGateway({ ...preferred, name: interfaceName }, around.routes);
  if (guess === undefined) return { kind: "no-guess", interfaceName, localAddress };
  if (!mayBeAsked(guess)) return { kind: "no-private-guess", interfaceName, guess: guess.address };
  const reason = `${way.reason}; no next hop is known, so ${guess.address} is a guess, ${guess.what}`;
  return { ...base, gateway: guess.address, localAddress, reason, guessed: true };
}

/** The reason why a way leads to no gateway. */
function lackOf(failure: ChoiceFailure): string {
  switch (failure.kind) {
    case "no-address":
      return "the interface has no IPv4 address";
    case "ipv6-hop":
      return "its next hop is an IPv6 address";
    case "translated":
      return `its address ${failure.localAddress} is that of an IPv6-only network (464XLAT)`;
    case "no-private-guess":
      return `it names no next hop, and the likely one, ${failure.guess}, is not a private address (RFC 1918)`;
    default:
      return "it names no next hop";
  }
}

/** The addresses to send from on a way: its interface's, else the one that the kernel lends it. */
function addressesFor(way: Way, { interfaces }: Surroundings): readonly InterfaceAddress[] {
  const own = addressesOf(interfaces, way.interfaceName);
  const lent = own.length > 0 || way.source === undefined ? undefined : ownerOf(interfaces, way.source);
  return lent === undefined ? own : [lent];
}

interface Followed {
  readonly way: Way;
  readonly found: Gateway | ChoiceFailure;
}

function candidateOf({ way, found }: Followed): Candidate {
  const base = {
    interfaceName: way.interfaceName,
    chosen: false,
    ...(way.metric === undefined ? {} : { metric: way.metric }),
  };
  return "gateway" in found
    ? { ...base, gateway: found.gateway, guessed: found.guessed, reason: found.reason }
    : { ...base, guessed: false, reason: `${way.reason}; ${lackOf(found)}` };
}

function rejectedOf(routes: readonly Route[]): Candidate[] {
  return routes.filter((route) => route.rejects && route.prefixLength <= 1).map((
    { interfaceName, metric, destination, prefixLength },
  ) => ({
    interfaceName,
    metric,
    guessed: false,
    chosen: false,
    reason: `the route ${destination}/${prefixLength} rejects or drops traffic, so it is skipped`,
  }));
}

/** Rule 5. */
function firstThatLeads(
  tried: readonly Followed[],
  others: readonly Followed[],
  around: Surroundings,
): Choice {
  const rejected = rejectedOf(around.routes);
  const chosen = tried.find(({ found }) => "gateway" in found);
  if (chosen === undefined || !("gateway" in chosen.found)) {
    const candidates = [...[...tried, ...others].map(candidateOf), ...rejected];
    const [best] = tried;
    return { candidates, failure: best?.found as ChoiceFailure ?? { kind: "no-default-route" } };
  }
  const before = tried.slice(0, tried.indexOf(chosen));
  const skipped = before.map(({ way, found }) =>
    `; ${way.interfaceName} comes first, but ${lackOf(found as ChoiceFailure)}`
  );
  const gateway = {
    ...chosen.found,
    reason: `${chosen.found.reason}${skipped.join("")}`,
    isSecondChoice: before.length > 0,
  };
  const rest = [...tried, ...others].filter(({ way, found }) =>
    way !== chosen.way &&
    !("gateway" in found && found.gateway === gateway.gateway &&
      found.interfaceName === gateway.interfaceName)
  );
  const candidate = { ...candidateOf(chosen), reason: gateway.reason, chosen: true };
  return { candidates: [candidate, ...rest.map(candidateOf), ...rejected], gateway };
}

/**
 * Chooses the gateway.
 *
 * @param around The routes, the interfaces and the kernel's own answer.
 * @param selector From where the caller wants to send.
 * @returns The gateway or why there is none, and all candidates, the chosen one first.
 */
export function chooseGateway(around: Surroundings, selector: SourceSelector = {}): Choice {
  const ways = waysOf(around.routes);
  const follows = (some: readonly Way[], addresses?: readonly InterfaceAddress[]) =>
    some.map((way): Followed => ({
      way,
      found: follow(way, addresses ?? addressesFor(way, around), around),
    }));
  const fail = (failure: ChoiceFailure): Choice => ({
    candidates: [...follows(ways).map(candidateOf), ...rejectedOf(around.routes)],
    failure,
  });
  if (selector.interfaceName !== undefined || selector.source !== undefined) {
    const granted = selectSource(selector, around.interfaces, around.interfaceNames);
    if ("kind" in granted) return fail(granted);
    const selected = selectedWays(ways, granted, around);
    if (selected.length === 0) return fail({ kind: "no-gateway", interfaceName: granted.interfaceName });
    const others = ways.filter((way) => !selected.some((one) => isSameWay(one, way)));
    return firstThatLeads(follows(selected, granted.addresses), follows(others), around);
  }
  const kernels = around.kernelRoute === undefined
    ? kernelAddressWay(ways, around)
    : kernelRoutesWay(around.kernelRoute, ways);
  const tried = kernels === undefined ? ways : first(kernels, ways);
  if (tried.length === 0 && isIpv6Only(around.interfaces)) return fail({ kind: "ipv6-only" });
  return firstThatLeads(follows(tried), [], around);
}
