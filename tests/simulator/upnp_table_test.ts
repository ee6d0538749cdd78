import { assertEquals } from "@std/assert";
import { act, ask, CLIENT, mapping, named, outcome, post, upnpGateway } from "./upnp_client.ts";
import { hex } from "./hex.ts";

/** What miniupnpd 2.3.1 does where its protocols meet in one table. */

const NATPMP_MAP_8080 = hex("00 02 00 00 | 1F 90 1F 90 | 00 00 02 58");
const NATPMP_UNMAP_8080 = hex("00 02 00 00 | 1F 90 00 00 | 00 00 00 00");
const NATPMP_UNMAP_ALL = hex("00 02 00 00 | 00 00 00 00 | 00 00 00 00");
const OTHER = { hostname: "192.168.1.3", port: 50_000 };
const PCP_MAP_8080 = hex(
  "02 01 00 00 | 00 00 02 58 | 00 00 00 00 00 00 00 00 00 00 FF FF C0 A8 01 02 | " +
    "A1 A2 A3 A4 A5 A6 A7 A8 A9 AA AB AC | 06 00 00 00 | 1F 90 1F 90 | 00 00 00 00 00 00 00 00 00 00 FF FF 00 00 00 00",
);

/** A gateway, and the external port that it grants to a request of NAT-PMP or of PCP. */
function both() {
  const gateway = upnpGateway({ speaks: "both", random: () => 0 });
  const send = (data: Uint8Array, source = CLIENT) => {
    const answer = gateway.receive({ data, source }, 0)[0]?.data ?? new Uint8Array();
    return new DataView(answer.buffer).getUint16(answer[0] === 2 ? 42 : 10);
  };
  const entry = (port = 8080) => {
    const found = act(gateway, "GetSpecificPortMappingEntry", named(port));
    return typeof found === "number" ? found : [found.NewPortMappingDescription, found.NewLeaseDuration];
  };
  return { gateway, send, entry };
}

Deno.test("UPnP sees the mappings of the other protocols, and may overwrite and delete its own host's", () => {
  const { gateway, send, entry } = both();
  assertEquals([send(NATPMP_MAP_8080), entry()], [8080, ["NAT-PMP 8080 tcp", "600"]]);
  const theirs = mapping({ NewInternalClient: OTHER.hostname });
  assertEquals(act(gateway, "AddPortMapping", theirs, { client: OTHER }), 718);
  assertEquals(act(gateway, "AddPortMapping", mapping()), {});
  assertEquals([entry(), gateway.mappings(0).length], [["web", "3600"], 1]);
  assertEquals(act(gateway, "DeletePortMapping", named(8080)), {});
  assertEquals([send(PCP_MAP_8080), entry()], [8080, ["PCP MAP", "600"]]);
  assertEquals(act(gateway, "DeletePortMapping", named(8080)), {});
  assertEquals(gateway.mappings(0), []);
});

Deno.test("NAT-PMP and PCP take over the port of UPnP that the same host has for the same internal port", () => {
  for (
    const [request, description] of [[NATPMP_MAP_8080, "NAT-PMP 8080 tcp"], [
      PCP_MAP_8080,
      "PCP MAP",
    ]] as const
  ) {
    const { gateway, send, entry } = both();
    act(gateway, "AddPortMapping", mapping({ NewInternalPort: 8080, NewLeaseDuration: 0 }));
    assertEquals([send(request), entry()], [8080, [description, "600"]]);
    assertEquals(gateway.mappings(0).length, 1);
  }
});

Deno.test("NAT-PMP and PCP get another port where UPnP has theirs for another internal port or host", () => {
  for (const request of [NATPMP_MAP_8080, PCP_MAP_8080]) {
    const { gateway, send, entry } = both();
    act(gateway, "AddPortMapping", mapping({ NewLeaseDuration: 0 }));
    assertEquals([send(request), entry()], [49_152, ["web", "0"]]);
    assertEquals(gateway.mappings(0).length, 2);
  }
});

Deno.test("NAT-PMP deletes no mapping of UPnP, neither one nor all", () => {
  const { gateway, send, entry } = both();
  act(gateway, "AddPortMapping", mapping({ NewInternalPort: 8080 }));
  send(NATPMP_UNMAP_8080);
  send(NATPMP_UNMAP_ALL);
  assertEquals(entry(), ["web", "3600"]);
});

Deno.test("a whole answer is miniupnpd's, byte for byte but for its headers", () => {
  const { gateway } = both();
  act(gateway, "AddPortMapping", mapping({ NewPortMappingDescription: "a &lt;b&gt; &amp; c" }));
  const body = (action: string, args: Record<string, unknown>) =>
    ask(gateway, post(action, args)).split("\r\n\r\n")[1];
  const envelope = (content: string) =>
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${content}</s:Body></s:Envelope>`;
  const namespace = 'xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"';
  assertEquals(
    body("GetGenericPortMappingEntry", { NewPortMappingIndex: 0 }),
    '<?xml version="1.0"?>\n' + envelope(
      `<u:GetGenericPortMappingEntryResponse ${namespace}><NewRemoteHost></NewRemoteHost>` +
        "<NewExternalPort>8080</NewExternalPort><NewProtocol>TCP</NewProtocol><NewInternalPort>80</NewInternalPort>" +
        "<NewInternalClient>192.168.1.2</NewInternalClient><NewEnabled>1</NewEnabled>" +
        "<NewPortMappingDescription>a &lt;b&gt; &amp; c</NewPortMappingDescription>" +
        "<NewLeaseDuration>3600</NewLeaseDuration></u:GetGenericPortMappingEntryResponse>",
    ),
  );
  assertEquals(
    body("GetGenericPortMappingEntry", { NewPortMappingIndex: 7 }),
    envelope(
      "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>" +
        '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>713</errorCode>' +
        "<errorDescription>SpecifiedArrayIndexInvalid</errorDescription></UPnPError></detail></s:Fault>",
    ),
  );
  assertEquals(outcome(ask(gateway, post("DeletePortMapping", named(8080)))), {});
});
