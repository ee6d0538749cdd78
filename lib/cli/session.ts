import {
  DEFAULT_TIMEOUT_MS,
  GATEWAY_PORT,
  type MapperParts,
  type MapperTarget,
  openMapper,
  UPNP_PORT,
  type ViaChoice,
} from "../backends.ts";
import type { Clock } from "../clock.ts";
import { BusyError, NoAnswerError, NotSupportedError, SocketError } from "../errors.ts";
import type { SourceSelector } from "../gateway/mod.ts";
import type { Endpoint } from "../net/datagram.ts";
import type { ExchangeEvent, RequestLock } from "../net/exchange.ts";
import type { GatewayInfo, PortMapper } from "../port_mapper.ts";
import type { GatewayState } from "../state/gateway_state.ts";
import { FileRequestLock } from "../state/request_lock.ts";
import type { StateFile } from "../state/state_file.ts";
import { holderName } from "../state/state_paths.ts";
import type { CommandLine } from "./args.ts";
import type { CommandContext } from "./command.ts";
import { addressWarning } from "./address_warning.ts";
import type { openGatewayState } from "./open_state.ts";
import {
  parseAddress,
  parseEndpoint,
  parseHostAddress,
  parseIgd,
  parseTimeoutMs,
  parseVia,
} from "./option_values.ts";
import { escapeHidden } from "./output.ts";
import { UsageError } from "./usage_error.ts";
import { viaName } from "./via_name.ts";
import { Stopped } from "./world.ts";

/** A command's connection to its gateway. */
export interface Session {
  readonly mapper: PortMapper;
  readonly clock: Clock;
  /** The gateway's IPv4 address. */
  readonly gateway: string;
}

/** A connection of a command that knows of earlier ones and leaves word for later ones. */
export interface StatefulSession extends Session {
  readonly state: GatewayState;
}

/** Options of {@linkcode openSession}. */
export interface OpenSessionOptions {
  /** Whether internal port 0 may be mapped. */
  readonly allowPortZero?: boolean;
}

/** Options of {@linkcode openStatefulSession}. */
export interface OpenStatefulSessionOptions extends OpenSessionOptions {
  /** Opens what earlier commands left; an argument, so that commands without it do not load it. */
  readonly openState: typeof openGatewayState;
  /** The state file, if the command has looked for it already. */
  readonly file?: StateFile | "none" | undefined;
}

/**
 * Finds the gateway that a command talks to, by `--gateway` or as this host's default, and makes its client. Every
 * option is read before anything is sent.
 *
 * @throws {UsageError} If an option's value cannot be read.
 * @throws {NoGatewayError} If none was named and none is found.
 */
export async function openSession(
  context: CommandContext,
  options: OpenSessionOptions = {},
): Promise<Session> {
  const { session } = await open(context, options);
  return session;
}

/** As {@linkcode openSession}, with what earlier commands left about the gateway. */
export async function openStatefulSession(
  context: CommandContext,
  { openState, file, ...options }: OpenStatefulSessionOptions,
): Promise<StatefulSession> {
  const { session, target, timeoutMs, forHost } = await open(context, options);
  const state = await openState(context, { ...target, mapper: session.mapper, timeoutMs, forHost, file });
  return { ...session, state };
}

async function open(context: CommandContext, options: OpenSessionOptions) {
  const { line, world } = context;
  const selected = readTarget(line);
  const timeoutMs = readTimeoutMs(line);
  readVia(line);
  const forHost = readForHost(line);
  // Two modules that load together are there sooner.
  const [{ clock, addresses }] = await Promise.all([world.network(), world.files()]);
  if (forHost !== undefined && addresses().includes(forHost)) {
    throw new UsageError(`Cannot use --for-host "${forHost}": that is this host. Leave out --for-host`);
  }
  const location = await locateGateway(context, selected);
  const target = { ...location, port: selected.endpoint?.port ?? GATEWAY_PORT };
  const mapper = await mapperAt(context, target, { ...options, timeoutMs });
  return { session: { mapper, clock, gateway: location.gateway }, target, timeoutMs, forHost };
}

/**
 * Reads `--timeout`: how long one request lasts, in milliseconds.
 *
 * @throws {UsageError} If it cannot be read.
 */
export function readTimeoutMs(line: CommandLine): number {
  const timeout = line.value("timeout");
  return timeout === undefined ? DEFAULT_TIMEOUT_MS : parseTimeoutMs(timeout);
}

/**
 * Reads `--via`.
 *
 * @throws {UsageError} If it cannot be read, or `--allow-port-zero` contradicts it.
 */
export function readVia(line: CommandLine): ViaChoice {
  const text = line.value("via") ?? (line.value("igd") === undefined ? undefined : "upnp");
  const via = text === undefined ? "auto" : parseVia(text);
  if ((via === "pcp" || via === "upnp") && line.has("allow-port-zero")) {
    throw new UsageError(
      `Cannot use --allow-port-zero with --via ${via}: to ${viaName(via)}, internal port 0 ` +
        `${via === "pcp" ? "means all ports" : "is not a port"}. Write --via nat-pmp`,
    );
  }
  return via;
}

/**
 * Reads `--for-host`.
 *
 * @returns The other host that mappings are to lead to; `undefined` where it is this one.
 * @throws {UsageError} If it cannot be read, or cannot be had with the other options.
 */
export function readForHost(line: CommandLine): string | undefined {
  const text = line.value("for-host");
  if (text === undefined) return undefined;
  const via = readVia(line);
  if (via === "nat-pmp" || via === "upnp" || line.has("allow-port-zero")) {
    const other = line.has("allow-port-zero") ? "--allow-port-zero" : `--via ${via}`;
    throw new UsageError(`Cannot use --for-host with ${other}: only PCP can map to another host`);
  }
  return parseHostAddress(text, "--for-host");
}

/**
 * Reads `--igd`.
 *
 * @returns Where the description of the UPnP router is; `undefined` where it is to be searched for.
 * @throws {UsageError} If it cannot be read, or contradicts other options.
 */
export async function readIgd(line: CommandLine): Promise<URL | undefined> {
  const text = line.value("igd");
  if (text === undefined) return undefined;
  const via = line.value("via");
  if (via !== undefined && via !== "upnp") {
    throw new UsageError(`Options --igd and --via ${via} contradict each other: --igd is for UPnP`);
  }
  const beside = (["gateway", "for-host"] as const).find((option) => line.value(option) !== undefined);
  if (beside !== undefined) {
    throw new UsageError(`Cannot use --igd with --${beside}: --igd names the router, over UPnP`);
  }
  return await parseIgd(text);
}

/** Options of {@linkcode mapperAt}. */
export interface MapperAtOptions extends OpenSessionOptions {
  /** How long one request lasts unless it says otherwise, and how long it waits for those of other processes. */
  readonly timeoutMs?: number | undefined;
  /** Whether a person at a terminal sees how long a request has been waiting; yes by default. */
  readonly showsProgress?: boolean;
  /** Checks whether nobody waits for the next answer. */
  readonly isPatient?: (() => boolean) | undefined;
}

/** Makes the client of a gateway; nothing is sent yet. */
export async function mapperAt(
  context: CommandContext,
  target: MapperTarget & { readonly port: number },
  options: MapperAtOptions = {},
): Promise<PortMapper> {
  return await openMapper(target, await mapperParts(context, target, options));
}

/** The parts of a gateway's client, in a command. */
export async function mapperParts(
  context: CommandContext,
  { gateway, port }: MapperTarget & { readonly port: number },
  { allowPortZero, showsProgress = true, timeoutMs = DEFAULT_TIMEOUT_MS, isPatient }: MapperAtOptions = {},
): Promise<MapperParts> {
  const { clock, openSocket, connectSocket, connectStream, openSearchSocket, random, localAddressOf } =
    await context.world.network();
  const { state: paths } = await context.world.files();
  return {
    clock,
    random,
    openSocket,
    connectSocket,
    connectStream,
    openSearchSocket,
    igdUrl: await readIgd(context.line),
    isGatewayNamed: context.line.value("gateway") !== undefined,
    hostName: paths.host,
    timeoutMs,
    allowPortZero,
    via: readVia(context.line),
    forHost: readForHost(context.line),
    onChoice: choiceListener(context),
    findLocalAddress: async () => (await localAddressOf(gateway, {}))?.localAddress,
    isPatient,
    requestLock: await requestLockOf(context, { gateway, port, timeoutMs, clock }),
    upnpLock: await requestLockOf(context, { gateway, port: UPNP_PORT, timeoutMs, clock }),
    observe: await observer(context, clock, showsProgress),
  };
}

/** `--verbose` prints which protocol is used, and why. */
export function choiceListener(
  { line, world }: Pick<CommandContext, "line" | "world">,
): MapperParts["onChoice"] {
  if (!line.has("verbose")) return undefined;
  return (via, reason) => world.stderr.write(`${viaName(via)}: ${reason}\n`);
}

/** Requests of this user's processes to one gateway take turns (RFC 6886 §3.1), where they find a place for a lock. */
export async function requestLockOf(
  { line, world }: Pick<CommandContext, "line" | "world">,
  { gateway, port, ...limits }: { gateway: string; port: number; timeoutMs: number; clock: Clock },
): Promise<RequestLock | undefined> {
  const { state: paths } = await world.files();
  if (typeof paths.directory !== "string") return undefined;
  return new FileRequestLock({ ...limits, gateway, port, paths, holder: holderName(line.command, paths) });
}

/** The gateway that the options say to ask, and from where. */
export interface Target {
  /** Absent where the gateway is to be found. */
  readonly endpoint?: Endpoint;
  readonly source: SourceSelector;
}

/**
 * Reads `--gateway`, `--interface` and `--source`.
 *
 * @returns The target that they name.
 * @throws {UsageError} If one of them cannot be read.
 */
export function readTarget(line: CommandLine): Target {
  const named = line.value("gateway");
  const interfaceName = line.value("interface");
  const source = line.value("source");
  return {
    ...(named === undefined
      ? {}
      : { endpoint: parseEndpoint(named, { defaultPort: GATEWAY_PORT, minPort: 1, what: "--gateway" }) }),
    source: {
      ...(interfaceName === undefined ? {} : { interfaceName }),
      ...(source === undefined ? {} : { source: parseAddress(source, "--source") }),
    },
  };
}

/** Whether an interface or a source address was named. */
export function isSelected({ interfaceName, source }: SourceSelector): boolean {
  return interfaceName !== undefined || source !== undefined;
}

/** Where requests go, and from which address; without one the system chooses. */
export interface Location {
  readonly gateway: string;
  readonly localAddress: string | undefined;
  /** The interface that the socket is bound to, where the route leads through another one. */
  readonly boundInterface?: string | undefined;
}

/** Options of {@linkcode locateGateway}. */
export interface LocateGatewayOptions {
  /** The gateway that was reported before: nothing is printed when it is that one again. */
  readonly known?: string | undefined;
}

/**
 * Finds out where a target is. It prints a choice that a person would not expect.
 *
 * @returns The gateway's address and the one to send from.
 * @throws {NoGatewayError} If there is none.
 * @throws {UnknownInterfaceError} If the interface or source address is not this host's.
 */
export async function locateGateway(
  context: CommandContext,
  target: Target,
  options: LocateGatewayOptions = {},
): Promise<Location> {
  const { line, world, output } = context;
  const { endpoint, source } = target;
  const igd = await readIgd(line);
  if (igd !== undefined) return { gateway: igd.hostname, localAddress: undefined };
  if (endpoint !== undefined) {
    const own = isSelected(source)
      ? await (await world.network()).localAddressOf(endpoint.hostname, source)
      : undefined;
    const boundInterface = own?.binding?.interfaceName;
    return { gateway: endpoint.hostname, localAddress: own?.localAddress, boundInterface };
  }
  const found = await (await world.network()).findGateway(source);
  const { gateway, localAddress, reason, binding } = found;
  const location = { gateway, localAddress, boundInterface: binding?.interfaceName };
  const why = `Router ${gateway}: ${reason}`;
  if (gateway === options.known) return location;
  if (found.guessed || found.overrulesTable || found.isSecondChoice) output.note(why);
  else if (line.has("verbose")) world.stderr.write(`${escapeHidden(why)}\n`);
  return location;
}

/** `--verbose` traces each datagram; without it a person at a terminal sees how long a request has been waiting. */
async function observer(
  { line, world }: CommandContext,
  clock: Clock,
  showsProgress: boolean,
): Promise<((event: ExchangeEvent) => void) | undefined> {
  if (line.has("verbose")) {
    const [{ formatTrace }, { datagramDescriber }] = await Promise.all([
      import("./trace.ts"),
      import("../backends.ts"),
    ]);
    const describer = await datagramDescriber();
    const startMs = clock.now();
    return (event) => {
      const text = formatTrace(event, clock.now() - startMs, describer);
      if (text !== undefined) world.stderr.write(`${escapeHidden(text)}\n`);
    };
  }
  if (!showsProgress || !world.stderr.isTerminal || line.has("quiet")) return undefined;
  const { Progress } = await import("./progress.ts");
  const progress = new Progress(clock, world.stderr);
  return (event) => progress.observe(event);
}

/**
 * Checks whether an error is the answer to every further question too: nobody answers, nobody there speaks the
 * protocol, no socket can be had, or the command was asked to stop.
 *
 * @returns Whether asking on is pointless.
 */
export function stopsCommand(error: unknown): boolean {
  return error instanceof NoAnswerError || error instanceof NotSupportedError ||
    error instanceof SocketError || error instanceof BusyError ||
    error instanceof Stopped;
}

/** Asks for the external address, and warns when it is one that the Internet cannot reach. */
export async function askAddress(context: CommandContext, { mapper }: Session): Promise<GatewayInfo> {
  const { signal } = context.world;
  const answer =
    await (mapper.findAddress === undefined ? mapper.probe({ signal }) : mapper.findAddress({ signal }));
  warnOfAddress(context, answer.externalAddress);
  return answer;
}

/** Options of {@linkcode askGateway}. */
export interface AskGatewayOptions {
  /** Whether a mapping stands, by which the external address can be found out with one request. */
  readonly holdsMapping?: boolean;
}

/** Asks whether the gateway forgot its mappings; the answer has the external address where one request finds it. */
export async function askGateway(
  context: CommandContext,
  { mapper }: Pick<Session, "mapper">,
  { holdsMapping = false }: AskGatewayOptions = {},
): Promise<GatewayInfo> {
  const options = { signal: context.world.signal };
  const answer =
    await (holdsMapping && mapper.findAddress !== undefined
      ? mapper.findAddress(options)
      : mapper.probe(options));
  warnOfAddress(context, answer.externalAddress);
  return answer;
}

/** Warns of an external address that the Internet cannot reach, once. */
export function warnOfAddress({ output }: CommandContext, externalAddress: string | undefined): void {
  const warning = externalAddress === undefined ? undefined : addressWarning(externalAddress);
  if (warning !== undefined) output.warn(warning);
}
