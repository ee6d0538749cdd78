import type { CommandContext } from "../command.ts";
import { helpText, overviewText } from "../help.ts";
import { pageOf, pageTitles } from "../manual/pages.ts";
import { type CommandName, COMMANDS, type Topic, TOPICS } from "../option_table.ts";
import { textWidth } from "../text_layout.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp help`: prints a page of the manual, how to use a command, or a list of both. */
export async function help({ line, world }: CommandContext): Promise<number> {
  const { stdout, allowsColor } = world;
  const [topic, extra] = line.operands;
  if (extra !== undefined) {
    throw new UsageError(`"natpmp help" takes one topic, but "${extra}" was given too`);
  }
  const width = textWidth(stdout);
  if (topic === undefined) {
    stdout.write(overviewText(await pageTitles(), width));
  } else if (isTopic(topic)) {
    const [page, { renderPage }] = await Promise.all([pageOf(topic), import("../manual/render_page.ts")]);
    const isBold = stdout.isTerminal && allowsColor && !line.has("no-color");
    stdout.write(renderPage(page, { width, isBold }));
  } else if (isCommand(topic)) {
    stdout.write(helpText(topic, width));
  } else {
    throw new UsageError(`Unknown topic "${topic}": natpmp help lists the commands and topics`, {
      word: topic,
      known: [...new Set([...Object.keys(COMMANDS), ...TOPICS])],
    });
  }
  return 0;
}

function isTopic(word: string): word is Topic {
  return TOPICS.some((topic) => topic === word);
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}
