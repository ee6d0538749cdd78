import { assertEquals } from "@std/assert";
import {
  type ConfigKey,
  CONTRADICTION,
  FILE_KEYS,
  MAPPING_KEYS,
} from "../../../lib/cli/config/config_keys.ts";
import { OPTIONS, type OptionSpec } from "../../../lib/cli/option_table.ts";

const KEYS: readonly (readonly [string, ConfigKey<unknown>])[] = Object.entries(FILE_KEYS);

Deno.test("FILE_KEYS are those of the contract, each option under its own name", () => {
  const names = KEYS.map(([name]) => name);
  assertEquals(
    names,
    ["$schema", "gateway", "interface", "source", "via", "igd", "timeout", "lifetime", "exact"]
      .concat("anyPort", "allowPortZero", "exec", "portFile", "mappings"),
  );
  for (const [name, { option }] of KEYS) {
    if (option === undefined) continue;
    assertEquals(name, option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  }
});

Deno.test("FILE_KEYS have true or false for flags, and only for them", () => {
  for (const [name, { option, kind }] of KEYS) {
    if (option === undefined) continue;
    const spec: OptionSpec = OPTIONS[option];
    assertEquals([name, kind.schema.type === "boolean"], [name, spec.value === undefined]);
  }
});

Deno.test("FILE_KEYS are options of map and of watch", () => {
  for (const [name, { option }] of KEYS) {
    const commands: readonly string[] = option === undefined ? ["map", "watch"] : OPTIONS[option].commands;
    assertEquals([name, commands.includes("map"), commands.includes("watch")], [name, true, true]);
  }
});

Deno.test("MAPPING_KEYS are those of the contract, and only the internal port has to be there", () => {
  const keys: readonly (readonly [string, ConfigKey<unknown>])[] = Object.entries(MAPPING_KEYS);
  assertEquals(
    keys.map(([name]) => name),
    ["name", "external", "internal", "protocol", "lifetime", "exact"]
      .concat("anyPort", "exec", "portFile"),
  );
  assertEquals(keys.filter(([, { isRequired }]) => isRequired).map(([name]) => name), ["internal"]);
});

Deno.test("CONTRADICTION is of keys that both objects have", () => {
  for (const name of CONTRADICTION) assertEquals([name in FILE_KEYS, name in MAPPING_KEYS], [true, true]);
});
