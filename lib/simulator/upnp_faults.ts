/**
 * The faults of the simulated gateway that are about UPnP alone. How each is called and written is in
 * `upnp_fault_table.ts`.
 *
 * @module
 */

import type { Occurrence } from "./faults.ts";

/** The faults of UPnP. An absent field is not a fault. Each field is a row of the table `FAULTS`. */
export interface UpnpFaults {
  /** Answers searches this many milliseconds late, whatever other answers wait. */
  readonly upnpSearchLatencyMs?: number;
  /** Names another place in the answer to a search: [::1], an address beside its own, a DNS name, or an https URL. */
  readonly upnpLocation?: "loopback" | "other" | "name" | "https";
  /** Answers HTTP requests this many milliseconds late, whatever other answers wait. */
  readonly upnpHttpLatencyMs?: number;
  /** Ends HTTP connections without an answer, counted like lose-requests. */
  readonly upnpHangUp?: Occurrence;
  /** Sends bodies in chunks. */
  readonly upnpChunked?: boolean;
  /** Leaves Content-Length out; the end of the connection ends the body. */
  readonly upnpNoLength?: boolean;
  /** Ends the lines of headers with LF alone. */
  readonly upnpBareLf?: boolean;
  /** Appends 10 MB of white space to each body, or white space without end. */
  readonly upnpBody?: "huge" | "endless";
  /** Answers GET by a redirect, to another path or to the same path of an address beside its own. */
  readonly upnpRedirect?: "same" | "other";
  /** Leaves namespaces and their prefixes out of its XML. */
  readonly upnpNoNamespaces?: boolean;
  /** Describes its services by URLs without a slash before them. */
  readonly upnpRelativeUrls?: boolean;
  /** Describes its services by URLs with two slashes before them, behind a URLBase with one after it. */
  readonly upnpDoubleSlash?: boolean;
  /** Names an address beside its own in URLBase. */
  readonly upnpForeignBase?: boolean;
  /** Has the service WANPPPConnection:1 instead of WANIPConnection, as DSL routers do. */
  readonly upnpPpp?: boolean;
  /** Puts control characters and markup into names, descriptions and error texts. */
  readonly upnpHostileText?: boolean;
  /** Answers each request to map with this UPnP error. */
  readonly upnpAddError?: number;
  /** Refuses this external port (718). */
  readonly upnpTakenPort?: number;
  /** Maps only without an end, and refuses any other lease (725). */
  readonly upnpPermanentOnly?: boolean;
  /** Refuses to map without an end (402). */
  readonly upnpNoPermanent?: boolean;
  /** Refuses a lease that is longer than this (402). */
  readonly upnpMaxLeaseSeconds?: number;
  /** Refuses an external port that is not the internal one (724). */
  readonly upnpSamePort?: boolean;
  /** Reports success and maps nothing. */
  readonly upnpNoMapping?: boolean;
  /** Reports success for a mapping that exists, and leaves its lease as it was. */
  readonly upnpNoRefresh?: boolean;
  /** Answers each question for one mapping with this UPnP error. */
  readonly upnpSpecificError?: number;
  /** Lists no mapping (713 at index 0). */
  readonly upnpNoListing?: boolean;
  /** Lists mappings from index 1, and has none at index 0 (713). */
  readonly upnpListFromOne?: boolean;
  /** Reports success for the deletion of what is not there, as miniupnpd with nftables does. */
  readonly upnpDeleteAbsent?: boolean;
  /** Answers errors with status 500 and no body. */
  readonly upnpEmptyError?: boolean;
  /** Answers errors with status 200. */
  readonly upnpErrorIn200?: boolean;
  /** Takes another HTTP port at each reboot. */
  readonly upnpNewPort?: boolean;
}
