import { assertEquals } from "@std/assert";
import { stopsCommand } from "../../lib/cli/session.ts";
import { Stopped } from "../../lib/cli/world.ts";
import {
  BusyError,
  NoAnswerError,
  NotSupportedError,
  PortDiffersError,
  RefusedError,
  SocketError,
} from "../../lib/errors.ts";

const EFFORT = { attempts: 5, elapsedMs: 7750 };

/** Each error, and whether every further request would meet it too. */
const ERRORS: readonly (readonly [what: string, error: unknown, stops: boolean])[] = [
  ["silence", new NoAnswerError("x", EFFORT, { discarded: new Map() }), true],
  ["ICMP port unreachable", new NotSupportedError("x", "port-unreachable"), true],
  ["another version", new NotSupportedError("x", "unsupported-version"), true],
  ["no socket", new SocketError("x"), true],
  ["another process at the gateway", new BusyError("x"), true],
  ["SIGINT", new Stopped("SIGINT", 130), true],
  ["a refusal", new RefusedError("x", "not-authorized", { resultCode: 2 }), false],
  ["a full router", new RefusedError("x", "out-of-resources", { resultCode: 4 }), false],
  ["another port", new PortDiffersError("x", { requirement: "exact", wantedPort: 1, grantedPort: 2 }), false],
  ["a defect", new TypeError("x"), false],
  ["no error", undefined, false],
];

for (const [what, error, stops] of ERRORS) {
  Deno.test(`stopsCommand() of ${what}: ${stops ? "nothing more is asked" : "the next may fare better"}`, () => {
    assertEquals(stopsCommand(error), stops);
  });
}
