import type { KeeperEvent } from "../../lease/news.ts";
import type { HeldLease } from "../../lease/ledger.ts";
import type { MappingKey, Via } from "../../port_mapper.ts";

/** An event that a hook runs on. */
export type HookEvent = Extract<
  KeeperEvent,
  { type: "mapped" | "changed" | "expired" | "unmapped" | "address" }
>;

/** Variables by their names. */
export type Environment = Readonly<Record<string, string>>;

/**
 * Picks the variables that the system's shell inherits: none that another natpmp has set, nor the path to the service
 * manager, which is ours to talk to.
 *
 * @returns The rest of the environment.
 */
export function inheritedEnvironment(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(NATPMP_.*|NOTIFY_SOCKET)$/i.test(name)),
  );
}

/** The variables of a hook, and what each holds. */
export const HOOK_VARIABLES = {
  NATPMP_EVENT: "the event: mapped, changed, expired, unmapped or address",
  NATPMP_PROTOCOL: "the protocol: tcp or udp",
  NATPMP_INTERNAL_PORT: "the internal port, on this host",
  NATPMP_EXTERNAL_PORT: "the external port, on the router, while there is a lease",
  NATPMP_PREVIOUS_EXTERNAL_PORT: "the previous external port, if it changed or is gone",
  NATPMP_EXTERNAL_ADDRESS: "the router's external address",
  NATPMP_PREVIOUS_EXTERNAL_ADDRESS: "the previous external address, if it changed",
  NATPMP_LIFETIME_SECONDS: "the lifetime that was granted",
  NATPMP_GATEWAY: "the router's address",
  NATPMP_VIA: "the protocol of the mapping: pcp or nat-pmp",
  NATPMP_INTERNAL_PORTS:
    "for a range: every internal port of the event, separated by commas; the variables above describe the first one",
  NATPMP_EXTERNAL_PORTS: "for a range: the external ports in the same order, while there are leases",
  NATPMP_PREVIOUS_EXTERNAL_PORTS:
    "for a range: the previous external ports, if one of them changed or is gone",
} as const;

/**
 * The mapping that an event is about.
 *
 * @returns The mapping; `undefined` for an event about none.
 */
export function mappingOf(event: HookEvent): MappingKey | undefined {
  return "lease" in event ? event.lease : "mapping" in event ? event.mapping : undefined;
}

/** The protocol of the mapping that an event is about, where that is known. */
export function viaOf(event: HookEvent): Via | undefined {
  return "lease" in event ? event.lease.via : "via" in event ? event.via : undefined;
}

/**
 * The variables from which a hook learns what happened. They hold numbers, addresses and event names only, and what is
 * not known is not set. The external address is for events that do not have it. A range has the events of one type
 * about all of its ports that are meant, the event among them.
 */
export function hookEnvironment(
  event: HookEvent,
  externalAddress?: string,
  range: readonly HookEvent[] = [],
): Environment {
  const lease: Partial<HeldLease> = "lease" in event ? event.lease : {};
  const mapping = mappingOf(event);
  const address = "externalAddress" in event ? event.externalAddress : externalAddress;
  const { previousExternalAddress } = event as { readonly previousExternalAddress?: string | undefined };
  const variables: Readonly<Record<keyof typeof HOOK_VARIABLES, string | number | undefined>> = {
    NATPMP_EVENT: event.type,
    NATPMP_PROTOCOL: mapping?.protocol,
    NATPMP_INTERNAL_PORT: mapping?.internalPort,
    NATPMP_EXTERNAL_PORT: lease.externalPort,
    NATPMP_PREVIOUS_EXTERNAL_PORT: previousPortOf(event),
    NATPMP_EXTERNAL_ADDRESS: address,
    NATPMP_PREVIOUS_EXTERNAL_ADDRESS: previousExternalAddress,
    NATPMP_LIFETIME_SECONDS: lease.lifetimeSeconds,
    NATPMP_GATEWAY: event.gateway,
    NATPMP_VIA: viaOf(event),
    NATPMP_INTERNAL_PORTS: listOf(range.map((event) => mappingOf(event)?.internalPort)),
    NATPMP_EXTERNAL_PORTS: listOf(range.map(portOf)),
    // A port that stayed was the same before.
    NATPMP_PREVIOUS_EXTERNAL_PORTS: range.every((event) => previousPortOf(event) === undefined)
      ? undefined
      : listOf(range.map((event) => previousPortOf(event) ?? portOf(event))),
  };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]]),
  );
}

function portOf(event: HookEvent): number | undefined {
  return "lease" in event ? event.lease.externalPort : undefined;
}

function previousPortOf(event: HookEvent): number | undefined {
  return "previousExternalPort" in event ? event.previousExternalPort : undefined;
}

function listOf(ports: readonly (number | undefined)[]): string | undefined {
  const known = ports.filter((port) => port !== undefined);
  return known.length === 0 ? undefined : known.join(",");
}
