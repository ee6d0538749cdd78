import { assertEquals } from "@std/assert";
import { bold, setColorEnabled } from "@std/fmt/colors";
import { indent, table, textWidth, wrap } from "../../lib/cli/text_layout.ts";
import { MemorySink } from "../support/test_world.ts";

Deno.test("textWidth() is a terminal's, within limits, and 80 for a pipe", () => {
  const widths = [20, 40, 79, 100, 300].map((columns) => {
    const sink = new MemorySink(true);
    sink.terminalSize = { columns, rows: 24 };
    return textWidth(sink);
  });
  assertEquals(widths, [40, 40, 79, 100, 100]);
  const pipe = new MemorySink(false);
  pipe.terminalSize = { columns: 120, rows: 24 };
  assertEquals(textWidth(pipe), 80);
});

Deno.test("wrap() breaks at blanks, and fills lines to the last column", () => {
  assertEquals(wrap("one two three", 7), ["one two", "three"]);
  assertEquals(wrap("one two three", 6), ["one", "two", "three"]);
  assertEquals(wrap("one", 80), ["one"]);
  assertEquals(wrap("", 80), [""]);
});

Deno.test("wrap() breaks a word that is longer than a line", () => {
  assertEquals(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
  assertEquals(wrap("x abcdef", 3), ["x", "abc", "def"]);
});

Deno.test("wrap() keeps blanks within a line and in front of the text", () => {
  assertEquals(wrap("a  b", 80), ["a  b"]);
  assertEquals(wrap("    --exact FILE", 11), ["    --exact", "FILE"]);
});

Deno.test("wrap() and table() take sequences that colour for nothing", () => {
  setColorEnabled(true);
  const word = bold("two");
  assertEquals(wrap(`one ${word} three`, 7), [`one ${word}`, "three"]);
  assertEquals(table([[word, "x"], ["four", "y"]], 80), [`${word}   x`, "four  y"]);
});

Deno.test("indent() leaves empty lines empty", () => {
  assertEquals(indent(["a", "", "b"], "  ", "- "), ["- a", "", "  b"]);
});

Deno.test("table() is as wide as its cells where that fits", () => {
  assertEquals(table([["1", "one"], ["22", "two"]], 80, ["no", "name"]), [
    "no  name",
    "--  ----",
    "1   one",
    "22  two",
  ]);
});

Deno.test("table() wraps cells in their columns, the widest first", () => {
  assertEquals(table([["a", "some words here", "b c"], ["d", "e", "f"]], 19), [
    "a  some words   b c",
    "   here",
    "d  e            f",
  ]);
});

Deno.test("table() sets rows as lists where a word does not fit its column", () => {
  const rows = [["NATPMP_EXTERNAL_PORT", "the port", "of the router"]];
  assertEquals(table(rows, 24, ["variable", "what", "where"]), [
    "NATPMP_EXTERNAL_PORT",
    "    what: the port",
    "    where: of the router",
  ]);
  assertEquals(table([["NATPMP_EXTERNAL_PORT", "the port"]], 22, ["variable", "what"]), [
    "NATPMP_EXTERNAL_PORT",
    "    the port",
  ]);
});
