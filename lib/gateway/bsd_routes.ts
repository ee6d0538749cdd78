/**
 * macOS, FreeBSD, OpenBSD and NetBSD: the output of `route -n get default` and `netstat -rn -f inet`; pure.
 *
 * @module
 */

import { parseIpv4 } from "../net/ipv4.ts";
import type { Route } from "./route.ts";

/** The headings of the interface's column: macOS and FreeBSD, OpenBSD, NetBSD. */
const INTERFACE_HEADINGS = ["Netif", "Iface", "Interface"];

/** The words of `route`, with LC_ALL=C, when the system has no default route. */
const NO_ROUTE = /not in table|has not been found|no such process|no route to host/i;

/**
 * Parses what `route -n get default` prints: the one route that the system would use.
 *
 * @param text Its standard output.
 * @returns That route, with a metric that ranks it before what `netstat` lists; `undefined` when there is none.
 */
export function parseRouteGet(text: string): Route | undefined {
  const value = (key: string) => new RegExp(`^\\s*${key}:\\s*(\\S+)`, "m").exec(text)?.[1];
  const interfaceName = value("interface");
  if (interfaceName === undefined) return undefined;
  const gateway = value("gateway");
  return {
    interfaceName,
    destination: "0.0.0.0",
    prefixLength: 0,
    ...(gateway !== undefined && parseIpv4(gateway) ? { gateway } : {}),
    metric: -1,
    rejects: /REJECT|BLACKHOLE/.test(value("flags") ?? ""),
  };
}

/**
 * Checks whether a failure of `route -n get default` means "there is none", or nothing.
 *
 * @param text Its output, on either stream.
 * @returns Whether the system has no default route.
 */
export function saysNoRoute(text: string): boolean {
  return NO_ROUTE.test(text);
}

/** `default`, `10.8/16`, `128.0/1`, `192.168.1` (whole bytes), `10.0.0.1`: trailing zero bytes are left out. */
function parseDestination(text: string): { destination: string; prefixLength: number } | undefined {
  if (text === "default") return { destination: "0.0.0.0", prefixLength: 0 };
  const [network, length] = text.split("/");
  const bytes = network!.split(".");
  if (bytes.length > 4) return undefined;
  const destination = [...bytes, "0", "0", "0"].slice(0, 4).join(".");
  const prefixLength = length === undefined ? 8 * bytes.length : Number(length);
  if (parseIpv4(destination) === undefined || !(prefixLength <= 32)) return undefined;
  return { destination, prefixLength };
}

/**
 * Parses `netstat -rn -f inet`. The columns differ between the systems, so they are found by their headings.
 *
 * The metric is OpenBSD's priority. The others print none; there a route that macOS keeps for sockets bound to its
 * interface (flag `I`) counts 1, any other 0.
 *
 * @param text Its standard output.
 * @returns Every IPv4 route that is up, in the order printed.
 */
export function parseNetstat(text: string): Route[] {
  const routes: Route[] = [];
  let interfaceColumn = -1;
  let priorityColumn = -1;
  for (const line of text.split("\n")) {
    if (line.startsWith("Internet6")) break;
    const fields = line.trim().split(/\s+/);
    if (fields[0] === "Destination") {
      interfaceColumn = fields.findIndex((heading) => INTERFACE_HEADINGS.includes(heading));
      priorityColumn = fields.indexOf("Prio");
      continue;
    }
    const [network, gateway, flags] = fields;
    const interfaceName = fields[interfaceColumn];
    const parsed = network === undefined ? undefined : parseDestination(network);
    if (parsed === undefined || gateway === undefined || interfaceName === undefined) continue;
    if (!flags?.includes("U")) continue;
    routes.push({
      interfaceName,
      ...parsed,
      ...(flags.includes("G") && parseIpv4(gateway) ? { gateway } : {}),
      metric: Number(fields[priorityColumn] ?? (flags.includes("I") ? 1 : 0)),
      rejects: /[RB]/.test(flags),
    });
  }
  return routes;
}
