import { assertEquals, assertThrows } from "@std/assert";
import {
  addAnyPortMapping,
  addPortMapping,
  deletePortMapping,
  getExternalIpAddress,
  getGenericPortMappingEntry,
  getListOfPortMappings,
  getNatRsipStatus,
  getSpecificPortMappingEntry,
  getStatusInfo,
  type NewPortMapping,
  type PortMappingEntry,
  readExternalAddress,
  readGenericEntry,
  readNatStatus,
  readPortListing,
  readReservedPort,
  readSpecificEntry,
  readStatusInfo,
  type Values,
} from "../../lib/upnp/actions.ts";
import { MalformedDocumentError } from "../../lib/upnp/malformed_document_error.ts";
import { type Action, decodeAnswer, encodeAction } from "../../lib/upnp/soap.ts";
import { fuzzTexts } from "../support/fuzz.ts";
import { seeded } from "../support/seeded.ts";
import { answerXml } from "./documents.ts";
import { bodyOf, testFixture } from "./igd_fixtures.ts";
import { mutate } from "./mutate.ts";

const MAPPING: NewPortMapping = {
  externalPort: 8080,
  protocol: "tcp",
  internalPort: 80,
  internalClient: "192.168.1.7",
  description: "natpmp",
  leaseSeconds: 3600,
};

function valuesOf(name: string, body: string): Values {
  const answer = decodeAnswer({ name }, { status: 200, body });
  if (answer.kind !== "values") throw new Error(`not an answer: ${answer.text}`);
  return answer.values;
}

// ---- the order of the arguments in WANIPConnection:1 §2.4 and :2 §2.5 ----

const KEY = "NewRemoteHost= NewExternalPort=8080 NewProtocol=TCP";
const WHOLE = `${KEY} NewInternalPort=80 NewInternalClient=192.168.1.7 NewEnabled=1 ` +
  "NewPortMappingDescription=natpmp NewLeaseDuration=3600";

const ACTIONS: readonly (readonly [action: Action, written: string])[] = [
  [addPortMapping(MAPPING), `AddPortMapping ${WHOLE}`],
  [addAnyPortMapping(MAPPING), `AddAnyPortMapping ${WHOLE}`],
  [deletePortMapping(MAPPING), `DeletePortMapping ${KEY}`],
  [getSpecificPortMappingEntry(MAPPING), `GetSpecificPortMappingEntry ${KEY}`],
  [getGenericPortMappingEntry(3), "GetGenericPortMappingEntry NewPortMappingIndex=3"],
  [getExternalIpAddress(), "GetExternalIPAddress"],
  [getStatusInfo(), "GetStatusInfo"],
  [getNatRsipStatus(), "GetNATRSIPStatus"],
  [
    getListOfPortMappings({ protocol: "udp" }),
    "GetListOfPortMappings NewStartPort=1 NewEndPort=65535 NewProtocol=UDP NewManage=1 NewNumberOfPorts=1000",
  ],
];

for (const [action, written] of ACTIONS) {
  Deno.test(`the arguments of ${action.name} are in the standard's order`, () => {
    assertEquals([action.name, ...action.args.map(([name, value]) => `${name}=${value}`)].join(" "), written);
  });
}

Deno.test("no mapping is asked for with numbers out of range, or of all ports", () => {
  const wrong: Partial<NewPortMapping>[] = [
    { externalPort: 65_536 },
    { externalPort: 1.5 },
    { internalPort: 0 },
    { internalPort: -1 },
    { leaseSeconds: -1 },
    { leaseSeconds: 2 ** 32 },
    { leaseSeconds: NaN },
  ];
  for (const change of wrong) {
    assertThrows(() => addPortMapping({ ...MAPPING, ...change }), RangeError);
    assertThrows(() => addAnyPortMapping({ ...MAPPING, ...change }), RangeError);
  }
  const all = { ...MAPPING, externalPort: 0 };
  assertThrows(() => addPortMapping(all), RangeError);
  assertThrows(() => deletePortMapping(all), RangeError);
  assertThrows(() => getSpecificPortMappingEntry(all), RangeError);
  // Of version 2: any port.
  assertEquals(addAnyPortMapping(all).args[1], ["NewExternalPort", "0"]);
});

// ---- answers ----

const ENTRY_VALUES = {
  NewRemoteHost: "",
  NewExternalPort: "8080",
  NewProtocol: "TCP",
  NewInternalPort: "80",
  NewInternalClient: "192.168.1.7",
  NewEnabled: "1",
  NewPortMappingDescription: "natpmp",
  NewLeaseDuration: "3599",
};
const ENTRY: PortMappingEntry = {
  remoteHost: "",
  externalPort: 8080,
  protocol: "tcp",
  internalPort: 80,
  internalClient: "192.168.1.7",
  isEnabled: true,
  description: "natpmp",
  leaseSeconds: 3599,
};

function entryOf(change: Readonly<Record<string, string>> = {}): PortMappingEntry {
  return readGenericEntry(new Map(Object.entries({ ...ENTRY_VALUES, ...change })));
}

const ENTRIES:
  readonly (readonly [what: string, change: Record<string, string>, expected: Partial<PortMappingEntry>])[] =
    [
      ["as the standard has it", {}, {}],
      ["of UDP in lower case", { NewProtocol: "udp" }, { protocol: "udp" }],
      ["that is off", { NewEnabled: "0" }, { isEnabled: false }],
      ["that is on, in words", { NewEnabled: "True" }, { isEnabled: true }],
      ["without an end", { NewLeaseDuration: "0" }, { leaseSeconds: 0 }],
      ["with the longest lease", { NewLeaseDuration: "4294967295" }, { leaseSeconds: 4294967295 }],
      ["of all ports", { NewExternalPort: "0" }, { externalPort: 0 }],
      ["with internal port 0", { NewInternalPort: "0" }, { internalPort: 0 }],
      ["for one remote host", { NewRemoteHost: "203.0.113.9" }, { remoteHost: "203.0.113.9" }],
      ["for remote host 0.0.0.0, which is anybody", { NewRemoteHost: "0.0.0.0" }, { remoteHost: "" }],
      ["to a host with a name", { NewInternalClient: "my-nas" }, { internalClient: "my-nas" }],
      ["with a description of lines", { NewPortMappingDescription: "a\r\nb" }, { description: "a b" }],
      ["without a description", { NewPortMappingDescription: "" }, { description: "" }],
    ];

for (const [what, change, expected] of ENTRIES) {
  Deno.test(`a mapping ${what}`, () => assertEquals(entryOf(change), { ...ENTRY, ...expected }));
}

const NOT_ENTRIES: Readonly<Record<string, readonly string[]>> = {
  NewExternalPort: ["", "65536", "-1", "1.5", "0x50", "1e3", "80 81", "NaN", "9".repeat(400)],
  NewInternalPort: ["", "65536", "-1"],
  NewProtocol: ["", "6", "SCTP", "TCP/UDP"],
  NewInternalClient: [""],
  NewEnabled: ["", "2", "on"],
  NewLeaseDuration: ["", "-1", "4294967296", "3600s"],
};

Deno.test("a mapping with a value that is missing or out of range is not read", () => {
  for (const [name, values] of Object.entries(NOT_ENTRIES)) {
    for (const value of values) {
      assertThrows(() => entryOf({ [name]: value }), MalformedDocumentError, name, `${name}=${value}`);
    }
    const { [name]: _, ...rest } = ENTRY_VALUES as Record<string, string>;
    assertThrows(() => readGenericEntry(new Map(Object.entries(rest))), MalformedDocumentError, name);
  }
});

Deno.test("the answer to a question by name has where the mapping leads", () => {
  const { NewRemoteHost: _, NewExternalPort: __, NewProtocol: ___, ...target } = ENTRY_VALUES;
  const { remoteHost: _a, externalPort: _b, protocol: _c, ...expected } = ENTRY;
  assertEquals(readSpecificEntry(new Map(Object.entries(target))), expected);
});

const ADDRESSES: readonly (readonly [text: string, address: string | undefined])[] = [
  ["203.0.113.9", "203.0.113.9"],
  ["192.168.4.1", "192.168.4.1"],
  ["", undefined],
  ["0.0.0.0", undefined],
];

Deno.test("an external address may be unknown", () => {
  for (const [text, address] of ADDRESSES) {
    assertEquals(readExternalAddress(new Map([["NewExternalIPAddress", text]])), address, text);
  }
  for (const text of ["N/A", "203.0.113", "2001:db8::1", "<b>"]) {
    assertThrows(
      () => readExternalAddress(new Map([["NewExternalIPAddress", text]])),
      MalformedDocumentError,
    );
  }
  assertThrows(() => readExternalAddress(new Map()), MalformedDocumentError);
});

Deno.test("the port of AddAnyPortMapping is one port", () => {
  assertEquals(readReservedPort(new Map([["NewReservedPort", "61234"]])), 61_234);
  for (const text of ["", "0", "65536", "x"]) {
    assertThrows(() => readReservedPort(new Map([["NewReservedPort", text]])), MalformedDocumentError);
  }
});

Deno.test("the state of the connection has its word, and an uptime where that is a number", () => {
  const status = (NewUptime: string) =>
    readStatusInfo(
      new Map(
        Object.entries({ NewConnectionStatus: "Connected", NewLastConnectionError: "ERROR_NONE", NewUptime }),
      ),
    );
  const expected = { connectionStatus: "Connected", lastConnectionError: "ERROR_NONE" };
  assertEquals(status("60"), { ...expected, uptimeSeconds: 60 });
  assertEquals(status("-1"), { ...expected, uptimeSeconds: undefined });
  assertThrows(() => readStatusInfo(new Map()), MalformedDocumentError);
});

Deno.test("a router that is only a bridge does not translate addresses", () => {
  const values = new Map([["NewRSIPAvailable", "0"], ["NewNATEnabled", "0"]]);
  assertEquals(readNatStatus(values), { isRsipAvailable: false, isNatEnabled: false });
  values.set("NewNATEnabled", "1");
  assertEquals(readNatStatus(values), { isRsipAvailable: false, isNatEnabled: true });
  assertThrows(() => readNatStatus(new Map()), MalformedDocumentError);
});

// ---- lists ----

/** An entry as WANIPConnection:2 §2.3 has it in a list, where two names differ. */
function listedXml(change: Readonly<Record<string, string>> = {}): string {
  const { NewPortMappingDescription, NewLeaseDuration, ...rest } = { ...ENTRY_VALUES, ...change };
  const values = { ...rest, NewDescription: NewPortMappingDescription, NewLeaseTime: NewLeaseDuration };
  const elements = Object.entries(values).map(([name, value]) => `<p:${name}>${value}</p:${name}>`);
  return `<p:PortMappingEntry>${elements.join("")}</p:PortMappingEntry>`;
}

function listXml(entries: string): string {
  return `<p:PortMappingList xmlns:p="urn:schemas-upnp-org:gw:WANIPConnection">${entries}</p:PortMappingList>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function listingOf(listing: string) {
  return readPortListing(
    valuesOf("GetListOfPortMappings", answerXml("GetListOfPortMappings", { NewPortListing: listing })),
  );
}

Deno.test("a list is XML inside XML, escaped or as CDATA", () => {
  const list = listXml(listedXml() + listedXml({ NewProtocol: "UDP", NewPortMappingDescription: "a&amp;b" }));
  const expected = {
    entries: [ENTRY, { ...ENTRY, protocol: "udp" as const, description: "a&b" }],
    unreadable: 0,
  };
  assertEquals(listingOf(escape(list)), expected);
  assertEquals(listingOf(`<![CDATA[<?xml version="1.0"?>\n${list}]]>`), expected);
  assertEquals(listingOf(escape(listXml(""))), { entries: [], unreadable: 0 });
});

Deno.test("an entry that cannot be read costs no other", () => {
  const list = listXml(listedXml({ NewExternalPort: "x" }) + listedXml() + "<p:Other/>");
  assertEquals(listingOf(escape(list)), { entries: [ENTRY], unreadable: 1 });
});

Deno.test("a list of a thousand mappings is read, and anything that is no list is not", () => {
  assertEquals(listingOf(escape(listXml(listedXml().repeat(1000)))).entries.length, 1000);
  for (
    const listing of ["", "none", "&lt;!DOCTYPE x&gt;&lt;x/&gt;", escape(listXml(listedXml()).slice(0, -9))]
  ) {
    assertThrows(() => listingOf(listing), MalformedDocumentError);
  }
});

Deno.test("nothing but the typed error comes out of damaged mappings and lists", () => {
  const random = seeded(0x713);
  const entry = answerXml("GetGenericPortMappingEntry", ENTRY_VALUES);
  const list = listXml(listedXml() + listedXml());
  const read = (text: string) => {
    if (text.includes("PortMappingList")) return readPortListing(new Map([["NewPortListing", text]]));
    const answer = decodeAnswer({ name: "GetGenericPortMappingEntry" }, { status: 200, body: text });
    if (answer.kind === "values") readGenericEntry(answer.values);
  };
  const count = fuzzTexts(read, (i) => mutate(i % 2 === 0 ? entry : list, random));
  assertEquals(count > 1000, true, `only ${count} were read`);
});

Deno.test("what is written for one action can be read as XML", () => {
  const { body } = encodeAction("urn:schemas-upnp-org:service:WANIPConnection:2", addPortMapping(MAPPING));
  assertEquals(body.includes("\n"), false);
  assertEquals(body.match(/New\w+(?=>)/g)!.length, 16);
});

// ---- real routers ----

const REAL_ENTRIES: readonly (readonly [file: string, entry: Partial<PortMappingEntry>])[] = [
  ["actiontec-gt784wn-generic0.http", {
    protocol: "udp",
    externalPort: 3658,
    internalClient: "192.168.0.10",
    internalPort: 3658,
    isEnabled: true,
    leaseSeconds: 0,
  }],
  ["askey-rtf8316vw-generic0-maxlease.xml", {
    protocol: "tcp",
    externalPort: 30_013,
    internalClient: "192.168.1.3",
    internalPort: 30_013,
    remoteHost: "",
    leaseSeconds: 4_294_967_295,
  }],
  ["dlink-dir890l-generic0.http", {
    protocol: "udp",
    externalPort: 9308,
    internalClient: "10.0.0.55",
    internalPort: 9308,
  }],
  ["openwrt-miniupnpd2.3.7-generic0-intport0.xml", {
    protocol: "tcp",
    externalPort: 16_159,
    internalClient: "192.168.100.234",
    internalPort: 0,
    isEnabled: true,
  }],
  ["yamaha-rtx810-generic0.xml", {
    protocol: "tcp",
    externalPort: 16_152,
    internalClient: "192.168.100.9",
    internalPort: 16_152,
    leaseSeconds: 3600,
  }],
];

for (const [file, expected] of REAL_ENTRIES) {
  testFixture("a real mapping", {
    file,
    run(bytes) {
      const entry = readGenericEntry(valuesOf("GetGenericPortMappingEntry", bodyOf(bytes)));
      assertEquals({ ...entry, ...expected }, entry);
    },
  });
}

const REAL_ADDRESSES: readonly (readonly [file: string, address: string])[] = [
  ["actiontec-gt784wn-externalip.http", "203.0.113.111"],
  ["tplink-tlr470t-externalip-private.xml", "192.168.4.1"],
  ["tplink-tlwr940n-externalip.http", "100.100.100.100"],
];

for (const [file, address] of REAL_ADDRESSES) {
  testFixture("a real external address", {
    file,
    run: (bytes) =>
      assertEquals(readExternalAddress(valuesOf("GetExternalIPAddress", bodyOf(bytes))), address),
  });
}

testFixture("a real port of AddAnyPortMapping", {
  file: "bouygues-fast5696b-addanyportmapping.xml",
  run: (bytes) => assertEquals(readReservedPort(valuesOf("AddAnyPortMapping", bodyOf(bytes))), 61_234),
});

testFixture("a real list", {
  file: "avm-fritzbox5690pro-listofportmappings.xml",
  run(bytes) {
    const { entries, unreadable } = readPortListing(valuesOf("GetListOfPortMappings", bodyOf(bytes)));
    assertEquals([entries.length, unreadable], [10, 0]);
    assertEquals(entries.every(({ protocol }) => protocol === "tcp"), true);
    assertEquals([entries[0]!.externalPort, entries[0]!.leaseSeconds], [19_093, 184_549_375]);
    assertEquals([entries[5]!.externalPort, entries[5]!.leaseSeconds], [16_132, 0]);
  },
});
