import type { Via } from "../port_mapper.ts";

const NAMES: Readonly<Record<Via, string>> = { "pcp": "PCP", "nat-pmp": "NAT-PMP", "upnp": "UPnP" };

/** The name of a protocol, for people. */
export function viaName(via: Via): string {
  return NAMES[via];
}
