/**
 * The memory of the clients of one gateway as one: that of each protocol, and which of them the gateway spoke last. Pure.
 *
 * @module
 */

import { type GatewayMemory, memoryFields, type Via } from "./port_mapper.ts";

/** The protocols that a gateway may speak. */
export const SPOKEN = ["pcp", "nat-pmp", "upnp"] as const satisfies readonly Via[];

/** One of them. */
export type Spoken = typeof SPOKEN[number];

/** The protocol that a gateway spoke last, and when, in milliseconds of the clock. */
export interface SpokenLast {
  readonly via: Spoken;
  readonly atMs: number;
}

export function isSpoken(via: unknown): via is Spoken {
  return SPOKEN.some((one) => one === via);
}

/** Joins memories; `undefined` where there is nothing to remember. */
export function joinedMemory(
  memories: Iterable<readonly [via: Spoken, memory: GatewayMemory]>,
  spoken: SpokenLast | undefined,
  atMs: number,
): GatewayMemory | undefined {
  const data: Record<string, unknown> = {};
  let isUnique = false;
  for (const [via, memory] of memories) {
    data[via] = { data: memory.data, agoMs: atMs - memory.atMs };
    isUnique ||= memory.isUnique ?? false;
  }
  if (spoken !== undefined) data.spoken = { via: spoken.via, agoMs: atMs - spoken.atMs };
  return Object.keys(data).length === 0 ? undefined : { data, atMs, isUnique };
}

/** The memory of each protocol in a joined one; what has another form is left out. */
export function* memoriesIn({ data, atMs }: GatewayMemory): Generator<[Spoken, GatewayMemory]> {
  for (const via of SPOKEN) {
    const { data: inner, agoMs } = memoryFields(memoryFields(data)[via]);
    if (typeof agoMs === "number") yield [via, { data: inner, atMs: atMs - Math.max(0, agoMs) }];
  }
}

/** The protocol that the gateway spoke last, by a joined memory. */
export function spokenIn({ data, atMs }: GatewayMemory): SpokenLast | undefined {
  const { via, agoMs } = memoryFields(memoryFields(data).spoken);
  return isSpoken(via) && typeof agoMs === "number" ? { via, atMs: atMs - Math.max(0, agoMs) } : undefined;
}
