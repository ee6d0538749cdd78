import type { MappingKey } from "../port_mapper.ts";
import { failureOf } from "./failure.ts";
import type { Output } from "./output.ts";

/** What became of one mapping: its line, if there is anything to say, and JSON fields when it was done, its error when not. */
export type MappingOutcome =
  | { readonly mapping: MappingKey; readonly line?: string; readonly json: Readonly<Record<string, unknown>> }
  | { readonly mapping: MappingKey; readonly error: unknown };

/** Options of {@linkcode reportMappings}. */
export interface ReportMappingsOptions {
  readonly command: string;
  readonly gateway: string;
  /** What a mapping is called in an error. */
  readonly nameOf: (mapping: MappingKey) => string;
  /** Tells, once everything is said for people, whether there is anything to say for machines; there is by default. */
  readonly isWorthTelling?: () => boolean;
  /** Further fields of the command's JSON object. */
  readonly json?: Readonly<Record<string, unknown>>;
}

/**
 * Prints what became of each mapping, in order, and each cause of failure once.
 *
 * @param output The command's output.
 * @param outcomes What became of the mappings.
 * @param options The command, its gateway and further fields.
 * @returns The exit code: the first failure's, or 0.
 */
export function reportMappings(
  output: Output,
  outcomes: readonly MappingOutcome[],
  options: ReportMappingsOptions,
): number {
  const { command, gateway, nameOf, json = {} } = options;
  const failed = new Map<unknown, MappingKey[]>();
  const mappings = outcomes.map((outcome) => {
    const { protocol, internalPort } = outcome.mapping;
    if (!("error" in outcome)) {
      if (outcome.line !== undefined) output.result(outcome.line);
      return { protocol, internalPort, ...outcome.json };
    }
    failed.set(outcome.error, [...failed.get(outcome.error) ?? [], outcome.mapping]);
    return { protocol, internalPort, error: failureOf(outcome.error, gateway).json };
  });
  for (const [error, keys] of failed) {
    const names = keys.map(nameOf).join(", ");
    const { message, cause } = failureOf(error, gateway);
    output.fail(`${names}: ${message}`, `${names}: ${cause}`);
  }
  if (options.isWorthTelling?.() ?? true) output.json({ command, gateway, ...json, mappings });
  const [first] = failed.keys();
  return failed.size === 0 ? 0 : failureOf(first, gateway).exitCode;
}
