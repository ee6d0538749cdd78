/**
 * The program: wires the real world to the command line and exits with its code.
 *
 * @module
 */

import { run } from "./lib/cli/run.ts";
import { type Sink, Stopped, type World } from "./lib/cli/world.ts";
import type { Endpoint } from "./lib/net/datagram.ts";

type Stream = typeof Deno.stdout | typeof Deno.stderr;

/** Set when stdout cannot take what is written, other than because its reader has gone. */
let writeFailure: string | undefined;

function sinkFor(stream: Stream): Sink {
  const encoder = new TextEncoder();
  return {
    isTerminal: stream.isTerminal(),
    write(text) {
      try {
        for (let bytes = encoder.encode(text); bytes.length > 0;) {
          bytes = bytes.subarray(stream.writeSync(bytes));
        }
      } catch (error) {
        if (!isClosedPipe(error)) writeFailure = error instanceof Error ? error.message : String(error);
      }
    },
  };
}

/** Windows throws a plain error with this code. */
function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    (error instanceof Error && "code" in error && error.code === "EPIPE");
}

/** The multicast group of every host on a link. */
const ALL_HOSTS = "224.0.0.1";

const SIGNAL_NUMBERS: Partial<Record<Deno.Signal, number>> = Deno.build.os === "windows"
  ? { SIGINT: 2, SIGBREAK: 21 }
  : { SIGINT: 2, SIGTERM: 15 };

/** The first signal asks the command to stop, the second does not wait for it. */
function stopOnSignals(): AbortSignal {
  const stopping = new AbortController();
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS)) {
    Deno.addSignalListener(name as Deno.Signal, () => {
      if (stopping.signal.aborted) Deno.exit(128 + number);
      stopping.abort(new Stopped(name, 128 + number));
    });
  }
  return stopping.signal;
}

const world: World = {
  stdout: sinkFor(Deno.stdout),
  stderr: sinkFor(Deno.stderr),
  allowsColor: !Deno.noColor,
  signal: stopOnSignals(),
  async network() {
    const [{ systemClock: clock }, { openMulticastSocket, openUdpSocket: openSocket }] = await Promise.all([
      import("./lib/clock.ts"),
      import("./lib/net/udp_socket.ts"),
    ]);
    const openAnnouncer = (hostname: string) =>
      openMulticastSocket({ hostname }, { group: ALL_HOSTS, interfaceAddress: hostname, loopback: true });
    const connectSocket = async (remote: Endpoint, source?: string) => {
      const { openConnectedSocket } = await import("./lib/net/connected_socket.ts");
      return openConnectedSocket(remote, { clock, ...(source === undefined ? {} : { source }) });
    };
    return { clock, openSocket, connectSocket, openAnnouncer, random: Math.random };
  },
  findGateway: async (wish) => (await import("./lib/gateway/mod.ts")).findGateway(wish),
  localAddressOf: async (gateway, wish) =>
    (await import("./lib/gateway/mod.ts")).localAddressOf(gateway, wish),
  surveyGateways: async (wish) => (await import("./lib/gateway/mod.ts")).surveyGateways(wish),
};

const exitCode = await run(Deno.args, world);
if (writeFailure !== undefined) {
  world.stderr.write(`natpmp: error: Cannot write the output: ${writeFailure}\n`);
}
Deno.exit(exitCode === 0 && writeFailure !== undefined ? 1 : exitCode);
