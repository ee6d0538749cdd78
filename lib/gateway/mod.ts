/**
 * Finding the default gateway of this host, without helper programs where the system allows it.
 *
 * @module
 */

export type { Candidate, Gateway } from "./choose.ts";
export { UnknownInterfaceError } from "../errors.ts";
export { findGateway, surveyGateways } from "./find_gateway.ts";
export type { FindGatewayOptions, FoundGateway, GatewaySurvey } from "./find_gateway.ts";
export { type LocalAddress, localAddressOf, type LocalAddressOfOptions } from "./local_address.ts";
export type { SocketBinding } from "./binding.ts";
export type {
  InterfaceAddress,
  KernelRoute,
  KernelRouteOptions,
  RouteOrigin,
  WindowsTables,
} from "./route.ts";
export type { GatewaySystem, ProgramOutput } from "./system.ts";
export type { SourceSelector } from "./source_selector.ts";
