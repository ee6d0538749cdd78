import { assertEquals, assertThrows } from "@std/assert";
import { MalformedMessageError } from "../../lib/errors.ts";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  encodeUnsupportedOpcode,
  type Request,
  type Response,
} from "../../lib/natpmp/message.ts";
import { hex } from "../simulator/hex.ts";
import { NO_RESPONSES, REQUESTS, RESPONSES } from "../vectors.ts";
import { seeded } from "../support/seeded.ts";
import { fuzz, FUZZ_DATAGRAMS } from "../support/fuzz.ts";

type MapRequest = Extract<Request, { kind: "map" }>;
type MapResponse = Extract<Response, { kind: "map" }>;

const MAP: MapRequest = {
  kind: "map",
  protocol: "tcp",
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 3600,
};
const MAPPED: MapResponse = {
  kind: "map",
  protocol: "tcp",
  epochSeconds: 1,
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 3600,
};

/** What fits no unsigned field of 16 or 32 bits; `max` is the field's largest value. */
function misfits(max: number): number[] {
  return [max + 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53];
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The bytes in the middle of a larger buffer, as a receive buffer would give them. */
function embedded(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 24).fill(0xee);
  buffer.set(bytes, 7);
  return buffer.subarray(7, 7 + bytes.length);
}

// ---- requests ----

for (const { name, source, bytes, request, isCanonical } of REQUESTS) {
  Deno.test(`decodeRequest() reads: ${name} (${source})`, () => {
    assertEquals(decodeRequest(bytes), request);
    assertEquals(decodeRequest(embedded(bytes)), request, "inside a larger buffer");
    assertEquals(decodeRequest(concat(bytes, hex("AA BB CC"))), request, "with trailing bytes");
  });

  if (isCanonical && (request.kind === "address" || request.kind === "map")) {
    Deno.test(`encodeRequest() writes: ${name} (${source})`, () => {
      assertEquals(encodeRequest(request), bytes);
    });
  }
}

Deno.test("encodeRequest() writes a buffer that is the message and nothing else", () => {
  for (const request of [{ kind: "address" }, MAP] as const) {
    const data = encodeRequest(request);
    assertEquals(data.buffer.byteLength, data.length);
  }
});

Deno.test("encodeRequest() writes zero into the reserved bytes (§3.3)", () => {
  const data = encodeRequest({
    ...MAP,
    internalPort: 65_535,
    externalPort: 65_535,
    lifetimeSeconds: 2 ** 32 - 1,
  });
  assertEquals(data.subarray(2, 4), hex("00 00"));
});

Deno.test("decodeRequest() ignores the reserved bytes (§3.3)", () => {
  assertEquals(decodeRequest(hex("00 02 FF FF 00 50 1F 90 00 00 0E 10")), MAP);
});

for (const field of ["internalPort", "externalPort", "lifetimeSeconds"] as const) {
  Deno.test(`encodeRequest() refuses a ${field} that does not fit`, () => {
    for (const value of misfits(field === "lifetimeSeconds" ? 2 ** 32 - 1 : 65_535)) {
      const error = assertThrows(() => encodeRequest({ ...MAP, [field]: value }), RangeError);
      assertEquals(error.message.includes(String(value)), true, `"${error.message}" names ${value}`);
    }
  });
}

Deno.test("encodeRequest() refuses port 70000 instead of sending 4464", () => {
  assertThrows(() => encodeRequest({ ...MAP, internalPort: 70_000 }), RangeError, "70000");
});

Deno.test("decodeRequest() rejects every map request that is cut short, of both protocols", () => {
  for (const { bytes, request } of REQUESTS) {
    if (request.kind !== "map") continue;
    for (let length = 0; length < 12; length++) {
      const error = assertThrows(() => decodeRequest(bytes.subarray(0, length)), MalformedMessageError);
      assertEquals(error.byteLength, length);
    }
  }
});

Deno.test("decodeRequest() rejects what is shorter than version and opcode", () => {
  assertThrows(() => decodeRequest(hex("")), MalformedMessageError);
  assertThrows(() => decodeRequest(hex("00")), MalformedMessageError);
  assertThrows(() => decodeRequest(hex("02")), MalformedMessageError);
});

Deno.test("decodeRequest() rejects every opcode from 128 on, in every version (§3.5)", () => {
  for (let opcode = 128; opcode < 256; opcode++) {
    for (const version of [0, 1, 2, 255]) {
      const data = concat(Uint8Array.of(version, opcode), new Uint8Array(22));
      assertThrows(() => decodeRequest(data), MalformedMessageError);
    }
  }
});

Deno.test("decodeRequest() names every opcode from 3 to 127 as unsupported, whatever its length (§3.5)", () => {
  for (let opcode = 3; opcode < 128; opcode++) {
    for (const length of [2, 3, 8, 12, 1100]) {
      const data = new Uint8Array(length);
      data[1] = opcode;
      assertEquals(decodeRequest(data), { kind: "unsupported-opcode", opcode });
    }
  }
});

Deno.test("decodeRequest() names every version but 0 as unsupported, from 2 bytes on (§3.5)", () => {
  for (let version = 1; version < 256; version++) {
    assertEquals(decodeRequest(Uint8Array.of(version, 1)), {
      kind: "unsupported-version",
      version,
      opcode: 1,
    });
  }
});

// ---- responses ----

for (const { name, source, bytes, response, isCanonical } of RESPONSES) {
  Deno.test(`decodeResponse() reads: ${name} (${source})`, () => {
    assertEquals(decodeResponse(bytes), response);
    assertEquals(decodeResponse(embedded(bytes)), response, "inside a larger buffer");
  });

  if (isCanonical) {
    Deno.test(`encodeResponse() writes: ${name} (${source})`, () => {
      assertEquals(encodeResponse(response), bytes);
    });
  }
}

for (const { name, bytes } of NO_RESPONSES) {
  Deno.test(`decodeResponse() rejects: ${name}`, () => {
    const error = assertThrows(() => decodeResponse(bytes), MalformedMessageError);
    assertEquals(error.byteLength, bytes.length);
  });
}

Deno.test("decodeResponse() takes every beginning of every vector for what it is, or rejects it", () => {
  for (const { name, bytes, beginnings } of RESPONSES) {
    for (let length = 0; length <= bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      const expected = beginnings.find(([fromBytes]) => length >= fromBytes)?.[1];
      const where = `${name}, cut to ${length} bytes`;
      if (expected !== undefined) {
        assertEquals(decodeResponse(cut), expected, where);
      } else {
        const error = assertThrows(() => decodeResponse(cut), MalformedMessageError, undefined, where);
        assertEquals(error.byteLength, length, where);
      }
    }
  }
});

Deno.test("decodeResponse() rejects a success of 11 bytes for the address and of 15 for a mapping", () => {
  assertThrows(() => decodeResponse(hex("00 80 00 00 00 01 23 45 CB 00 71")), MalformedMessageError);
  assertThrows(
    () => decodeResponse(hex("00 81 00 00 00 01 23 45 0F A0 C0 01 00 00 0E")),
    MalformedMessageError,
  );
});

Deno.test("decodeResponse() tolerates trailing bytes after successes and full-length refusals", () => {
  for (const { name, bytes, response } of RESPONSES) {
    // A message of PCP has a multiple of four bytes.
    if (bytes.length < 12 || response.kind === "other-version") continue;
    for (const extra of [1, 4, 1000]) {
      assertEquals(decodeResponse(concat(bytes, new Uint8Array(extra).fill(0xaa))), response, name);
    }
  }
});

Deno.test("decodeResponse() reads a version error that is longer than its 8 bytes", () => {
  for (const opcode of ["00", "80", "81", "82"]) {
    assertEquals(decodeResponse(hex(`00 ${opcode} 00 01 00 01 23 45 AA AA AA AA AA AA AA AA`)), {
      kind: "refusal",
      opcode: parseInt(opcode, 16) & 0x7f,
      resultCode: 1,
      epochSeconds: 74_565,
    });
  }
});

Deno.test("decodeResponse() reads all 65536 result codes of all three opcodes as what they say (§3.5)", () => {
  for (const opcode of [0, 1, 2]) {
    const data = concat(Uint8Array.of(0, opcode | 128, 0, 0), hex("00 01 23 45 | 0F A0 C0 01 | 00 00 0E 10"));
    for (let resultCode = 0; resultCode <= 0xffff; resultCode++) {
      data[2] = resultCode >> 8;
      data[3] = resultCode & 0xff;
      const response = decodeResponse(data);
      const isAsSaid = resultCode === 0
        ? response.kind === (opcode === 0 ? "address" : "map")
        : response.kind === "refusal" && response.resultCode === resultCode && response.opcode === opcode;
      // Comparing deeply 196608 times would take seconds.
      if (!isAsSaid) assertEquals(response, undefined, `opcode ${opcode}, result ${resultCode}`);
    }
  }
});

Deno.test("decodeResponse() reads the result as 16 bits, not 8", () => {
  const results = [0x0100, 0x0101, 0x0105, 0xff00, 0xffff];
  for (const resultCode of results) {
    const data = hex("00 82 00 00 00 01 23 45 00 50 00 00 00 00 00 00");
    new DataView(data.buffer).setUint16(2, resultCode);
    assertEquals(decodeResponse(data), {
      kind: "refusal",
      opcode: 2,
      resultCode,
      epochSeconds: 74_565,
      internalPort: 80,
    });
  }
});

Deno.test("decodeResponse() gives no address, port or lifetime of a refusal (§3.2, §3.4)", () => {
  for (const { bytes, response } of RESPONSES) {
    if (response.kind !== "refusal") continue;
    const keys = Object.keys(decodeResponse(bytes));
    for (const key of ["externalAddress", "externalPort", "lifetimeSeconds"]) {
      assertEquals(keys.includes(key), false, key);
    }
  }
});

Deno.test("decodeResponse() gives no epoch of result 5, nor of another version (§3.5)", () => {
  for (const text of ["00 81 00 05 0F A0 1F 90 00 00 1C 20", "00 83 00 05 00 00 00 09"]) {
    assertEquals(Object.hasOwn(decodeResponse(hex(text)), "epochSeconds"), false);
  }
  const pcp = decodeResponse(hex("02 80 00 01" + "00 00 07 08" + "00".repeat(16)));
  assertEquals(Object.hasOwn(pcp, "epochSeconds"), false);
});

Deno.test("decodeResponse() recognizes a version error of the versions that exist alone", () => {
  for (let version = 1; version < 256; version++) {
    const data = concat(Uint8Array.of(version, 0x81, 0, 1), new Uint8Array(20));
    if (version <= 2) assertEquals(decodeResponse(data), { kind: "other-version", version, opcode: 1 });
    else assertThrows(() => decodeResponse(data), MalformedMessageError, "a message of an unknown version");
  }
});

Deno.test("decodeResponse() recognizes a PCP version error whose reserved byte is not zero (RFC 6887 §7.2)", () => {
  const data = hex("02 82 7F 01" + "00".repeat(20));
  assertEquals(decodeResponse(data), { kind: "other-version", version: 2, opcode: 2 });
});

Deno.test("decodeResponse() recognizes a PCP version error that is longer than 24 bytes", () => {
  // The rest of a MAP response (RFC 6887 §11.1).
  const data = hex("02 81 00 01" + "00".repeat(56));
  assertEquals(decodeResponse(data), { kind: "other-version", version: 2, opcode: 1 });
});

Deno.test("decodeResponse() reads version 0 errors of miniupnpd that are longer than the figure", () => {
  // miniupnpd 2.3.1, captured: its answer to a request of version 3.
  const data = hex("00 80 00 03 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00");
  assertEquals(decodeResponse(data), { kind: "refusal", opcode: 0, resultCode: 3, epochSeconds: 0 });
});

Deno.test("decodeResponse() does not keep the buffer that it was given", () => {
  const data = hex("00 80 00 00 00 01 23 45 CB 00 71 07");
  const response = decodeResponse(data);
  data.fill(0);
  assertEquals(response, { kind: "address", epochSeconds: 74_565, externalAddress: "203.0.113.7" });
});

for (const field of ["epochSeconds", "internalPort", "externalPort", "lifetimeSeconds"] as const) {
  Deno.test(`encodeResponse() refuses a ${field} that does not fit`, () => {
    for (const value of misfits(field.endsWith("Seconds") ? 2 ** 32 - 1 : 65_535)) {
      assertThrows(() => encodeResponse({ ...MAPPED, [field]: value }), RangeError);
    }
  });
}

Deno.test("encodeResponse() refuses a result code that does not fit", () => {
  for (const resultCode of misfits(65_535)) {
    assertThrows(
      () => encodeResponse({ kind: "refusal", opcode: 1, resultCode, epochSeconds: 1 }),
      RangeError,
    );
  }
});

Deno.test("encodeResponse() refuses an opcode that does not fit", () => {
  for (const opcode of [128, ...misfits(127)]) {
    assertThrows(
      () => encodeResponse({ kind: "refusal", opcode, resultCode: 2, epochSeconds: 1 }),
      RangeError,
    );
    assertThrows(() => encodeResponse({ kind: "other-version", version: 2, opcode }), RangeError);
  }
});

Deno.test("encodeResponse() refuses a version that does not fit", () => {
  for (const version of misfits(255)) {
    assertThrows(() => encodeResponse({ kind: "other-version", version, opcode: 1 }), RangeError);
  }
});

Deno.test("encodeResponse() refuses an address that is none", () => {
  for (const externalAddress of ["", "1.2.3", "1.2.3.256", "::1", "01.2.3.4"]) {
    assertThrows(() => encodeResponse({ kind: "address", epochSeconds: 1, externalAddress }), RangeError);
  }
});

Deno.test("encodeResponse() writes a version error of PCP in 24 bytes (RFC 6887 §7.2)", () => {
  const data = encodeResponse({ kind: "other-version", version: 2, opcode: 1 });
  assertEquals(data.length, 24);
  assertEquals(data.subarray(0, 4), hex("02 81 00 01"));
});

Deno.test("encodeUnsupportedOpcode() echoes the request with the top bit and result 5 (§3.5)", () => {
  for (
    const [request, answer] of [
      ["00 7F 00 00 0F A0 1F 90 00 00 1C 20", "00 FF 00 05 0F A0 1F 90 00 00 1C 20"],
      ["00 03 12 34 56", "00 83 00 05 56"],
      // There has to be room for the result.
      ["00 03", "00 83 00 05"],
      ["00 03 FF", "00 83 00 05"],
    ] as const
  ) {
    const data = hex(request);
    assertEquals(encodeUnsupportedOpcode(data), hex(answer));
    assertEquals(data, hex(request), "the request is left alone");
    assertEquals(encodeUnsupportedOpcode(embedded(data)), hex(answer), "inside a larger buffer");
  }
});

// ---- fuzz ----

Deno.test(`decodeRequest() and decodeResponse() throw only MalformedMessageError, ${FUZZ_DATAGRAMS} datagrams`, () => {
  const random = seeded(6886);
  const below = (n: number) => Math.floor(random() * n);
  const originals = [...REQUESTS, ...RESPONSES, ...NO_RESPONSES].map(({ bytes }) => bytes);

  function noise(): Uint8Array {
    const data = new Uint8Array(below(40));
    for (let i = 0; i < data.length; i++) data[i] = below(256);
    // Otherwise one in 256 gets past the version.
    if (random() < 0.7 && data.length > 0) data[0] = 0;
    return data;
  }

  function mutant(): Uint8Array {
    const original = originals[below(originals.length)]!;
    const data = new Uint8Array(Math.max(0, original.length + below(9) - 4));
    data.set(original.subarray(0, data.length));
    for (let n = below(4); n > 0 && data.length > 0; n--) data[below(data.length)] = below(256);
    return data;
  }

  const decoders = [decodeRequest, decodeResponse];
  const decoded = fuzz(decoders, (i) => i % 2 === 0 ? noise() : mutant());
  assertEquals(decoded > FUZZ_DATAGRAMS / 4, true, `only ${decoded} were decoded: the fuzz does not get far`);
});

Deno.test("encodeRequest() refuses a protocol that has no opcode, which would ask for the address", () => {
  const protocol = "sctp" as "tcp";
  const request = { kind: "map", protocol, internalPort: 80, externalPort: 80, lifetimeSeconds: 60 } as const;
  assertThrows(() => encodeRequest(request), TypeError, "Cannot map sctp");
});
