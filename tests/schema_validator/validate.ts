/**
 * Reads `{"schema": …, "texts": […]}` from standard input and prints, for each text of JSON, whether the schema holds,
 * as a list of booleans. A directory with its own lock file, as `deno compile` puts every package of the project's
 * lock file into the binary.
 *
 * @module
 */

import { Ajv } from "ajv";

const { schema, texts } = await new Response(Deno.stdin.readable).json();
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(
  schema,
);
console.log(
  JSON.stringify(texts.map((text: string) => validate(JSON.parse(text)))),
);
