import type { ProcessEnd, ShellOptions, ShellProcess } from "./system.ts";

/** A longer line is handed on in pieces, as it may never end. */
const MAX_LINE_LENGTH = 500;

/**
 * Starts a command in the system's shell, in a session of its own, with an empty stdin and its output on our stderr
 * unless somebody takes it. The environment is the whole one.
 */
export function startShell(
  command: string,
  environment: Readonly<Record<string, string>>,
  { isSilent = false, onOutput }: ShellOptions = {},
): ShellProcess {
  const stderr = isSilent ? "null" : onOutput === undefined ? "inherit" : "piped";
  const start = Deno.build.os === "windows" ? startWindowsShell : startUnixShell;
  const { child, kill } = start(command, environment, stderr);
  if (stderr === "piped") void readLines(child.stderr, onOutput!);
  // On Windows alone a command's stdout is not its stderr.
  if (stderr !== "null" && Deno.build.os === "windows") {
    if (stderr === "piped") void readLines(child.stdout, onOutput!);
    else child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true }).catch(() => {});
  }
  const ended = child.status.then(endOf).finally(() => ownChildren.delete(child.pid));
  return { ended, kill };
}

/** Where a command's stderr goes. */
type Stderr = "null" | "inherit" | "piped";

interface StartedShell {
  readonly child: Deno.ChildProcess;
  readonly kill: ShellProcess["kill"];
}

/** Reads until nobody can write any more: what the command has started may outlive it. */
async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) handOn(line, onLine);
    for (; rest.length > MAX_LINE_LENGTH; rest = rest.slice(MAX_LINE_LENGTH)) {
      onLine(rest.slice(0, MAX_LINE_LENGTH));
    }
  }
  if (rest !== "") onLine(rest);
}

function handOn(line: string, onLine: (line: string) => void): void {
  for (let from = 0; from === 0 || from < line.length; from += MAX_LINE_LENGTH) {
    onLine(line.slice(from, from + MAX_LINE_LENGTH));
  }
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
  stderr: Stderr,
): StartedShell {
  // The outer shell only turns stdout to stderr, so that the command's own text stays as it was written.
  const args = ["-c", 'exec 1>&2; exec /bin/sh -c "$1"', "sh", command];
  const child = new Deno.Command("/bin/sh", { args, env: { ...env }, stdout: "null", stderr, ...COMMON })
    .spawn();
  ownChildren.add(child.pid);
  return {
    child,
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
  stderr: Stderr,
): StartedShell {
  const child = new Deno.Command(env.ComSpec ?? "cmd.exe", {
    // With /s exactly the outer quotes are taken off, whatever the command holds.
    args: ["/d", "/s", "/c", `"${command}"`],
    windowsRawArguments: true,
    env: { ...env },
    stdout: stderr === "null" ? "null" : "piped",
    stderr,
    ...COMMON,
  }).spawn();
  return {
    child,
    async kill() {
      const args = ["/T", "/F", "/PID", String(child.pid)];
      await new Deno.Command("taskkill", { args, stdin: "null", stdout: "null", stderr: "null" }).output();
    },
  };
}

function endOf({ code, signal }: Deno.CommandStatus): ProcessEnd {
  return signal === null ? { code } : { code, signal };
}
