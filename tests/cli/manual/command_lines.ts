/**
 * Command lines of a shell, as far as documents show any: words, quotes, comments, and what joins commands.
 *
 * @module
 */

/** What ends one command and begins another, or leads its output elsewhere. */
const OPERATOR = /^(?:&&|\|\||[0-9]?>>?(?:&[0-9])?|[<;|&()]|\$\()/;

/** Words in front of a program that start it. */
const STARTERS = ["sudo", "doas", "exec", "nohup", "env", "if", "then", "do", "while", "until", "!"];

/**
 * Takes a script apart.
 *
 * @param script Lines of a shell.
 * @returns The words of each command, without quotes; the files of redirections are not among them.
 */
export function commandsOf(script: string): string[][] {
  const commands: string[][] = [[]];
  for (const line of script.replaceAll("\\\n", " ").split("\n")) {
    commands.push([]);
    for (let rest = line.trimStart(); rest !== "" && !rest.startsWith("#"); rest = rest.trimStart()) {
      const [operator] = OPERATOR.exec(rest) ?? [];
      const [text] = operator === undefined ? wordAt(rest) : [operator];
      rest = rest.slice(text.length);
      if (operator === undefined) commands.at(-1)!.push(unquoted(text));
      else if (!/[<>]/.test(operator)) commands.push([]);
      else if (!operator.includes("&")) {
        rest = rest.trimStart();
        rest = rest.slice(wordAt(rest)[0].length);
      }
    }
  }
  return commands.filter((words) => words.length > 0);
}

/** The word that a text begins with: quoted parts, escapes, and all but blanks and operators. */
function wordAt(text: string): [string] {
  const [word = ""] = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;|&<>()])+/.exec(text) ?? [];
  if (word === "") throw new Error(`Cannot read this line of a shell: ${text}`);
  return [word];
}

function unquoted(word: string): string {
  return word.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
    (_, double, single, escaped) => double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? escaped,
  );
}

/**
 * The command lines of natpmp in a script.
 *
 * @param script Lines of a shell.
 * @returns The arguments of each.
 */
export function natpmpLinesOf(script: string): string[][] {
  return commandsOf(script).flatMap((words) => {
    const start = words.findIndex((word) => !STARTERS.includes(word) && !/^[A-Z_]+=/.test(word));
    const isNatpmp = /^(?:.*\/)?natpmp$/.test(words[start] ?? "");
    return isNatpmp ? [words.slice(start + 1)] : [];
  });
}
