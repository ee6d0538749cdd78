import { assertEquals, assertThrows } from "@std/assert";
import { classifyIpv4, formatIpv4, type Ipv4Class, parseIpv4 } from "../../lib/net/ipv4.ts";

Deno.test("parseIpv4() reads four numbers in the order in which they are written", () => {
  assertEquals(parseIpv4("203.0.113.7"), Uint8Array.of(203, 0, 113, 7));
  assertEquals(parseIpv4("0.0.0.0"), Uint8Array.of(0, 0, 0, 0));
  assertEquals(parseIpv4("255.255.255.255"), Uint8Array.of(255, 255, 255, 255));
  assertEquals(parseIpv4("1.20.100.249"), Uint8Array.of(1, 20, 100, 249));
});

Deno.test("parseIpv4() refuses whatever else an address has ever been written as", () => {
  const texts = [
    "",
    ".",
    "...",
    "1",
    "1.2",
    "1.2.3",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.4.5",
    "1.2.3.4.",
    "256.1.1.1",
    "1.1.1.256",
    "1.1.1.1000",
    "01.2.3.4",
    "1.2.3.00",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "127.1",
    "1e1.2.3.4",
    "+1.2.3.4",
    "-1.2.3.4",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "1.2. 3.4",
    "1.2.3.4/24",
    "1.2.3.4:5351",
    "１.2.3.4",
    "1。2。3。4",
    "::1",
    "::ffff:1.2.3.4",
    "localhost",
    "a.b.c.d",
  ];
  for (const text of texts) assertEquals(parseIpv4(text), undefined, JSON.stringify(text));
});

Deno.test("formatIpv4() writes four bytes in their order, and only four", () => {
  assertEquals(formatIpv4([203, 0, 113, 7]), "203.0.113.7");
  assertEquals(formatIpv4(Uint8Array.of(0, 0, 0, 0)), "0.0.0.0");
  assertEquals(formatIpv4(Uint8Array.of(255, 254, 253, 252, 251)), "255.254.253.252");
});

const CLASSES: Readonly<Record<Ipv4Class, readonly string[]>> = {
  // RFC 1918 §3, each block's first and last address.
  private: [
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.0",
    "192.168.255.255",
  ],
  // RFC 6598 §7.
  shared: ["100.64.0.0", "100.127.255.255"],
  // RFC 3927 §2.1.
  "link-local": ["169.254.0.0", "169.254.255.255"],
  loopback: ["127.0.0.0", "127.0.0.1", "127.255.255.255"],
  zero: ["0.0.0.0"],
  // RFC 5771 §3.
  multicast: ["224.0.0.0", "224.0.0.1", "239.255.255.255"],
  broadcast: ["255.255.255.255"],
  // RFC 6890 §2.2.2: this network, protocol assignments, documentation, benchmarking, future use.
  reserved: [
    "0.0.0.1",
    "0.255.255.255",
    "192.0.0.0",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "240.0.0.0",
    "255.255.255.254",
  ],
  // The neighbours of every block above.
  public: [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "11.22.33.44",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
  ],
};

for (const [ipv4Class, addresses] of Object.entries(CLASSES)) {
  Deno.test(`classifyIpv4() says ${ipv4Class} from the first to the last address of each block`, () => {
    for (const address of addresses) assertEquals(classifyIpv4(address), ipv4Class, address);
  });
}

Deno.test("classifyIpv4() throws a SyntaxError for what is not an address", () => {
  for (const text of ["", "10.0.0", "010.0.0.1", "::1"]) {
    assertThrows(() => classifyIpv4(text), SyntaxError, `"${text}"`);
  }
});
