import { assertEquals, assertMatch } from "@std/assert";
import * as constants from "../../lib/pcp/constants.ts";
import { RESULT, resultName, suggestedErrorSeconds } from "../../lib/pcp/constants.ts";

Deno.test("constants are the numbers of RFC 6887", () => {
  assertEquals(constants.PCP_VERSION, 2, "§7.1");
  assertEquals(constants.OPCODE, { announce: 0, map: 1 }, "§19.2");
  assertEquals(constants.RESPONSE_BIT, 128, "§7.2");
  assertEquals(constants.PROTOCOL_NUMBERS, { tcp: 6, udp: 17 }, "§11.1");
  assertEquals(constants.OPTION.thirdParty, { code: 1, dataBytes: 16 }, "§13.1");
  assertEquals(constants.OPTION.preferFailure, { code: 2, dataBytes: 0 }, "§13.2");
  assertEquals(
    [constants.HEADER_BYTES, constants.MAP_BYTES, constants.MAX_BYTES],
    [24, 60, 1100],
    "§7, §11.1",
  );
  assertEquals([constants.SERVER_PORT, constants.ANNOUNCEMENT_PORT], [5351, 5350], "§14.1.3, §19.1");
  assertEquals(constants.ANNOUNCEMENT_GROUPS, { ipv4: "224.0.0.1", ipv6: "ff02::1" }, "§14.1.3");
  assertEquals([constants.FIRST_WAIT_MS, constants.MAX_WAIT_MS, constants.WAIT_JITTER], [
    3000,
    1_024_000,
    0.1,
  ]);
  assertEquals(constants.MIN_RENEWAL_GAP_MS, 4000, "§11.2.1");
});

Deno.test("the renewal windows are 1/2 to 5/8, 3/4 to 13/16, 7/8 to 29/32 of the lifetime (§11.2.1)", () => {
  const windows: number[][] = [];
  for (let rest = 1; windows.length < 3; rest *= 1 - constants.RENEWAL_SHARE) {
    const from = 1 - rest + rest * constants.RENEWAL_SHARE;
    windows.push([from, from + rest * constants.RENEWAL_SPREAD]);
  }
  assertEquals(windows, [[1 / 2, 5 / 8], [3 / 4, 13 / 16], [7 / 8, 29 / 32]]);
});

/** §7.4: each result, words for people, and whether its error lifetime is long or short. */
const RESULTS:
  readonly (readonly [keyof typeof RESULT, words: RegExp, lifetime: "long" | "short" | "neither"])[] = [
    ["success", /success/, "neither"],
    ["unsupportedVersion", /version/, "long"],
    ["notAuthorized", /authorized/, "long"],
    ["malformedRequest", /malformed request/, "long"],
    ["unsupportedOpcode", /opcode/, "long"],
    ["unsupportedOption", /unsupported option/, "long"],
    ["malformedOption", /malformed option/, "long"],
    ["networkFailure", /network/, "short"],
    ["noResources", /resources/, "short"],
    ["unsupportedProtocol", /protocol/, "long"],
    ["quotaExceeded", /quota/, "short"],
    ["cannotProvideExternal", /external/, "neither"],
    ["addressMismatch", /address/, "long"],
    ["excessiveRemotePeers", /peers/, "long"],
  ];

for (const [resultCode, [name, words, lifetime]] of RESULTS.entries()) {
  Deno.test(`result ${resultCode} is ${name}, with ${lifetime} lifetime (§7.4)`, () => {
    assertEquals(RESULT[name], resultCode);
    assertMatch(resultName(resultCode), words);
    assertEquals(suggestedErrorSeconds(resultCode), { long: 1800, short: 30, neither: undefined }[lifetime]);
  });
}

Deno.test("results that the RFC does not define are named so, and suggest no lifetime", () => {
  assertEquals(Object.keys(RESULT).length, RESULTS.length);
  for (const resultCode of [14, 128, 255]) {
    assertMatch(resultName(resultCode), /undefined/);
    assertEquals(suggestedErrorSeconds(resultCode), undefined);
  }
});
