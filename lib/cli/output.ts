import type { Result } from "./result_fields.ts";
import type { Sink, World } from "./world.ts";

/** The options of a command's output. */
export interface OutputOptions {
  /** Whether the result is one JSON object, which then holds errors and warnings too. */
  readonly json: boolean;
  /** Whether notes are left out. */
  readonly quiet: boolean;
  /** Checks whether a warning or failure is to be printed, by its cause; everything is by default. */
  readonly isNews?: (cause: string) => boolean;
  /** Colours a label on stderr; absent where there is to be no colour. */
  readonly paint?: Readonly<Record<Level, (text: string) => string>> | undefined;
}

type Level = "note" | "warning" | "error";

/** The output of one command: results on stdout, everything else on stderr. */
export class Output {
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #options: OutputOptions;
  /** The texts printed beside the result, each once. */
  readonly #warnings: Set<string>;

  constructor(
    world: Pick<World, "stdout" | "stderr">,
    options: OutputOptions,
    warnings: Set<string> = new Set(),
  ) {
    this.#stdout = world.stdout;
    this.#stderr = world.stderr;
    this.#options = options;
    this.#warnings = warnings;
  }

  /** The same output, which prints only some warnings and failures. */
  reporting(isNews: (cause: string) => boolean): Output {
    const streams = { stdout: this.#stdout, stderr: this.#stderr };
    return new Output(streams, { ...this.#options, isNews }, this.#warnings);
  }

  /** Prints one result for people; nothing with `--json`, whose one object comes at the end. */
  result(line: string): void {
    if (!this.#options.json) this.#stdout.write(`${escapeHidden(line)}\n`);
  }

  /** Prints a file for a program to read, as it is; nothing with `--json`. */
  file(text: string): void {
    if (!this.#options.json) this.#stdout.write(`${text}\n`);
  }

  /** Prints the object of `--json`, with the warnings that were given; nothing without it. */
  json(object: Result): void {
    if (!this.#options.json) return;
    const warnings = this.#warnings.size === 0 ? {} : { warnings: [...this.#warnings] };
    this.#stdout.write(`${jsonText({ ...object, ...warnings })}\n`);
  }

  /** Prints what a person at the keyboard may want to know; nothing with `--quiet`. */
  note(text: string): void {
    if (this.#options.quiet) return;
    this.#warnings.add(text);
    this.#print("note", text);
  }

  /** Warns of what is wrong though the command succeeds, once. */
  warn(text: string, cause = text): void {
    const isPrinted = this.#warnings.has(text);
    this.#warnings.add(text);
    if (this.#isNews(cause) && !isPrinted) this.#print("warning", text);
  }

  /** Prints why the command, or a part of it, failed. The cause is the same for the same failure, whatever it cost. */
  fail(text: string, cause = text): void {
    if (this.#isNews(cause)) this.#print("error", text);
  }

  #isNews(cause: string): boolean {
    return this.#options.isNews?.(cause) ?? true;
  }

  #print(level: Level, text: string): void {
    if (this.#options.json) return;
    const label = this.#options.paint?.[level](level) ?? level;
    this.#stderr.write(`natpmp: ${label}: ${escapeHidden(text)}\n`);
  }
}

/** Controls, marks of direction and of zero width, separators of lines and paragraphs. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Makes visible what a terminal would obey or hide: a text from outside may hold line breaks, sequences that move the
 * cursor, or marks that let other characters run backwards.
 *
 * @returns The text, with each such character as JSON writes it; within JSON it means the same as before.
 */
export function escapeHidden(text: string): string {
  return text.replace(
    HIDDEN,
    (character) =>
      character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** A value as one line of JSON in which nothing is hidden. */
export function jsonText(value: unknown): string {
  return escapeHidden(JSON.stringify(value));
}

/** Milliseconds as JSON shows them, to a tenth. */
export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** A time as JSON shows it: RFC 3339 in UTC, to the second. */
export function formatTime(date: Date): string {
  return date.toISOString().replace(/\.[0-9]+Z$/, "Z");
}
