import { assertEquals, assertMatch } from "@std/assert";
import {
  ADDRESS_OPCODE,
  ANNOUNCEMENT_GROUP,
  ANNOUNCEMENT_PORT,
  GATEWAY_PORT,
  MAP_OPCODES,
  MAX_LIFETIME_SECONDS,
  NAT_PMP_VERSION,
  PCP_HEADER_BYTES,
  PCP_VERSION,
  RECOMMENDED_LIFETIME_SECONDS,
  RENEWAL_JITTER,
  RESPONSE_BIT,
  RESULT,
  resultName,
} from "../../lib/natpmp/constants.ts";

Deno.test("constants are the numbers of RFC 6886", () => {
  assertEquals(NAT_PMP_VERSION, 0, "§3");
  assertEquals(GATEWAY_PORT, 5351, "§3.1");
  assertEquals([ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT], ["224.0.0.1", 5350], "§3.2.1");
  assertEquals(ADDRESS_OPCODE, 0, "§3.2");
  assertEquals(MAP_OPCODES, { udp: 1, tcp: 2 }, "§3.3");
  assertEquals(RESPONSE_BIT, 128, "§3.5");
  assertEquals(RECOMMENDED_LIFETIME_SECONDS, 7200, "§3.3");
  assertEquals(MAX_LIFETIME_SECONDS, 4_294_967_295, "§3.3: the field has 32 bits");
});

Deno.test("RESULT is the table of RFC 6886 §3.5", () => {
  assertEquals(RESULT, {
    success: 0,
    unsupportedVersion: 1,
    notAuthorized: 2,
    networkFailure: 3,
    outOfResources: 4,
    unsupportedOpcode: 5,
  });
});

Deno.test("constants of PCP are those of RFC 6887 §7.2", () => {
  assertEquals([PCP_VERSION, PCP_HEADER_BYTES], [2, 24]);
});

Deno.test("RENEWAL_JITTER is a sixteenth", () => {
  assertEquals(RENEWAL_JITTER, 0.0625);
});

Deno.test("resultName() names the results of §3.5 in words", () => {
  const wanted = [/success/i, /version/i, /authori[sz]ed|refused/i, /network/i, /resources/i, /opcode/i];
  for (const [resultCode, words] of wanted.entries()) assertMatch(resultName(resultCode), words);
});

Deno.test("resultName() says of every result that the RFC does not define that it is undefined", () => {
  for (const resultCode of [6, 255, 256, 65_535]) assertMatch(resultName(resultCode), /undefined/i);
});
