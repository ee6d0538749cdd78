import { failureError } from "./failure.ts";
import type { InterfaceAddress } from "./route.ts";
import type { GatewaySystem } from "./system.ts";
import { type SelectedSource, selectSource, type SourceSelector } from "./source_selector.ts";

/** Interfaces without any address are in no list of addresses; only Linux is asked for them. */
async function interfaceNames(system: GatewaySystem): Promise<readonly string[]> {
  if (system.os !== "linux") return [];
  const { parseLinuxInterfaceNames } = await import("./linux_routes.ts");
  return await system.readTextFile("/proc/net/dev").then(parseLinuxInterfaceNames, () => []);
}

/**
 * Finds the interface that a choice means, with the whole list of names at hand only when it is needed.
 *
 * @param selector The selector; at least one of its fields is set.
 * @param system The system.
 * @param interfaces The addresses of this host.
 * @returns The interface and its addresses.
 * @throws {UnknownInterfaceError} If the interface or source address is not this host's.
 * @throws {NoGatewayError} If the interface has no IPv4 address.
 */
export async function checkSource(
  selector: SourceSelector,
  system: GatewaySystem,
  interfaces: readonly InterfaceAddress[],
): Promise<SelectedSource> {
  const granted = selectSource(selector, interfaces);
  if (!("kind" in granted)) return granted;
  const again = selectSource(selector, interfaces, await interfaceNames(system));
  if ("kind" in again) throw failureError(again);
  return again;
}
