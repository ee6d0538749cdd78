/**
 * A survey of the UPnP routers of a network: their answers about themselves, for people.
 *
 * @module
 */

import { ActionRefused } from "./action_refused.ts";
import {
  getExternalIpAddress,
  getNatRsipStatus,
  getStatusInfo,
  readExternalAddress,
  readNatStatus,
  readStatusInfo,
  type Values,
} from "./actions.ts";
import { SERVICE_PREFIX } from "./constants.ts";
import { HttpError } from "./http_error.ts";
import type { Igd, Operation, Place, Sighting } from "./igd.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import type { Action } from "./soap.ts";

/** A router that answered the search. Its texts are as it sent them, each one line of bounded length. */
export interface SurveyedRouter {
  /** The address that it answered from. */
  readonly address: string;
  /** Where its description is. */
  readonly location: string;
  /** Its own words about its software. */
  readonly server?: string | undefined;
  readonly friendlyName?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly modelName?: string | undefined;
  readonly modelNumber?: string | undefined;
  /** The version of the Internet Gateway Device. */
  readonly igdVersion?: 1 | 2 | undefined;
  /** The services that map ports, as in `WANIPConnection:1`, the best first. */
  readonly services: readonly string[];
  /** Whether it is the one that a client uses: the first that maps ports. */
  readonly isChosen: boolean;
  readonly externalAddress?: string | undefined;
  /** The state of its connection to the Internet, in the standard's words: `Connected` where it works. */
  readonly connectionStatus?: string | undefined;
  /** False on a router that is only a bridge. */
  readonly isNatEnabled?: boolean | undefined;
  /** Why there is no more. */
  readonly problem?: string | undefined;
}

/** Options of {@linkcode reportOn}. */
export interface ReportOptions {
  readonly igd: Igd;
  readonly gateway: string;
  readonly operation: Operation;
}

/** Asks a device about itself; `undefined` for one that is not a router, such as a television. */
export async function reportOn(
  { router, description, place, problem }: Sighting,
  { igd, gateway, operation }: ReportOptions,
): Promise<Omit<SurveyedRouter, "isChosen"> | undefined> {
  const { address, location, server } = router;
  const where = { address, location: location.href, server };
  // A device without a description may be anything, unless it is the gateway.
  if (description === undefined) return address === gateway ? { ...where, services: [], problem } : undefined;
  const { friendlyName, manufacturer, modelName, modelNumber, igdVersion } = description;
  if (igdVersion === undefined && description.services.length === 0) return undefined;
  return {
    ...where,
    friendlyName,
    manufacturer,
    modelName,
    modelNumber,
    igdVersion,
    services: description.services.map(({ type }) => type.slice(SERVICE_PREFIX.length)),
    ...(place === undefined ? {} : await stateOf(place, igd, operation)),
  };
}

/** The state of the connection. A router need not know all of it; one that is silent is asked no more. */
async function stateOf(place: Place, igd: Igd, operation: Operation) {
  let problem: string | undefined;
  const ask = async <T>(action: Action, read: (values: Values) => T): Promise<T | undefined> => {
    if (problem !== undefined) return undefined;
    try {
      return read((await igd.askAt(place, action, operation)).values);
    } catch (error) {
      if (error instanceof HttpError) problem = error.message;
      else if (!(error instanceof ActionRefused || error instanceof MalformedDocumentError)) throw error;
      return undefined;
    }
  };
  const status = await ask(getStatusInfo(), readStatusInfo);
  const nat = await ask(getNatRsipStatus(), readNatStatus);
  const externalAddress = await ask(getExternalIpAddress(), readExternalAddress);
  return {
    externalAddress,
    connectionStatus: status?.connectionStatus,
    isNatEnabled: nat?.isNatEnabled,
    problem,
  };
}
