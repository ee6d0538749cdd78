/**
 * Characters that a terminal obeys, or hides, or lets other text run backwards for: none of them gets to a terminal,
 * wherever text from outside is printed. JSON has the same values as ever.
 *
 * @module
 */

import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { formatState } from "../../lib/state/format.ts";
import { TestWorld, type TestWorldOptions } from "../support/test_world.ts";

/** Controls but the line's end (Cc), marks of direction and of zero width (Cf), separators of lines (Zl, Zp). */
const HIDDEN = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Each shows something else than it is, or moves the cursor. */
const CHARACTERS: Readonly<Record<string, readonly [character: string, escaped: string]>> = {
  "a right-to-left override": ["\u202e", "\\u202e"],
  "a right-to-left isolate": ["\u2067", "\\u2067"],
  "a zero width space": ["\u200b", "\\u200b"],
  "a byte order mark": ["\ufeff", "\\ufeff"],
  "a soft hyphen": ["\u00ad", "\\u00ad"],
  "a tag, beyond 16 bits": ["\u{e0041}", "\\udb40\\udc41"],
  "a line separator": ["\u2028", "\\u2028"],
  "an escape": ["\x1b", "\\u001b"],
  "a C1 control": ["\x9b", "\\u009b"],
  "a delete": ["\x7f", "\\u007f"],
};

for (const [what, [character, escaped]] of Object.entries(CHARACTERS)) {
  Deno.test(`a message escapes ${what}`, async () => {
    const { exitCode, stderr } = await new TestWorld().run("map", `80${character}`);
    assertEquals(exitCode, 2);
    assertNotMatch(stderr, HIDDEN);
    assertStringIncludes(stderr, `80${escaped}`);
  });

  Deno.test(`JSON escapes ${what}, and means the same`, async () => {
    const world = new TestWorld();
    const { json } = await world.runJson("map", `80${character}`);
    assertNotMatch(world.stdout.text, HIDDEN);
    assertStringIncludes(world.stdout.text, `80${escaped}`);
    assertStringIncludes(String(json.error?.message), `80${character}`);
  });
}

Deno.test("letters of every script, and what joins them to nothing, are printed as they are", async () => {
  const { stderr } = await new TestWorld().run("map", "80é日本עברית😀");
  assertStringIncludes(stderr, "80é日本עברית😀");
});

/** The name of a file or an interface, as somebody else may have chosen it. */
const NAME = "a\u202eb\u200bc\x1b[2Jd\ne";
const ESCAPED = "a\\u202eb\\u200bc\\u001b[2Jd\\u000ae";

async function printed(options: TestWorldOptions, ...args: string[]) {
  const world = new TestWorld(options);
  const { stdout, stderr } = await world.run(...args);
  assertNotMatch(stdout + stderr, HIDDEN);
  return { stdout, stderr };
}

const FOUND = { guessed: true, reason: `a route through ${NAME}` };

Deno.test("the name of an interface is escaped in a note, and in what --verbose adds", async () => {
  for (const found of [FOUND, { ...FOUND, guessed: false }]) {
    const { stderr } = await printed({ found }, "address", "-v");
    assertStringIncludes(stderr, `Router 10.0.0.1: a route through ${ESCAPED}\n`);
  }
});

Deno.test("the name of an interface is escaped in doctor's report", async () => {
  const interfaces = [{
    name: NAME,
    family: "IPv4" as const,
    address: "10.0.0.2",
    netmask: "255.255.255.0",
    mac: "02:00:00:00:00:02",
  }];
  const { stdout } = await printed({ survey: { interfaces } }, "doctor");
  assertStringIncludes(stdout, `  ${ESCAPED} 10.0.0.2/24\n`);
});

Deno.test("what the state says is escaped in status", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  world.stdout.text = "";
  const { files, path, state } = world.fakeStatePaths;
  const gateways = state.gateways.map((gateway) => ({
    ...gateway,
    entries: gateway.entries.map((entry) => ({ ...entry, config: `/${NAME}` })),
  }));
  files.texts.set(path, formatState({ ...state, gateways }));
  const { stdout } = await world.run("status");
  assertNotMatch(stdout, HIDDEN);
  assertStringIncludes(stdout, `/${ESCAPED}\n`);
});

Deno.test("what a configuration says is escaped in map --check", async () => {
  const world = new TestWorld();
  const mapping = { external: 80, internal: 80, exec: NAME, portFile: `/${NAME}` };
  world.fakeMachine.files.set("/natpmp.json", JSON.stringify({ mappings: [mapping] }));
  const { exitCode, stdout } = await world.run("map", "--config", "/natpmp.json", "--check");
  assertEquals(exitCode, 0);
  assertNotMatch(stdout, HIDDEN);
  assertStringIncludes(stdout, 'exec "a\\u202eb\\u200bc\\u001b[2Jd\\ne"');
  assertStringIncludes(stdout, 'port file "/a\\u202eb\\u200bc\\u001b[2Jd\\ne"');
});

/** A world in which `watch` cannot remember, for a reason that is a name. */
function watching(isTerminal: boolean): TestWorld {
  const world = new TestWorld({ isTerminal, found: FOUND });
  world.fakeStatePaths.files.writeFailure = new Error(NAME);
  return world;
}

Deno.test("what watch warns of is escaped in its lines and its objects", async () => {
  const lines = await watching(false).run("watch", "80", "--for", "1m");
  assertNotMatch(lines.stdout + lines.stderr, HIDDEN);
  assertStringIncludes(lines.stderr, ESCAPED);
  const world = watching(false);
  world.fakeMachine.hookEnd = () => {
    throw new Error(NAME);
  };
  const { stdout } = await world.run("watch", "80", "--for", "1m", "--json", "--exec", "hook");
  assertNotMatch(stdout, HIDDEN);
  assertMatch(stdout, /\\u202e/);
});

Deno.test("what watch warns of is escaped in its table", async () => {
  const { stdout } = await watching(true).run("watch", "80", "--for", "1s");
  // deno-lint-ignore no-control-regex
  const tables = stdout.split(/(?:\x1b\[[0-9]+F)?\x1b\[J/);
  for (const table of tables) assertNotMatch(table, HIDDEN);
  assertStringIncludes(tables.at(-1)!, ESCAPED);
});

Deno.test("a defect's trace with --verbose keeps its lines, and nothing else that is hidden", async () => {
  const world = new TestWorld();
  world.network = () => Promise.reject(new TypeError(NAME));
  const { exitCode, stderr } = await world.run("address", "-v");
  assertEquals(exitCode, 1);
  assertNotMatch(stderr, HIDDEN);
  assertMatch(stderr, /\n {4}at /);
});
