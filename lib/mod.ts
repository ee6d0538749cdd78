/**
 * A NAT-PMP client (RFC 6886): asks the gateway for its external address, maps and unmaps ports.
 *
 * @example Map TCP port 80 on a gateway, here a simulated one
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { NatPmpClient } from "./mod.ts";
 * import { MemoryNetwork, SimulatedGateway } from "./simulator/mod.ts";
 * import { systemClock } from "./clock.ts";
 *
 * const network = new MemoryNetwork({ clock: systemClock, random: Math.random });
 * const startMs = systemClock.now();
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random: Math.random, startMs });
 * const detach = network.attach(gateway, "10.0.0.1");
 *
 * const client = new NatPmpClient("10.0.0.1", { openSocket: network.host("10.0.0.2").open });
 * const lease = await client.map({ protocol: "tcp", internalPort: 80, externalPort: 8080 });
 * assertEquals(lease.externalPort, 8080);
 * assertEquals((await client.probe()).externalAddress, "203.0.113.7");
 * await client.unmap({ protocol: "tcp", internalPort: 80 });
 * detach();
 * ```
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
export type { AnnouncedState } from "./natpmp/announcements.ts";
export { NatPmpClient, type NatPmpClientOptions } from "./natpmp/client.ts";
export { resultName } from "./natpmp/constants.ts";
export type {
  ConnectSocket,
  Datagram,
  DatagramSocket,
  Endpoint,
  OpenSocket,
  SendFrom,
} from "./net/datagram.ts";
export { PortUnreachable } from "./net/datagram.ts";
export type { ExchangeEvent, RequestLock } from "./net/exchange.ts";
export type {
  GatewayInfo,
  GatewayMemory,
  GrantedLifetime,
  Lease,
  MappingKey,
  MapRequest,
  PortMapper,
  RequestOptions,
  TransportProtocol,
  Unmapped,
  UnmapRequest,
  Via,
} from "./port_mapper.ts";
