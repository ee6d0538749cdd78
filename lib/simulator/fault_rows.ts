/**
 * The kinds of rows of the fault table: what a fault's value is, and how it is read.
 *
 * @module
 */

import { RESULT } from "../pcp/constants.ts";
import type { Faults, Occurrence } from "./faults.ts";

/** A fault as `natpmp simulate --help` lists it. */
export interface FaultDefinition {
  /** Its name for `--fault`. */
  readonly name: string;
  /** The placeholder of its value, such as `MS`; absent when it takes none. */
  readonly value?: string;
  /** The gateway's behaviour then, in one sentence. */
  readonly summary: string;
}

/** The faults whose value is of this type. */
export type FieldOf<T> = { [K in keyof Faults]-?: Required<Faults>[K] extends T ? K : never }[keyof Faults];

/** A definition that can read its value; `given` is the whole text, for messages. */
export interface Row extends FaultDefinition {
  /** Reads the value. */
  readonly parse: (value: string, given: string) => Faults;
}

/** A fault that is there or not. */
export function flag(name: string, field: FieldOf<boolean>, summary: string): Row {
  return { name, summary, parse: () => ({ [field]: true }) };
}

/** Options of {@linkcode number}. */
export interface NumberOptions {
  /** The placeholder. */
  readonly value: string;
  /** The lowest number. */
  readonly min: number;
  /** The highest number. */
  readonly max: number;
  /** Whether it may have a fraction. */
  readonly fraction?: boolean;
}

/** A fault with a number. */
export function number(name: string, field: FieldOf<number>, summary: string, options: NumberOptions): Row {
  const { value, min, max, fraction = false } = options;
  const wanted = `${value} is a ${fraction ? "" : "whole "}number from ${min} to ${max}`;
  const pattern = fraction ? /^-?[0-9]+(\.[0-9]+)?$/ : /^-?[0-9]+$/;
  const parse = (text: string, given: string) => {
    if (!pattern.test(text)) throw new SyntaxError(`Cannot use fault ${given}: ${wanted}`);
    const parsed = Number(text);
    if (parsed < min || parsed > max) throw new RangeError(`Cannot use fault ${given}: ${wanted}`);
    return { [field]: parsed };
  };
  return { name, value, summary, parse };
}

/** A fault with one of some words. */
export function choice(name: string, field: keyof Faults, summary: string, choices: readonly string[]): Row {
  const parse = (text: string, given: string) => {
    if (choices.includes(text)) return { [field]: text };
    throw new SyntaxError(`Cannot use fault ${given}: the value is one of ${choices.join(", ")}`);
  };
  return { name, value: choices.join("|"), summary, parse };
}

/** The results of PCP but success, as they are written: `no-resources`. */
const PCP_RESULTS: ReadonlyMap<string, number> = new Map(
  Object.entries(RESULT)
    .filter(([, code]) => code !== RESULT.success)
    .map(([name, code]) => [name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), code]),
);

/** A fault with a result of PCP. */
export function pcpResult(name: string, field: FieldOf<number>, summary: string): Row {
  const parse = (text: string, given: string) => {
    const code = PCP_RESULTS.get(text) ?? (/^[0-9]{1,3}$/.test(text) ? Number(text) : 0);
    if (code >= 1 && code <= 255) return { [field]: code };
    const names = [...PCP_RESULTS.keys()].join(", ");
    throw new SyntaxError(`Cannot use fault ${given}: RESULT is a number from 1 to 255, or one of ${names}`);
  };
  return { name, value: "RESULT", summary, parse };
}

/** A fault with bytes. */
export function bytes(name: string, field: FieldOf<Uint8Array>, summary: string): Row {
  const parse = (text: string, given: string) => {
    if (/^(?:[0-9a-fA-F]{2}){1,1400}$/.test(text)) return { [field]: Uint8Array.fromHex(text) };
    throw new SyntaxError(`Cannot use fault ${given}: HEX is 1 to 1400 bytes, two hexadecimal digits each`);
  };
  return { name, value: "HEX", summary, parse };
}

/** A fault that strikes some of many events. */
export function occurrence(name: string, field: FieldOf<Occurrence>, summary: string): Row {
  const parse = (text: string, given: string) => {
    const match = /^(?:(every|nth):)?([1-9][0-9]{0,8})$/.exec(text);
    if (match === null) {
      const wanted = "WHICH is N for the first N, every:N for each Nth, or nth:N for the Nth alone";
      throw new SyntaxError(`Cannot use fault ${given}: ${wanted}`);
    }
    return { [field]: { [match[1] ?? "first"]: Number(match[2]) } };
  };
  return { name, value: "WHICH", summary, parse };
}

/** A time in seconds. */
export const SECONDS = { value: "SECONDS", min: 0, max: 0xffff_ffff } as const;
/** How long until an event. */
export const AFTER = { ...SECONDS, fraction: true } as const;
/** A number of bytes. */
export const BYTES = { value: "BYTES", min: 0, max: 1400 } as const;
/** A time in milliseconds. */
export const MILLISECONDS = { value: "MS", min: 0, max: 3_600_000 } as const;
/** How many there are. */
export const COUNT = { value: "COUNT", min: 1, max: 100_000 } as const;
