/** Writes the JSON Schema of configuration files anew, after the table of their keys has changed. */

import { configSchema } from "../lib/cli/config/config_schema.ts";

const FILE = new URL("../lib/cli/config/config.schema.json", import.meta.url);

await Deno.writeTextFile(FILE, `${JSON.stringify(configSchema(), null, 2)}\n`);
