import type { Clock } from "../../clock.ts";
import { PortMapperError } from "../../errors.ts";
import {
  ANNOUNCEMENT_PORT,
  AUTO_SEARCH_MS,
  type DatagramDescriber,
  DEFAULT_TIMEOUT_MS,
  GATEWAY_PORT,
  openMapper,
  surveyUpnp,
  UPNP_PORT,
  type ViaChoice,
} from "../../backends.ts";
import type { GatewaySurvey } from "../../gateway/mod.ts";
import type { ExchangeEvent } from "../../net/exchange.ts";
import type { GatewayInfo, MappingKey, PortMapper } from "../../port_mapper.ts";
import type { Network } from "../../system/system.ts";
import type { CommandLine } from "../args.ts";
import { isSelected, requestLockOf, type Target } from "../session.ts";
import { formatTrace } from "../trace.ts";
import type { World } from "../world.ts";
import { askProtocols, attempt, failureOfAll } from "./ask_protocols.ts";
import { judgeContainer } from "./container.ts";
import type {
  ChosenGateway,
  Examination,
  Outcome,
  PortFinding,
  TestMapping,
  TraceLine,
} from "./examination.ts";

/** Long enough to see that it works, short enough to be gone soon if its deletion is lost. */
const TEST_LIFETIME_SECONDS = 60;
/** A mapping that cannot be deleted is gone after a minute. */
const DELETE_ATTEMPTS = 2;

/** The port of a URL that names none. */
const HTTP_PORT = 80;

/** Options of {@linkcode examine}. */
export interface ExamineOptions {
  /** The gateway that the options say to ask, and from where. */
  readonly target: Target;
  /** The protocol to test; each by default. */
  readonly via?: ViaChoice | undefined;
  /** Where the description of the UPnP router is, where the options name it: only UPnP is tested then. */
  readonly igd?: URL | undefined;
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
  const { target, timeoutMs = DEFAULT_TIMEOUT_MS, igd, observe, line, describer } = options;
  const { via = igd === undefined ? "auto" : "upnp" } = options;
  const [network, { containerSigns }] = await Promise.all([world.network(), world.process()]);
  const survey = await network.surveyGateways(target.source);
  const gateway = await chooseGateway(network, { ...target, igd }, survey);
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

  const { clock, openSocket, connectSocket, connectStream, openAnnouncementSocket, random } = network;
  const { trace, record } = traceOf(clock, describer);
  const { gateway: gatewayAddress, port } = chosen;
  const at = {
    gateway: gatewayAddress,
    port,
    // As every command does: where nothing was named, the system chooses.
    localAddress: (target.endpoint === undefined && igd === undefined) || isSelected(target.source)
      ? chosen.localAddress
      : undefined,
    boundInterface: chosen.binding?.interfaceName,
  };
  const lockAt = (port: number) =>
    requestLockOf({ line, world }, { gateway: gatewayAddress, port, timeoutMs, clock });
  const parts = {
    timeoutMs,
    requestLock: await lockAt(port),
    upnpLock: await lockAt(UPNP_PORT),
    igdUrl: igd,
    isGatewayNamed: target.endpoint !== undefined,
    hostName: (await world.files()).state.host,
    clock,
    openSocket,
    connectSocket,
    connectStream,
    random,
    findLocalAddress: async () => (await network.localAddressOf(gatewayAddress, {}))?.localAddress,
    observe(event: ExchangeEvent) {
      const elapsedMs = record(event);
      observe?.(event, elapsedMs);
    },
  };
  const { signal } = world;
  const { localAddress } = chosen;
  // UPnP has no announcements that watch would hear.
  const announcements = localAddress === undefined || via === "upnp" ? {} : {
    announcements: await attempt(async () =>
      void (await openAnnouncementSocket(localAddress, ANNOUNCEMENT_PORT)).close()
    ),
  };
  const { protocols, spoken, upnpRouters } = await askProtocols({
    via,
    timeoutMs,
    signal,
    open: (via) => openMapper(at, { ...parts, igdUrl: undefined, via }),
    survey: () => surveyUpnp(at, parts, { searchMs: Math.min(AUTO_SEARCH_MS, timeoutMs), timeoutMs, signal }),
  });
  const asked = { ...facts, ...announcements, protocols, upnpRouters };
  if (spoken === undefined) return { ...asked, address: failureOfAll(protocols), trace };
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
  return { ...asked, via: spoken.mapper.via, address, testMapping, trace };
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
  { endpoint, source, igd }: Target & { readonly igd: URL | undefined },
  survey: GatewaySurvey,
): Promise<Outcome<ChosenGateway>> {
  const named = endpoint ?? (igd && { hostname: igd.hostname, port: Number(igd.port || HTTP_PORT) });
  if (named === undefined) {
    const { gateway, binding, failure } = survey;
    if (gateway !== undefined) {
      return { value: { ...gateway, port: GATEWAY_PORT, ...(binding === undefined ? {} : { binding }) } };
    }
    // A mistake of the caller's is not a finding.
    return attempt(() => Promise.reject(failure));
  }
  const own = await attempt(() => localAddressOf(named.hostname, source));
  if ("error" in own) return own;
  return {
    value: {
      gateway: named.hostname,
      port: named.port,
      ...own.value,
      reason: `named with --${endpoint === undefined ? "igd" : "gateway"}`,
      guessed: false,
      overrulesTable: false,
    },
  };
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

/** A search for UPnP routers is some twenty datagrams: the first to each address stands for all of them. */
const SEARCH = /^-> \S+ UPnP search /;

function traceOf(
  clock: Clock,
  describer: DatagramDescriber,
): { trace: TraceLine[]; record: (event: ExchangeEvent) => number } {
  const trace: TraceLine[] = [];
  let startMs: number | undefined;
  const searched = new Set<string>();
  const record = (event: ExchangeEvent) => {
    startMs ??= clock.now();
    const elapsedMs = clock.now() - startMs;
    const [search] = event.kind === "noted" ? SEARCH.exec(event.text) ?? [] : [];
    if (search !== undefined) {
      if (searched.has(search)) return elapsedMs;
      searched.add(search);
    }
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
