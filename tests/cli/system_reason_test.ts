import { assertEquals } from "@std/assert";
import { systemReason } from "../../lib/cli/system_reason.ts";

for (
  const [message, reason] of [
    [
      "No such file or directory (os error 2): stat '/etc/natpmp.json'",
      "No such file or directory (os error 2)",
    ],
    ["Permission denied (os error 13): rename '/a' -> '/b'", "Permission denied (os error 13)"],
    ["No such file or directory (os error 2): open '/a\nb'", "No such file or directory (os error 2)"],
    ["It is a directory", "It is a directory"],
  ] as const
) {
  Deno.test(`systemReason() has of ${JSON.stringify(message)} what the system says`, () => {
    assertEquals(systemReason(new Error(message)), reason);
  });
}

Deno.test("systemReason() takes what is no error as it is", () => assertEquals(systemReason("gone"), "gone"));
