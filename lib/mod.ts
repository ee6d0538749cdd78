/**
 * Opens ports on gateways that speak PCP (RFC 6887) or NAT-PMP (RFC 6886): finds the gateway of this host, asks for its
 * external address, maps ports, keeps them mapped, deletes the mappings.
 *
 * `keepMapped()` finds out which protocol the gateway speaks. A `PcpClient` and a `NatPmpClient` speak one each. A bare §
 * below is a section of RFC 6886, unless RFC 6887 stands beside it.
 *
 * It needs Deno 2.7 or later, started with `--unstable-net` or with `"unstable": ["net"]` in `deno.json`, and nothing
 * else. Requests take the permission `--allow-net`. Finding the gateway takes `--allow-sys`, and to ask the system for its
 * routes `--allow-ffi` (Linux, Windows) or `--allow-run` (macOS, BSD).
 *
 * ## Open a port
 *
 * ```ts
 * import { findGateway, NatPmpClient } from "./mod.ts";
 *
 * async function openPort(): Promise<string> {
 *   const { gateway, localAddress } = await findGateway();
 *   const client = new NatPmpClient(gateway, { localAddress });
 *   const lease = await client.map({
 *     protocol: "tcp",
 *     internalPort: 80,
 *     externalPort: 8080,
 *     lifetimeSeconds: 3600,
 *   });
 *   const { externalAddress } = await client.probe();
 *   return `${externalAddress}:${lease.externalPort} for ${lease.lifetimeSeconds} s`;
 * }
 * ```
 *
 * The gateway decides on the external port and on the lifetime (RFC 6886 §3.3), so read both from the lease. The mapping
 * ends after its lifetime unless somebody maps it again, and before that by `client.unmap()`. A client sends requests that
 * are made at the same time one after the other (§3.1).
 *
 * The examples import `./mod.ts`, as they stand beside it. Those below are tests too: they run on a simulated gateway in
 * memory, and therefore name it and its sockets. To reach a real gateway, leave out `clock`, `random`, `openSocket` and
 * `openAnnouncementSocket`, and take the address from `findGateway()`; `keepMapped()` finds the gateway by itself.
 *
 * ## Open a port over PCP
 *
 * A `PcpClient` has the same methods, and these differences. Each request names the address that it comes from (RFC 6887
 * §8.1), so it needs `localAddress`, which `findGateway()` has. A lease has the external address, and a `token`: only
 * with that token can a later program renew or delete the mapping (RFC 6887 §11.3), so store it where nobody else can
 * read it. `probe()` has no external address; `findAddress()` finds it by a short mapping that it deletes again.
 *
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { DeletionRefusedError, PcpClient } from "./mod.ts";
 * import { ManualClock, MemoryNetwork, SimulatedGateway } from "./simulator/mod.ts";
 *
 * const clock = new ManualClock();
 * const random = () => 0.5;
 * const network = new MemoryNetwork({ clock, random });
 * const gateway = new SimulatedGateway({
 *   speaks: "pcp",
 *   externalAddress: "203.0.113.7",
 *   random,
 *   startMs: 0,
 * });
 * const detach = network.attach(gateway, "10.0.0.1");
 * const { open } = network.host("10.0.0.2");
 * const newClient = () => new PcpClient("10.0.0.1", { localAddress: "10.0.0.2", clock, random, openSocket: open });
 *
 * const mapping = newClient().map({ protocol: "tcp", internalPort: 80, externalPort: 8080 });
 * const { externalAddress, externalPort, token } = await clock.runUntil(mapping);
 * assertEquals(`${externalAddress}:${externalPort}`, "203.0.113.7:8080");
 *
 * // A later program does not have the token in its memory.
 * const tcp80 = { protocol: "tcp", internalPort: 80 } as const;
 * await assertRejects(() => newClient().unmap(tcp80), DeletionRefusedError);
 * await clock.runUntil(newClient().unmap({ ...tcp80, token }));
 * assertEquals(gateway.mappings(clock.now()), []);
 * detach();
 * ```
 *
 * ## Keep a port open
 *
 * `keepMapped()` finds out whether the gateway speaks PCP or NAT-PMP, renews mappings in time, makes them again when the
 * gateway lost them (§3.6, RFC 6887 §8.5), follows the gateway when it moves, and reports each change. It deletes the
 * mappings when it is stopped or disposed of. `via` of a lease is the protocol that it came by; the option `via` chooses
 * one.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { keepMapped } from "./mod.ts";
 * import { ManualClock, MemoryNetwork, SimulatedGateway } from "./simulator/mod.ts";
 *
 * const clock = new ManualClock();
 * const random = () => 0.5;
 * const network = new MemoryNetwork({ clock, random });
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random, startMs: 0 });
 * const detach = network.attach(gateway, "10.0.0.1");
 * const { open } = network.host("10.0.0.2");
 *
 * const keeper = keepMapped([{ protocols: ["tcp"], internalPort: 80, externalPort: 8080 }], {
 *   gateway: "10.0.0.1",
 *   clock,
 *   random,
 *   openSocket: open,
 *   openAnnouncementSocket: () => Promise.resolve(open({ hostname: "224.0.0.1", port: 5350 })),
 * });
 * const ports: number[] = [];
 * const reading = (async () => {
 *   for await (const event of keeper) {
 *     if (event.type === "mapped" || event.type === "changed") ports.push(event.lease.externalPort);
 *   }
 * })();
 *
 * // A day passes at once, and nothing changes.
 * await clock.advance(24 * 3600 * 1000);
 * assertEquals(ports, [8080]);
 * assertEquals(gateway.mappings(clock.now()).length, 1);
 *
 * await clock.runUntil(keeper.stop());
 * await reading;
 * assertEquals(gateway.mappings(clock.now()), []);
 * detach();
 * ```
 *
 * `acquire()` asks once for TCP and UDP on one port, and gives both back where it cannot have both.
 *
 * ## Errors
 *
 * Each cause is a class, with its numbers in fields. Those that a gateway or its absence causes extend `PortMapperError`,
 * whose `effort` has what the request cost:
 *
 * - `NoGatewayError`: this host has no gateway to ask; `reason`.
 * - `NoAnswerError`: no valid answer came in time (§3.1); `discarded` counts the invalid ones.
 * - `NotSupportedError`: the gateway does not speak the protocol (§3.5, RFC 6887 §9); `reason`.
 * - `RefusedError`: the gateway refused (§3.5, RFC 6887 §7.4); `refusal`, `resultCode`, which is the protocol's own
 *   number, and over PCP `holdsMs`, for which the refusal holds. `DeletionRefusedError`: it refused to delete a mapping
 *   (§3.4), which lives on; also `mapping`, `livesUntil`.
 * - `PortDiffersError`: the granted port is not the one that is needed; `wantedPort`, `grantedPort`.
 * - `SocketError`: this host does not open the socket. `BusyError`: another process has the `requestLock`.
 * - `EpochIgnoredError`: the gateway counts its seconds wrong (§3.6). It comes in events only.
 *
 * Mistakes of the caller are a `RangeError` for a number that no packet can carry, such as port 65536, a `SyntaxError`
 * for a gateway that is not an IPv4 address, and an `UnknownInterfaceError` for an interface that this host does not have.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { NatPmpClient, NoAnswerError, NotSupportedError, RefusedError } from "./mod.ts";
 * import { ManualClock, MemoryNetwork, SimulatedGateway } from "./simulator/mod.ts";
 *
 * function reasonOf(error: unknown): string {
 *   if (error instanceof RefusedError) return `refused: ${error.refusal} (result ${error.resultCode})`;
 *   if (error instanceof NotSupportedError) return `no NAT-PMP: ${error.reason}`;
 *   if (error instanceof NoAnswerError) return `silent, ${error.effort.attempts} datagrams were sent`;
 *   throw error;
 * }
 *
 * const clock = new ManualClock();
 * const random = () => 0.5;
 * const network = new MemoryNetwork({ clock, random });
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random, startMs: 0 });
 * const detach = network.attach(gateway, "10.0.0.1");
 * const client = new NatPmpClient("10.0.0.1", { clock, openSocket: network.host("10.0.0.2").open });
 *
 * async function mapWhile(faults: typeof gateway.faults): Promise<string> {
 *   gateway.setFaults(faults, clock.now());
 *   const mapping = client.map({ protocol: "tcp", internalPort: 80 });
 *   return await clock.runUntil(mapping.then(() => "mapped", reasonOf));
 * }
 * assertEquals(await mapWhile({ refuse: true }), "refused: not-authorized (result 2)");
 * assertEquals(await mapWhile({ silent: true }), "silent, 5 datagrams were sent");
 * detach();
 * ```
 *
 * ## Time, chance and sockets
 *
 * They are options: `clock`, `random`, `openSocket`, `connectSocket`, and for announcements (§3.2.1)
 * `openAnnouncementSocket`. Tests of your program then need no network and do not wait, as the examples here.
 * `lib/simulator/mod.ts` in the repository has what they use: the network in memory, the gateway that misbehaves on
 * request, and the clock that stands still until a test turns it. `findGateway()` takes a `GatewaySystem` in place of this
 * machine.
 *
 * ## From py-natpmp
 *
 * | py-natpmp                                   | here                                                                    |
 * | ------------------------------------------- | ----------------------------------------------------------------------- |
 * | `get_gateway_addr()`                        | `findGateway()`                                                         |
 * | `get_public_address(gateway_ip)`            | `new NatPmpClient(gateway).probe()`                                     |
 * | `map_tcp_port(public, private)`             | `client.map({ protocol: "tcp", externalPort, internalPort })`           |
 * | `map_udp_port(public, private)`             | the same with `protocol: "udp"`                                         |
 * | `map_port(protocol, public, private)`       | the same with `protocol`                                                |
 * | `lifetime=3600`                             | `lifetimeSeconds: 3600` beside the ports                                |
 * | `lifetime=0`                                | `client.unmap({ protocol, internalPort })`, `client.unmapAll(protocol)` |
 * | `retry=9`                                   | `maxAttempts: 9`, and `timeoutMs`                                       |
 * | `use_exception=False`                       | a result is a `Lease` or a `GatewayInfo`, a failure is an error         |
 * | `response.ip`                               | `externalAddress` of `GatewayInfo`                                      |
 * | `response.sec_since_epoch`                  | `epochSeconds` of both                                                  |
 * | `response.public_port`, `response.lifetime` | `externalPort`, `lifetimeSeconds` of `Lease`                            |
 * | `error_str(result_code)`                    | `resultName(resultCode)`, `error.message`                               |
 * | `NATPMPUnsupportedError` and others         | `NotSupportedError`, `RefusedError`, `NoAnswerError`                    |
 *
 * The command line takes the same words: `natpmp-client.py -u -l 3600 -g 10.0.0.1 8080 80` is
 * `natpmp map -u -l 3600 -g 10.0.0.1 8080 80`.
 *
 * @module
 */

export { type Clock, type SleepOptions, systemClock } from "./clock.ts";
export * from "./errors.ts";
export {
  type Candidate,
  findGateway,
  type FindGatewayOptions,
  type FoundGateway,
  type Gateway,
  type GatewaySystem,
  type InterfaceAddress,
  type KernelRoute,
  type KernelRouteOptions,
  type ProgramOutput,
  type RouteOrigin,
  type SocketBinding,
  type SourceSelector,
  type WindowsTables,
} from "./gateway/mod.ts";
export { keepMapped, type KeepMappedOptions } from "./keep_mapped.ts";
export type { Connection } from "./lease/gateway_monitor.ts";
export type { Holding } from "./lease/holdings.ts";
export { Keeper, type KeeperOptions } from "./lease/keeper.ts";
export {
  type HeldLease,
  Ledger,
  type LedgerEntry,
  type Now,
  type Reported,
  type Tries,
  type WantedMapping,
} from "./lease/ledger.ts";
export type { ErrorEvent, GatewayEvent, KeeperEvent, MappingEvent } from "./lease/news.ts";
export {
  acquire,
  type Acquired,
  type AcquireOptions,
  type NextLimits,
  type Outcome,
} from "./lease/perform.ts";
export type { StoredTime } from "./lease/stored_time.ts";
export type { ViaChoice } from "./protocol_finder.ts";
export type { AnnouncedState } from "./natpmp/announcements.ts";
export { NatPmpClient, type NatPmpClientOptions } from "./natpmp/client.ts";
export { resultName } from "./natpmp/constants.ts";
export { PcpClient, type PcpClientOptions } from "./pcp/client.ts";
export type {
  ConnectSocket,
  Datagram,
  DatagramSocket,
  Endpoint,
  OpenSocket,
  SendFrom,
} from "./net/datagram.ts";
export { PortUnreachable } from "./net/datagram.ts";
export type { ConnectStream, ConnectStreamOptions, StreamConnection } from "./net/stream.ts";
export { ConnectionRefused } from "./net/stream.ts";
export type { ExchangeEvent, RequestLock } from "./net/exchange.ts";
export type {
  GatewayInfo,
  GatewayMemory,
  GrantedLifetime,
  KnownLease,
  Lease,
  ListedMapping,
  MappingKey,
  MappingList,
  MapRequest,
  PortMapper,
  RecallOptions,
  RequestOptions,
  TransportProtocol,
  Unmapped,
  UnmapRequest,
  Via,
} from "./port_mapper.ts";
