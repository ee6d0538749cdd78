/**
 * The simulated gateway, the network in memory and the clock that tests turn by hand.
 *
 * @module
 */

export { type Emission, type EmissionOrigin, otherAddress } from "./adversity.ts";
export { type FaultDefinition, FAULTS, parseFault } from "./fault_table.ts";
export type { Faults, Occurrence } from "./faults.ts";
export type { SpokenProtocols } from "./gateway_state.ts";
export { ManualClock, type ManualClockOptions, type RunUntilOptions } from "./manual_clock.ts";
export {
  type GrantRequest,
  type Mapping,
  type MappingKey,
  MappingTable,
  type MappingTableOptions,
  type PcpClaim,
  type PortRequest,
  type StaticMapping,
  type UpnpEntry,
} from "./mapping_table.ts";
export type { MemoryConnection } from "./memory_stream.ts";
export type { MemoryHost } from "./memory_host.ts";
export {
  type AttachOptions,
  type ConnectionHandler,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkConditions,
} from "./memory_network.ts";
export {
  serveSimulatedGateway,
  type ServeSimulatedGatewayOptions,
  type ServeUpnpOptions,
  type SimulatedGatewayService,
} from "./serve.ts";
export {
  type GatewayCounters,
  type GatewayObserver,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "./simulated_gateway.ts";
export { DESCRIPTION_PATH, SEARCH_GROUP, SEARCH_PORT, type UpnpVersion } from "./upnp_context.ts";
export type { UpnpFaults } from "./upnp_faults.ts";
export type { HttpMessage, HttpPlan } from "./upnp_router.ts";
