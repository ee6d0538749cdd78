import { assertEquals, assertMatch } from "@std/assert";
import { COMMANDS, OPTIONS, optionsOf, type OptionSpec } from "../../lib/cli/option_table.ts";

const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

/** The commands of the contract, in its order. */
const CONTRACT_COMMANDS = [
  "address",
  "map",
  "unmap",
  "watch",
  "list",
  "status",
  "doctor",
  "service",
  "simulate",
  "completions",
  "help",
];

const TALKING = ["address", "map", "unmap", "watch", "list", "status", "doctor"];
const MAPPING = ["map", "unmap", "watch", "doctor"];
const REMEMBERING = ["map", "unmap", "watch", "status"];
const KEEPING = ["map", "watch"];
const ALL = CONTRACT_COMMANDS;

/** The options of the contract: letter, whether a value follows, commands. `doctor` takes specs, so their protocols. */
const CONTRACT: Readonly<
  Record<string, readonly [letter: string, hasValue: boolean, commands: readonly string[]]>
> = {
  "gateway": ["g", true, TALKING],
  "interface": ["i", true, TALKING],
  "source": ["", true, TALKING],
  "timeout": ["t", true, TALKING],
  "lifetime": ["l", true, KEEPING],
  "udp": ["u", false, MAPPING],
  "tcp": ["", false, MAPPING],
  "both": ["", false, MAPPING],
  "all": ["", false, ["unmap"]],
  "exact": ["", false, KEEPING],
  "via": ["", true, TALKING],
  "igd": ["", true, TALKING],
  "force": ["", false, ["map", "unmap"]],
  "mine": ["", false, ["list"]],
  "any-port": ["", false, KEEPING],
  "allow-port-zero": ["", false, KEEPING],
  "for-host": ["", true, ["map", "unmap"]],
  "exec": ["", true, KEEPING],
  "port-file": ["", true, KEEPING],
  "config": ["", true, ["map", "unmap", "watch", "status", "service"]],
  "check": ["", false, ["map", "status"]],
  "if-due": ["", false, ["map"]],
  "state": ["", true, REMEMBERING],
  "no-state": ["", false, REMEMBERING],
  "probe": ["", false, ["status"]],
  "keep": ["", false, ["watch"]],
  "for": ["", true, ["watch"]],
  "listen": ["", true, ["simulate"]],
  "ssdp-port": ["", true, ["simulate"]],
  "http-port": ["", true, ["simulate"]],
  "upnp-version": ["", true, ["simulate"]],
  "external": ["", true, ["simulate"]],
  "max-lifetime": ["", true, ["simulate"]],
  "speak": ["", true, ["simulate"]],
  "fault": ["", true, ["simulate"]],
  "json": ["", false, ALL],
  "quiet": ["q", false, ALL],
  "verbose": ["v", false, ALL],
  "no-color": ["", false, ALL],
  "help": ["h", false, ALL],
  "version": ["", false, ALL],
};

Deno.test("COMMANDS are those of the contract that there are so far, in its order", () => {
  const commands = Object.keys(COMMANDS);
  assertEquals(commands, CONTRACT_COMMANDS.filter((name) => commands.includes(name)));
});

Deno.test("OPTIONS have the letters, values and commands of the contract", () => {
  const commands = Object.keys(COMMANDS);
  for (const [name, { short = "", value, commands: own }] of SPECS) {
    const [letter, hasValue, all] = CONTRACT[name] ?? [];
    assertEquals(
      { name, short, hasValue: value !== undefined, commands: [...own].sort() },
      {
        name,
        short: letter ?? "not in the contract",
        hasValue: hasValue ?? false,
        commands: (all ?? []).filter((command) => commands.includes(command)).sort(),
      },
    );
  }
});

Deno.test("OPTIONS have each letter once, and only --fault repeats", () => {
  const letters = SPECS.flatMap(([, { short }]) => short === undefined ? [] : [short]);
  assertEquals(new Set(letters).size, letters.length);
  assertEquals(SPECS.filter(([, { repeats }]) => repeats).map(([name]) => name), ["fault"]);
});

Deno.test("OPTIONS have names that a shell needs no quotes for, and a help of one line", () => {
  for (const [name, { help }] of SPECS) {
    assertMatch(name, /^[a-z]+(-[a-z]+)*$/);
    assertMatch(help, /^[^\n]+$/);
  }
});

Deno.test("OPTIONS say how to complete a value only where there is one", () => {
  for (const [name, { value, completes }] of SPECS) {
    if (completes !== undefined) assertEquals(typeof value, "string", name);
  }
  for (const name of ["config", "state", "port-file"]) {
    assertEquals(SPECS.find(([option]) => option === name)?.[1].completes, "file");
  }
});

Deno.test("COMMANDS whose operand is one of some words show these words", () => {
  const words = Object.values(COMMANDS).filter(({ completes }) => typeof completes === "object");
  assertEquals(words.length, 2);
  for (const { operands, completes } of words) assertEquals(operands.split(" | "), completes);
});

Deno.test("COMMANDS have operands exactly where something completes them", () => {
  for (const [name, { operands, completes }] of Object.entries(COMMANDS)) {
    assertEquals(completes === undefined, operands === "", name);
    assertEquals(completes === "spec", operands.includes("SPEC"), name);
  }
});

Deno.test("optionsOf() has those of one command, or all", () => {
  assertEquals(optionsOf().length, SPECS.length);
  assertEquals(optionsOf("help").map(([name]) => name), [
    "json",
    "quiet",
    "verbose",
    "no-color",
    "help",
    "version",
  ]);
});
