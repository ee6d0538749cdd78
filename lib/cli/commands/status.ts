import type { CommandContext } from "../command.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp status`. */
export function status(_context: CommandContext): Promise<number> {
  return Promise.reject(new UsageError('"natpmp status" is not there yet'));
}
