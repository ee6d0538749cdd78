import { assert, assertEquals } from "@std/assert";
import { parseIpv4 } from "../../lib/net/ipv4.ts";
import {
  decodeRouteAnswer,
  encodeRouteRequest,
  type RouteAnswer,
  type RouteRequest,
} from "../../lib/net/route_message.ts";

const CAPTURES = new URL("../testdata/routes/linux_rtnetlink.hex", import.meta.url);

interface Capture {
  readonly request: Uint8Array;
  readonly answer: Uint8Array;
}

function readCaptures(): ReadonlyMap<string, Capture> {
  const lines = Deno.readTextFileSync(CAPTURES).trim().split("\n").slice(1);
  const bytes = (hex: string) => Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
  return new Map(lines.map((line) => {
    const [name, request, answer] = line.split(" ");
    return [name!, { request: bytes(request!), answer: bytes(answer!) }];
  }));
}

const SEQUENCE = 1;
const BASE = { isForeignHop: false, isLocal: false, table: 254 };

const ANSWERS: Readonly<Record<string, RouteAnswer | "unreachable">> = {
  no_route: "unreachable",
  next_hop: { ...BASE, interfaceIndex: 3, nextHop: "10.77.0.1", source: "10.77.0.2" },
  on_link: { ...BASE, interfaceIndex: 3, source: "10.77.0.2" },
  local: { ...BASE, interfaceIndex: 1, source: "10.77.0.2", isLocal: true },
  through_interface_without_route: { ...BASE, interfaceIndex: 5, table: 0 },
  source_of_another_interface: { ...BASE, interfaceIndex: 3, nextHop: "10.77.0.1", source: "172.20.0.5" },
  second_of_two_next_hops: { ...BASE, interfaceIndex: 5, nextHop: "10.78.0.1", source: "10.78.0.2" },
  ipv6_next_hop: {
    ...BASE,
    interfaceIndex: 3,
    nextHop: "fe80::1",
    isForeignHop: true,
    source: "10.77.0.2",
  },
  policy_table: { ...BASE, interfaceIndex: 5, source: "10.78.0.2", table: 51820 },
  rejected: "unreachable",
  ipv6_no_route: "unreachable",
  ipv6_next_hop_of_ipv6: { ...BASE, interfaceIndex: 3, nextHop: "fe80::1", source: "2001:db8:78::7" },
  ipv6_source: { ...BASE, interfaceIndex: 3, nextHop: "fe80::1", source: "2001:db8:78::7" },
  ipv6_unreachable: "unreachable",
};

const captures = readCaptures();

for (const [name, { answer }] of captures) {
  Deno.test(`decodeRouteAnswer() decodes what Linux answered: ${name}`, () => {
    assertEquals(decodeRouteAnswer(answer, SEQUENCE), ANSWERS[name]);
  });
}

Deno.test("decodeRouteAnswer() decodes every capture that there is", () => {
  assertEquals([...captures.keys()], Object.keys(ANSWERS));
});

const ipv4 = (text: string) => parseIpv4(text)!;
const IPV6_DESTINATION = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const IPV6_SOURCE = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);

const REQUESTS: Readonly<Record<string, Omit<RouteRequest, "sequence">>> = {
  next_hop: { destination: ipv4("1.1.1.1") },
  through_interface_without_route: {
    destination: ipv4("1.1.1.1"),
    source: ipv4("10.78.0.2"),
    interfaceIndex: 5,
  },
  ipv6_source: { destination: IPV6_DESTINATION, source: IPV6_SOURCE },
};
for (const [name, request] of Object.entries(REQUESTS)) {
  Deno.test(`encodeRouteRequest() encodes the question that Linux understood: ${name}`, () => {
    assertEquals(encodeRouteRequest({ ...request, sequence: SEQUENCE }), captures.get(name)!.request);
  });
}

Deno.test("decodeRouteAnswer() takes no answer to another question", () => {
  assertEquals(decodeRouteAnswer(captures.get("next_hop")!.answer, 2), undefined);
});

Deno.test("decodeRouteAnswer() does not read past the end of an answer that was cut", () => {
  const { answer } = captures.get("ipv6_next_hop")!;
  for (let length = 0; length < answer.length; length++) {
    assertEquals(decodeRouteAnswer(answer.slice(0, length), SEQUENCE), undefined);
    // The same with a length that is right: attributes that are whole count.
    const cut = answer.slice(0, length);
    if (length < 16) continue;
    new DataView(cut.buffer).setUint32(0, length, true);
    const decoded = decodeRouteAnswer(cut, SEQUENCE);
    assert(decoded === undefined || (decoded !== "unreachable" && decoded.interfaceIndex === 3));
  }
});

Deno.test("decodeRouteAnswer() ends at an attribute whose length is impossible", () => {
  for (const length of [0, 3, 255]) {
    const answer = captures.get("next_hop")!.answer.slice();
    // The attribute after the interface, at 16 + 12 + 8 + 8 + 8.
    assertEquals(answer[54], 7);
    answer[52] = length;
    assertEquals(decodeRouteAnswer(answer, SEQUENCE), { ...BASE, interfaceIndex: 3 });
  }
});
