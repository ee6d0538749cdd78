import { assertEquals } from "@std/assert";
import { CLIENT, encode, found, HTTP, search, upnpGateway } from "./upnp_client.ts";

const ROOT = "upnp:rootdevice";
const ID = "uuid:00000000-0000-4000-8000-c0a80101000";
const device = (name: string, version: number) => `urn:schemas-upnp-org:device:${name}:${version}`;
const service = (name: string, version: number) => `urn:schemas-upnp-org:service:${name}:${version}`;

/** The same as miniupnpd 2.3.1 answers, but for names and times. */
const ANSWER = "HTTP/1.1 200 OK\r\n" +
  "CACHE-CONTROL: max-age=120\r\n" +
  "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n" +
  `USN: ${ID}1::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n` +
  "EXT:\r\n" +
  "SERVER: Linux/6.1 UPnP/1.1 natpmp-simulate/1.0\r\n" +
  "LOCATION: http://192.168.1.1:5000/rootDesc.xml\r\n" +
  'OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01\r\n' +
  "01-NLS: 1\r\n" +
  "BOOTID.UPNP.ORG: 1\r\n" +
  "CONFIGID.UPNP.ORG: 1337\r\n\r\n";

Deno.test("a search for the gateway is answered at once, to the searcher alone", () => {
  const data = search(device("InternetGatewayDevice", 1));
  const emissions = upnpGateway().search({ data, source: CLIENT }, HTTP, 0);
  assertEquals(emissions, [{ data: encode(ANSWER), to: CLIENT, delayMs: 0, from: "gateway" }]);
});

/** How often each target is answered by version 1 and by version 2. */
const TARGETS: readonly (readonly [target: string, igd1: number, igd2: number])[] = [
  [device("InternetGatewayDevice", 1), 1, 1],
  [device("InternetGatewayDevice", 2), 0, 1],
  [device("InternetGatewayDevice", 3), 0, 0],
  [device("WANDevice", 1), 1, 1],
  [device("WANConnectionDevice", 2), 0, 1],
  [service("WANIPConnection", 1), 1, 1],
  [service("WANIPConnection", 2), 0, 1],
  [service("WANPPPConnection", 1), 0, 0],
  [service("WANCommonInterfaceConfig", 1), 1, 1],
  [ROOT, 1, 1],
  [`${ID}1`, 1, 1],
  ["ssdp:all", 9, 9],
  ["urn:schemas-upnp-org:device:MediaServer:1", 0, 0],
  ["", 0, 0],
];
for (const [target, igd1, igd2] of TARGETS) {
  Deno.test(`a search for "${target}" is answered ${igd1} and ${igd2} times`, () => {
    for (const [upnp, count] of [["igd1", igd1], ["igd2", igd2]] as const) {
      const answers = found(upnpGateway({ upnp }), search(target));
      assertEquals(answers.length, count);
      // An answer repeats what was asked for, also where the device is of a newer version.
      if (target !== "ssdp:all") {
        for (const answer of answers) assertEquals(/^ST: (.*)$/m.exec(answer)?.[1], target);
      }
    }
  });
}

Deno.test("everything has a name of its own, and those of another address differ", () => {
  const names = (hostname: string) => {
    const data = search("ssdp:all");
    const emissions = upnpGateway().search({ data, source: CLIENT }, { hostname, port: 80 }, 0);
    return emissions.map((emission) => /^USN: (.*)$/m.exec(new TextDecoder().decode(emission.data))?.[1]);
  };
  const all = [...names("192.168.1.1"), ...names("192.168.2.1")];
  assertEquals(new Set(all).size, 18);
});

const DROPPED: readonly (readonly [string, (text: string) => string])[] = [
  ["no quotes around MAN", (text) => text.replace('"ssdp:discover"', "ssdp:discover")],
  ["no MAN", (text) => text.replace(/MAN:.*\r\n/, "")],
  ["no HOST", (text) => text.replace(/HOST:.*\r\n/, "")],
  ["no ST", (text) => text.replace(/ST: u.*\r\n/, "")],
  ["no empty line at the end", (text) => text.slice(0, -2)],
  ["LF alone", (text) => text.replaceAll("\r\n", "\n")],
  ["a line without a colon", (text) => text.replace("MX: 2", "MX 2")],
  ["another method", (text) => text.replace("M-SEARCH", "NOTIFY")],
  ["an answer", () => ANSWER],
  ["nothing", () => ""],
];
for (const [what, change] of DROPPED) {
  Deno.test(`a search with ${what} is not answered`, () => {
    assertEquals(found(upnpGateway(), search(ROOT, change)), []);
  });
}

Deno.test("a unicast search without MX is answered, in any case of the names", () => {
  const change = (text: string) =>
    text.replace(/MX:.*\r\n/, "").replace("HOST", "host").replace("ST:", "st:");
  assertEquals(found(upnpGateway(), search(ROOT, change)).length, 1);
});

Deno.test("a reboot shows in the boot number", () => {
  const gateway = upnpGateway();
  gateway.reboot(1000);
  const [answer = ""] = found(gateway, search(ROOT), 1000);
  assertEquals([...answer.matchAll(/^(?:01-NLS|BOOTID\.UPNP\.ORG): (.*)$/gm)].map(([, id]) => id), [
    "2",
    "2",
  ]);
});

Deno.test("searches are counted, junk and lost ones too", () => {
  const gateway = upnpGateway({ faults: { loseRequests: { first: 1 }, loseReplies: { nth: 2 } } });
  assertEquals([1, 2, 3].map(() => found(gateway, search(ROOT)).length), [0, 1, 0]);
  found(gateway, encode("junk"));
  const { searches, received, httpRequests } = gateway.counters;
  assertEquals([searches, received, httpRequests], [4, 0, 0]);
});

for (const options of [{ upnp: undefined }, { actsAsNat: false }, { faults: { silent: true } }]) {
  Deno.test(`a gateway with ${JSON.stringify(options)} finds nothing`, () => {
    assertEquals(found(upnpGateway(options), search(ROOT)), []);
  });
}
