/**
 * The commands and options, from which parsing, `--help`, completions, and the tables of manual and man pages are made.
 *
 * @module
 */

/** The commands. */
export type CommandName =
  | "address"
  | "map"
  | "unmap"
  | "watch"
  | "list"
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

/** The values of `--via`: a protocol, or that it is to be found out. */
export const VIA_CHOICES = ["auto", "pcp", "nat-pmp", "upnp"] as const;

/** The protocols that the simulated router can speak: one, both of port 5351, or all. */
export const SPOKEN_PROTOCOLS = ["nat-pmp", "pcp", "upnp", "both", "all"] as const;

/** The versions of InternetGatewayDevice that the simulated router can be. */
export const UPNP_VERSIONS = ["1", "2"] as const;

/** The topics of the manual, each a page in `manual/`, in the order of `natpmp help`. */
export const TOPICS = [
  "map",
  "watch",
  "cron",
  "config",
  "status",
  "service",
  "hooks",
  "json",
  "exit-codes",
  "gateways",
  "protocols",
  "ipv6",
  "containers",
  "proton-vpn",
  "small-systems",
  "troubleshooting",
  "security",
  "simulate",
  "install",
] as const;

/** A topic of the manual. */
export type Topic = typeof TOPICS[number];

/** A command as `--help` shows it. */
export interface CommandSpec {
  /** Its operands, as in `SPEC…`; empty when it takes none. */
  readonly operands: string;
  /** The words that a shell offers for them: for mapping specs their protocol; or one topic; or one of these. */
  readonly completes?: "spec" | "topic" | readonly string[];
  readonly summary: string;
  /** More to know, a paragraph each. */
  readonly details: readonly string[];
  /** Command lines that show its use. */
  readonly examples: readonly string[];
}

const SPEC_DETAILS: readonly string[] = [
  "A SPEC is PORT[/PROTO] or EXTERNAL:INTERNAL[/PROTO]. PROTO is tcp, udp or both. With 0 or any as EXTERNAL, the " +
  "router chooses the port. Two bare numbers are one mapping: PUBLIC PRIVATE.",
  "A range of up to 256 ports is one SPEC and makes a mapping for each port: FIRST-LAST[/PROTO] or A-B:C-D[/PROTO], " +
  "as in 6881-6889 or 8000-8010:9000-9010.",
];

/** The commands in the order of `--help`. */
export const COMMANDS: Readonly<Record<CommandName, CommandSpec>> = {
  address: {
    operands: "",
    summary: "print the router's external IPv4 address",
    details: [
      "PCP has no question for the address: there, address makes a mapping of a free UDP port for 120 seconds, and " +
      "deletes it at once.",
    ],
    examples: ["natpmp address", "natpmp address --gateway 10.0.0.1 --json"],
  },
  map: {
    operands: "SPEC… | --config FILE",
    completes: "spec",
    summary: "create or renew mappings",
    details: [
      ...SPEC_DETAILS,
      "A mapping ends after its lifetime unless it is renewed. In a cron line, --if-due renews only what is due, and " +
      "--quiet prints only what changed.",
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
      "To delete a mapping that does not exist is not an error. With --config, the hooks of the file run with " +
      "NATPMP_EVENT=unmapped, and the ports are removed from its port files.",
      "Over PCP, only mappings that the state file knows can be deleted.",
    ],
    examples: ["natpmp unmap 8080:80", "natpmp unmap --all --udp"],
  },
  watch: {
    operands: "[SPEC… | --config FILE]",
    completes: "spec",
    summary: "keep mappings alive; report every change",
    details: [
      "Without a SPEC, watch reports the external address and every change of it. With one, it also keeps the mapping: " +
      "it renews it, makes it again when the router has lost it, and deletes it when SIGINT or SIGTERM stops watch.",
      ...SPEC_DETAILS,
      "The command of --exec learns from environment variables what happened: see natpmp help hooks.",
    ],
    examples: [
      "natpmp watch",
      "natpmp watch 6881/both --exec 'notify-send \"port $NATPMP_EXTERNAL_PORT\"'",
      "natpmp watch 1:0/both -l 60 -g 10.2.0.1 --allow-port-zero",
    ],
  },
  list: {
    operands: "",
    summary: "list the router's own table of mappings, over UPnP",
    details: [
      "Of the protocols, only UPnP shows the table, so list asks over UPnP whatever else the router speaks. It shows the " +
      "mappings of every host; those of this host have an asterisk in front.",
    ],
    examples: ["natpmp list", "natpmp list --mine --json"],
  },
  status: {
    operands: "",
    summary: "list the leases that this host holds",
    details: [
      "The leases come from the state file. Nothing is sent, unless --probe asks the routers whether they lost their " +
      "mappings. With --check, the exit code is 1 when a lease is dead, for a health check.",
    ],
    examples: [
      "natpmp status",
      "natpmp status --check --quiet --config natpmp.json",
      "natpmp status --probe --json",
    ],
  },
  doctor: {
    operands: "[SPEC…]",
    completes: "spec",
    summary: "report which router is used, why, and what it answers",
    details: [
      "doctor looks at the interfaces and routes of this host, asks the router in PCP and in NAT-PMP, searches for UPnP " +
      "routers for 2 seconds, makes a test mapping and deletes it again. For the internal port of each SPEC it reports whether a program uses that port: it " +
      "binds the port for a moment. It ends with the exit code that the other commands would end with.",
      ...SPEC_DETAILS,
    ],
    examples: ["natpmp doctor", "natpmp doctor 8080:80 --interface eth0 --json"],
  },
  service: {
    operands: SERVICE_SYSTEMS.join(" | "),
    completes: SERVICE_SYSTEMS,
    summary: "print a ready cron line, systemd unit, launchd or task file",
    details: [
      "service prints the file and installs nothing. The file has the absolute paths of this program and of the " +
      "configuration file.",
    ],
    examples: [
      "natpmp service cron --config /etc/natpmp.json",
      "natpmp service systemd --config /etc/natpmp.json",
    ],
  },
  simulate: {
    operands: "",
    summary: "run a simulated router",
    details: [
      "The simulated router speaks PCP, NAT-PMP and UPnP, and listens on loopback unless --listen names another " +
      "address. It " +
      "prints what it receives and answers, and runs until it is stopped.",
    ],
    examples: [
      "natpmp simulate",
      "natpmp simulate --max-lifetime 60s --fault lose-requests=2",
    ],
  },
  completions: {
    operands: SHELLS.join(" | "),
    completes: SHELLS,
    summary: "print the completions for a shell",
    details: [],
    examples: [
      "natpmp completions bash > /etc/bash_completion.d/natpmp",
      "natpmp completions fish > ~/.config/fish/completions/natpmp.fish",
    ],
  },
  help: {
    operands: "[TOPIC]",
    completes: "topic",
    summary: "print a page of the manual, or how to use a command",
    details: [
      "Without a TOPIC, help lists the commands and the topics of the manual. For a command that has no page it prints " +
      "what --help prints.",
    ],
    examples: ["natpmp help", "natpmp help cron"],
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
  readonly completes?: ValueKind | readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: boolean;
  /** The commands that have it. */
  readonly commands: readonly CommandName[];
  readonly help: string;
  /** Its help for commands where it does something else. */
  readonly helpFor?: Readonly<Partial<Record<CommandName, string>>>;
}

const ALL = Object.keys(COMMANDS) as readonly CommandName[];
const TALKING: readonly CommandName[] = ["address", "map", "unmap", "watch", "list", "status", "doctor"];
const MAPPING: readonly CommandName[] = ["map", "unmap", "watch", "doctor"];
/** The commands that make mappings to be used. */
const KEEPING: readonly CommandName[] = ["map", "watch"];
/** The commands that know of leases beyond their own life. */
const REMEMBERING: readonly CommandName[] = ["map", "unmap", "watch", "status"];
const ONLY_RESULT = "print no notes, only the result, warnings and errors";
const ONLY_DEFECTS = "print more about an error of natpmp itself";

/** The options by their long names, in the order of `--help`. */
export const OPTIONS = {
  "gateway": {
    short: "g",
    value: "ADDR[:PORT]",
    commands: TALKING,
    help: "the router's IPv4 address (default: this host's router, port 5351)",
    helpFor: { status: "list only the leases of this router" },
  },
  "interface": {
    short: "i",
    value: "NAME",
    completes: "interface",
    commands: TALKING,
    help: "send from this interface, to the router that it leads to",
    helpFor: { status: "list only the leases of this interface's address" },
  },
  "source": {
    value: "ADDR",
    completes: "address",
    commands: TALKING,
    help: "send from this address of this host",
    helpFor: { status: "list only the leases of this address of this host" },
  },
  "via": {
    value: "PROTOCOL",
    completes: VIA_CHOICES,
    commands: TALKING,
    help:
      "how to talk to the router: auto, pcp, nat-pmp or upnp (default auto: natpmp finds out what the router speaks)",
    helpFor: {
      status: "with --probe: how to talk to the routers: auto, pcp, nat-pmp or upnp (default auto)",
      doctor: "test only this: pcp, nat-pmp or upnp (default auto: all of them)",
    },
  },
  "igd": {
    value: "URL",
    commands: TALKING,
    help:
      "the description of the UPnP router, as in http://192.168.1.1:5000/rootDesc.xml: nothing is searched for",
  },
  "timeout": {
    short: "t",
    value: "SECONDS",
    commands: TALKING,
    help: "how long to wait for the answer to one request (default 7.75, for 5 sends; at most 127.75, for " +
      "the 9 sends of RFC 6886)",
    helpFor: {
      watch:
        "how long one attempt lasts at most (default 60, which is also the maximum); watch never gives up",
      status: "with --probe: how long to wait for each router's answer (default 7.75, at most 127.75)",
    },
  },
  "lifetime": {
    short: "l",
    value: "DURATION",
    commands: KEEPING,
    help: "how long the mapping lasts: seconds, or 90s, 30m, 2h, 1d, 1w, 1h30m (default 7200)",
    helpFor: {
      watch:
        "the lifetime to ask for, which is renewed at half time: seconds, or 90s, 30m, 2h, 1d, 1w, 1h30m (default 7200)",
    },
  },
  "udp": {
    short: "u",
    commands: MAPPING,
    help: "UDP for each SPEC that names no protocol",
    helpFor: { unmap: "UDP for each SPEC that names no protocol; with --all, only UDP" },
  },
  "tcp": {
    commands: MAPPING,
    help: "TCP for each SPEC that names no protocol (default)",
    helpFor: { unmap: "TCP for each SPEC that names no protocol (default); with --all, only TCP" },
  },
  "both": {
    commands: MAPPING,
    help: "TCP and UDP on the same external port for each SPEC that names no protocol",
    helpFor: {
      unmap: "TCP and UDP for each SPEC that names no protocol",
      doctor: "TCP and UDP for each SPEC that names no protocol",
    },
  },
  "all": { commands: ["unmap"], help: "delete every mapping of this host" },
  "exact": {
    commands: KEEPING,
    help: "fail with exit code 10 if the router grants another external port than the one asked for",
    helpFor: {
      watch: "release a new mapping with another external port than the one asked for, and ask again",
    },
  },
  "any-port": { commands: KEEPING, help: "accept different external ports for TCP and UDP of a pair" },
  "allow-port-zero": {
    commands: KEEPING,
    help: "allow internal port 0, which ProtonVPN's routers want; it is for NAT-PMP",
  },
  "force": {
    commands: ["map", "unmap"],
    help: "over UPnP: overwrite a mapping that leads to another host or port",
    helpFor: { unmap: "over UPnP: delete the mapping also where it leads to another host or port" },
  },
  "mine": { commands: ["list"], help: "list only the mappings of this host" },
  "for-host": {
    value: "ADDR",
    commands: ["map", "unmap"],
    help: "map to this host of the network instead of this one, over PCP, where the router allows that",
    helpFor: { unmap: "delete mappings that lead to this host, made by map --for-host" },
  },
  "exec": {
    value: "COMMAND",
    completes: "command",
    commands: KEEPING,
    help: "run this command in the system's shell for each change",
    helpFor: { map: "run this command in the system's shell for each mapping that is new or changed" },
  },
  "port-file": {
    value: "FILE",
    completes: "file",
    commands: KEEPING,
    help: "write the external ports to this file, one a line, and keep it up to date",
    helpFor: { map: "write the external ports to this file, one a line" },
  },
  "config": {
    value: "FILE",
    completes: "file",
    commands: ["map", "unmap", "watch", "status", "service"],
    help: "read mappings and options from this JSON file; options of the command line win",
    helpFor: {
      unmap: "delete the mappings of this JSON file",
      status: "list only the mappings of this JSON file, also those without a lease",
      service: "the JSON file with the mappings that the service is to keep",
    },
  },
  "check": {
    commands: ["map", "status"],
    help: "check and report only (map), or the exit code reports dead leases (status)",
    helpFor: {
      map: "read every option and the configuration file, print what would be asked for, and send nothing",
      status: "end with exit code 1 if a lease is dead, or a mapping of --config has none",
    },
  },
  "if-due": { commands: ["map"], help: "renew only what is due, for a cron line" },
  "state": {
    value: "FILE",
    completes: "file",
    commands: REMEMBERING,
    help: "remember leases in this file instead of the usual one",
    helpFor: { status: "list the leases of this state file instead of the usual one" },
  },
  "no-state": {
    commands: REMEMBERING,
    help: "remember no lease, and know of no earlier one",
    helpFor: { status: "not possible: status lists what is remembered" },
  },
  "probe": { commands: ["status"], help: "ask the routers first whether they lost their mappings" },
  "keep": { commands: ["watch"], help: "leave the mappings in place when watch stops" },
  "for": { value: "DURATION", commands: ["watch"], help: "stop after this long, as SIGTERM would stop it" },
  "listen": {
    value: "ADDR:PORT",
    completes: "address",
    commands: ["simulate"],
    help: "where to listen (default 127.0.0.1:5351; with port 0, any free port)",
  },
  "ssdp-port": {
    value: "PORT",
    commands: ["simulate"],
    help:
      "the UDP port that hears UPnP's searches (default 1900; 0 is any free port, as is the default with " +
      "--listen ADDR:0)",
  },
  "http-port": {
    value: "PORT",
    commands: ["simulate"],
    help: "the TCP port of UPnP's descriptions and actions (default: any free port)",
  },
  "upnp-version": {
    value: "VERSION",
    completes: UPNP_VERSIONS,
    commands: ["simulate"],
    help: "be an Internet gateway device of UPnP of version 1 or 2 (default 1)",
  },
  "external": {
    value: "ADDR",
    commands: ["simulate"],
    help: "the external address to report (default 203.0.113.7)",
  },
  "max-lifetime": { value: "DURATION", commands: ["simulate"], help: "grant no lifetime longer than this" },
  "speak": {
    value: "PROTOCOL",
    completes: SPOKEN_PROTOCOLS,
    commands: ["simulate"],
    help: "speak nat-pmp, pcp, upnp, both (nat-pmp and pcp) or all (default all)",
  },
  "fault": {
    value: "NAME[=VALUE]",
    completes: "fault",
    repeats: true,
    commands: ["simulate"],
    help: 'misbehave in this way; can be given several times; "help" lists the names',
  },
  "json": {
    commands: ALL,
    help: "print one JSON object, also after a failure",
    helpFor: {
      watch: "print one JSON object for each event, one a line",
      simulate: "print each line as a JSON object",
      help: "print an error as a JSON object; help itself is text",
    },
  },
  "quiet": {
    short: "q",
    commands: ALL,
    help: "print only changes and errors",
    helpFor: {
      address: ONLY_RESULT,
      status: ONLY_RESULT,
      doctor: ONLY_RESULT,
      service: ONLY_RESULT,
      simulate: "print only warnings and errors",
      completions: ONLY_RESULT,
      help: ONLY_RESULT,
    },
  },
  "verbose": {
    short: "v",
    commands: ALL,
    help: "print each datagram, decoded and with its time, on stderr",
    helpFor: { service: ONLY_DEFECTS, simulate: ONLY_DEFECTS, completions: ONLY_DEFECTS, help: ONLY_DEFECTS },
  },
  "no-color": { commands: ALL, help: "print without colours, as with the environment variable NO_COLOR" },
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

/** The help about an option of a command; without a command, the general one. */
export function helpOf({ help, helpFor }: OptionSpec, command?: CommandName): string {
  return (command === undefined ? undefined : helpFor?.[command]) ?? help;
}
