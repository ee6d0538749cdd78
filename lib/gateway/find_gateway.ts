/**
 * Finding the default gateway of this host, on every system.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NoGatewayError, UnknownInterfaceError } from "../errors.ts";
import { type Candidate, chooseGateway, type Gateway, type Surroundings } from "./choose.ts";
import { checkWish } from "./check_wish.ts";
import { failureError, NAME_IT } from "./failure.ts";
import type { InterfaceAddress, Route } from "./route.ts";
import { type GatewaySystem, thisSystem } from "./system.ts";
import type { GatewayWish } from "./wish.ts";

/**
 * Where the kernel is asked for a route to: Cloudflare's resolver stands for the public Internet, since VPNs, policy
 * rules and split routes treat it as they treat any public host. Addresses with a purpose of their own (192.0.0.0/24,
 * the documentation networks, anycast of PCP) are commonly blackholed. Nothing is sent there.
 */
export const PUBLIC_ADDRESS = "1.1.1.1";

/** Absolute, because cron's PATH has no /sbin. */
const ROUTE = "/sbin/route";
const netstatOf = (os: string) => os === "darwin" ? "/usr/sbin/netstat" : "/usr/bin/netstat";

/** Options of {@linkcode findGateway} and {@linkcode surveyGateways}. */
export interface FindGatewayOptions extends GatewayWish {
  /** Ends the search. */
  readonly signal?: AbortSignal;
  /** The time in which helper programs are limited; the machine's own by default. */
  readonly clock?: Clock;
  /** The system to ask; this machine by default. */
  readonly system?: GatewaySystem;
}

/** What {@linkcode findGateway} found. */
export interface FoundGateway extends Gateway {
  /** Every gateway that came into question, the chosen one first. */
  readonly candidates: readonly Candidate[];
}

/** What {@linkcode surveyGateways} saw, success or not. */
export interface GatewaySurvey {
  /** The addresses of this host. */
  readonly interfaces: readonly InterfaceAddress[];
  /** The address that the kernel would send from; absent where it was not asked or had no answer. */
  readonly kernelAddress?: string;
  /** Every gateway that came into question, the chosen one first. */
  readonly candidates: readonly Candidate[];
  /** The chosen gateway. */
  readonly gateway?: Gateway;
  /** Why there is none. */
  readonly failure?: NoGatewayError | UnknownInterfaceError;
}

type Known = Pick<Surroundings, "routes" | "kernelAddress">;

async function readLinux(system: GatewaySystem, wished: boolean): Promise<Known> {
  const { parseLinuxRoutes } = await import("./linux_routes.ts");
  const routes = parseLinuxRoutes(await system.readTextFile("/proc/net/route"));
  return { routes, ...await askKernel(system, wished) };
}

async function readWindows(system: GatewaySystem, wished: boolean): Promise<Known> {
  const { bestRouteAddress, parseWindowsRoutes } = await import("./windows_routes.ts");
  const tables = await system.windowsTables(PUBLIC_ADDRESS);
  const routes = parseWindowsRoutes(tables, system.networkInterfaces());
  const kernelAddress = wished ? undefined : bestRouteAddress(tables, PUBLIC_ADDRESS);
  return { routes, ...(kernelAddress === undefined ? {} : { kernelAddress }) };
}

/** Without a wish the route that the system would use decides, and a table that cannot be had is done without. */
async function readBsd(system: GatewaySystem, wished: boolean, signal?: AbortSignal): Promise<Known> {
  const { parseNetstat, parseRouteGet, saysNoRoute } = await import("./bsd_routes.ts");
  const netstat = async () => {
    const program = netstatOf(system.os);
    const { success, stdout, stderr } = await system.run(program, ["-rn", "-f", "inet"], signal);
    if (!success) throw programFailure(program, stderr);
    return parseNetstat(stdout);
  };
  if (wished) return { routes: await netstat() };
  const best = async (): Promise<Route | undefined> => {
    const { success, stdout, stderr } = await system.run(ROUTE, ["-n", "get", "default"], signal);
    if (!success && !saysNoRoute(stdout + stderr)) throw programFailure(ROUTE, stderr);
    return success ? parseRouteGet(stdout) : undefined;
  };
  const [first, table] = await Promise.all([best(), netstat().catch((): Route[] => [])]);
  const others = table.filter((route) =>
    route.prefixLength > 0 || route.interfaceName !== first?.interfaceName || route.gateway !== first.gateway
  );
  return { routes: first === undefined ? table : [first, ...others], ...await askKernel(system, wished) };
}

function programFailure(program: string, stderr: string): NoGatewayError {
  const said = stderr.trim().split("\n")[0] || "it failed without a word";
  return new NoGatewayError(`Cannot read the routing table with ${program}: ${said}; ${NAME_IT}`);
}

async function askKernel(system: GatewaySystem, wished: boolean): Promise<Pick<Known, "kernelAddress">> {
  const kernelAddress = wished ? undefined : await system.localAddressFor(PUBLIC_ADDRESS);
  return kernelAddress === undefined ? {} : { kernelAddress };
}

function readKnown(system: GatewaySystem, wished: boolean, signal?: AbortSignal): Promise<Known> {
  switch (system.os) {
    case "linux":
    case "android":
      return readLinux(system, wished);
    case "windows":
      return readWindows(system, wished);
    case "darwin":
    case "freebsd":
    case "openbsd":
    case "netbsd":
      return readBsd(system, wished, signal);
  }
  throw new NoGatewayError(
    `Cannot find a gateway on ${system.os}: its routing table is unknown here; ${NAME_IT}`,
  );
}

/**
 * Finds out everything about this host's gateways, and whether one can be chosen.
 *
 * @param options From where to send, and what to ask.
 * @returns What was seen, with the gateway or the reason why there is none.
 */
export async function surveyGateways(options: FindGatewayOptions = {}): Promise<GatewaySurvey> {
  const { signal, clock, interfaceName, source } = options;
  signal?.throwIfAborted();
  const system = options.system ?? thisSystem(clock);
  const wished = interfaceName !== undefined || source !== undefined;
  let interfaces: readonly InterfaceAddress[] = [];
  try {
    interfaces = system.networkInterfaces();
    if (wished) await checkWish(options, system, interfaces);
    const known = await readKnown(system, wished, signal);
    const { kernelAddress } = known;
    const choice = chooseGateway({ ...known, interfaces }, options);
    return {
      interfaces,
      candidates: choice.candidates,
      ...(kernelAddress === undefined ? {} : { kernelAddress }),
      ...("gateway" in choice ? { gateway: choice.gateway } : { failure: failureError(choice.failure) }),
    };
  } catch (failure) {
    if (!(failure instanceof NoGatewayError || failure instanceof UnknownInterfaceError)) throw failure;
    return { interfaces, candidates: [], failure };
  }
}

/**
 * Finds the gateway to ask, and from where to ask it.
 *
 * @param options From where to send, and what to ask.
 * @returns The gateway, with every other that came into question.
 * @throws {NoGatewayError} If there is none, or this host does not tell.
 * @throws {UnknownInterfaceError} If the interface or source address that was wished for is not this host's.
 */
export async function findGateway(options: FindGatewayOptions = {}): Promise<FoundGateway> {
  const { gateway, failure, candidates } = await surveyGateways(options);
  if (gateway === undefined) throw failure;
  return { ...gateway, candidates };
}
