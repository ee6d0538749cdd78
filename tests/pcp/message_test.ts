import { assert, assertEquals, assertThrows } from "@std/assert";
import { MalformedMessageError } from "../../lib/errors.ts";
import {
  type AskedRequest,
  decodeRequest,
  decodeResponse,
  encodeRefusal,
  encodeRequest,
  encodeResponse,
  isNatPmpResponse,
  type Request,
  type Response,
  type Success,
} from "../../lib/pcp/message.ts";
import { hex } from "../simulator/hex.ts";
import { seeded } from "../support/seeded.ts";
import { fuzz, FUZZ_DATAGRAMS } from "../support/fuzz.ts";
import { NOT_RESPONSES, REQUEST_FIGURES, RESPONSE_FIGURES } from "./figures.ts";
import { MEANINGS, readRecordings } from "./recorded.ts";

const RECORDINGS = readRecordings();

type MapRequest = Extract<AskedRequest, { kind: "map" }>;

const MAP: MapRequest = {
  kind: "map",
  clientAddress: "192.0.2.7",
  nonce: "00112233445566778899aabb",
  protocol: "tcp",
  internalPort: 80,
  lifetimeSeconds: 3600,
  externalPort: 8080,
  externalAddress: "0.0.0.0",
};
const MAPPED: Extract<Success, { kind: "map" }> = {
  kind: "map",
  epochSeconds: 1,
  nonce: "00112233445566778899aabb",
  protocol: "tcp",
  internalPort: 80,
  lifetimeSeconds: 3600,
  externalPort: 8080,
  externalAddress: "203.0.113.9",
};

function isAsked(request: Request | "junk"): request is AskedRequest {
  return request !== "junk" && (request.kind === "map" || request.kind === "announce");
}

function isSuccess(response: Response | "junk" | "silence"): response is Success {
  return typeof response !== "string" && (response.kind === "map" || response.kind === "announce");
}

/** What fits no unsigned field; `max` is the field's largest value. */
function misfits(max: number): number[] {
  return [max + 1, -1, 1.5, NaN, Infinity, 2 ** 53];
}

/** The bytes in the middle of a larger buffer, as a receive buffer would give them. */
function embedded(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 24).fill(0xee);
  buffer.set(bytes, 7);
  return buffer.subarray(7, 7 + bytes.length);
}

function assertJunk(decode: (data: Uint8Array) => unknown, data: Uint8Array, what = ""): void {
  const error = assertThrows(() => decode(data), MalformedMessageError, undefined, what);
  assertEquals(error.byteLength, data.length, what);
}

// ---- the figures of the RFC ----

for (const { name, bytes, meaning, isCanonical } of REQUEST_FIGURES) {
  Deno.test(`PCP request: ${name}`, () => {
    assertEquals(decodeRequest(bytes), meaning);
    assertEquals(decodeRequest(embedded(bytes)), meaning, "inside a larger buffer");
    if (isCanonical && isAsked(meaning)) assertEquals(encodeRequest(meaning), bytes);
  });
}

for (const { name, bytes, meaning, isCanonical } of RESPONSE_FIGURES) {
  Deno.test(`PCP response: ${name}`, () => {
    assertEquals(decodeResponse(bytes), meaning);
    assertEquals(decodeResponse(embedded(bytes)), meaning, "inside a larger buffer");
    if (isCanonical && isSuccess(meaning)) assertEquals(encodeResponse(meaning), bytes);
  });
}

for (const [name, bytes, reason] of NOT_RESPONSES) {
  Deno.test(`decodeResponse() rejects: ${name}`, () => {
    assertThrows(() => decodeResponse(bytes), MalformedMessageError, reason);
    assertJunk(decodeResponse, bytes);
  });
}

// ---- a real miniupnpd ----

/** Options that are echoed and that the decoder skips. */
const HAS_FOREIGN_OPTION = ["unknown_optional_option", "filter"];

for (const [name, { request, reply }] of RECORDINGS) {
  Deno.test(`miniupnpd: ${name}`, () => {
    const meaning = MEANINGS[name];
    assert(meaning !== undefined, `no meaning of ${name}`);
    if (meaning.request === "junk") assertJunk(decodeRequest, request);
    else assertEquals(decodeRequest(request), meaning.request);
    if (reply === undefined) assertEquals(meaning.reply, "silence");
    else if (meaning.reply === "junk") assertJunk(decodeResponse, reply);
    else assertEquals<Response | string>(decodeResponse(reply), meaning.reply);

    if (HAS_FOREIGN_OPTION.includes(name)) return;
    if (isAsked(meaning.request)) assertEquals(encodeRequest(meaning.request), request);
    if (isSuccess(meaning.reply)) assertEquals(encodeResponse(meaning.reply), reply);
  });
}

Deno.test("every meaning is that of a recording", () => {
  assertEquals(Object.keys(MEANINGS), [...RECORDINGS.keys()]);
});

// miniupnpd writes the external address into other refusals, and zeros where §7.2 has the client's address copied.
for (
  const name of [
    "third_party_not_allowed",
    "unknown_mandatory_option",
    "client_mismatch",
    "prefer_failure_another_address",
    "opcode_3",
  ]
) {
  Deno.test(`encodeRefusal() refuses as miniupnpd does: ${name}`, () => {
    const { request, reply } = RECORDINGS.get(name)!;
    const refusal = MEANINGS[name]!.reply as Extract<Response, { kind: "refusal" }>;
    assertEquals(encodeRefusal(request, refusal), reply);
  });
}

// ---- lengths ----

Deno.test("decodeRequest() takes every beginning of every request for what a server has to answer (§8.2)", () => {
  for (const { name, bytes, meaning } of REQUEST_FIGURES) {
    for (let length = 0; length < bytes.length; length++) {
      const where = `${name}, cut to ${length} bytes`;
      const cut = bytes.subarray(0, length);
      if (length < 24) {
        assertJunk(decodeRequest, cut, where);
        continue;
      }
      const request = decodeRequest(cut);
      if (length === 60) {
        assert(meaning.kind === "map", where);
        const { preferFailure: _, thirdParty: __, ...withoutOptions } = meaning;
        assertEquals<Request>(request, withoutOptions, where);
        continue;
      }
      assert(request.kind === "invalid" || request.kind === "map", where);
      if (length % 4 !== 0 || length < 60) {
        assertEquals(request.kind === "invalid" && request.resultCode, 3, where);
      } // An option is whole, or it is malformed.
      else if (request.kind === "invalid") assertEquals(request.resultCode, 6, where);
    }
  }
});

Deno.test("decodeResponse() takes every beginning of every response for what it is, or rejects it (§8.3)", () => {
  for (const { name, bytes, meaning } of RESPONSE_FIGURES) {
    for (let length = 0; length < bytes.length; length++) {
      const where = `${name}, cut to ${length} bytes`;
      const cut = bytes.subarray(0, length);
      const isVersionError = meaning.kind === "version-error";
      if (isVersionError ? length < 8 : length < 24 || length % 4 !== 0) {
        assertJunk(decodeResponse, cut, where);
      } else if (isVersionError) {
        assertEquals(decodeResponse(cut), meaning, where);
      } else if (meaning.kind === "refusal") {
        const { mapping, ...header } = meaning;
        assertEquals<Response>(decodeResponse(cut), length < 60 || !mapping ? header : meaning, where);
      } else if (length < 60) {
        assertJunk(decodeResponse, cut, where);
      } else {
        const { preferFailure: _, thirdParty: __, ...fields } = meaning as typeof MAPPED;
        const { preferFailure: ___, thirdParty: ____, ...found } = decodeResponse(cut) as typeof MAPPED;
        assertEquals(found, fields, where);
      }
    }
  }
});

Deno.test("decodeRequest() knows a request that is too long, of a wrong length or of another version apart", () => {
  const map = encodeRequest(MAP);
  const padded = (length: number) => {
    const data = new Uint8Array(length);
    data.set(map);
    return data;
  };
  const problemOf = (data: Uint8Array) => {
    const request = decodeRequest(data);
    return request.kind === "invalid" ? [request.resultCode, request.problem] : request.kind;
  };
  assertEquals(problemOf(padded(1104)), [3, "longer than 1100 bytes"]);
  assertEquals(problemOf(padded(1101)), [3, "longer than 1100 bytes"]);
  assertEquals(problemOf(padded(62)), [3, "a length that is not a multiple of 4"]);
  // Option 0 does not exist, and its code is of the mandatory kind.
  assertEquals(problemOf(padded(1100)), [5, "option 0, which is unsupported"]);
  assertEquals(problemOf(map.with(0, 0)), "unsupported-version");
  assertEquals(problemOf(Uint8Array.of(3, 1)), "unsupported-version");
});

Deno.test("decodeRequest() reads options of 1100 bytes in all", () => {
  const data = new Uint8Array(1100);
  data.set(encodeRequest({ ...MAP, preferFailure: true }));
  data.set([0x80, 0, 1032 >> 8, 1032 & 0xff], 64);
  assertEquals(decodeRequest(data), { ...MAP, preferFailure: true });
});

Deno.test("decodeRequest() drops every response, whatever its version (§8.2)", () => {
  for (const version of [0, 1, 2, 3, 255]) {
    for (let opcode = 0x80; opcode <= 0xff; opcode++) {
      assertJunk(decodeRequest, encodeRequest(MAP).with(0, version).with(1, opcode));
    }
  }
});

// ---- requests that a server refuses ----

Deno.test("decodeRequest() refuses PREFER_FAILURE with lifetime 0 (§13.2)", () => {
  const data = encodeRequest({ ...MAP, lifetimeSeconds: 0, preferFailure: true });
  const request = decodeRequest(data);
  assert(request.kind === "invalid");
  assertEquals(request.resultCode, 6);
});

Deno.test("decodeRequest() refuses an option that ANNOUNCE does not have", () => {
  const data = new Uint8Array(28);
  data.set(encodeRequest({ kind: "announce", clientAddress: "192.0.2.7" }));
  data[24] = 2;
  const request = decodeRequest(data);
  assert(request.kind === "invalid");
  assertEquals([request.resultCode, request.clientAddress], [5, "192.0.2.7"]);
  assertEquals(decodeRequest(data.with(24, 0x82)).kind, "announce", "an optional one");
});

// ---- addresses ----

Deno.test("an address is IPv4 only with all 96 bits of its prefix (§5)", () => {
  const data = encodeRequest({ kind: "announce", clientAddress: "192.0.2.7" });
  for (let bit = 0; bit < 96; bit++) {
    const changed = data.slice();
    changed[8 + (bit >> 3)]! ^= 0x80 >> (bit & 7);
    const request = decodeRequest(changed);
    assert(request.kind === "announce" && request.clientAddress.includes(":"), `bit ${bit}`);
    assertEquals(encodeRequest(request), changed, `bit ${bit}`);
  }
});

Deno.test("no preference is ::ffff:0.0.0.0 for IPv4 and :: for IPv6 (§5)", () => {
  assertEquals(encodeRequest(MAP).subarray(44, 60), hex("00".repeat(10) + "FF FF 00 00 00 00"));
  assertEquals(encodeRequest({ ...MAP, externalAddress: "::" }).subarray(44, 60), hex("00".repeat(16)));
});

Deno.test("encodeRequest() and encodeResponse() refuse what is not an address", () => {
  for (const address of ["", "1.2.3", "1.2.3.256", "router.example", "fe80::1%eth0"]) {
    assertThrows(() => encodeRequest({ kind: "announce", clientAddress: address }), RangeError, address);
    assertThrows(() => encodeRequest({ ...MAP, externalAddress: address }), RangeError);
    assertThrows(() => encodeRequest({ ...MAP, thirdParty: address }), RangeError);
    assertThrows(() => encodeResponse({ ...MAPPED, externalAddress: address }), RangeError);
  }
});

// ---- fields that do not fit ----

for (const field of ["internalPort", "externalPort", "lifetimeSeconds"] as const) {
  Deno.test(`encodeRequest() refuses a ${field} that does not fit`, () => {
    for (const value of misfits(field === "lifetimeSeconds" ? 2 ** 32 - 1 : 65_535)) {
      assertThrows(() => encodeRequest({ ...MAP, [field]: value }), RangeError, String(value));
      assertThrows(() => encodeResponse({ ...MAPPED, [field]: value }), RangeError, String(value));
    }
  });
}

Deno.test("encodeResponse() and encodeRefusal() refuse numbers that do not fit", () => {
  const refusal = { resultCode: 3, lifetimeSeconds: 1800, epochSeconds: 1 };
  for (const value of misfits(2 ** 32 - 1)) {
    assertThrows(() => encodeResponse({ kind: "announce", epochSeconds: value }), RangeError);
    for (const field of ["lifetimeSeconds", "epochSeconds"]) {
      assertThrows(() => encodeRefusal(encodeRequest(MAP), { ...refusal, [field]: value }), RangeError);
    }
  }
  for (const resultCode of misfits(255)) {
    assertThrows(() => encodeRefusal(encodeRequest(MAP), { ...refusal, resultCode }), RangeError);
  }
});

Deno.test("encodeRequest() refuses nonces that are not 24 lower-case hexadecimal digits, and does not print them", () => {
  for (
    const nonce of ["", "00112233445566778899aa", "00112233445566778899AABB", "0".repeat(25), "g".repeat(24)]
  ) {
    const error = assertThrows(() => encodeRequest({ ...MAP, nonce }), RangeError);
    assert(nonce === "" || !error.message.includes(nonce));
  }
});

Deno.test("encodeRequest() refuses a protocol that has no number here", () => {
  assertThrows(() => encodeRequest({ ...MAP, protocol: "sctp" as "tcp" }), TypeError, "sctp");
});

// ---- refusals ----

const REFUSAL = { resultCode: 12, lifetimeSeconds: 1800, epochSeconds: 74_565 };

Deno.test("encodeRefusal() cuts the copy to 1100 bytes, or pads it to a header and to a multiple of 4 (§8.2)", () => {
  const lengthOf = (length: number) => {
    const request = new Uint8Array(length);
    request.set([2, 1].slice(0, length));
    return encodeRefusal(request, REFUSAL).length;
  };
  assertEquals([2, 23, 24, 59, 61, 1099, 1100, 1101, 9000].map(lengthOf), [
    24,
    24,
    24,
    60,
    64,
    1100,
    1100,
    1100,
    1100,
  ]);
});

Deno.test("encodeRefusal() copies the client's address where the request was not parsed (§7.2)", () => {
  const request = encodeRequest(MAP);
  const reservedOf = (resultCode: number) =>
    encodeRefusal(request, { ...REFUSAL, resultCode }).subarray(12, 24);
  for (const resultCode of [1, 3, 6]) assertEquals(reservedOf(resultCode), request.subarray(12, 24));
  for (const resultCode of [2, 4, 5, 8, 12]) assertEquals(reservedOf(resultCode), new Uint8Array(12));
  assertEquals(request, encodeRequest(MAP), "the request is left alone");
});

Deno.test("encodeRefusal() answers a request of NAT-PMP in version 2, as a server without NAT-PMP does (§9)", () => {
  const data = encodeRefusal(hex("00 02 00 00 00 50 1F 90 00 00 1C 20"), { ...REFUSAL, resultCode: 1 });
  assertEquals(data, hex("02 82 00 01 | 00 00 07 08 | 00 01 23 45" + "00".repeat(12)));
});

Deno.test("isNatPmpResponse() recognizes the beginning of a response of NAT-PMP", () => {
  assert(isNatPmpResponse(hex("00 80")));
  for (const text of ["", "00", "00 00", "02 80", "01 80"]) assert(!isNatPmpResponse(hex(text)), text);
});

// ---- fuzz ----

Deno.test(`decodeRequest() and decodeResponse() throw only MalformedMessageError, ${FUZZ_DATAGRAMS} datagrams`, () => {
  const random = seeded(6887);
  const below = (n: number) => Math.floor(random() * n);
  const originals = [
    ...[...REQUEST_FIGURES, ...RESPONSE_FIGURES].map(({ bytes }) => bytes),
    ...NOT_RESPONSES.map(([, bytes]) => bytes),
    ...[...RECORDINGS.values()].flatMap(({ request, reply }) => [request, reply ?? new Uint8Array()]),
  ].filter(({ length }) => length <= 100);

  function noise(): Uint8Array {
    const data = new Uint8Array(random() < 0.7 ? 4 * below(30) : below(120));
    for (let i = 0; i < data.length; i++) data[i] = below(256);
    // Otherwise one in 256 gets past the version, and few past the opcode and the protocol.
    if (random() < 0.9) data.set([2, random() < 0.5 ? below(2) : 0x80 + below(2)].slice(0, data.length));
    if (random() < 0.7 && data.length > 36) data[36] = random() < 0.5 ? 6 : 17;
    if (random() < 0.5 && data.length > 3) data[3] = 0;
    return data;
  }

  function mutant(): Uint8Array {
    const original = originals[below(originals.length)]!;
    const data = new Uint8Array(
      Math.max(0, original.length + 4 * (below(5) - 2) + (random() < 0.2 ? below(4) : 0)),
    );
    data.set(original.subarray(0, data.length));
    for (let n = below(4); n > 0 && data.length > 0; n--) data[below(data.length)] = below(256);
    return data;
  }

  const decoders = [decodeRequest, decodeResponse];
  const decoded = fuzz(decoders, (i) => i % 2 === 0 ? noise() : mutant());
  assert(decoded > FUZZ_DATAGRAMS / 2, `only ${decoded} were decoded: the fuzz does not get far`);
});
