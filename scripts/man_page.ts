/**
 * Prints a man page, made from the pages of the manual and from the tables that parsing, `--help` and the completions
 * are made from. Its date is that of the environment variable `SOURCE_DATE_EPOCH`, as for every reproducible build, or
 * today.
 *
 * Usage: deno task man [NAME]
 */

import config from "../deno.json" with { type: "json" };
import { PROGRAM_DESCRIPTION } from "../lib/cli/help.ts";
import { pageOf, titleOf } from "../lib/cli/manual/pages.ts";
import {
  type CommandName,
  COMMANDS,
  helpOf,
  optionsOf,
  type OptionSpec,
  type Topic,
} from "../lib/cli/option_table.ts";
import { DESCRIPTION, FILES, REFERENCE, STANDARDS, VARIABLES } from "./man_page_texts.ts";
import { literal, prose, section, sentence, tagged, typed } from "./mdoc.ts";
import { mdocOf } from "./mdoc_markdown.ts";

/** The sections of the manual by the names of their pages. */
export const MAN_PAGES = { "natpmp": 1, "natpmp-watch": 1, "natpmp-config": 5 } as const;

/** The name of a man page. */
export type ManPageName = keyof typeof MAN_PAGES;

/** Options of {@linkcode manPage}. */
export interface ManPageOptions {
  /** The page's date; its day counts, in UTC. */
  readonly date: Date;
}

const NAMES = Object.keys(COMMANDS) as CommandName[];

/** Details that several commands share have a section of their own. */
const SHARED_DETAILS = [...new Set(NAMES.flatMap((name) => COMMANDS[name].details))]
  .filter((detail) => NAMES.filter((name) => COMMANDS[name].details.includes(detail)).length > 1);

const CONTENTS: Readonly<Record<ManPageName, () => Promise<string[]>>> = {
  "natpmp": async () => [
    ...section("name", [".Nm natpmp", ".Nd open ports on routers that speak PCP, NAT-PMP or UPnP"]),
    ...section("synopsis", NAMES.flatMap(synopsisOf)),
    ...section("description", prose(PROGRAM_DESCRIPTION, ...DESCRIPTION)),
    ...section("commands", tagged(NAMES.map(commandItem))),
    ...section("mapping specs", prose(...SHARED_DETAILS)),
    ...section("options", [
      ...prose("Options can be anywhere on the command line before --. What follows -- is not an option."),
      ...tagged(optionsOf().map(optionItem)),
    ]),
    ...await pageSections("map", "cron", "status", "json", "gateways", "troubleshooting"),
    ...section("environment", tagged(VARIABLES.map(([name, meaning]) => [`Ev ${name}`, prose(meaning)]))),
    ...section(
      "files",
      tagged(
        FILES.map(([names, meaning]) => [names.map((name) => `Pa ${name}`).join(" , "), prose(meaning)]),
      ),
    ),
    ...section("exit status", mdocOf(await pageOf("exit-codes"))),
    ...section(
      "examples",
      NAMES.flatMap((name, i) => [
        ...(i === 0 ? [] : [".Pp"]),
        ...prose(sentence(COMMANDS[name].summary)),
        ...literal(COMMANDS[name].examples),
      ]),
    ),
    ...seeAlso("natpmp"),
    ...section("standards", prose(STANDARDS)),
  ],
  "natpmp-watch": async () => [
    ...await nameSection("natpmp-watch", "watch"),
    ...section("synopsis", synopsisOf("watch")),
    ...section("description", mdocOf(await pageOf("watch"))),
    ...await pageSections("hooks", "service", "proton-vpn"),
    ...seeAlso("natpmp-watch"),
  ],
  "natpmp-config": async () => [
    ...await nameSection("natpmp-config", "config"),
    ...section("description", mdocOf(await pageOf("config"))),
    ...await pageSections("security"),
    ...seeAlso("natpmp-config"),
  ],
};

/**
 * Makes a man page.
 *
 * @param name Its name.
 * @param options Its date.
 * @returns The page in mdoc(7), ASCII.
 */
export async function manPage(name: ManPageName, { date }: ManPageOptions): Promise<string> {
  const day = date.toLocaleDateString("en-US", { dateStyle: "long", timeZone: "UTC" });
  return [
    `.Dd ${day}`,
    `.Dt ${name.toUpperCase()} ${MAN_PAGES[name]}`,
    ".Os",
    ...await CONTENTS[name](),
    ...section("history", prose(`This is the page of natpmp ${config.version}.`)),
    "",
  ].join("\n");
}

async function nameSection(name: ManPageName, topic: Topic): Promise<string[]> {
  return section("name", [`.Nm ${name}`, `.Nd ${typed(titleOf(await pageOf(topic)))}`]);
}

/** Pages of the manual, each as a section. */
async function pageSections(...topics: readonly Topic[]): Promise<string[]> {
  const sections = await Promise.all(topics.map(async (topic) => {
    const page = await pageOf(topic);
    return section(`${topic}: ${titleOf(page)}`, mdocOf(page));
  }));
  return sections.flat();
}

/** The others in bold, as `.Xr` is reported where they are not installed. */
function seeAlso(name: ManPageName): string[] {
  const others = Object.entries(MAN_PAGES).filter(([other]) => other !== name);
  const references = others.map(([other, section]) => `\\fB${typed(other)}\\fR(${section})`);
  return section("see also", [
    references.join(", "),
    ...(name === "natpmp" ? REFERENCE : []),
  ]);
}

/** A command line of each command. */
function synopsisOf(name: CommandName): string[] {
  const operands = operandMacros(COMMANDS[name].operands);
  return [".Nm natpmp", `.Cm ${name}`, ...(operands === "" ? [] : [`.${operands}`]), ".Op Ar option ..."];
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

/** An option with what it does, for each command where that is not the same for all. */
function optionItem([name, spec]: readonly [string, OptionSpec]): [string, string[]] {
  const { short, value, commands } = spec;
  const letter = short === undefined ? "" : `Fl ${short} , `;
  const term = `${letter}Fl ${typed(`-${name}`)}${value === undefined ? "" : ` Ar ${value}`}`;
  const byHelp = [...Map.groupBy(commands, (command) => helpOf(spec, command))];
  const isForAll = commands.length === NAMES.length;
  const texts = byHelp.length > 1
    ? byHelp.map(([help, owners]) => `For ${enumeration(owners)}: ${help}.`)
    : byHelp.map(([help]) => `${sentence(help)}${isForAll ? "" : ` For ${enumeration(commands)}.`}`);
  return [term, prose(...texts)];
}

function enumeration(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), words.at(-1)].filter((text) => text !== "").join(" and ");
}

if (import.meta.main) {
  const [name = "natpmp"] = Deno.args;
  if (!Object.hasOwn(MAN_PAGES, name)) {
    console.error(`There is no man page ${name}: there are ${Object.keys(MAN_PAGES).join(", ")}`);
    Deno.exit(2);
  }
  const epochSeconds = Deno.env.get("SOURCE_DATE_EPOCH");
  const date = epochSeconds === undefined ? new Date() : new Date(Number(epochSeconds) * 1000);
  console.log((await manPage(name as ManPageName, { date })).trimEnd());
}
