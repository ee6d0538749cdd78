/**
 * The actions of the simulated gateway's services with their arguments, in the order of the standard (WANIPConnection:1
 * §2.4, WANIPConnection:2 §2.5, WANCommonInterfaceConfig:1 §2.4).
 *
 * @module
 */

import type { UpnpVersion } from "./upnp_context.ts";

/** The arguments of an action. */
export interface ActionArguments {
  /** Those of the request. */
  readonly input: readonly string[];
  /** Those of the answer. */
  readonly output: readonly string[];
}

const PORT_KEY = ["NewRemoteHost", "NewExternalPort", "NewProtocol"] as const;

const ENTRY = [
  "NewInternalPort",
  "NewInternalClient",
  "NewEnabled",
  "NewPortMappingDescription",
  "NewLeaseDuration",
] as const;

/** The actions of WANIPConnection and WANPPPConnection. */
export const ACTION_ARGUMENTS = {
  AddPortMapping: { input: [...PORT_KEY, ...ENTRY], output: [] },
  AddAnyPortMapping: { input: [...PORT_KEY, ...ENTRY], output: ["NewReservedPort"] },
  DeletePortMapping: { input: PORT_KEY, output: [] },
  GetExternalIPAddress: { input: [], output: ["NewExternalIPAddress"] },
  GetSpecificPortMappingEntry: { input: PORT_KEY, output: ENTRY },
  GetGenericPortMappingEntry: { input: ["NewPortMappingIndex"], output: [...PORT_KEY, ...ENTRY] },
  GetListOfPortMappings: {
    input: ["NewStartPort", "NewEndPort", "NewProtocol", "NewManage", "NewNumberOfPorts"],
    output: ["NewPortListing"],
  },
  GetStatusInfo: { input: [], output: ["NewConnectionStatus", "NewLastConnectionError", "NewUptime"] },
  GetNATRSIPStatus: { input: [], output: ["NewRSIPAvailable", "NewNATEnabled"] },
  GetConnectionTypeInfo: { input: [], output: ["NewConnectionType", "NewPossibleConnectionTypes"] },
} as const satisfies Readonly<Record<string, ActionArguments>>;

/** An action of the service that maps ports. */
export type ActionName = keyof typeof ACTION_ARGUMENTS;

/** The actions that came with version 2. */
const NEW_ACTIONS: readonly ActionName[] = ["AddAnyPortMapping", "GetListOfPortMappings"];

/**
 * The actions of a gateway's service that maps ports.
 *
 * @param version What the gateway is.
 * @returns Their names.
 */
export function actionsOf(version: UpnpVersion): readonly ActionName[] {
  const all = Object.keys(ACTION_ARGUMENTS) as ActionName[];
  return version === "igd2" ? all : all.filter((name) => !NEW_ACTIONS.includes(name));
}

/** The actions of WANCommonInterfaceConfig. */
export const LINK_ACTIONS: Readonly<Record<string, ActionArguments>> = {
  GetCommonLinkProperties: {
    input: [],
    output: [
      "NewWANAccessType",
      "NewLayer1UpstreamMaxBitRate",
      "NewLayer1DownstreamMaxBitRate",
      "NewPhysicalLinkStatus",
    ],
  },
};
