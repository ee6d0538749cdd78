import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ask, encode, get, IP_1, post, upnpGateway } from "./upnp_client.ts";

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

/** Every text of an element, in order. */
function texts(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, text]) => text ?? "");
}

for (const [upnp, version] of [["igd1", 1], ["igd2", 2]] as const) {
  Deno.test(`${upnp} describes devices inside of devices, and their services`, () => {
    const xml = ask(upnpGateway({ upnp }), get("/rootDesc.xml"));
    assertEquals(statusOf(xml), 200);
    assertEquals(texts(xml, "deviceType"), [
      `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`,
      `urn:schemas-upnp-org:device:WANDevice:${version}`,
      `urn:schemas-upnp-org:device:WANConnectionDevice:${version}`,
    ]);
    assertEquals(texts(xml, "serviceType"), [
      "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
      `urn:schemas-upnp-org:service:WANIPConnection:${version}`,
    ]);
    assertEquals(texts(xml, "controlURL"), ["/ctl/CmnIfCfg", "/ctl/IPConn"]);
    assertEquals(new Set(texts(xml, "UDN")).size, 3);
  });

  Deno.test(`${upnp} describes the actions of each service`, () => {
    const gateway = upnpGateway({ upnp });
    for (const path of texts(ask(gateway, get("/rootDesc.xml")), "SCPDURL")) {
      const xml = ask(gateway, get(path));
      assertEquals(statusOf(xml), 200);
      const names = texts(xml, "name");
      assertEquals(names.includes("AddPortMapping"), path === "/WANIPCn.xml");
      assertEquals(names.includes("AddAnyPortMapping"), path === "/WANIPCn.xml" && version === 2);
      // Each variable that an argument refers to is in the table, once.
      const related = new Set(texts(xml, "relatedStateVariable"));
      const table = xml.slice(xml.indexOf("<serviceStateTable>"));
      assertEquals(texts(table, "name").toSorted(), [...related].toSorted());
    }
  });
}

Deno.test("the length of a body is in its header, and the connection ends behind it", () => {
  const [head = "", body = ""] = ask(upnpGateway(), get("/rootDesc.xml")).split("\r\n\r\n");
  assertMatch(head, new RegExp(`^Content-Length: ${encode(body).length}$`, "m"));
  assertMatch(head, /^Connection: close$/m);
  assertMatch(head, /^Content-Type: text\/xml; charset="utf-8"$/m);
});

Deno.test("the link has a state", () => {
  const type = "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1";
  const request = post("GetCommonLinkProperties", {}, type).replace("/ctl/IPConn", "/ctl/CmnIfCfg");
  const gateway = upnpGateway();
  assertEquals(texts(ask(gateway, request), "NewPhysicalLinkStatus"), ["Up"]);
  gateway.setExternalAddress(undefined, 0);
  assertEquals(texts(ask(gateway, request), "NewPhysicalLinkStatus"), ["Down"]);
});

const CALL = post("GetExternalIPAddress");

/** A request with its length as it is after a change. */
function withLength(request: string): string {
  const { length } = encode(request.slice(request.indexOf("\r\n\r\n") + 4));
  return request.replace(/Content-Length: \d+/, `Content-Length: ${length}`);
}

const REQUESTS: readonly (readonly [string, number, string])[] = [
  ["another path", 404, get("/igd.xml")],
  ["a description by POST", 404, CALL.replace("/ctl/IPConn", "/rootDesc.xml")],
  ["a control path by GET", 404, get("/ctl/IPConn")],
  ["another method", 501, get("/rootDesc.xml").replace("GET", "SUBSCRIBE")],
  ["a name of an object's property", 404, get("toString")],
  ["no Host", 400, get("/rootDesc.xml").replace(/Host:.*\r\n/, "")],
  ["a Host that is a name", 404, get("/rootDesc.xml").replace("192.168.1.1", "router.example")],
  ["no Content-Length", 400, CALL.replace(/Content-Length:.*\r\n/, "")],
  ["another Content-Type", 415, CALL.replace("text/xml", "application/soap+xml")],
  ["no SOAPAction", 400, CALL.replace(/SOAPAction:.*\r\n/, "")],
  ["a SOAPAction without quotes", 400, CALL.replace(/"(urn.*#\w+)"/, "$1")],
  ["another action in its SOAPAction", 400, CALL.replace("#GetExternalIPAddress", "#GetStatusInfo")],
  ["another service in its SOAPAction", 400, CALL.replace(`"${IP_1}#`, '"urn:x:1#')],
  [
    "another envelope",
    400,
    CALL.replace("schemas.xmlsoap.org/soap/envelope", "www.w3.org/2003/05/soap-envelope"),
  ],
  [
    "text beside the arguments",
    400,
    CALL.replace("></u:", "> <a>1</a>b </u:"),
  ],
  ["a body that is not XML", 400, CALL.replace("<s:Body>", "<s:Head>")],
  ["a line that is not a header", 400, get("/rootDesc.xml").replace("Host:", "Host")],
  ["HTTP/2", 400, get("/rootDesc.xml").replace("HTTP/1.1", "HTTP/2")],
];
for (const [what, status, request] of REQUESTS) {
  Deno.test(`a request with ${what} is answered with status ${status}`, () => {
    assertEquals(statusOf(ask(upnpGateway(), withLength(request))), status);
  });
}

Deno.test("the names of headers may have any case, and the prefixes any name", () => {
  const lower = CALL.replace("SOAPAction", "soapaction").replace("Content-Type", "CONTENT-TYPE");
  assertEquals(statusOf(ask(upnpGateway(), lower)), 200);
  const renamed = CALL.replaceAll(/(<\/?)s:/g, "$1e:").replace("xmlns:s", "xmlns:e").replaceAll(
    /(<\/?)u:/g,
    "$1m:",
  )
    .replace("xmlns:u", "xmlns:m");
  assertEquals(statusOf(ask(upnpGateway(), renamed)), 200);
});

Deno.test("what is heard and answered is reported", () => {
  const lines: string[] = [];
  const gateway = upnpGateway();
  gateway.observe({ log: (line) => lines.push(line) });
  ask(gateway, get("/rootDesc.xml"));
  ask(gateway, get("/igd.xml"));
  ask(gateway, CALL);
  ask(gateway, post("DeletePortMapping", { NewRemoteHost: "", NewExternalPort: 80, NewProtocol: "TCP" }));
  assertEquals(lines, [
    "192.168.1.2:50000 GET /rootDesc.xml",
    "192.168.1.2:50000 GET /igd.xml: 404",
    "192.168.1.2:50000 UPnP GetExternalIPAddress: 203.0.113.7",
    "192.168.1.2:50000 UPnP DeletePortMapping 80 TCP: error 714, NoSuchEntryInArray",
  ]);
});

Deno.test("control characters of a client do not reach the report", () => {
  const lines: string[] = [];
  const gateway = upnpGateway();
  gateway.observe({ log: (line) => lines.push(line) });
  ask(
    gateway,
    post("DeletePortMapping", { NewRemoteHost: "&#27;[31m", NewExternalPort: 80, NewProtocol: "TCP" }),
  );
  ask(gateway, get("/\u001b[2J"));
  for (const line of lines) assertStringIncludes(line, "192.168.1.2:50000 ");
  // deno-lint-ignore no-control-regex -- control characters are what must not be there
  for (const line of lines) assertEquals(/[\u0000-\u001f\u007f-\u009f]/.test(line), false);
});
