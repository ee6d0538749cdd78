/**
 * How slow the command under test is, for the limits of what is waited for.
 *
 * @module
 */

/** How many times as long as a native binary the command needs, from 1 on: under emulation a start takes seconds. */
const VARIABLE = "NATPMP_SLOWNESS";

/**
 * A time limit that suits the command under test.
 *
 * @param limitMs The limit for a native binary.
 * @returns The limit for this one.
 * @throws {RangeError} If the environment variable `NATPMP_SLOWNESS` is no number from 1 on.
 */
export function patiently(limitMs: number): number {
  const granted = Deno.permissions.querySync({ name: "env", variable: VARIABLE }).state === "granted";
  const text = granted ? Deno.env.get(VARIABLE) : undefined;
  const slowness = text ? Number(text) : 1;
  if (!(slowness >= 1 && slowness < Infinity)) {
    throw new RangeError(`Cannot wait ${text} times as long: ${VARIABLE} is a number from 1 on`);
  }
  return limitMs * slowness;
}
