import { assertEquals } from "@std/assert";
import { BUILD_INFO } from "../../lib/cli/build_info.ts";

Deno.test("BUILD_INFO claims nothing in the source", () => {
  assertEquals(BUILD_INFO, {});
});
