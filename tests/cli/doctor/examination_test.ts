import { assertEquals } from "@std/assert";
import { firstError } from "../../../lib/cli/doctor/examination.ts";
import { NoGatewayError, SocketError } from "../../../lib/errors.ts";
import { REFUSED, SILENCE, SOUND } from "./samples.ts";

const NONE = new NoGatewayError("none");

Deno.test("firstError() is none where all is well, or nothing more was tried", () => {
  assertEquals(firstError(SOUND), undefined);
  const { address: _, testMapping: _testMapping, ...rest } = SOUND;
  assertEquals(firstError(rest), undefined);
});

Deno.test("firstError() is that of the gateway's choice, then the address, then the test mapping", () => {
  const [gateway, address, testMapping] = [{ error: NONE }, { error: SILENCE }, { error: REFUSED }];
  assertEquals(firstError({ ...SOUND, gateway, address, testMapping }), gateway);
  assertEquals(firstError({ ...SOUND, address, testMapping }), address);
  assertEquals(firstError({ ...SOUND, testMapping }), testMapping);
});

Deno.test("firstError() is none that the other commands would not end with", () => {
  const candidates = { error: NONE };
  const announcements = { error: new SocketError("taken") };
  const testMapping = { value: { ...valueOf(SOUND.testMapping), deletion: { error: SILENCE } } };
  assertEquals(firstError({ ...SOUND, candidates, announcements, testMapping }), undefined);
});

Deno.test("firstError() tells an error that is undefined from none", () => {
  assertEquals(firstError({ ...SOUND, address: { error: undefined } }), { error: undefined });
});

function valueOf<T>(outcome: { readonly value: T } | { readonly error: unknown } | undefined): T {
  if (outcome === undefined || "error" in outcome) throw new Error("No value");
  return outcome.value;
}
