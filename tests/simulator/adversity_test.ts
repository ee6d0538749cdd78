import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { MalformedMessageError } from "../../lib/errors.ts";
import { decodeResponse } from "../../lib/natpmp/message.ts";
import { decodeResponse as decodePcpResponse } from "../../lib/pcp/message.ts";
import { Adversity, type Emission, junkDatagram, otherAddress } from "../../lib/simulator/adversity.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import { hex } from "./hex.ts";

const CLIENT = { hostname: "192.168.1.2", port: 50_000 };
/** Figures of §3.2 and §3.3. */
const ADDRESS = hex("00 80 00 00 | 00 01 23 45 | CB 00 71 07");
const MAPPING = hex("00 81 00 00 | 00 01 23 45 | 0F A0 | C0 00 | 00 00 1C 20");

function send(faults: Faults, answer = ADDRESS): Emission[] {
  return new Adversity().send(answer, CLIENT, faults);
}

Deno.test("Adversity.send() sends an answer as it is when there is no fault", () => {
  assertEquals(send({}), [{ data: ADDRESS, to: CLIENT, delayMs: 0, from: "gateway" }]);
});

Deno.test("Adversity.send() sends an answer twice", () => {
  assertEquals(send({ duplicate: true }).map(({ data }) => data), [ADDRESS, ADDRESS]);
});

Deno.test("Adversity.send() delays an answer", () => {
  assertEquals(send({ latencyMs: 500 }).map(({ delayMs }) => delayMs), [500]);
});

Deno.test("Adversity.send() answers from another address or another port", () => {
  assertEquals(send({ wrongAddress: true })[0]?.from, "other-address");
  assertEquals(send({ wrongPort: true })[0]?.from, "other-port");
});

Deno.test("Adversity.send() writes another opcode", () => {
  assertEquals(send({ wrongOpcode: true }, MAPPING)[0]?.data[1], 0x82);
  assertNotEquals(send({ wrongOpcode: true })[0]?.data[1], 0x80);
});

Deno.test("Adversity.send() writes another internal port into the answer to a map request alone", () => {
  assertEquals(send({ wrongInternalPort: true }, MAPPING)[0]?.data.subarray(8, 10), hex("0F A1"));
  assertEquals(send({ wrongInternalPort: true })[0]?.data, ADDRESS);
});

Deno.test("Adversity.send() cuts an answer and lengthens it", () => {
  assertEquals(send({ truncateBytes: 11 })[0]?.data, ADDRESS.subarray(0, 11));
  const long = send({ trailingBytes: 3 })[0]?.data;
  assertEquals(long?.length, 15);
  assertEquals(long?.subarray(0, 12), ADDRESS);
});

Deno.test("Adversity.send() sends junk before an answer and as late as it", () => {
  const emissions = send({ junkDatagrams: 2, latencyMs: 9 });
  assertEquals(emissions.map(({ delayMs }) => delayMs), [9, 9, 9]);
  assertEquals(emissions[2]?.data, ADDRESS);
});

Deno.test("Adversity.send() sends given bytes before an answer and as late as it", () => {
  const bytesBefore = Uint8Array.of(2, 0x80);
  const emissions = send({ bytesBefore, latencyMs: 9 });
  assertEquals(emissions.map(({ data, delayMs }) => [data, delayMs]), [[bytesBefore, 9], [ADDRESS, 9]]);
  assertEquals(new Adversity().send(undefined, CLIENT, { bytesBefore }), []);
});

Deno.test("Adversity.send() floods whether or not there is an answer", () => {
  const faults = { floodDatagrams: 3 };
  assertEquals(new Adversity().send(undefined, CLIENT, faults).map(({ delayMs }) => delayMs), [0, 1, 2]);
  assertEquals(send(faults).length, 4);
});

Deno.test("Adversity.send() lets every other answer overtake the one before it", () => {
  const adversity = new Adversity();
  const faults = { reorder: true };
  assertEquals(adversity.send(ADDRESS, CLIENT, faults), []);
  assertEquals(adversity.send(MAPPING, CLIENT, faults).map(({ data }) => data), [MAPPING, ADDRESS]);
  assertEquals(adversity.send(MAPPING, CLIENT, faults), []);
});

Deno.test("Adversity.reset() loses the answer that is held back", () => {
  const adversity = new Adversity();
  adversity.send(ADDRESS, CLIENT, { reorder: true });
  adversity.reset();
  assertEquals(adversity.send(MAPPING, CLIENT, {}).map(({ data }) => data), [MAPPING]);
});

Deno.test("Adversity counts requests and replies apart", () => {
  const adversity = new Adversity();
  const faults = { loseRequests: { first: 1 }, loseReplies: { nth: 2 } };
  assertEquals([1, 2].map(() => adversity.losesRequest(faults)), [true, false]);
  assertEquals([1, 2, 3].map(() => adversity.losesReply(faults)), [false, true, false]);
});

Deno.test("junkDatagram() is never a response that a client of either protocol could take", () => {
  for (let i = 0; i < 12; i++) {
    assertThrows(() => decodeResponse(junkDatagram(i)), MalformedMessageError);
    assertThrows(() => decodePcpResponse(junkDatagram(i)), MalformedMessageError);
  }
});

Deno.test("otherAddress() is a unicast address of the same /24 and not the same", () => {
  assertEquals(otherAddress("127.0.0.1"), "127.0.0.101");
  assertEquals(otherAddress("192.168.1.254"), "192.168.1.100");
  assertEquals(otherAddress("203.0.113.154"), "203.0.113.254");
  assertThrows(() => otherAddress("gateway"), SyntaxError, 'Cannot move "gateway"');
});
