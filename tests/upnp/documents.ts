/** A service of a description. */
export function serviceXml(
  type: string,
  controlUrl: string,
  scpdUrl: string | undefined = "/scpd.xml",
): string {
  const scpd = scpdUrl === undefined ? "" : `<SCPDURL>${scpdUrl}</SCPDURL>`;
  return `<service><serviceType>${type}</serviceType><serviceId>urn:upnp-org:serviceId:x</serviceId>` +
    `<controlURL>${controlUrl}</controlURL><eventSubURL>/event</eventSubURL>${scpd}</service>`;
}

/** The parts of {@linkcode descriptionXml}. */
export interface DescriptionParts {
  /** Services of the WANConnectionDevice. */
  readonly services?: string;
  readonly urlBase?: string;
  readonly version?: number;
  /** Elements of the root device. */
  readonly facts?: string;
}

/** The description of a router with its three devices, each inside the other. */
export function descriptionXml(
  { services = "", urlBase, version = 1, facts = "<friendlyName>Router</friendlyName>" }: DescriptionParts,
): string {
  const type = (name: string) => `<deviceType>urn:schemas-upnp-org:device:${name}:${version}</deviceType>`;
  const base = urlBase === undefined ? "" : `<URLBase>${urlBase}</URLBase>`;
  return `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
<specVersion><major>1</major><minor>0</minor></specVersion>${base}
<device>${type("InternetGatewayDevice")}${facts}
<serviceList>${serviceXml("urn:schemas-any-com:service:Any:1", "/any")}</serviceList>
<deviceList><device>${type("WANDevice")}<friendlyName>WAN</friendlyName>
<serviceList>${serviceXml("urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1", "/ifc")}</serviceList>
<deviceList><device>${type("WANConnectionDevice")}<friendlyName>Connection</friendlyName>
<serviceList>${services}</serviceList>
</device></deviceList>
</device></deviceList>
</device>
</root>
`;
}
