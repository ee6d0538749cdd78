import { assertEquals, assertMatch } from "@std/assert";
import type { Tokens } from "marked";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { parseConfig } from "../../../lib/cli/config/parse_config.ts";
import { TOPICS } from "../../../lib/cli/option_table.ts";
import { tablesIn, withTables } from "../../../scripts/document_tables.ts";
import { natpmpLinesOf } from "./command_lines.ts";
import { exchangesOf, runSession } from "./console_session.ts";
import { type Document, exists, fencesOf, readDocuments, tokensOf } from "./documents.ts";

const DOCUMENTS = await readDocuments();

/** Command lines of a page stand behind an indentation, within 80 columns. */
const MAX_CODE_LINE = 76;

Deno.test("the manual has a page for each topic, and no others", () => {
  const paths = DOCUMENTS.filter(({ isPage }) => isPage).map(({ path }) => path);
  assertEquals(paths, TOPICS.map((topic) => `lib/cli/manual/${topic}.md`).sort());
});

for (const document of DOCUMENTS) {
  const { path, text, isPage } = document;
  const fences = fencesOf(document);
  const sessions = fences.filter(({ language }) => language === "console");

  for (const { info, text } of sessions) {
    Deno.test(`${path}: "${text.split("\n")[0]}" and what follows print what the document shows`, () =>
      runSession(text, info));
  }

  Deno.test(`${path}: natpmp takes each of its command lines in scripts`, () => {
    for (const { text } of fences.filter(({ language }) => language === "sh")) {
      for (const words of natpmpLinesOf(text)) parseCommandLine(words);
    }
  });

  Deno.test(`${path}: natpmp reads each configuration file`, () => {
    for (const { text } of fences.filter(({ language }) => language === "json")) {
      if (text.includes('"mappings"')) parseConfig(text, "/etc/natpmp.json");
    }
  });

  Deno.test(`${path}: each link within the project leads somewhere`, async () => {
    for (
      const { href } of tokensOf(document).filter((token): token is Tokens.Link => token.type === "link")
    ) {
      await assertLeadsSomewhere(href, document);
    }
  });

  Deno.test(`${path}: its tables are those of the program (if not: deno task docs)`, () => {
    assertEquals(withTables(text), text);
  });

  if (!isPage) continue;

  Deno.test(`${path}: each comment is that of a table`, () => {
    const comments = text.match(/<!-- (?!\/).*? -->/g) ?? [];
    assertEquals(tablesIn(text), comments.map((comment) => comment.slice("<!-- ".length, -" -->".length)));
  });

  Deno.test(`${path}: the first line has its name and title`, () => {
    const [, name] = /^# ([a-z0-9-]+): [a-z].*[^.]\n/.exec(text) ?? [];
    assertEquals(`lib/cli/manual/${name}.md`, path);
  });

  Deno.test(`${path}: its characters are ASCII and the ellipsis`, () => {
    assertMatch(text, /^[\n\x20-\x7e…]*$/);
  });

  Deno.test(`${path}: no line of code is too long for a terminal`, () => {
    for (const { language, text } of fences) {
      const lines = language === "console"
        ? exchangesOf(text).flatMap(({ commandLine }) => `$ ${commandLine}`.split("\n"))
        : text.split("\n");
      assertEquals(lines.filter(({ length }) => length > MAX_CODE_LINE), []);
    }
  });
}

async function assertLeadsSomewhere(href: string, { path }: Document): Promise<void> {
  if (/^https?:/.test(href)) return;
  const { pathname, hash } = new URL(href, `file:///${path}`);
  const target = pathname.slice(1);
  assertEquals(await exists(target), true, `${path} links to ${href}`);
  if (hash === "" || !target.endsWith(".md")) return;
  const found = DOCUMENTS.find(({ path }) => path === target);
  if (found !== undefined) assertEquals(anchorsOf(found).includes(hash), true, `${path} links to ${href}`);
}

/** The anchors that GitHub makes for headings. */
function anchorsOf(document: Document): string[] {
  const headings = tokensOf(document).filter((token): token is Tokens.Heading => token.type === "heading");
  return headings.map(({ text }) =>
    `#${text.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-")}`
  );
}
