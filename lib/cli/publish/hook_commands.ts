import { mappingName } from "../../port_mapper.ts";
import type { RequestedMapping } from "../wanted.ts";
import type { HookEvent } from "./hook_environment.ts";

/** Options of {@linkcode hookCommands}. */
export interface HookCommandsOptions {
  /** The command to run on news that are about no mapping, or about one that nobody asks for any more. */
  readonly exec?: string | undefined;
}

/**
 * Finds out which command runs on which event.
 *
 * @returns A function from events to commands; `undefined` without any command.
 */
export function hookCommands(
  wanted: readonly RequestedMapping[],
  { exec }: HookCommandsOptions = {},
): ((event: HookEvent) => string | undefined) | undefined {
  const commands = new Map(
    wanted.flatMap(({ protocols, internalPort, exec }) =>
      exec === undefined
        ? []
        : protocols.map((protocol) => [mappingName({ protocol, internalPort }), exec] as const)
    ),
  );
  if (commands.size === 0 && exec === undefined) return undefined;
  return (event) => {
    if (event.type === "address") return exec;
    const own = commands.get(mappingName("lease" in event ? event.lease : event.mapping));
    return event.type === "unmapped" || event.type === "expired" ? own ?? exec : own;
  };
}
