import { assertEquals } from "@std/assert";
import { datagramDescriber } from "../../lib/backends.ts";
import { formatTrace as formatWith } from "../../lib/cli/trace.ts";
import type { ExchangeEvent } from "../../lib/net/exchange.ts";
import { hex } from "../simulator/hex.ts";

const describer = await datagramDescriber();
const formatTrace = (event: ExchangeEvent, elapsedMs: number) => formatWith(event, elapsedMs, describer);

const SERVER = { hostname: "10.0.0.1", port: 5351 };

/** Requests, in bytes as the RFC draws them, and how they are shown. */
const SENT = [
  ["00 00", "address request (2 bytes)"],
  [
    "00 01 00 00 | 00 50 | 1F 90 | 00 00 1C 20",
    "map udp request: internal 80, external 8080, 7200 s (12 bytes)",
  ],
  [
    "00 02 00 00 | 00 50 | 00 00 | 00 00 1C 20",
    "map tcp request: internal 80, external any, 7200 s (12 bytes)",
  ],
  ["00 02 00 00 | 00 50 | 00 00 | 00 00 00 00", "unmap tcp request: internal 80 (12 bytes)"],
  ["00 02 00 00 | 00 50 | 1F 90 | 00 00 00 00", "unmap tcp request: internal 80, external 8080 (12 bytes)"],
  ["00 01 00 00 | 00 00 | 00 00 | 00 00 00 00", "unmap udp request: internal all (12 bytes)"],
] as const;

for (const [bytes, text] of SENT) {
  Deno.test(`formatTrace() shows what is sent: ${text}`, () => {
    assertEquals(
      formatTrace({ kind: "sent", to: SERVER, data: hex(bytes), attempt: 2 }, 250.04),
      `+250.0 ms -> 10.0.0.1:5351 ${text}, attempt 2`,
    );
  });
}

const RECEIVED = [
  ["00 80 00 00 | 00 01 23 45 | CB 00 71 07", "address reply: 203.0.113.7, epoch 74565 s (12 bytes)"],
  [
    "00 82 00 00 | 00 01 23 45 | 00 50 | 1F 90 | 00 00 1C 20",
    "map tcp reply: internal 80, external 8080, 7200 s, epoch 74565 s (16 bytes)",
  ],
  [
    "00 82 00 02 | 00 01 23 45 | 00 50 | 00 00 | 00 00 00 00",
    "refusal: not authorized or refused (result 2), epoch 74565 s (16 bytes)",
  ],
  ["00 82 00 05", "refusal: unsupported opcode (result 5) (4 bytes)"],
] as const;

for (const [bytes, text] of RECEIVED) {
  Deno.test(`formatTrace() shows what came: ${text}`, () => {
    assertEquals(
      formatTrace({ kind: "received", from: SERVER, data: hex(bytes) }, 3.14),
      `+3.1 ms <- 10.0.0.1:5351 ${text}`,
    );
  });
}

Deno.test("formatTrace() shows a message of PCP that is not a version error", () => {
  const event = {
    kind: "received",
    from: SERVER,
    data: hex("02 80"),
    discarded: "too short for a response",
  } as const;
  const text = "+0.0 ms <- 10.0.0.1:5351 PCP junk (2 bytes), discarded: too short for a response";
  assertEquals(formatTrace(event, 0), text);
});

Deno.test("formatTrace() shows junk of any length as junk, and why it was discarded", () => {
  for (let length = 0; length < 4; length++) {
    const data = new Uint8Array(length);
    const event = { kind: "received", from: SERVER, data, discarded: "too short for a response" } as const;
    assertEquals(
      formatTrace(event, 0),
      `+0.0 ms <- 10.0.0.1:5351 junk (${length} bytes), discarded: too short for a response`,
    );
  }
});

Deno.test("formatTrace() shows where a stray datagram came from", () => {
  const from = { hostname: "10.0.0.101", port: 5351 };
  const data = hex("00 80 00 00 | 00 01 23 45 | CB 00 71 07");
  assertEquals(
    formatTrace({ kind: "received", from, data, discarded: "from another address" }, 0),
    "+0.0 ms <- 10.0.0.101:5351 address reply: 203.0.113.7, epoch 74565 s (12 bytes), discarded: from another address",
  );
});

Deno.test("formatTrace() shows a send that failed, and ICMP", () => {
  const reason = "Network is unreachable";
  assertEquals(
    formatTrace({ kind: "send-failed", to: SERVER, reason, attempt: 1 }, 0),
    "+0.0 ms -> 10.0.0.1:5351 not sent: Network is unreachable",
  );
  assertEquals(
    formatTrace({ kind: "unreachable", from: SERVER }, 0.25),
    "+0.3 ms <- 10.0.0.1:5351 ICMP port unreachable",
  );
});

Deno.test("formatTrace() has no line for the end of a request, and none for a conversation", () => {
  assertEquals(formatTrace({ kind: "ended" }, 0), undefined);
  for (const kind of ["conversation-began", "conversation-ended"] as const) {
    assertEquals(formatTrace({ kind, partner: "UPnP at 10.0.0.1" }, 0), undefined);
  }
});
