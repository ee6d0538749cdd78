import { assertEquals } from "@std/assert";
import { completionTable } from "../../../lib/cli/completions/completion_table.ts";
import { type CommandName, COMMANDS, OPTIONS, SHELLS } from "../../../lib/cli/option_table.ts";
import { parseSpecs } from "../../../lib/cli/specs.ts";
import { FAULTS, parseFault } from "../../../lib/simulator/mod.ts";

const TABLE = completionTable(FAULTS);
const NAMES = Object.keys(COMMANDS) as CommandName[];

Deno.test("completionTable() has every command with its summary, and every option", () => {
  assertEquals(
    TABLE.commands,
    NAMES.map((name) => ({ word: name, description: COMMANDS[name].summary })),
  );
  assertEquals(TABLE.options.map(([name]) => name), Object.keys(OPTIONS));
});

Deno.test("completionTable() knows whose operands are specs, and the words of the others", () => {
  assertEquals(TABLE.specCommands, ["map", "unmap", "watch", "doctor"]);
  const words = Object.fromEntries(
    TABLE.operands.map(([name, words]) => [name, words.map(({ word }) => word)]),
  );
  assertEquals(words, {
    service: ["cron", "systemd", "systemd-timer", "launchd", "windows-task"],
    completions: [...SHELLS],
    help: NAMES,
  });
});

Deno.test("completionTable() has the protocols that a spec can end with", () => {
  for (const protocol of TABLE.protocols) {
    const { specs } = parseSpecs([`80/${protocol}`], { defaultProtocols: ["tcp"], allowPortZero: false });
    assertEquals(specs.length, 1);
  }
  assertEquals(TABLE.protocols.length, 3);
});

Deno.test("completionTable() has each fault once, or once for each value that it can have", () => {
  const names = new Set(TABLE.faults.map(({ word }) => word.split("=")[0]!));
  assertEquals([...names], [...FAULTS.map(({ name }) => name), "help"]);
  const words = TABLE.faults.map(({ word }) => word);
  assertEquals(new Set(words).size, words.length);
  assertEquals(words.filter((word) => word.startsWith("opcode-error")), [
    "opcode-error=echo",
    "opcode-error=short",
  ]);
});

Deno.test("completionTable() has faults that --fault takes, as they are or with a value behind =", () => {
  for (const { word } of TABLE.faults) {
    if (word !== "help") parseFault(word.endsWith("=") ? `${word}10` : word);
  }
});

Deno.test("completionTable() tells the letters of options that take a value from those of flags", () => {
  assertEquals(TABLE.letters, { values: "gitl", flags: "uqvh" });
});
