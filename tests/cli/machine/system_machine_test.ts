import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemMachine } from "../../../lib/cli/machine/system_machine.ts";

Deno.test("systemMachine() has this process's environment, and a size where no terminal tells one", () => {
  const stdoutClosed = new AbortController().signal;
  let hangUps = 0;
  const machine = systemMachine({ stdoutClosed, stopOnHangUp: () => hangUps++, onRenewRequest: () => {} });
  assertEquals([machine.processId, machine.stdoutClosed], [Deno.pid, stdoutClosed]);
  assertEquals(machine.environment.PATH, Deno.env.get("PATH"));
  machine.stopOnHangUp();
  assertEquals(hangUps, 1);
  const { columns, rows } = machine.terminalSize();
  assert(columns > 0 && rows > 0);
});

Deno.test("systemMachine() reads a file, tells one that is not there, and fails on what is no file", async () => {
  const stdoutClosed = new AbortController().signal;
  const machine = systemMachine({ stdoutClosed, stopOnHangUp: () => {}, onRenewRequest: () => {} });
  const directory = await Deno.makeTempDir({ prefix: "natpmp-" });
  try {
    await Deno.writeTextFile(`${directory}/file`, "text\n");
    assertEquals(await machine.readText(`${directory}/file`), "text\n");
    assertEquals(await machine.readText(`${directory}/none`), undefined);
    await assertRejects(() => machine.readText(directory), Error);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
