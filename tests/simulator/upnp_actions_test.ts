import { assertEquals, assertMatch } from "@std/assert";
import { act, ask, CLIENT, IP_2, mapping, named, outcome, post, upnpGateway } from "./upnp_client.ts";

const OTHER = { hostname: "192.168.1.3", port: 50_000 };
const TWO = { type: IP_2 };
const ENTRY = {
  NewInternalPort: "80",
  NewInternalClient: "192.168.1.2",
  NewEnabled: "1",
  NewPortMappingDescription: "web",
  NewLeaseDuration: "3600",
};

Deno.test("a mapping is made, read back, listed and deleted", () => {
  const gateway = upnpGateway();
  assertEquals(act(gateway, "AddPortMapping", mapping()), {});
  assertEquals(act(gateway, "GetSpecificPortMappingEntry", named(8080)), ENTRY);
  const whole = {
    NewRemoteHost: "",
    NewExternalPort: "8080",
    NewProtocol: "TCP",
    ...ENTRY,
    NewLeaseDuration: "3000",
  };
  const entry = act(gateway, "GetGenericPortMappingEntry", { NewPortMappingIndex: 0 }, { nowMs: 600_000 });
  assertEquals(entry, whole);
  assertEquals(act(gateway, "GetGenericPortMappingEntry", { NewPortMappingIndex: 1 }), 713);
  assertEquals(act(gateway, "DeletePortMapping", named(8080)), {});
  assertEquals(act(gateway, "DeletePortMapping", named(8080)), 714);
  assertEquals(act(gateway, "GetSpecificPortMappingEntry", named(8080)), 714);
});

/** Requests to map that are refused, by version 1 and by version 2. */
const REFUSED: readonly (readonly [string, Record<string, unknown>, igd1: number, igd2: number])[] = [
  ["every port", { NewExternalPort: 0 }, 716, 716],
  ["internal port 0", { NewInternalPort: 0 }, 402, 732],
  ["a port above 65535", { NewExternalPort: 65_536 }, 402, 402],
  ["a port that is no number", { NewExternalPort: "*" }, 402, 402],
  ["a protocol in lower case", { NewProtocol: "tcp" }, 402, 402],
  ["another protocol", { NewProtocol: "ICMP" }, 402, 402],
  ["a host that has a name", { NewInternalClient: "laptop" }, 402, 402],
  ["another host", { NewInternalClient: "192.168.1.9" }, 718, 606],
  ["NewEnabled 2", { NewEnabled: 2 }, 402, 402],
  ["no lease", { NewLeaseDuration: "" }, 402, 402],
  ["a negative lease", { NewLeaseDuration: -1 }, 402, 402],
  ["the port of another host", { NewExternalPort: 9000 }, 718, 718],
  ["the port of the owner", { NewExternalPort: 22 }, 718, 718],
  ["a port out of range", { NewExternalPort: 60_000 }, 718, 718],
];
for (const [what, changes, igd1, igd2] of REFUSED) {
  Deno.test(`AddPortMapping for ${what} is refused with ${igd1} and ${igd2}`, () => {
    for (const [upnp, code] of [["igd1", igd1], ["igd2", igd2]] as const) {
      const staticMappings = [
        { address: CLIENT.hostname, internalPort: 22, protocol: "tcp", externalPort: 22 },
      ] as const;
      const gateway = upnpGateway({ upnp, lastPort: 59_999, staticMappings });
      const theirs = mapping({ NewExternalPort: 9000, NewInternalClient: OTHER.hostname });
      assertEquals(act(gateway, "AddPortMapping", theirs, { client: OTHER }), {});
      assertEquals(act(gateway, "AddPortMapping", mapping(changes)), code);
      assertEquals(gateway.mappings(0).length, 2);
    }
  });
}

Deno.test("a lease of 0 is for ever in version 1, and a week in version 2, which has no longer one", () => {
  const leaseOf = (upnp: "igd1" | "igd2", seconds: number) => {
    const gateway = upnpGateway({ upnp });
    assertEquals(act(gateway, "AddPortMapping", mapping({ NewLeaseDuration: seconds })), {});
    const entry = act(gateway, "GetSpecificPortMappingEntry", named(8080));
    return typeof entry === "number" ? entry : entry.NewLeaseDuration;
  };
  assertEquals([leaseOf("igd1", 0), leaseOf("igd1", 1_000_000)], ["0", "1000000"]);
  assertEquals([leaseOf("igd2", 0), leaseOf("igd2", 1_000_000)], ["604800", "604800"]);
});

Deno.test("a mapping ends with its lease, and a permanent one with a reboot", () => {
  const gateway = upnpGateway();
  act(gateway, "AddPortMapping", mapping());
  act(gateway, "AddPortMapping", mapping({ NewExternalPort: 81, NewLeaseDuration: 0 }));
  const portsAt = (nowMs: number) => gateway.mappings(nowMs).map(({ externalPort }) => externalPort);
  assertEquals([portsAt(3_599_999), portsAt(3_600_000), portsAt(1e12)], [[8080, 81], [81], [81]]);
  gateway.reboot(1e12);
  assertEquals(portsAt(1e12), []);
});

Deno.test("a second request from the same host overwrites, and renews the lease", () => {
  const gateway = upnpGateway();
  act(gateway, "AddPortMapping", mapping());
  assertEquals(act(gateway, "AddPortMapping", mapping(), { nowMs: 1_800_000 }), {});
  const at = { nowMs: 1_800_000 };
  assertEquals(act(gateway, "GetSpecificPortMappingEntry", named(8080), at), ENTRY);
  act(gateway, "AddPortMapping", mapping({ NewInternalPort: 81, NewEnabled: 0 }), at);
  const changed = { ...ENTRY, NewInternalPort: "81", NewEnabled: "0" };
  assertEquals(act(gateway, "GetSpecificPortMappingEntry", named(8080), at), changed);
  assertEquals(gateway.mappings(1_800_000).length, 1);
});

Deno.test("one internal port can have several external ports", () => {
  const gateway = upnpGateway();
  act(gateway, "AddPortMapping", mapping());
  act(gateway, "AddPortMapping", mapping({ NewExternalPort: 8081 }));
  act(gateway, "DeletePortMapping", named(8080));
  assertEquals(gateway.mappings(0).map(({ externalPort }) => externalPort), [8081]);
});

Deno.test("an empty client is the requester, as in miniupnpd", () => {
  const gateway = upnpGateway();
  act(gateway, "AddPortMapping", mapping({ NewInternalClient: "" }));
  assertEquals(gateway.mappings(0)[0]?.address, CLIENT.hostname);
});

Deno.test("a description comes back as it was sent, markup and all", () => {
  const gateway = upnpGateway();
  act(
    gateway,
    "AddPortMapping",
    mapping({ NewPortMappingDescription: "a &lt;b&gt; &amp; &#233; &quot;c&quot;" }),
  );
  const answer = ask(gateway, post("GetSpecificPortMappingEntry", named(8080)));
  assertMatch(answer, /<NewPortMappingDescription>a &lt;b&gt; &amp; é &quot;c&quot;</);
  assertMatch(
    answer,
    new RegExp(`Content-Length: ${new TextEncoder().encode(answer.split("\r\n\r\n")[1]).length}\r`),
  );
});

Deno.test("nobody deletes another host's mapping", () => {
  for (const [upnp, code] of [["igd1", 714], ["igd2", 606]] as const) {
    const gateway = upnpGateway({ upnp });
    act(gateway, "AddPortMapping", mapping());
    assertEquals(act(gateway, "DeletePortMapping", named(8080), { client: OTHER }), code);
    assertEquals(gateway.mappings(0).length, 1);
  }
});

Deno.test("AddAnyPortMapping gives the port that is asked for, or another one", () => {
  const gateway = upnpGateway({ upnp: "igd2", lastPort: 49_153 });
  const any = (changes: Record<string, unknown>, client = CLIENT) =>
    act(gateway, "AddAnyPortMapping", mapping({ NewInternalClient: client.hostname, ...changes }), {
      ...TWO,
      client,
    });
  assertEquals(any({}), { NewReservedPort: "8080" });
  assertEquals(any({ NewInternalPort: 443 }, OTHER), { NewReservedPort: "49152" });
  assertEquals(any({ NewInternalPort: 444, NewExternalPort: 0 }, OTHER), { NewReservedPort: "49153" });
  assertEquals(any({ NewInternalPort: 0 }, OTHER), 732);
  const full = upnpGateway({ upnp: "igd2", firstPort: 8080, lastPort: 8080 });
  act(full, "AddPortMapping", mapping());
  const request = mapping({ NewInternalClient: OTHER.hostname });
  assertEquals(act(full, "AddAnyPortMapping", request, { ...TWO, client: OTHER }), 728);
});

Deno.test("GetListOfPortMappings lists a range of one protocol, in XML inside of XML", () => {
  const gateway = upnpGateway({ upnp: "igd2" });
  for (const port of [80, 81, 82]) act(gateway, "AddPortMapping", mapping({ NewExternalPort: port }));
  const theirs = mapping({ NewExternalPort: 83, NewInternalClient: OTHER.hostname });
  act(gateway, "AddPortMapping", theirs, { client: OTHER });
  const list = (first: number, last: number, { manage = 1, count = 0, protocol = "TCP" } = {}) => {
    const answer = ask(
      gateway,
      post("GetListOfPortMappings", {
        NewStartPort: first,
        NewEndPort: last,
        NewProtocol: protocol,
        NewManage: manage,
        NewNumberOfPorts: count,
      }, IP_2),
    );
    const listing = /<NewPortListing><!\[CDATA\[(.*)\]\]><\/NewPortListing>/.exec(answer)?.[1];
    if (listing === undefined) return outcome(answer);
    return [...listing.matchAll(/<p:NewExternalPort>(\d+)</g)].map(([, port]) => Number(port));
  };
  assertEquals(list(1, 65_535), [80, 81, 82, 83]);
  assertEquals(list(1, 65_535, { manage: 0 }), [80, 81, 82]);
  assertEquals(list(81, 82), [81, 82]);
  assertEquals(list(1, 65_535, { count: 2 }), [80, 81]);
  assertEquals(list(1, 65_535, { protocol: "UDP" }), 730);
  assertEquals(list(2, 1), 733);
});

Deno.test("version 1 does not know the actions of version 2, and nobody knows what does not exist", () => {
  assertEquals(act(upnpGateway(), "AddAnyPortMapping", mapping()), 401);
  assertEquals(act(upnpGateway(), "GetListOfPortMappings", {}), 401);
  assertEquals(act(upnpGateway(), "GetExternalIPAddress", {}, TWO), 401);
  assertEquals(act(upnpGateway({ upnp: "igd2" }), "Explode"), 401);
  assertEquals(act(upnpGateway({ upnp: "igd2" }), "toString"), 401);
});

Deno.test("the arguments have to be there, all of them and in order", () => {
  const { NewLeaseDuration: _, ...short } = mapping();
  const { NewRemoteHost, ...rest } = mapping();
  for (const args of [short, { ...rest, NewRemoteHost }, {}, { ...mapping(), NewExtra: 1 }]) {
    assertEquals(act(upnpGateway(), "AddPortMapping", args), 402);
  }
});

Deno.test("the status, the address and the kind of connection are reported", () => {
  const status = { NewConnectionStatus: "Connected", NewLastConnectionError: "ERROR_NONE", NewUptime: "90" };
  const gateway = upnpGateway();
  assertEquals(act(gateway, "GetStatusInfo", {}, { nowMs: 90_000 }), status);
  assertEquals(act(gateway, "GetExternalIPAddress"), { NewExternalIPAddress: "203.0.113.7" });
  assertEquals(act(gateway, "GetNATRSIPStatus"), { NewRSIPAvailable: "0", NewNATEnabled: "1" });
  const type = { NewConnectionType: "IP_Routed", NewPossibleConnectionTypes: "IP_Routed" };
  assertEquals(act(gateway, "GetConnectionTypeInfo"), type);
  gateway.setExternalAddress(undefined, 90_000);
  const after = act(gateway, "GetStatusInfo", {}, { nowMs: 90_000 });
  assertEquals(after, { ...status, NewConnectionStatus: "Disconnected" });
  assertEquals(act(gateway, "GetExternalIPAddress"), { NewExternalIPAddress: "" });
});
