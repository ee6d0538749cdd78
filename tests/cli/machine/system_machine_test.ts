import { assertEquals } from "@std/assert";
import { systemMachine } from "../../../lib/cli/machine/system_machine.ts";

Deno.test("systemMachine() has this process's environment", () => {
  const stdoutClosed = new AbortController().signal;
  let hangUps = 0;
  const machine = systemMachine({
    stdoutClosed,
    stopOnHangUp: () => hangUps++,
    onRenewRequest: () => {},
    onChildEnd: () => {},
  });
  assertEquals([machine.processId, machine.stdoutClosed], [Deno.pid, stdoutClosed]);
  assertEquals(machine.environment.PATH, Deno.env.get("PATH"));
  machine.stopOnHangUp();
  assertEquals(hangUps, 1);
});
