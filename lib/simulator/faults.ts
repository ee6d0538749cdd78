/**
 * What the simulated gateway can do wrong. How each fault is called and written is in `fault_table.ts`.
 *
 * @module
 */

/**
 * Which of a row of events a fault strikes, counted from 1: the first so many, each so-many-th, or one alone.
 * Written `N`, `every:N` and `nth:N`.
 */
export type Occurrence =
  | { readonly first: number }
  | { readonly every: number }
  | { readonly nth: number };

/** What the simulated gateway does wrong. An absent field is no fault. The table `FAULTS` describes each. */
export interface Faults {
  readonly loseRequests?: Occurrence;
  readonly loseReplies?: Occurrence;
  readonly silent?: boolean;
  readonly duplicate?: boolean;
  readonly reorder?: boolean;
  readonly latencyMs?: number;
  readonly wrongAddress?: boolean;
  readonly wrongPort?: boolean;
  readonly wrongOpcode?: boolean;
  readonly wrongInternalPort?: boolean;
  readonly truncateBytes?: number;
  readonly trailingBytes?: number;
  readonly junkDatagrams?: number;
  readonly floodDatagrams?: number;
  readonly resultCode?: number;
  readonly refuse?: boolean;
  readonly noAddress?: boolean;
  readonly full?: boolean;
  readonly zeroAddress?: boolean;
  readonly zeroPort?: boolean;
  readonly zeroLifetime?: boolean;
  readonly unzeroedErrors?: boolean;
  readonly noPortEcho?: boolean;
  readonly claimedLifetimeSeconds?: number;
  readonly clockRate?: number;
  readonly epochOffsetSeconds?: number;
  readonly versionErrorOpcode?: "0" | "128" | "echo";
  readonly opcodeError?: "echo" | "short";
  readonly pcpOnly?: boolean;
  readonly dropPcp?: boolean;
  readonly allowPortZero?: boolean;
  readonly rotatePortEvery?: number;
  readonly keepTable?: boolean;
  readonly keepEpoch?: boolean;
  readonly partialDelete?: boolean;
  readonly announceNever?: boolean;
  readonly announceOnce?: boolean;
  readonly announceTo5351?: boolean;
  readonly spoofedAnnouncement?: boolean;
  readonly pcpAnnounce?: boolean;
  readonly garbageAnnouncement?: boolean;
  readonly rebootAfterSeconds?: number;
  readonly readdressAfterSeconds?: number;
  readonly readdressResetsEpoch?: boolean;
  readonly forgetAfterSeconds?: number;
}

/**
 * Tells whether a fault strikes.
 *
 * @param which Which events it strikes; `undefined` strikes none.
 * @param count The event's number, from 1.
 * @returns Whether it strikes this one.
 */
export function strikes(which: Occurrence | undefined, count: number): boolean {
  if (which === undefined) return false;
  if ("first" in which) return count <= which.first;
  if ("every" in which) return count % which.every === 0;
  return count === which.nth;
}
