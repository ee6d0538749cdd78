import { assertEquals } from "@std/assert";
import {
  parseIgdUrl,
  resolveServiceUrl,
  safeLocation,
  type UrlRefusal,
  type UrlVerdict,
} from "../../lib/upnp/location.ts";
import { seeded } from "../support/seeded.ts";
import { mutate } from "./mutate.ts";

const GATEWAY = "192.168.1.1";
const OTHER = "192.168.1.7";

/** The URL of a verdict, or its refusal. */
function outcome(verdict: UrlVerdict): string {
  return "url" in verdict ? verdict.url.href : verdict.refusal;
}

/** Never used, whoever sent it. */
const REFUSED: readonly (readonly [url: string, refusal: UrlRefusal])[] = [
  ["", "malformed"],
  ["/root.xml", "malformed"],
  ["192.168.1.1:5000/root.xml", "malformed"],
  ["http:", "malformed"],
  ["http:/192.168.1.1/", "malformed"],
  ["http:192.168.1.1/", "malformed"],
  ["http:\\\\192.168.1.1/", "malformed"],
  ["http://192.168.1.1\\@10.0.0.1/", "malformed"],
  ["http://192.168.1.1/a b", "malformed"],
  ["http://192.168.1.1/a\r\nHost: x", "malformed"],
  ["ht\ntp://192.168.1.1/", "malformed"],
  ["http://192.168.1.1/\u202e", "malformed"],
  ["http://１９２.168.1.1/", "malformed"],
  ["http://192。168。1。1/", "malformed"],
  [`http://192.168.1.1/${"x".repeat(3000)}`, "malformed"],
  ["https://192.168.1.1/", "not-http"],
  ["ftp://192.168.1.1/", "not-http"],
  ["file:///etc/passwd", "not-http"],
  ["gopher://192.168.1.1:25/x", "not-http"],
  ["ws://192.168.1.1/", "not-http"],
  ["http://user@192.168.1.1/", "user-info"],
  ["http://user:pw@192.168.1.1/", "user-info"],
  ["http://192.168.1.1@10.0.0.1/", "user-info"],
  ["http://@192.168.1.1/", "user-info"],
  ["http:///root.xml", "not-ipv4"],
  ["http://router/", "not-ipv4"],
  ["http://localhost/", "not-ipv4"],
  ["http://192.168.1.1.nip.io/", "not-ipv4"],
  ["http://192.168.1.1./", "not-ipv4"],
  ["http://3232235777/", "not-ipv4"],
  ["http://2130706433/", "not-ipv4"],
  ["http://0xc0a80101/", "not-ipv4"],
  ["http://0x7f.1/", "not-ipv4"],
  ["http://0xc0.0xa8.0x01.0x01/", "not-ipv4"],
  ["http://0300.0250.01.01/", "not-ipv4"],
  ["http://192.168.001.001/", "not-ipv4"],
  ["http://192.168.257/", "not-ipv4"],
  ["http://192.168.1/", "not-ipv4"],
  ["http://192.168.1.256/", "not-ipv4"],
  ["http://%31%39%32.168.1.1/", "not-ipv4"],
  ["http://192.168.1.1%00/", "not-ipv4"],
  ["http://[::1]:1900/rootDesc.xml", "not-ipv4"],
  ["http://[::ffff:127.0.0.1]/", "not-ipv4"],
  ["http://[::ffff:192.168.1.1]/", "not-ipv4"],
  ["http://[fe80::1%25eth0]/", "not-ipv4"],
  ["http://192.168.1.1:0/", "bad-port"],
  ["http://192.168.1.1:65536/", "bad-port"],
  ["http://192.168.1.1:99999999999999999999/", "bad-port"],
  ["http://192.168.1.1:-1/", "bad-port"],
  ["http://192.168.1.1:80a/", "bad-port"],
  ["http://192.168.1.1:80:80/", "bad-port"],
];

Deno.test("a location is not used, whoever sent it, and no URL of a description and none that a user typed", () => {
  const location = new URL("http://192.168.1.1:5000/root.xml");
  for (const [url, refusal] of REFUSED) {
    assertEquals(outcome(safeLocation(url, { repliedFrom: GATEWAY, gateway: GATEWAY })), refusal, url);
    assertEquals(outcome(safeLocation(url, { repliedFrom: OTHER, gateway: GATEWAY })), refusal, url);
    assertEquals(outcome(parseIgdUrl(url)), refusal, url);
    // What is no absolute URL is a path at the router, or refused too.
    const resolved = resolveServiceUrl(url, { location });
    if ("url" in resolved) assertEquals(resolved.url.host, location.host, url);
    else if (refusal !== "malformed") assertEquals(resolved.refusal, refusal, url);
  }
});

const USED: readonly (readonly [url: string, expected: string])[] = [
  ["http://192.168.1.1:5000/root.xml", "http://192.168.1.1:5000/root.xml"],
  ["http://192.168.1.1:65535/", "http://192.168.1.1:65535/"],
  ["http://192.168.1.1:80/a?b=c&d", "http://192.168.1.1/a?b=c&d"],
  ["HTTP://192.168.1.1/a", "http://192.168.1.1/a"],
  ["http://192.168.1.1", "http://192.168.1.1/"],
  ["http://192.168.1.1:", "http://192.168.1.1/"],
  ["http://192.168.1.1:08080/", "http://192.168.1.1:8080/"],
  ["http://192.168.1.1?q", "http://192.168.1.1/?q"],
  ["http://192.168.1.1:5431/dyndev/uuid:1-2", "http://192.168.1.1:5431/dyndev/uuid:1-2"],
  ["http://192.168.1.1/a#b", "http://192.168.1.1/a"],
  ["http://192.168.1.1//a", "http://192.168.1.1//a"],
  ["http://192.168.1.1/http://10.0.0.1/", "http://192.168.1.1/http://10.0.0.1/"],
  ["http://192.168.1.1/@10.0.0.1/", "http://192.168.1.1/@10.0.0.1/"],
];

Deno.test("a location at the gateway is used, and so is such a URL that a user typed", () => {
  for (const [url, expected] of USED) {
    for (const repliedFrom of [GATEWAY, OTHER]) {
      const verdict = safeLocation(url, { repliedFrom, gateway: GATEWAY });
      assertEquals(verdict, { url: new URL(expected) }, url);
    }
    assertEquals(outcome(parseIgdUrl(url)), expected, url);
  }
});

const SPECIAL = [
  "0.0.0.0",
  "127.0.0.1",
  "127.1.2.3",
  "169.254.169.254",
  "224.0.0.1",
  "239.255.255.250",
  "255.255.255.255",
];
const FOREIGN = ["192.168.1.8", "10.0.0.1", "172.16.0.1", "100.64.0.1", "203.0.113.9"];

Deno.test("a location elsewhere is not used, unless the gateway sent it: then the gateway is asked", () => {
  for (const host of [...SPECIAL, ...FOREIGN]) {
    const url = `http://${host}:5000/root.xml`;
    const refusal = SPECIAL.includes(host) ? "special-address" : "foreign-host";
    assertEquals(outcome(safeLocation(url, { repliedFrom: OTHER, gateway: GATEWAY })), refusal, host);
    assertEquals(safeLocation(url, { repliedFrom: GATEWAY, gateway: GATEWAY }), {
      url: new URL("http://192.168.1.1:5000/root.xml"),
      rewrittenHost: host,
    });
  }
});

Deno.test("a location at the host that sent it is used, even on loopback and in a network without addresses", () => {
  for (const host of [OTHER, "127.0.0.1", "169.254.1.1"]) {
    const url = `http://${host}:5000/`;
    assertEquals(outcome(safeLocation(url, { repliedFrom: host, gateway: GATEWAY })), url);
    assertEquals(outcome(safeLocation(url, { repliedFrom: host, gateway: host })), url);
  }
});

Deno.test("a user may name any host that there can be, and no other", () => {
  for (const host of ["127.0.0.1", "169.254.1.1", ...FOREIGN]) {
    assertEquals(outcome(parseIgdUrl(`http://${host}:5000/root.xml`)), `http://${host}:5000/root.xml`);
  }
  for (const host of ["0.0.0.0", "224.0.0.1", "255.255.255.255"]) {
    assertEquals(outcome(parseIgdUrl(`http://${host}/`)), "special-address", host);
  }
});

Deno.test("a refusal has its reason in words that follow the URL", () => {
  const because = (text: string) => {
    const verdict = safeLocation(text, { repliedFrom: OTHER, gateway: GATEWAY });
    return "because" in verdict ? verdict.because : "";
  };
  assertEquals(because("https://192.168.1.1/"), "is not an http URL");
  assertEquals(because("http://router/"), "does not name its host by an IPv4 address in dotted decimal");
  assertEquals(
    because("http://10.0.0.1/"),
    "is on a host that is neither the router nor the one that sent the URL",
  );
  assertEquals(because("http://127.0.0.1/"), "has an address that no router has");
});

Deno.test("no damage to a URL leads to another host", () => {
  const random = seeded(0x55f);
  const location = new URL("http://192.168.1.1:5000/desc/root.xml");
  for (let i = 0; i < 50_000; i++) {
    const text = mutate("http://192.168.1.1:5000/desc/root.xml", random);
    const urlBase = mutate("http://192.168.1.1:5000/", random);
    for (
      const verdict of [
        safeLocation(text, { repliedFrom: OTHER, gateway: GATEWAY }),
        safeLocation(text, { repliedFrom: GATEWAY, gateway: GATEWAY }),
        resolveServiceUrl(text, { location, urlBase }),
        resolveServiceUrl(mutate("ctl", random), { location, urlBase }),
      ]
    ) {
      if (!("url" in verdict)) continue;
      const { protocol, hostname, username, password } = verdict.url;
      if (hostname !== OTHER) assertEquals(hostname, GATEWAY, text);
      assertEquals([protocol, username, password], ["http:", "", ""], text);
    }
  }
});
