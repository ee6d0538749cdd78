import { assertEquals, assertThrows } from "@std/assert";
import { mdocOf } from "../../scripts/mdoc_markdown.ts";

Deno.test("mdocOf() leaves the title out, and makes sections subsections", () => {
  assertEquals(mdocOf("# a: title\n\nText.\n\n## Part two\n\nMore.\n\n### Detail\n\nEnd.\n"), [
    "Text.",
    '.Ss "Part two"',
    "More.",
    ".Pp",
    "\\fBDetail\\fR",
    ".Pp",
    "End.",
  ]);
});

Deno.test("mdocOf() makes code and strong words bold, with hyphens that can be copied, and leaves links their text", () => {
  assertEquals(
    mdocOf("Use **only** `map --if-due`, _not_ [`natpmp help cron`](cron.md). <!-- x -->Next - one."),
    [
      "Use \\fBonly\\fR \\fBmap \\-\\-if\\-due\\fR, \\fInot\\fR \\fBnatpmp help cron\\fR.",
      "Next \\- one.",
    ],
  );
});

Deno.test("mdocOf() keeps code as it is", () => {
  assertEquals(mdocOf("Like this:\n\n```sh\nnatpmp map \\\n  80\n\n.x\n```\n\nAnd on.\n"), [
    "Like this:",
    ".Bd -literal -offset 2n",
    "natpmp map \\e",
    "  80",
    "",
    "\\&.x",
    ".Ed",
    ".Pp",
    "And on.",
  ]);
});

Deno.test("mdocOf() makes lists of lists, compact where no blank lines are between", () => {
  assertEquals(mdocOf("- one\n- two\n  - three\n\n1. a\n\n   b\n2. c\n"), [
    ".Bl -bullet -compact",
    ".It",
    "one",
    ".It",
    "two",
    ".Bl -bullet -compact",
    ".It",
    "three",
    ".El",
    ".El",
    ".Bl -enum",
    ".It",
    "a",
    ".Pp",
    "b",
    ".It",
    "c",
    ".El",
  ]);
});

Deno.test("mdocOf() makes a list of terms of a table, with the middle column behind the term", () => {
  const page =
    '| option | value | meaning |\n| - | - | - |\n| `--a` | x "y" | Text. More. |\n| b | | c \\| d |\n';
  assertEquals(mdocOf(page), [
    ".Bl -tag -width Ds",
    '.It "\\fB\\-\\-a\\fR (x ""y"")"',
    "Text.",
    "More.",
    '.It "b"',
    "c | d",
    ".El",
  ]);
});

Deno.test("mdocOf() refuses Markdown that the manual does not have", () => {
  for (const page of ["> a quotation", "![image](x.png)", "a <b>c</b>", "<b>\n"]) {
    assertThrows(() => mdocOf(page), Error, "The manual has no such Markdown");
  }
});
