import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestWorld } from "../support/test_world.ts";

/** Options that need a value, and another option behind them. */
const SWALLOWING: readonly (readonly string[])[] = [
  ["map", "80", "--lifetime", "--udp"],
  ["map", "80", "-l", "--json"],
  ["map", "80", "-ul", "--quiet"],
  ["map", "80", "--exec", "--port-file", "port"],
  ["map", "80", "--port-file", "--quiet"],
  ["map", "80", "--state", "--no-color"],
  ["map", "80", "--config", "-q"],
  ["address", "--gateway", "--verbose"],
  ["address", "-i", "-v"],
  ["watch", "--for", "--", "80"],
  ["simulate", "--listen", "--json"],
];

for (const args of SWALLOWING) {
  Deno.test(`natpmp ${args.join(" ")} is a usage error that names both options`, async () => {
    const world = new TestWorld();
    const { exitCode, stderr, stdout } = await world.run(...args);
    const i = args.findLastIndex((arg, i) =>
      i > 0 && (args[i + 1]?.startsWith("-") ?? false) && arg.startsWith("-")
    );
    const [option, next] = [args[i]!, args[i + 1]!];
    assertEquals([exitCode, world.networksOpened, world.fakeMachine.files.size], [2, 0, 0]);
    const text = stderr + stdout;
    assertStringIncludes(text, `Option ${option === "-ul" ? "-l" : option} needs a value`);
    assertStringIncludes(text, `the option ${next} follows`);
  });
}

Deno.test("an option takes a value that looks like an option behind an equals sign", async () => {
  const world = new TestWorld();
  const { exitCode } = await world.run("map", "80", "--port-file=--port", "--exec=--hook");
  assertEquals([exitCode, world.fakeMachine.files.get("--port")], [0, "80\n"]);
  assertEquals(world.fakeMachine.hooks.map(({ command }) => command), ["--hook"]);
});

Deno.test("an option takes a negative number, and a lone dash, for its value", async () => {
  const cases = [
    [["map", "80", "--lifetime", "-1"], 'Cannot read --lifetime "-1"'],
    [["map", "80", "-t", "-1"], 'Cannot read --timeout "-1"'],
    [["address", "-g", "-1"], 'Cannot read --gateway "-1"'],
    [["map", "80", "-l", "-"], 'Cannot read --lifetime "-"'],
  ] as const;
  for (const [args, part] of cases) {
    const { exitCode, stderr } = await new TestWorld().run(...args);
    assertEquals(exitCode, 2);
    assertStringIncludes(stderr, part);
  }
});

Deno.test("did you mean names an option of the command, never another command's", async () => {
  const cases: readonly (readonly [readonly string[], string | undefined])[] = [
    [["map", "80", "--lifetme", "60"], "--lifetime"],
    [["--lifetme", "60", "map", "80"], "--lifetime"],
    [["address", "--lifetme", "60"], undefined],
    [["unmap", "80", "--exat"], undefined],
    [["unmap", "--al"], "--all"],
    [["address", "--al"], undefined],
    [["watch", "--kep"], "--keep"],
    [["map", "80", "--keepp"], undefined],
    [["status", "--prob"], "--probe"],
    [["address", "--prob"], undefined],
    [["address", "--gatway", "10.0.0.1"], "--gateway"],
    [["--kep"], "--keep"],
    [["simulate", "--gatway", "10.0.0.1"], undefined],
  ];
  for (const [args, meant] of cases) {
    const { exitCode, stderr } = await new TestWorld().run(...args);
    assertEquals(exitCode, 2);
    assertEquals(/did you mean (\S+)\?/.exec(stderr)?.[1], meant, args.join(" "));
  }
});
