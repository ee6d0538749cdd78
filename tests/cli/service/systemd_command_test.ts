import { assertEquals } from "@std/assert";
import { escapeQuoted, systemdCommand } from "../../../lib/cli/service/systemd_command.ts";

/** Words, and the value of `ExecStart=` by the rules of systemd.service(5). */
const VALUES: readonly (readonly [what: string, words: readonly string[], value: string])[] = [
  ["leaves plain words alone", ["/usr/bin/natpmp", "watch", "-q"], "/usr/bin/natpmp watch -q"],
  ["quotes spaces", ["/opt/my app/natpmp", "a b"], '"/opt/my app/natpmp" "a b"'],
  ["doubles per cent signs, in the program too", ["/100%/natpmp", "%h"], '"/100%%/natpmp" "%%h"'],
  ["doubles dollar signs of arguments", ["/natpmp", "$a ${b}"], '/natpmp "$$a $${b}"'],
  ["escapes quotes and backslashes of arguments", ["/natpmp", `"'\\`], `/natpmp "\\"'\\\\"`],
  [
    "writes control characters as bytes",
    ["/natpmp", "\n\t\x7f\u{85}"],
    '/natpmp "\\x0a\\x09\\x7f\\xc2\\x85"',
  ],
  ["leaves other characters as they are", ["/natpmp", "/é/✓"], '/natpmp "/é/✓"'],
  ["quotes a semicolon, which alone would end the command", ["/natpmp", ";"], '/natpmp ";"'],
];

for (const [what, words, value] of VALUES) {
  Deno.test(`systemdCommand() ${what}`, () => assertEquals(systemdCommand(words), value));
}

for (
  const [what, character, escaped] of [
    ["a double quote", '"', '\\"'],
    ["a single quote", "'", "'"],
    ["a backslash", "\\", "\\\\"],
    ["a dollar sign", "$", "$$"],
    ["a control character", "\x01", "\\x01"],
  ] as const
) {
  Deno.test(`systemdCommand() has the shell start a program with ${what}, as systemd does not`, () => {
    const value = systemdCommand([`/a${character}b/natpmp`, "watch"]);
    assertEquals(value, `/bin/sh -c "exec \\"$$0\\" \\"$$@\\"" "/a${escaped}b/natpmp" watch`);
  });
}

Deno.test("escapeQuoted() escapes what is special between the quotes of any setting", () => {
  assertEquals(escapeQuoted(`/a"b\\c%d$e'f`), `/a\\"b\\\\c%%d$e'f`);
});
