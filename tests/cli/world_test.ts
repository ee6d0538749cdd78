import { assertEquals, assertInstanceOf } from "@std/assert";
import { Stopped } from "../../lib/cli/world.ts";

Deno.test("Stopped names the signal and has its exit code", () => {
  const error = new Stopped("SIGTERM", 143);
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.message, error.exitCode], ["Stopped", "Stopped by SIGTERM", 143]);
});
