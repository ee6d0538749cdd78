/**
 * How slow the command under test is, for the limits of what is waited for.
 *
 * @module
 */

const VARIABLE = "NATPMP_SLOWNESS";

/**
 * How many times as long as a native binary the command needs: under emulation a start takes seconds.
 *
 * @returns What the environment variable `NATPMP_SLOWNESS` says; 1 without it.
 * @throws {RangeError} If that is no number from 1 on.
 */
export function slowness(): number {
  const granted = Deno.permissions.querySync({ name: "env", variable: VARIABLE }).state === "granted";
  const text = granted ? Deno.env.get(VARIABLE) : undefined;
  const times = text ? Number(text) : 1;
  if (times >= 1 && times < Infinity) return times;
  throw new RangeError(`Cannot wait ${text} times as long: ${VARIABLE} is a number from 1 on`);
}

/**
 * A time that suits the command under test.
 *
 * @param limitMs The time for a native binary.
 * @returns The time for this one.
 */
export function patiently(limitMs: number): number {
  return limitMs * slowness();
}

/**
 * A lease's lifetime that the command under test can hold without hurry.
 *
 * @param seconds The lifetime for a native binary.
 * @returns The lifetime for this one, in whole seconds.
 */
export function leaseSeconds(seconds: number): number {
  return Math.ceil(seconds * slowness());
}
