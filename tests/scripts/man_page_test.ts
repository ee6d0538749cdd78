import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FILE_KEYS, MAPPING_KEYS } from "../../lib/cli/config/config_keys.ts";
import { parseConfig } from "../../lib/cli/config/parse_config.ts";
import { exitCodeTable } from "../../lib/cli/exit_codes.ts";
import { type CommandName, COMMANDS, OPTIONS, type OptionSpec } from "../../lib/cli/option_table.ts";
import { HOOK_VARIABLES } from "../../lib/cli/publish/hook_environment.ts";
import { FAULTS } from "../../lib/simulator/mod.ts";
import { manPage } from "../../scripts/man_page.ts";
import { EXAMPLE_CONFIGURATION } from "../../scripts/man_page_texts.ts";
import { prose, sentence, typed } from "../../scripts/mdoc.ts";

const PAGE = manPage({ date: new Date("2026-01-02T03:04:05Z") });
const NAMES = Object.keys(COMMANDS) as CommandName[];
const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

/** The lines of a section. */
function sectionOf(title: string): string[] {
  const [, text] = new RegExp(`^\\.Sh ${title}\n(.*?)(?=^\\.Sh |$(?![^]))`, "ms").exec(PAGE) ?? [];
  if (text === undefined) throw new Error(`There is no section ${title}`);
  return text.trimEnd().split("\n");
}

/** The terms of a section's lists, each with what stands below it. */
function itemsOf(title: string): Map<string, string> {
  const [, ...items] = sectionOf(title).join("\n").split(/^\.It /m);
  return new Map(items.map((item) => [item.split("\n")[0]!, item.split("\n").slice(1).join("\n")]));
}

Deno.test("manPage() has its date and name, and the sections in the order of mdoc(7)", () => {
  assert(PAGE.startsWith(".Dd January 2, 2026\n.Dt NATPMP 1\n.Os\n"));
  const sections = [...PAGE.matchAll(/^\.Sh (.*)$/gm)].map(([, title]) => title);
  const CONVENTIONAL = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "ENVIRONMENT",
    "FILES",
    "EXIT STATUS",
    "EXAMPLES",
    "SEE ALSO",
    "STANDARDS",
    "HISTORY",
  ];
  assertEquals(sections.filter((title) => CONVENTIONAL.includes(title!)), CONVENTIONAL);
});

Deno.test("manPage() has each command in the synopsis and, with its summary, among the commands", () => {
  const synopsis = sectionOf("SYNOPSIS").filter((line) => /^\.Cm [a-z]+$/.test(line));
  assertEquals(synopsis, NAMES.map((name) => `.Cm ${name}`));
  const items = [...itemsOf("COMMANDS")];
  assertEquals(items.map(([term]) => term.split(" ")[1]), NAMES);
  for (const [i, name] of NAMES.entries()) {
    assertStringIncludes(items[i]![1], prose(sentence(COMMANDS[name].summary)).join("\n"));
  }
});

Deno.test("manPage() says everything that --help says of a command", () => {
  for (const name of NAMES) {
    for (const detail of COMMANDS[name].details) assertStringIncludes(PAGE, prose(detail).join("\n"));
    for (const example of COMMANDS[name].examples) assertStringIncludes(PAGE, `\n${typed(example)}\n`);
  }
});

Deno.test("manPage() has each option with its letter, value, help and commands", () => {
  const items = [...itemsOf("OPTIONS")];
  assertEquals(items.length, SPECS.length);
  for (const [i, [name, { short, value, help, commands }]] of SPECS.entries()) {
    const [term, text] = items[i]!;
    const letter = short === undefined ? "" : `Fl ${short} , `;
    assertEquals(term, `${letter}Fl ${typed(`-${name}`)}${value === undefined ? "" : ` Ar ${value}`}`);
    assertStringIncludes(text, prose(sentence(help)).join("\n"));
    const owners = /^For (.*)\.$/m.exec(text)?.[1]?.split(/, | and /) ?? NAMES;
    assertEquals(owners, [...commands]);
  }
});

Deno.test("manPage() has each exit code, fault and variable", () => {
  assertEquals(itemsOf("EXIT STATUS").size, exitCodeTable().length);
  for (const { codes, meaning } of exitCodeTable()) {
    assertMatch(PAGE, new RegExp(`^\\.It ${codes.replace(", ", " , ")}\\b`, "m"));
    assertStringIncludes(PAGE, prose(sentence(meaning)).join("\n"));
  }
  assertEquals(
    [...itemsOf("FAULTS").keys()].map((term) => term.split(" ")[1]),
    FAULTS.map(({ name }) => typed(name)),
  );
  const variables = [...itemsOf("ENVIRONMENT").keys()].map((term) => term.replace("Ev ", ""));
  for (const name of ["NO_COLOR", "XDG_STATE_HOME", ...Object.keys(HOOK_VARIABLES)]) {
    assert(variables.includes(name), name);
  }
});

Deno.test("manPage() has each key of a configuration file, and an example that can be read", () => {
  const keys = [...sectionOf("CONFIGURATION").join("\n").matchAll(/^\.It Cm (\S+)$/gm)].map(([, key]) => key);
  assertEquals(keys, [...Object.keys(FILE_KEYS), ...Object.keys(MAPPING_KEYS)]);
  assertStringIncludes(PAGE, EXAMPLE_CONFIGURATION.map(typed).join("\n"));
  const { mappings } = parseConfig(EXAMPLE_CONFIGURATION.join("\n"), "/etc/natpmp.json");
  assertEquals(mappings.map(({ internalPort }) => internalPort), [80, 51_820]);
});

Deno.test("manPage() names the state file of users and of root, and its RFC", () => {
  const [files = ""] = itemsOf("FILES").keys();
  for (const path of ["$XDG_STATE_HOME/natpmp/", "~/.local/state/natpmp/", "/var/lib/natpmp/"]) {
    assertStringIncludes(files, `Pa ${path}leases.json`);
  }
  assertStringIncludes(sectionOf("SEE ALSO").join("\n"), ".%R RFC 6886");
  assertStringIncludes(sectionOf("STANDARDS").join("\n"), "RFC 6886");
});

Deno.test("manPage() is ASCII, has no empty line and no blank at a line's end", () => {
  assertMatch(PAGE, /^[\x20-\x7e\n]*$/);
  assertEquals(PAGE.split("\n").filter((line) => line === "").length, 1);
  assertEquals(/ $/m.test(PAGE), false);
});
