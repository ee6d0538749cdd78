/**
 * A process that writes a file whole and says what came of it: `replacing_process.ts FILE BYTES`.
 *
 * @module
 */

import { systemFiles } from "../../lib/files/system_files.ts";

const [path = "", bytes = ""] = Deno.args;
const failure = await systemFiles.replace(path, "x".repeat(Number(bytes))).catch((error) => error);
console.log(failure === undefined ? "replaced" : failure.message);
