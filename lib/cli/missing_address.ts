import { causeOf } from "../lease/cause.ts";
import type { CommandContext } from "./command.ts";
import { Stopped } from "./world.ts";

/** How the cause of a missing address begins, among what a recurring command has reported. */
export const ADDRESS_UNKNOWN = "address unknown: ";

/** Warns that the external address of what was mapped is unknown, and why. */
export function warnOfMissingAddress({ output }: CommandContext, error: unknown): void {
  if (error instanceof Stopped) return;
  const reason = error instanceof Error ? error.message : String(error);
  output.warn(`The external address is unknown: ${reason}`, `${ADDRESS_UNKNOWN}${causeOf(error)}`);
}
