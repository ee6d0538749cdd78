/**
 * Network namespaces of Linux: two of one host may have the same addresses and lead to two gateways. Pure.
 *
 * @module
 */

/** A network namespace, as long as the machine runs: the next run may give the number to another one. */
export interface NetworkNamespace {
  /** The inode of `/proc/self/ns/net`. */
  readonly inode: number;
  /** The run of the machine; absent where the system does not name it. */
  readonly boot?: string | undefined;
}

/** A record that may name its namespace; without one an older version wrote it, or a system that has none. */
export interface InNamespace {
  readonly namespace?: NetworkNamespace | undefined;
}

/**
 * Whether a record may belong to this namespace. One without a namespace may, and so may one of an earlier run of the
 * machine: otherwise an update or a reboot would lose every lease.
 */
export function mayBeOf({ namespace: known }: InNamespace, { namespace: own }: InNamespace): boolean {
  if (known === undefined || own === undefined || known.boot !== own.boot) return true;
  return known.inode === own.inode;
}

/**
 * Finds the record of this namespace: its own one, else one that had its number in an earlier run of the machine, else
 * any that may be its.
 *
 * @returns The record's index; -1 where there is none.
 */
export function indexOfOwn(records: readonly InNamespace[], own: InNamespace): number {
  const hasInode = ({ namespace }: InNamespace) => namespace?.inode === own.namespace?.inode;
  const isOwn = (record: InNamespace) => hasInode(record) && record.namespace?.boot === own.namespace?.boot;
  const isCandidate = (record: InNamespace) => mayBeOf(record, own);
  for (const fits of [isOwn, (record: InNamespace) => hasInode(record) && isCandidate(record)]) {
    const index = records.findIndex(fits);
    if (index >= 0) return index;
  }
  return records.findIndex(isCandidate);
}

/** The fields of a record that is written by this namespace: where that is unknown, the record's own stay. */
export function namespaceOf(own: InNamespace, known: InNamespace | undefined): InNamespace {
  const namespace = own.namespace ?? known?.namespace;
  return namespace === undefined ? {} : { namespace };
}
