import {
  type CommandName,
  COMMANDS,
  helpOf,
  type OptionName,
  OPTIONS,
  optionsOf,
  type OptionSpec,
} from "../option_table.ts";
import type { System } from "../../system/system.ts";

/** A word that a shell offers. A word that ends with `=` is to be continued. */
export interface OfferedWord {
  readonly word: string;
  readonly description?: string;
}

/** The text that can stand at the cursor. */
export type Offer =
  /** One of these words, behind a prefix of the word at the cursor; `what` is their heading. */
  | {
    readonly kind: "words";
    readonly what: string;
    readonly prefix: string;
    readonly words: readonly OfferedWord[];
  }
  /** A file, or a command of the shell, behind a prefix. */
  | { readonly kind: "files" | "commands"; readonly prefix: string }
  /** Something that only the user knows. */
  | { readonly kind: "hint"; readonly hint: string };

/** Where offers come from besides the option table. */
export interface OfferSources {
  readonly system: System;
  faults(): Promise<readonly OfferedWord[]>;
  /** The topics of `natpmp help` that are no command. */
  topics(): Promise<readonly OfferedWord[]>;
}

/** The part of the line before the cursor, as far as it bears on the next word. */
interface Context {
  command?: string;
  /** How many operands follow the command. */
  operands: number;
  readonly seen: Set<string>;
  /** The option whose value comes next. */
  pending?: OptionName | undefined;
  /** Whether `--` has ended the options. */
  isEnded: boolean;
}

const PROTOCOLS = ["tcp", "udp", "both"];

/**
 * Finds out what the current word, up to the cursor, can be behind those words. Unlike the parser it forgives
 * everything: the line is being typed.
 *
 * @returns The offer; its words are not yet those that begin as `current` does.
 */
export function offersAt(words: readonly string[], current: string, sources: OfferSources): Promise<Offer> {
  const context = readContext(words);
  const value = context.pending === undefined ? attachedValue(current, context) : {
    option: context.pending,
    prefix: "",
  };
  if (value !== undefined) return valueOffer(value.option, value.prefix, sources);
  if (!context.isEnded && current.startsWith("-")) return Promise.resolve(optionOffer(context));
  return operandOffer(current, context, sources);
}

function readContext(words: readonly string[]): Context {
  const context: Context = { operands: 0, seen: new Set(), isEnded: false };
  for (const word of words) readWord(word, context);
  return context;
}

function readWord(word: string, context: Context): void {
  if (context.pending !== undefined) {
    context.pending = undefined;
  } else if (!context.isEnded && word === "--") {
    context.isEnded = true;
  } else if (!context.isEnded && word.startsWith("--")) {
    const [name = "", ...value] = word.slice(2).split("=");
    context.seen.add(name);
    if (value.length === 0 && takesValue(name)) context.pending = name;
  } else if (!context.isEnded && /^-[^0-9]/.test(word)) {
    const { names, option, attached } = readCluster(word);
    for (const name of names) context.seen.add(name);
    if (attached === "") context.pending = option;
  } else if (context.command === undefined) {
    context.command = word;
  } else {
    context.operands++;
  }
}

function takesValue(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name) && "value" in OPTIONS[name as OptionName];
}

interface Cluster {
  /** The options that its letters are short for. */
  readonly names: readonly OptionName[];
  /** The last of them, if it takes a value, and what stands behind it. */
  readonly option?: OptionName;
  readonly attached: string;
}

/** Takes `-uq`, `-l60`, `-l=60` apart. */
function readCluster(word: string): Cluster {
  const names: OptionName[] = [];
  for (let i = 1; i < word.length; i++) {
    const [name, spec] = optionsOf().find(([, { short }]) => short === word[i]) ?? [];
    if (name === undefined) break;
    names.push(name);
    if (spec?.value !== undefined) return { names, option: name, attached: word.slice(i + 1) };
  }
  return { names, attached: "" };
}

/** The option whose value is a part of the word at the cursor, as in `--config=F` and `-il`. */
function attachedValue(
  current: string,
  { isEnded }: Context,
): { readonly option: OptionName; readonly prefix: string } | undefined {
  if (isEnded) return undefined;
  const [prefix = "", name] = /^--([^=]+)=/.exec(current) ?? [];
  if (name !== undefined) return takesValue(name) ? { option: name, prefix } : undefined;
  if (!/^-[^-]/.test(current)) return undefined;
  const { option, attached } = readCluster(current);
  if (option === undefined || attached === "") return undefined;
  const before = current.slice(0, current.length - attached.length);
  return { option, prefix: attached.startsWith("=") ? `${before}=` : before };
}

async function valueOffer(
  option: OptionName,
  prefix: string,
  { system, faults }: OfferSources,
): Promise<Offer> {
  const { completes, value = "" }: OptionSpec = OPTIONS[option];
  const words = (words: readonly OfferedWord[]): Offer => ({ kind: "words", what: option, prefix, words });
  if (typeof completes === "object") return words(completes.map((word) => ({ word })));
  switch (completes) {
    case "file":
      return { kind: "files", prefix };
    case "command":
      return { kind: "commands", prefix };
    case "interface":
      return words((await (await system.network()).interfaceNames()).map((word) => ({ word })));
    case "address":
      return words((await system.network()).addresses().map((word) => ({ word })));
    case "fault":
      return words(await faults());
    default:
      return { kind: "hint", hint: value };
  }
}

/** The options of the command that are not there yet, or of every command before there is one. */
function optionOffer({ command, seen }: Context): Offer {
  const known = commandNamed(command);
  const words = (command !== undefined && known === undefined ? [] : optionsOf(known))
    .filter(([name, { repeats }]) => repeats === true || !seen.has(name))
    .flatMap(([name, spec]) => {
      const description = helpOf(spec, known);
      const long = { word: `--${name}`, description };
      return spec.short === undefined ? [long] : [{ word: `-${spec.short}`, description }, long];
    });
  return { kind: "words", what: "option", prefix: "", words };
}

async function operandOffer(current: string, context: Context, sources: OfferSources): Promise<Offer> {
  const { command, operands, isEnded } = context;
  if (command === undefined) return { kind: "words", what: "command", prefix: "", words: commandWords() };
  const known = commandNamed(command);
  const completes = known && COMMANDS[known].completes;
  if (completes === "spec") return specOffer(current);
  if (completes !== undefined && operands === 0) {
    if (completes === "topic") {
      const words = [...commandWords(), ...await sources.topics()];
      return { kind: "words", what: "topic", prefix: "", words };
    }
    return { kind: "words", what: command, prefix: "", words: completes.map((word) => ({ word })) };
  }
  if (current === "" && !isEnded) return optionOffer(context);
  return { kind: "hint", hint: "" };
}

function commandNamed(word: string | undefined): CommandName | undefined {
  return word !== undefined && Object.hasOwn(COMMANDS, word) ? word as CommandName : undefined;
}

function commandWords(): OfferedWord[] {
  return Object.entries(COMMANDS).map(([word, { summary }]) => ({ word, description: summary }));
}

/** Offers the protocols behind the slash of a mapping spec; only the user knows the ports. */
function specOffer(current: string): Offer {
  const [prefix] = /^.*[0-9]\//.exec(current) ?? [];
  if (prefix === undefined) {
    return { kind: "hint", hint: "PORT[/PROTO] or EXTERNAL:INTERNAL[/PROTO], with ranges FIRST-LAST" };
  }
  return { kind: "words", what: "protocol", prefix, words: PROTOCOLS.map((word) => ({ word })) };
}
