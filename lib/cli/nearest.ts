import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * The known word that a mistyped one was probably meant to be.
 *
 * @returns The nearest, if it is at most two edits and less than half of the word away.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(word.length / 2));
  for (const candidate of known) {
    const distance = levenshteinDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
