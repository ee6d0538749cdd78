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
