import { assertEquals } from "@std/assert";
import type { Faults } from "../../lib/simulator/faults.ts";
import {
  addressAnswer,
  mapAnswer,
  opcodeErrorAnswer,
  refusalAnswer,
  versionErrorAnswer,
} from "../../lib/simulator/nat_pmp_responder.ts";
import { hex } from "./hex.ts";

/** The epoch 74565 of the figures. */
function state(faults: Faults = {}) {
  return { speaks: "nat-pmp", epochSeconds: 0x12345, externalAddress: "203.0.113.7", faults } as const;
}

const REQUEST = {
  kind: "map",
  protocol: "udp",
  internalPort: 4000,
  externalPort: 5000,
  lifetimeSeconds: 7200,
} as const;
const GRANTED = { externalPort: 49_152, lifetimeSeconds: 3600 };

Deno.test("addressAnswer() is the response of §3.2", () => {
  assertEquals(addressAnswer(state()), hex("00 80 00 00 | 00 01 23 45 | CB 00 71 07"));
});

Deno.test("addressAnswer() says result 3 and no address when there is none (§3.5)", () => {
  const answer = addressAnswer({ ...state(), externalAddress: undefined });
  assertEquals(answer, hex("00 80 00 03 | 00 01 23 45 | 00 00 00 00"));
});

Deno.test("addressAnswer() says success with 0.0.0.0", () => {
  assertEquals(addressAnswer(state({ zeroAddress: true })), hex("00 80 00 00 | 00 01 23 45 | 00 00 00 00"));
});

Deno.test("mapAnswer() is the response of §3.3", () => {
  const answer = hex("00 81 00 00 | 00 01 23 45 | 0F A0 C0 00 | 00 00 0E 10");
  assertEquals(mapAnswer(REQUEST, GRANTED, state()), answer);
});

Deno.test("mapAnswer() has external port 0 and lifetime 0 for a deletion (§3.4)", () => {
  const answer = hex("00 81 00 00 | 00 01 23 45 | 0F A0 00 00 | 00 00 00 00");
  assertEquals(mapAnswer(REQUEST, undefined, state({ claimedLifetimeSeconds: 9 })), answer);
});

Deno.test("mapAnswer() says success with port 0, lifetime 0 or any lifetime", () => {
  const tail = (faults: Faults) => mapAnswer(REQUEST, GRANTED, state(faults)).subarray(10);
  assertEquals(tail({ zeroPort: true }), hex("00 00 | 00 00 0E 10"));
  assertEquals(tail({ zeroLifetime: true }), hex("C0 00 | 00 00 00 00"));
  assertEquals(tail({ claimedLifetimeSeconds: 0xffff_ffff }), hex("C0 00 | FF FF FF FF"));
});

Deno.test("refusalAnswer() has full length, echoes the internal port and zeroes the rest (§3.5)", () => {
  const answer = hex("00 81 00 04 | 00 01 23 45 | 0F A0 00 00 | 00 00 00 00");
  assertEquals(refusalAnswer(4, REQUEST, state()), answer);
  assertEquals(refusalAnswer(2, undefined, state()), hex("00 80 00 02 | 00 01 23 45 | 00 00 00 00"));
});

for (const [code, bytes] of [[6, "00 06"], [255, "00 FF"], [256, "01 00"], [65_535, "FF FF"]] as const) {
  Deno.test(`refusalAnswer() writes the undefined result ${code} into both bytes`, () => {
    assertEquals(refusalAnswer(code, REQUEST, state()).subarray(2, 4), hex(bytes));
  });
}

Deno.test("refusalAnswer() leaves the request's fields and the address in place, as miniupnpd does", () => {
  const faults = { unzeroedErrors: true };
  const mapping = hex("00 81 00 02 | 00 01 23 45 | 0F A0 13 88 | 00 00 1C 20");
  assertEquals(refusalAnswer(2, REQUEST, state(faults)), mapping);
  assertEquals(refusalAnswer(2, undefined, state(faults)), hex("00 80 00 02 | 00 01 23 45 | CB 00 71 07"));
});

Deno.test("refusalAnswer() leaves the internal port out", () => {
  assertEquals(refusalAnswer(2, REQUEST, state({ noPortEcho: true })).subarray(8, 10), hex("00 00"));
});

Deno.test("opcodeErrorAnswer() echoes the request with the top bit of the opcode and result 5 (§3.5)", () => {
  const request = hex("00 03 00 00 | 0F A0 00 00 | 00 00 1C 20");
  assertEquals(opcodeErrorAnswer(request, state()), hex("00 83 00 05 | 0F A0 00 00 | 00 00 1C 20"));
});

Deno.test("opcodeErrorAnswer() has 8 bytes with the epoch, as miniupnpd answers", () => {
  const answer = opcodeErrorAnswer(hex("00 03 00 00 0F A0"), state({ opcodeError: "short" }));
  assertEquals(answer, hex("00 83 00 05 | 00 01 23 45"));
});

Deno.test("versionErrorAnswer() has 8 bytes, opcode 128 and the epoch (§3.5, erratum 3618)", () => {
  assertEquals(versionErrorAnswer(1, state()), hex("00 80 00 01 | 00 01 23 45"));
  assertEquals(versionErrorAnswer(1, state({ natPmpOnly: "128" })), versionErrorAnswer(1, state()));
});

Deno.test("versionErrorAnswer() has opcode 0 as the figure prints it, or the request's", () => {
  assertEquals(versionErrorAnswer(1, state({ natPmpOnly: "0" })), hex("00 00 00 01 | 00 01 23 45"));
  assertEquals(
    versionErrorAnswer(1, state({ natPmpOnly: "echo" })),
    hex("00 81 00 01 | 00 01 23 45"),
  );
});
