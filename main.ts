/**
 * The program: wires the real world to the command line and exits with its code.
 *
 * @module
 */

import { run } from "./lib/cli/run.ts";
import { type Sink, Stopped, type TerminalSize, type World } from "./lib/cli/world.ts";
import type { FileSystem } from "./lib/system/system.ts";
import type { SystemProcess } from "./lib/system/process.ts";

type Stream = typeof Deno.stdout | typeof Deno.stderr;

/** Set when stdout cannot take what is written, other than because its reader has gone. */
let writeFailure: string | undefined;

/** Aborted once a write finds that nobody reads stdout any more. */
const stdoutClosed = new AbortController();

function sinkFor(stream: Stream): Sink {
  const encoder = new TextEncoder();
  return {
    isTerminal: stream.isTerminal(),
    size: terminalSize,
    write(text) {
      try {
        for (let bytes = encoder.encode(text); bytes.length > 0;) {
          bytes = bytes.subarray(stream.writeSync(bytes));
        }
      } catch (error) {
        if (isClosedPipe(error)) return stream === Deno.stdout ? stdoutClosed.abort() : undefined;
        writeFailure = error instanceof Error ? error.message : String(error);
      }
    },
  };
}

/** Deno throws where no standard stream is a terminal, and a terminal may not know its size. */
function terminalSize(): TerminalSize {
  const usual = { columns: 80, rows: 24 };
  try {
    const { columns, rows } = Deno.consoleSize();
    return columns > 0 && rows > 0 ? { columns, rows } : usual;
  } catch {
    return usual;
  }
}

/** Windows throws a plain error, with this code or for ERROR_PIPE_NOT_CONNECTED. */
function isClosedPipe(error: unknown): boolean {
  if (error instanceof Deno.errors.BrokenPipe) return true;
  if (!(error instanceof Error)) return false;
  return ("code" in error && error.code === "EPIPE") || error.message.includes("(os error 233)");
}

const SIGNAL_NUMBERS: Partial<Record<Deno.Signal, number>> = Deno.build.os === "windows"
  ? { SIGINT: 2, SIGBREAK: 21 }
  : { SIGINT: 2, SIGTERM: 15 };

/** The signal's number, which is also its bit in the mask of those that are ignored. */
const SIGHUP = 1;

/**
 * Whether hang-ups came ignored, as nohup does. Only Linux shows that, and only until the first listener of any signal:
 * from then on Deno catches this one too. Asking must not prompt for a permission.
 */
function isHangUpIgnored(): boolean {
  const path = "/proc/self/status";
  if (Deno.build.os !== "linux") return false;
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync(path))?.[1] ?? "0";
    return (parseInt(mask.slice(-1), 16) & SIGHUP) !== 0;
  } catch {
    return false;
  }
}

const stopping = new AbortController();

/** How long the program waits for hooks to end: on Windows another program ends them. */
const END_SHELLS_MS = 1000;

/** The first signal asks the command to stop, the second does not wait for it. */
function stopOn(name: Deno.Signal, number: number): void {
  Deno.addSignalListener(name, () => {
    if (stopping.signal.aborted) return void exitNow(128 + number);
    stopping.abort(new Stopped(name, 128 + number));
  });
}

async function exitNow(code: number): Promise<void> {
  setTimeout(() => Deno.exit(code), END_SHELLS_MS);
  // Hooks are in sessions of their own and would outlive this process.
  await (await systemProcess)?.endShells();
  Deno.exit(code);
}

let ignoresHangUp: boolean | undefined;

/** A command that neither sends nor starts anything just ends by a signal, and is spared what listening costs. */
function listenForSignals(): void {
  if (ignoresHangUp !== undefined) return;
  ignoresHangUp = isHangUpIgnored();
  if (ignoresHangUp) Deno.addSignalListener("SIGHUP", () => {});
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS)) stopOn(name as Deno.Signal, number);
}

let files: Promise<FileSystem> | undefined;
let systemProcess: Promise<SystemProcess> | undefined;

async function openProcess(): Promise<SystemProcess> {
  listenForSignals();
  const { systemProcess } = await import("./lib/system/process.ts");
  return systemProcess({
    stdoutClosed: stdoutClosed.signal,
    stopOnHangUp() {
      if (!ignoresHangUp) stopOn("SIGHUP", SIGHUP);
    },
    onChildEnd: (listener) => Deno.addSignalListener("SIGCHLD", listener),
    onRenewRequest(listener) {
      if (Deno.build.os !== "windows") Deno.addSignalListener("SIGUSR2", listener);
    },
  });
}

const world: World = {
  stdout: sinkFor(Deno.stdout),
  stderr: sinkFor(Deno.stderr),
  allowsColor: !Deno.noColor,
  signal: stopping.signal,
  async network() {
    listenForSignals();
    const { systemNetwork } = await import("./lib/system/network.ts");
    return systemNetwork;
  },
  // Its directories are looked at once.
  files: () => files ??= import("./lib/system/files.ts").then(({ systemFileSystem }) => systemFileSystem()),
  process: () => systemProcess ??= openProcess(),
};

const exitCode = await run(Deno.args, world);
if (writeFailure !== undefined) {
  world.stderr.write(`natpmp: error: Cannot write the output: ${writeFailure}\n`);
}
Deno.exit(exitCode === 0 && writeFailure !== undefined ? 1 : exitCode);
