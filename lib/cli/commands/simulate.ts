import { SocketError } from "../../errors.ts";
import { GATEWAY_PORT } from "../../backends.ts";
import { type DatagramSocket, type Endpoint, formatEndpoint } from "../../net/datagram.ts";
import {
  FAULTS,
  type Faults,
  parseFault,
  serveSimulatedGateway,
  SimulatedGateway,
  type SimulatedGatewayService,
  type SpokenProtocols,
} from "../../simulator/mod.ts";
import type { CommandContext } from "../command.ts";
import { SPOKEN_PROTOCOLS } from "../option_table.ts";
import { parseAddress, parseDuration, parseEndpoint } from "../option_values.ts";
import { formatTime } from "../output.ts";
import { UsageError } from "../usage_error.ts";
import type { Network } from "../../system/system.ts";

/** The faults, for the completions and the man page. */
export { FAULTS };

/** An address for documentation (RFC 5737), which no host on the Internet has. */
const DEFAULT_EXTERNAL_ADDRESS = "203.0.113.7";

/** `natpmp simulate`: serves a simulated gateway and prints what it hears and answers, until it is stopped. */
export async function simulate(context: CommandContext): Promise<number> {
  const { line, output, world } = context;
  if (line.operands.length > 0) {
    throw new UsageError(`"natpmp simulate" takes no operand, but "${line.operands[0]}" was given`);
  }
  if (line.values("fault").includes("help")) {
    world.stdout.write(faultList());
    return 0;
  }
  const { listen, ...options } = readOptions(context);
  const network = await world.network();
  const { clock, random } = network;
  const print = (text: string) => {
    if (line.has("quiet")) return;
    output.result(text);
    output.json({ time: formatTime(clock.wallNow()), message: text });
  };
  const gateway = new SimulatedGateway({ ...options, random, startMs: clock.now() });
  const announce = await openAnnouncer(network, listen.hostname, (reason) => output.warn(reason));
  const service = serve();
  print(`listening on ${formatEndpoint(service.local)}, external address ${options.externalAddress}`);
  await service.finished;
  return 0;

  function serve(): SimulatedGatewayService {
    try {
      return serveSimulatedGateway(gateway, {
        open: network.openSocket,
        listen,
        clock,
        signal: world.signal,
        log: print,
        ...(announce === undefined ? {} : { announce }),
      });
    } catch (error) {
      announce?.close();
      throw error;
    }
  }
}

function readOptions({ line }: CommandContext) {
  const listen: Endpoint = parseEndpoint(line.value("listen") ?? `127.0.0.1:${GATEWAY_PORT}`, {
    defaultPort: GATEWAY_PORT,
    minPort: 0,
    what: "--listen",
    isAnyAllowed: true,
  });
  const maxLifetime = line.value("max-lifetime");
  return {
    listen,
    speaks: readSpoken(line.value("speak") ?? "both"),
    externalAddress: parseAddress(line.value("external") ?? DEFAULT_EXTERNAL_ADDRESS, "--external"),
    ...(maxLifetime === undefined
      ? {}
      : { maxLifetimeSeconds: parseDuration(maxLifetime, "--max-lifetime") }),
    faults: readFaults(line.values("fault")),
  };
}

function readSpoken(text: string): SpokenProtocols {
  const spoken = SPOKEN_PROTOCOLS.find((name) => name === text);
  if (spoken === undefined) {
    throw new UsageError(`Cannot use --speak "${text}": the value is one of ${SPOKEN_PROTOCOLS.join(", ")}`);
  }
  return spoken;
}

function readFaults(texts: readonly string[]): Faults {
  try {
    return Object.assign({}, ...texts.map(parseFault));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/** The simulated gateway works without announcements too. */
async function openAnnouncer(
  network: Network,
  address: string,
  warn: (reason: string) => void,
): Promise<DatagramSocket | undefined> {
  try {
    return await network.openAnnouncer(address);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    warn(`${error.message}; the simulated router announces nothing`);
    return undefined;
  }
}

function faultList(): string {
  const rows = FAULTS.map(({ name, value, summary }) =>
    [value === undefined ? name : `${name}=${value}`, summary] as const
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, summary]) => `${name.padEnd(width)}  ${summary}\n`).join("");
}
