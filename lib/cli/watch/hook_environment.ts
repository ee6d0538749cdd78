import type { KeeperEvent } from "../../lease/keeper_event.ts";
import type { Lease, MappingKey } from "../../port_mapper.ts";

/** An event that a hook runs on. */
export type HookEvent =
  | Extract<KeeperEvent, { type: "mapped" | "changed" | "expired" | "unmapped" | "address" }>
  /** A mapping was deleted of which nobody knows what port it had. */
  | {
    readonly type: "unmapped";
    readonly mapping: MappingKey;
    readonly gateway: string;
    readonly time: Date;
  };

/** Variables by their names. */
export type Environment = Readonly<Record<string, string>>;

/**
 * What the system's shell is to inherit: nothing that another natpmp has said, nor the way to the service manager,
 * which is ours to talk to.
 *
 * @param environment This process's environment.
 * @returns What is left of it.
 */
export function inheritedEnvironment(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(NATPMP_.*|NOTIFY_SOCKET)$/i.test(name)),
  );
}

/** The variables of a hook, and what each holds; `--help` of watch names them too. */
export const HOOK_VARIABLES = {
  NATPMP_EVENT: "the event: mapped, changed, expired, unmapped or address",
  NATPMP_PROTOCOL: "the protocol: tcp or udp",
  NATPMP_INTERNAL_PORT: "the port of this host",
  NATPMP_EXTERNAL_PORT: "the port of the gateway, while there is a lease",
  NATPMP_PREVIOUS_EXTERNAL_PORT: "the one before, where it changed or is gone",
  NATPMP_EXTERNAL_ADDRESS: "the gateway's external address",
  NATPMP_PREVIOUS_EXTERNAL_ADDRESS: "the one before, where it changed",
  NATPMP_LIFETIME_SECONDS: "the lifetime that was granted",
  NATPMP_GATEWAY: "the gateway that was asked",
} as const;

/**
 * The variables that tell a hook what happened. They hold numbers, addresses and event names only, and what is not
 * known is not set.
 *
 * @param event What happened.
 * @param externalAddress The external address, for events that do not have it.
 * @returns The variables.
 */
export function hookEnvironment(event: HookEvent, externalAddress?: string): Environment {
  const lease: Partial<Lease> = "lease" in event ? event.lease : {};
  const mapping: Partial<MappingKey> = "mapping" in event ? event.mapping : lease;
  const address = "externalAddress" in event ? event.externalAddress : externalAddress;
  const { previousExternalPort, previousExternalAddress } = event as {
    readonly previousExternalPort?: number;
    readonly previousExternalAddress?: string;
  };
  const variables: Readonly<Record<keyof typeof HOOK_VARIABLES, string | number | undefined>> = {
    NATPMP_EVENT: event.type,
    NATPMP_PROTOCOL: mapping.protocol,
    NATPMP_INTERNAL_PORT: mapping.internalPort,
    NATPMP_EXTERNAL_PORT: lease.externalPort,
    NATPMP_PREVIOUS_EXTERNAL_PORT: previousExternalPort,
    NATPMP_EXTERNAL_ADDRESS: address,
    NATPMP_PREVIOUS_EXTERNAL_ADDRESS: previousExternalAddress,
    NATPMP_LIFETIME_SECONDS: lease.lifetimeSeconds,
    NATPMP_GATEWAY: event.gateway,
  };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]]),
  );
}
