import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** Fewer letters may be the beginning of anything. */
const MIN_BEGINNING = 3;

/**
 * The known word that a mistyped one was probably meant to be, in small letters or large.
 *
 * @returns The only one that begins with it; else the nearest, if it is at most two edits and less than half of the word
 * away.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const typed = word.toLowerCase();
  const longer = known.filter((candidate) => candidate.toLowerCase().startsWith(typed));
  if (longer.length === 1 && typed.replace(/^-+/, "").length >= MIN_BEGINNING) return longer[0];
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(word.length / 2));
  for (const candidate of known) {
    const distance = levenshteinDistance(typed, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
