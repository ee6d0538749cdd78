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

function envelopeXml(body: string): string {
  return '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${body}</s:Body></s:Envelope>`;
}

/** The answer to an action (UDA 1.1 §3). The values are put in as they are. */
export function answerXml(action: string, values: Readonly<Record<string, string>>): string {
  const elements = Object.entries(values).map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  return envelopeXml(
    `<u:${action}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">${elements}</u:${action}Response>`,
  );
}

/** A fault (UDA 1.1 §3). */
export function faultXml(code: number, description: string): string {
  return envelopeXml(
    "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>" +
      `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode>` +
      `<errorDescription>${description}</errorDescription></UPnPError></detail></s:Fault>`,
  );
}
