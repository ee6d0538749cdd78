/**
 * The three shells with natpmp's completions, as a user has them: bash and zsh on a terminal into which a line and
 * TAB are typed, fish by its own `complete -C`.
 *
 * @module
 */

import { runCommand } from "./command.ts";
import { ShellTerminal } from "./shell_terminal.ts";

/** A shell in which natpmp's completions are installed. */
export interface CompletingShell extends AsyncDisposable {
  /**
   * Asks for everything that the last word of a line can be.
   *
   * @param line The line up to the cursor.
   * @returns The words, sorted, without what the shell keeps of the word: up to its last `:` or `=`. An option is
   * without the `=` that it may be offered with.
   */
  offers(line: string): Promise<string[]>;
}

/** A shell on a terminal. */
export interface TerminalShell extends AsyncDisposable {
  /**
   * Types a line, TAB and the return key.
   *
   * @param line The line up to the cursor; it runs {@linkcode ARGUMENTS_FUNCTION}.
   * @returns The arguments that the shell has run the line with.
   */
  run(line: string): Promise<string[]>;
}

/** A shell whose TAB is pressed. */
export interface TabbingShell extends CompletingShell, TerminalShell {
  /**
   * Types a line and TAB.
   *
   * @param line The line up to the cursor.
   * @returns The line that the shell has made of it.
   */
  complete(line: string): Promise<string>;
  /**
   * Types a line and TAB where there is more than one match.
   *
   * @param line The line up to the cursor.
   * @param wanted What the shell then shows below the line.
   */
  lists(line: string, wanted: RegExp): Promise<void>;
}

/** Control-x and a letter: what the set-up of a shell here binds to showing the line, and to inserting all matches. */
const SHOW = "\x18s";
const INSERT_ALL = "\x18a";

/** A function of bash and zsh in place of natpmp, which shows its arguments; completions run the program all the same. */
export const ARGUMENTS_FUNCTION = `natpmp() { printf '\\n[[RUN'; printf '<%s>' "$@"; printf ']]\\n'; }`;

/** Options of {@linkcode openBash} and {@linkcode openZsh}. */
export interface OpenShellOptions {
  /** A directory that is the shell's home; its start-up file is written there. */
  readonly home: string;
  /** Lines of the start-up file, which install the completions. */
  readonly startUp: string;
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts bash without any file of the system's, so without the package bash-completion. */
export async function openBash({ home, startUp, env = {} }: OpenShellOptions): Promise<TabbingShell> {
  const file = `${home}/.bashrc`;
  await Deno.writeTextFile(
    file,
    `
PS1='READY>'
unset HISTFILE
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
show() { printf '\\n[[%s]]\\n' "$READLINE_LINE"; READLINE_LINE='' READLINE_POINT=0; }
bind -x '"\\C-xs": show'
bind '"\\C-xa": insert-completions'
${startUp}
`,
  );
  return await tabbingShell(["bash", "--noprofile", "--rcfile", file, "-i"], { HOME: home, ...env });
}

/** Starts zsh without any file of the system's. */
export async function openZsh({ home, startUp, env = {} }: OpenShellOptions): Promise<TabbingShell> {
  await Deno.writeTextFile(
    `${home}/.zshrc`,
    `
PS1='READY>'
unset zle_bracketed_paste
stty cols 200 rows 60
LISTMAX=0
show() { zle -I; print -r -- "[[$BUFFER]]"; BUFFER=''; }
zle -N show
bindkey '^Xs' show
zle -C insert-all complete-word _generic
bindkey '^Xa' insert-all
zstyle ':completion:insert-all:*' completer _all_matches _complete
zstyle ':completion:insert-all:*' insert true
${startUp}
`,
  );
  return await tabbingShell(["zsh", "-d", "-i"], { HOME: home, ZDOTDIR: home, ...env });
}

async function tabbingShell(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TabbingShell> {
  const terminal = new ShellTerminal(command, { env });
  await terminal.shows(/READY>/);
  const after = async (keys: string) => {
    await terminal.type(`${keys}${SHOW}`);
    return (await terminal.shows(/\[\[(.*)\]\]\r\n/))[1]!;
  };
  return {
    complete: (line) => after(`${line}\t`),
    run: (line) => argumentsOf(terminal, line),
    async offers(line) {
      const before = line.slice(0, line.lastIndexOf(" ") + 1);
      const completed = await after(`${line}${INSERT_ALL}`);
      const words = completed.slice(before.length).split(/ +/).filter((word) => word !== "");
      return completed.trimEnd() === line.trimEnd() ? [] : withoutKept(line, words);
    },
    async lists(line, wanted) {
      await terminal.type(`${line}\t`);
      await terminal.shows(wanted);
      await after("");
    },
    [Symbol.asyncDispose]: () => terminal[Symbol.asyncDispose](),
  };
}

async function argumentsOf(terminal: ShellTerminal, line: string): Promise<string[]> {
  await terminal.type(`${line}\t\r`);
  return (await terminal.shows(/\[\[RUN<(.*)>\]\]\r\n/))[1]!.split("><");
}

/**
 * Starts fish on a terminal.
 *
 * @param options Its home, lines of its start-up file, and its environment.
 * @returns The shell.
 */
export async function openFishTerminal(
  { home, startUp, env = {} }: OpenShellOptions,
): Promise<TerminalShell> {
  await Deno.mkdir(`${home}/.config/fish`, { recursive: true });
  await Deno.writeTextFile(
    `${home}/.config/fish/config.fish`,
    `
set -g fish_greeting
function fish_prompt; printf 'READY>'; end
function natpmp; printf '\\n[[RUN'; printf '<%s>' $argv; printf ']]\\n'; end
${startUp}
`,
  );
  const terminal = new ShellTerminal(["fish", "--private", "-i"], {
    env: { HOME: home, XDG_CONFIG_HOME: `${home}/.config`, XDG_DATA_HOME: `${home}/.local`, ...env },
  });
  await terminal.shows(/READY>/);
  return {
    run: (line) => argumentsOf(terminal, line),
    [Symbol.asyncDispose]: () => terminal[Symbol.asyncDispose](),
  };
}

/** Options of {@linkcode openFish}. */
export interface OpenFishOptions {
  /** A directory that is the shell's home. */
  readonly home: string;
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A fish whose completions are asked for with their descriptions. */
export interface DescribingShell extends CompletingShell {
  /**
   * Asks for what the last word of a line can be.
   *
   * @param line The line up to the cursor.
   * @returns Lines of a word, or of a word, a tabulator and what it means.
   */
  describes(line: string): Promise<string[]>;
}

/** Starts fish, once for each question, with the files of the home that it is given. */
export function openFish({ home, env = {} }: OpenFishOptions): DescribingShell {
  const describes = async (line: string) => {
    const { stdout, stderr } = await runCommand(["fish", "-c", 'complete -C"$argv[1]"', line], {
      env: { HOME: home, XDG_CONFIG_HOME: `${home}/.config`, XDG_DATA_HOME: `${home}/.local`, ...env },
    });
    if (stderr !== "") throw new Error(`fish, asked for "${line}": ${stderr}`);
    return stdout.split("\n").filter((text) => text !== "");
  };
  return {
    describes,
    offers: async (line) => withoutKept(line, (await describes(line)).map((text) => text.split("\t")[0]!)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Some shells repeat what the word had before its last `:` or `=`, and some do not. */
function withoutKept(line: string, words: readonly string[]): string[] {
  const kept = /[^ ]*[:=]|$/.exec(line.slice(line.lastIndexOf(" ") + 1))![0];
  return words.map((word) => word.startsWith(kept) ? word.slice(kept.length) : word)
    .map((word) => word.replace(/^(--[^=]+)=$/, "$1")).sort();
}
