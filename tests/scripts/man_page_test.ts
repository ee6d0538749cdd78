import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { pageOf, pageTitles } from "../../lib/cli/manual/pages.ts";
import { type CommandName, COMMANDS, helpOf, OPTIONS, type OptionSpec } from "../../lib/cli/option_table.ts";
import { MAN_PAGES, manPage, type ManPageName } from "../../scripts/man_page.ts";
import { prose, sentence, typed } from "../../scripts/mdoc.ts";
import { mdocOf } from "../../scripts/mdoc_markdown.ts";

const DATE = { date: new Date("2026-01-02T03:04:05Z") };
const MAN_PAGE_NAMES = Object.keys(MAN_PAGES) as ManPageName[];
const PAGE = await manPage("natpmp", DATE);
const NAMES = Object.keys(COMMANDS) as CommandName[];
const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

/** The lines of a section of natpmp(1). */
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

for (const name of MAN_PAGE_NAMES) {
  Deno.test(`manPage() of ${name} has its date and name, and the sections in the order of mdoc(7)`, async () => {
    const page = await manPage(name, DATE);
    assert(page.startsWith(`.Dd January 2, 2026\n.Dt ${name.toUpperCase()} ${MAN_PAGES[name]}\n.Os\n`));
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
    const sections = [...page.matchAll(/^\.Sh (.*)$/gm)].map(([, title]) => `${title}`);
    const order = sections.map((title) => CONVENTIONAL.indexOf(title)).filter((place) => place >= 0);
    assertEquals(order, order.toSorted((a, b) => a - b));
    for (const title of ["NAME", "DESCRIPTION", "SEE ALSO"]) assert(sections.includes(title));
  });

  Deno.test(`manPage() of ${name} is ASCII and has no blank at a line's end`, async () => {
    const page = await manPage(name, DATE);
    assertMatch(page, /^[\x20-\x7e\n]*$/);
    assertEquals(/ $/m.test(page), false);
  });

  Deno.test(`manPage() of ${name} names the others`, async () => {
    const page = await manPage(name, DATE);
    for (const other of MAN_PAGE_NAMES.filter((other) => other !== name)) {
      assertStringIncludes(page, `\\fB${typed(other)}\\fR(${MAN_PAGES[other]})`);
    }
  });
}

Deno.test("the man pages have the pages of the manual that they are for", async () => {
  const titles = new Map(await pageTitles());
  for (
    const [name, topics] of [
      ["natpmp", ["map", "cron", "status", "json", "exit-codes", "gateways", "troubleshooting"]],
      ["natpmp-watch", ["watch", "hooks", "service"]],
      ["natpmp-config", ["config", "security"]],
    ] as const
  ) {
    const page = await manPage(name, DATE);
    for (const topic of topics) assertStringIncludes(page, mdocOf(await pageOf(topic)).join("\n"));
  }
  assertStringIncludes(await manPage("natpmp-watch", DATE), `.Nd ${typed(titles.get("watch")!)}\n`);
});

Deno.test("natpmp(1) has each command in the synopsis and, with its summary, among the commands", () => {
  const synopsis = sectionOf("SYNOPSIS").filter((line) => /^\.Cm [a-z]+$/.test(line));
  assertEquals(synopsis, NAMES.map((name) => `.Cm ${name}`));
  const items = [...itemsOf("COMMANDS")];
  assertEquals(items.map(([term]) => term.split(" ")[1]), NAMES);
  for (const [i, name] of NAMES.entries()) {
    assertStringIncludes(items[i]![1], prose(sentence(COMMANDS[name].summary)).join("\n"));
  }
});

Deno.test("natpmp(1) says everything that --help says of a command", () => {
  for (const name of NAMES) {
    for (const detail of COMMANDS[name].details) assertStringIncludes(PAGE, prose(detail).join("\n"));
    for (const example of COMMANDS[name].examples) assertStringIncludes(PAGE, `\n${typed(example)}\n`);
  }
});

Deno.test("natpmp(1) has each option with its letter and value, and what it does for each command", () => {
  const items = [...itemsOf("OPTIONS")];
  assertEquals(items.length, SPECS.length);
  for (const [i, [name, spec]] of SPECS.entries()) {
    const { short, value, commands } = spec;
    const [term, text] = items[i]!;
    const letter = short === undefined ? "" : `Fl ${short} , `;
    assertEquals(term, `${letter}Fl ${typed(`-${name}`)}${value === undefined ? "" : ` Ar ${value}`}`);
    const words = text.replaceAll("\\-", "-").replace(/\s+/g, " ").toLowerCase();
    for (const command of commands) {
      assertStringIncludes(words, helpOf(spec, command).toLowerCase());
      if (commands.length < NAMES.length) assertMatch(words, new RegExp(`for [a-z, ]*\\b${command}\\b`));
    }
  }
});

Deno.test("natpmp(1) names the state file of users and of root, the variables, and its RFC", () => {
  const [files = ""] = itemsOf("FILES").keys();
  for (const path of ["$XDG_STATE_HOME/natpmp/", "~/.local/state/natpmp/", "/var/lib/natpmp/"]) {
    assertStringIncludes(files, `Pa ${path}leases.json`);
  }
  const variables = [...itemsOf("ENVIRONMENT").keys()];
  assertEquals(variables, ["Ev NO_COLOR", "Ev XDG_STATE_HOME", "Ev NOTIFY_SOCKET"]);
  assertStringIncludes(sectionOf("SEE ALSO").join("\n"), ".%R RFC 6886");
  assertStringIncludes(sectionOf("STANDARDS").join("\n"), "RFC 6886");
});
