/**
 * The answers of `natpmp __complete` to each shell, in lines: the kind of the answer, and all that the shell's script
 * (`scripts.ts`) needs for it.
 *
 * @module
 */

import { type Offer, offersAt, type OfferSources } from "./offers.ts";
import { quoteForBash, readBashLine, unquote } from "./typed_text.ts";

/** The lines of an answer; none where there is nothing to offer. */
export type Answer = readonly string[];

/**
 * Answers bash, which inserts what it is given as it is: quoted here, and without what readline keeps of the word.
 * Kinds: `words`; `nospace`, the same without a blank behind a word; `default`, for a file that readline can complete
 * by itself; `commands`, with the beginning of one. The arguments are the text that readline completes, which is the
 * last part of the line, and the line up to the cursor.
 */
export async function answerBash(
  [text = "", line = ""]: readonly string[],
  sources: OfferSources,
): Promise<Answer> {
  const { words, current, isRedirection } = readBashLine(line);
  if (!current.typed.endsWith(text)) return [];
  const offer: Offer = isRedirection
    ? { kind: "files", prefix: "" }
    : await offersAt(words.slice(1), current.value, sources);
  if (offer.kind === "hint") return [];
  const kept = unquote(current.typed.slice(0, current.typed.length - text.length), "bash");
  const value = current.value.slice(offer.prefix.length);
  const inserted = (words: readonly string[]) =>
    words.map((word) => offer.prefix + word)
      .filter((word) => word.startsWith(current.value))
      .map((word) => quoteForBash(word.slice(kept.value.length), kept.quote));

  switch (offer.kind) {
    case "words": {
      const words = inserted(offer.words.map(({ word }) => word));
      return [words.length === 1 && words[0]!.endsWith("=") ? "nospace" : "words", ...words];
    }
    case "commands":
      if (!value.includes("/")) return kept.value === offer.prefix ? ["commands", value] : [];
      /* falls through */
    case "files": {
      if (kept.value === offer.prefix) return ["default"];
      const paths = await (await sources.system.files()).list(value);
      return ["nospace", ...withoutClosing(inserted(paths), kept.quote)];
    }
  }
}

/**
 * Readline ends a quotation behind the only match, but not behind what several have in common: a directory goes on.
 * Outside of quotes a file has the blank that it would append.
 */
function withoutClosing(paths: readonly string[], quote: string): readonly string[] {
  if (quote === "") return paths.map((path) => path.endsWith("/") ? path : `${path} `);
  return paths.length === 1 && paths[0]!.endsWith("/") ? [...paths, `${paths[0]}.`] : paths;
}

/**
 * Answers zsh, which chooses and quotes by itself. Kinds: `words`, with heading, prefix and lines for `_describe`;
 * `files` and `commands`, with the prefix; `hint`, with its text. The words are those up to the cursor, without their
 * quoting.
 */
export async function answerZsh(words: readonly string[], sources: OfferSources): Promise<Answer> {
  const offer = await offersAt(words.slice(0, -1), words.at(-1) ?? "", sources);
  switch (offer.kind) {
    case "hint":
      return offer.hint === "" ? [] : ["hint", "", offer.hint];
    case "files":
    case "commands":
      return [offer.kind, offer.prefix];
    case "words":
      return [
        "words",
        offer.prefix,
        offer.what,
        ...offer.words.map(({ word, description }) =>
          word.replace(/[\\:]/g, "\\$&") + (description === undefined ? "" : `:${description}`)
        ),
      ];
  }
}

/**
 * Answers fish, which chooses and quotes by itself, but wants the whole word. Kinds: `words`, with their meanings;
 * `files`, for one that fish can complete by itself; `commands`. The arguments are the words before the cursor, without
 * their quoting, and the word at the cursor as it is typed.
 */
export async function answerFish(args: readonly string[], sources: OfferSources): Promise<Answer> {
  const { value: current } = unquote(args.at(-1) ?? "", "fish");
  const offer = await offersAt(args.slice(0, -1), current, sources);
  switch (offer.kind) {
    case "hint":
      return [];
    case "commands":
      return ["commands"];
    case "files": {
      if (offer.prefix === "") return ["files"];
      const paths = await (await sources.system.files()).list(current.slice(offer.prefix.length));
      return ["words", ...paths.map((path) => offer.prefix + path)];
    }
    case "words": {
      // fish would also offer options that contain the same letters.
      const words = offer.what === "option"
        ? offer.words.filter(({ word }) => word.startsWith(current))
        : offer.words;
      return [
        "words",
        ...words.map(({ word, description }) =>
          offer.prefix + word + (description === undefined ? "" : `\t${description}`)
        ),
      ];
    }
  }
}
