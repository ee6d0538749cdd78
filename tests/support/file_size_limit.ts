/**
 * A process whose files cannot grow, which even root has to respect: as on a full disk.
 *
 * @module
 */

import { BackgroundProcess } from "./background_process.ts";

/** A script of these tests that runs while files take this many blocks of 512 bytes; what it prints can be waited for. */
export function withFileSizeLimit(blocks: number, script: string, ...args: string[]): BackgroundProcess {
  // Without a handler the signal would end the process before the write fails.
  const limit = `trap "" XFSZ; ulimit -f ${blocks}; exec "$@"`;
  const url = new URL(script, import.meta.url).href;
  return new BackgroundProcess([
    "/bin/sh",
    "-c",
    limit,
    "sh",
    Deno.execPath(),
    "run",
    "-q",
    "-A",
    url,
    ...args,
  ]);
}
