import { assertEquals, assertThrows } from "@std/assert";
import { JsonError, type JsonValue, parseJson } from "../../../lib/cli/config/parse_json.ts";

/** A value as `JSON.parse()` makes it. */
function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    return Object.fromEntries(value.entries().map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

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
    assertEquals(plain(parseJson(text)), JSON.parse(text));
  });
}

Deno.test("parseJson() keeps keys that mean something to the language as keys like any other", () => {
  const value = parseJson('{"__proto__":{"exec":"x"},"constructor":1,"toString":2}') as ReadonlyMap<
    string,
    JsonValue
  >;
  assertEquals([...value.keys()], ["__proto__", "constructor", "toString"]);
});

/** Texts that are no JSON, with what is said of them. */
const WRONG: readonly (readonly [text: string, message: string])[] = [
  ["", "line 1, column 1: a value is missing before the end of the file"],
  ["\n\n  ", "line 3, column 3: a value is missing before the end of the file"],
  ['{\n  "a": 1,\n}', "line 3, column 1: a key in double quotes is missing before }"],
  ['{"a": 1 "b": 2}', 'line 1, column 9: a comma or } is missing before "b"'],
  ['{"a" "b"}', 'line 1, column 6: a colon is missing before "b"'],
  ['{"a": }', "line 1, column 7: a value is missing before }"],
  ['{"a": 1', "line 1, column 8: a comma or } is missing before the end of the file"],
  ["[1, 2", "line 1, column 6: a comma or ] is missing before the end of the file"],
  ["[1,]", "line 1, column 4: a value is missing before ]"],
  ["[1 2]", "line 1, column 4: a comma or ] is missing before 2"],
  ["[,1]", "line 1, column 2: a value is missing before ,"],
  ["{a: 1}", "line 1, column 2: a key in double quotes is missing before a"],
  ["{1: 1}", "line 1, column 2: a key in double quotes is missing before 1"],
  ["{'a': 1}", "line 1, column 2: a key in double quotes is missing before '"],
  [
    '{\r\n  // why\r\n  "a": 1}',
    "line 2, column 3: a key in double quotes is missing before // (JSON has no comments)",
  ],
  ['{"a": /* 1 */ 2}', "line 1, column 7: a value is missing before /* (JSON has no comments)"],
  ['{"a": 1}}', "line 1, column 9: } after the end of the JSON"],
  ['{"a": 1} {"b": 2}', "line 1, column 10: { after the end of the JSON"],
  ['{"a": "b', "line 1, column 7: a value is missing before a string that is wrong or does not end"],
  ['{"a": "b\nc"}', "line 1, column 7: a value is missing before a string that is wrong or does not end"],
  ['["\\x"]', "line 1, column 2: a value is missing before a string that is wrong or does not end"],
  ["[01]", "line 1, column 3: a comma or ] is missing before 1"],
  ["[1.]", "line 1, column 3: a comma or ] is missing before ."],
  ["[.5]", "line 1, column 2: a value is missing before ."],
  ["[+1]", "line 1, column 2: a value is missing before +"],
  ["[0x50]", "line 1, column 3: a comma or ] is missing before x"],
  ["[NaN]", "line 1, column 2: a value is missing before N"],
  ["[True]", "line 1, column 2: a value is missing before T"],
  ["[nullnull]", "line 1, column 6: a comma or ] is missing before null"],
  ["[１]", "line 1, column 2: a value is missing before １"],
  ["[\u00a01]", "line 1, column 2: a value is missing before \u00a0"],
  ['["😀" 😀]', "line 1, column 6: a comma or ] is missing before 😀"],
];

for (const [text, message] of WRONG) {
  Deno.test(`parseJson() refuses ${JSON.stringify(text)}: ${message}`, () => {
    assertThrows(() => JSON.parse(text), SyntaxError);
    assertEquals(assertThrows(() => parseJson(text), JsonError).message, message);
  });
}

Deno.test("parseJson() refuses a key that is there twice in one object, and takes it in two", () => {
  const twice = '{\n  "a": {"x": 1},\n  "b": {"x": 1, "\\u0078": 2}\n}';
  const { message } = assertThrows(() => parseJson(twice), JsonError);
  assertEquals(message, 'line 3, column 17: the key "\\u0078" is there twice');
  assertEquals(plain(parseJson('{"a": {"x": 1}, "b": {"x": 1}, "x": 1}')), {
    a: { x: 1 },
    b: { x: 1 },
    x: 1,
  });
});

Deno.test("parseJson() refuses brackets without end before they exhaust the stack", () => {
  const { message } = assertThrows(() => parseJson("[".repeat(1_000_000)), JsonError);
  assertEquals(message, "line 1, column 65: more than 64 brackets in each other");
});

Deno.test("parseJson() reads a string, and refuses one that does not end, of a million characters", () => {
  assertEquals(parseJson(`"${"a\\n".repeat(300_000)}"`), "a\n".repeat(300_000));
  assertThrows(() => parseJson(`"${"a\\n".repeat(300_000)}`), JsonError);
});

Deno.test("parseJson() quotes a long token in part", () => {
  const { message } = assertThrows(() => parseJson(`{"a": 1 "${"b".repeat(1000)}"}`), JsonError);
  assertEquals(message, `line 1, column 9: a comma or } is missing before "${"b".repeat(29)}…`);
});
