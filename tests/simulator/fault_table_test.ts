import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FAULTS, parseFault } from "../../lib/simulator/fault_table.ts";
import type { Faults } from "../../lib/simulator/faults.ts";

const READ: readonly (readonly [string, Faults])[] = [
  ["silent", { silent: true }],
  ["latency=500", { latencyMs: 500 }],
  ["lose-requests=2", { loseRequests: { first: 2 } }],
  ["lose-requests=every:3", { loseRequests: { every: 3 } }],
  ["lose-replies=nth:4", { loseReplies: { nth: 4 } }],
  ["result=65535", { resultCode: 65_535 }],
  ["clock-rate=0.88", { clockRate: 0.88 }],
  ["epoch-offset=-3", { epochOffsetSeconds: -3 }],
  ["lengthen-lifetime=4294967295", { claimedLifetimeSeconds: 4_294_967_295 }],
  ["nat-pmp-only=0", { natPmpOnly: "0" }],
  ["pcp-result=no-resources", { pcpResultCode: 8 }],
  ["pcp-result=cannot-provide-external", { pcpResultCode: 11 }],
  ["pcp-result=77", { pcpResultCode: 77 }],
  ["opcode-error=short", { opcodeError: "short" }],
  ["answer=02810A", { answerBytes: Uint8Array.of(2, 0x81, 10) }],
  ["reboot-after=1.5", { rebootAfterSeconds: 1.5 }],
  ["upnp-add-error=725", { upnpAddError: 725 }],
  ["upnp-hang-up=2", { upnpHangUp: { first: 2 } }],
];
for (const [text, faults] of READ) {
  Deno.test(`parseFault() reads ${text}`, () => assertEquals(parseFault(text), faults));
}

const REFUSED: readonly (readonly [string, typeof SyntaxError | typeof RangeError, string])[] = [
  ["latncy=5", SyntaxError, 'Cannot use fault "latncy": there is no such fault'],
  ["", SyntaxError, 'Cannot use fault "": there is no such fault'],
  ["latency", SyntaxError, "Cannot use fault latency without a value: write latency=MS"],
  ["silent=1", SyntaxError, "Cannot use fault silent=1: it takes no value"],
  ["latency=", SyntaxError, "Cannot use fault latency=: MS is a whole number from 0 to 3600000"],
  ["latency=0x10", SyntaxError, "Cannot use fault latency=0x10: MS is a whole number from 0 to 3600000"],
  ["result=65536", RangeError, "Cannot use fault result=65536: CODE is a whole number from 1 to 65535"],
  ["clock-rate=-1", RangeError, "Cannot use fault clock-rate=-1: FACTOR is a number from 0 to 1000"],
  ["opcode-error=long", SyntaxError, "Cannot use fault opcode-error=long: the value is one of echo, short"],
  ["pcp-result=0", SyntaxError, "Cannot use fault pcp-result=0: RESULT is a number from 1 to 255, or one of"],
  [
    "pcp-result=256",
    SyntaxError,
    "RESULT is a number from 1 to 255, or one of unsupported-version, not-authorized",
  ],
  ["pcp-result=success", SyntaxError, "Cannot use fault pcp-result=success: RESULT is"],
  ["answer=028", SyntaxError, "Cannot use fault answer=028: HEX is 1 to 1400 bytes"],
  ["lose-replies=some", SyntaxError, "Cannot use fault lose-replies=some: WHICH is N for the first N"],
];
for (const [text, errorClass, message] of REFUSED) {
  Deno.test(`parseFault() refuses "${text}" and says what it wants`, () => {
    assertThrows(() => parseFault(text), errorClass, message);
  });
}

Deno.test("FAULTS names each fault once, with a sentence", () => {
  assertEquals(new Set(FAULTS.map(({ name }) => name)).size, FAULTS.length);
  for (const { name, summary } of FAULTS) {
    assertMatch(name, /^[a-z0-9-]+$/);
    assertMatch(summary, /^[A-Z].*\.$/);
  }
});

Deno.test("FAULTS has a fault of its own field for every name", () => {
  const examples: Readonly<Record<string, string>> = {
    "WHICH": "1",
    "HEX": "00",
    "128|0|echo": "echo",
    "ignore|refuse": "refuse",
    "echo|short": "short",
    "loopback|other|name|https": "name",
    "huge|endless": "huge",
    "same|other": "same",
  };
  const fields = FAULTS.map(({ name, value }) => {
    return Object.keys(parseFault(value === undefined ? name : `${name}=${examples[value] ?? "1"}`));
  });
  assert(fields.every((names) => names.length === 1));
  assertEquals(new Set(fields.flat()).size, FAULTS.length);
});
