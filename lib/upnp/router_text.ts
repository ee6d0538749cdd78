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
  // Cut twice, so that a long text costs little, and no half of a surrogate pair is left.
  const line = text.slice(0, 4 * MAX_ROUTER_TEXT_CHARS).replace(/\s+/g, " ").trim();
  const characters = [...line];
  if (characters.length <= MAX_ROUTER_TEXT_CHARS) return line || undefined;
  return `${characters.slice(0, MAX_ROUTER_TEXT_CHARS - 1).join("")}…`;
}
