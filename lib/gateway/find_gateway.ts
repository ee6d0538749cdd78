/**
 * Finding the default gateway of this host, on every system.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NoGatewayError, UnknownInterfaceError } from "../errors.ts";
import { type Candidate, chooseGateway, type Gateway, type Surroundings } from "./choose.ts";
import { bindingOf, type SocketBinding } from "./binding.ts";
import { longestMatch } from "./prefix.ts";
import type { InterfaceAddress, KernelRouteOptions, Route } from "./route.ts";
import { type GatewaySystem, thisSystem } from "./system.ts";
import type { SourceSelector } from "./source_selector.ts";

/**
 * Where the kernel is asked for a route to: Cloudflare's resolver stands for the public Internet, since VPNs, policy
 * rules and split routes treat it as they treat any public host. Addresses with a purpose of their own (192.0.0.0/24,
 * the documentation networks, anycast of PCP) are commonly blackholed. Nothing is sent there.
 */
const PUBLIC_ADDRESS = "1.1.1.1";

/** See {@linkcode withoutPin}. */
const PINNED_PREFIX_LENGTH = 16;

/** Absolute, because cron's PATH has no /sbin. */
const ROUTE = "/sbin/route";
const netstatOf = (os: string) => os === "darwin" ? "/usr/sbin/netstat" : "/usr/bin/netstat";

/** Options of {@linkcode findGateway} and {@linkcode surveyGateways}. */
export interface FindGatewayOptions extends SourceSelector {
  /** Ends the search. */
  readonly signal?: AbortSignal;
  /** The time in which helper programs are limited; the machine's own by default. */
  readonly clock?: Clock;
  /** The system to ask; this machine by default. */
  readonly system?: GatewaySystem;
}

/** The result of {@linkcode findGateway}. */
export interface FoundGateway extends Gateway {
  /** The interface to bind a socket to, where the route to the gateway leads through another one. */
  readonly binding?: SocketBinding;
  /** Every gateway that came into question, the chosen one first. */
  readonly candidates: readonly Candidate[];
}

/** The findings of {@linkcode surveyGateways}, success or not. */
export interface GatewaySurvey {
  /** The addresses of this host. */
  readonly interfaces: readonly InterfaceAddress[];
  /** The address that the kernel would send from; absent where it was not asked or had no answer. */
  readonly kernelAddress?: string;
  /** Every gateway that came into question, the chosen one first. */
  readonly candidates: readonly Candidate[];
  /** The chosen gateway. */
  readonly gateway?: Gateway;
  /** The interface to bind a socket to, where the route to the gateway leads through another one. */
  readonly binding?: SocketBinding;
  /** The reason why none was found. */
  readonly failure?: NoGatewayError | UnknownInterfaceError;
}

type Known = Pick<Surroundings, "routes" | "kernelAddress" | "kernelRoute">;

/** The interface and address that the caller names; nothing where all is left to the system. */
type Selected = Pick<KernelRouteOptions, "interfaceName" | "source"> | undefined;

async function grant(
  selector: SourceSelector,
  system: GatewaySystem,
  interfaces: readonly InterfaceAddress[],
): Promise<Selected> {
  const { checkSource } = await import("./check_source.ts");
  const { interfaceName, addresses } = await checkSource(selector, system, interfaces);
  return { interfaceName, source: addresses[0]!.address };
}

/** The kernel knows every table and rule. Its answer does without the table, which only adds the candidates. */
async function readLinux(system: GatewaySystem, selected: Selected): Promise<Known> {
  const { parseLinuxRoutes } = await import("./linux_routes.ts");
  const route = await system.kernelRoute(PUBLIC_ADDRESS, selected ?? {});
  const kernelRoute = route === "unreachable" ? undefined : route;
  const routes = await system.readTextFile("/proc/net/route").then(parseLinuxRoutes, (error) => {
    if (kernelRoute === undefined || kernelRoute.origin === "assumed") throw error;
    return [];
  });
  return {
    routes,
    ...(kernelRoute === undefined ? {} : { kernelRoute }),
    ...(route === undefined ? await askForAddress(system, selected) : {}),
  };
}

async function readWindows(
  system: GatewaySystem,
  selected: Selected,
  interfaces: readonly InterfaceAddress[],
): Promise<Known> {
  const { bestRoute, bestRouteAddress, parseWindowsRoutes } = await import("./windows_routes.ts");
  const tables = await system.windowsTables(PUBLIC_ADDRESS);
  const routes = parseWindowsRoutes(tables, interfaces);
  if (selected !== undefined) return { routes };
  const kernelRoute = bestRoute(tables, interfaces);
  if (kernelRoute !== undefined) return { routes, kernelRoute };
  const kernelAddress = bestRouteAddress(tables, PUBLIC_ADDRESS);
  return { routes, ...(kernelAddress === undefined ? {} : { kernelAddress }) };
}

/** Unless an interface is named, the route that the system would use decides, and an unreadable table is ignored. */
async function readBsd(system: GatewaySystem, selected: Selected, signal?: AbortSignal): Promise<Known> {
  const { parseNetstat, parseRouteGet, saysNoRoute } = await import("./bsd_routes.ts");
  const netstat = async () => {
    const program = netstatOf(system.os);
    const { success, stdout, stderr } = await system.run(program, ["-rn", "-f", "inet"], signal);
    if (!success) throw programFailure(program, stderr);
    return parseNetstat(stdout);
  };
  if (selected !== undefined) return { routes: await netstat() };
  const best = async (): Promise<Route | undefined> => {
    const { success, stdout, stderr } = await system.run(ROUTE, ["-n", "get", "default"], signal);
    if (!success && !saysNoRoute(stdout + stderr)) throw programFailure(ROUTE, stderr);
    return success ? parseRouteGet(stdout) : undefined;
  };
  const [first, table] = await Promise.all([best(), netstat().catch((): Route[] => [])]);
  const others = table.filter((route) =>
    route.prefixLength > 0 || route.interfaceName !== first?.interfaceName || route.gateway !== first.gateway
  );
  return {
    routes: first === undefined ? table : [first, ...others],
    ...await askForAddress(system, selected),
  };
}

function programFailure(program: string, stderr: string): NoGatewayError {
  const said = stderr.trim().split("\n")[0] || "it failed without a message";
  return new NoGatewayError(`Cannot read the routing table with ${program}: ${said}`, {
    reason: "unreadable-routes",
  });
}

async function askForAddress(
  system: GatewaySystem,
  selected: Selected,
): Promise<Pick<Known, "kernelAddress">> {
  const kernelAddress = selected === undefined ? await system.localAddressFor(PUBLIC_ADDRESS) : undefined;
  return kernelAddress === undefined ? {} : { kernelAddress };
}

interface ReadOptions {
  readonly selected: Selected;
  readonly interfaces: readonly InterfaceAddress[];
  readonly signal?: AbortSignal | undefined;
}

function readKnown(system: GatewaySystem, { selected, interfaces, signal }: ReadOptions): Promise<Known> {
  switch (system.os) {
    case "linux":
    case "android":
      return readLinux(system, selected);
    case "windows":
      return readWindows(system, selected, interfaces);
    case "darwin":
    case "freebsd":
    case "openbsd":
    case "netbsd":
      return readBsd(system, selected, signal);
  }
  throw new NoGatewayError(
    `Cannot find a router on ${system.os}: this library cannot read the routing table of that system`,
    {
      reason: "unreadable-routes",
    },
  );
}

/**
 * A route for the very network of the public address, as some VPNs pin the resolver's, is not the route to the
 * Internet. VPNs that cover everything do so with much shorter prefixes.
 */
function withoutPin(known: Known): Known {
  const { routes, kernelRoute } = known;
  const isPinned = (longestMatch(routes, PUBLIC_ADDRESS)?.prefixLength ?? 0) >= PINNED_PREFIX_LENGTH;
  return isPinned && kernelRoute?.origin !== "other-table" ? { routes } : known;
}

/**
 * Reads the routing table alone.
 *
 * @param system The system.
 * @param interfaces The addresses of this host.
 * @returns Its routes.
 * @throws {NoGatewayError} If they cannot be read.
 */
export async function readRoutes(
  system: GatewaySystem,
  interfaces: readonly InterfaceAddress[],
): Promise<readonly Route[]> {
  // The kernel's own choice does not matter here.
  const { routes } = await readKnown(system, { selected: {}, interfaces });
  return routes;
}

/**
 * Finds out everything about this host's gateways, and whether one can be chosen.
 *
 * @param options From where to send, and what to ask.
 * @returns The findings, with the gateway or the reason why there is none.
 */
export async function surveyGateways(options: FindGatewayOptions = {}): Promise<GatewaySurvey> {
  const { signal, clock, interfaceName, source } = options;
  signal?.throwIfAborted();
  const system = options.system ?? thisSystem(clock);
  const isSelected = interfaceName !== undefined || source !== undefined;
  let interfaces: readonly InterfaceAddress[] = [];
  let candidates: readonly Candidate[] = [];
  try {
    interfaces = await system.networkInterfaces();
    const selected = isSelected ? await grant(options, system, interfaces) : undefined;
    const known = withoutPin(await readKnown(system, { selected, interfaces, signal }));
    const choice = chooseGateway({ ...known, interfaces }, options);
    candidates = choice.candidates;
    const kernelAddress = known.kernelRoute?.source ?? known.kernelAddress;
    const seen = { interfaces, candidates, ...(kernelAddress === undefined ? {} : { kernelAddress }) };
    if ("failure" in choice) {
      const { failureError } = await import("./failure.ts");
      return { ...seen, failure: failureError(choice.failure) };
    }
    const { gateway } = choice;
    const readRoutes = () => Promise.resolve(known.routes);
    const binding = await bindingOf(gateway, { system, interfaces, readRoutes });
    return { ...seen, gateway, ...(binding === undefined ? {} : { binding }) };
  } catch (failure) {
    if (!(failure instanceof NoGatewayError || failure instanceof UnknownInterfaceError)) throw failure;
    return { interfaces, candidates, failure };
  } finally {
    system.close();
  }
}

/**
 * Finds the gateway to ask, and from where to ask it.
 *
 * @param options From where to send, and what to ask.
 * @returns The gateway, with every other that came into question.
 * @throws {NoGatewayError} If there is none, or this host hides it.
 * @throws {UnknownInterfaceError} If the interface or source address that was named is not this host's.
 *
 * @example The gateway of one interface, and why it is that one
 * ```ts
 * import { findGateway } from "./find_gateway.ts";
 *
 * async function describeGateway(interfaceName: string): Promise<string> {
 *   const { gateway, localAddress, reason } = await findGateway({ interfaceName });
 *   return `${gateway}, asked from ${localAddress}: ${reason}`;
 * }
 * ```
 */
export async function findGateway(options: FindGatewayOptions = {}): Promise<FoundGateway> {
  const { gateway, binding, failure, candidates } = await surveyGateways(options);
  if (gateway === undefined) throw failure;
  return { ...gateway, ...(binding === undefined ? {} : { binding }), candidates };
}
