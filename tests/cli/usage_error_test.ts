import { assertEquals, assertInstanceOf } from "@std/assert";
import { UsageError } from "../../lib/cli/usage_error.ts";

Deno.test("UsageError has its name, its message and what was mistyped", () => {
  const error = new UsageError('Unknown command "maps"', { word: "maps", known: ["map"] });
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.message], ["UsageError", 'Unknown command "maps"']);
  assertEquals(error.misspelling, { word: "maps", known: ["map"] });
});

Deno.test("UsageError has no misspelling when nothing was mistyped", () => {
  assertEquals(new UsageError("No mapping is given").misspelling, undefined);
});
