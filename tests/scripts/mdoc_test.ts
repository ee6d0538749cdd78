import { assertEquals } from "@std/assert";
import { filled, literal, prose, section, sentence, tagged, typed } from "../../scripts/mdoc.ts";

Deno.test("typed() makes hyphens that can be copied, and escapes backslashes", () => {
  assertEquals(typed("--if-due"), "\\-\\-if\\-due");
  assertEquals(typed("a\\b"), "a\\eb");
});

Deno.test("prose() begins each sentence on a line, and each paragraph with .Pp but the first", () => {
  assertEquals(prose("One thing. Another: this.", "More\nof it."), [
    "One thing.",
    "Another: this.",
    ".Pp",
    "More of it.",
  ]);
});

Deno.test("filled() begins each sentence on a line, also one that begins with another font", () => {
  assertEquals(filled("One.  Two. \\fBnatpmp\\fR x. \\fB\\-\\-y\\fR z. a"), [
    "One.",
    "Two.",
    "\\fBnatpmp\\fR x.",
    "\\fB\\-\\-y\\fR z. a",
  ]);
});

Deno.test("prose() has no line of more than 80 bytes, and loses no word", () => {
  const text = "word ".repeat(100).trim();
  const lines = prose(text);
  assertEquals(lines.every((line) => line.length <= 80), true);
  assertEquals(lines.join(" "), text);
});

Deno.test("prose() takes what begins with a hyphen as typed, and no other hyphen", () => {
  assertEquals(prose("With --if-due (-q) a one-shot run - once."), [
    "With \\-\\-if\\-due (\\-q) a one-shot run \\- once.",
  ]);
});

Deno.test("prose() and literal() have no line that would be an instruction", () => {
  assertEquals(prose(".profile is a file"), ["\\&.profile is a file"]);
  assertEquals(literal(["'quoted'", ".x"])[1], "\\&'quoted'");
  assertEquals(literal(["'quoted'", ".x"])[2], "\\&.x");
});

Deno.test("prose() is ASCII where dots are one character", () => {
  assertEquals(prose("SPEC…"), ["SPEC..."]);
});

Deno.test("literal(), tagged() and section() begin and end what they say", () => {
  assertEquals(literal(["a  b"]), [".Bd -literal -offset 2n", "a  b", ".Ed"]);
  assertEquals(tagged([["Fl a", ["x"]], ["Fl b", ["y"]]]), [
    ".Bl -tag -width Ds",
    ".It Fl a",
    "x",
    ".It Fl b",
    "y",
    ".El",
  ]);
  assertEquals(section("see also", ["x"]), [".Sh SEE ALSO", "x"]);
});

Deno.test("sentence() has a large first letter and one full stop", () => {
  assertEquals(["print it", "Done."].map(sentence), ["Print it.", "Done."]);
});
