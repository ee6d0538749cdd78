import type { Config } from "../config/config.ts";
import { parseDuration } from "../option_values.ts";

/** What a service file has to know of a configuration. */
export interface ConfigNeeds {
  /** The shortest lifetime that it asks for, where it names any. */
  readonly shortestLifetimeSeconds?: number;
  /** The absolute paths of its port files. */
  readonly portFiles: readonly string[];
  /** Whether it has commands to run. */
  readonly hasCommands: boolean;
}

/** What is needed by a configuration of which nothing is known. */
export const NO_NEEDS: ConfigNeeds = { portFiles: [], hasCommands: false };

/**
 * What a configuration needs of whoever starts the program.
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
