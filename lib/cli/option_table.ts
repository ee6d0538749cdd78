/** The commands and options, from which parsing and `--help` both are made. */

/** The commands. */
export type CommandName = "address" | "map" | "unmap" | "simulate" | "help";

/** A command as `--help` shows it. */
export interface CommandSpec {
  /** Its operands, as in `SPEC…`; empty when it takes none. */
  readonly operands: string;
  readonly summary: string;
  /** More to know, a paragraph each. */
  readonly details: readonly string[];
  /** Command lines that show its use. */
  readonly examples: readonly string[];
}

const SPEC_DETAILS: readonly string[] = [
  "A SPEC is PORT[/PROTO] or EXTERNAL:INTERNAL[/PROTO]; PROTO is tcp, udp or both. EXTERNAL may be 0 or any:\n" +
  "the gateway chooses. Two bare numbers are one mapping: PUBLIC PRIVATE.",
];

/** The commands in the order of `--help`. */
export const COMMANDS: Readonly<Record<CommandName, CommandSpec>> = {
  address: {
    operands: "",
    summary: "print the gateway's external IPv4 address",
    details: [],
    examples: ["natpmp address", "natpmp address --gateway 10.0.0.1 --json"],
  },
  map: {
    operands: "SPEC…",
    summary: "create or renew mappings",
    details: [
      ...SPEC_DETAILS,
      "A mapping lasts for its lifetime and is gone then, unless it is mapped again.",
    ],
    examples: ["natpmp map 8080:80", "natpmp map 51820/udp --lifetime 1d", "natpmp map 6881/both any:22"],
  },
  unmap: {
    operands: "SPEC… | --all",
    summary: "delete mappings",
    details: [...SPEC_DETAILS, "Deleting what is not mapped succeeds."],
    examples: ["natpmp unmap 8080:80", "natpmp unmap --all --udp"],
  },
  simulate: {
    operands: "",
    summary: "run a simulated NAT-PMP gateway",
    details: [
      "It binds to loopback unless --listen says otherwise, prints what it hears, and runs until stopped.",
    ],
    examples: [
      "natpmp simulate",
      "natpmp simulate --listen 127.0.0.1:5351 --max-lifetime 60s --fault lose-requests=2",
    ],
  },
  help: {
    operands: "[COMMAND]",
    summary: "print this, or how to use a command",
    details: [],
    examples: ["natpmp help map"],
  },
};

/** An option as parsing and `--help` see it. */
export interface OptionSpec {
  readonly short?: string;
  /** What its value is called; absent for a flag. */
  readonly value?: string;
  /** Whether it may be given more than once. */
  readonly repeats?: boolean;
  /** The commands that have it. */
  readonly commands: readonly CommandName[];
  readonly help: string;
}

const ALL: readonly CommandName[] = ["address", "map", "unmap", "simulate", "help"];
const TALKING: readonly CommandName[] = ["address", "map", "unmap"];
const MAPPING: readonly CommandName[] = ["map", "unmap"];

/** The options by their long names, in the order of `--help`. */
export const OPTIONS = {
  "gateway": {
    short: "g",
    value: "ADDR[:PORT]",
    commands: TALKING,
    help: "the gateway's IPv4 address (default: this host's gateway, port 5351)",
  },
  "interface": {
    short: "i",
    value: "NAME",
    commands: TALKING,
    help: "send from this interface, to the gateway that it leads to",
  },
  "source": { value: "ADDR", commands: TALKING, help: "send from this address of this host" },
  "timeout": {
    short: "t",
    value: "SECONDS",
    commands: TALKING,
    help: "give up on one request after this long (default 7.75, at most 127.75)",
  },
  "lifetime": {
    short: "l",
    value: "DURATION",
    commands: ["map"],
    help: "how long the mapping is to live: seconds, or 90s, 30m, 2h, 1d (default 7200)",
  },
  "udp": { short: "u", commands: MAPPING, help: "UDP, for specs that name no protocol" },
  "tcp": { commands: MAPPING, help: "TCP, for specs that name no protocol (default)" },
  "both": { commands: MAPPING, help: "TCP and UDP on one external port, for specs that name no protocol" },
  "all": { commands: ["unmap"], help: "delete every mapping of this host" },
  "exact": { commands: ["map"], help: "another external port than the one asked for is an error (exit 10)" },
  "any-port": { commands: ["map"], help: "with both: accept two different external ports" },
  "allow-port-zero": { commands: ["map"], help: "allow internal port 0, which ProtonVPN's gateways want" },
  "listen": {
    value: "ADDR:PORT",
    commands: ["simulate"],
    help: "where to listen (default 127.0.0.1:5351; port 0: any free port)",
  },
  "external": { value: "ADDR", commands: ["simulate"], help: "the external address (default 203.0.113.7)" },
  "max-lifetime": { value: "DURATION", commands: ["simulate"], help: "grant no longer lifetime than this" },
  "fault": {
    value: "NAME[=VALUE]",
    repeats: true,
    commands: ["simulate"],
    help: "misbehave; may be repeated; --fault help lists the names",
  },
  "json": { commands: ALL, help: "print JSON" },
  "quiet": { short: "q", commands: ALL, help: "print only changes and errors" },
  "verbose": { short: "v", commands: ALL, help: "show each datagram, decoded, on stderr" },
  "no-color": { commands: ALL, help: "no colour" },
  "help": { short: "h", commands: ALL, help: "print how to use the command" },
  "version": { commands: ALL, help: "print the version" },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** The long names of the options. */
export type OptionName = keyof typeof OPTIONS;

/** The options of one command, or every option. */
export function optionsOf(command?: CommandName): [OptionName, OptionSpec][] {
  const all = Object.entries(OPTIONS) as [OptionName, OptionSpec][];
  return command === undefined ? all : all.filter(([, spec]) => spec.commands.includes(command));
}
