import { assertEquals, assertThrows } from "@std/assert";
import * as kinds from "../../../lib/cli/config/value_kinds.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";

const { readValue, shown } = kinds;

for (
  const [value, text] of [
    [null, "null"],
    [true, "true"],
    [7.5, "7.5"],
    ['a "b"\n\u001b[31m', '"a \\"b\\"\\n\\u001b[31m"'],
    [["a"], "a list"],
    [{}, "an object"],
    ["x".repeat(100), `"${"x".repeat(59)}…`],
  ] as readonly (readonly [unknown, string])[]
) {
  Deno.test(`shown() quotes ${text}`, () => assertEquals(shown(value), text));
}

Deno.test("readValue() reads each kind into what its option or mapping takes", () => {
  const read = (kind: keyof typeof kinds, value: unknown) =>
    readValue(kinds[kind] as kinds.ValueKind<unknown>, value, "it");
  assertEquals(
    [
      read("TEXT", "a\nb"),
      read("PATH", "./port"),
      read("NAME", "web server"),
      read("FLAG", false),
      read("ENDPOINT", "10.0.0.1:5352"),
      read("ADDRESS", "10.0.0.2"),
      read("TIMEOUT", 0.25),
      read("DURATION", 90),
      read("DURATION", "2h"),
      read("EXTERNAL_PORT", "any"),
      read("EXTERNAL_PORT", 8080),
      read("INTERNAL_PORT", 0),
      read("INTERNAL_PORT", "6881-6889"),
      read("PROTOCOL", "both"),
      read("SPEC", "8080:80"),
      read("LIST", [1]),
    ],
    ["a\nb", "./port", "web server", false, "10.0.0.1:5352", "10.0.0.2", "0.25", "90", "2h"]
      .concat([{ first: 0 }, { first: 8080 }, { first: 0 }, { first: 6881, count: 9 }] as never[])
      .concat([["tcp", "udp"], "8080:80", [1]] as never[]),
  );
});

Deno.test("readValue() says of a value of another type what is wanted", () => {
  const { message } = assertThrows(() => readValue(kinds.FLAG, "no", "exact"), UsageError);
  assertEquals(message, 'Cannot read exact "no": write true or false');
});
