import { assertEquals } from "@std/assert";
import { formatAddress, formatIpv6, parseAddress, parseIpv6 } from "../../lib/net/ipv6.ts";

/** Groups in hexadecimal, and the text that RFC 5952 gives them: the examples of its sections 4 and 5. */
const ADDRESSES: readonly (readonly [groups: string, text: string])[] = [
  ["2001 0db8 0000 0000 0000 0000 0000 0001", "2001:db8::1"],
  ["2001 0db8 0000 0000 0000 0000 0002 0001", "2001:db8::2:1"],
  ["2001 0db8 0000 0001 0001 0001 0001 0001", "2001:db8:0:1:1:1:1:1"],
  ["2001 0000 0000 0001 0000 0000 0000 0001", "2001:0:0:1::1"],
  ["2001 0db8 0000 0000 0001 0000 0000 0001", "2001:db8::1:0:0:1"],
  ["2001 0db8 aaaa bbbb cccc dddd eeee 0aaa", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaa"],
  ["0000 0000 0000 0000 0000 0000 0000 0001", "::1"],
  ["0000 0000 0000 0000 0000 0000 0000 0000", "::"],
  ["fe80 0000 0000 0000 0000 0000 0000 0000", "fe80::"],
];
for (const [groups, text] of ADDRESSES) {
  Deno.test(`formatIpv6() writes ${text}`, () => {
    const bytes = groups.replaceAll(" ", "").match(/../g)!.map((pair) => parseInt(pair, 16));
    assertEquals(formatIpv6(Uint8Array.from(bytes)), text);
  });
}

function bytesOf(groups: string): Uint8Array {
  return Uint8Array.fromHex(groups.replaceAll(" ", ""));
}

for (const [groups, text] of ADDRESSES) {
  Deno.test(`parseIpv6() reads ${text}`, () => {
    assertEquals(parseIpv6(text), bytesOf(groups));
    assertEquals(parseIpv6(text.toUpperCase()), bytesOf(groups));
    assertEquals(parseIpv6(groups.replaceAll(" ", ":")), bytesOf(groups), "with every digit");
  });
}

Deno.test("parseIpv6() reads the other forms of RFC 4291 §2.2", () => {
  const forms: readonly (readonly [text: string, groups: string])[] = [
    ["1::", "0001" + "0000".repeat(7)],
    ["1:2:3:4:5:6:7::", "0001000200030004000500060007" + "0000"],
    ["::2:3:4:5:6:7:8", "0000" + "0002000300040005000600070008"],
    ["0:0:0:0:0:0:13.1.68.3", "0000".repeat(6) + "0d014403"],
    ["::13.1.68.3", "0000".repeat(6) + "0d014403"],
    ["::ffff:129.144.52.38", "0000".repeat(5) + "ffff81903426"],
    ["64:ff9b::192.0.2.33", "0064ff9b" + "0000".repeat(4) + "c0000221"],
  ];
  for (const [text, groups] of forms) assertEquals(parseIpv6(text), bytesOf(groups), text);
});

Deno.test("parseIpv6() reads nothing else", () => {
  for (
    const text of [
      "",
      ":",
      ":::",
      "1",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4::5:6:7:8",
      "1::2::3",
      ":1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:",
      "12345::",
      "g::",
      "-1::",
      "0x1::",
      " ::1",
      "::1%eth0",
      "::1/64",
      "[::1]",
      "1.2.3.4",
      "1.2.3.4::",
      "::1.2.3.4:5",
      "::1.2.3",
      "::01.2.3.4",
      "1:2:3:4:5:6:7:1.2.3.4",
    ]
  ) assertEquals(parseIpv6(text), undefined, text);
});

Deno.test("formatAddress() and parseAddress() have IPv4 as ::ffff:a.b.c.d", () => {
  const mapped = bytesOf("0000".repeat(5) + "ffff c0000207");
  assertEquals(formatAddress(mapped), "192.0.2.7");
  assertEquals(parseAddress("192.0.2.7"), mapped);
  assertEquals(parseAddress("::ffff:192.0.2.7"), mapped);
  const compatible = bytesOf("0000".repeat(6) + "c0000207");
  assertEquals(formatAddress(compatible), "::c000:207");
  assertEquals(parseAddress("router.example"), undefined);
});
