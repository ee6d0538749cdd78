/**
 * The texts of natpmp(1) that no table of the program has.
 *
 * @module
 */

/** The purpose of the program, and its protocol; a paragraph each. */
export const DESCRIPTION: readonly string[] = [
  "It asks the gateway of this host, or the one that --gateway names, and says what was granted. One command is one " +
  "question and its answer; watch keeps mappings alive for as long as it runs, and map --if-due does it from cron.",
  "Results go to standard output, everything else to standard error. With --json both are one JSON object, " +
  "for watch one for each event. Each cause of failure has an exit code of its own.",
];

/** The variables that are read, and what they do. */
export const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ["NO_COLOR", "When it is set and not empty, nothing is coloured, as with --no-color."],
  ["XDG_STATE_HOME", "Where the state file is, see FILES. On Windows LOCALAPPDATA says so."],
  [
    "NOTIFY_SOCKET",
    "Set by systemd: natpmp watch reports there that it is ready, what it holds, and that it is alive.",
  ],
];

/** Files by their names as mdoc's `Pa` shows them. */
export const FILES: readonly (readonly [names: readonly string[], meaning: string])[] = [
  [
    [
      "$XDG_STATE_HOME/natpmp/leases.json",
      "~/.local/state/natpmp/leases.json",
      "/var/lib/natpmp/leases.json",
    ],
    "The state file, where map, unmap and watch remember leases: the first if that variable is set, the last for root. " +
    "--state names another, --no-state none. A damaged one is set aside under a name of its own, with a warning. One in " +
    "a directory that others can write is not used.",
  ],
  [
    ["/etc/natpmp.json"],
    "A usual name for a configuration file. None is read unless --config names it: see CONFIGURATION.",
  ],
];

/** The description of a configuration file; a paragraph each. */
export const CONFIGURATION: readonly string[] = [
  "The file that --config names is one JSON object. Its mappings are specs as on the command line, or objects; " +
  "its other keys are for all of them. Options of the command line win over the file. A relative path in it starts " +
  "at the file's directory.",
  "What the file has and natpmp does not know, or cannot be meant, is refused before anything is sent. One that has " +
  "commands to run or files to write has to belong to the caller or to root, and so do all directories above it; " +
  "nobody else may be able to write them.",
];

/** A configuration file. */
export const EXAMPLE_CONFIGURATION: readonly string[] = [
  "{",
  '  "lifetime": "2h",',
  '  "mappings": [',
  '    "8080:80/tcp",',
  '    { "name": "wireguard", "internal": 51820, "protocol": "udp", "exact": true }',
  "  ]",
  "}",
];

/** Signals, with macros between their names, and what they do. */
export const SIGNALS: readonly (readonly [names: string, meaning: string])[] = [
  [
    "SIGINT , SIGTERM , SIGHUP",
    "End the command. natpmp watch deletes its mappings first, unless --keep; a second signal does not wait for that. " +
    "SIGHUP is ignored where it came ignored, as from nohup(1).",
  ],
  ["SIGUSR2", "Makes natpmp watch renew everything at once. Not on Windows."],
];

/** The section of further reading. */
export const SEE_ALSO: readonly string[] = [
  ".Sh SEE ALSO",
  ".Rs",
  ".%A S. Cheshire",
  ".%A M. Krochmal",
  ".%T NAT Port Mapping Protocol (NAT-PMP)",
  ".%R RFC 6886",
  ".%D April 2013",
  ".%U https://www.rfc-editor.org/rfc/rfc6886",
  ".Re",
];

/** How far it follows them. */
export const STANDARDS = "natpmp is a client of NAT-PMP as RFC 6886 has it. " +
  "By default it gives up after five sends instead of nine, and silence is another failure to it than a refusal.";
