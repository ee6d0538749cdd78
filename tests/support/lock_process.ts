/**
 * A process that takes the lock of a file and has it until its end, or that of its input: `lock_process.ts FILE NAME`.
 * With a third argument it then starts a program that runs for this many seconds.
 *
 * @module
 */

import { tryLockFile } from "../../lib/files/file_lock.ts";

const [path = "", name = "", childSeconds] = Deno.args;
const lock = await tryLockFile(path, name);
if (childSeconds !== undefined) {
  const child = new Deno.Command("sleep", { args: [childSeconds], stdin: "null", stdout: "null" }).spawn();
  console.log(`child ${child.pid}`);
}
console.log(lock === undefined ? "taken" : "locked");
await Deno.stdin.read(new Uint8Array(1));
