import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { setColorEnabled } from "@std/fmt/colors";
import { helpText } from "../../lib/cli/help.ts";
import { type CommandName, COMMANDS } from "../../lib/cli/option_table.ts";
import { run } from "../../lib/cli/run.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { TestWorld } from "../support/test_world.ts";

for (const args of [["--help"], ["-h"], ["--help", "--json"], ["-hq"]]) {
  Deno.test(`natpmp ${args.join(" ")} prints the help and opens nothing`, async () => {
    const world = new TestWorld();
    assertEquals(await world.run(...args), { exitCode: 0, stdout: helpText(undefined, 80), stderr: "" });
    assertEquals(world.networksOpened, 0);
  });
}

for (const name of Object.keys(COMMANDS) as CommandName[]) {
  Deno.test(`natpmp ${name} --help prints how to use it`, async () => {
    const option = await new TestWorld().run(name, "--help");
    assertEquals(option, { exitCode: 0, stdout: helpText(name, 80), stderr: "" });
  });
}

Deno.test("natpmp COMMAND --help wins over what is wrong or missing there", async () => {
  const world = new TestWorld();
  const { exitCode, stdout } = await world.run("map", "70000", "--help");
  assertEquals([exitCode, stdout, world.received], [0, helpText("map", 80), 0]);
});

for (const args of [["--version"], ["map", "--version"], ["--version", "-q"]]) {
  Deno.test(`natpmp ${args.join(" ")} prints the version of deno.json`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run(...args);
    assertEquals([exitCode, stdout, stderr], [0, `natpmp ${denoJson.version}\n`, ""]);
    assertEquals(world.networksOpened, 0);
  });
}

Deno.test("natpmp --version --json prints one object", async () => {
  assertEquals((await new TestWorld().runJson("--version")).json.version, denoJson.version);
});

for (
  const [args, guess] of [
    [["maps", "80"], "did you mean map?"],
    [["adress"], "did you mean address?"],
    [["help", "unmpa"], "did you mean unmap?"],
    [["help", "crn"], "did you mean cron?"],
    [["map", "80", "--lifetme", "60"], "did you mean --lifetime?"],
    [["map", "80", "--jsno"], "did you mean --json?"],
  ] as const
) {
  Deno.test(`natpmp ${args.join(" ")} asks: ${guess}`, async () => {
    assertStringIncludes((await new TestWorld().run(...args)).stderr, guess);
    const { json } = await new TestWorld().runJson(...args);
    assertStringIncludes(`${json.error?.message}`, guess);
  });
}

Deno.test("natpmp guesses nothing for a word that is like no command, and lists the commands", async () => {
  const { stderr } = await new TestWorld().run("frobnicate");
  assertNotMatch(stderr, /did you mean/);
  for (const name of Object.keys(COMMANDS)) assertStringIncludes(stderr, name);
});

Deno.test("natpmp without a command lists the commands and names natpmp help", async () => {
  const { exitCode, stderr } = await new TestWorld().run();
  assertEquals(exitCode, 2);
  assertStringIncludes(
    stderr,
    "No command is given: natpmp help explains the commands, which are address, map,",
  );
});

Deno.test("natpmp --json names the command of a usage error, where there is one", async () => {
  const { json } = await new TestWorld().runJson("map", "70000");
  assertEquals(json.command, "map");
  assertEquals((await new TestWorld().runJson("map", "--frobnicate")).json.command, "map");
  assertEquals(Object.hasOwn((await new TestWorld().runJson()).json, "command"), false);
});

Deno.test("natpmp colours its labels on a terminal", async () => {
  setColorEnabled(true);
  const { stderr } = await new TestWorld({ isTerminal: true }).run("map", "70000");
  // deno-lint-ignore no-control-regex
  assertMatch(stderr, /^natpmp: \x1b\[31merror\x1b\[39m: /);
});

Deno.test("natpmp colours nothing with --no-color, with NO_COLOR, or where no terminal is", async () => {
  setColorEnabled(true);
  const plain = [
    await new TestWorld({ isTerminal: true }).run("map", "70000", "--no-color"),
    await new TestWorld({ isTerminal: true }).run("--no-color", "map", "--frobnicate"),
    await new TestWorld({ isTerminal: true, allowsColor: false }).run("map", "70000"),
    await new TestWorld().run("map", "70000"),
  ];
  for (const { stderr } of plain) assertEquals(stderr.includes("\x1b"), false);
});

/** A world in which something of ours is broken. */
function brokenWorld(): TestWorld {
  const world = new TestWorld();
  world.findGateway = () => Promise.reject(new TypeError("x is not a function"));
  return world;
}

Deno.test("run() tells a defect of ours in one line and ends with 1", async () => {
  const { exitCode, stdout, stderr } = await brokenWorld().run("address");
  assertEquals([exitCode, stdout, stderr], [1, "", "natpmp: error: x is not a function\n"]);
});

Deno.test("run() shows the stack trace of a defect of ours with --verbose", async () => {
  const { stderr } = await brokenWorld().run("address", "--verbose");
  assertMatch(stderr, /^natpmp: error: x is not a function\n(.|\n)*^ +at /m);
});

Deno.test("run() --json tells a defect of ours as a failure", async () => {
  const { exitCode, json } = await brokenWorld().runJson("address");
  assertEquals([exitCode, json.command, json.error?.kind], [1, "address", "failure"]);
});

Deno.test("run() shows no stack trace of a usage error with --verbose", async () => {
  for (const args of [["map", "70000", "-v"], ["-v"], ["map", "-v", "--frobnicate"]]) {
    assertMatch((await new TestWorld().run(...args)).stderr, /^natpmp: error: [^\n]+\n$/);
  }
});

Deno.test("run() ends with 130 and sends nothing when it was stopped before it began", async () => {
  const world = new TestWorld();
  world.stop("SIGINT");
  assertEquals((await world.run("map", "80")).exitCode, 130);
  assertEquals(world.received, 0);
});

Deno.test("run() prints one line of JSON whatever was printed before", async () => {
  const world = new TestWorld();
  await run(["--version", "--json"], world);
  await run(["--version", "--json"], world);
  assertEquals(world.stdout.text.trimEnd().split("\n").map((line) => JSON.parse(line).command), [
    "version",
    "version",
  ]);
});
