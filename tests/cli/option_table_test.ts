import { assertEquals, assertMatch } from "@std/assert";
import { type CommandName, COMMANDS, OPTIONS, optionsOf, type OptionSpec } from "../../lib/cli/option_table.ts";

const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

Deno.test("COMMANDS are those that there are so far, in the order of the contract", () => {
  assertEquals(Object.keys(COMMANDS), ["address", "map", "unmap", "simulate", "help"]);
});

Deno.test("OPTIONS have the letters of the contract, each once", () => {
  const letters = SPECS.flatMap(([name, { short }]) => short === undefined ? [] : [[short, name]]);
  assertEquals(Object.fromEntries(letters), {
    g: "gateway",
    t: "timeout",
    l: "lifetime",
    u: "udp",
    q: "quiet",
    v: "verbose",
    h: "help",
  });
  assertEquals(new Set(letters.map(([letter]) => letter)).size, letters.length);
});

Deno.test("OPTIONS belong to the commands of the contract", () => {
  const talking: CommandName[] = ["address", "map", "unmap"];
  const all: CommandName[] = [...talking, "simulate", "help"];
  const mapping: CommandName[] = ["map", "unmap"];
  assertEquals(Object.fromEntries(SPECS.map(([name, { commands }]) => [name, [...commands]])), {
    "gateway": talking,
    "timeout": talking,
    "lifetime": ["map"],
    "udp": mapping,
    "tcp": mapping,
    "both": mapping,
    "all": ["unmap"],
    "exact": ["map"],
    "any-port": ["map"],
    "allow-port-zero": ["map"],
    "listen": ["simulate"],
    "external": ["simulate"],
    "max-lifetime": ["simulate"],
    "fault": ["simulate"],
    "json": all,
    "quiet": all,
    "verbose": all,
    "no-color": all,
    "help": all,
    "version": all,
  });
});

Deno.test("OPTIONS that take a value are those of the contract, and only --fault repeats", () => {
  const withValue = SPECS.filter(([, { value }]) => value !== undefined).map(([name]) => name);
  assertEquals(withValue, [
    "gateway",
    "timeout",
    "lifetime",
    "listen",
    "external",
    "max-lifetime",
    "fault",
  ]);
  assertEquals(SPECS.filter(([, { repeats }]) => repeats).map(([name]) => name), ["fault"]);
});

Deno.test("OPTIONS have names that a shell needs no quotes for, and a help of one line", () => {
  for (const [name, { help }] of SPECS) {
    assertMatch(name, /^[a-z]+(-[a-z]+)*$/);
    assertMatch(help, /^[^\n]+$/);
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
