/**
 * A world for the command line in which everything is in memory and time passes only when a request waits: one host,
 * 10.0.0.2, and a simulated gateway at 10.0.0.1 that has been up for 74565 s.
 *
 * @module
 */

import type { Clock, SleepOptions } from "../../lib/clock.ts";
import type { FileSystem, Network, Process } from "../../lib/system/system.ts";
import { run } from "../../lib/cli/run.ts";
// Time goes on while a module loads, as soon as anything else waits: that of a keeper must not.
import "../../lib/auto_mapper.ts";
import "../../lib/natpmp/announcements.ts";
import "../../lib/natpmp/client.ts";
import "../../lib/pcp/announcements.ts";
import "../../lib/pcp/client.ts";
import "../../lib/net/tcp_stream.ts";
import "../../lib/net/udp_socket.ts";
import "../../lib/upnp/client.ts";
import { type Sink, Stopped, type TerminalSize, type World } from "../../lib/cli/world.ts";
import { FakeMachine } from "./fake_machine.ts";
import { assertDocumented } from "./documented_fields.ts";
import { FakeStatePaths } from "./fake_state_paths.ts";
import type { FoundGateway, GatewaySurvey, LocalAddress } from "../../lib/gateway/mod.ts";
import { SocketError } from "../../lib/errors.ts";
import { decodeRequest, type Request } from "../../lib/natpmp/message.ts";
import { PCP_VERSION } from "../../lib/pcp/constants.ts";
import { decodeRequest as decodePcpRequest } from "../../lib/pcp/message.ts";
import { type DatagramSocket, type Endpoint, type OpenSocket, sameEndpoint } from "../../lib/net/datagram.ts";
import {
  type Faults,
  ManualClock,
  MemoryNetwork,
  type NetworkConditions,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../../lib/simulator/mod.ts";

/** Where the simulated gateway is. */
export const GATEWAY = "10.0.0.1";

const GATEWAY_ENDPOINT = { hostname: GATEWAY, port: 5351 };

/** Where the command runs. */
export const HOST = "10.0.0.2";

const FOUND: FoundGateway = {
  gateway: GATEWAY,
  localAddress: HOST,
  interfaceName: "eth0",
  reason: "default route through eth0",
  guessed: false,
  overrulesTable: false,
  isSecondChoice: false,
  candidates: [],
};

const INTERFACES: GatewaySurvey["interfaces"] = [
  { name: "eth0", family: "IPv4", address: HOST, netmask: "255.255.255.0", mac: "02:00:00:00:00:02" },
];

/** Another host behind the same gateway. */
export const OTHER_HOST = "10.0.0.3";

/** Options of {@linkcode TestWorld}. */
export interface TestWorldOptions {
  /** The protocols that the gateway speaks; NAT-PMP alone unless told otherwise. */
  readonly speaks?: "nat-pmp" | "pcp" | "both" | "none";
  /** Whether it speaks UPnP too, and of which version. */
  readonly upnp?: "igd1" | "igd2";
  /** How the gateway differs from one that grants what is asked. */
  readonly gateway?: Partial<SimulatedGatewayOptions>;
  /** What the gateway does wrong, always. */
  readonly faults?: Faults;
  /** What the gateway does wrong with one request; the first has number 1. */
  readonly faultsFor?: (request: Request, number: number) => Faults;
  /** How the network treats datagrams. */
  readonly conditions?: Partial<NetworkConditions>;
  /** Whether people look at stdout and stderr. */
  readonly isTerminal?: boolean;
  /** Whether the environment allows colour; it does. */
  readonly allowsColor?: boolean;
  /** How the gateway that is found differs from the default route's next hop. */
  readonly found?: Partial<FoundGateway>;
  /** How what `doctor` sees of this host's gateways differs from one interface and its default route. */
  readonly survey?: Partial<GatewaySurvey>;
  /** How this host's network differs from one interface whose ports are free. */
  readonly network?: Partial<Network>;
  /** How its files differ from those of the fake machine. */
  readonly files?: Partial<FileSystem>;
  /** How this process differs from one of the fake machine that is not in a container. */
  readonly process?: Partial<Process>;
  /** What looking for the default gateway fails with. */
  readonly noGateway?: Error;
  /** Whether the host refuses every socket. */
  readonly hasNoSocket?: boolean;
  /** Called before each datagram that the host sends. */
  readonly onSend?: (request: Request, number: number) => void;
}

/** A request of PCP as the gateway reads it. */
export type PcpRequest = ReturnType<typeof decodePcpRequest>;

/** An endpoint that no host here has. */
const FOREIGN = { hostname: "10.9.9.9", port: 5351 };

/** What a command line left behind. */
export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stream in memory. */
export class MemorySink implements Sink {
  readonly isTerminal: boolean;
  /** Everything written so far. */
  text = "";
  terminalSize: TerminalSize = { columns: 80, rows: 24 };
  readonly #onWrite: (text: string) => void;
  readonly #awaited: { readonly part: string; readonly found: () => void }[] = [];

  constructor(isTerminal: boolean, onWrite: (text: string) => void = () => {}) {
    this.isTerminal = isTerminal;
    this.#onWrite = onWrite;
  }

  size(): TerminalSize {
    return this.terminalSize;
  }

  write(text: string): void {
    this.text += text;
    this.#onWrite(text);
    for (const { part, found } of this.#awaited) if (this.text.includes(part)) found();
  }

  /** Resolves once the text holds this part. */
  until(part: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.text.includes(part)) resolve();
      else this.#awaited.push({ part, found: resolve });
    });
  }
}

/** The manual clock as the command sees it, which knows whether anybody waits. */
class WatchedClock implements Clock {
  readonly #clock: ManualClock;
  #sleepers = 0;
  #awake = Promise.withResolvers<void>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get hasSleepers(): boolean {
    return this.#sleepers > 0;
  }

  /** Resolves the next time that nobody sleeps. */
  get awake(): Promise<void> {
    return this.#awake.promise;
  }

  now(): number {
    return this.#clock.now();
  }

  wallNow(): Date {
    return this.#clock.wallNow();
  }

  async sleep(ms: number, options?: SleepOptions): Promise<void> {
    this.#sleepers++;
    try {
      await this.#clock.sleep(ms, options);
    } finally {
      if (--this.#sleepers === 0) {
        this.#awake.resolve();
        this.#awake = Promise.withResolvers<void>();
      }
    }
  }
}

/** Code that a command loads when it needs it takes some turns of the event loop, not this many. */
const MAX_IDLE_TURNS = 100_000;

/** Everything outside of the program, in memory. */
export class TestWorld implements World {
  readonly stdout: MemorySink;
  readonly stderr: MemorySink;
  readonly allowsColor: boolean;
  readonly clock = new ManualClock({ startMs: 0, wallStart: new Date("2026-01-01T00:00:00Z") });
  readonly memory: MemoryNetwork;
  readonly gateway: SimulatedGateway;
  /** The files that a user names, and the process: a command that asks for either gets this one. */
  readonly fakeMachine = new FakeMachine();
  /** What processes leave each other; a world's command lines share it. */
  readonly fakeStatePaths = new FakeStatePaths(this.clock);
  /** How often the command asked for the process. */
  processesOpened = 0;
  /** Every request of NAT-PMP that the host sent to the gateway's port, re-sends included. */
  readonly requests: Request[] = [];
  /** Every request of PCP. */
  readonly pcpRequests: PcpRequest[] = [];
  /** What was written to either stream, in order. */
  readonly written: string[] = [];
  /** The address that each request was sent from; `undefined` where the system was to choose. */
  readonly sentFrom: (string | undefined)[] = [];
  /** How often the command asked for the network. */
  networksOpened = 0;
  readonly #options: TestWorldOptions;
  readonly #stopping = new AbortController();
  readonly #watched: WatchedClock;

  constructor(options: TestWorldOptions = {}) {
    const { isTerminal = false, allowsColor = true, conditions = {}, faults = {} } = options;
    this.#options = options;
    this.stdout = new MemorySink(isTerminal, (text) => this.written.push(text));
    this.stderr = new MemorySink(isTerminal, (text) => this.written.push(text));
    this.allowsColor = allowsColor;
    this.#watched = new WatchedClock(this.clock);
    const random = () => 0.5;
    this.memory = new MemoryNetwork({ clock: this.clock, random, conditions });
    this.gateway = new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random,
      startMs: 0,
      startEpochSeconds: 74_565,
      announcesStart: false,
      faults,
      ...(options.speaks === undefined ? {} : { speaks: options.speaks }),
      ...(options.upnp === undefined ? {} : { upnp: options.upnp }),
      ...options.gateway,
    });
    this.memory.attach(this.gateway, GATEWAY);
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** How many datagrams reached the gateway. */
  get received(): number {
    return this.gateway.counters.received;
  }

  /** The gateway's mappings, each as in `tcp 10.0.0.2 8080:80`. */
  get mappings(): string[] {
    return this.gateway.mappings(this.clock.now()).map(({ protocol, address, externalPort, internalPort }) =>
      `${protocol} ${address} ${externalPort}:${internalPort}`
    );
  }

  /** The map requests that delete. */
  get deletions(): Request[] {
    return this.requests.filter((request) => request.kind === "map" && request.lifetimeSeconds === 0);
  }

  /** Tells the process to stop, as a signal does. */
  stop(signalName: "SIGINT" | "SIGTERM" = "SIGINT"): void {
    this.#stopping.abort(new Stopped(signalName, signalName === "SIGINT" ? 130 : 143));
  }

  network(): Promise<Network> {
    this.networksOpened++;
    const { hasNoSocket = false } = this.#options;
    return Promise.resolve({
      clock: this.#watched,
      openSocket: (local) => {
        this.sentFrom.push(local?.hostname);
        return this.#recorded(this.memory.host(HOST).open(hasNoSocket ? FOREIGN : local));
      },
      connectSocket: () => Promise.resolve(undefined),
      connectStream: this.memory.host(HOST).connect,
      openAnnouncer: (address) =>
        Promise.resolve(this.memory.host(address).open({ hostname: "224.0.0.1", port: 5350 })),
      openSearchSocket: (address) =>
        Promise.resolve(this.memory.host(address).open({ hostname: "239.255.255.250", port: 1900 })),
      listenStream: (local) => this.memory.host(HOST).listenStream(local),
      openAnnouncementSocket: (_address, port) =>
        hasNoSocket
          ? Promise.reject(new SocketError(`Cannot open a UDP socket on 224.0.0.1:${port}`))
          : Promise.resolve(this.memory.host(HOST).open({ hostname: "224.0.0.1", port })),
      random: () => 0.5,
      findGateway: () => this.findGateway(),
      localAddressOf: () => this.localAddressOf(),
      surveyGateways: () => this.surveyGateways(),
      tryBind: () => Promise.resolve("free"),
      interfaceNames: () => Promise.resolve(["eth0"]),
      addresses: () => [HOST],
      ...this.#options.network,
    });
  }

  files(): Promise<FileSystem> {
    const { fakeMachine } = this;
    return Promise.resolve({
      state: this.fakeStatePaths,
      absolutePath: (path) => fakeMachine.absolutePath(path),
      read: (path, maxBytes) => fakeMachine.read(path, maxBytes),
      replace: (path, text) => fakeMachine.replace(path, text),
      clear: (path) => fakeMachine.clear(path),
      list: () => Promise.resolve([]),
      ...this.#options.files,
    });
  }

  process(): Promise<Process> {
    this.processesOpened++;
    return Promise.resolve(Object.assign(this.fakeMachine, this.#options.process));
  }

  findGateway(): Promise<FoundGateway> {
    const { noGateway } = this.#options;
    if (noGateway !== undefined) return Promise.reject(noGateway);
    return Promise.resolve({ ...FOUND, ...this.#options.found });
  }

  localAddressOf(): Promise<LocalAddress | undefined> {
    return Promise.resolve({ localAddress: HOST, interfaceName: "eth0" });
  }

  surveyGateways(): Promise<GatewaySurvey> {
    const { noGateway: failure } = this.#options;
    const { candidates, ...gateway } = FOUND;
    const found = failure === undefined ? { gateway } : { failure };
    return Promise.resolve({ interfaces: INTERFACES, candidates, ...found, ...this.#options.survey });
  }

  /** Runs a command line to its end; time passes while it waits for the gateway. */
  async run(...args: string[]): Promise<CommandOutcome> {
    let isDone = false;
    const ending = run(args, this).finally(() => void (isDone = true));
    for (let idle = 0; !isDone; idle++) {
      if (idle > MAX_IDLE_TURNS) throw new Error(`natpmp ${args.join(" ")} waits for nothing`);
      if (this.#watched.hasSleepers) {
        await this.clock.runUntil(Promise.race([this.#watched.awake, ending]));
        idle = 0;
      } else await this.clock.advance(0);
    }
    if (args.includes("--json")) assertDocumented(this.stdout.text);
    return { exitCode: await ending, stdout: this.stdout.text, stderr: this.stderr.text };
  }

  /** Runs a command line, and reads the one JSON object that it prints. */
  async runJson(...args: string[]): Promise<{ exitCode: number; stderr: string; json: JsonObject }> {
    const { exitCode, stdout, stderr } = await this.run("--json", ...args);
    const lines = stdout.split("\n");
    if (lines.length !== 2 || lines[1] !== "") throw new Error(`Not one line of JSON: ${stdout}`);
    return { exitCode, stderr, json: JSON.parse(lines[0] ?? "") };
  }

  #recorded(socket: DatagramSocket): DatagramSocket {
    return {
      local: socket.local,
      receive: () => socket.receive(),
      close: () => socket.close(),
      send: (data: Uint8Array, to: Endpoint) => {
        if (sameEndpoint(to, GATEWAY_ENDPOINT)) {
          if (data[0] === PCP_VERSION) this.#recordPcp(decodePcpRequest(data));
          else this.#record(decodeRequest(data));
        }
        return socket.send(data, to);
      },
    };
  }

  /** What `faultsFor` has is for requests of NAT-PMP. */
  #recordPcp(request: PcpRequest): void {
    const { faultsFor, faults = {} } = this.#options;
    this.pcpRequests.push(request);
    if (faultsFor !== undefined) this.gateway.setFaults(faults, this.clock.now());
  }

  #record(request: Request): void {
    const { onSend, faultsFor } = this.#options;
    const number = this.requests.push(request);
    onSend?.(request, number);
    if (faultsFor !== undefined) this.gateway.setFaults(faultsFor(request, number), this.clock.now());
  }
}

/** What `--json` prints. */
export type JsonObject = Record<string, unknown> & {
  readonly error?: Record<string, unknown>;
  readonly mappings?: readonly (Record<string, unknown> & { readonly error?: Record<string, unknown> })[];
  readonly warnings?: readonly string[];
};

/** A gateway that sends a fault's answer to one kind of request and right ones to all others. */
export function faultyFor(
  kind: "address" | "tcp" | "udp",
  faults: Faults,
): (request: Request) => Faults {
  return (request) => kindOf(request) === kind ? faults : {};
}

function kindOf(request: Request): string {
  return request.kind === "map" ? request.protocol : request.kind;
}

/** Opens the sockets of a host that is not the command's. */
export function socketsOf(world: TestWorld, address: string): OpenSocket {
  return world.memory.host(address).open;
}

/** A world in which something happens at a time. */
export function worldWith(
  atMs: number,
  happen: (world: TestWorld) => void,
  options: TestWorldOptions = {},
): TestWorld {
  const world = new TestWorld(options);
  world.clock.sleep(atMs).then(() => happen(world));
  return world;
}
