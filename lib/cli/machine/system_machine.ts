import type { Machine, ShellProcess } from "../machine.ts";
import { absolutePath, filePath } from "../../files/absolute_path.ts";
import { openNotifySocket } from "./notify_socket.ts";
import { readFile } from "./read_file.ts";
import { clearFile, writeFile } from "../../files/named_file.ts";
import { startShell } from "./shell_process.ts";

/** The parts that the program itself has a hand in: its streams and signals. */
export interface SystemMachineOptions
  extends Pick<Machine, "stdoutClosed" | "stopOnHangUp" | "onRenewRequest"> {
  /** Calls whenever a child may have ended (SIGCHLD). */
  readonly onChildEnd: (listener: () => void) => void;
}

/** This machine, and what the program has running on it. */
export interface SystemMachine extends Machine {
  /** Ends every command that still runs, with all that it has started. */
  endShells(): Promise<void>;
}

const isWindows = Deno.build.os === "windows";

export function systemMachine({ onChildEnd, ...options }: SystemMachineOptions): SystemMachine {
  const environment = Deno.env.toObject();
  const absolute = (path: string) => absolutePath(path, { directory: Deno.cwd(), isWindows });
  const running = new Set<ShellProcess>();
  return {
    ...options,
    environment,
    processId: Deno.pid,
    executable: executableWords(),
    absolutePath: absolute,
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
    readFile: (path, maxBytes) => readFile(absolute(path), maxBytes),
    replaceFile: (path, text) => writeFile(absolute(path), text),
    clearFile: (path) => clearFile(absolute(path)),
    openNotifySocket: (address) =>
      openNotifySocket(
        address,
        [environment.RUNTIME_DIRECTORY, environment.XDG_RUNTIME_DIR, "/run", "/tmp"]
          .filter((directory) => directory !== undefined),
      ),
  };
}

async function reapOrphans(onChildEnd: SystemMachineOptions["onChildEnd"]): Promise<void> {
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
    : [program, "run", "-q", "-A", filePath(Deno.mainModule, { isWindows })];
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
