import { type HeldLease, leftMs } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { type GrantedLifetime, type MappingKey, mappingName } from "../../port_mapper.ts";
import type { MappedFields } from "../result_fields.ts";
import { formatTime, roundMs } from "../output.ts";

/** Ours: a lease of PCP that ends sooner than this is hard to keep. */
const SHORT_SECONDS = 30;

/** A granted lifetime, for people. */
export function lifetimeText(lifetimeSeconds: GrantedLifetime): string {
  return lifetimeSeconds === "permanent" ? lifetimeSeconds : `${lifetimeSeconds} s`;
}

/** A warning about a granted lease that could neither be kept nor given back. */
export function leftoverWarning({ protocol, externalPort, lifetimeSeconds }: HeldPort): string {
  const end = lifetimeSeconds === "permanent"
    ? "the lease is permanent, so delete it in the router's settings"
    : `it stays open for ${lifetimeSeconds} s`;
  return `Cannot release external ${protocol} port ${externalPort}: ${end}`;
}

/** A warning about a lease that never ends, or one of PCP that ends sooner than anybody asked for; `undefined` for any other. */
export function leaseWarning(
  lease: Pick<
    HeldLease,
    "protocol" | "internalPort" | "via" | "lifetimeSeconds" | "requestedLifetimeSeconds"
  >,
): string | undefined {
  const { via, lifetimeSeconds, requestedLifetimeSeconds } = lease;
  if (lifetimeSeconds === "permanent") {
    return `The router grants only mappings that never end: ${
      mappingName(lease)
    } stays until natpmp unmap deletes it`;
  }
  if (via !== "pcp") return undefined;
  if (lifetimeSeconds >= Math.min(SHORT_SECONDS, requestedLifetimeSeconds)) return undefined;
  return `The router grants ${mappingName(lease)} for only ${lifetimeSeconds} s: ` +
    "the port may close now and then, also with natpmp watch. Set a longer minimum lifetime in the router";
}

type HeldPort = Pick<HeldLease, "protocol" | "externalPort" | "lifetimeSeconds">;

/** The end of the line about a deleted mapping whose port the router leaves open for a while. */
export function closingText(closesInSeconds: number | undefined): string {
  return closesInSeconds === undefined ? "" : `; the port closes within ${closesInSeconds} s`;
}

/** A granted lease as one line for people; the address only where it is known. */
export function leaseLine(lease: HeldLease, externalAddress: string | undefined): string {
  const { requestedExternalPort, externalPort, lifetimeSeconds } = lease;
  const asked = [
    requestedExternalPort === undefined || requestedExternalPort === externalPort
      ? []
      : `${requestedExternalPort}`,
    lease.requestedLifetimeSeconds === lifetimeSeconds || lifetimeSeconds === "permanent"
      ? []
      : `${lease.requestedLifetimeSeconds} s`,
  ].flat().join(", ");
  return `${reachedAt(lease, externalAddress)}, ${lifetimeText(lifetimeSeconds)}` +
    (asked && ` (asked for ${asked})`);
}

/** A lease that was left alone, as one line for people. */
export function keptLine(lease: HeldLease, externalAddress: string | undefined, now: StoredTime): string {
  const left = leftMs(lease, now) ?? 0;
  const life = left === Infinity ? "permanent" : `${Math.floor(left / 1000)} s left`;
  return `${reachedAt(lease, externalAddress)}, ${life}`;
}

/** The end of a lease as one line for people. */
export function expiredLine(mapping: MappingKey, externalPort: number): string {
  return `${mappingName(mapping)} expired: external port ${externalPort} is closed`;
}

function reachedAt(
  { protocol, internalPort, externalPort, forHost }: HeldLease,
  externalAddress: string | undefined,
): string {
  const external = externalAddress === undefined ? externalPort : `${externalAddress}:${externalPort}`;
  return `${protocol} ${external} -> ${forHost === undefined ? "" : `${forHost}:`}${internalPort}`;
}

/** The fields that a lease has in JSON besides its protocol and internal port; what a grant cost where it was one. */
export function leaseFields(lease: HeldLease, now: StoredTime): MappedFields {
  const { via, requestedExternalPort, externalPort, requestedLifetimeSeconds, lifetimeSeconds } = lease;
  const { forHost, isVerified, epochSeconds, attempts, elapsedMs } = lease;
  return {
    via,
    ...(forHost === undefined ? {} : { forHost }),
    requestedExternalPort,
    externalPort,
    requestedLifetimeSeconds,
    ...(lifetimeSeconds === "permanent"
      ? { permanent: true }
      : { lifetimeSeconds, expiresAt: formatTime(new Date(now.wallMs + (leftMs(lease, now) ?? 0))) }),
    ...(isVerified === undefined ? {} : { verified: isVerified }),
    epochSeconds,
    attempts,
    elapsedMs: elapsedMs === undefined ? undefined : roundMs(elapsedMs),
  };
}
