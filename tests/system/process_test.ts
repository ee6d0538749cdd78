import { assertEquals } from "@std/assert";
import { systemProcess } from "../../lib/system/process.ts";

Deno.test("systemProcess() has this process's environment", () => {
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
});
