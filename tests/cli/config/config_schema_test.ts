import { assert, assertEquals } from "@std/assert";
import { configSchema } from "../../../lib/cli/config/config_schema.ts";
import { runCommand } from "../../support/command.ts";
import { BAD, GOOD } from "./corpus.ts";

const FILE = new URL("../../../lib/cli/config/config.schema.json", import.meta.url);
const VALIDATOR = new URL("../../schema_validator/validate.ts", import.meta.url);

/** Whether the schema file holds for each of these values, by a validator that is not ours. */
async function holdsFor(values: readonly unknown[]): Promise<readonly boolean[]> {
  const command = [Deno.execPath(), "run", "-q", "--frozen", "--check", VALIDATOR.href];
  const { code, stdout, stderr } = await runCommand(command, {
    stdin: JSON.stringify({
      schema: JSON.parse(await Deno.readTextFile(FILE)),
      texts: values.map((value) => JSON.stringify(value)),
    }),
    timeoutMs: 60_000,
  });
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

Deno.test("config.schema.json is what the table says (else run scripts/write_config_schema.ts)", async () => {
  assertEquals(await Deno.readTextFile(FILE), `${JSON.stringify(configSchema(), null, 2)}\n`);
});

Deno.test("config.schema.json holds for what the parser reads, and for nothing that it could see is wrong", async () => {
  const bad = Object.values(BAD);
  const verdicts = await holdsFor([...Object.values(GOOD), ...bad.map(({ file }) => file)]);
  const expected = [
    ...Object.values(GOOD).map(() => true),
    ...bad.map(({ escapesSchema = false }) => escapesSchema),
  ];
  const names = [...Object.keys(GOOD), ...Object.keys(BAD)];
  assertEquals(
    names.map((name, i) => [name, verdicts[i]]),
    names.map((name, i) => [name, expected[i]]),
  );
});

Deno.test("config.schema.json has a sentence about every key", () => {
  const { properties } = configSchema() as { properties: Record<string, { description?: string }> };
  for (const [name, { description = "" }] of Object.entries(properties)) {
    assert(description.length > 10, name);
  }
});
