import { SocketError } from "../../errors.ts";
import { GATEWAY_PORT } from "../../backends.ts";
import { type DatagramSocket, type Endpoint, formatEndpoint } from "../../net/datagram.ts";
import { classifyIpv4 } from "../../net/ipv4.ts";
import {
  DESCRIPTION_PATH,
  FAULTS,
  type Faults,
  parseFault,
  SEARCH_PORT,
  serveSimulatedGateway,
  type ServeUpnpOptions,
  SimulatedGateway,
  type SimulatedGatewayService,
  type SpokenProtocols,
  type UpnpVersion,
} from "../../simulator/mod.ts";
import type { CommandContext } from "../command.ts";
import { SPOKEN_PROTOCOLS, UPNP_VERSIONS } from "../option_table.ts";
import { parseAddress, parseDuration, parseEndpoint, parsePort } from "../option_values.ts";
import { formatTime } from "../output.ts";
import { UsageError } from "../usage_error.ts";
import type { Network } from "../../system/system.ts";

/** The faults, for the completions and the man page. */
export { FAULTS };

/** Every address of this host. */
const ANY = "0.0.0.0";

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
  const { listen, upnp: wanted, ...options } = readOptions(context);
  const network = await world.network();
  const { clock, random } = network;
  const warn = (reason: string) => output.warn(reason);
  const print = (text: string) => {
    if (line.has("quiet")) return;
    output.result(text);
    output.json({ time: formatTime(clock.wallNow()), message: text });
  };
  const upnp = wanted && await openUpnp(network, listen, wanted, warn);
  const announce = options.speaks === "none"
    ? undefined
    : await openAnnouncer(network, listen.hostname, warn);
  const gateway = new SimulatedGateway({
    ...options,
    upnp: upnp && wanted?.version,
    random,
    startMs: clock.now(),
  });
  const service = serve();
  const external = `external address ${options.externalAddress}`;
  print(gateway.hasServerPort ? `listening on ${formatEndpoint(service.local)}, ${external}` : external);
  if (service.upnp !== undefined) {
    const { searches, http } = service.upnp;
    print(`UPnP: searches on ${formatEndpoint(searches)}, http://${formatEndpoint(http)}${DESCRIPTION_PATH}`);
  }
  await service.finished;
  return 0;

  function serve(): SimulatedGatewayService {
    try {
      return serveSimulatedGateway(gateway, {
        open: network.openSocket,
        listen,
        clock,
        signal: world.signal,
        upnp,
        log: print,
        ...(announce === undefined ? {} : { announce }),
      });
    } catch (error) {
      for (const socket of [announce, upnp?.searches, upnp?.group]) socket?.close();
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
  const spoken = readChoice(line.value("speak") ?? "all", "--speak", SPOKEN_PROTOCOLS);
  const isUpnp = spoken === "upnp" || spoken === "all";
  const speaks: SpokenProtocols = spoken === "upnp" ? "none" : spoken === "all" ? "both" : spoken;
  const upnpOption = (["ssdp-port", "http-port", "upnp-version"] as const).find((name) =>
    line.value(name) !== undefined
  );
  if (!isUpnp && upnpOption !== undefined) {
    throw new UsageError(
      `Cannot use --${upnpOption} with --speak ${spoken}: it is for a router that speaks UPnP`,
    );
  }
  if (spoken === "upnp" && listen.hostname === ANY) {
    throw new UsageError(
      `Cannot use --listen ${ANY} with --speak upnp: UPnP needs the address of one interface`,
    );
  }
  return {
    listen,
    speaks,
    upnp: isUpnp ? readUpnp(line, listen, spoken) : undefined,
    externalAddress: parseAddress(line.value("external") ?? DEFAULT_EXTERNAL_ADDRESS, "--external"),
    ...(maxLifetime === undefined
      ? {}
      : { maxLifetimeSeconds: parseDuration(maxLifetime, "--max-lifetime") }),
    faults: readFaults(line.values("fault")),
  };
}

/** How to speak UPnP. */
interface WantedUpnp {
  readonly version: UpnpVersion;
  readonly searchPort: number;
  readonly httpPort: number;
  /** Whether the router is of no use without it. */
  readonly isRequired: boolean;
}

function readUpnp(line: CommandContext["line"], listen: Endpoint, spoken: string): WantedUpnp {
  const version = readChoice(line.value("upnp-version") ?? "1", "--upnp-version", UPNP_VERSIONS);
  const searchPort = line.value("ssdp-port");
  return {
    version: version === "1" ? "igd1" : "igd2",
    searchPort: searchPort === undefined
      ? listen.port === 0 ? 0 : SEARCH_PORT
      : parsePort(searchPort, "--ssdp-port"),
    httpPort: parsePort(line.value("http-port") ?? "0", "--http-port"),
    isRequired: spoken === "upnp" || searchPort !== undefined,
  };
}

function readChoice<T extends string>(text: string, what: string, choices: readonly T[]): T {
  const choice = choices.find((name) => name === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`Cannot use ${what} "${text}": the value is one of ${choices.join(", ")}`);
}

function readFaults(texts: readonly string[]): Faults {
  try {
    return Object.assign({}, ...texts.map(parseFault));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/** Opens what UPnP needs, without which the simulated gateway still speaks the other protocols. */
async function openUpnp(
  network: Network,
  { hostname }: Endpoint,
  { searchPort, httpPort, isRequired }: WantedUpnp,
  warn: (reason: string) => void,
): Promise<ServeUpnpOptions | undefined> {
  if (hostname === ANY) {
    warn(`UPnP needs the address of one interface, not ${ANY}; the simulated router does not speak it`);
    return undefined;
  }
  let searches: DatagramSocket;
  try {
    searches = network.openSocket({ hostname, port: searchPort });
  } catch (error) {
    if (!(error instanceof SocketError) || isRequired) throw error;
    warn(`${error.message}; the simulated router does not speak UPnP`);
    return undefined;
  }
  const group = searches.local.port === SEARCH_PORT ? await openGroup(network, hostname, warn) : undefined;
  return { searches, group, httpPort, listenStream: network.listenStream };
}

/** Opens what hears searches of the group, which nobody sends over loopback. */
async function openGroup(
  network: Network,
  address: string,
  warn: (reason: string) => void,
): Promise<DatagramSocket | undefined> {
  if (classifyIpv4(address) === "loopback") return undefined;
  try {
    return await network.openSearchSocket(address);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    warn(`${error.message}; the simulated router hears only searches that are sent to ${address}`);
    return undefined;
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
