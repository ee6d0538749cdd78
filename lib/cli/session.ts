import type { Clock } from "../clock.ts";
import { NoAnswerError, NotSupportedError, SocketError } from "../errors.ts";
import { NatPmpClient } from "../natpmp/client.ts";
import { GATEWAY_PORT } from "../natpmp/constants.ts";
import type { ExchangeEvent } from "../net/exchange.ts";
import type { ExternalAddress, PortMapper } from "../port_mapper.ts";
import type { CommandContext } from "./command.ts";
import { addressWarning } from "./messages.ts";
import { parseEndpoint, parseTimeoutMs } from "./option_values.ts";
import { Progress } from "./progress.ts";
import { Stopped } from "./world.ts";

/** A command's connection to its gateway. */
export interface Session {
  readonly mapper: PortMapper;
  readonly clock: Clock;
  /** The gateway's IPv4 address. */
  readonly gateway: string;
}

/** Options of {@linkcode openSession}. */
export interface OpenSessionOptions {
  /** Whether internal port 0 may be mapped. */
  readonly allowPortZero?: boolean;
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
  const named = line.value("gateway");
  const endpoint = named === undefined
    ? undefined
    : parseEndpoint(named, { defaultPort: GATEWAY_PORT, minPort: 1, what: "--gateway" });
  const timeout = line.value("timeout");
  const timeoutMs = timeout === undefined ? undefined : parseTimeoutMs(timeout);

  const { clock, openSocket, random } = await world.network();
  const gateway = endpoint?.hostname ?? await findGateway(context);
  const mapper = new NatPmpClient(gateway, {
    port: endpoint?.port ?? GATEWAY_PORT,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    allowPortZero: options.allowPortZero ?? false,
    clock,
    openSocket,
    random,
    observe: await observer(context, clock),
  });
  return { mapper, clock, gateway };
}

async function findGateway({ line, world }: CommandContext): Promise<string> {
  const { gateway, reason } = await world.findGateway();
  if (line.has("verbose")) world.stderr.write(`gateway ${gateway}: ${reason}\n`);
  return gateway;
}

/** `--verbose` traces each datagram; without it a person at a terminal sees how long a request has been waiting. */
async function observer(
  { line, world }: CommandContext,
  clock: Clock,
): Promise<((event: ExchangeEvent) => void) | undefined> {
  if (line.has("verbose")) {
    const { formatTrace } = await import("./trace.ts");
    const startMs = clock.now();
    return (event) => {
      const text = formatTrace(event, clock.now() - startMs);
      if (text !== undefined) world.stderr.write(`${text}\n`);
    };
  }
  if (!world.stderr.isTerminal || line.has("quiet")) return undefined;
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
    error instanceof SocketError ||
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
