import { causeOf } from "../../lease/cause.ts";
import type { CommandContext } from "../command.ts";
import { askAddress, type Session } from "../session.ts";
import { Stopped } from "../world.ts";

/** What came of asking for the external address. */
export interface AddressAttempt {
  readonly externalAddress?: string;
  /** Why there is none. */
  readonly error?: unknown;
  /** Present when the command was told to stop meanwhile. */
  readonly stopped?: Stopped;
}

/**
 * Asks for the external address. A gateway that does not tell it maps all the same, so nothing is thrown.
 *
 * @param context The command's context.
 * @param session Its session.
 * @returns The address, or why there is none.
 */
export async function tryAddress(context: CommandContext, session: Session): Promise<AddressAttempt> {
  try {
    const { externalAddress } = await askAddress(context, session);
    return { externalAddress };
  } catch (error) {
    return error instanceof Stopped ? { error, stopped: error } : { error };
  }
}

/** How the cause of a missing address begins, among what a recurring command has reported. */
export const ADDRESS_UNKNOWN = "address unknown: ";

/**
 * Warns that the external address of what was mapped is unknown, and why.
 *
 * @param context The command's context.
 * @param error What the question for it failed with.
 */
export function warnOfMissingAddress({ output }: CommandContext, error: unknown): void {
  if (error instanceof Stopped) return;
  const reason = error instanceof Error ? error.message : String(error);
  output.warn(`The external address is unknown: ${reason}`, `${ADDRESS_UNKNOWN}${causeOf(error)}`);
}
