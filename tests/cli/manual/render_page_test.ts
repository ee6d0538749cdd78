import { assertEquals, assertThrows } from "@std/assert";
import { setColorEnabled } from "@std/fmt/colors";
import { renderPage } from "../../../lib/cli/manual/render_page.ts";

/** A page at 40 columns. */
function rendered(page: string, isBold = false): string[] {
  return renderPage(page, { width: 40, isBold }).split("\n");
}

Deno.test("renderPage() puts headings at the margin, text behind two blanks and code behind four", () => {
  assertEquals(rendered("# a: title\n\nText.\n\n## Part\n\n```sh\nnatpmp  map\n\nx\n```\n"), [
    "a: title",
    "",
    "  Text.",
    "",
    "Part",
    "",
    "    natpmp  map",
    "",
    "    x",
    "",
  ]);
});

Deno.test("renderPage() wraps paragraphs, and never code", () => {
  const long = "word ".repeat(12).trim();
  assertEquals(rendered(`${long}\n\n\`\`\`text\n${long}\n\`\`\`\n`), [
    "  word word word word word word word",
    "  word word word word word",
    "",
    `    ${long}`,
    "",
  ]);
});

Deno.test("renderPage() shows code and links by their text, emphasis in quotes, and no short code in two lines", () => {
  assertEquals(
    rendered("Some _more_ **words** until `map 80` and [`natpmp help cron`](cron.md) <!-- x -->."),
    [
      '  Some "more" words until map 80 and',
      "  natpmp help cron .",
      "",
    ],
  );
  assertEquals(rendered("This is a line that goes on `natpmp map 80`."), [
    "  This is a line that goes on",
    "  natpmp map 80.",
    "",
  ]);
});

Deno.test("renderPage() breaks code at its blanks only where it is longer than 40 characters or a line", () => {
  const code = "natpmp map 8080:80 --gateway 192.168.1.10";
  const at = (width: number, text: string) => renderPage(text, { width, isBold: false }).split("\n");
  const words = "One two three four five six seven: ";
  assertEquals(at(60, `${words}\`${code.slice(0, 40)}\``)[1], `  ${code.slice(0, 40)}`);
  assertEquals(at(60, `${words}\`${code}\``)[0], `  ${words}natpmp map`.trimEnd() + " 8080:80");
  assertEquals(at(40, `\`${code.slice(0, 40)}\``), ["  natpmp map 8080:80 --gateway", "  192.168.1.1", ""]);
});

Deno.test("renderPage() sets lists with their marks, also within lists, and with blank lines where there are some", () => {
  assertEquals(rendered("- one two three four five six seven eight nine\n- b\n  - c\n\n1. x\n2. y\n"), [
    "  - one two three four five six seven",
    "    eight nine",
    "  - b",
    "    - c",
    "",
    "  1. x",
    "  2. y",
    "",
  ]);
  assertEquals(rendered("- a\n\n  b\n- c\n"), ["  - a", "", "    b", "", "  - c", ""]);
});

Deno.test("renderPage() sets tables, without comments around them", () => {
  const page =
    "<!-- exit codes -->\n\n| code | when |\n| --- | --- |\n| 1 | a \\| b `c \\| d` |\n\n<!-- /exit codes -->\n";
  assertEquals(rendered(page), ["  code  when", "  ----  -----------", "  1     a | b c | d", ""]);
});

Deno.test("renderPage() makes headings and important words bold where it may, and wraps all the same", () => {
  setColorEnabled(true);
  const page = "## A heading\n\nOne **two three** four five six seven eight.";
  const plain = rendered(page);
  const styled = rendered(page, true);
  assertEquals(styled[0], "\x1b[1mA heading\x1b[22m");
  assertEquals(styled[2]?.startsWith("  One \x1b[1mtwo\x1b[22m \x1b[1mthree\x1b[22m four"), true);
  // deno-lint-ignore no-control-regex
  assertEquals(styled.map((line) => line.replace(/\x1b\[[0-9]+m/g, "")), plain);
});

Deno.test("renderPage() refuses Markdown that the manual does not have", () => {
  for (const page of ["> a quotation", "![image](x.png)", "a <b>c</b>", "---"]) {
    assertThrows(() => rendered(page), Error, "The manual has no such Markdown");
  }
});
