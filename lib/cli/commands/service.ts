import type { CommandContext } from "../command.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp service`. */
export function service(_context: CommandContext): Promise<number> {
  return Promise.reject(new UsageError('"natpmp service" is not there yet'));
}
