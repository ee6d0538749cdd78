import { filePath } from "../files/absolute_path.ts";
import { openNotifySocket } from "./notify_socket.ts";
import { startShell } from "./shell_process.ts";
import type { Process, ShellProcess } from "./system.ts";

/** The parts that the program itself has a hand in: its streams and signals. */
export interface SystemProcessOptions
  extends Pick<Process, "stdoutClosed" | "stopOnHangUp" | "onRenewRequest"> {
  /** Calls whenever a child may have ended (SIGCHLD). */
  readonly onChildEnd: (listener: () => void) => void;
}

/** This process, and the commands that it has running. */
export interface SystemProcess extends Process {
  /** Ends every command that still runs, with all that it has started. */
  endShells(): Promise<void>;
}

export function systemProcess({ onChildEnd, ...options }: SystemProcessOptions): SystemProcess {
  const environment = Deno.env.toObject();
  const running = new Set<ShellProcess>();
  return {
    ...options,
    environment,
    id: Deno.pid,
    executable: executableWords(),
    isJournaled: isJournal(environment.JOURNAL_STREAM),
    reapOrphans() {
      if (Deno.build.os === "linux" && Deno.pid === 1) reapOrphans(onChildEnd);
    },
    startShell(...args) {
      const shell = startShell(...args);
      running.add(shell);
      void shell.ended.finally(() => running.delete(shell));
      return shell;
    },
    async endShells() {
      await Promise.allSettled([...running].map((shell) => shell.kill()));
    },
    openNotifySocket: (address) =>
      openNotifySocket(
        address,
        [environment.RUNTIME_DIRECTORY, environment.XDG_RUNTIME_DIR, "/run", "/tmp"]
          .filter((directory) => directory !== undefined),
      ),
    containerSigns: async (interfaceName) =>
      (await import("./container_signs.ts")).containerSigns(interfaceName),
  };
}

async function reapOrphans(onChildEnd: SystemProcessOptions["onChildEnd"]): Promise<void> {
  const { systemOrphanReaper } = await import("./orphan_reaper.ts");
  const reaper = systemOrphanReaper();
  onChildEnd(() => reaper.reap());
  // The children that this process already had when it became process 1.
  await reaper.reap();
}

function executableWords(): readonly string[] {
  const program = Deno.execPath();
  return Deno.build.standalone
    ? [program]
    : [program, "run", "-q", "-A", filePath(Deno.mainModule, { isWindows: Deno.build.os === "windows" })];
}

/** Children of a service inherit the variable and may write elsewhere, so it names the stream (systemd.exec(5)). */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = Deno.statSync("/proc/self/fd/1");
    return stream === `${dev}:${ino}`;
  } catch {
    return true;
  }
}
