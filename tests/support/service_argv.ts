/**
 * What the systems make of the files that `natpmp service` prints: the words of the command that they start.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { runCommand } from "./command.ts";

/** Runs a program that has to succeed, and tells what it printed. */
async function printed(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, { env });
  assertEquals(code, 0, `${command.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Cron's own rule (crontab(5)), of which some know less. */
const PERCENT_RULES = {
  /** Debian's, and others that descend from Vixie's. */
  vixie: (command: string) =>
    command.replace(/\\([%\\])|(%.*)/g, (_all, escaped, rest) => rest === undefined ? escaped : ""),
  /** Leaves other escapes alone. */
  cronie: (command: string) =>
    command.replace(/\\.|(%.*)/g, (all, rest) => rest !== undefined ? "" : all === "\\%" ? "%" : all),
  busybox: (command: string) => command,
} as const;

/** Whose cron it is. */
export type CronKind = keyof typeof PERCENT_RULES;

/** All of them. */
export const CRON_KINDS = Object.keys(PERCENT_RULES) as CronKind[];

/** The words that the shell gets out of the command in the last line of a crontab. */
export async function cronArgv(crontab: string, kind: CronKind): Promise<string[]> {
  const command = crontab.trimEnd().split("\n").at(-1)!.split(" ").slice(5).join(" ");
  const text = await printed(["/bin/sh", "-c", `printf '%s\\0' ${PERCENT_RULES[kind](command)}`]);
  return text.split("\0").slice(0, -1);
}

/** What systemd has to say about units, and the one command line that it reads out of them. */
export async function systemdArgv(...paths: readonly string[]): Promise<string[]> {
  const verify = ["systemd-analyze", "verify", "--man=no", ...paths];
  const { code, stdout, stderr } = await runCommand(verify, { env: { SYSTEMD_LOG_LEVEL: "info" } });
  const names = paths.map((path) => path.split("/").at(-1)!);
  const said = `${stdout}${stderr}`.split("\n").filter((line) => names.some((name) => line.includes(name)));
  assertEquals({ code, said }, { code: 0, said: [] });
  const dump = await printed(verify, { SYSTEMD_LOG_LEVEL: "debug", SYSTEMD_LOG_TARGET: "console" });
  const lines = dump.split("\n").flatMap((line) => /^\s*Command Line: (.*)$/.exec(line)?.[1] ?? []);
  assertEquals(lines.length, 1, dump);
  return withoutVariables(dumpedWords(lines[0]!));
}

/** What systemd does at the start (systemd.service(5)): two dollar signs are one, and no variable is set here. */
function withoutVariables(words: readonly string[]): string[] {
  return words.filter((word) => !/^\$\w+$/.test(word))
    .map((word) => word.replace(/\$\$|\$\{[^}]*\}/g, (all) => all === "$$" ? "$" : ""));
}

/** The words of a dump, where one that has more than the plainest characters is quoted like a string of C. */
function dumpedWords(line: string): string[] {
  const escapes: Readonly<Record<string, string>> = {
    a: "\x07",
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "\t",
    v: "\v",
  };
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([word, quoted]) =>
    quoted?.replace(
      /\\([0-7]{3}|.)/g,
      (_all, escape) =>
        escape.length === 3 ? String.fromCharCode(parseInt(escape, 8)) : escapes[escape] ?? escape,
    ) ?? word
  );
}

/** The content of one element, as an XML parser reads it. */
function xmlString(path: string, expression: string): Promise<string> {
  return printed(["xmllint", "--nonet", "--noout", "--xpath", `string(${expression})`, path])
    .then((text) => text.replace(/\n$/, ""));
}

/** The array of `ProgramArguments` in a property list. */
export async function launchdArgv(path: string): Promise<string[]> {
  const strings = '/plist/dict/key[.="ProgramArguments"]/following-sibling::*[1]/string';
  const count = Number(
    await printed(["xmllint", "--nonet", "--noout", "--xpath", `count(${strings})`, path]),
  );
  return Promise.all(Array.from({ length: count }, (_, i) => xmlString(path, `${strings}[${i + 1}]`)));
}

/** The program of a task, and its arguments as a program on Windows takes them apart. */
export async function windowsArgv(path: string): Promise<string[]> {
  const element = (name: string) => xmlString(path, `//*[local-name()="Exec"]/*[local-name()="${name}"]`);
  return [await element("Command"), ...commandLineToArgv(await element("Arguments"))];
}

/** Microsoft's rules: 2n backslashes and a quote are n and a delimiter, 2n+1 are n and a quote. */
function commandLineToArgv(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let isQuoted = false;
  for (const [part, backslashes] of line.matchAll(/(\\*)"|\\+|[ \t]+|[^\\" \t]+/g)) {
    if (backslashes !== undefined) {
      word = (word ?? "") + "\\".repeat(backslashes.length / 2);
      if (backslashes.length % 2 === 1) word += '"';
      else isQuoted = !isQuoted;
    } else if (/^[ \t]/.test(part) && !isQuoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + part;
  }
  return word === undefined ? words : [...words, word];
}
