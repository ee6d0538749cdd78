/**
 * The codes of faults in words (UDA 1.1 §3; WANIPConnection:1 and :2; WANIPv6FirewallControl:1). Pure.
 *
 * Routers write any text beside a code, so the code is what counts. Version 2 no longer has 724 to 727, and routers of
 * that version still send them.
 *
 * @module
 */

import { FAULT } from "./constants.ts";

/** A fault, as the standards have it. */
export interface FaultMeaning {
  /** The standard's name. */
  readonly name: string;
  /** The meaning in plain words, which follow *the router answered:*. */
  readonly meaning: string;
}

const FAULTS: ReadonlyMap<number, FaultMeaning> = new Map(
  ([
    [FAULT.invalidAction, "Invalid Action", "it does not know this action"],
    [FAULT.invalidArgs, "Invalid Args", "it does not accept these values"],
    [FAULT.actionFailed, "Action Failed", "the action failed"],
    [FAULT.argumentValueInvalid, "Argument Value Invalid", "a value is invalid"],
    [FAULT.argumentValueOutOfRange, "Argument Value Out of Range", "a value is out of range"],
    [FAULT.optionalActionNotImplemented, "Optional Action Not Implemented", "it does not have this action"],
    [FAULT.outOfMemory, "Out of Memory", "it is out of memory"],
    [FAULT.humanInterventionRequired, "Human Intervention Required", "somebody has to act at the router"],
    [FAULT.stringArgumentTooLong, "String Argument Too Long", "a text is too long"],
    [FAULT.notAuthorized, "Action not authorized", "this host may not do that"],
    [FAULT.pinholeSpaceExhausted, "PinholeSpaceExhausted", "it has no room for another open port"],
    [FAULT.firewallDisabled, "FirewallDisabled", "its IPv6 firewall is off"],
    [FAULT.inboundPinholeNotAllowed, "InboundPinholeNotAllowed", "it does not let hosts open IPv6 ports"],
    [FAULT.noSuchPinhole, "NoSuchEntry", "there is no such open port"],
    [FAULT.protocolNotSupported, "ProtocolNotSupported", "it does not support this protocol"],
    [FAULT.internalPortWildcardNotAllowed, "InternalPortWildcardingNotAllowed", "it needs one internal port"],
    [FAULT.protocolWildcardNotAllowed, "ProtocolWildcardingNotAllowed", "it needs one protocol"],
    [FAULT.sourcePortWildcardNotAllowed, "WildCardNotPermittedInSrcPort", "it needs one remote port"],
    [FAULT.noTraffic, "NoTraffic", "nothing has passed the open port"],
    [FAULT.indexInvalid, "SpecifiedArrayIndexInvalid", "there are no more mappings"],
    [FAULT.noSuchEntry, "NoSuchEntryInArray", "there is no such mapping"],
    [FAULT.sourceWildcardNotPermitted, "WildCardNotPermittedInSrcIP", "it needs one remote host"],
    [FAULT.externalPortWildcardNotPermitted, "WildCardNotPermittedInExtPort", "it needs one external port"],
    [FAULT.conflict, "ConflictInMappingEntry", "the external port is taken"],
    [FAULT.samePortRequired, "SamePortValuesRequired", "external and internal port have to be the same"],
    [FAULT.onlyPermanentLeases, "OnlyPermanentLeasesSupported", "it has only mappings that never end"],
    [FAULT.remoteHostOnlyWildcard, "RemoteHostOnlySupportsWildcard", "it cannot map for one remote host"],
    [FAULT.externalPortOnlyWildcard, "ExternalPortOnlySupportsWildcard", "it cannot map one external port"],
    [FAULT.noPortMapsAvailable, "NoPortMapsAvailable", "it has no room for another mapping"],
    [
      FAULT.conflictWithOtherMechanisms,
      "ConflictWithOtherMechanisms",
      "the router itself, or a fixed rule, has the port",
    ],
    [FAULT.mappingNotFound, "PortMappingNotFound", "there is no such mapping"],
    [FAULT.readOnly, "ReadOnly", "the setting cannot be changed"],
    [FAULT.internalPortWildcardNotPermitted, "WildCardNotPermittedInIntPort", "it needs one internal port"],
    [FAULT.inconsistentParameters, "InconsistentParameters", "the values do not fit together"],
  ] as const).map(([code, name, meaning]) => [code, { name, meaning }]),
);

/** The name and meaning of a code; `undefined` for one that no standard has. */
export function faultMeaning(code: number): FaultMeaning | undefined {
  return FAULTS.get(code);
}

/** A fault in words, as in `the external port is taken (UPnP error 718)`; the router's own where the code is unknown. */
export function faultText(
  { code, text }: { readonly code?: number | undefined; readonly text: string },
): string {
  if (code === undefined) return text;
  return `${faultMeaning(code)?.meaning ?? text} (UPnP error ${code})`;
}
