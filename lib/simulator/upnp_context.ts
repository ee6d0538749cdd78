/**
 * The gateway as the handlers of UPnP know it, and the names of what it is made of (UPnP Device Architecture 1.1,
 * InternetGatewayDevice:1 and :2).
 *
 * @module
 */

import type { Endpoint } from "../net/datagram.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import type { GatewayContext } from "./gateway_state.ts";

/** The version of InternetGatewayDevice that a gateway is. */
export type UpnpVersion = "igd1" | "igd2";

/** Where routers hear searches (UPnP Device Architecture 1.1 §1.3.2). */
export const SEARCH_GROUP = "239.255.255.250";

/** The UDP port of searches. */
export const SEARCH_PORT = 1900;

/** Where the device description is. */
export const DESCRIPTION_PATH = "/rootDesc.xml";

/** The name and version by which the software calls itself. */
export const SERVER = "Linux/6.1 UPnP/1.1 natpmp-simulate/1.0";

/** The gateway as a request of UPnP finds it. */
export interface UpnpContext extends GatewayContext {
  /** What it is. */
  readonly version: UpnpVersion;
  /** Where it serves HTTP. */
  readonly http: Endpoint;
  /** Grows at each boot (UPnP Device Architecture 1.1 §1.2.2). */
  readonly bootId: number;
}

/** Its devices, each inside of the one before. */
export type DeviceName = "InternetGatewayDevice" | "WANDevice" | "WANConnectionDevice";

/** Every device, the outermost first. */
export const DEVICES: readonly DeviceName[] = ["InternetGatewayDevice", "WANDevice", "WANConnectionDevice"];

/** The parts of a type such as `urn:schemas-upnp-org:service:WANIPConnection:1`. */
export interface TypeName {
  /** Whether a device or a service has the type. */
  readonly kind: "device" | "service";
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: number;
}

/**
 * Writes a type.
 *
 * @param type Its parts.
 * @returns The URN.
 */
export function formatType({ kind, name, version }: TypeName): string {
  return `urn:schemas-upnp-org:${kind}:${name}:${version}`;
}

/**
 * Checks whether something of one type does all that another type asks for: each version includes those before it
 * (UPnP Device Architecture 1.1 §1.3.2).
 *
 * @param own The type that there is.
 * @param asked The type that is asked for, as text.
 * @returns Whether it does.
 */
export function fulfils(own: TypeName, asked: string): boolean {
  for (let version = 1; version <= own.version; version++) {
    if (formatType({ ...own, version }) === asked) return true;
  }
  return false;
}

/**
 * The type of a device.
 *
 * @param name The device.
 * @param context The gateway.
 * @returns Its type.
 */
export function deviceType(name: DeviceName, { version }: UpnpContext): TypeName {
  return { kind: "device", name, version: version === "igd2" ? 2 : 1 };
}

/**
 * The type of the service that maps ports.
 *
 * @param context The gateway.
 * @returns Its type.
 */
export function connectionType({ version, faults }: UpnpContext): TypeName {
  if (faults.upnpPpp) return { kind: "service", name: "WANPPPConnection", version: 1 };
  return { kind: "service", name: "WANIPConnection", version: version === "igd2" ? 2 : 1 };
}

/** The type of the service that knows the link. */
export const LINK_TYPE: TypeName = { kind: "service", name: "WANCommonInterfaceConfig", version: 1 };

/**
 * The unique name of a device, which differs between gateways at different addresses.
 *
 * @param name The device.
 * @param context The gateway.
 * @returns `uuid:` and the UUID.
 */
export function deviceId(name: DeviceName, { http }: UpnpContext): string {
  const address = [...parseIpv4(http.hostname) ?? []].map((byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
  return `uuid:00000000-0000-4000-8000-${address}000${DEVICES.indexOf(name) + 1}`;
}

/** Text of an attacker, as it stands in XML: control characters raw and by number, and markup. */
export const HOSTILE_TEXT = "evil\u001b[2J\u0007&#27;]0;owned&#7;&lt;b&gt;\r\nnatpmp: mapped";
