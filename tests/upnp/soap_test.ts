import { assertEquals, assertThrows } from "@std/assert";
import { FAULT } from "../../lib/upnp/constants.ts";
import { faultMeaning, faultText } from "../../lib/upnp/faults.ts";
import { MalformedDocumentError } from "../../lib/upnp/malformed_document_error.ts";
import { type Answer, decodeAnswer, encodeAction } from "../../lib/upnp/soap.ts";
import { readXml } from "../../lib/upnp/xml.ts";
import { fuzzTexts } from "../support/fuzz.ts";
import { seeded } from "../support/seeded.ts";
import { answerXml, faultXml } from "./documents.ts";
import { bodyOf, testFixture } from "./igd_fixtures.ts";
import { mutate } from "./mutate.ts";

const IP_1 = "urn:schemas-upnp-org:service:WANIPConnection:1";

function decode(name: string, body: string, status = 200): Answer {
  return decodeAnswer({ name }, { status, body });
}

// ---- actions ----

Deno.test("an action is written as UDA 1.1 §3 has it, in one line", () => {
  assertEquals(encodeAction(IP_1, { name: "DoThis", args: [["NewA", ""], ["NewB", "1"]] }), {
    soapAction: `"${IP_1}#DoThis"`,
    body: '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
      's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
      `<u:DoThis xmlns:u="${IP_1}"><NewA></NewA><NewB>1</NewB></u:DoThis></s:Body></s:Envelope>`,
  });
});

Deno.test("a value is escaped so that a reader of XML has it back", () => {
  const value = `</NewA><NewB>"'&amp;]]>é😀`;
  const { body } = encodeAction(IP_1, { name: "DoThis", args: [["NewA", value]] });
  const [action] = readXml(body).children[0]!.children;
  assertEquals(action!.children.map(({ name, text }) => [name, text]), [["NewA", value]]);
});

Deno.test("a value with characters that no XML can have is a mistake of the caller", () => {
  for (const value of ["\0", "\x1b[2J", "\ud800", "\uffff"]) {
    assertThrows(() => encodeAction(IP_1, { name: "DoThis", args: [["NewA", value]] }), RangeError);
  }
});

// ---- answers ----

const VALUES = new Map([["NewA", "1"], ["NewB", ""]]);
const ANSWER = answerXml("DoThis", { NewA: "1", NewB: "" });

const SAME_ANSWER: readonly (readonly [what: string, body: string])[] = [
  ["as the standard has it", ANSWER],
  ["with another prefix", ANSWER.replaceAll("u:", "m:")],
  ["with other prefixes", ANSWER.replaceAll("s:", "SOAP-ENV:")],
  [
    "without prefixes and namespaces",
    ANSWER.replace(/ \w+:\w+="[^"]*"/g, "").replaceAll(/<(\/?)[su]:/g, "<$1"),
  ],
  ["over many lines", ANSWER.replaceAll("><", ">\r\n\t<").replace(">1<", ">\n 1 <")],
  ["with a value twice", ANSWER.replace("<NewB>", "<NewA>2</NewA><NewB>")],
];

for (const [what, body] of SAME_ANSWER) {
  Deno.test(`an answer ${what}`, () =>
    assertEquals(decode("DoThis", body), { kind: "values", values: VALUES }));
}

const NOT_ANSWERS: readonly (readonly [what: string, body: string])[] = [
  ["nothing", ""],
  ["a web page", "<!DOCTYPE html><html>Login</html>"],
  ["another document", "<html>Login</html>"],
  ["an answer to another action", answerXml("DoThat", {})],
  ["half an answer", ANSWER.slice(0, -20)],
];

for (const [what, body] of NOT_ANSWERS) {
  Deno.test(`no answer with status 200: ${what}`, () => {
    assertThrows(() => decode("DoThis", body), MalformedDocumentError);
  });
}

const FAULT_XML = faultXml(718, "ConflictInMappingEntry");

const FAULTS:
  readonly (readonly [what: string, body: string, status: number, code: number | undefined, text: string])[] =
    [
      ["as the standard has it", FAULT_XML, 500, 718, "ConflictInMappingEntry"],
      ["with status 200", FAULT_XML, 200, 718, "ConflictInMappingEntry"],
      [
        "in other cases",
        FAULT_XML.replaceAll("faultcode", "faultCode").replaceAll("errorCode", "ErrorCode"),
        500,
        718,
        "ConflictInMappingEntry",
      ],
      [
        "with prefixes",
        FAULT_XML.replaceAll("<error", "<u:error").replaceAll("</error", "</u:error"),
        500,
        718,
        "ConflictInMappingEntry",
      ],
      [
        "with white space around the code",
        FAULT_XML.replace("718", "\r\n 718\t"),
        500,
        718,
        "ConflictInMappingEntry",
      ],
      [
        "with the code somewhere else",
        `<a><errorCode>718</errorCode>${"<b>".repeat(9)}${"</b>".repeat(9)}</a>`,
        500,
        718,
        "HTTP status 500",
      ],
      [
        "with the code alone, and status 200",
        "<UPnPError><errorCode>718</errorCode></UPnPError>",
        200,
        718,
        "HTTP status 200",
      ],
      [
        "without a description",
        FAULT_XML.replace(/<errorDescription>.*<\/errorDescription>/, ""),
        500,
        718,
        "UPnPError",
      ],
      ["without a code", FAULT_XML.replace("718", ""), 500, undefined, "ConflictInMappingEntry"],
      ["with junk as a code", FAULT_XML.replace("718", "-1"), 500, undefined, "ConflictInMappingEntry"],
      [
        "with too long a code",
        FAULT_XML.replace("718", "7".repeat(400)),
        500,
        undefined,
        "ConflictInMappingEntry",
      ],
      ["of HTTP alone", "", 500, undefined, "HTTP status 500"],
      ["with a web page", "<!DOCTYPE html><html>", 404, undefined, "HTTP status 404"],
      ["that leads elsewhere", "<a>moved</a>", 302, undefined, "HTTP status 302"],
      ["beside an answer", ANSWER, 500, undefined, "HTTP status 500"],
    ];

for (const [what, body, status, code, text] of FAULTS) {
  Deno.test(`a fault ${what}`, () => {
    assertEquals(decode("DoThis", body, status), { kind: "fault", code, text, status });
  });
}

Deno.test("a fault's own words are one line of bounded length", () => {
  const answer = decode("DoThis", faultXml(501, `a\r\n${"b".repeat(5000)}`), 500);
  if (answer.kind !== "fault") throw new Error("not a fault");
  assertEquals(answer.text, `a ${"b".repeat(253)}…`);
});

Deno.test("every code has a name and a meaning, and a code that nobody knows has the router's words", () => {
  for (const code of Object.values(FAULT)) {
    assertEquals(typeof faultMeaning(code)?.meaning, "string", `${code}`);
  }
  assertEquals(faultMeaning(FAULT.onlyPermanentLeases)?.name, "OnlyPermanentLeasesSupported");
  assertEquals(faultText({ code: 718, text: "No" }), "the external port is taken (UPnP error 718)");
  assertEquals(faultText({ code: 899, text: "No" }), "No (UPnP error 899)");
  assertEquals(faultText({ text: "HTTP status 500" }), "HTTP status 500");
});

Deno.test("nothing but the typed error comes out of damaged answers and faults", () => {
  const random = seeded(0x50a9);
  const read = (text: string) => decode("DoThis", text);
  const count = fuzzTexts(read, (i) => mutate(i % 2 === 0 ? ANSWER : FAULT_XML, random));
  assertEquals(count > 1000, true, `only ${count} were read`);
  // With a failure of HTTP, everything is a fault.
  for (let i = 0; i < 5000; i++) decode("DoThis", mutate(FAULT_XML, random), 500);
});

// ---- real routers ----

const REAL_FAULTS: readonly (readonly [file: string, action: string, code: number])[] = [
  ["askey-rtf8316vw-addportmapping-fault718.xml", "AddPortMapping", 718],
  ["dlink-dir890l-specific-fault714.http", "GetSpecificPortMappingEntry", 714],
  ["freebox-specific-fault714.xml", "GetSpecificPortMappingEntry", 714],
  ["linksys-wrt54g-fault600.xml", "AddPortMapping", 600],
  ["mikrotik-addportmapping-fault725.xml", "AddPortMapping", 725],
  ["tplink-archerax72-addportmapping-fault501.xml", "AddPortMapping", 501],
  ["tplink-omada-er706w-generic-fault402.xml", "GetGenericPortMappingEntry", 402],
];

for (const [file, name, code] of REAL_FAULTS) {
  testFixture("a real fault", {
    file,
    run(bytes) {
      for (const status of [200, 500]) {
        const answer = decode(name, bodyOf(bytes), status);
        assertEquals(answer.kind === "fault" && answer.code, code);
      }
    },
  });
}

testFixture("a real success", {
  file: "dlink-dir890l-addportmapping.http",
  run: (bytes) =>
    assertEquals(decode("AddPortMapping", bodyOf(bytes)), { kind: "values", values: new Map() }),
});
