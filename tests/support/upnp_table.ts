/**
 * UPnP of a lab's gateway at a port that stays, and its table as a reference client sees it.
 *
 * @module
 */

import { UPNP_HTTP_PORT } from "./gateway.ts";
import { GatewayLab, type GatewayLabOptions } from "./gateway_lab.ts";
import type { Namespace } from "./namespace.ts";

/** The programs that tests with the reference client need beside the lab. */
export const UPNPC = { lab: true, programs: ["upnpc"] } as const;

/** The description of a lab's gateway. */
export const IGD_URL = `http://10.77.0.1:${UPNP_HTTP_PORT}/rootDesc.xml`;

/** A lab whose gateway speaks UPnP alone, at {@linkcode IGD_URL}, unless the options say otherwise. */
export function createUpnpLab(options: GatewayLabOptions = {}): Promise<GatewayLab> {
  const { extraConfiguration = [], ...rest } = options;
  return GatewayLab.create({
    isUpnpOnly: true,
    ...rest,
    extraConfiguration: [`http_port=${UPNP_HTTP_PORT}`, ...extraConfiguration],
  });
}

/** Runs `upnpc`, the client of miniupnp, on a host. */
export function upnpc(host: Namespace, ...args: string[]): Promise<string> {
  return host.run(["upnpc", "-u", IGD_URL, ...args]);
}

/** The table that `upnpc` prints, sorted, as in `tcp 8080 -> 10.77.0.2:80 (natpmp box TCP 8080)`; `permanent` follows where it is. */
export async function tableByUpnpc(host: Namespace): Promise<readonly string[]> {
  // It ends with 1 after a table that it has read to its end.
  const { stdout } = await host.exec(["upnpc", "-u", IGD_URL, "-l"]);
  const rows = stdout.matchAll(/^ *\d+ (TCP|UDP) +(\d+)->(\S+) +'(.*)' '.*' (\d+)$/gm);
  return [...rows].map(([, protocol, port, target, description, lease]) =>
    entryText({
      protocol: protocol!.toLowerCase(),
      externalPort: Number(port),
      target: target!,
      description: description!,
      isPermanent: lease === "0",
    })
  ).sort();
}

/** An entry in the words of {@linkcode tableByUpnpc}. */
export function entryText(entry: {
  readonly protocol: string;
  readonly externalPort: number;
  readonly target: string;
  readonly description: string;
  readonly isPermanent: boolean;
}): string {
  const { protocol, externalPort, target, description, isPermanent } = entry;
  return `${protocol} ${externalPort} -> ${target} (${description})${isPermanent ? " permanent" : ""}`;
}
