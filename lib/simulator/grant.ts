/**
 * Granting a mapping with the faults of the table, for both protocols.
 *
 * @module
 */

import type { GatewayContext } from "./gateway_state.ts";
import { type GrantRequest, isStatic, type Mapping } from "./mapping_table.ts";

/**
 * Makes a mapping or renews it, and moves it to another port where the faults ask for that.
 *
 * @param request The client's request.
 * @param context The gateway.
 * @returns The mapping, or `undefined` when the table has no port for it.
 */
export function grantMapping(
  request: GrantRequest,
  { table, faults, nowMs }: GatewayContext,
): Mapping | undefined {
  const mapping = table.grant(request, nowMs);
  const { rotatePortEvery } = faults;
  if (mapping === undefined || isStatic(mapping) || rotatePortEvery === undefined) return mapping;
  return mapping.grants % rotatePortEvery === 0 ? table.rotate(request, nowMs) : mapping;
}
