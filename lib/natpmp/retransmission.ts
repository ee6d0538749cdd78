/**
 * When a request is sent again (RFC 6886 §3.1).
 *
 * @module
 */

/**
 * How long each send waits for its answer, in milliseconds: 250 ms doubling to 64 s, nine sends in all (§3.1). Sends
 * are therefore due at 0, 250, 750, 1750, 3750, 7750, 15750, 31750 and 63750 ms, and the request is given up at
 * 127750 ms.
 */
export const RETRANSMISSION_WAITS_MS: readonly number[] = [
  250,
  500,
  1000,
  2000,
  4000,
  8000,
  16_000,
  32_000,
  64_000,
];

/** The whole schedule: nine sends and the wait after the last (§3.1). */
export const MAX_TIMEOUT_MS = 127_750;

/**
 * Ours: how long a request lasts when its caller names no limit, five sends of the schedule and their waits. A
 * deviation from §3.1, whose 127.75 s of silence nobody sits through.
 */
export const DEFAULT_TIMEOUT_MS = 7750;
