/**
 * What a real miniupnpd was asked and replied, and its meaning: see the head of tests/testdata/pcp/miniupnpd.hex.
 *
 * @module
 */

import type { Request, Response } from "../../lib/pcp/message.ts";
import { hex } from "../simulator/hex.ts";

/** A request and its reply on the wire. */
export interface Recording {
  readonly request: Uint8Array;
  /** Absent where the server was silent. */
  readonly reply?: Uint8Array;
}

/** The recordings by name. */
export function readRecordings(): ReadonlyMap<string, Recording> {
  const text = Deno.readTextFileSync(new URL("../testdata/pcp/miniupnpd.hex", import.meta.url));
  const lines = text.trim().split("\n").filter((line) => !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [name = "", request = "", reply = ""] = line.split(" ");
    return [name, {
      request: hex(request === "-" ? "" : request),
      ...(reply === "-" ? {} : { reply: hex(reply) }),
    }];
  }));
}

/** The meaning of a recording. `junk` is what the decoder drops. */
export interface Meaning {
  readonly request: Request | "junk";
  readonly reply: Response | "junk" | "silence";
}

const NONCE = "a1a2a3a4a5a6a7a8a9aaabac";
const NONCE_2 = "b1b2b3b4b5b6b7b8b9babbbc";
const EXTERNAL = "11.22.33.44";
const HOST = "2001:db8:78::7";

type MapRequest = Extract<Request, { kind: "map" }>;
type MapResponse = Extract<Response, { kind: "map" }>;
type InvalidRequest = Extract<Request, { kind: "invalid" }>;
type Refusal = Extract<Response, { kind: "refusal" }>;

function asked(fields: Partial<MapRequest> = {}): MapRequest {
  return {
    kind: "map",
    clientAddress: "10.77.0.2",
    nonce: NONCE,
    protocol: "tcp",
    internalPort: 2222,
    lifetimeSeconds: 3600,
    externalPort: 0,
    externalAddress: "0.0.0.0",
    ...fields,
  };
}

function granted(externalPort: number, fields: Partial<MapResponse> = {}): MapResponse {
  return {
    kind: "map",
    epochSeconds: 3,
    nonce: NONCE,
    protocol: "tcp",
    internalPort: 2222,
    lifetimeSeconds: 3600,
    externalPort,
    externalAddress: EXTERNAL,
    ...fields,
  };
}

function invalid(resultCode: number, problem: string, fields: Partial<InvalidRequest> = {}): InvalidRequest {
  return { kind: "invalid", opcode: 1, clientAddress: "10.77.0.2", resultCode, problem, ...fields };
}

function refused(
  resultCode: number,
  { port, ...fields }: Partial<Refusal> & { port?: number } = {},
): Refusal {
  const mapping = port === undefined
    ? {}
    : { mapping: { nonce: NONCE, protocol: "tcp", internalPort: port } as const };
  return {
    kind: "refusal",
    opcode: 1,
    resultCode,
    lifetimeSeconds: 0,
    epochSeconds: 3,
    ...mapping,
    ...fields,
  };
}

const OF_HOST = { clientAddress: HOST, externalAddress: "::" } as const;
const TO_HOST = { epochSeconds: 1, externalAddress: HOST } as const;

/** The meaning of every recording. */
export const MEANINGS: Readonly<Record<string, Meaning>> = {
  neighbour_map: {
    request: asked({ clientAddress: "10.77.0.3", nonce: NONCE_2, internalPort: 9000, externalPort: 9000 }),
    reply: granted(9000, { nonce: NONCE_2, internalPort: 9000 }),
  },
  announce: {
    request: { kind: "announce", clientAddress: "10.77.0.2" },
    reply: { kind: "announce", epochSeconds: 3 },
  },
  announce_from_another_client: {
    request: { kind: "announce", clientAddress: "10.77.0.3" },
    reply: { kind: "announce", epochSeconds: 3 },
  },
  map: { request: asked(), reply: granted(2222) },
  renew: { request: asked({ externalPort: 2222, externalAddress: EXTERNAL }), reply: granted(2222) },
  renew_for_another_port: {
    request: asked({ externalPort: 2223, externalAddress: EXTERNAL }),
    reply: granted(2223),
  },
  delete_both: { request: asked({ lifetimeSeconds: 0 }), reply: granted(0, { lifetimeSeconds: 0 }) },
  delete_both_again: { request: asked({ lifetimeSeconds: 0 }), reply: granted(0, { lifetimeSeconds: 0 }) },
  delete_absent: {
    request: asked({ lifetimeSeconds: 0 }),
    reply: refused(8, { port: 2222, lifetimeSeconds: 30 }),
  },
  map_anew: { request: asked(), reply: granted(2222) },
  delete_with_another_nonce: {
    request: asked({ nonce: NONCE_2, lifetimeSeconds: 0 }),
    reply: refused(2, { mapping: { nonce: NONCE_2, protocol: "tcp", internalPort: 2222 } }),
  },
  renew_with_another_nonce: {
    request: asked({ nonce: NONCE_2, externalPort: 2222, externalAddress: EXTERNAL }),
    reply: granted(2222, { nonce: NONCE_2 }),
  },
  delete: {
    request: asked({ nonce: NONCE_2, lifetimeSeconds: 0 }),
    reply: granted(0, { nonce: NONCE_2, lifetimeSeconds: 0 }),
  },
  map_udp_60_s: {
    request: asked({ protocol: "udp", internalPort: 4000, lifetimeSeconds: 60 }),
    reply: granted(4000, { protocol: "udp", internalPort: 4000, lifetimeSeconds: 120 }),
  },
  map_udp_longest: {
    request: asked({ protocol: "udp", internalPort: 4002, lifetimeSeconds: 4_294_967_295 }),
    reply: granted(4002, { protocol: "udp", internalPort: 4002, lifetimeSeconds: 86_400 }),
  },
  taken_port: {
    request: asked({ internalPort: 9001, externalPort: 9000 }),
    reply: granted(9001, { internalPort: 9001 }),
  },
  prefer_failure: {
    request: asked({ internalPort: 9003, externalPort: 9010, preferFailure: true }),
    reply: granted(9010, { internalPort: 9003, preferFailure: true }),
  },
  prefer_failure_taken_port: {
    request: asked({ internalPort: 9002, externalPort: 9000, preferFailure: true }),
    reply: granted(9002, { internalPort: 9002, preferFailure: true }),
  },
  prefer_failure_another_address: {
    request: asked({
      internalPort: 9004,
      externalPort: 9011,
      externalAddress: "11.22.33.48",
      preferFailure: true,
    }),
    reply: refused(11, { port: 9004 }),
  },
  prefer_failure_any_port: {
    request: invalid(6, "PREFER_FAILURE without a port or with lifetime 0"),
    reply: refused(6, { port: 9005 }),
  },
  prefer_failure_twice: { request: invalid(6, "option 2 twice"), reply: refused(6, { port: 9005 }) },
  prefer_failure_with_data: {
    request: invalid(6, "option 2 of a wrong length"),
    reply: refused(6, { port: 9005 }),
  },
  third_party_not_allowed: {
    request: asked({ internalPort: 9006, thirdParty: "10.77.0.3" }),
    reply: refused(5, { port: 9006 }),
  },
  filter: {
    request: invalid(5, "option 3, which is unsupported"),
    reply: granted(9007, { internalPort: 9007 }),
  },
  unknown_mandatory_option: {
    request: invalid(5, "option 127, which is unsupported"),
    reply: refused(5, { port: 9008 }),
  },
  unknown_optional_option: {
    request: asked({ internalPort: 9008 }),
    reply: granted(9008, { internalPort: 9008 }),
  },
  option_cut_short: {
    request: invalid(6, "an option that is longer than the message"),
    reply: refused(6, { port: 9008 }),
  },
  client_mismatch: {
    request: asked({ clientAddress: "10.77.0.3", internalPort: 9009 }),
    reply: refused(12, { port: 9009 }),
  },
  all_tcp_ports: { request: asked({ internalPort: 0 }), reply: refused(3, { port: 0 }) },
  all_protocols: { request: invalid(9, "of an unsupported protocol"), reply: refused(3) },
  all_protocols_with_port: { request: invalid(3, "all protocols of one port"), reply: refused(3) },
  sctp: { request: invalid(9, "of an unsupported protocol"), reply: "junk" },
  peer: { request: invalid(4, "of an unsupported opcode", { opcode: 2 }), reply: "junk" },
  opcode_3: {
    request: invalid(4, "of an unsupported opcode", { opcode: 3 }),
    reply: refused(4, { opcode: 3 }),
  },
  map_of_24_bytes: { request: invalid(3, "too short for a mapping"), reply: refused(3) },
  map_of_56_bytes: { request: invalid(3, "too short for a mapping"), reply: refused(3) },
  map_of_59_bytes: { request: invalid(3, "a length that is not a multiple of 4"), reply: "junk" },
  map_of_61_bytes: { request: invalid(3, "a length that is not a multiple of 4"), reply: "junk" },
  map_of_23_bytes: { request: "junk", reply: "junk" },
  map_of_2_bytes: { request: "junk", reply: "silence" },
  response: { request: "junk", reply: "silence" },
  version_1_map: { request: { kind: "unsupported-version", version: 1, opcode: 1 }, reply: "junk" },
  version_1_draft_map: { request: { kind: "unsupported-version", version: 1, opcode: 1 }, reply: "junk" },
  version_1_announce: { request: { kind: "unsupported-version", version: 1, opcode: 0 }, reply: "junk" },
  version_1_of_12_bytes: { request: { kind: "unsupported-version", version: 1, opcode: 1 }, reply: "junk" },
  version_3_map: {
    request: { kind: "unsupported-version", version: 3, opcode: 1 },
    reply: refused(1, { epochSeconds: 5, port: 0 }),
  },
  version_3_announce: {
    request: { kind: "unsupported-version", version: 3, opcode: 0 },
    reply: refused(1, { epochSeconds: 5, opcode: 0 }),
  },
  version_3_of_12_bytes: { request: { kind: "unsupported-version", version: 3, opcode: 1 }, reply: "junk" },
  version_0_address: { request: { kind: "unsupported-version", version: 0, opcode: 0 }, reply: "junk" },
  version_0_map: { request: { kind: "unsupported-version", version: 0, opcode: 1 }, reply: "junk" },
  version_0_map_of_60_bytes: {
    request: { kind: "unsupported-version", version: 0, opcode: 1 },
    reply: "junk",
  },
  announcement: { request: "junk", reply: { kind: "announce", epochSeconds: 0 } },
  announce_after_renumber: {
    request: { kind: "announce", clientAddress: "10.77.0.2" },
    reply: { kind: "announce", epochSeconds: 3 },
  },

  third_party: {
    request: asked({ internalPort: 8005, thirdParty: "10.77.0.3" }),
    reply: granted(8005, { epochSeconds: 1, internalPort: 8005, thirdParty: "10.77.0.3" }),
  },
  third_party_own_address: {
    request: invalid(3, "THIRD_PARTY with the client's own address"),
    reply: refused(3, { epochSeconds: 1, port: 8006 }),
  },
  third_party_and_prefer_failure: {
    request: asked({
      internalPort: 8007,
      externalPort: 8087,
      thirdParty: "10.77.0.3",
      preferFailure: true,
    }),
    reply: granted(8087, {
      epochSeconds: 1,
      internalPort: 8007,
      thirdParty: "10.77.0.3",
      preferFailure: true,
    }),
  },
  third_party_too_short: {
    request: invalid(6, "option 1 of a wrong length"),
    reply: refused(6, { epochSeconds: 1, port: 8008 }),
  },
  third_party_delete: {
    request: asked({ internalPort: 8005, lifetimeSeconds: 0, thirdParty: "10.77.0.3" }),
    reply: granted(0, { epochSeconds: 1, lifetimeSeconds: 0, internalPort: 8005, thirdParty: "10.77.0.3" }),
  },

  private_external_address: {
    request: asked(),
    reply: refused(8, { epochSeconds: 2, lifetimeSeconds: 30, port: 2222 }),
  },

  ipv6_announce: {
    request: { kind: "announce", clientAddress: HOST },
    reply: { kind: "announce", epochSeconds: 1 },
  },
  ipv6_map: { request: asked(OF_HOST), reply: granted(2222, TO_HOST) },
  ipv6_renew: {
    request: asked({ clientAddress: HOST, externalPort: 2222, externalAddress: HOST }),
    reply: granted(2222, TO_HOST),
  },
  ipv6_delete_after_renewal: {
    request: asked({ ...OF_HOST, lifetimeSeconds: 0 }),
    reply: refused(2, { epochSeconds: 1, port: 2222 }),
  },
  ipv6_renew_without_suggestion: { request: asked(OF_HOST), reply: granted(0, TO_HOST) },
  ipv6_map_another_port: {
    request: asked({ ...OF_HOST, protocol: "udp", internalPort: 4001, externalPort: 3333 }),
    reply: granted(4001, { ...TO_HOST, protocol: "udp", internalPort: 4001 }),
  },
  ipv6_delete: {
    request: asked({ ...OF_HOST, protocol: "udp", internalPort: 4001, lifetimeSeconds: 0 }),
    reply: granted(0, { ...TO_HOST, protocol: "udp", internalPort: 4001, lifetimeSeconds: 0 }),
  },
  ipv6_delete_absent: {
    request: asked({ ...OF_HOST, protocol: "udp", internalPort: 4001, lifetimeSeconds: 0 }),
    reply: granted(0, { ...TO_HOST, protocol: "udp", internalPort: 4001, lifetimeSeconds: 0 }),
  },
  ipv6_client_mismatch: {
    request: asked({ externalAddress: "::" }),
    reply: refused(12, { epochSeconds: 1, port: 2222 }),
  },
};
