import type { MappingKey } from "../../port_mapper.ts";
import type { CommandLine } from "../args.ts";
import type { Failure } from "../failure.ts";
import type { Output } from "../output.ts";
import { asRange } from "../specs.ts";
import type { SpecFinder } from "../wanted.ts";

/** The result for one mapping: its line, if there is anything to print, and JSON fields; its error when it was not done. */
export type MappingOutcome =
  | { readonly mapping: MappingKey; readonly line?: string; readonly json: Readonly<Record<string, unknown>> }
  | FailedOutcome;

type FailedOutcome = {
  readonly mapping: MappingKey;
  readonly line?: string;
  readonly json?: Readonly<Record<string, unknown>>;
  readonly error: unknown;
};

/** Options of {@linkcode reportMappings}. */
export interface ReportMappingsOptions {
  readonly command: string;
  readonly gateway: string;
  /** Names a mapping in an error. */
  readonly nameOf: (mapping: MappingKey) => string;
  /** The command line, for hints that show another one. */
  readonly line?: CommandLine | undefined;
  /** The spec that a mapping belongs to, where it has one: the ports of a range fail together. */
  readonly specOf?: SpecFinder;
  /** Checks, once everything is printed for people, whether the object of JSON is printed; it is by default. */
  readonly isWorthPrinting?: () => boolean;
  /** Further fields of the command's JSON object. */
  readonly json?: Readonly<Record<string, unknown>>;
}

/**
 * Prints what became of each mapping, in order, and each cause of failure once.
 *
 * @returns The exit code: the first failure's, or 0.
 */
export async function reportMappings(
  output: Output,
  outcomes: readonly MappingOutcome[],
  options: ReportMappingsOptions,
): Promise<number> {
  const { command, gateway, nameOf, specOf, json = {} } = options;
  const rangeOf = (mapping: MappingKey) => asRange(specOf?.(mapping));
  const failed = outcomes.filter((outcome) => "error" in outcome);
  const failures = await failuresIn(failed, options);
  const mappings = outcomes.map((outcome) => {
    const { protocol, internalPort } = outcome.mapping;
    if (outcome.line !== undefined) output.result(outcome.line);
    if (!("error" in outcome)) return { protocol, internalPort, ...outcome.json };
    const { via, json: error } = failures.get(outcome.error)!;
    return { protocol, internalPort, ...outcome.json, via, error };
  });
  if (failed.length > 0) {
    const { mappingNames } = await import("../mapping_names.ts");
    for (const group of groupsOf(failed, failures, rangeOf)) {
      const { message, cause } = failures.get(group[0].error)!;
      const names = mappingNames(group.map(({ mapping }) => mapping), { nameOf, rangeOf });
      const isSame = group.every(({ error }) => failures.get(error)!.message === message);
      output.fail(`${names}${isSame ? "" : ", the first"}: ${message}`, `${names}: ${cause}`);
    }
  }
  if (options.isWorthPrinting?.() ?? true) output.json({ command, gateway, ...json, mappings });
  const [first] = failures.values();
  return first?.exitCode ?? 0;
}

/** The mappings that share an error, or a range and the cause of their errors. */
function groupsOf(
  failed: readonly FailedOutcome[],
  failures: ReadonlyMap<unknown, Failure>,
  rangeOf: SpecFinder,
): (readonly [FailedOutcome, ...FailedOutcome[]])[] {
  const groups: [FailedOutcome, ...FailedOutcome[]][] = [];
  for (const outcome of failed) {
    const range = rangeOf(outcome.mapping);
    const { cause } = failures.get(outcome.error)!;
    const group = groups.find(([first]) =>
      first.error === outcome.error ||
      (range !== undefined && rangeOf(first.mapping) === range && failures.get(first.error)!.cause === cause)
    );
    if (group === undefined) groups.push([outcome]);
    else group.push(outcome);
  }
  return groups;
}

/** The failure for each error; the words for it are loaded only where there is one. */
async function failuresIn(
  failed: readonly FailedOutcome[],
  { command, line, specOf }: ReportMappingsOptions,
): Promise<ReadonlyMap<unknown, Failure>> {
  if (failed.length === 0) return new Map();
  const { failureOf } = await import("../failure.ts");
  const byError = Map.groupBy(failed, ({ error }) => error);
  return new Map(
    [...byError].map(([error, outcomes]) => {
      // A deletion asks for no particular port.
      const wanted = command === "map" ? outcomes.flatMap(({ mapping }) => specOf?.(mapping) ?? []) : [];
      return [error, failureOf(error, { line, specs: [...new Set(wanted)] })];
    }),
  );
}
