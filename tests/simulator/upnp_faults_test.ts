import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Faults } from "../../lib/simulator/faults.ts";
import {
  act,
  ask,
  CLIENT,
  encode,
  found,
  get,
  IP_2,
  mapping,
  named,
  outcome,
  post,
  search,
  upnpGateway,
} from "./upnp_client.ts";

const DESCRIPTION = get("/rootDesc.xml");

function described(faults: Faults): string {
  return ask(upnpGateway({ faults }), DESCRIPTION);
}

/** What each fault makes of requests to map. */
const MAPPED: readonly (readonly [string, Faults, Record<string, unknown>, code: number | undefined])[] = [
  ["upnp-add-error", { upnpAddError: 501 }, {}, 501],
  ["upnp-add-error", { upnpAddError: 899 }, {}, 899],
  ["upnp-taken-port", { upnpTakenPort: 8080 }, {}, 718],
  ["upnp-taken-port", { upnpTakenPort: 8080 }, { NewExternalPort: 8081 }, undefined],
  ["upnp-permanent-only", { upnpPermanentOnly: true }, {}, 725],
  ["upnp-permanent-only", { upnpPermanentOnly: true }, { NewLeaseDuration: 0 }, undefined],
  ["upnp-no-permanent", { upnpNoPermanent: true }, { NewLeaseDuration: 0 }, 402],
  ["upnp-no-permanent", { upnpNoPermanent: true }, {}, undefined],
  ["upnp-max-lease", { upnpMaxLeaseSeconds: 604_800 }, { NewLeaseDuration: 604_801 }, 402],
  ["upnp-max-lease", { upnpMaxLeaseSeconds: 604_800 }, { NewLeaseDuration: 604_800 }, undefined],
  ["upnp-same-port", { upnpSamePort: true }, {}, 724],
  ["upnp-same-port", { upnpSamePort: true }, { NewExternalPort: 80 }, undefined],
  ["refuse", { refuse: true }, {}, 606],
  ["full", { full: true }, {}, 728],
  ["allow-third-party", { allowThirdParty: true }, { NewInternalClient: "192.168.1.9" }, undefined],
];
for (const [name, faults, changes, code] of MAPPED) {
  const what = JSON.stringify(changes);
  Deno.test(`${name} ${code === undefined ? "lets pass" : `refuses with ${code}`} ${what}`, () => {
    for (const upnp of ["igd1", "igd2"] as const) {
      const gateway = upnpGateway({ upnp, faults });
      assertEquals(act(gateway, "AddPortMapping", mapping(changes)), code ?? {});
      assertEquals(gateway.mappings(0).length, code === undefined ? 1 : 0);
    }
  });
}

Deno.test("upnp-permanent-only maps without an end in version 2 too", () => {
  const gateway = upnpGateway({ upnp: "igd2", faults: { upnpPermanentOnly: true } });
  act(gateway, "AddPortMapping", mapping({ NewLeaseDuration: 0 }));
  assertEquals(gateway.mappings(1e12).length, 1);
});

Deno.test("upnp-taken-port lets AddAnyPortMapping take another one", () => {
  const gateway = upnpGateway({ upnp: "igd2", faults: { upnpTakenPort: 8080 } });
  assertEquals(act(gateway, "AddAnyPortMapping", mapping(), { type: IP_2 }), { NewReservedPort: "49152" });
});

Deno.test("upnp-no-mapping reports success and maps nothing", () => {
  const gateway = upnpGateway({ faults: { upnpNoMapping: true } });
  assertEquals(act(gateway, "AddPortMapping", mapping()), {});
  assertEquals(act(gateway, "GetSpecificPortMappingEntry", named(8080)), 714);
});

Deno.test("upnp-no-refresh leaves a lease as it was, until the mapping was deleted", () => {
  const gateway = upnpGateway({ faults: { upnpNoRefresh: true } });
  const at = { nowMs: 1_000_000 };
  const lease = () => {
    const entry = act(gateway, "GetSpecificPortMappingEntry", named(8080), at);
    return typeof entry === "number" ? entry : entry.NewLeaseDuration;
  };
  act(gateway, "AddPortMapping", mapping());
  assertEquals(act(gateway, "AddPortMapping", mapping(), at), {});
  assertEquals(lease(), "2600");
  act(gateway, "DeletePortMapping", named(8080), at);
  act(gateway, "AddPortMapping", mapping(), at);
  assertEquals(lease(), "3600");
});

Deno.test("the faults of reading back and of deleting", () => {
  const withFaults = (faults: Faults) => {
    const gateway = upnpGateway({ faults });
    act(gateway, "AddPortMapping", mapping());
    return gateway;
  };
  const generic = (faults: Faults, index: number) =>
    act(withFaults(faults), "GetGenericPortMappingEntry", { NewPortMappingIndex: index });
  assertEquals(act(withFaults({ upnpSpecificError: 602 }), "GetSpecificPortMappingEntry", named(8080)), 602);
  assertEquals(generic({ upnpNoListing: true }, 0), 713);
  assertEquals(generic({ upnpListFromOne: true }, 0), 713);
  assertEquals(typeof generic({ upnpListFromOne: true }, 1), "object");
  assertEquals(act(withFaults({ upnpDeleteAbsent: true }), "DeletePortMapping", named(9)), {});
  assertEquals(act(withFaults({ refuse: true }), "DeletePortMapping", named(8080)), 606);
  assertEquals(act(withFaults({ noAddress: true }), "GetExternalIPAddress"), { NewExternalIPAddress: "" });
  assertEquals(act(withFaults({ zeroAddress: true }), "GetExternalIPAddress"), {
    NewExternalIPAddress: "0.0.0.0",
  });
});

Deno.test("errors can come without a body, or with status 200", () => {
  const request = post("DeletePortMapping", named(9));
  const empty = ask(upnpGateway({ faults: { upnpEmptyError: true } }), request);
  assertMatch(empty, /^HTTP\/1\.1 500 [^]*Content-Length: 0\r\n[^]*\r\n\r\n$/);
  const fine = ask(upnpGateway({ faults: { upnpErrorIn200: true } }), request);
  assertEquals([fine.slice(0, 12), outcome(fine)], ["HTTP/1.1 200", 714]);
});

const LOCATIONS = [
  ["loopback", "http://[::1]:1900/rootDesc.xml"],
  ["other", "http://192.168.1.101:5000/rootDesc.xml"],
  ["name", "http://router.example:5000/rootDesc.xml"],
  ["https", "https://192.168.1.1:5000/rootDesc.xml"],
] as const;
for (const [upnpLocation, location] of LOCATIONS) {
  Deno.test(`upnp-location=${upnpLocation} leads to ${location}`, () => {
    const [answer = ""] = found(upnpGateway({ faults: { upnpLocation } }), search("upnp:rootdevice"));
    assertEquals(/^LOCATION: (.*)$/m.exec(answer)?.[1], location);
  });
}

Deno.test("upnp-chunked sends chunks that end, and no length", () => {
  const [head = "", ...rest] = described({ upnpChunked: true }).split("\r\n\r\n");
  assertMatch(head, /^Transfer-Encoding: chunked$/m);
  assert(!head.includes("Content-Length"));
  let left = rest.join("\r\n\r\n");
  let body = "";
  let chunks = 0;
  for (; !left.startsWith("0\r\n"); chunks++) {
    const [, size = "", tail = ""] = /^([0-9a-f]+)\r\n([^]*)$/.exec(left) ?? [];
    const length = parseInt(size, 16);
    body += tail.slice(0, length);
    left = tail.slice(length + 2);
  }
  assertEquals([chunks, left], [2, "0\r\n\r\n"]);
  assertEquals(body, described({}).split("\r\n\r\n")[1]);
});

Deno.test("upnp-no-length and upnp-bare-lf change the head alone", () => {
  const [, body] = described({}).split("\r\n\r\n");
  const [head = "", same] = described({ upnpNoLength: true }).split("\r\n\r\n");
  assertEquals([head.includes("Content-Length"), same], [false, body]);
  const bare = described({ upnpBareLf: true });
  assertEquals([bare.includes("\r"), bare.endsWith(`\n\n${body}`)], [false, true]);
  const [answer = ""] = found(upnpGateway({ faults: { upnpBareLf: true } }), search("upnp:rootdevice"));
  assertEquals([answer.includes("\r"), answer.endsWith("\n\n")], [false, true]);
});

Deno.test("upnp-body appends 10 MB, or does not end", () => {
  const size = (faults: Faults, maxParts: number) => {
    return encode(ask(upnpGateway({ faults }), DESCRIPTION, { maxParts })).length;
  };
  assert(size({ upnpBody: "huge" }, Infinity) > 10_000_000);
  assert(size({ upnpBody: "endless" }, 500) > 20_000_000);
  assertMatch(described({ upnpBody: "huge" }), /^Content-Length: 1000\d{4}$/m);
});

Deno.test("upnp-redirect leads to another path or to another address", () => {
  const gateway = upnpGateway({ faults: { upnpRedirect: "same" } });
  const redirect = ask(gateway, DESCRIPTION);
  assertMatch(
    redirect,
    /^HTTP\/1\.1 302 Found\r\n[^]*Location: http:\/\/192\.168\.1\.1:5000\/moved\/rootDesc\.xml\r/,
  );
  assertMatch(ask(gateway, get("/moved/rootDesc.xml")), /^HTTP\/1\.1 200 /);
  assertEquals(act(gateway, "GetNATRSIPStatus"), { NewRSIPAvailable: "0", NewNATEnabled: "1" });
  assertMatch(
    described({ upnpRedirect: "other" }),
    /^Location: http:\/\/192\.168\.1\.101:5000\/rootDesc\.xml$/m,
  );
});

Deno.test("the faults of the description", () => {
  assertMatch(described({ upnpRelativeUrls: true }), /<controlURL>ctl\/IPConn</);
  const doubled = described({ upnpDoubleSlash: true });
  assertMatch(doubled, /<URLBase>http:\/\/192\.168\.1\.1:5000\/<[^]*<controlURL>\/\/ctl\/IPConn</);
  const gateway = upnpGateway({ faults: { upnpDoubleSlash: true } });
  for (const path of ["/ctl/IPConn", "//ctl/IPConn", "///ctl/IPConn"]) {
    const request = post("GetExternalIPAddress").replace("/ctl/IPConn", path);
    assertEquals(outcome(ask(gateway, request)), { NewExternalIPAddress: "203.0.113.7" });
  }
  assertMatch(described({ upnpForeignBase: true }), /<URLBase>http:\/\/192\.168\.1\.101:5000\/</);
  assertMatch(described({ upnpPpp: true }), /service:WANPPPConnection:1</);
  const bare = described({ upnpNoNamespaces: true });
  assertEquals([bare.includes("xmlns"), bare.includes('<root configId="1337">')], [false, true]);
});

Deno.test("upnp-no-namespaces takes the prefixes from answers", () => {
  const gateway = upnpGateway({ faults: { upnpNoNamespaces: true } });
  const answer = ask(gateway, post("GetExternalIPAddress"));
  assertMatch(
    answer,
    /<Envelope encodingStyle="[^"]*"><Body><GetExternalIPAddressResponse><NewExternalIPAddress>203\.0\.113\.7</,
  );
});

Deno.test("upnp-ppp answers for WANPPPConnection:1 alone", () => {
  const type = "urn:schemas-upnp-org:service:WANPPPConnection:1";
  const gateway = upnpGateway({ faults: { upnpPpp: true } });
  assertEquals(found(gateway, search(type)).length, 1);
  assertEquals(act(gateway, "GetExternalIPAddress", {}, { type }), { NewExternalIPAddress: "203.0.113.7" });
  assertEquals(act(gateway, "GetExternalIPAddress"), 401);
});

Deno.test("upnp-hostile-text is in names, descriptions and errors", () => {
  const gateway = upnpGateway({ faults: { upnpHostileText: true } });
  act(gateway, "AddPortMapping", mapping());
  for (
    const answer of [
      ask(gateway, DESCRIPTION),
      ask(gateway, post("GetSpecificPortMappingEntry", named(8080))),
      ask(gateway, post("GetSpecificPortMappingEntry", named(9))),
    ]
  ) assert(answer.includes("\u001b[2J"));
});

Deno.test("upnp-hang-up ends connections without an answer", () => {
  const gateway = upnpGateway({ faults: { upnpHangUp: { first: 1 } } });
  assertEquals([ask(gateway, DESCRIPTION), ask(gateway, DESCRIPTION).slice(0, 12)], ["", "HTTP/1.1 200"]);
});

Deno.test("the faults of delivery are those of searches too", () => {
  const gateway = upnpGateway({ faults: { duplicate: true } });
  const emissions = gateway.search({ data: search("upnp:rootdevice"), source: CLIENT }, CLIENT, 0);
  assertEquals(emissions.map(({ to }) => to), [CLIENT, CLIENT]);
});
