import { assertEquals } from "@std/assert";
import { formatSpan } from "../../lib/cli/format_span.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

for (
  const [ms, text] of [
    [0, "0:00:00"],
    [499, "0:00:00"],
    [500, "0:00:01"],
    [59 * SECOND, "0:00:59"],
    [59_999, "0:01:00"],
    [61 * SECOND, "0:01:01"],
    [3723 * SECOND, "1:02:03"],
    [HOUR - 1, "1:00:00"],
    [23 * HOUR + 59 * 60 * SECOND, "23:59:00"],
    [DAY, "1d 0:00:00"],
    [DAY + 3723 * SECOND, "1d 1:02:03"],
    [400 * DAY, "400d 0:00:00"],
    [4_294_967_295 * SECOND, "49710d 6:28:15"],
    [-1, "0:00:00"],
    [-DAY, "0:00:00"],
  ] as const
) {
  Deno.test(`formatSpan() of ${ms} ms is ${text}`, () => assertEquals(formatSpan(ms), text));
}
