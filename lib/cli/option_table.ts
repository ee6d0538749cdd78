/** The commands and options, from which parsing, `--help`, completions, man page and the README's table are made. */

/** The commands. */
export type CommandName =
  | "address"
  | "map"
  | "unmap"
  | "watch"
  | "status"
  | "doctor"
  | "service"
  | "simulate"
  | "completions"
  | "help";

/** The shells that there are completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A shell that there are completions for. */
export type Shell = typeof SHELLS[number];

/** The systems that `natpmp service` prints files for. */
export const SERVICE_SYSTEMS = ["cron", "systemd", "systemd-timer", "launchd", "windows-task"] as const;

/** A command as `--help` shows it. */
export interface CommandSpec {
  /** Its operands, as in `SPEC…`; empty when it takes none. */
  readonly operands: string;
  /** The words that a shell offers for them: for mapping specs their protocol; or one command; or one of these. */
  readonly completes?: "spec" | "command" | readonly string[];
  readonly summary: string;
  /** More to know, a paragraph each. */
  readonly details: readonly string[];
  /** Command lines that show its use. */
  readonly examples: readonly string[];
}

const SPEC_DETAILS: readonly string[] = [
  "A SPEC is PORT[/PROTO] or EXTERNAL:INTERNAL[/PROTO]; PROTO is tcp, udp or both. EXTERNAL may be 0 or any:\n" +
  "the router chooses. A range of up to 256 ports is one SPEC, and a mapping for each port: FIRST-LAST[/PROTO] or\n" +
  "A-B:C-D[/PROTO], as in 6881-6889 or 8000-8010:9000-9010. Two bare numbers are one mapping: PUBLIC PRIVATE.",
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
    operands: "SPEC… | --config FILE",
    completes: "spec",
    summary: "create or renew mappings",
    details: [
      ...SPEC_DETAILS,
      "A mapping lasts for its lifetime and is gone then, unless it is mapped again. For a cron line, --if-due sends only\n" +
      "what has to be renewed, and with --quiet prints only what changed.",
    ],
    examples: [
      "natpmp map 8080:80",
      "natpmp map 51820/udp --lifetime 1d",
      "natpmp map 6881-6889/both any:22",
      "natpmp map --config /etc/natpmp.json --if-due --quiet",
    ],
  },
  unmap: {
    operands: "SPEC… | --config FILE | --all",
    completes: "spec",
    summary: "delete mappings",
    details: [
      ...SPEC_DETAILS,
      "Deleting what is not mapped succeeds. With --config the file's hooks run with NATPMP_EVENT=unmapped, and its port\n" +
      "files lose the ports.",
    ],
    examples: ["natpmp unmap 8080:80", "natpmp unmap --all --udp"],
  },
  watch: {
    operands: "[SPEC… | --config FILE]",
    completes: "spec",
    summary: "keep mappings alive; report every change",
    details: [
      "Without a SPEC it reports the external address and every change of it. With some it also keeps their mappings,\n" +
      "through loss, reboots and moves, and deletes them when it is stopped by SIGINT or SIGTERM.",
      ...SPEC_DETAILS,
      "The command of --exec learns what happened from variables: NATPMP_EVENT, NATPMP_PROTOCOL, NATPMP_INTERNAL_PORT,\n" +
      "NATPMP_EXTERNAL_PORT, NATPMP_PREVIOUS_EXTERNAL_PORT, NATPMP_EXTERNAL_ADDRESS,\n" +
      "NATPMP_PREVIOUS_EXTERNAL_ADDRESS, NATPMP_LIFETIME_SECONDS, NATPMP_GATEWAY. For a range it runs once for what\n" +
      "happens together, with lists by commas in NATPMP_INTERNAL_PORTS, NATPMP_EXTERNAL_PORTS and\n" +
      "NATPMP_PREVIOUS_EXTERNAL_PORTS.",
    ],
    examples: [
      "natpmp watch",
      "natpmp watch 6881/both --exec 'notify-send \"port $NATPMP_EXTERNAL_PORT\"'",
      "natpmp watch 1:0/both -l 60 -g 10.2.0.1 --allow-port-zero --port-file /run/port",
    ],
  },
  status: {
    operands: "",
    summary: "list the leases that this host holds, from the state file",
    details: [
      "Nothing is sent unless --probe asks the gateways whether they lost their state since. With --check the exit code is\n" +
      "1 when a lease is dead, for a health check.",
    ],
    examples: ["natpmp status", "natpmp status --check --quiet", "natpmp status --probe --json"],
  },
  doctor: {
    operands: "[SPEC…]",
    completes: "spec",
    summary: "report which gateway, why that one, what answers there",
    details: [
      "It looks at this host's interfaces, routes and gateways, asks the gateway for its external address, makes a\n" +
      "mapping for a test and deletes it again. For the internal port of each SPEC it reports whether a program has it\n" +
      "here, by binding it for a moment. The exit code is that of the other commands.",
      ...SPEC_DETAILS,
    ],
    examples: ["natpmp doctor", "natpmp doctor 8080:80 --interface eth0 --json"],
  },
  service: {
    operands: SERVICE_SYSTEMS.join(" | "),
    completes: SERVICE_SYSTEMS,
    summary: "print a ready cron line, systemd unit, launchd or task file",
    details: [
      "It prints and installs nothing. The file names this program and the configuration by absolute paths.",
    ],
    examples: [
      "natpmp service cron --config /etc/natpmp.json",
      "natpmp service systemd --config /etc/natpmp.json",
    ],
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
  completions: {
    operands: SHELLS.join(" | "),
    completes: SHELLS,
    summary: "print the completions of a shell",
    details: [],
    examples: [
      "natpmp completions bash > /etc/bash_completion.d/natpmp",
      "natpmp completions fish > ~/.config/fish/completions/natpmp.fish",
    ],
  },
  help: {
    operands: "[COMMAND]",
    completes: "command",
    summary: "print this, or how to use a command",
    details: [],
    examples: ["natpmp help map"],
  },
};

/** The kinds of values that a shell can list; the address is one of this host, the command one of the shell's. */
export type ValueKind = "file" | "interface" | "address" | "command" | "fault";

/** An option as parsing and `--help` see it. */
export interface OptionSpec {
  readonly short?: string;
  /** The name of its value; absent for a flag. */
  readonly value?: string;
  /** The kind of values that a shell offers; absent where only the user knows the value. */
  readonly completes?: ValueKind;
  /** Whether it may be given more than once. */
  readonly repeats?: boolean;
  /** The commands that have it. */
  readonly commands: readonly CommandName[];
  readonly help: string;
}

const ALL = Object.keys(COMMANDS) as readonly CommandName[];
const TALKING: readonly CommandName[] = ["address", "map", "unmap", "watch", "status", "doctor"];
const MAPPING: readonly CommandName[] = ["map", "unmap", "watch", "doctor"];
/** The commands that make mappings to be used. */
const KEEPING: readonly CommandName[] = ["map", "watch"];
/** The commands that know of leases beyond their own life. */
const REMEMBERING: readonly CommandName[] = ["map", "unmap", "watch", "status"];

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
    completes: "interface",
    commands: TALKING,
    help: "send from this interface, to the gateway that it leads to",
  },
  "source": {
    value: "ADDR",
    completes: "address",
    commands: TALKING,
    help: "send from this address of this host",
  },
  "timeout": {
    short: "t",
    value: "SECONDS",
    commands: TALKING,
    help:
      "give up on one request after this long (default 7.75: five sends; at most 127.75: RFC 6886's nine; watch: at most 60 a try)",
  },
  "lifetime": {
    short: "l",
    value: "DURATION",
    commands: KEEPING,
    help: "how long the mapping is to live: seconds, or 90s, 30m, 2h, 1d, 1w, 1h30m (default 7200)",
  },
  "udp": { short: "u", commands: MAPPING, help: "UDP, for specs that name no protocol" },
  "tcp": { commands: MAPPING, help: "TCP, for specs that name no protocol (default)" },
  "both": { commands: MAPPING, help: "TCP and UDP on one external port, for specs that name no protocol" },
  "all": { commands: ["unmap"], help: "delete every mapping of this host" },
  "exact": { commands: KEEPING, help: "another external port than the one asked for is an error (exit 10)" },
  "any-port": { commands: KEEPING, help: "with both: accept two different external ports" },
  "allow-port-zero": { commands: KEEPING, help: "allow internal port 0, which ProtonVPN's gateways want" },
  "exec": {
    value: "COMMAND",
    completes: "command",
    commands: KEEPING,
    help: "run this through the system's shell on each change",
  },
  "port-file": {
    value: "FILE",
    completes: "file",
    commands: KEEPING,
    help: "keep this file holding the external ports, one a line",
  },
  "config": {
    value: "FILE",
    completes: "file",
    commands: ["map", "unmap", "watch", "status", "service"],
    help: "a JSON file of mappings and options; options of the command line win",
  },
  "check": {
    commands: ["map", "status"],
    help: "print what would be done, send nothing (map); exit 1 if a lease is dead (status)",
  },
  "if-due": { commands: ["map"], help: "send only what is due for renewal (for cron)" },
  "state": { value: "FILE", completes: "file", commands: REMEMBERING, help: "where leases are remembered" },
  "no-state": { commands: REMEMBERING, help: "remember nothing, and know of no earlier lease" },
  "probe": { commands: ["status"], help: "ask the gateways whether they lost their state since" },
  "keep": { commands: ["watch"], help: "leave the mappings when stopping" },
  "for": { value: "DURATION", commands: ["watch"], help: "stop after this long, as if by SIGTERM" },
  "listen": {
    value: "ADDR:PORT",
    completes: "address",
    commands: ["simulate"],
    help: "where to listen (default 127.0.0.1:5351; port 0: any free port)",
  },
  "external": { value: "ADDR", commands: ["simulate"], help: "the external address (default 203.0.113.7)" },
  "max-lifetime": { value: "DURATION", commands: ["simulate"], help: "grant no longer lifetime than this" },
  "fault": {
    value: "NAME[=VALUE]",
    completes: "fault",
    repeats: true,
    commands: ["simulate"],
    help: 'misbehave so; may be repeated; "help" lists the names',
  },
  "json": { commands: ALL, help: "print one JSON object, also on failure; watch and simulate: one a line" },
  "quiet": { short: "q", commands: ALL, help: "print only changes and errors" },
  "verbose": { short: "v", commands: ALL, help: "show each datagram, decoded, on stderr with its time" },
  "no-color": { commands: ALL, help: "no colour, like the environment variable NO_COLOR" },
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
