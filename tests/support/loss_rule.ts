import { assertEquals } from "@std/assert";
import type { LossRule } from "../../lib/epoch_tracker.ts";

/** From `last` to `next` seconds of the gateway's clock in `elapsedMs` of ours. */
export interface LossCase {
  readonly name: string;
  readonly last: number;
  readonly next: number;
  readonly elapsedMs: number;
  readonly isLost: boolean;
}

/**
 * Registers a test for each case of a protocol's rule, and one without a first sample.
 *
 * @param rule The rule, and its name in the tests' titles.
 * @param cases The cases.
 * @param atMs When the first sample was heard.
 */
export function testLossRule(
  [name, isStateLost]: readonly [name: string, rule: LossRule],
  cases: readonly LossCase[],
  atMs: number,
): void {
  for (const { name: title, last, next, elapsedMs, isLost } of cases) {
    Deno.test(`${name} case ${title}`, () => {
      const found = isStateLost({ epochSeconds: last, atMs }, { epochSeconds: next, atMs: atMs + elapsedMs });
      assertEquals(found, isLost);
    });
  }

  Deno.test(`${name} never finds a loss in the first sample`, () => {
    assertEquals(isStateLost(undefined, { epochSeconds: 0, atMs: 1e9 }), false);
  });
}
