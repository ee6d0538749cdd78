/**
 * End-to-end scenarios that take real time, each in a lab of its own, so that they may take it together.
 *
 * @module
 */

import { e2eTest, type E2eTestOptions } from "./requirements.ts";

/** What is to be shown, in words, and how. */
export type Scenarios = Readonly<Record<string, () => Promise<void>>>;

/** A step's share of resources can't be told from another's that runs beside it; the whole test's can. */
const UNSANITIZED = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false } as const;

/** Registers one end-to-end test whose steps run side by side, with what they need. */
export function e2eSideBySide(name: string, scenarios: Scenarios, options: E2eTestOptions = {}): void {
  e2eTest(name, async (context) => {
    const steps = Object.entries(scenarios).map(([name, fn]) => context.step({ name, fn, ...UNSANITIZED }));
    await Promise.all(steps);
  }, options);
}

/**
 * Waits until something is so.
 *
 * @throws {Error} If it is not within `timeoutMs`.
 */
export async function eventually(
  isSo: () => Promise<boolean>,
  { what, timeoutMs }: { readonly what: string; readonly timeoutMs: number },
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!await isSo()) {
    if (performance.now() > endMs) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
