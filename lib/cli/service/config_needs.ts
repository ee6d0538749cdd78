import type { Config } from "../config/config.ts";
import { parseDuration } from "../option_values.ts";

/** The facts about a configuration that a service file needs. */
export interface ConfigNeeds {
  /** The shortest lifetime that it asks for, where it names any. */
  readonly shortestLifetimeSeconds?: number;
  /** The absolute paths of its port files. */
  readonly portFiles: readonly string[];
  /** Whether it has commands to run. */
  readonly hasCommands: boolean;
}

/** The needs of a configuration of which nothing is known. */
export const NO_NEEDS: ConfigNeeds = { portFiles: [], hasCommands: false };

/**
 * Lists the needs of a configuration, for the service manager.
 *
 * @returns Its lifetimes, files and commands.
 */
export function configNeeds({ values, mappings }: Config): ConfigNeeds {
  const lifetimes = [
    ...(values.lifetime === undefined ? [] : [parseDuration(values.lifetime, "lifetime")]),
    ...mappings.flatMap(({ lifetimeSeconds }) => lifetimeSeconds ?? []),
  ];
  return {
    ...(lifetimes.length === 0 ? {} : { shortestLifetimeSeconds: Math.min(...lifetimes) }),
    portFiles: [
      ...new Set([values["port-file"] ?? [], ...mappings.map(({ portFile }) => portFile ?? [])].flat()),
    ],
    hasCommands: values.exec !== undefined || mappings.some(({ exec }) => exec !== undefined),
  };
}
