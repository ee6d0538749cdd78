/** A file in an archive. */
export interface ArchiveEntry {
  /** Relative, with slashes. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable: boolean;
}

/** Options of {@linkcode tarGz} and {@linkcode zip}. */
export interface ArchiveOptions {
  /** The time of every file, in seconds since 1970. */
  readonly timeSeconds: number;
}

/**
 * The access rights of a file, as Unix has them.
 *
 * @param entry The file.
 * @returns Its mode.
 */
export function modeOf({ isExecutable }: ArchiveEntry): number {
  return isExecutable ? 0o755 : 0o644;
}

/**
 * The order of an archive, which does not depend on the system's.
 *
 * @param entries The files.
 * @returns The same, by path.
 */
export function sorted(entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  return entries.toSorted((a, b) => a.path < b.path ? -1 : 1);
}

/**
 * Puts bytes behind each other.
 *
 * @param parts The bytes.
 * @returns All of them.
 */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
