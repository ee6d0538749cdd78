import { assertEquals } from "@std/assert";
import { formatIpv6 } from "../../lib/net/ipv6.ts";

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
