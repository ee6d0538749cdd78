import { assertEquals } from "@std/assert";
import {
  DEFAULT_TIMEOUT_MS,
  MAX_TIMEOUT_MS,
  RETRANSMISSION_WAITS_MS,
} from "../../lib/natpmp/retransmission.ts";

Deno.test("RETRANSMISSION_WAITS_MS begins at 250 ms, doubles, and ends with the ninth wait of 64 s (§3.1)", () => {
  assertEquals(RETRANSMISSION_WAITS_MS, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000]);
});

Deno.test("MAX_TIMEOUT_MS is the whole schedule of §3.1", () => {
  assertEquals(MAX_TIMEOUT_MS, 127_750);
  assertEquals(RETRANSMISSION_WAITS_MS.reduce((sum, ms) => sum + ms), 127_750);
});

Deno.test("DEFAULT_TIMEOUT_MS is five sends and their waits", () => {
  assertEquals(DEFAULT_TIMEOUT_MS, 7750);
  assertEquals(RETRANSMISSION_WAITS_MS.slice(0, 5).reduce((sum, ms) => sum + ms), 7750);
});
