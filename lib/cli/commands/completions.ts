import type { CommandContext } from "../command.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp completions`. */
export function completions(_context: CommandContext): Promise<number> {
  return Promise.reject(new UsageError('"natpmp completions" is not there yet'));
}
