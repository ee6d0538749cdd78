import { assertEquals, assertMatch } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { configured } from "../../../lib/cli/config/configured.ts";
import { Output } from "../../../lib/cli/output.ts";
import { TestWorld } from "../../support/test_world.ts";
import { BAD } from "./corpus.ts";

const PATH = "/etc/natpmp.json";

function worldWith(text: string): TestWorld {
  const world = new TestWorld();
  world.fakeMachine.files.set(PATH, text);
  return world;
}

function contextOf(world: TestWorld, ...args: string[]) {
  return { line: parseCommandLine(args), world, output: new Output(world, { json: false, quiet: false }) };
}

Deno.test("configured() leaves a command without --config as it is, and asks nothing of the machine", async () => {
  const world = new TestWorld();
  const context = contextOf(world, "map", "80");
  assertEquals(await configured(context), { context });
  assertEquals(world.processesOpened, 0);
});

Deno.test("configured() adds the file's options to the command line", async () => {
  const given = contextOf(worldWith('{"gateway": "10.0.0.9", "mappings": []}'), "map", "--config", PATH);
  const { context, config } = await configured(given);
  assertEquals([context.line.value("gateway"), config?.path], ["10.0.0.9", PATH]);
});

/** Files that are wrong, by what is wrong with them: JSON that cannot be meant, and what is no JSON. */
const WRONG: readonly (readonly [what: string, text: string])[] = [
  ...Object.entries(BAD).map(([what, { file }]) => [what, JSON.stringify(file)] as const),
  ["nothing in it", ""],
  ["a comma too many", '{"mappings": ["80",]}'],
  ["a comment", '{\n  // mine\n  "mappings": []\n}'],
  ["a key that is there twice", '{"mappings": ["80"], "mappings": ["81"]}'],
  ["control characters in a key", '{"\\u001b[31m\\n": 1}'],
];

for (const command of ["map", "unmap", "watch", "map --check"]) {
  Deno.test(`natpmp ${command} --config with a file that is wrong: exit 2, one line, nothing sent`, async (t) => {
    for (const [what, text] of WRONG) {
      await t.step(what, async () => {
        const world = worldWith(text);
        const { exitCode, stdout, stderr } = await world.run(...command.split(" "), "--config", PATH);
        assertEquals(exitCode, 2);
        assertMatch(stderr, /^natpmp: error: \/etc\/natpmp\.json: \P{Cc}+\n$/u);
        assertEquals([stdout, world.requests.length, world.networksOpened], ["", 0, 0]);
      });
    }
  });
}

Deno.test("natpmp --json with a file that is wrong prints one object with the kind usage", async () => {
  const { exitCode, json, stderr } = await worldWith('{"gatway": "10.0.0.1"}').runJson(
    "map",
    "--config",
    PATH,
  );
  assertEquals([exitCode, json.command, json.error?.kind, stderr], [2, "map", "usage", ""]);
  assertMatch(
    String(json.error?.message),
    /^\/etc\/natpmp\.json: gatway: Unknown key: .*; did you mean gateway\?$/,
  );
});

for (const command of ["map", "unmap", "watch", "map --check"]) {
  Deno.test(`natpmp ${command} without the file that --config names: exit 2, one line, nothing sent`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run(...command.split(" "), "--config", "none.json");
    assertEquals([exitCode, stdout], [2, ""]);
    assertEquals(
      stderr,
      "natpmp: error: Cannot read the configuration file /work/none.json: No such file or directory (os error 2)\n",
    );
    assertEquals([world.requests.length, world.fakeMachine.fileHistory], [0, []]);
  });

  Deno.test(`natpmp ${command} takes mappings from the file or from the command line, not both`, async () => {
    const world = worldWith('{"mappings": ["80"]}');
    const { exitCode, stdout, stderr } = await world.run(...command.split(" "), "443", "--config", PATH);
    assertEquals([exitCode, stdout, world.requests.length], [2, "", 0]);
    assertEquals(
      stderr,
      `natpmp: error: Mappings come from ${PATH} or from the command line, not both: leave out "443"\n`,
    );
  });
}

for (const command of ["map", "unmap", "map --check"]) {
  Deno.test(`natpmp ${command} wants a file that lists mappings`, async () => {
    const world = worldWith('{"gateway": "10.0.0.1"}');
    const { exitCode, stderr } = await world.run(...command.split(" "), "--config", PATH);
    assertEquals([exitCode, world.requests.length], [2, 0]);
    assertEquals(stderr, `natpmp: error: ${PATH}: mappings: It is missing, so there is nothing to map\n`);
  });
}
