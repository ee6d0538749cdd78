/**
 * The numbers and names of UPnP port mapping. UDA is the UPnP Device Architecture, here in version 1.1.
 *
 * @module
 */

// ---- UDA and the service descriptions ----

/** The UDP port of searches and announcements (UDA §1.1). */
export const SSDP_PORT = 1900;

/** The multicast group of searches and announcements (UDA §1.1). */
export const SSDP_GROUP = "239.255.255.250";

/** How many routers a multicast search passes at most, plus one (UDA §1.3.2). */
export const SEARCH_TTL = 2;

/** What service types begin with (UDA §2.3). */
export const SERVICE_PREFIX = "urn:schemas-upnp-org:service:";

/** What device types begin with (UDA §2.3). */
export const DEVICE_PREFIX = "urn:schemas-upnp-org:device:";

/** Namespace and encoding of every action and answer (UDA §3). */
export const SOAP_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/";
export const SOAP_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/";

/** The longest lease of a router that has no permanent ones (WANIPConnection:2 §2.3). */
export const MAX_LEASE_SECONDS = 604_800;

/** The largest number of 32 bits, such as the lease that Askey routers report. */
export const MAX_UINT32 = 2 ** 32 - 1;

/** The codes of faults (UDA §3; WANIPConnection:1 §2.4, :2 §2.5; WANIPv6FirewallControl:1). */
export const FAULT = {
  invalidAction: 401,
  invalidArgs: 402,
  actionFailed: 501,
  argumentValueInvalid: 600,
  argumentValueOutOfRange: 601,
  optionalActionNotImplemented: 602,
  outOfMemory: 603,
  humanInterventionRequired: 604,
  stringArgumentTooLong: 605,
  notAuthorized: 606,
  pinholeSpaceExhausted: 701,
  firewallDisabled: 702,
  inboundPinholeNotAllowed: 703,
  noSuchPinhole: 704,
  protocolNotSupported: 705,
  internalPortWildcardNotAllowed: 706,
  protocolWildcardNotAllowed: 707,
  sourcePortWildcardNotAllowed: 708,
  noTraffic: 709,
  indexInvalid: 713,
  noSuchEntry: 714,
  sourceWildcardNotPermitted: 715,
  externalPortWildcardNotPermitted: 716,
  conflict: 718,
  samePortRequired: 724,
  onlyPermanentLeases: 725,
  remoteHostOnlyWildcard: 726,
  externalPortOnlyWildcard: 727,
  noPortMapsAvailable: 728,
  conflictWithOtherMechanisms: 729,
  mappingNotFound: 730,
  readOnly: 731,
  internalPortWildcardNotPermitted: 732,
  inconsistentParameters: 733,
} as const;

// ---- ours ----

/**
 * What to search for, in this order. A router of version 2 has to answer a search for version 1 (UDA §1.3.2), and some
 * do not; some answer only a search for the service, or for every root device.
 */
export const SEARCH_TARGETS: readonly string[] = [
  `${DEVICE_PREFIX}InternetGatewayDevice:1`,
  `${DEVICE_PREFIX}InternetGatewayDevice:2`,
  `${SERVICE_PREFIX}WANIPConnection:1`,
  `${SERVICE_PREFIX}WANPPPConnection:1`,
  "upnp:rootdevice",
];

/** The seconds over which devices may spread their answers; UDA §1.3.2 allows 1 to 5. */
export const SEARCH_MX_SECONDS = 2;

/** The longest answer to a search that is read. Real ones have about 500 bytes. */
export const MAX_SEARCH_REPLY_BYTES = 8192;

/** The most places that hosts other than the gateway may name in answers to one search; libtorrent reads 50 answers. */
export const MAX_SEARCH_REPLIES = 50;

/** The most places that one host may name: a router has few devices, and each place costs a request. */
export const MAX_LOCATIONS_PER_HOST = 8;

/** The answer of another host waits for this long, as one of the gateway itself goes before it, in milliseconds. */
export const GATEWAY_FIRST_MS = 50;

/** How long a description of another host may take, in milliseconds: the gateway's answer may wait behind it. */
export const OTHER_DESCRIPTION_TIMEOUT_MS = 1000;

/** The most services of one description that are asked for their state. */
export const MAX_SERVICES = 4;

/** The most words about one answer that are shown to people. */
export const MAX_TRACE_CHARS = 500;

/** The longest URL of a router that is used. Real ones have up to about 100 characters. */
export const MAX_URL_CHARS = 2048;

/** The longest text of a router, such as its name, that is kept; nftables routers cut descriptions at this. */
export const MAX_ROUTER_TEXT_CHARS = 256;

/** The longest description of a device that is read. Real ones have up to 15 KB. */
export const MAX_DESCRIPTION_BYTES = 256 * 1024;

/** The longest answer to an action that is read: a list of 1000 mappings has about 600 KB. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** The longest XML that is read: the longest answer. */
export const MAX_XML_CHARS = MAX_ANSWER_BYTES;

/** How deep elements may be nested. Descriptions have up to 12 levels. */
export const MAX_XML_DEPTH = 32;

/** How many elements a document may have: a list of 1000 mappings has 9000. */
export const MAX_XML_ELEMENTS = 20_000;

/** The longest head of an HTTP answer that is read, interim answers included. Real ones have up to 500 bytes. */
export const MAX_HEAD_BYTES = 16 * 1024;

/** How long one HTTP request lasts at most, in milliseconds, as in miniupnpc. */
export const HTTP_TIMEOUT_MS = 5000;

/** How long one operation lasts unless its caller says otherwise: as long as over the other protocols. */
export const DEFAULT_TIMEOUT_MS = 7750;

/** The search goes to the network this long after it went to the gateway, in milliseconds. */
export const MULTICAST_AFTER_MS = 100;

/** The pause between two targets, in milliseconds: routers with little memory drop what comes at once. */
export const SEARCH_SPACING_MS = 50;

/** The pauses after each round of the search, in milliseconds: UDP may lose one, and some routers need 5 to 10 s. */
export const SEARCH_REPEATS_MS: readonly number[] = [500, 1500, 4000, 8000];

/** The lifetime of a mapping whose caller names none: that of NAT-PMP (RFC 6886 §3.3). */
export const DEFAULT_LIFETIME_SECONDS = 7200;

/** The leases to ask for, one after the other, where a router takes a longer one for wrong, in seconds. */
export const SHORTER_LEASES_SECONDS: readonly number[] = [MAX_LEASE_SECONDS, 86_400, 3600];

/** By this much a lease in the table may differ from what was asked for: routers round, and time passes. */
export const REFRESH_TOLERANCE_SECONDS = 10;

/** How many other external ports are tried where one is taken. */
export const MAX_OTHER_PORTS = 4;

/** The longest description of a mapping that is sent: some routers cut or refuse longer ones. */
export const MAX_DESCRIPTION_CHARS = 30;

/** From this many leases on, the whole table is listed where each would be looked up, if the router does that at once. */
export const MANY_LEASES = 16;

/** How many mappings of a table are listed at most. */
export const MAX_LISTED = 1000;

/** A renewal begins later than half of the lifetime by a random part of this share, so that clients do not stay in step. */
export const RENEWAL_JITTER = 1 / 16;

/** A mapping that was in the table less than this long ago is not looked up to see whether it has vanished. */
export const SEEN_MS = 10_000;

/** The shortest pause between two tries to renew a mapping. */
export const MIN_RETRY_GAP_MS = 2000;
