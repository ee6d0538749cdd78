/**
 * What a router sends to NAT-PMP in another version than 0: a version error ends the request, everything else is discarded, and
 * when nothing but version 2 came until the deadline, the router speaks PCP.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { TestWorld } from "../support/test_world.ts";
import { hex } from "../simulator/hex.ts";

/** PCP is not asked before. */
const VIA = ["--via", "nat-pmp"];

const PCP_ONLY = /^natpmp: error: (tcp 80: )?10\.0\.0\.1 speaks PCP, not NAT-PMP\. [^\n]+\n$/;

/** Messages of version 2 that are not its version error. */
const PCP_MESSAGES: Readonly<Record<string, string>> = {
  "two bytes": "02 80",
  "12 bytes with result 2": "02 81 00 02 00 00 00 00 00 00 00 00",
  "12 bytes with result 1, too short for a version error": "02 81 00 01 00 00 00 00 00 00 00 00",
  "24 bytes with result 2": `02 80 00 02 ${"00".repeat(20)}`,
  "24 bytes with result 3": `02 82 00 03 ${"00".repeat(20)}`,
  "an announcement (RFC 6887 §14.1)": `02 80 00 00 ${"00".repeat(20)}`,
};

for (const [what, bytes] of Object.entries(PCP_MESSAGES)) {
  for (const args of [["address"], ["map", "80"], ["unmap", "80"]]) {
    Deno.test(`${args[0]} of a router that answers with ${what} of version 2 ends with 8: it speaks PCP`, async () => {
      const world = new TestWorld({ faults: { answerBytes: hex(bytes) } });
      const { exitCode, stdout, stderr } = await world.run(...args, ...VIA);
      assertEquals([exitCode, stdout], [8, ""], stderr);
      assertMatch(stderr, PCP_ONLY);
      // The right answer may still come, until the deadline.
      assertEquals([world.clock.now(), world.received], [7750, 5]);
    });
  }

  Deno.test(`address takes the right answer after ${what} of version 2`, async () => {
    const world = new TestWorld({ faults: { bytesBefore: hex(bytes), latencyMs: 20 } });
    assertEquals(await world.run("address", ...VIA), { exitCode: 0, stdout: "203.0.113.7\n", stderr: "" });
  });
}

Deno.test("address --json of a router that sends version 2 only has its effort, and no result code", async () => {
  const world = new TestWorld({ faults: { answerBytes: hex("02 80") } });
  const { json } = await world.runJson("address", ...VIA);
  const { message: _, ...error } = json.error ?? {};
  assertEquals(json.via, "nat-pmp");
  assertEquals(error, { kind: "not-supported", attempts: 5, elapsedMs: 7750 });
});

Deno.test("watch reports once that the router speaks PCP, and goes on asking", async () => {
  const world = new TestWorld({ faults: { answerBytes: hex("02 80") } });
  const { stderr } = await world.run("watch", "80", "--for", "10m", ...VIA);
  assertEquals(stderr.match(/speaks PCP, not NAT-PMP/g)?.length, 1, stderr);
});

Deno.test("address does not take version 2 for the answer where other junk came too: exit 4 with what came", async () => {
  const world = new TestWorld({
    faultsFor: (_, number) => ({ answerBytes: hex(number === 3 ? "6A 75 6E 6B" : "02 80") }),
  });
  const { exitCode, stderr } = await world.run("address", ...VIA);
  assertEquals(exitCode, 4);
  assertMatch(
    stderr,
    /gave no valid answer within [^.]+\.75 s \(attempts: 5\)\. 5 datagrams came instead: too short for a response \(4\), /,
  );
});

/** First bytes that are not 0, and what follows them: none is a plausible version error. */
const IMPLAUSIBLE: Readonly<Record<string, string>> = {
  "a version error of version 3, which does not exist": `03 80 00 01 ${"00".repeat(20)}`,
  "a version error of version 255": `FF 80 00 01 ${"00".repeat(20)}`,
  "a version error of version 2 without the response bit": `02 00 00 01 ${"00".repeat(20)}`,
  "a version error of version 2 of 20 bytes": `02 80 00 01 ${"00".repeat(16)}`,
  "a version error of version 2 of 25 bytes": `02 80 00 01 ${"00".repeat(21)}`,
  "a version error of version 2 of 1104 bytes": `02 80 00 01 ${"00".repeat(1100)}`,
  "a version error of version 1 of 4 bytes": "01 80 00 01",
  "a result of version 1 whose low byte is 1": "01 80 01 01 00 00 00 00",
  "a success of version 1": "01 80 00 00 00 00 00 00 CB 00 71 07",
  "text": "48 54 54 50",
};

for (const [what, bytes] of Object.entries(IMPLAUSIBLE)) {
  Deno.test(`map takes the right answer after ${what}`, async () => {
    const world = new TestWorld({ faults: { bytesBefore: hex(bytes), latencyMs: 20 } });
    const { exitCode, stdout } = await world.run("map", "8080:80", ...VIA);
    assertEquals([exitCode, stdout], [0, "tcp 203.0.113.7:8080 -> 80, 7200 s\n"]);
  });
}

for (
  const [what, bytes, name] of [
    ["PCP (RFC 6887 §8.2)", `02 80 00 01 00 00 07 08 00 01 23 45 ${"00".repeat(12)}`, "PCP"],
    ["PCP, with the copied request behind it", `02 82 00 01 ${"00".repeat(56)}`, "PCP"],
    ["PCP, as long as one can be", `02 80 00 01 ${"00".repeat(1096)}`, "PCP"],
    ["version 1, in the shape of RFC 6886 §3.5", "01 80 00 01 00 01 23 45", "version 1"],
  ] as const
) {
  Deno.test(`address ends at once with 8 after a version error of ${what}`, async () => {
    const world = new TestWorld({ faults: { answerBytes: hex(bytes) } });
    const { exitCode, stderr } = await world.run("address", ...VIA);
    assertEquals([exitCode, world.received, world.clock.now()], [8, 1, 0]);
    assertMatch(stderr, new RegExp(`10\\.0\\.0\\.1 speaks ${name}, not NAT-PMP\\. `));
  });
}

Deno.test("a router that makes versions up cannot lengthen the message", async () => {
  const world = new TestWorld({
    faultsFor: (_, number) => ({
      answerBytes: hex(`${(number + 2).toString(16).padStart(2, "0")} 80 00 01`),
    }),
  });
  const { exitCode, stderr } = await world.run("address", ...VIA);
  assertEquals(exitCode, 4);
  assertMatch(
    stderr,
    /5 datagrams came instead: a message of an unknown version \(5\)\. /,
  );
});
