import { BackgroundProcess } from "../support/background_process.ts";
import { natpmpCommand, runCommand } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";
import { LoopbackGateway } from "../support/watch_process.ts";
import { eventually } from "../support/watch_side_by_side.ts";

/** As a container starts its only program. */
const AS_PROCESS_ONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** The processes whose parent this is, each with its state. */
async function childrenOf(parent: number): Promise<{ readonly pid: number; readonly state: string }[]> {
  // Deno reads /proc only where it has every permission.
  const { stdout } = await runCommand(["ps", "-o", "pid=,state=", "--ppid", `${parent}`]);
  return stdout.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [pid, state] = line.trim().split(/\s+/);
    return { pid: Number(pid), state: state! };
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

e2eTest(
  "watch as process 1 of a container waits for what its hooks leave behind, and still learns how hooks end",
  async () => {
    const directory = await Deno.makeTempDir({ prefix: "natpmp-" });
    try {
      await using gateway = new LoopbackGateway();
      const done = `${directory}/done`;
      // Ten that outlive the hook, each in a session of its own, and two that end before their parent.
      const hook = 'for i in 0 1 2 3 4 5 6 7 8 9; do setsid sh -c "sleep 0.$i" & done; ' +
        `(true & true &) ; (sleep 1; touch ${done}) & exit 3`;
      const args = ["watch", "8080:80", "-g", gateway.address, "--exec", hook];
      const env = { XDG_STATE_HOME: directory };
      await using process = new BackgroundProcess([...AS_PROCESS_ONE, ...natpmpCommand(), ...args], { env });
      await process.waitForLine(/hook for mapped tcp 80 ended with exit code 3/);
      const [watch] = await childrenOf(process.pid);
      await eventually(() => exists(done), { what: "the end of the hook's children", timeoutMs: 10_000 });
      await eventually(async () => (await childrenOf(watch!.pid)).length === 0, {
        what: "no child of process 1 is left",
        timeoutMs: 5000,
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
  { programs: ["unshare", "setsid", "ps"], root: true },
);
