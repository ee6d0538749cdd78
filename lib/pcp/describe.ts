/**
 * Datagrams in words, for `--verbose`.
 *
 * @module
 */

import { describeDatagram } from "../net/describe_datagram.ts";
import { OLDER_VERSIONS, resultName } from "./constants.ts";
import { type AskedRequest, decodeRequest, decodeResponse, isNatPmpResponse } from "./message.ts";
import type { MapOptions } from "./options.ts";

/** Names a request, as in `map tcp request: internal 80, external 8080, 7200 s, from 192.0.2.7 (60 bytes)`. */
export function describeRequest(data: Uint8Array): string {
  return describeDatagram(data, requestWords, foreignWords);
}

/** Names a response; junk and NAT-PMP's messages are named as such. */
export function describeResponse(data: Uint8Array): string {
  return describeDatagram(data, responseWords, foreignWords);
}

function foreignWords(data: Uint8Array): string {
  return isNatPmpResponse(data) ? "NAT-PMP message" : "junk";
}

function requestWords(data: Uint8Array): string {
  const request = decodeRequest(data);
  switch (request.kind) {
    case "announce":
      return `announce request: from ${request.clientAddress}`;
    case "map":
      return mapRequestWords(request);
    case "unsupported-version":
      return `request of version ${request.version}`;
    case "invalid":
      return `invalid request: ${request.problem}`;
  }
}

function mapRequestWords(request: Extract<AskedRequest, { kind: "map" }>): string {
  const { protocol, internalPort, externalPort, lifetimeSeconds, clientAddress } = request;
  const internal = `internal ${internalPort || "all"}`;
  const from = `from ${clientAddress}${optionWords(request)}`;
  if (lifetimeSeconds === 0) return `unmap ${protocol} request: ${internal}, ${from}`;
  return `map ${protocol} request: ${internal}, external ${
    externalPort || "any"
  }, ${lifetimeSeconds} s, ${from}`;
}

function responseWords(data: Uint8Array): string {
  const response = decodeResponse(data);
  switch (response.kind) {
    case "announce":
      return `announce reply: epoch ${response.epochSeconds} s`;
    case "map": {
      const { protocol, internalPort, externalPort, externalAddress, lifetimeSeconds, epochSeconds } =
        response;
      return `map ${protocol} reply: internal ${internalPort || "all"}, external ${externalPort} at ` +
        `${externalAddress}, ${lifetimeSeconds} s, epoch ${epochSeconds} s${optionWords(response)}`;
    }
    case "refusal": {
      const { resultCode, lifetimeSeconds, epochSeconds } = response;
      return `refusal: ${resultName(resultCode)} (result ${resultCode}) for ${lifetimeSeconds} s, ` +
        `epoch ${epochSeconds} s`;
    }
    case "version-error":
      return response.version === OLDER_VERSIONS.natPmp
        ? "refusal: speaks NAT-PMP"
        : `refusal: speaks version ${response.version}`;
  }
}

function optionWords({ thirdParty, preferFailure }: MapOptions): string {
  const forHost = thirdParty === undefined ? "" : `, for ${thirdParty}`;
  return `${forHost}${preferFailure ? ", prefer failure" : ""}`;
}
