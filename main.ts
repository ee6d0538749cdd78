/**
 * The program: wires the real world to the command line and exits with its code.
 *
 * @module
 */

import { run } from "./lib/cli/run.ts";
import { type Sink, Stopped, type TerminalSize, type World } from "./lib/cli/world.ts";
import type { StatePaths } from "./lib/state/state_paths.ts";
import type { Endpoint, SendFrom } from "./lib/net/datagram.ts";

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

/** The multicast group of every host on a link. */
const ALL_HOSTS = "224.0.0.1";

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

/** Ends the hooks that run, which are in sessions of their own and would outlive this process. */
let endShells = (): Promise<void> => Promise.resolve();

/** For so long the ends of hooks are waited for: on Windows it takes another program. */
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
  await endShells();
  Deno.exit(code);
}

const ignoresHangUp = isHangUpIgnored();
if (ignoresHangUp) Deno.addSignalListener("SIGHUP", () => {});
for (const [name, number] of Object.entries(SIGNAL_NUMBERS)) stopOn(name as Deno.Signal, number);

let statePaths: Promise<StatePaths> | undefined;

const world: World = {
  stdout: sinkFor(Deno.stdout),
  stderr: sinkFor(Deno.stderr),
  allowsColor: !Deno.noColor,
  signal: stopping.signal,
  async network() {
    const [{ systemClock: clock }, { openMulticastSocket, openUdpSocket: openSocket }] = await Promise.all([
      import("./lib/clock.ts"),
      import("./lib/net/udp_socket.ts"),
    ]);
    const openAnnouncer = (hostname: string) =>
      openMulticastSocket({ hostname }, { group: ALL_HOSTS, interfaceAddress: hostname, loopback: true });
    // Windows binds no multicast address.
    const groupAddress = Deno.build.os === "windows" ? "0.0.0.0" : ALL_HOSTS;
    const openAnnouncementSocket = (interfaceAddress: string, port: number) =>
      openMulticastSocket({ hostname: groupAddress, port }, { group: ALL_HOSTS, interfaceAddress });
    const connectSocket = async (remote: Endpoint, from?: SendFrom) => {
      const { openConnectedSocket } = await import("./lib/net/connected_socket.ts");
      return openConnectedSocket(remote, { clock, ...from });
    };
    return { clock, openSocket, connectSocket, openAnnouncer, openAnnouncementSocket, random: Math.random };
  },
  findGateway: async (selector) => (await import("./lib/gateway/mod.ts")).findGateway(selector),
  localAddressOf: async (gateway, selector) =>
    (await import("./lib/gateway/local_address.ts")).localAddressOf(gateway, selector),
  surveyGateways: async (selector) => (await import("./lib/gateway/mod.ts")).surveyGateways(selector),
  // Its directories are looked at once.
  statePaths: () =>
    statePaths ??= import("./lib/state/system_state_paths.ts").then(({ systemStatePaths }) =>
      systemStatePaths()
    ),
  hostProbe: async () => (await import("./lib/cli/doctor/host_probe.ts")).thisHost,
  hostValues: async () => (await import("./lib/cli/completions/host_values.ts")).thisHost,
  async machine() {
    const { systemMachine } = await import("./lib/cli/machine/system_machine.ts");
    const machine = systemMachine({
      stdoutClosed: stdoutClosed.signal,
      stopOnHangUp() {
        if (!ignoresHangUp) stopOn("SIGHUP", SIGHUP);
      },
      onChildEnd: (listener) => Deno.addSignalListener("SIGCHLD", listener),
      onRenewRequest(listener) {
        if (Deno.build.os !== "windows") Deno.addSignalListener("SIGUSR2", listener);
      },
    });
    endShells = () => machine.endShells();
    return machine;
  },
};

const exitCode = await run(Deno.args, world);
if (writeFailure !== undefined) {
  world.stderr.write(`natpmp: error: Cannot write the output: ${writeFailure}\n`);
}
Deno.exit(exitCode === 0 && writeFailure !== undefined ? 1 : exitCode);
