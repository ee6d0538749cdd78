import { assert, assertEquals } from "@std/assert";
import type { Faults } from "../../lib/simulator/faults.ts";
import { SimulatedGateway } from "../../lib/simulator/simulated_gateway.ts";
import { readRecordings } from "../pcp/recorded.ts";

/** The ways of miniupnpd 2.3.1. */
const MINIUPNPD: Faults = {
  takeOverNonces: true,
  refuseAbsent: true,
  preferFailure: "ignore",
  zeroErrorLifetime: true,
  minLifetimeSeconds: 120,
  noMappingUpdate: true,
  announceOnce: true,
};

const CLIENT = "10.77.0.2";
const NEIGHBOUR = "10.77.0.3";

/** The recordings in which the simulated gateway does something else, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  renew_for_another_port: "miniupnpd opens a second external port for the same internal one",
  delete_both_again: "so it has a second one to delete",
  filter: "the simulated gateway does not know FILTER, miniupnpd ignores it",
  unknown_optional_option: "it echoes what it processed, miniupnpd the whole request",
  all_protocols: "it refuses the protocol",
  sctp: "it does not map SCTP",
  peer: "it does not know PEER",
  map_of_59_bytes: "it refuses in version 2, miniupnpd in version 0",
  map_of_61_bytes: "it refuses in version 2, miniupnpd in version 0",
  map_of_23_bytes: "it drops what is shorter than a header (§8.2)",
  version_1_map: "it does not speak the drafts' version 1",
  version_1_draft_map: "it does not speak the drafts' version 1",
  version_1_announce: "it does not speak the drafts' version 1",
  version_1_of_12_bytes: "it does not speak the drafts' version 1",
  version_3_of_12_bytes: "it refuses in version 2, miniupnpd in version 0",
  private_external_address: "it takes every external address for a public one",
};

function uint(data: Uint8Array, offset: number, bytes: number): number {
  return data.subarray(offset, offset + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
}

/**
 * The parts of two replies that should be the same: without an external port that one of the servers chose by itself,
 * since miniupnpd takes the internal one or the next. A refusal has the header that a client goes by; the rest of it
 * is the request, in which miniupnpd leaves changes of its own.
 */
function comparable(replies: readonly (Uint8Array | undefined)[], request: Uint8Array): readonly unknown[] {
  const [suggestedAt, assignedAt] = request[0] === 2 ? [42, 42] : [6, 10];
  const isChosen = replies.some((reply) =>
    reply !== undefined && uint(reply, assignedAt, 2) !== uint(request, suggestedAt, 2)
  );
  return replies.map((reply) => {
    if (reply?.[0] === 2 && reply[3] !== 0) return reply.subarray(0, 12).toHex();
    const copy = reply?.slice();
    if (isChosen && copy !== undefined && copy.length > assignedAt) copy.fill(0, assignedAt, assignedAt + 2);
    return copy?.toHex();
  });
}

/** The names of the recordings over IPv4 in their order, those of each daemon together. */
function recordedNames(): { readonly standard: string[]; readonly thirdParty: string[] } {
  const names = [...readRecordings().keys()].filter((name) =>
    !name.startsWith("ipv6_") && !Object.hasOwn(DIFFERENT, name)
  );
  const start = names.indexOf("third_party");
  return { standard: names.slice(0, start), thirdParty: names.slice(start) };
}

function replay(names: readonly string[], faults: Faults): void {
  const gateway = new SimulatedGateway({
    speaks: "both",
    externalAddress: "11.22.33.44",
    maxLifetimeSeconds: 86_400,
    random: () => 0,
    startMs: 0,
    announcesStart: false,
    faults,
  });
  const recordings = readRecordings();
  let bornAtMs = 0;
  let epochSeconds = 0;
  for (const name of names) {
    const { request, reply } = recordings.get(name) ?? {};
    assert(request !== undefined, name);
    if (request.length === 0) {
      bornAtMs = 10_000;
      gateway.setExternalAddress("11.22.33.55", bornAtMs);
      const announced = gateway.due(bornAtMs).map(({ data }) => data.toHex());
      assertEquals(announced, ["0080000000000000" + "0b162137", reply?.toHex()], name);
      continue;
    }
    const isNeighbour = name.startsWith("neighbour") || name.includes("another_client");
    const source = { hostname: isNeighbour ? NEIGHBOUR : CLIENT, port: 50_000 };
    // At the epoch at which the daemon was asked.
    if (reply !== undefined) epochSeconds = uint(reply, reply[0] === 0 ? 4 : 8, 4);
    const [answer] = gateway.receive({ data: request, source }, bornAtMs + epochSeconds * 1000);
    const [actual, expected] = comparable([answer?.data, reply], request);
    assertEquals(actual, expected, name);
  }
}

Deno.test("The simulated gateway answers as miniupnpd 2.3.1 did, request by request", () => {
  replay(recordedNames().standard, MINIUPNPD);
});

Deno.test("The simulated gateway answers as miniupnpd 2.3.1 did with pcp_allow_thirdparty", () => {
  replay(recordedNames().thirdParty, { ...MINIUPNPD, allowThirdParty: true });
});

Deno.test("Every exception from the recordings is a recording", () => {
  const names = readRecordings();
  assertEquals(Object.keys(DIFFERENT).filter((name) => !names.has(name)), []);
});
