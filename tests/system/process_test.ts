import { assert, assertEquals } from "@std/assert";
import { systemProcess } from "../../lib/system/process.ts";

Deno.test("systemProcess() has this process's environment, and a size where no terminal tells one", () => {
  const stdoutClosed = new AbortController().signal;
  let hangUps = 0;
  const process = systemProcess({
    stdoutClosed,
    stopOnHangUp: () => hangUps++,
    onRenewRequest: () => {},
    onChildEnd: () => {},
  });
  assertEquals([process.id, process.stdoutClosed], [Deno.pid, stdoutClosed]);
  assertEquals(process.environment.PATH, Deno.env.get("PATH"));
  process.stopOnHangUp();
  assertEquals(hangUps, 1);
  const { columns, rows } = process.terminalSize();
  assert(columns > 0 && rows > 0);
});
