import { assertEquals, assertThrows } from "@std/assert";
import { JsonError, parseJson } from "../../../lib/cli/config/parse_json.ts";

for (
  const text of [
    "{}",
    "[]",
    " [ ] ",
    '\r\n\t{ "a" : 1 , "b" : [ 1 , 2 ] }\n',
    '{"a":{"b":{"c":[{"d":null}]}}}',
    "true",
    "false",
    "null",
    "0",
    "-0",
    "-12.5e-3",
    "1E+2",
    "1e999",
    '""',
    '"a b\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00é😀\u007f\u2028"',
    '"\\ud800"',
    '{"":{"":0}}',
    `${"[".repeat(64)}${"]".repeat(64)}`,
  ]
) {
  Deno.test(`parseJson() reads ${text.slice(0, 40)} as JSON.parse() does`, () => {
    assertEquals(parseJson(text), JSON.parse(text));
  });
}

Deno.test("parseJson() keeps keys that mean something to the language as keys like any other", () => {
  const value = parseJson('{"__proto__":{"exec":"x"},"constructor":1,"toString":2}') as object;
  assertEquals(Object.keys(value), ["__proto__", "constructor", "toString"]);
});

/** Texts that are not JSON, with what is said of them. */
const WRONG: readonly (readonly [text: string, message: string])[] = [
  ["", "line 1, column 1: the file ends too early"],
  ["\n\n  ", "line 3, column 3: the file ends too early"],
  ['{\n  "a": 1,\n}', "line 3, column 1: Expected double-quoted property name"],
  ['{"a": 1 "b": 2}', "line 1, column 9: Expected ',' or '}' after property value"],
  ['{"a" "b"}', "line 1, column 6: Expected ':' after property name"],
  ['{"a": }', "line 1, column 7: Unexpected token '}'"],
  ['{"a": 1', "line 1, column 8: the file ends too early"],
  ["[1, 2", "line 1, column 6: the file ends too early"],
  ["[1,]", "line 1, column 4: Unexpected token ']'"],
  ["[1 2]", "line 1, column 4: Expected ',' or ']' after array element"],
  ["[,1]", "line 1, column 2: Unexpected token ','"],
  ["{a: 1}", "line 1, column 2: Expected property name or '}'"],
  ["{'a': 1}", "line 1, column 2: Expected property name or '}'"],
  [
    '{\r\n  // why\r\n  "a": 1}',
    "line 2, column 3: Expected property name or '}' (JSON has no comments)",
  ],
  ['{"a": /* 1 */ 2}', "line 1, column 7: Unexpected token '/' (JSON has no comments)"],
  ['{"a": 1}}', "line 1, column 9: Unexpected non-whitespace character"],
  ['{"a": 1} // why', "line 1, column 10: Unexpected non-whitespace character (JSON has no comments)"],
  ['{"a": "b', "line 1, column 9: the string ends too early"],
  ['{"a": "b\nc"}', "line 1, column 9: Bad control character in string literal"],
  ['["\\x"]', "line 1, column 4: Bad escaped character"],
  ["[01]", "line 1, column 3: Unexpected number"],
  ["[1.]", "line 1, column 4: Unterminated fractional number"],
  ["[.5]", "line 1, column 2: Unexpected token '.'"],
  ["[+1]", "line 1, column 2: Unexpected token '+'"],
  ["[-", "line 1, column 3: the file ends too early"],
  ["[NaN]", "line 1, column 2: Unexpected token 'N'"],
  ["[nullnull]", "line 1, column 6: Expected ',' or ']' after array element"],
  ["[tru]", "line 1, column 5: Unexpected token ']'"],
  ["[１]", "line 1, column 2: Unexpected token '１'"],
  ['["😀" 😀]', "line 1, column 6: Expected ',' or ']' after array element"],
  ['[["😀"],\n ["😀", x, ["a"], x]]', "line 2, column 8: Unexpected token 'x'"],
  [`{"a": ["${"long ".repeat(100)}"],\n"b": }`, "line 2, column 6: Unexpected token '}'"],
];

for (const [text, message] of WRONG) {
  Deno.test(`parseJson() refuses ${JSON.stringify(text).slice(0, 60)}: ${message}`, () => {
    assertThrows(() => JSON.parse(text), SyntaxError);
    assertEquals(assertThrows(() => parseJson(text), JsonError).message, message);
  });
}

Deno.test("parseJson() refuses a key that is there twice in one object, and takes it in two", () => {
  const twice = '{\n  "a": {"x": 1},\n  "b": {"x": 1, "\\u0078": 2}\n}';
  const { message } = assertThrows(() => parseJson(twice), JsonError);
  assertEquals(message, 'line 3, column 17: the key "\\u0078" appears twice');
  const once = '{"a": {"x": "\\":"}, "b": [{"x": 1}, {"x" : "x"}, "x"], "x": 1}';
  assertEquals(parseJson(once), JSON.parse(once));
  assertThrows(
    () => parseJson('{"__proto__": 1, "__proto__": 2}'),
    JsonError,
    'the key "__proto__" appears twice',
  );
});

Deno.test("parseJson() refuses brackets without end, and takes many", () => {
  assertThrows(() => parseJson("[".repeat(1_000_000)), JsonError, "ends too early");
  const brackets = 500_000;
  assertEquals((parseJson("[".repeat(brackets) + "]".repeat(brackets)) as unknown[]).length, 1);
});

Deno.test("parseJson() finds what is wrong in a million characters, wherever it is", () => {
  assertEquals(parseJson(`"${"a\\n".repeat(300_000)}"`), "a\n".repeat(300_000));
  assertThrows(() => parseJson(`"${"a\\n".repeat(300_000)}`), JsonError, "line 1, column 900002: ");
  const { message } = assertThrows(() => parseJson(`[\n${"1,\n".repeat(300_000)}x]`), JsonError);
  assertEquals(message, "line 300002, column 1: Unexpected token 'x'");
});
