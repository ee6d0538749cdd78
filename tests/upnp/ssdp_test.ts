import { assertEquals, assertThrows } from "@std/assert";
import { MalformedMessageError } from "../../lib/errors.ts";
import { MAX_SEARCH_REPLY_BYTES, SEARCH_TARGETS } from "../../lib/upnp/constants.ts";
import { decodeSearchReply, encodeSearch, type SearchReply } from "../../lib/upnp/ssdp.ts";
import { fuzz, FUZZ_DATAGRAMS } from "../support/fuzz.ts";
import { seeded } from "../support/seeded.ts";
import { testFixture } from "./igd_fixtures.ts";
import { mutate } from "./mutate.ts";

const IGD_1 = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(text: string): SearchReply {
  return decodeSearchReply(bytes(text));
}

/** A reply of {@linkcode decodeSearchReply} without the fields that are not there. */
function present(reply: SearchReply): Record<string, unknown> {
  return Object.fromEntries(Object.entries(reply).filter(([, value]) => value !== undefined));
}

/** As in UDA 1.1 §1.3.3, with the fields of version 2. */
const REPLY = `HTTP/1.1 200 OK
CACHE-CONTROL: max-age=1800
EXT:
LOCATION: http://192.168.1.1:5000/root.xml
SERVER: Linux/5.4 UPnP/1.1 Router/1.0
ST: ${IGD_1}
USN: uuid:1::${IGD_1}
01-NLS: 1627958564
BOOTID.UPNP.ORG: 7

`.replaceAll("\n", "\r\n");

const MEANING: SearchReply = {
  location: "http://192.168.1.1:5000/root.xml",
  searchTarget: IGD_1,
  usn: `uuid:1::${IGD_1}`,
  server: "Linux/5.4 UPnP/1.1 Router/1.0",
  bootId: "7",
};

Deno.test("a search is written as UDA 1.1 §1.3.2 has it", () => {
  assertEquals(
    new TextDecoder().decode(encodeSearch(IGD_1)),
    `M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ${IGD_1}\r\n\r\n`,
  );
  assertEquals(
    new TextDecoder().decode(encodeSearch("ssdp:all", { hostname: "192.168.1.1", mxSeconds: 1 })),
    'M-SEARCH * HTTP/1.1\r\nHOST: 192.168.1.1:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n',
  );
  for (const mxSeconds of [0, 6, 1.5, NaN]) {
    assertThrows(() => encodeSearch(IGD_1, { mxSeconds }), RangeError);
  }
});

Deno.test("the search begins with gateways of version 1", () => {
  assertEquals(SEARCH_TARGETS, [
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
    "upnp:rootdevice",
  ]);
});

const SAME: readonly (readonly [what: string, text: string])[] = [
  ["as the standard has it", REPLY],
  ["with line feeds alone", REPLY.replaceAll("\r", "")],
  ["of HTTP/1.0", REPLY.replace("1.1", "1.0")],
  ["without a reason", REPLY.replace("200 OK", "200")],
  ["with names in lower case", REPLY.replace(/^[A-Z.]+:/gm, (name) => name.toLowerCase())],
  ["without blanks", REPLY.replace(/: /g, ":")],
  [
    "with more blanks",
    REPLY.replace(/: /g, " :  \t").replaceAll("\r\n", " \t\r\n").replace(/\s*$/, "\r\n\r\n"),
  ],
  ["without the empty line at its end", REPLY.trimEnd()],
  ["with a body", `${REPLY}LOCATION: http://192.168.1.7/\r\n`],
  ["with the location twice", REPLY.replace("SERVER", "LOCATION: http://192.168.1.7/\r\nSERVER")],
  ["with lines that are no fields", REPLY.replace("EXT:", "EXT\r\n: x\r\n continued: y")],
  ["without BOOTID", REPLY.replace("NLS: 1627958564", "NLS: 7").replace(/BOOTID.*\r\n/, "")],
];

for (const [what, text] of SAME) {
  Deno.test(`an answer to a search ${what}`, () => assertEquals(decode(text), MEANING));
}

Deno.test("an answer needs nothing but its location", () => {
  assertEquals(present(decode("HTTP/1.1 200 OK\r\nLocation: x\r\nSERVER: \r\nST:\r\n\r\n")), {
    location: "x",
  });
});

const NOT_REPLIES: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["an announcement", REPLY.replace("HTTP/1.1 200 OK", "NOTIFY * HTTP/1.1")],
  ["a search", new TextDecoder().decode(encodeSearch(IGD_1))],
  ["another status", REPLY.replace("200 OK", "404 Not Found")],
  ["a longer status", REPLY.replace("200", "2000")],
  ["HTTP/2", REPLY.replace("1.1", "2")],
  ["no location", REPLY.replace("LOCATION", "AL")],
  ["an empty location", REPLY.replace(/LOCATION.*/, "LOCATION: \r")],
  ["a location after the head", REPLY.replace("EXT:", "")],
  ["fields alone", REPLY.slice(REPLY.indexOf("\n") + 1)],
  ["an empty line first", `\r\n${REPLY}`],
  ["more than 8 KiB", REPLY.replace("EXT:", `EXT: ${"x".repeat(MAX_SEARCH_REPLY_BYTES)}`)],
];

for (const [what, text] of NOT_REPLIES) {
  Deno.test(`no answer to a search: ${what}`, () => {
    const data = bytes(text);
    const error = assertThrows(() => decodeSearchReply(data), MalformedMessageError);
    assertEquals(error.byteLength, data.length);
  });
}

Deno.test("nothing but the typed error comes out of random datagrams and damaged answers", () => {
  const random = seeded(0x1900);
  const decoded = fuzz([decodeSearchReply], (i) => {
    if (i % 2 === 0) return bytes(mutate(REPLY, random));
    return Uint8Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256));
  });
  assertEquals(decoded > FUZZ_DATAGRAMS / 10, true, `only ${decoded} were read`);
});

// ---- real routers ----

const MEANINGS: Readonly<Record<string, Record<string, string>>> = {
  "derived-tplink-loopback-location.ssdp": {
    location: "http://[::1]:1900/rootDesc.xml",
    searchTarget: "upnp:rootdevice",
    server: "TP-LINK/TP-LINK UPnP/1.1 MiniUPnPd/1.8",
    bootId: "1",
  },
  "google-onhub.ssdp": {
    location: "http://192.168.86.1:5000/rootDesc.xml",
    searchTarget: "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    server: "Linux/5.4.0-1034-gcp UPnP/1.1 MiniUPnPd/1.9",
    bootId: "1",
  },
  "huawei-ont-portablesdk.ssdp": {
    location: "http://192.168.1.1:49652/49652gatedesc.xml",
    searchTarget: IGD_1,
    server: "Linux/4.4.240, UPnP/1.0, Portable SDK for UPnP devices/1.12.1",
    bootId: "ce8dd8b0-732d-11be-a4a1-000000000001",
  },
  "linksys-wrt54g.ssdp": {
    location: "http://192.168.1.1:2869/IGatewayDeviceDescDoc",
    searchTarget: IGD_1,
    server: "VxWorks/5.4.2 UPnP/1.0 iGateway/1.1",
  },
  "pfsense-2.5.0.ssdp": {
    location: "http://192.168.1.1:2189/rootDesc.xml",
    searchTarget: IGD_1,
    server: "FreeBSD/12.2-STABLE UPnP/1.1 MiniUPnPd/2.2.1",
    bootId: "1627958564",
  },
  "sagemcom-fast3890v3.ssdp": {
    location: "http://192.168.0.1:49153/69692b70/gatedesc0b.xml",
    searchTarget: IGD_1,
    bootId: "cabd6488-1dd1-11b2-9e52-000000000001",
  },
  "technicolor-tg389ac.ssdp": {
    location: "http://192.168.1.254:5000/aAAaAaa/rootDesc.xml",
    searchTarget: "upnp:rootdevice",
    server: "OpenWRT/OpenWrt/Attitude_Adjustment__r43446_ UPnP/1.1 MiniUPnPd/1.8",
    bootId: "1",
  },
  "zyxel-romplug.ssdp": {
    location: "http://192.168.252.179:80/DeviceDescription.xml",
    searchTarget: IGD_1,
    server: "ZyXEL-RomPlug/4.51 UPnP/1.0 IGD/1.00",
  },
};

for (const [file, meaning] of Object.entries(MEANINGS)) {
  testFixture("a real answer to a search", {
    file,
    run(data) {
      const { usn: _, ...reply } = present(decodeSearchReply(data));
      assertEquals(reply, meaning);
    },
  });
}

testFixture("a real announcement is no answer to a search", {
  file: "ddwrt-v24-x86-notify.ssdp",
  run: (data) => void assertThrows(() => decodeSearchReply(data), MalformedMessageError),
});
