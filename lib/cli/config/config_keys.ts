/**
 * The keys of a configuration file: the one table from which the parser and the schema both are made.
 *
 * @module
 */

import type { Field } from "../../json_fields.ts";
import { type OptionName, OPTIONS } from "../option_table.ts";
import {
  ADDRESS,
  COMMAND,
  DURATION,
  ENDPOINT,
  EXTERNAL_PORT,
  FLAG,
  IGD,
  INTERNAL_PORT,
  LIST,
  NAME,
  PATH,
  PROTOCOL,
  TEXT,
  TIMEOUT,
  type ValueKind,
  VIA,
} from "./value_kinds.ts";

/** A key of an object. */
export interface ConfigKey<T> extends Field<T> {
  readonly kind: ValueKind<T>;
  /** Its meaning, for the schema. */
  readonly help: string;
  /** The option whose value it is, where it is one. */
  readonly option?: OptionName;
}

/** The keys of one object, in the order in which they are listed. */
export type KeyTable = Readonly<Record<string, ConfigKey<unknown>>>;

/** A key that is for the whole file what an option is for one command line. */
function asOption<T>(option: OptionName, kind: ValueKind<T>): ConfigKey<T> {
  return { kind, option, help: OPTIONS[option].help };
}

/** The keys of the file. */
export const FILE_KEYS = {
  $schema: { kind: TEXT, help: "where the schema of this file is, for editors" },
  gateway: asOption("gateway", ENDPOINT),
  interface: asOption("interface", TEXT),
  source: asOption("source", ADDRESS),
  via: asOption("via", VIA),
  igd: asOption("igd", IGD),
  timeout: asOption("timeout", TIMEOUT),
  lifetime: asOption("lifetime", DURATION),
  exact: asOption("exact", FLAG),
  anyPort: asOption("any-port", FLAG),
  allowPortZero: asOption("allow-port-zero", FLAG),
  exec: asOption("exec", COMMAND),
  portFile: asOption("port-file", PATH),
  mappings: { kind: LIST, help: "the list of mappings" },
} as const satisfies KeyTable;

/** The keys of a mapping. */
export const MAPPING_KEYS = {
  name: { kind: NAME, help: "the name of the mapping; no two mappings have the same name" },
  external: {
    kind: EXTERNAL_PORT,
    help: "the external port or range to ask for; any or 0: the router chooses (default: the internal port)",
  },
  internal: { kind: INTERNAL_PORT, help: "the port on this host, or a range of them", isRequired: true },
  protocol: { kind: PROTOCOL, help: "the protocol: tcp, udp, or both on one external port (default tcp)" },
  lifetime: { kind: DURATION, help: "the lifetime of this mapping" },
  exact: { kind: FLAG, help: "whether it is an error if the router grants another external port" },
  anyPort: { kind: FLAG, help: "with both: whether TCP and UDP may have two different external ports" },
  exec: { kind: COMMAND, help: "the command to run on each change of this mapping" },
  portFile: { kind: PATH, help: "the file for this mapping's external ports, one a line" },
} as const satisfies KeyTable;

/** Keys of either object that cannot both be true. */
export const CONTRADICTION = ["exact", "anyPort"] as const;
