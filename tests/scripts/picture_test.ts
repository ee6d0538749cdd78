import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { PICTURE, picture } from "../../scripts/picture.ts";
import { Screen } from "../../scripts/picture/screen.ts";
import { drawScenes } from "../../scripts/picture/svg.ts";

const WIDE = 1000;

/** The text of each line that a screen shows. */
function shown(written: string, columns = WIDE): string[] {
  const screen = new Screen();
  screen.write(written);
  return screen.lines(columns).map((spans) => spans.map(({ text }) => text).join(""));
}

Deno.test("The README's picture shows what the program prints (if not: deno task picture)", async () => {
  assertEquals(await Deno.readTextFile(PICTURE), await picture());
});

Deno.test("The README's picture has words for those who do not see it, and colours for the dark", async () => {
  const svg = await Deno.readTextFile(PICTURE);
  assertStringIncludes(svg, 'role="img" aria-labelledby="title desc"');
  assertMatch(svg, /<title id="title">[^<]+<\/title>\n<desc id="desc">[^<]+<\/desc>/);
  assertStringIncludes(svg, "@media (prefers-color-scheme: dark)");
});

Deno.test("A screen shows the last of what was drawn over itself", () => {
  assertEquals(shown("top\n\x1b[Jold line\nsecond\nthird\n\x1b[3F\x1b[Jnew\nnewer\n"), [
    "top",
    "new",
    "newer",
  ]);
});

Deno.test("A screen shows nothing of a line that was erased", () => {
  assertEquals(shown("Waiting: 0.5 s\r\x1b[KWaiting: 0.6 s\r\x1b[Kdone\n"), ["done"]);
});

Deno.test("A screen breaks a line that is too long at a space, or where there is none within the word", () => {
  assertEquals(shown("one two three\nabcdefghijkl\n", 8), ["one two", "three", "abcdefgh", "ijkl"]);
});

Deno.test("A screen keeps weights and colours", () => {
  const screen = new Screen();
  screen.write("natpmp: \x1b[31merror\x1b[39m: no \x1b[1mroute\x1b[0m!");
  assertEquals(screen.lines(WIDE), [[
    { text: "natpmp: ", weight: undefined, color: undefined },
    { text: "error", weight: undefined, color: "red" },
    { text: ": no ", weight: undefined, color: undefined },
    { text: "route", weight: "bold", color: undefined },
    { text: "!", weight: undefined, color: undefined },
  ]]);
});

for (const control of ["\x1b[2J", "\x1b[48;5;3m", "\x07"]) {
  Deno.test(`A screen refuses ${JSON.stringify(control)}, which it cannot draw`, () => {
    assertThrows(() => new Screen().write(control), Error, "cannot draw");
  });
}

Deno.test("A drawing has each text as text, whatever XML makes of its characters", () => {
  const svg = drawScenes([{ caption: "A & B", lines: [[{ text: '<"x">', color: "red" }]] }], {
    title: "One",
    columns: 80,
  });
  assertStringIncludes(svg, ">A &#38; B</text>");
  assertStringIncludes(svg, '<tspan class="red">&#60;&#34;x&#34;&#62;</tspan>');
});
