import { assertEquals } from "@std/assert";
import { RefusedError, SocketError } from "../../lib/errors.ts";
import { KeptWish } from "../../lib/lease/kept_wish.ts";
import { takeNewErrors } from "../../lib/lease/new_errors.ts";
import type { TransportProtocol } from "../../lib/port_mapper.ts";
import { NO_ANSWER, REFUSED } from "./fake_mapper.ts";

function failing(
  internalPort: number,
  error: unknown,
  protocols: readonly TransportProtocol[] = ["tcp"],
): KeptWish {
  const kept = new KeptWish({ protocols, internalPort });
  kept.untoldError = error;
  return kept;
}

const key = (protocol: TransportProtocol, internalPort: number) => ({ protocol, internalPort });

Deno.test("takeNewErrors() tells nothing of wishes that did not fail", () => {
  assertEquals(takeNewErrors([], false), []);
  assertEquals(takeNewErrors([failing(80, undefined)], false), []);
});

Deno.test("takeNewErrors() tells one error for all mappings with the same cause, a pair's two among them", () => {
  const again = new RefusedError("Not allowed either", "not-authorized", { resultCode: 2 });
  const wishes = [failing(80, REFUSED), failing(81, again, ["tcp", "udp"])];
  assertEquals(takeNewErrors(wishes, false), [
    { type: "error", error: REFUSED, mappings: [key("tcp", 80), key("tcp", 81), key("udp", 81)] },
  ]);
});

Deno.test("takeNewErrors() tells an error for each cause, in the order of the wishes", () => {
  const full = new RefusedError("Full", "out-of-resources", { resultCode: 4 });
  assertEquals(takeNewErrors([failing(80, full), failing(81, REFUSED), failing(82, full)], false), [
    { type: "error", error: full, mappings: [key("tcp", 80), key("tcp", 82)] },
    { type: "error", error: REFUSED, mappings: [key("tcp", 81)] },
  ]);
});

Deno.test("takeNewErrors() tells each cause once until it changes", () => {
  const kept = failing(80, REFUSED);
  assertEquals(takeNewErrors([kept], false).length, 1);
  for (const [error, told] of [[REFUSED, 0], [NO_ANSWER, 1], [NO_ANSWER, 0], [REFUSED, 1]] as const) {
    kept.untoldError = error;
    assertEquals(takeNewErrors([kept], false).length, told, error.message);
  }
});

Deno.test("takeNewErrors() tells the same cause again after a success", () => {
  const kept = failing(80, REFUSED);
  takeNewErrors([kept], false);
  kept.succeed();
  kept.untoldError = REFUSED;
  assertEquals(takeNewErrors([kept], false).length, 1);
});

Deno.test("takeNewErrors() leaves out what was told of the gateway as a whole, and does not tell it later", () => {
  const wishes = [failing(80, NO_ANSWER), failing(81, new SocketError("No socket")), failing(82, REFUSED)];
  assertEquals(takeNewErrors(wishes, true), [{ type: "error", error: REFUSED, mappings: [key("tcp", 82)] }]);
  assertEquals(takeNewErrors(wishes, false), []);
});
