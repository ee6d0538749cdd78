import { parseDuration } from "../option_values.ts";

/** What a service file depends on in a configuration. */
export interface ConfigFacts {
  /** The shortest lifetime that it asks for, where it names any. */
  readonly shortestLifetimeSeconds?: number;
  /** The port files that it names by absolute paths. */
  readonly portFiles: readonly string[];
  /** Whether it has commands to run. */
  readonly hasCommands: boolean;
}

/**
 * Looks for what a service file depends on. The configuration may still be unfinished, so what cannot be understood is
 * passed over.
 *
 * @param text The text of the configuration file.
 * @returns What was found.
 */
export function configFacts(text: string): ConfigFacts {
  const sections = sectionsOf(text);
  const lifetimes = sections.map(({ lifetime }) => lifetimeSeconds(lifetime)).filter((one) =>
    one !== undefined
  );
  const portFiles = sections.map(({ portFile }) => portFile).filter((path) =>
    typeof path === "string" && path.startsWith("/")
  );
  return {
    ...(lifetimes.length === 0 ? {} : { shortestLifetimeSeconds: Math.min(...lifetimes) }),
    portFiles: portFiles as string[],
    hasCommands: sections.some(({ exec }) => exec !== undefined),
  };
}

type Section = Readonly<Record<string, unknown>>;

/** The whole and each of its mappings, which have options by the same names. */
function sectionsOf(text: string): Section[] {
  const whole = parsed(text);
  if (!isSection(whole)) return [];
  const { mappings } = whole;
  return [whole, ...(Array.isArray(mappings) ? mappings.filter(isSection) : [])];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function lifetimeSeconds(value: unknown): number | undefined {
  try {
    return value === undefined ? undefined : parseDuration(String(value), "lifetime");
  } catch {
    return undefined;
  }
}
