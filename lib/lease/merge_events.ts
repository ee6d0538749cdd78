/**
 * Two events of a keeper in one, for a listener that has not heard the first yet. Pure.
 *
 * @module
 */

import { mappingName } from "../port_mapper.ts";
import type { KeeperEvent, MappingEvent } from "./news.ts";

/**
 * The subject of an event: a newer event about the same subject takes the older one's place.
 *
 * @param event The event.
 * @returns A name of it. Each mapping has only a few of them.
 */
export function subjectOf(event: KeeperEvent): string {
  switch (event.type) {
    case "mapped":
    case "renewed":
    case "changed":
      return mappingName(event.lease);
    case "expired":
    case "unmapped":
      return mappingName(event.mapping);
    case "gateway-silent":
    case "gateway-back":
      return "gateway answers";
    case "error":
      return `error ${event.mappings.slice(0, 1).map(mappingName)}`;
    default:
      return event.type;
  }
}

/**
 * Makes one event of two about the same subject: how it is now, and how it was before the first of them.
 *
 * @param older The first.
 * @param newer The one after it.
 * @returns The event for a listener who has heard neither.
 */
export function mergeEvents(older: KeeperEvent, newer: KeeperEvent): KeeperEvent {
  if (isOfMapping(older) && isOfMapping(newer)) return mergeMappingEvents(older, newer);
  if (older.type === "address" && newer.type === "address") {
    const { previousExternalAddress: _, ...now } = newer;
    const { previousExternalAddress } = older;
    return previousExternalAddress === undefined ? now : { ...now, previousExternalAddress };
  }
  if (older.type === "gateway-changed" && newer.type === "gateway-changed") {
    const previousGateway = older.previousGateway ?? newer.previousGateway;
    return previousGateway === undefined ? newer : { ...newer, previousGateway };
  }
  return newer;
}

type OfMapping = Extract<KeeperEvent, MappingEvent>;

function isOfMapping(event: KeeperEvent): event is OfMapping {
  return "lease" in event || "mapping" in event;
}

function mergeMappingEvents(older: OfMapping, newer: OfMapping): OfMapping {
  const port = previousPort(older) ?? previousPort(newer);
  if ("mapping" in newer) {
    return { ...newer, previousExternalPort: port ?? newer.previousExternalPort };
  }
  const { lease, gateway, time, externalAddress } = newer;
  const now = { lease, gateway, time, ...(externalAddress === undefined ? {} : { externalAddress }) };
  // Nobody has heard that there was a port before.
  if (older.type === "mapped") return { type: "mapped", ...now };
  const address = previousAddress(older) ?? previousAddress(newer);
  const previous = {
    ...(port === undefined || port === lease.externalPort ? {} : { previousExternalPort: port }),
    ...(address === undefined || address === externalAddress ? {} : { previousExternalAddress: address }),
  };
  const isChange = older.type === "changed" || newer.type === "changed" || Object.keys(previous).length > 0;
  return isChange ? { type: "changed", ...now, ...previous } : { type: newer.type, ...now };
}

function previousPort(event: OfMapping): number | undefined {
  return "previousExternalPort" in event ? event.previousExternalPort : undefined;
}

function previousAddress(event: OfMapping): string | undefined {
  return "previousExternalAddress" in event ? event.previousExternalAddress : undefined;
}
