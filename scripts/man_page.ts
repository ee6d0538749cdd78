/**
 * Prints natpmp(1), the man page, from the tables that parsing, `--help` and the completions are made from. Its date is
 * that of the environment variable `SOURCE_DATE_EPOCH`, as for every reproducible build, or today.
 *
 * Usage: deno task man
 */

import config from "../deno.json" with { type: "json" };
import { FAULTS } from "../lib/cli/commands/simulate.ts";
import { FILE_KEYS, type KeyTable, MAPPING_KEYS } from "../lib/cli/config/config_keys.ts";
import { exitCodeTable } from "../lib/cli/exit_codes.ts";
import { PROGRAM_DESCRIPTION } from "../lib/cli/help.ts";
import { type CommandName, COMMANDS, optionsOf, type OptionSpec } from "../lib/cli/option_table.ts";
import { HOOK_VARIABLES } from "../lib/cli/publish/hook_environment.ts";
import {
  CONFIGURATION,
  DESCRIPTION,
  EXAMPLE_CONFIGURATION,
  FILES,
  SEE_ALSO,
  SIGNALS,
  STANDARDS,
  VARIABLES,
} from "./man_page_texts.ts";
import { literal, prose, section, sentence, tagged, typed } from "./mdoc.ts";

const NAMES = Object.keys(COMMANDS) as CommandName[];

/** Details that several commands share have a section of their own. */
const SHARED_DETAILS = [...new Set(NAMES.flatMap((name) => COMMANDS[name].details))]
  .filter((detail) => NAMES.filter((name) => COMMANDS[name].details.includes(detail)).length > 1);

/** Options of {@linkcode manPage}. */
export interface ManPageOptions {
  /** The page's date; its day counts, in UTC. */
  readonly date: Date;
}

/**
 * The man page natpmp(1).
 *
 * @param options Its date.
 * @returns The page in mdoc(7), ASCII.
 */
export function manPage({ date }: ManPageOptions): string {
  const day = date.toLocaleDateString("en-US", { dateStyle: "long", timeZone: "UTC" });
  return [
    `.Dd ${day}`,
    ".Dt NATPMP 1",
    ".Os",
    ...section("name", [".Nm natpmp", ".Nd open ports on NAT-PMP gateways"]),
    ...section("synopsis", NAMES.flatMap(synopsisOf)),
    ...section("description", prose(PROGRAM_DESCRIPTION, ...DESCRIPTION)),
    ...section("commands", tagged(NAMES.map(commandItem))),
    ...section("mappings", prose(...SHARED_DETAILS)),
    ...section("options", [
      ...prose(
        "Options may stand anywhere on the command line before --; what follows that is not an option.",
      ),
      ...tagged(optionsOf().map(optionItem)),
    ]),
    ...section("configuration", [
      ...prose(...CONFIGURATION),
      ...literal(EXAMPLE_CONFIGURATION),
      ".Pp",
      ...prose("The keys of the file:"),
      ...keyList(FILE_KEYS),
      ".Pp",
      ...prose("The keys of a mapping that is an object:"),
      ...keyList(MAPPING_KEYS),
    ]),
    ...section("signals", tagged(SIGNALS.map(([names, meaning]) => [`Dv ${names}`, prose(meaning)]))),
    ...section("faults", [
      ...prose("What --fault of natpmp simulate takes:"),
      ...tagged(FAULTS.map(({ name, value, summary }) => [
        `Cm ${typed(name)}${value === undefined ? "" : ` Ns = Ns Ar ${value}`}`,
        prose(summary),
      ])),
    ]),
    ...section("environment", [
      ...tagged(VARIABLES.map(([name, meaning]) => [`Ev ${name}`, prose(meaning)])),
      ".Pp",
      ...prose("The command of --exec learns from these what happened; what is not known is not set:"),
      ...tagged(
        Object.entries(HOOK_VARIABLES).map(([name, meaning]) => [`Ev ${name}`, prose(sentence(meaning))]),
      ),
    ]),
    ...section("files", [
      ...tagged(
        FILES.map(([names, meaning]) => [names.map((name) => `Pa ${name}`).join(" , "), prose(meaning)]),
      ),
    ]),
    ...section(
      "exit status",
      tagged(
        exitCodeTable().map(({ codes, kind, meaning }) => [
          `${codes.replace(", ", " , ")}${kind === undefined ? "" : ` Pq ${typed(kind)}`}`,
          prose(sentence(meaning)),
        ]),
      ),
    ),
    ...section(
      "examples",
      NAMES.flatMap((name, i) => [
        ...(i === 0 ? [] : [".Pp"]),
        ...prose(sentence(COMMANDS[name].summary)),
        ...literal(COMMANDS[name].examples),
      ]),
    ),
    ...SEE_ALSO,
    ...section("standards", prose(STANDARDS)),
    ...section("history", prose(`This is the page of natpmp ${config.version}.`)),
    "",
  ].join("\n");
}

/** A command line of each command. */
function synopsisOf(name: CommandName): string[] {
  const operands = operandMacros(COMMANDS[name].operands);
  return [".Nm", `.Cm ${name}`, ...(operands === "" ? [] : [`.${operands}`]), ".Op Ar option ..."];
}

function commandItem(name: CommandName): [string, string[]] {
  const { operands, summary, details } = COMMANDS[name];
  const own = details.filter((detail) => !SHARED_DETAILS.includes(detail));
  return [`Cm ${name} ${operandMacros(operands)}`.trim(), prose(sentence(summary), ...own)];
}

/** Operands as `--help` shows them, such as `SPEC… | --config FILE`, in macros. */
function operandMacros(operands: string): string {
  const optional = /^\[(.*)\]$/.exec(operands)?.[1];
  if (optional !== undefined) return `Op ${operandMacros(optional)}`;
  return operands.split(" ").filter((word) => word !== "").map((word) => {
    if (word === "|") return word;
    if (word.startsWith("--")) return `Fl ${typed(word.slice(1))}`;
    return /^[A-Z]/.test(word) ? `Ar ${word.replace("…", " ...")}` : `Cm ${typed(word)}`;
  }).join(" ");
}

function optionItem([name, spec]: readonly [string, OptionSpec]): [string, string[]] {
  const { short, value, commands, help } = spec;
  const letter = short === undefined ? "" : `Fl ${short} , `;
  const owners = commands.length === NAMES.length ? [] : prose(`For ${enumeration(commands)}.`);
  const term = `${letter}Fl ${typed(`-${name}`)}${value === undefined ? "" : ` Ar ${value}`}`;
  return [term, [...prose(sentence(help)), ...owners]];
}

function keyList(keys: KeyTable): string[] {
  return tagged(Object.entries(keys).map(([name, { help }]) => [`Cm ${name}`, prose(sentence(help))]));
}

function enumeration(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), words.at(-1)].filter((text) => text !== "").join(" and ");
}

if (import.meta.main) {
  const epochSeconds = Deno.env.get("SOURCE_DATE_EPOCH");
  const date = epochSeconds === undefined ? new Date() : new Date(Number(epochSeconds) * 1000);
  console.log(manPage({ date }).trimEnd());
}
