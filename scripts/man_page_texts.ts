/**
 * The texts of the man pages that neither a table of the program nor a page of the manual has.
 *
 * @module
 */

/** The purpose of the program; a paragraph each. */
export const DESCRIPTION: readonly string[] = [
  "Each command asks the router of this host, or the one that --gateway names. Results go to standard output, " +
  "everything else to standard error. With --json, both are one JSON object. Each cause of failure has its own exit " +
  "code.",
  "natpmp help TOPIC prints the pages of the manual, of which this page has the most important ones. natpmp help " +
  "lists the topics.",
];

/** The variables that are read, and what they do. */
export const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ["NO_COLOR", "When it is set and not empty, nothing is coloured, as with --no-color."],
  ["XDG_STATE_HOME", "The directory of the state file, see FILES. On Windows it is LOCALAPPDATA."],
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
    "--state names another one, and --no-state none.",
  ],
  [
    ["/etc/natpmp.json"],
    "A usual name for a configuration file. None is read unless --config names it.",
  ],
];

/** The standards, for further reading. */
export const REFERENCE: readonly string[] = [
  ".Rs",
  ".%A S. Cheshire",
  ".%A M. Krochmal",
  ".%T NAT Port Mapping Protocol (NAT-PMP)",
  ".%R RFC 6886",
  ".%D April 2013",
  ".%U https://www.rfc-editor.org/rfc/rfc6886",
  ".Re",
  ".Rs",
  ".%A D. Wing, Ed.",
  ".%T Port Control Protocol (PCP)",
  ".%R RFC 6887",
  ".%D April 2013",
  ".%U https://www.rfc-editor.org/rfc/rfc6887",
  ".Re",
];

/** How far the program follows them. */
export const STANDARDS =
  "natpmp is a client of PCP (RFC 6887, for IPv4), of NAT-PMP (RFC 6886), and of UPnP (WANIPConnection:1 and :2, " +
  "WANPPPConnection:1). Over PCP and NAT-PMP, by default it gives up after 5 sends, " +
  "where RFC 6886 has 9 and RFC 6887 goes on, and it does not take silence for a refusal.";
