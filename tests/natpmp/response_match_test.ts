import { assert, assertEquals } from "@std/assert";
import type { AskedRequest } from "../../lib/natpmp/message.ts";
import { matchResponse } from "../../lib/natpmp/response_match.ts";
import { hex } from "../simulator/hex.ts";

const ADDRESS: AskedRequest = { kind: "address" };
const MAP: AskedRequest = {
  kind: "map",
  protocol: "tcp",
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 7200,
};
const MAP_ZERO: AskedRequest = { ...MAP, internalPort: 0 };
const UNMAP: AskedRequest = { ...MAP, externalPort: 0, lifetimeSeconds: 0 };
const UNMAP_ALL: AskedRequest = { ...UNMAP, internalPort: 0 };

/** Datagrams by the shapes of RFC 6886 §3.2 to §3.5, written out by hand. */
const CASES:
  readonly (readonly [what: string, asked: AskedRequest, data: string, discarded: string | undefined])[] = [
    ["an address", ADDRESS, "00 80 00 00 | 00 01 23 45 | CB 00 71 07", undefined],
    ["a mapping", MAP, "00 82 00 00 | 00 01 23 45 | 00 50 1F 90 | 00 00 1C 20", undefined],
    [
      "another external port, which is the gateway's choice",
      MAP,
      "00 82 0000 00012345 0050 9C41 00000E10",
      undefined,
    ],
    [
      "a mapping to a question for the address",
      ADDRESS,
      "00 82 0000 00012345 0050 1F90 00001C20",
      "for another opcode",
    ],
    ["an address to a mapping", MAP, "00 80 0000 00012345 CB007107", "for another opcode"],
    ["the other protocol", MAP, "00 81 0000 00012345 0050 1F90 00001C20", "for another opcode"],
    ["another internal port", MAP, "00 82 0000 00012345 0051 1F90 00001C20", "for another internal port"],
    ["external port 0", MAP, "00 82 0000 00012345 0050 0000 00001C20", "a success with external port 0"],
    ["lifetime 0", MAP, "00 82 0000 00012345 0050 1F90 00000000", "a success with lifetime 0"],
    [
      "any internal port to port 0 (ProtonVPN)",
      MAP_ZERO,
      "00 82 0000 00012345 C001 C001 0000003C",
      undefined,
    ],
    ["a deletion", UNMAP, "00 82 0000 00012345 0050 0000 00000000", undefined],
    [
      "a deletion whose external port is not zeroed",
      UNMAP,
      "00 82 0000 00012345 0050 1F90 00000000",
      undefined,
    ],
    [
      "a mapping to a deletion",
      UNMAP,
      "00 82 0000 00012345 0050 1F90 00001C20",
      "a mapping instead of a deletion",
    ],
    ["a deletion of all", UNMAP_ALL, "00 82 0000 00012345 0000 0000 00000000", undefined],
    [
      "one deletion to one of all",
      UNMAP_ALL,
      "00 82 0000 00012345 0050 0000 00000000",
      "for another internal port",
    ],
    ["a refusal", MAP, "00 82 0002 00012345 0050 0000 00000000", undefined],
    ["a refusal that echoes no port", MAP, "00 82 0004 00012345 0000 0000 00000000", undefined],
    ["a refusal of another port", MAP, "00 82 0002 00012345 0051 0000 00000000", "for another internal port"],
    ["a refusal of another opcode", MAP, "00 81 0002 00012345 0050 0000 00000000", "for another opcode"],
    ["a version error of any opcode (erratum 3618)", MAP, "00 00 0001 00012345", undefined],
    ["the version error of a PCP server", ADDRESS, `02 80 00 01 ${"00".repeat(20)}`, undefined],
    [
      "a version error of PCP that is too short",
      MAP,
      "02 82 00 01 0000 0000",
      "a message of version 2 other than its version error",
    ],
    [
      "a version that does not exist",
      MAP,
      `03 82 00 01 ${"00".repeat(20)}`,
      "a message of an unknown version",
    ],
    ["two bytes", MAP, "00 82", "too short for a response"],
    ["a request", MAP, "00 02 00 00 00 50 1F 90 00 00 1C 20", "a request, not a response"],
  ];

for (const [what, asked, data, discarded] of CASES) {
  Deno.test(`matchResponse() ${discarded === undefined ? "takes" : "discards"} ${what}`, () => {
    const match = matchResponse(asked, hex(data));
    if (discarded === undefined) assert("reply" in match);
    else assertEquals("discarded" in match && match.discarded, discarded);
  });
}

Deno.test("matchResponse() takes responses of PCP, of any length, for a last resort, and nothing else", () => {
  for (const data of ["02 80", "02 FF 00 00", "02 81 00 02 00 00 00 00 00 00 00 00"]) {
    const match = matchResponse(ADDRESS, hex(data));
    const lastResort = { kind: "other-version", version: 2, opcode: 0 } as const;
    assertEquals("discarded" in match && match.lastResort, lastResort, data);
  }
  for (const data of ["", "02", "02 00", "02 7F 00 01", "01 80", "03 80 00 01", "00 80", "00 82 00 00"]) {
    assertEquals(Object.keys(matchResponse(ADDRESS, hex(data))), ["discarded"], data);
  }
});
