import { assertEquals } from "@std/assert";
import { formatUptime } from "../../../lib/cli/doctor/format_uptime.ts";

for (
  const [seconds, text] of [
    [0, "0 s"],
    [1, "1 s"],
    [59, "59 s"],
    [60, "1 min 0 s"],
    [3599, "59 min 59 s"],
    [3600, "1 h 0 min"],
    [74_565, "20 h 42 min"],
    [86_400, "1 d 0 h"],
    [2 ** 32 - 1, "49710 d 6 h"],
  ] as const
) {
  Deno.test(`formatUptime() writes ${seconds} s as ${text}`, () => {
    assertEquals(formatUptime(seconds), text);
  });
}
