import { assert, assertEquals, assertMatch } from "@std/assert";
import { natpmpCommand, runCommand, shellText } from "../support/command.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { e2eTest } from "../support/requirements.ts";

const ERASE = "\r\x1b[K";

/** Runs the command with a pseudo-terminal as its stderr, and gives what that terminal was sent. */
async function onTerminal(
  lab: GatewayLab,
  args: readonly string[],
): Promise<{ code: number; shown: string }> {
  const command = `${shellText([...natpmpCommand(), ...args])} >/dev/null`;
  const { code, stdout } = await runCommand(["script", "-qec", command, "/dev/null"], {
    namespace: lab.cli.name,
    env: { NO_COLOR: "1", SHELL: "/bin/sh", XDG_STATE_HOME: lab.directory },
  });
  return { code, shown: stdout };
}

e2eTest("on a terminal a wait shows its attempts and seconds, and is erased before the outcome", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.dropAll();
  const { code, shown } = await onTerminal(lab, ["address", "--via", "nat-pmp", "--timeout", "1.5"]);
  assertEquals(code, 4);
  const [first, ...counted] = shown.split(ERASE);
  assertEquals(first, "", "something was shown before the wait");
  const ending = counted.pop() ?? "";
  assert(counted.length > 3, `shown ${JSON.stringify(shown)}`);
  const waits = counted.map((line) =>
    /^Waiting for 10\.77\.0\.1:5351: (\d+\.\d) s, attempt (\d)$/.exec(line) ?? []
  );
  const [seconds, attempts] = [1, 2].map((group) => waits.map((wait) => Number(wait[group])));
  assert(seconds!.every((second, i) => second >= (seconds![i - 1] ?? 0.5)), `seconds ${seconds}`);
  // Sent at 0, 250 and 750 ms; nothing is shown before 500 ms.
  assertEquals([...new Set(attempts)], [2, 3]);
  assertMatch(ending, /^natpmp: error: 10\.77\.0\.1:5351 did not answer within 1\.5 s[^\n]*\r?\n$/);
});

e2eTest("on a terminal nothing is shown when the answer comes within half a second", async () => {
  await using lab = await GatewayLab.create();
  assertEquals(await onTerminal(lab, ["address", "--via", "nat-pmp"]), { code: 0, shown: "" });
});

e2eTest("on a terminal --quiet shows no wait", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.lossEvery({ requests: { count: 2, of: 1000 } });
  assertEquals(await onTerminal(lab, ["address", "--via", "nat-pmp", "--quiet"]), { code: 0, shown: "" });
  await lab.gateway.lossEvery({ requests: { count: 2, of: 1000 } });
  const { code, shown } = await onTerminal(lab, ["address", "--via", "nat-pmp"]);
  assertEquals(code, 0);
  assertMatch(shown, /Waiting for 10\.77\.0\.1:5351: 0\.\d s, attempt 2/);
  assert(shown.endsWith(ERASE), `shown ${JSON.stringify(shown)}`);
});
