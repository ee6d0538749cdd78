/**
 * The simulated gateway's descriptions of its devices and services (UPnP Device Architecture 1.1 §2.3, §2.5). Pure.
 *
 * @module
 */

import { otherAddress } from "./adversity.ts";
import { ACTION_ARGUMENTS, type ActionArguments, actionsOf, LINK_ACTIONS } from "./upnp_actions_table.ts";
import {
  connectionType,
  deviceId,
  type DeviceName,
  deviceType,
  formatType,
  HOSTILE_TEXT,
  LINK_TYPE,
  type TypeName,
  type UpnpContext,
} from "./upnp_context.ts";
import { element } from "./xml_text.ts";

const DECLARATION = '<?xml version="1.0"?>\n';

/** The paths of a service. */
export interface ServicePaths {
  /** Where its description is. */
  readonly description: string;
  /** Where its actions go. */
  readonly control: string;
  /** Where events are subscribed, which nobody can here. */
  readonly events: string;
}

/** The paths of the service that maps ports. */
export const CONNECTION_PATHS: ServicePaths = {
  description: "/WANIPCn.xml",
  control: "/ctl/IPConn",
  events: "/evt/IPConn",
};

/** The paths of the service that knows the link. */
export const LINK_PATHS: ServicePaths = {
  description: "/WANCfg.xml",
  control: "/ctl/CmnIfCfg",
  events: "/evt/CmnIfCfg",
};

/**
 * Describes the gateway and the devices in it.
 *
 * @param context The gateway.
 * @returns The document.
 */
export function deviceDescription(context: UpnpContext): string {
  const connection = device("WANConnectionDevice", context, [
    service(connectionType(context), "WANIPConn1", CONNECTION_PATHS, context),
  ]);
  const wan = device(
    "WANDevice",
    context,
    [service(LINK_TYPE, "WANCommonIFC1", LINK_PATHS, context)],
    connection,
  );
  const root = device("InternetGatewayDevice", context, [], wan);
  return `${DECLARATION}<root xmlns="urn:schemas-upnp-org:device-1-0" configId="1337">` +
    `<specVersion><major>1</major><minor>1</minor></specVersion>${urlBase(context)}${root}</root>`;
}

function urlBase({ http: { hostname, port }, faults }: UpnpContext): string {
  if (faults.upnpForeignBase) return element("URLBase", `http://${otherAddress(hostname)}:${port}/`);
  return faults.upnpDoubleSlash ? element("URLBase", `http://${hostname}:${port}/`) : "";
}

function device(name: DeviceName, context: UpnpContext, services: readonly string[], inner?: string): string {
  const { faults, http } = context;
  const isRoot = name === "InternetGatewayDevice";
  return element(
    "device",
    element("deviceType", formatType(deviceType(name, context))) +
      element("friendlyName", faults.upnpHostileText ? HOSTILE_TEXT : "Simulated router") +
      element("manufacturer", faults.upnpHostileText ? HOSTILE_TEXT : "natpmp") +
      element("modelName", faults.upnpHostileText ? HOSTILE_TEXT : "Simulated router") +
      element("UDN", deviceId(name, context)) +
      (services.length === 0 ? "" : element("serviceList", services.join(""))) +
      (inner === undefined ? "" : element("deviceList", inner)) +
      (isRoot ? element("presentationURL", `http://${http.hostname}/`) : ""),
  );
}

function service(type: TypeName, id: string, paths: ServicePaths, { faults }: UpnpContext): string {
  const url = (path: string) =>
    faults.upnpRelativeUrls ? path.slice(1) : faults.upnpDoubleSlash ? `/${path}` : path;
  return element(
    "service",
    element("serviceType", formatType(type)) +
      element("serviceId", `urn:upnp-org:serviceId:${id}`) +
      element("SCPDURL", url(paths.description)) +
      element("controlURL", url(paths.control)) +
      element("eventSubURL", url(paths.events)),
  );
}

/**
 * Describes the service that maps ports.
 *
 * @param context The gateway.
 * @returns The document.
 */
export function connectionDescription(context: UpnpContext): string {
  return serviceDescription(actionsOf(context.version).map((name) => [name, ACTION_ARGUMENTS[name]]));
}

/**
 * Describes the service that knows the link.
 *
 * @returns The document.
 */
export function linkDescription(): string {
  return serviceDescription(Object.entries(LINK_ACTIONS));
}

/** The types of state variables that are not text. */
const TYPES: Readonly<Record<string, string>> = {
  ExternalPort: "ui2",
  InternalPort: "ui2",
  StartPort: "ui2",
  EndPort: "ui2",
  ReservedPort: "ui2",
  NumberOfPorts: "ui2",
  PortMappingIndex: "ui2",
  LeaseDuration: "ui4",
  Uptime: "ui4",
  Layer1UpstreamMaxBitRate: "ui4",
  Layer1DownstreamMaxBitRate: "ui4",
  Enabled: "boolean",
  Manage: "boolean",
  RSIPAvailable: "boolean",
  NATEnabled: "boolean",
};

function serviceDescription(actions: readonly (readonly [string, ActionArguments])[]): string {
  const variables = new Set<string>();
  const argument = (name: string, direction: "in" | "out") => {
    // `NewExternalPort` is about the variable `ExternalPort`.
    const variable = name.replace(/^New/, "");
    variables.add(variable);
    return element(
      "argument",
      element("name", name) + element("direction", direction) + element("relatedStateVariable", variable),
    );
  };
  const list = actions.map(([name, { input, output }]) => {
    const all = [
      ...input.map((argumentName) => argument(argumentName, "in")),
      ...output.map((argumentName) => argument(argumentName, "out")),
    ];
    return element(
      "action",
      element("name", name) + (all.length === 0 ? "" : element("argumentList", all.join(""))),
    );
  });
  const table = [...variables].map((name) =>
    `<stateVariable sendEvents="no">${element("name", name)}${element("dataType", TYPES[name] ?? "string")}` +
    `</stateVariable>`
  );
  return `${DECLARATION}<scpd xmlns="urn:schemas-upnp-org:service-1-0">` +
    `<specVersion><major>1</major><minor>1</minor></specVersion>` +
    element("actionList", list.join("")) + element("serviceStateTable", table.join("")) + "</scpd>";
}
