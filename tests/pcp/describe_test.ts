import { assertEquals } from "@std/assert";
import { describeRequest, describeResponse } from "../../lib/pcp/describe.ts";
import { hex } from "../simulator/hex.ts";
import { readRecordings } from "./recorded.ts";

const RECORDINGS = readRecordings();

/** Recordings in words: the request, and the reply. */
const WORDS: Readonly<Record<string, readonly [request: string, reply: string]>> = {
  announce: [
    "announce request: from 10.77.0.2 (24 bytes)",
    "announce reply: epoch 3 s (24 bytes)",
  ],
  map: [
    "map tcp request: internal 2222, external any, 3600 s, from 10.77.0.2 (60 bytes)",
    "map tcp reply: internal 2222, external 2222 at 11.22.33.44, 3600 s, epoch 3 s (60 bytes)",
  ],
  delete: [
    "unmap tcp request: internal 2222, from 10.77.0.2 (60 bytes)",
    "map tcp reply: internal 2222, external 0 at 11.22.33.44, 0 s, epoch 3 s (60 bytes)",
  ],
  delete_with_another_nonce: [
    "unmap tcp request: internal 2222, from 10.77.0.2 (60 bytes)",
    "refusal: not authorized (result 2) for 0 s, epoch 3 s (60 bytes)",
  ],
  third_party_and_prefer_failure: [
    "map tcp request: internal 8007, external 8087, 3600 s, from 10.77.0.2, for 10.77.0.3, prefer failure (84 bytes)",
    "map tcp reply: internal 8007, external 8087 at 11.22.33.44, 3600 s, epoch 1 s, for 10.77.0.3, prefer failure " +
    "(84 bytes)",
  ],
  ipv6_map_another_port: [
    "map udp request: internal 4001, external 3333, 3600 s, from 2001:db8:78::7 (60 bytes)",
    "map udp reply: internal 4001, external 4001 at 2001:db8:78::7, 3600 s, epoch 1 s (60 bytes)",
  ],
  all_tcp_ports: [
    "map tcp request: internal all, external any, 3600 s, from 10.77.0.2 (60 bytes)",
    "refusal: malformed request (result 3) for 0 s, epoch 3 s (60 bytes)",
  ],
  prefer_failure_twice: [
    "invalid request: option 2 twice (68 bytes)",
    "refusal: malformed option (result 6) for 0 s, epoch 3 s (68 bytes)",
  ],
  version_0_address: ["request of version 0 (2 bytes)", "NAT-PMP message (12 bytes)"],
  version_1_draft_map: ["request of version 1 (48 bytes)", "junk (48 bytes)"],
};

for (const [name, [request, reply]] of Object.entries(WORDS)) {
  Deno.test(`PCP in words: ${name}`, () => {
    const recording = RECORDINGS.get(name)!;
    assertEquals(describeRequest(recording.request), request);
    assertEquals(describeResponse(recording.reply!), reply);
  });
}

Deno.test("PCP in words: version errors, junk", () => {
  assertEquals(describeResponse(hex("00 80 00 01 00 01 23 45")), "refusal: speaks NAT-PMP (8 bytes)");
  assertEquals(describeResponse(hex("01 80 00 01 00 01 23 45")), "refusal: speaks version 1 (8 bytes)");
  assertEquals(describeResponse(hex("")), "junk (0 bytes)");
  assertEquals(describeRequest(hex("02 01")), "junk (2 bytes)");
});
