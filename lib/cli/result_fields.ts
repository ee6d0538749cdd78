/**
 * The fields of what `--json` prints, and what each holds: the tables from which the manual's are made. A field within
 * another has its path as a name: `mappings[].externalPort` is in each entry of the list `mappings`. A path that ends
 * with `.*` stands for all fields there.
 *
 * @module
 */

/** The fields of an object by their names or paths. */
type FieldTable = Readonly<Record<string, string>>;

/** Some fields of a table. */
export type FieldsOf<Table extends FieldTable> = { readonly [Name in keyof Table]?: unknown };

const MAPPING_KEY = {
  protocol: "tcp or udp",
  internalPort: "the port of this host",
} as const;

const CLOSES = "how long the router still leaves the port of a deleted mapping open, where it does (PCP)";

const VIA = { via: "the protocol that the router was asked by: pcp, nat-pmp or upnp" } as const;

const COST = {
  attempts: "how often the request was sent",
  elapsedMs: "how long the answer took, in milliseconds",
} as const;

const FOR_HOST = { forHost: "the host that the mapping leads to, where --for-host named one" } as const;

/** The fields of a granted lease. */
export const LEASE_FIELDS = {
  ...MAPPING_KEY,
  ...VIA,
  requestedExternalPort: "the external port that was asked for; absent where the router was to choose",
  externalPort: "the external port that the router granted",
  requestedLifetimeSeconds: "the lifetime that was asked for",
  lifetimeSeconds: "the lifetime that the router granted",
  permanent: "true for a lease that does not end; it has no lifetimeSeconds and no expiresAt",
  expiresAt: "when the lease ends",
  verified: "over UPnP: whether the router lists the mapping; false where it cannot be asked",
  epochSeconds: "the router's clock: the seconds since it started, or lost its mappings",
  ...COST,
} as const satisfies FieldTable;

/** The fields of a granted lease that may be for another host. */
export type MappedFields = FieldsOf<typeof LEASE_FIELDS & typeof FOR_HOST>;

/** The fields of an error. */
export const ERROR_FIELDS = {
  kind: "the kind of error; each has an exit code",
  message: "the message, as people see it",
  resultCode:
    "the result code of a refusal, in the protocol of via (RFC 6887 for PCP, RFC 6886 for NAT-PMP, UPnP's error)",
  expiresAt: "of a refused deletion: when the mapping ends, where that is known",
  gateway: "the router, where a command asks several",
  ...COST,
} as const satisfies FieldTable;

const WARNINGS = { warnings: "the warnings and notes, where there are any" } as const;
const ERROR_VIA = { via: "the protocol of the request that error is about" } as const;
const ERROR = { error: "why the command failed, where that is about all of it" } as const;
const GATEWAY = { gateway: "the router that was asked" } as const;

/** The fields that a lease of `status` has. */
export const STATUS_FIELDS = {
  ...MAPPING_KEY,
  via: "the protocol that granted the lease: pcp, nat-pmp or upnp",
  ...FOR_HOST,
  requestedExternalPort: LEASE_FIELDS.requestedExternalPort,
  externalPort: LEASE_FIELDS.externalPort,
  requestedLifetimeSeconds: LEASE_FIELDS.requestedLifetimeSeconds,
  lifetimeSeconds: LEASE_FIELDS.lifetimeSeconds,
  permanent: LEASE_FIELDS.permanent,
  expiresAt: LEASE_FIELDS.expiresAt,
  secondsLeft: "how long the lease still lasts",
  status: "alive, expired, lost, unknown; or missing, for a mapping of --config without a lease",
  gateway: "the router that granted it",
  localAddress: "the address of this host that the mapping leads to",
  externalAddress: "the router's external address, as it was last seen",
  keeper: "the running watch that keeps it",
  config: "the configuration file that asks for it",
} as const satisfies FieldTable;

/** The fields of an event of `watch`. */
export const WATCH_FIELDS = {
  event: "the event",
  time: "when it happened",
  ...GATEWAY,
  ...LEASE_FIELDS,
  externalAddress: "the router's external address",
  previousExternalPort: "the external port before, where it changed or the lease is over",
  previousExternalAddress: "the external address before, where it changed",
  closesInSeconds: CLOSES,
  previousGateway: "the router before, where it changed",
  ...WARNINGS,
  error: "what went wrong",
} as const satisfies FieldTable;

/** The fields of each command's object, or of each line of `watch` and `simulate`. */
export const RESULT_FIELDS = {
  address: {
    command: "address",
    ...GATEWAY,
    ...VIA,
    externalAddress: "the router's external address",
    epochSeconds: LEASE_FIELDS.epochSeconds,
    ...COST,
    ...WARNINGS,
    ...ERROR,
  },
  map: {
    command: "map",
    ...GATEWAY,
    externalAddress: "the router's external address, where it is known",
    answersAgain: "true in the run of --if-due that finds the router back after a failure that was reported",
    check: "true with --check",
    ...list("mappings", "an entry for each mapping; a pair of TCP and UDP has two, TCP first", {
      ...LEASE_FIELDS,
      ...FOR_HOST,
    }),
    "mappings[].kept": "true for a lease that --if-due left alone",
    "mappings[].unmapped":
      "true for a mapping that --if-due deleted, as the configuration file no longer has it",
    "mappings[].closesInSeconds": CLOSES,
    "mappings[].expired":
      "true in the run of --if-due that found that the lease is over, and could not renew it",
    "mappings[].error": "why this mapping failed",
    "mappings[].name": "with --check: its name in the configuration file",
    "mappings[].exact": "with --check: true where no other external port will do",
    "mappings[].anyPort": "with --check: true where TCP and UDP may have different external ports",
    "mappings[].exec": "with --check: the command to run on a change",
    "mappings[].portFile": "with --check: the file for the external port",
    ...ERROR_VIA,
    ...WARNINGS,
    ...ERROR,
  },
  unmap: {
    command: "unmap",
    ...GATEWAY,
    ...list(
      "mappings",
      "an entry for each mapping; with --all one for each lease of PCP or UPnP, and one with internalPort 0 for all others of a protocol; with --all --via upnp one for each mapping of this host in the router's table",
      {
        ...MAPPING_KEY,
        externalPort: "with --all --via upnp: the external port",
        ...VIA,
        ...FOR_HOST,
        ...COST,
      },
    ),
    "mappings[].closesInSeconds": CLOSES,
    "mappings[].error": "why this mapping was not deleted",
    ...WARNINGS,
    ...ERROR,
  },
  watch: { command: "watch, in an error that keeps it from starting", ...WATCH_FIELDS },
  list: {
    command: "list",
    ...GATEWAY,
    via: "upnp, as only that has a request for the table",
    ...list("mappings", "an entry for each mapping, of this host and of others", {
      protocol: "tcp or udp",
      externalPort: "the external port",
      internalClient: "the host that it leads to",
      internalPort: "the port of that host",
      secondsLeft: "how long it still lasts",
      permanent: "true where it never ends; secondsLeft is missing then",
      enabled: "whether it is in force",
      description: "the text that its maker gave it",
      isOwn: "whether it leads to this host",
    }),
    ...WARNINGS,
    ...ERROR,
  },
  status: {
    command: "status",
    ...list("leases", "an entry for each lease", STATUS_FIELDS),
    ...ERROR_VIA,
    ...WARNINGS,
    error: "why the command, or a router with --probe, failed",
  },
  doctor: {
    command: "doctor",
    ...GATEWAY,
    via: "the protocol that other commands would use: pcp, nat-pmp or upnp",
    port: "the port that was asked; absent where only UPnP was tested",
    interface: "the interface that leads to the router",
    localAddress: "the address of this host that was asked from",
    localAddressClass: "what kind of address that is, such as private",
    reason: "why this router",
    guessed: "whether the router's address is a guess",
    overrulesTable: "whether policy routing overruled the routing table",
    "binding.interface": "the interface that the socket is bound to",
    "binding.routeInterface": "the interface that the route leads through",
    ...list("interfaces", "the addresses of this host", {
      name: "the interface with this address",
      family: "IPv4 or IPv6",
      address: "the address",
      prefixLength: "the length of its network's prefix",
    }),
    ...list("candidates", "the routes that came into question", {
      interface: "the interface of the route",
      gateway: "the router that it leads to",
      metric: "the metric of the route",
      guessed: "whether the router's address is a guess",
      chosen: "whether it was taken",
      reason: "why, or why not",
    }),
    "container.isLikely": "whether this looks like a container",
    "container.isBehindBridge": "whether it looks like one behind a bridge of its host",
    "container.signs": "the signs of that",
    externalAddress: "the router's external address",
    externalAddressClass: "what kind of address that is, such as public",
    ...list("protocols", "what the router answered, by protocol", {
      via: "the protocol: pcp, nat-pmp or upnp",
      epochSeconds: LEASE_FIELDS.epochSeconds,
      ...COST,
      error: "why there is no answer, or none that will do",
    }),
    ...list("upnpRouters", "the routers that answered the search of UPnP, in the order of their answers", {
      address: "the address that it answered from",
      location: "the URL of its description, for --igd",
      server: "its own words about its software",
      friendlyName: "its name, in its own words, as are all texts about it",
      manufacturer: "its manufacturer",
      modelName: "its model",
      modelNumber: "the number of the model",
      igdVersion: "the version of the Internet Gateway Device: 1 or 2",
      services: "its services that map ports, as in WANIPConnection:1; empty where there is none",
      chosen: "whether it is the one that natpmp uses over UPnP",
      externalAddress: "its external address; absent where it has none",
      externalAddressClass: "what kind of address that is, such as public",
      connectionStatus: "the state of its connection: Connected where that works",
      natEnabled: "whether NAT is on; false on a bridge",
      problem: "why it could not be asked",
    }),
    epochSeconds: LEASE_FIELDS.epochSeconds,
    ...COST,
    "announcements.canShare": "whether the port of the router's announcements can be shared",
    "announcements.error": "why not",
    "testMapping.protocol": "of the test mapping: tcp or udp",
    "testMapping.internalPort": "of the test mapping: the port of this host",
    "testMapping.externalPort": "of the test mapping: the external port",
    "testMapping.lifetimeSeconds": "of the test mapping: the granted lifetime",
    "testMapping.permanent": "of the test mapping: true where it does not end",
    "testMapping.verified":
      "of the test mapping, over UPnP: whether the router lists it; false where it cannot be asked",
    "testMapping.attempts": "of the test mapping: how often the request was sent",
    "testMapping.elapsedMs": "of the test mapping: how long the answer took, in milliseconds",
    "testMapping.deleted": "whether the test mapping was deleted again",
    "testMapping.error": "why there is no test mapping, or why it was not deleted",
    ...list("ports", "the internal ports of the SPECs", {
      ...MAPPING_KEY,
      state: "taken, elsewhere (only on other addresses, such as loopback), free or unknown",
      how: "how that was found out",
    }),
    ...list("datagrams", "what was sent and received", {
      elapsedMs: "when, in milliseconds since the first datagram",
      text: "the datagram or the request of HTTP, decoded; of a search the first datagram to each address",
    }),
    ...list("advice", "what to act on", {
      finding: "its kind",
      message: "what to do about it",
      "*": "what the message is about",
    }),
    ...WARNINGS,
    ...ERROR,
  },
  service: {
    command: "service",
    system: "the system that the files are for",
    ...list("files", "the files to write", { name: "the name of a file where it belongs", text: "its text" }),
    ...WARNINGS,
    ...ERROR,
  },
  simulate: {
    time: "when it happened",
    message: "the line, as people see it",
    command: "simulate, in an error that keeps it from starting",
    ...ERROR,
  },
  completions: { command: "completions", shell: "the shell", script: "the text for that shell", ...ERROR },
  help: { command: "help", ...ERROR },
  version: {
    command: "version",
    version: "the version of natpmp",
    commit: "the commit that it was built from; absent when it runs from source",
    target: "system and processor, as in the names of the released files",
    deno: "the version of Deno that it runs in",
  },
} as const satisfies Readonly<Record<string, FieldTable>>;

/** The object of a command's result. */
export type Result = {
  readonly [Name in keyof typeof RESULT_FIELDS]: FieldsOf<typeof RESULT_FIELDS[Name]>;
}[keyof typeof RESULT_FIELDS];

/** A list and the fields of each of its entries, by their paths. */
function list<Name extends string, Table extends FieldTable>(
  name: Name,
  meaning: string,
  fields: Table,
): { readonly [Path in Name | `${Name}[].${keyof Table & string}`]: string } {
  const paths = Object.entries(fields).map(([field, meaning]) => [`${name}[].${field}`, meaning]);
  return Object.fromEntries([[name, meaning], ...paths]);
}
