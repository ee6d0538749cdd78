import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import { type CommandLine, parseCommandLine } from "../../lib/cli/args.ts";
import { OPTIONS } from "../../lib/cli/option_table.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

/** The parts of a command line that were given. */
function read(...args: string[]): Record<string, unknown> {
  const line: CommandLine = parseCommandLine(args);
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]) {
    const values = line.values(name);
    if ("value" in OPTIONS[name] ? values.length > 0 : line.has(name)) {
      given[name] = "value" in OPTIONS[name] ? values : true;
    }
  }
  return { command: line.command, operands: line.operands, ...given };
}

Deno.test("parseCommandLine() reads a command, its operands and nothing else", () => {
  assertEquals(read("map", "8080:80", "53/udp"), { command: "map", operands: ["8080:80", "53/udp"] });
});

Deno.test("parseCommandLine() lets options stand before and after the command and among the operands", () => {
  const expected = { command: "map", operands: ["80", "443"], udp: true, lifetime: ["60"], json: true };
  assertEquals(read("-u", "--json", "-l", "60", "map", "80", "443"), expected);
  assertEquals(read("map", "-u", "80", "-l", "60", "443", "--json"), expected);
  assertEquals(read("map", "80", "443", "--json", "--udp", "--lifetime", "60"), expected);
});

for (
  const [args, expected] of [
    [["-uq"], { udp: true, quiet: true }],
    [["-qu"], { udp: true, quiet: true }],
    [["-l60"], { lifetime: ["60"] }],
    [["-l", "60"], { lifetime: ["60"] }],
    [["-l=60"], { lifetime: ["60"] }],
    [["-ul60"], { udp: true, lifetime: ["60"] }],
    [["-ul", "60"], { udp: true, lifetime: ["60"] }],
    [["-uqvl60"], { udp: true, quiet: true, verbose: true, lifetime: ["60"] }],
    [["-lu60"], { lifetime: ["u60"] }],
    [["--lifetime=2h"], { lifetime: ["2h"] }],
    [["--lifetime", "2h"], { lifetime: ["2h"] }],
    [["-t", "-1"], { timeout: ["-1"] }],
    [["-g10.0.0.1:5352"], { gateway: ["10.0.0.1:5352"] }],
    [["--gateway=a=b"], { gateway: ["a=b"] }],
    [["--no-color"], { "no-color": true }],
    [["--any-port", "--allow-port-zero"], { "any-port": true, "allow-port-zero": true }],
    [["--udp", "--udp"], { udp: true }],
    [["-h"], { help: true }],
  ] as const
) {
  Deno.test(`parseCommandLine() reads ${args.join(" ")}`, () => {
    assertEquals(read("map", "80", ...args), { command: "map", operands: ["80"], ...expected });
  });
}

Deno.test("parseCommandLine() takes everything after -- for operands", () => {
  assertEquals(read("map", "-u", "--", "80", "--json", "-q", "--"), {
    command: "map",
    operands: ["80", "--json", "-q", "--"],
    udp: true,
  });
});

Deno.test("parseCommandLine() takes the command from after -- too", () => {
  assertEquals(read("-q", "--", "map", "80"), { command: "map", operands: ["80"], quiet: true });
});

Deno.test("parseCommandLine() takes a negative number and a lone dash for operands", () => {
  assertEquals(read("map", "-1", "-"), { command: "map", operands: ["-1", "-"] });
});

Deno.test("parseCommandLine() keeps empty operands", () => {
  assertEquals(read("map", "", "80"), { command: "map", operands: ["", "80"] });
});

Deno.test("parseCommandLine() has no command when none was given", () => {
  assertFalse("command" in parseCommandLine([]));
  assertEquals(read("--version"), { command: undefined, operands: [], version: true });
});

Deno.test("parseCommandLine() keeps every value of an option that repeats", () => {
  const line = parseCommandLine(["simulate", "--fault", "silent", "--fault=latency=5"]);
  assertEquals(line.values("fault"), ["silent", "latency=5"]);
  assertEquals(line.value("fault"), "latency=5");
  assertEquals(line.value("listen"), undefined);
});

Deno.test("parseCommandLine() refuses what does not fit the table, in words that name it", () => {
  const wrong: readonly (readonly [readonly string[], string])[] = [
    [["frobnicate"], '"frobnicate"'],
    [["map", "--frobnicate"], "--frobnicate"],
    [["map", "-ux"], "-x"],
    [["map", "--udp=1"], "--udp"],
    [["map", "-l"], "-l"],
    [["map", "--lifetime="], "--lifetime"],
    [["address", "--exact"], "--exact"],
    [["map", "-l1", "-l2"], "--lifetime"],
  ];
  for (const [args, named] of wrong) assertThrows(() => parseCommandLine(args), UsageError, named);
});

Deno.test("parseCommandLine() says what an option's value is when it is missing", () => {
  assertThrows(() => parseCommandLine(["map", "-g"]), UsageError, "ADDR[:PORT]");
});

Deno.test("parseCommandLine() hands on what may have been mistyped", () => {
  const command = assertThrows(() => parseCommandLine(["maps"]), UsageError);
  assertEquals(command.misspelling?.word, "maps");
  const option = assertThrows(() => parseCommandLine(["map", "--lifetme=60"]), UsageError);
  assertEquals(option.misspelling?.word, "--lifetme");
});

Deno.test("isTyped() tells of flags and of options whether they were given", () => {
  const line = parseCommandLine(["map", "80", "-u", "--lifetime", "60"]);
  const names = ["udp", "lifetime", "tcp", "exec"] as const;
  assertEquals(names.map((name) => line.isTyped(name)), [true, true, false, false]);
});
