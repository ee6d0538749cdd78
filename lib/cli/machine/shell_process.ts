import type { ProcessEnd, ShellOptions, ShellProcess } from "../machine.ts";

/**
 * Starts a command in the system's shell, in a session of its own, with an empty stdin and its output on our stderr, or
 * nowhere.
 *
 * @param command As the user wrote it.
 * @param environment The whole environment of the command.
 * @param options Whether its output is to be seen.
 * @returns The running command.
 */
export function startShell(
  command: string,
  environment: Readonly<Record<string, string>>,
  { isSilent = false }: ShellOptions = {},
): ShellProcess {
  const stderr = isSilent ? "null" : "inherit";
  return Deno.build.os === "windows"
    ? startWindowsShell(command, environment, stderr)
    : startUnixShell(command, environment, stderr);
}

/** The children that Deno still waits for. */
const ownChildren = new Set<number>();

/** Whether Deno waits for a process: then nobody else may, or its end would be lost. */
export function isOwnChild(pid: number): boolean {
  return ownChildren.has(pid);
}

const COMMON = { clearEnv: true, stdin: "null", detached: true } as const;

function startUnixShell(
  command: string,
  env: Readonly<Record<string, string>>,
  stderr: "null" | "inherit",
): ShellProcess {
  // The outer shell only turns stdout to stderr, so that the command's own text stays as it was written.
  const args = ["-c", 'exec 1>&2; exec /bin/sh -c "$1"', "sh", command];
  const child = new Deno.Command("/bin/sh", { args, env: { ...env }, stdout: "null", stderr, ...COMMON })
    .spawn();
  ownChildren.add(child.pid);
  return {
    ended: child.status.then(endOf).finally(() => ownChildren.delete(child.pid)),
    kill() {
      try {
        Deno.kill(-child.pid, "SIGKILL");
      } catch (error) {
        // Nobody of the group is left.
        if (!(error instanceof Deno.errors.NotFound)) return Promise.reject(error);
      }
      return Promise.resolve();
    },
  };
}

function startWindowsShell(
  command: string,
  env: Readonly<Record<string, string>>,
  stderr: "null" | "inherit",
): ShellProcess {
  const child = new Deno.Command(env.ComSpec ?? "cmd.exe", {
    // With /s exactly the outer quotes are taken off, whatever the command holds.
    args: ["/d", "/s", "/c", `"${command}"`],
    windowsRawArguments: true,
    env: { ...env },
    stdout: stderr === "null" ? "null" : "piped",
    stderr,
    ...COMMON,
  }).spawn();
  if (stderr !== "null") child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true }).catch(() => {});
  return {
    ended: child.status.then(endOf),
    async kill() {
      const args = ["/T", "/F", "/PID", String(child.pid)];
      await new Deno.Command("taskkill", { args, stdin: "null", stdout: "null", stderr: "null" }).output();
    },
  };
}

function endOf({ code, signal }: Deno.CommandStatus): ProcessEnd {
  return signal === null ? { code } : { code, signal };
}
