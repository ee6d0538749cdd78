/**
 * The errors of UPnP's actions (UPnP Device Architecture 1.1 §3.2.6, WANIPConnection:1 §2.4, WANIPConnection:2 §2.5).
 *
 * @module
 */

/** The code of an error. */
export type ErrorCode = number;

/** The errors that the simulated gateway has of its own. */
export const ERROR = {
  invalidAction: 401,
  invalidArgs: 402,
  notAuthorized: 606,
  noSuchIndex: 713,
  noSuchEntry: 714,
  wildcardExternalPort: 716,
  conflict: 718,
  samePortRequired: 724,
  onlyPermanentLeases: 725,
  noPortMapsAvailable: 728,
  portMappingNotFound: 730,
  wildcardInternalPort: 732,
  inconsistentParameters: 733,
} as const;

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  401: "Invalid Action",
  402: "Invalid Args",
  501: "Action Failed",
  606: "Action not authorized",
  713: "SpecifiedArrayIndexInvalid",
  714: "NoSuchEntryInArray",
  716: "WildCardNotPermittedInExtPort",
  718: "ConflictInMappingEntry",
  724: "SamePortValuesRequired",
  725: "OnlyPermanentLeasesSupported",
  728: "NoPortMapsAvailable",
  730: "PortMappingNotFound",
  732: "WildCardNotPermittedInIntPort",
  733: "InconsistentParameter",
};

/**
 * Describes an error in the standard's words.
 *
 * @param code The code.
 * @returns The description.
 */
export function describeError(code: ErrorCode): string {
  return DESCRIPTIONS[code] ?? `Error ${code}`;
}
