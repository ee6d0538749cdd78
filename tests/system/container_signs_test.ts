import { assertEquals } from "@std/assert";
import { containerSigns } from "../../lib/system/container_signs.ts";

Deno.test("containerSigns() of an interface that is not there has no word on its link", async () => {
  const { isHalfOfPair } = await containerSigns("natpmp-none");
  assertEquals(isHalfOfPair, undefined);
});
