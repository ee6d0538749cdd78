import type { MappingKey } from "../port_mapper.ts";
import type { Failure } from "./failure.ts";
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
export async function reportMappings(
  output: Output,
  outcomes: readonly MappingOutcome[],
  options: ReportMappingsOptions,
): Promise<number> {
  const { command, gateway, nameOf, json = {} } = options;
  const failures = await failuresIn(outcomes, gateway);
  const mappings = outcomes.map((outcome) => {
    const { protocol, internalPort } = outcome.mapping;
    if ("error" in outcome) {
      return { protocol, internalPort, error: failures.get(outcome.error)!.json };
    }
    if (outcome.line !== undefined) output.result(outcome.line);
    return { protocol, internalPort, ...outcome.json };
  });
  for (const [error, { message, cause }] of failures) {
    const failed = outcomes.filter((outcome) => "error" in outcome && outcome.error === error);
    const names = failed.map(({ mapping }) => nameOf(mapping)).join(", ");
    output.fail(`${names}: ${message}`, `${names}: ${cause}`);
  }
  if (options.isWorthTelling?.() ?? true) output.json({ command, gateway, ...json, mappings });
  const [first] = failures.values();
  return first?.exitCode ?? 0;
}

/** What is to be said of each error; the words for it are loaded only where there is one. */
async function failuresIn(
  outcomes: readonly MappingOutcome[],
  gateway: string,
): Promise<ReadonlyMap<unknown, Failure>> {
  const errors = new Set(outcomes.flatMap((outcome) => "error" in outcome ? [outcome.error] : []));
  if (errors.size === 0) return new Map();
  const { failureOf } = await import("./failure.ts");
  return new Map([...errors].map((error) => [error, failureOf(error, gateway)]));
}
