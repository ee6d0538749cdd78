import { assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { helpText } from "../../../lib/cli/help.ts";
import { type CommandName, COMMANDS, TOPICS } from "../../../lib/cli/option_table.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const COMMANDS_WITHOUT_PAGE = (Object.keys(COMMANDS) as CommandName[])
  .filter((name) => !TOPICS.some((topic) => topic === name));

async function help(args: readonly string[], options?: TestWorldOptions, columns = 80): Promise<string> {
  const world = new TestWorld(options);
  world.stdout.terminalSize = { columns, rows: 24 };
  const { exitCode, stdout, stderr } = await world.run("help", ...args);
  assertEquals([exitCode, stderr, world.networksOpened, world.processesOpened], [0, "", 0, 0]);
  return stdout;
}

Deno.test("natpmp help lists every command and topic with what it is about, and prints no page", async () => {
  const text = await help([]);
  for (const name of [...Object.keys(COMMANDS), ...TOPICS]) {
    assertMatch(text, new RegExp(`^  ${name} +\\S`, "m"));
  }
  assertEquals(text.split("\n").filter(({ length }) => length > 80), []);
});

for (const topic of TOPICS) {
  Deno.test(`natpmp help ${topic} prints the page`, async () => {
    const text = await help([topic]);
    assertMatch(text, new RegExp(`^${topic}: [a-z]`));
    assertMatch(text, /[^\n]\n$/);
    // Code is as it is.
    const long = text.split("\n").filter((line) => line.length > 80 && !line.startsWith("    "));
    assertEquals(long, []);
    assertFalse(/\n\n\n| $/m.test(text));
  });
}

for (const name of COMMANDS_WITHOUT_PAGE) {
  Deno.test(`natpmp help ${name} prints how to use it, as it has no page`, async () => {
    assertEquals(await help([name]), helpText(name, 80));
  });
}

Deno.test("natpmp help TOPIC fits the terminal, up to 100 columns and down to 40", async () => {
  for (const [columns, most] of [[60, 60], [200, 100], [20, 40]] as const) {
    const text = await help(["exit-codes"], { isTerminal: true, allowsColor: false }, columns);
    const widest = text.split("\n").filter((line) => !line.startsWith("    ")).map(({ length }) => length);
    assertEquals(Math.max(...widest) <= most, true);
    assertEquals(Math.max(...widest) > most - 12, true);
  }
  // A pipe has no width.
  assertEquals(await help(["exit-codes"], {}, 60), await help(["exit-codes"], {}, 200));
});

Deno.test("natpmp help TOPIC has bold headings on a terminal that allows them, and nowhere else", async () => {
  const styled = await help(["map"], { isTerminal: true });
  assertEquals(styled.startsWith("\x1b[1mmap: "), true);
  const plain = await help(["map"]);
  // deno-lint-ignore no-control-regex
  assertEquals(styled.replace(/\x1b\[[0-9]+m/g, ""), plain);
  assertEquals(await help(["map", "--no-color"], { isTerminal: true }), plain);
  assertEquals(await help(["map"], { isTerminal: true, allowsColor: false }), plain);
});

Deno.test("natpmp help with a topic that does not exist is a usage error that suggests the nearest", async () => {
  for (
    const [topic, guess] of [
      ["exit-code", "exit-codes"],
      ["exit", "exit-codes"],
      ["CRON", "cron"],
      ["adress", "address"],
    ] as const
  ) {
    const { exitCode, stdout, stderr } = await new TestWorld().run("help", topic);
    assertEquals([exitCode, stdout], [2, ""]);
    assertStringIncludes(stderr, `Unknown topic "${topic}": natpmp help lists the commands and topics`);
    assertStringIncludes(stderr, `did you mean ${guess}?`);
  }
});

Deno.test("natpmp help takes one topic", async () => {
  const { exitCode, stderr } = await new TestWorld().run("help", "map", "watch");
  assertEquals(exitCode, 2);
  assertStringIncludes(stderr, '"watch"');
});
