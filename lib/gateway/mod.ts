/**
 * Finding the default gateway of this host, without helper programs where the system allows it.
 *
 * @module
 */

export type { Candidate, Gateway } from "./choose.ts";
export { UnknownInterfaceError } from "../errors.ts";
export { findGateway, localAddressOf, surveyGateways } from "./find_gateway.ts";
export type {
  FindGatewayOptions,
  FoundGateway,
  GatewaySurvey,
  LocalAddress,
  LocalAddressOfOptions,
} from "./find_gateway.ts";
export type { InterfaceAddress, WindowsTables } from "./route.ts";
export type { GatewaySystem, ProgramOutput } from "./system.ts";
export type { GatewayWish } from "./wish.ts";
