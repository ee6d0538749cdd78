import { assert, assertEquals, assertFalse } from "@std/assert";
import { ipv4Number, maskLength, netmaskLength, sameNetwork } from "../../lib/gateway/prefix.ts";

Deno.test("maskLength() counts the leading ones and refuses a mask with holes", () => {
  assertEquals(maskLength(0), 0);
  assertEquals(maskLength(0x80000000), 1);
  assertEquals(maskLength(0xffffff00), 24);
  assertEquals(maskLength(0xffffffff), 32);
  assertEquals(maskLength(0xff00ff00), undefined);
  assertEquals(maskLength(1), undefined);
});

Deno.test("netmaskLength() reads dotted decimal", () => {
  assertEquals(netmaskLength("255.255.254.0"), 23);
  assertEquals(netmaskLength("ffff:ffff::"), undefined);
});

Deno.test("ipv4Number() is unsigned", () => {
  assertEquals(ipv4Number("192.168.1.20"), 0xc0a80114);
  assertEquals(ipv4Number("eth0"), undefined);
});

Deno.test("sameNetwork() compares under the mask only", () => {
  assert(sameNetwork("192.168.1.20", "192.168.1.1", "255.255.255.0"));
  assertFalse(sameNetwork("192.168.1.20", "192.168.2.1", "255.255.255.0"));
  assertFalse(sameNetwork("10.2.0.2", "10.2.0.1", "255.255.255.255"));
  assertFalse(sameNetwork("fe80::1", "fe80::1", "ffff::"));
});
