import type { Clock } from "../../clock.ts";
import { NoAnswerError, PortMapperError, RefusedError } from "../../errors.ts";
import {
  ANNOUNCEMENT_PORT,
  type DatagramDescriber,
  DEFAULT_TIMEOUT_MS,
  GATEWAY_PORT,
  isUnsuitable,
  openMapper,
  type ViaChoice,
} from "../../backends.ts";
import type { GatewaySurvey } from "../../gateway/mod.ts";
import type { ExchangeEvent } from "../../net/exchange.ts";
import type { GatewayInfo, MappingKey, PortMapper } from "../../port_mapper.ts";
import type { Network } from "../../system/system.ts";
import type { CommandLine } from "../args.ts";
import { isSelected, requestLockOf, stopsCommand, type Target } from "../session.ts";
import { formatTrace } from "../trace.ts";
import type { World } from "../world.ts";
import { judgeContainer } from "./container.ts";
import type {
  ChosenGateway,
  Examination,
  Outcome,
  PortFinding,
  ProtocolAnswer,
  TestMapping,
  TraceLine,
} from "./examination.ts";

/** Long enough to see that it works, short enough to be gone soon if its deletion is lost. */
const TEST_LIFETIME_SECONDS = 60;
/** A mapping that cannot be deleted is gone after a minute. */
const DELETE_ATTEMPTS = 2;

/** Where NAT-PMP is tried too, PCP is waited for this long: enough for a slow router, and NAT-PMP's turn comes soon. */
const PCP_TIMEOUT_MS = 2000;

/** Options of {@linkcode examine}. */
export interface ExamineOptions {
  /** The gateway that the options say to ask, and from where. */
  readonly target: Target;
  /** The protocol to test; each by default. */
  readonly via?: ViaChoice | undefined;
  /** Limit of one request. */
  readonly timeoutMs?: number;
  /** The internal ports to look at. */
  readonly ports: readonly MappingKey[];
  /** The command line, by which other processes know this one. */
  readonly line: CommandLine;
  readonly describer: DatagramDescriber;
  /** Called with each event on the wire while it happens. */
  readonly observe?: ((event: ExchangeEvent, elapsedMs: number) => void) | undefined;
}

/**
 * Finds out everything that `doctor` reports. A part that cannot be found out has its error in its place.
 *
 * @throws {UnknownInterfaceError} If the interface or source address that was named is not this host's.
 * @throws {Stopped} If the process was asked to stop.
 */
export async function examine(world: World, options: ExamineOptions): Promise<Examination> {
  const { target, timeoutMs = DEFAULT_TIMEOUT_MS, via = "auto", observe, line, describer } = options;
  const [network, { containerSigns }] = await Promise.all([world.network(), world.process()]);
  const survey = await network.surveyGateways(target.source);
  const gateway = await chooseGateway(network, target, survey);
  const chosen = "value" in gateway ? gateway.value : undefined;
  const facts = {
    interfaces: survey.interfaces,
    candidates: survey.candidates.length === 0 && survey.failure !== undefined
      ? { error: survey.failure }
      : { value: survey.candidates },
    gateway,
    container: judgeContainer(await containerSigns(chosen?.interfaceName), chosen?.gateway),
    ports: await Promise.all(options.ports.map((key) => findPort(network, key, chosen?.localAddress))),
  };
  if (chosen === undefined) return { ...facts, protocols: [], trace: [] };

  const { clock, openSocket, connectSocket, openAnnouncementSocket, random } = network;
  const { trace, record } = traceOf(clock, describer);
  const { gateway: gatewayAddress, port } = chosen;
  const at = {
    gateway: gatewayAddress,
    port,
    // As every command does: where nothing was named, the system chooses.
    localAddress: target.endpoint === undefined || isSelected(target.source)
      ? chosen.localAddress
      : undefined,
    boundInterface: chosen.binding?.interfaceName,
  };
  const parts = {
    timeoutMs,
    requestLock: await requestLockOf({ line, world }, {
      gateway: gatewayAddress,
      port,
      timeoutMs,
      clock,
    }),
    clock,
    openSocket,
    connectSocket,
    random,
    findLocalAddress: async () => (await network.localAddressOf(gatewayAddress, {}))?.localAddress,
    observe(event: ExchangeEvent) {
      const elapsedMs = record(event);
      observe?.(event, elapsedMs);
    },
  };
  const { signal } = world;
  const { localAddress } = chosen;
  const announcements = localAddress === undefined ? {} : {
    announcements: await attempt(async () =>
      void (await openAnnouncementSocket(localAddress, ANNOUNCEMENT_PORT)).close()
    ),
  };
  const { protocols, spoken } = await askProtocols((via) => openMapper(at, { ...parts, via }), {
    via,
    timeoutMs,
    signal,
  });
  if (spoken === undefined) {
    // A refusal has a better story than that the other protocol is not spoken.
    const { answer: address } = protocols.find(({ answer }) => isRefused(answer)) ?? protocols.at(-1)!;
    return { ...facts, ...announcements, protocols, address, trace };
  }
  const testMapping = await attempt(async () => {
    // Held meanwhile, so that nobody else is reached through the mapping.
    const socket = openSocket(localAddress === undefined ? {} : { hostname: localAddress });
    try {
      return await mapForTest(spoken.mapper, socket.local.port, signal);
    } finally {
      socket.close();
    }
  });
  signal.throwIfAborted();
  const address = withAddress(spoken.answer, testMapping);
  return { ...facts, ...announcements, protocols, via: spoken.mapper.via, address, testMapping, trace };
}

/** The protocols of one port, in the order in which other commands ask. */
const PROTOCOLS = ["pcp", "nat-pmp"] as const;

interface AskProtocolsOptions {
  readonly via: ViaChoice;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The answers, and the client and the answer of the first protocol that will do. */
interface AskedProtocols {
  readonly protocols: readonly ProtocolAnswer[];
  readonly spoken?: { readonly mapper: PortMapper; readonly answer: Outcome<GatewayInfo> };
}

/** Asks in each protocol, one after the other. */
async function askProtocols(
  open: (via: ProtocolAnswer["via"] & ViaChoice) => Promise<PortMapper>,
  { via, timeoutMs, signal }: AskProtocolsOptions,
): Promise<AskedProtocols> {
  const vias = PROTOCOLS.filter((one) => via === "auto" || via === one);
  const protocols: ProtocolAnswer[] = [];
  let spoken: AskedProtocols["spoken"];
  for (const one of vias) {
    const mapper = await open(one);
    const isLast = one === vias.at(-1);
    const limits = { signal, timeoutMs: isLast ? timeoutMs : Math.min(timeoutMs, PCP_TIMEOUT_MS) };
    const answer = await attempt(() => mapper.probe(limits));
    if (!isLast && "error" in answer && isOfBoth(answer.error)) {
      delete answer.error.via;
      return { protocols: vias.map((via) => ({ via, answer })) };
    }
    protocols.push({ via: one, answer });
    if (isSpoken(answer)) spoken ??= { mapper, answer };
  }
  return spoken === undefined ? { protocols } : { protocols, spoken };
}

/** A closed port, and a socket or a turn that cannot be had, are so for either protocol. */
function isOfBoth(error: unknown): error is PortMapperError {
  return stopsCommand(error) && !(error instanceof NoAnswerError) && !isUnsuitable(error);
}

/** A refusal shows that a protocol is spoken, as a success does. */
function isSpoken(answer: Outcome<GatewayInfo>): boolean {
  return "value" in answer || (isRefused(answer) && !isUnsuitable(answer.error));
}

function isRefused(answer: Outcome<GatewayInfo>): answer is { readonly error: RefusedError } {
  return "error" in answer && answer.error instanceof RefusedError;
}

/** PCP sends the external address with each mapping, and with nothing else. */
function withAddress(
  answer: Outcome<GatewayInfo>,
  testMapping: Outcome<TestMapping>,
): Outcome<GatewayInfo> {
  if ("error" in answer || answer.value.externalAddress !== undefined || "error" in testMapping) {
    return answer;
  }
  return { value: { ...answer.value, externalAddress: testMapping.value.lease.externalAddress } };
}

async function chooseGateway(
  { localAddressOf }: Network,
  { endpoint, source }: Target,
  survey: GatewaySurvey,
): Promise<Outcome<ChosenGateway>> {
  if (endpoint === undefined) {
    const { gateway, binding, failure } = survey;
    if (gateway !== undefined) {
      return { value: { ...gateway, port: GATEWAY_PORT, ...(binding === undefined ? {} : { binding }) } };
    }
    // A mistake of the caller's is not a finding.
    return attempt(() => Promise.reject(failure));
  }
  const own = await attempt(() => localAddressOf(endpoint.hostname, source));
  if ("error" in own) return own;
  return {
    value: {
      gateway: endpoint.hostname,
      port: endpoint.port,
      ...own.value,
      reason: "named with --gateway",
      guessed: false,
      overrulesTable: false,
    },
  };
}

/** An error that the gateway, its absence or this host causes is an outcome; every other one is not. */
async function attempt<T>(find: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await find() };
  } catch (error) {
    if (!(error instanceof PortMapperError)) throw error;
    return { error };
  }
}

async function mapForTest(
  mapper: PortMapper,
  internalPort: number,
  signal: AbortSignal,
): Promise<TestMapping> {
  const key = { protocol: "udp", internalPort } as const;
  const lease = await mapper.map({ ...key, lifetimeSeconds: TEST_LIFETIME_SECONDS }, { signal });
  // Without the signal: what was made is deleted also when the process is asked to stop.
  const deletion = await attempt(() => mapper.unmap(lease, { maxAttempts: DELETE_ATTEMPTS }));
  return { lease, deletion };
}

function traceOf(
  clock: Clock,
  describer: DatagramDescriber,
): { trace: TraceLine[]; record: (event: ExchangeEvent) => number } {
  const trace: TraceLine[] = [];
  let startMs: number | undefined;
  const record = (event: ExchangeEvent) => {
    startMs ??= clock.now();
    const elapsedMs = clock.now() - startMs;
    const text = formatTrace(event, elapsedMs, describer);
    if (text !== undefined) trace.push({ elapsedMs, text });
    return elapsedMs;
  };
  return { trace, record };
}

/**
 * Binds the port where a mapping would lead, and on every address. On Linux the second is refused when any address of
 * the port is taken; other systems may allow the first although every address is taken.
 */
async function findPort(
  { tryBind }: Network,
  key: MappingKey,
  localAddress: string | undefined,
): Promise<PortFinding> {
  const { protocol, internalPort } = key;
  const there = `${localAddress ?? "0.0.0.0"}:${internalPort}`;
  try {
    const everywhere = await tryBind(protocol, "0.0.0.0", internalPort);
    const here = localAddress === undefined || everywhere === "free"
      ? everywhere
      : await tryBind(protocol, localAddress, internalPort);
    if (everywhere === "forbidden") {
      return { ...key, state: "unknown", how: `this user may not bind ${there}` };
    }
    if (everywhere === "free") {
      return { ...key, state: "free", how: `natpmp could bind 0.0.0.0:${internalPort}` };
    }
    if (here === "taken") return { ...key, state: "taken", how: `natpmp could not bind ${there}` };
    return { ...key, state: "elsewhere", how: `natpmp could bind ${there}, but not 0.0.0.0:${internalPort}` };
  } catch (error) {
    if (!(error instanceof PortMapperError)) throw error;
    return { ...key, state: "unknown", how: error.message };
  }
}
