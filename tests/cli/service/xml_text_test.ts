import { assertEquals, assertThrows } from "@std/assert";
import { xmlText } from "../../../lib/cli/service/xml_text.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";

const what = "a letter";

Deno.test("xmlText() escapes markup, and what would look like the end of a section", () => {
  assertEquals(xmlText("a<b>&amp;]]>", { what }), "a&lt;b&gt;&amp;amp;]]&gt;");
});

Deno.test("xmlText() writes control characters as references, which survive a parser", () => {
  assertEquals(xmlText("\t\r\n\x7f\u{85}", { what }), "&#9;&#13;&#10;&#127;&#133;");
});

Deno.test("xmlText() leaves other characters, unless the file is to be ASCII", () => {
  assertEquals(xmlText("é\u{1f600}", { what }), "é\u{1f600}");
  assertEquals(xmlText("é\u{1f600}", { what, isAscii: true }), "&#233;&#128512;");
});

for (const [character, name] of [["\0", "0000"], ["\x1f", "001F"], ["\ud800", "D800"], ["\uffff", "FFFF"]]) {
  Deno.test(`xmlText() refuses U+${name}, which XML 1.0 does not have`, () => {
    assertThrows(
      () => xmlText(`a${character}`, { what }),
      UsageError,
      `into a letter: XML cannot hold the`,
    );
    assertThrows(() => xmlText(`a${character}`, { what }), UsageError, `U+${name}`);
  });
}
