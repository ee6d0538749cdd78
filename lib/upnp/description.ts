/**
 * The description of a device, and the services in it that map ports (UDA §2.3). Pure.
 *
 * @module
 */

import { DEVICE_PREFIX, SERVICE_PREFIX } from "./constants.ts";
import { type DescriptionOrigin, resolveServiceUrl } from "./location.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { shortText } from "./router_text.ts";
import { childOf, descendantsOf, readXml, textOf, type XmlElement } from "./xml.ts";

/** A service of a device. */
export interface Service {
  /** Its type, as the actions name it. */
  readonly type: string;
  /** The version in the type. */
  readonly version: number;
  /** Where actions are sent. */
  readonly controlUrl: URL;
  /** Where the service's own description is; absent where there is none, or its URL is unsafe. */
  readonly scpdUrl?: URL | undefined;
}

/** A service that maps ports. */
export interface ConnectionService extends Service {
  /** WANIPConnection or WANPPPConnection. */
  readonly kind: "ip" | "ppp";
}

/** A device, as far as port mapping needs it. */
export interface Description {
  readonly friendlyName?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly modelName?: string | undefined;
  readonly modelNumber?: string | undefined;
  /** The version of the Internet Gateway Device; absent where the device is another one. */
  readonly igdVersion?: 1 | 2 | undefined;
  /** The services that map ports, the best first; those with an unsafe URL are left out. */
  readonly services: readonly ConnectionService[];
  /** The service that opens ports for IPv6. */
  readonly firewall?: Service | undefined;
}

const KINDS: Readonly<Record<string, ConnectionService["kind"] | "firewall">> = {
  WANIPConnection: "ip",
  WANPPPConnection: "ppp",
  WANIPv6FirewallControl: "firewall",
};
const SERVICE_TYPE = new RegExp(`^${SERVICE_PREFIX}(${Object.keys(KINDS).join("|")}):([1-9][0-9]?)$`);
const GATEWAY_TYPE = new RegExp(`^${DEVICE_PREFIX}InternetGatewayDevice:([1-9][0-9]?)$`);

/**
 * Reads a description. A device without a service that maps ports is read too. Throws a
 * {@linkcode MalformedDocumentError} for what is not the description of a device.
 */
export function readDescription(text: string, origin: DescriptionOrigin): Description {
  const root = readXml(text);
  const device = childOf(root, "device");
  if (root.name !== "root" || device === undefined) {
    throw new MalformedDocumentError("The document does not describe a device");
  }
  const urlBase = textOf(root, "URLBase");
  const found = [...descendantsOf(device)]
    .filter(({ name }) => name === "service")
    .flatMap((element) => readService(element, { ...origin, urlBase }));
  const [, igdVersion] = GATEWAY_TYPE.exec(textOf(device, "deviceType") ?? "") ?? [];
  return {
    friendlyName: shortText(textOf(device, "friendlyName")),
    manufacturer: shortText(textOf(device, "manufacturer")),
    modelName: shortText(textOf(device, "modelName")),
    modelNumber: shortText(textOf(device, "modelNumber")),
    igdVersion: igdVersion === undefined ? undefined : igdVersion === "1" ? 1 : 2,
    services: found.filter(isConnection).sort(compareServices),
    firewall: firewallOf(found),
  };
}

interface FoundService extends Service {
  readonly kind: ConnectionService["kind"] | "firewall";
}

function readService(
  element: XmlElement,
  origin: DescriptionOrigin & { readonly urlBase: string | undefined },
): FoundService[] {
  const [type, name, version] = SERVICE_TYPE.exec(textOf(element, "serviceType") ?? "") ?? [];
  const controlUrl = urlOf(element, "controlURL", origin);
  if (type === undefined || name === undefined || controlUrl === undefined) return [];
  const scpdUrl = urlOf(element, "SCPDURL", origin);
  return [{ type, kind: KINDS[name]!, version: Number(version), controlUrl, ...(scpdUrl && { scpdUrl }) }];
}

function urlOf(
  element: XmlElement,
  name: string,
  origin: DescriptionOrigin & { readonly urlBase: string | undefined },
): URL | undefined {
  const verdict = resolveServiceUrl(textOf(element, name) ?? "", origin);
  return "url" in verdict ? verdict.url : undefined;
}

/** Whether a type is that of a service that maps ports. */
export function isConnectionType(type: string): boolean {
  const [, name = ""] = SERVICE_TYPE.exec(type) ?? [];
  return name !== "" && KINDS[name] !== "firewall";
}

function isConnection(service: FoundService): service is FoundService & ConnectionService {
  return service.kind !== "firewall";
}

/** WANIPConnection:2, WANIPConnection:1, WANPPPConnection; equal ones in the order of the document. */
function compareServices(a: ConnectionService, b: ConnectionService): number {
  return a.kind === b.kind ? b.version - a.version : a.kind === "ip" ? -1 : 1;
}

function firewallOf(found: readonly FoundService[]): Service | undefined {
  const firewall = found.find(({ kind }) => kind === "firewall");
  if (firewall === undefined) return undefined;
  const { kind: _, ...service } = firewall;
  return service;
}
