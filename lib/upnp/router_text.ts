/**
 * Texts that a router made up, such as its name: one line of bounded length. Pure.
 *
 * Controls and marks of direction stay; `escapeHidden()` of the command line makes them visible.
 *
 * @module
 */

import { MAX_ROUTER_TEXT_CHARS } from "./constants.ts";

/** Makes a text one line, and cuts it where it is too long; `undefined` where nothing is left. */
export function shortText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const line = text.replace(/\s+/g, " ").trim();
  // Enough for as many characters, each of two units, and one more.
  const characters = [...line.slice(0, 2 * MAX_ROUTER_TEXT_CHARS + 2)];
  if (characters.length <= MAX_ROUTER_TEXT_CHARS) return line || undefined;
  return `${characters.slice(0, MAX_ROUTER_TEXT_CHARS - 1).join("")}…`;
}
