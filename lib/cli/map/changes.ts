import type { Lease } from "../../port_mapper.ts";
import type { LeaseBook } from "../state/lease_book.ts";

/** What is new about a lease, against what was known before. */
export type Change =
  /** Nothing was held before. */
  | { readonly type: "mapped" }
  /** Held before on another port, or reached at another address. */
  | {
    readonly type: "changed";
    readonly previousExternalPort?: number;
    readonly previousExternalAddress?: string;
  };

/**
 * What is new about a lease. Without a book everything is.
 *
 * @param lease What is held.
 * @param externalAddress Where it is reached, if that is known.
 * @param book What was known before.
 * @returns The change; `undefined` when there is none.
 */
export function changeOf(
  lease: Pick<Lease, "protocol" | "internalPort" | "externalPort">,
  externalAddress: string | undefined,
  book: LeaseBook | undefined,
): Change | undefined {
  const before = book?.leaseOf(lease);
  if (book === undefined || before === undefined) return { type: "mapped" };
  const { externalAddress: previousExternalAddress } = before;
  const hasMoved = previousExternalAddress !== undefined && externalAddress !== undefined &&
    previousExternalAddress !== externalAddress;
  // A gateway with another address may have lost what had time left: granted again, that is the news.
  const isContinued = book.isAlive(lease) || (hasMoved && (book.leftMs(lease) ?? 0) > 0);
  if (!isContinued) return { type: "mapped" };
  const previous = {
    ...(before.externalPort === lease.externalPort ? {} : { previousExternalPort: before.externalPort }),
    ...(hasMoved ? { previousExternalAddress } : {}),
  };
  return Object.keys(previous).length === 0 ? undefined : { type: "changed", ...previous };
}

/**
 * What is new about a lease for the program that is told of changes, which may have failed to take note of the last one.
 *
 * @param lease What is held.
 * @param externalAddress Where it is reached, if that is known.
 * @param book What was known before.
 * @returns The change; `undefined` when there is none.
 */
export function changeForHook(
  lease: Parameters<typeof changeOf>[0],
  externalAddress: string | undefined,
  book: LeaseBook | undefined,
): Change | undefined {
  // One that was not told yet does not know of anything before.
  return book?.leaseOf(lease)?.isUntold ? { type: "mapped" } : changeOf(lease, externalAddress, book);
}
