import { assertEquals, assertThrows } from "@std/assert";
import { type Description, readDescription } from "../../lib/upnp/description.ts";
import { MalformedDocumentError } from "../../lib/upnp/malformed_document_error.ts";
import { fuzzTexts } from "../support/fuzz.ts";
import { seeded } from "../support/seeded.ts";
import { descriptionXml, serviceXml } from "./documents.ts";
import { bodyOf, testFixture } from "./igd_fixtures.ts";
import { mutate } from "./mutate.ts";

const IP_2 = "urn:schemas-upnp-org:service:WANIPConnection:2";
const IP_1 = "urn:schemas-upnp-org:service:WANIPConnection:1";
const PPP_1 = "urn:schemas-upnp-org:service:WANPPPConnection:1";
const FIREWALL = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
const LOCATION = "http://192.168.1.1:5000/desc/root.xml";

function read(text: string, location = LOCATION): Description {
  return readDescription(text, { location: new URL(location) });
}

/** The services as `kind:version control URL`. */
function servicesOf(description: Description): string[] {
  return description.services.map(({ kind, version, controlUrl }) => `${kind}:${version} ${controlUrl}`);
}

// ---- which services ----

Deno.test("the best service is the first: WANIPConnection:2, then :1, then WANPPPConnection", () => {
  const services = serviceXml(PPP_1, "/ppp") + serviceXml(IP_1, "/ip1") + serviceXml(IP_2, "/ip2") +
    serviceXml(IP_1, "/ip1b");
  assertEquals(servicesOf(read(descriptionXml({ services }))), [
    "ip:2 http://192.168.1.1:5000/ip2",
    "ip:1 http://192.168.1.1:5000/ip1",
    "ip:1 http://192.168.1.1:5000/ip1b",
    "ppp:1 http://192.168.1.1:5000/ppp",
  ]);
});

Deno.test("a description has the service's type as it is written, and the URLs of its actions and its own", () => {
  const { services, firewall } = read(descriptionXml({
    services: serviceXml(IP_1, "/ctl", "ip.xml") + serviceXml(FIREWALL, "/fw", ""),
    version: 2,
  }));
  assertEquals(services, [{
    type: IP_1,
    kind: "ip",
    version: 1,
    controlUrl: new URL("http://192.168.1.1:5000/ctl"),
    scpdUrl: new URL("http://192.168.1.1:5000/desc/ip.xml"),
  }]);
  assertEquals(firewall, {
    type: FIREWALL,
    version: 1,
    controlUrl: new URL("http://192.168.1.1:5000/fw"),
  });
});

const NOT_TAKEN: readonly (readonly [what: string, services: string])[] = [
  ["no service", ""],
  ["types of another organisation", serviceXml(IP_1.replace("schemas-upnp-org", "dslforum-org"), "/ctl")],
  ["a type without a version", serviceXml(IP_1.replace(":1", ""), "/ctl")],
  ["a type with more behind it", serviceXml(`${IP_1}"&#10;X-Header: 1`, "/ctl")],
  ["a service without a control URL", serviceXml(IP_1, "")],
  ["a control URL on loopback", serviceXml(IP_1, "http://127.0.0.1:5000/ctl")],
  ["a control URL on another host", serviceXml(IP_1, "http://192.168.1.7/ctl")],
  ["a control URL with a name", serviceXml(IP_1, "http://router.example/ctl")],
  ["a control URL of another scheme", serviceXml(IP_1, "file:///etc/passwd")],
];

for (const [what, services] of NOT_TAKEN) {
  Deno.test(`a description with ${what} has no service`, () => {
    assertEquals(read(descriptionXml({ services })).services, []);
  });
}

Deno.test("an unsafe URL of the service's own description is left out, not the service", () => {
  const [service] =
    read(descriptionXml({ services: serviceXml(IP_1, "/ctl", "http://10.0.0.9/x") })).services;
  assertEquals(service?.scpdUrl, undefined);
  assertEquals(service?.controlUrl.href, "http://192.168.1.1:5000/ctl");
});

// ---- URLs ----

const CONTROL_URLS:
  readonly (readonly [urlBase: string | undefined, controlUrl: string, expected: string])[] = [
    [undefined, "/ctl", "http://192.168.1.1:5000/ctl"],
    [undefined, "ctl", "http://192.168.1.1:5000/desc/ctl"],
    [undefined, "../ctl", "http://192.168.1.1:5000/ctl"],
    [undefined, "/ctl?service=1&amp;x=2", "http://192.168.1.1:5000/ctl?service=1&x=2"],
    [undefined, "\n  /ctl\t", "http://192.168.1.1:5000/ctl"],
    [undefined, "<![CDATA[/ctl?a&b]]>", "http://192.168.1.1:5000/ctl?a&b"],
    [undefined, "http://192.168.1.1:4444/ctl", "http://192.168.1.1:4444/ctl"],
    [undefined, "//ctl", "http://192.168.1.1:5000/ctl"],
    [undefined, "uuid:1-2/ctl:1", "http://192.168.1.1:5000/desc/uuid:1-2/ctl:1"],
    ["", "/ctl", "http://192.168.1.1:5000/ctl"],
    ["http://192.168.1.1:80", "/ctl", "http://192.168.1.1/ctl"],
    ["http://192.168.1.1:80", "ctl", "http://192.168.1.1/ctl"],
    ["http://192.168.1.1:5431/", "/uuid:1-2/ctl:1", "http://192.168.1.1:5431/uuid:1-2/ctl:1"],
    ["http://192.168.1.1:5431//", "/ctl", "http://192.168.1.1:5431/ctl"],
    ["http://192.168.1.1:5431//", "ctl", "http://192.168.1.1:5431/ctl"],
    ["http://192.168.1.1:5431/igd//", "ctl", "http://192.168.1.1:5431/igd/ctl"],
    ["http://192.168.1.1:5431", "http://192.168.1.1:4444/ctl", "http://192.168.1.1:4444/ctl"],
    // A base that must not be used is as good as none.
    ["http://127.0.0.1:5431", "/ctl", "http://192.168.1.1:5000/ctl"],
    ["http://192.168.1.7/", "/ctl", "http://192.168.1.1:5000/ctl"],
    ["router", "/ctl", "http://192.168.1.1:5000/ctl"],
  ];

Deno.test("a control URL is absolute, else relative to URLBase, else to the description", () => {
  for (const [urlBase, controlUrl, expected] of CONTROL_URLS) {
    const services = serviceXml(IP_1, controlUrl);
    const description = read(descriptionXml({ services, ...(urlBase === undefined ? {} : { urlBase }) }));
    assertEquals(servicesOf(description), [`ip:1 ${expected}`], `${urlBase} and ${controlUrl}`);
  }
});

Deno.test("where the gateway stands for another address, the URLs of its description do too", () => {
  const text = descriptionXml({ services: serviceXml(IP_1, "http://10.0.0.1:4444/ctl") });
  const location = new URL(LOCATION);
  assertEquals(readDescription(text, { location }).services, []);
  const description = readDescription(text, { location, rewrittenHost: "10.0.0.1" });
  assertEquals(servicesOf(description), ["ip:1 http://192.168.1.1:4444/ctl"]);
});

Deno.test("a caller may allow more hosts", () => {
  const text = descriptionXml({ services: serviceXml(IP_1, "http://192.168.1.254/ctl") });
  const location = new URL(LOCATION);
  const description = readDescription(text, { location, allowedHosts: ["192.168.1.254"] });
  assertEquals(servicesOf(description), ["ip:1 http://192.168.1.254/ctl"]);
});

// ---- the device ----

Deno.test("names of the device are one short line each", () => {
  const facts = "<friendlyName> My\r\n\tRouter </friendlyName><manufacturer>A&amp;B</manufacturer>" +
    `<modelName>${"😀".repeat(1000)}</modelName><modelNumber> </modelNumber>`;
  const { services: _, firewall: __, ...device } = read(descriptionXml({ facts, version: 2 }));
  assertEquals<unknown>(device, {
    friendlyName: "My Router",
    manufacturer: "A&B",
    modelName: `${"😀".repeat(255)}…`,
    modelNumber: undefined,
    igdVersion: 2,
  });
});

Deno.test("a name is cut between characters, never within one", () => {
  const names: readonly (readonly [name: string, expected: string])[] = [
    ["x".repeat(256), "x".repeat(256)],
    ["x".repeat(257), `${"x".repeat(255)}…`],
    ["😀".repeat(256), "😀".repeat(256)],
    [`${" ".repeat(1023)}x${" ".repeat(1023)}😀`, "x 😀"],
    [`x${"😀".repeat(2000)}`, `x${"😀".repeat(254)}…`],
  ];
  for (const [name, expected] of names) {
    const { friendlyName } = read(descriptionXml({ facts: `<friendlyName>${name}</friendlyName>` }));
    assertEquals(friendlyName, expected);
  }
});

Deno.test("a device that is no Internet gateway has no version of one", () => {
  const device = descriptionXml({}).replaceAll("InternetGatewayDevice", "WFADevice");
  assertEquals(read(device).igdVersion, undefined);
  assertEquals(read(device).services, []);
});

Deno.test("a description without namespaces, or with prefixes, is read the same", () => {
  const text = descriptionXml({ services: serviceXml(IP_1, "/ctl") });
  const expected = read(text);
  const bare = text.replace(/ xmlns="[^"]*"/, "").replace(/<\?.*\?>\n/, "");
  assertEquals(read(bare), expected);
  assertEquals(read(`\uFEFF\r\n${text}`), expected);
  assertEquals(read(text.replace(/<(\/?)(?=[a-zA-Z])/g, "<$1d:")), expected);
});

const NOT_DESCRIPTIONS: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["a web page", "<!DOCTYPE html><html><body>Login</body></html>"],
  ["XHTML", "<html><body>Login</body></html>"],
  ["a root without a device", "<root><specVersion/></root>"],
  ["half a description", descriptionXml({}).slice(0, 600)],
  ["20 MB", descriptionXml({ facts: "<x/>".repeat(5_000_000) })],
];

for (const [what, text] of NOT_DESCRIPTIONS) {
  Deno.test(`no description: ${what}`, () => {
    assertThrows(() => read(text), MalformedDocumentError);
  });
}

Deno.test("nothing but the typed error comes out of a damaged description, and no foreign host", () => {
  const random = seeded(0x1611);
  const text = descriptionXml({
    services: serviceXml(IP_2, "http://192.168.1.1:5000/ctl") + serviceXml(PPP_1, "ctl") +
      serviceXml(FIREWALL, "/fw"),
    urlBase: "http://192.168.1.1:5000/",
  });
  const count = fuzzTexts((text) => {
    const { services, firewall } = read(text);
    for (const { controlUrl, scpdUrl } of [...services, ...(firewall ? [firewall] : [])]) {
      assertEquals(controlUrl.hostname, "192.168.1.1", text);
      assertEquals(scpdUrl?.hostname ?? "192.168.1.1", "192.168.1.1", text);
    }
  }, () => mutate(text, random));
  assertEquals(count > 1000, true, `only ${count} were read`);
});

// ---- real routers ----

interface Meaning {
  readonly location: string;
  readonly best?: string;
  readonly firewall?: string;
  readonly igdVersion?: 1 | 2;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  "actiontec-gt784wn-desc.http": {
    location: "http://192.168.0.1:5431/dyndev/uuid:deadbeef-dead-beef-dead-beefdeadbeef00",
    best: "ppp:1 http://192.168.0.1:5431/uuid:00000000-0000-0000-0000-00000000000002/WANPPPConnection:1",
    igdVersion: 1,
  },
  "avm-fritzbox7590-igddesc.xml": {
    location: "http://192.168.178.1:49000/igddesc.xml",
    best: "ip:1 http://192.168.178.1:49000/igdupnp/control/WANIPConn1",
    firewall: "http://192.168.178.1:49000/igd2upnp/control/WANIPv6Firewall1",
    igdVersion: 1,
  },
  "avm-fritzbox7590-tr64desc.xml": { location: "http://192.168.178.1:49000/tr64desc.xml" },
  "avm-fritzbox6660-igd2desc.xml": {
    location: "http://192.168.54.1:49000/igd2desc.xml",
    best: "ip:2 http://192.168.54.1:49000/igd2upnp/control/WANIPConn2",
    firewall: "http://192.168.54.1:49000/igd2upnp/control/WANIPv6Firewall1",
    igdVersion: 2,
  },
  "broadcom-bcm963xx-bom-desc.xml": {
    location: "http://127.0.0.1:5431/dyndev/uuid:0000e068-20a0-00e0-20a0-48a8000808e0",
    best: "ip:1 http://127.0.0.1:5431/uuid:0000e068-20a0-00e0-20a0-48a802086048/WANIPConnection:1",
    igdVersion: 1,
  },
  "dlink-dir655-desc.xml": {
    location: "http://192.168.0.1/rootdesc.xml",
    best: "ip:1 http://192.168.0.1:4444/wipconn",
    igdVersion: 1,
  },
  "dlink-dir890l-desc.http": {
    location: "http://10.0.0.1:49152/InternetGatewayDevice.xml",
    best: "ip:1 http://10.0.0.1:49152/soap.cgi?service=WANIPConn1",
    igdVersion: 1,
  },
  "dlink-generic-nons-desc.xml": {
    location: "http://192.168.0.1:5678/igd.xml",
    best: "ip:1 http://192.168.0.1:5678/WANIPConnection",
    igdVersion: 1,
  },
  "freebox-server6-desc.xml": {
    location: "http://192.168.1.254:5678/desc/root",
    best: "ip:1 http://192.168.1.254:5678/control/wan_ip_connection",
    igdVersion: 1,
  },
  "google-onhub-desc.xml": {
    location: "http://192.168.86.1:5000/rootDesc.xml",
    best: "ip:2 http://192.168.86.1:5000/ctl/IPConn",
    igdVersion: 2,
  },
  "linksys-wag200g-desc.xml": {
    location: "http://192.168.1.1:49152/gateway.xml",
    best: "ppp:1 http://192.168.1.1:49152/upnp/control/WANPPPConn1",
    igdVersion: 1,
  },
  "linksys-wrt54g-desc.xml": {
    location: "http://192.168.1.1:2869/IGatewayDeviceDescDoc",
    best: "ip:1 http://192.168.1.1:2869/WANIPConnCtrlUrl",
    igdVersion: 1,
  },
  "linuxigd-1.00-desc.xml": {
    location: "http://192.168.20.1:49152/gatedesc.xml",
    best: "ip:1 http://192.168.20.1:49152/upnp/control/WANIPConn1",
    igdVersion: 1,
  },
  "netgear-r7500v2-desc.http": {
    location: "http://192.168.0.1:5555/rootDesc.xml",
    best: "ip:1 http://192.168.0.1:5555/ctl/IPConn",
    igdVersion: 1,
  },
  "nokia-ont-igd2-desc.xml": {
    location: "http://192.168.18.1:49652/gatedesc.xml",
    best: "ip:2 http://192.168.18.1:49652/upnp/control/WANIPConn1",
    firewall: "http://192.168.18.1:49652/upnp/control/WANIPv6FwCtrl1",
    igdVersion: 2,
  },
  "pannaway-speedtouch5x6-nowanconn-desc.xml": {
    location: "http://10.0.0.1:80/upnp/IGD.xml",
    igdVersion: 1,
  },
  "pfsense-2.5.0-desc.xml": {
    location: "http://192.168.1.1:2189/rootDesc.xml",
    best: "ip:1 http://192.168.1.1:2189/ctl/IPConn",
    igdVersion: 1,
  },
  "sagemcom-fast5670-desc.xml": {
    location: "http://192.168.1.1:49153/34363463/gatedesc.xml",
    best: "ppp:1 http://192.168.1.1:49153/upnp/control/WANPPPConn1",
    igdVersion: 2,
  },
  "sercomm-fg824cd-desc.xml": {
    location: "http://192.168.1.1:5000/rootDesc.xml",
    best: "ip:2 http://192.168.1.1:5000/ctl/IPConn",
    igdVersion: 2,
  },
  "technicolor-fga2130-desc.xml": {
    location: "http://192.168.1.254:5000/aAAaAaa/rootDesc.xml",
    best: "ip:2 http://192.168.1.254:5000/aAAaAaa/ctl/IPConn",
    igdVersion: 2,
  },
  "technicolor-tg389ac-wfadevice-desc.xml": { location: "http://192.168.1.254:49152/desc.xml" },
  "yamaha-rtx810-desc.xml": {
    location: "http://192.168.0.1:2869/RootDevice.xml",
    best: "ip:1 http://192.168.0.1:2869/WANIPConnection",
    igdVersion: 1,
  },
};

for (const [file, { location, best, firewall, igdVersion }] of Object.entries(MEANINGS)) {
  testFixture("a real description", {
    file,
    run(bytes) {
      const description = read(bodyOf(bytes), location);
      assertEquals(servicesOf(description)[0], best);
      assertEquals(description.firewall?.controlUrl.href, firewall);
      assertEquals(description.igdVersion, igdVersion);
    },
  });
}

testFixture("a router that calls itself 127.0.0.1 is asked at its own address", {
  file: "broadcom-bcm963xx-bom-desc.xml",
  run(bytes) {
    assertEquals(
      servicesOf(read(bodyOf(bytes), "http://192.168.1.1:5431/dyndev/x"))[0]?.split("/")[2],
      "192.168.1.1:5431",
    );
  },
});
