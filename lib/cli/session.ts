import type { Clock } from "../clock.ts";
import { BusyError, NoAnswerError, NotSupportedError, SocketError } from "../errors.ts";
import { NatPmpClient } from "../natpmp/client.ts";
import { GATEWAY_PORT } from "../natpmp/constants.ts";
import { DEFAULT_TIMEOUT_MS } from "../natpmp/retransmission.ts";
import type { GatewayWish } from "../gateway/mod.ts";
import type { LeaseStore } from "../lease/store.ts";
import type { Endpoint } from "../net/datagram.ts";
import type { ExchangeEvent, Turnstile } from "../net/exchange.ts";
import type { ExternalAddress, PortMapper } from "../port_mapper.ts";
import type { CommandLine } from "./args.ts";
import type { CommandContext } from "./command.ts";
import { addressWarning } from "./messages.ts";
import { escapeHidden } from "./output.ts";
import { parseAddress, parseEndpoint, parseTimeoutMs } from "./option_values.ts";
import { GatewayTurnstile } from "./state/gateway_turnstile.ts";
import type { LeaseBook } from "./state/lease_book.ts";
import type { openBook } from "./state/open_book.ts";
import { holderName } from "./state_home.ts";
import { Stopped } from "./world.ts";

/** A command's connection to its gateway. */
export interface Session {
  readonly mapper: PortMapper;
  readonly clock: Clock;
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** What earlier commands left about the gateway; absent where nothing is remembered. */
  readonly book?: LeaseBook | undefined;
}

/** Options of {@linkcode openSession}. */
export interface OpenSessionOptions {
  /** Whether internal port 0 may be mapped. */
  readonly allowPortZero?: boolean;
  /** Opens what earlier commands left, for one that knows of them and leaves word for later ones. */
  readonly remember?: typeof openBook;
  /** Where that is, if the command has found it already. */
  readonly store?: LeaseStore | undefined;
}

/**
 * Finds the gateway that a command talks to, by `--gateway` or as this host's default, and makes its client. Every
 * option is read before anything is sent.
 *
 * @param context The command's context.
 * @param options What the command allows.
 * @returns The session.
 * @throws {UsageError} If an option's value cannot be read.
 * @throws {NoGatewayError} If none was named and none is found.
 */
export async function openSession(
  context: CommandContext,
  options: OpenSessionOptions = {},
): Promise<Session> {
  const { line, world } = context;
  const target = readTarget(line);
  const timeoutMs = readTimeoutMs(line);

  // What is loaded together is there sooner.
  const [{ clock }] = await Promise.all([world.network(), world.stateHome()]);
  const location = await locateGateway(context, target);
  const { gateway } = location;
  const port = target.endpoint?.port ?? GATEWAY_PORT;
  const mapper = await clientAt(context, { ...location, port }, { ...options, timeoutMs });
  const link = { ...location, port };
  const book = await options.remember?.(context, { mapper, link, timeoutMs, store: options.store });
  return { mapper, clock, gateway, book };
}

/**
 * Reads `--timeout`.
 *
 * @param line The command line.
 * @returns How long one request lasts, in milliseconds.
 * @throws {UsageError} If it cannot be read.
 */
export function readTimeoutMs(line: CommandLine): number {
  const timeout = line.value("timeout");
  return timeout === undefined ? DEFAULT_TIMEOUT_MS : parseTimeoutMs(timeout);
}

/** Options of {@linkcode clientAt}. */
export interface ClientAtOptions extends OpenSessionOptions {
  /** How long one request lasts unless it says otherwise, and how long it waits for those of other processes. */
  readonly timeoutMs?: number | undefined;
  /** Whether a person at a terminal sees how long a request has been waiting; yes by default. */
  readonly showsProgress?: boolean;
}

/**
 * Makes the client of a gateway.
 *
 * @param context The command's context.
 * @param location Where the gateway is, and from where to ask it.
 * @param options What the command allows and shows.
 * @returns The client; nothing is sent yet.
 */
export async function clientAt(
  context: CommandContext,
  location: Location & { readonly port: number },
  options: ClientAtOptions = {},
): Promise<NatPmpClient> {
  const { gateway, localAddress, boundInterface, port } = location;
  const { allowPortZero = false, showsProgress = true, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const { clock, openSocket, connectSocket, random } = await context.world.network();
  return new NatPmpClient(gateway, {
    port,
    localAddress,
    boundInterface,
    timeoutMs,
    allowPortZero,
    clock,
    openSocket,
    connectSocket,
    random,
    turnstile: await turnstileOf(context, { gateway, port, timeoutMs, clock }),
    observe: await observer(context, clock, showsProgress),
  });
}

/** Requests of this user's processes to one gateway take turns (RFC 6886 §3.1), where they find a place for a lock. */
async function turnstileOf(
  { line, world }: CommandContext,
  { gateway, port, ...limits }: { gateway: string; port: number; timeoutMs: number; clock: Clock },
): Promise<Turnstile | undefined> {
  const home = await world.stateHome();
  if (typeof home.directory !== "string") return undefined;
  return new GatewayTurnstile({ ...limits, gateway, port, home, holder: holderName(line, home) });
}

/** Whom the options say to ask, and from where. */
export interface Target {
  /** Absent where the gateway is to be found. */
  readonly endpoint?: Endpoint;
  readonly wish: GatewayWish;
}

/**
 * Reads `--gateway`, `--interface` and `--source`.
 *
 * @param line The command line.
 * @returns What they say.
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
    wish: {
      ...(interfaceName === undefined ? {} : { interfaceName }),
      ...(source === undefined ? {} : { source: parseAddress(source, "--source") }),
    },
  };
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
  /** The gateway that has been told of before: nothing is said when it is that one again. */
  readonly known?: string | undefined;
}

/**
 * Finds out where a target is. A choice that a person would not expect is said aloud.
 *
 * @param context The command's context.
 * @param target What the options say.
 * @param options What is known before.
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
  const { endpoint, wish } = target;
  if (endpoint !== undefined) {
    const isWished = wish.interfaceName !== undefined || wish.source !== undefined;
    const own = isWished ? await world.localAddressOf(endpoint.hostname, wish) : undefined;
    const boundInterface = own?.binding?.interfaceName;
    return { gateway: endpoint.hostname, localAddress: own?.localAddress, boundInterface };
  }
  const found = await world.findGateway(wish);
  const { gateway, localAddress, reason, binding } = found;
  const location = { gateway, localAddress, boundInterface: binding?.interfaceName };
  const why = `Gateway ${gateway}: ${reason}`;
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
    const { formatTrace } = await import("./trace.ts");
    const startMs = clock.now();
    return (event) => {
      const text = formatTrace(event, clock.now() - startMs);
      if (text !== undefined) world.stderr.write(`${escapeHidden(text)}\n`);
    };
  }
  if (!showsProgress || !world.stderr.isTerminal || line.has("quiet")) return undefined;
  const { Progress } = await import("./progress.ts");
  const progress = new Progress(clock, world.stderr);
  return (event) => progress.observe(event);
}

/**
 * Tells whether an error is the answer to every further question too: nobody answers, nobody there speaks the
 * protocol, no socket can be had, or the command was told to stop.
 *
 * @param error What a request failed with.
 * @returns Whether asking on is pointless.
 */
export function endsSession(error: unknown): boolean {
  return error instanceof NoAnswerError || error instanceof NotSupportedError ||
    error instanceof SocketError || error instanceof BusyError ||
    error instanceof Stopped;
}

/**
 * Asks for the external address and warns when it is none of the Internet's.
 *
 * @param context The command's context.
 * @param session Its session.
 * @returns The gateway's answer.
 */
export async function askAddress(context: CommandContext, session: Session): Promise<ExternalAddress> {
  const answer = await session.mapper.externalAddress({ signal: context.world.signal });
  const warning = addressWarning(answer.externalAddress);
  if (warning !== undefined) context.output.warn(warning);
  return answer;
}
