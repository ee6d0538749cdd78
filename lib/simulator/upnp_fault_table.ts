/**
 * The rows of the fault table that are about UPnP alone.
 *
 * @module
 */

import { choice, flag, MILLISECONDS, number, occurrence, type Row, SECONDS } from "./fault_rows.ts";

const ERROR = { value: "CODE", min: 1, max: 999 } as const;
const PORT = { value: "PORT", min: 1, max: 65_535 } as const;

/** The faults of UPnP. */
export const UPNP_ROWS: readonly Row[] = [
  // ---- searches ----
  number(
    "upnp-search-latency",
    "upnpSearchLatencyMs",
    "Answers searches this many milliseconds late, whatever other answers wait.",
    MILLISECONDS,
  ),
  choice(
    "upnp-location",
    "upnpLocation",
    "Names another place in the answer to a search: [::1], an address beside its own, a DNS name, or an https URL.",
    ["loopback", "other", "name", "https"],
  ),
  // ---- HTTP ----
  number(
    "upnp-http-latency",
    "upnpHttpLatencyMs",
    "Answers HTTP requests this many milliseconds late, whatever other answers wait.",
    MILLISECONDS,
  ),
  occurrence(
    "upnp-hang-up",
    "upnpHangUp",
    "Ends HTTP connections without an answer, counted like lose-requests.",
  ),
  flag("upnp-chunked", "upnpChunked", "Sends bodies in chunks."),
  flag(
    "upnp-no-length",
    "upnpNoLength",
    "Leaves Content-Length out; the end of the connection ends the body.",
  ),
  flag("upnp-bare-lf", "upnpBareLf", "Ends the lines of headers with LF alone."),
  choice("upnp-body", "upnpBody", "Appends 10 MB of white space to each body, or white space without end.", [
    "huge",
    "endless",
  ]),
  choice(
    "upnp-redirect",
    "upnpRedirect",
    "Answers GET by a redirect, to another path or to the same path of an address beside its own.",
    ["same", "other"],
  ),
  // ---- descriptions ----
  flag("upnp-no-namespaces", "upnpNoNamespaces", "Leaves namespaces and their prefixes out of its XML."),
  flag(
    "upnp-relative-urls",
    "upnpRelativeUrls",
    "Describes its services by URLs without a slash before them.",
  ),
  flag(
    "upnp-double-slash",
    "upnpDoubleSlash",
    "Describes its services by URLs with two slashes before them, behind a URLBase with one after it.",
  ),
  flag("upnp-foreign-base", "upnpForeignBase", "Names an address beside its own in URLBase."),
  flag(
    "upnp-ppp",
    "upnpPpp",
    "Has the service WANPPPConnection:1 instead of WANIPConnection, as DSL routers do.",
  ),
  flag(
    "upnp-hostile-text",
    "upnpHostileText",
    "Puts control characters and markup into names, descriptions and error texts.",
  ),
  // ---- actions ----
  number("upnp-add-error", "upnpAddError", "Answers each request to map with this UPnP error.", ERROR),
  number("upnp-taken-port", "upnpTakenPort", "Refuses this external port (718).", PORT),
  flag(
    "upnp-permanent-only",
    "upnpPermanentOnly",
    "Maps only without an end, and refuses any other lease (725).",
  ),
  flag("upnp-no-permanent", "upnpNoPermanent", "Refuses to map without an end (402)."),
  number("upnp-max-lease", "upnpMaxLeaseSeconds", "Refuses a lease that is longer than this (402).", SECONDS),
  flag("upnp-same-port", "upnpSamePort", "Refuses an external port that is not the internal one (724)."),
  flag("upnp-no-mapping", "upnpNoMapping", "Reports success and maps nothing."),
  flag(
    "upnp-no-refresh",
    "upnpNoRefresh",
    "Reports success for a mapping that exists, and leaves its lease as it was.",
  ),
  number(
    "upnp-specific-error",
    "upnpSpecificError",
    "Answers each question for one mapping with this UPnP error.",
    ERROR,
  ),
  flag("upnp-no-listing", "upnpNoListing", "Lists no mapping (713 at index 0)."),
  flag(
    "upnp-list-from-one",
    "upnpListFromOne",
    "Lists mappings from index 1, and has none at index 0 (713).",
  ),
  flag(
    "upnp-delete-absent",
    "upnpDeleteAbsent",
    "Reports success for the deletion of what is not there, as miniupnpd with nftables does.",
  ),
  flag("upnp-empty-error", "upnpEmptyError", "Answers errors with status 500 and no body."),
  flag("upnp-error-in-200", "upnpErrorIn200", "Answers errors with status 200."),
  // ---- reboots ----
  flag("upnp-new-port", "upnpNewPort", "Takes another HTTP port at each reboot."),
];
