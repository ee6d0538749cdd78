/**
 * Datagrams in words, for `--verbose`.
 *
 * @module
 */

import { describeDatagram } from "../net/describe_datagram.ts";
import { resultName } from "./constants.ts";
import { decodeRequest, decodeResponse, isPcpResponse } from "./message.ts";

/** Names a request, as in `map tcp request: internal 80, external 8080, 7200 s (12 bytes)`. */
export function describeRequest(data: Uint8Array): string {
  return describeDatagram(data, requestWords, foreignWords);
}

/** Names a response; junk and PCP's messages are named as such. */
export function describeResponse(data: Uint8Array): string {
  return describeDatagram(data, responseWords, foreignWords);
}

function foreignWords(data: Uint8Array): string {
  return isPcpResponse(data) ? "PCP message" : "junk";
}

function requestWords(data: Uint8Array): string {
  const request = decodeRequest(data);
  if (request.kind !== "map") return `${request.kind} request`;
  const { protocol, internalPort, externalPort, lifetimeSeconds } = request;
  if (lifetimeSeconds === 0) {
    const external = externalPort === 0 ? "" : `, external ${externalPort}`;
    return `unmap ${protocol} request: internal ${internalPort === 0 ? "all" : internalPort}${external}`;
  }
  return `map ${protocol} request: internal ${internalPort}, external ${
    externalPort || "any"
  }, ${lifetimeSeconds} s`;
}

function responseWords(data: Uint8Array): string {
  const response = decodeResponse(data);
  switch (response.kind) {
    case "address":
      return `address reply: ${response.externalAddress}, epoch ${response.epochSeconds} s`;
    case "map":
      return `map ${response.protocol} reply: internal ${response.internalPort}, external ${response.externalPort}, ` +
        `${response.lifetimeSeconds} s, epoch ${response.epochSeconds} s`;
    case "refusal": {
      const epoch = response.epochSeconds === undefined ? "" : `, epoch ${response.epochSeconds} s`;
      return `refusal: ${resultName(response.resultCode)} (result ${response.resultCode})${epoch}`;
    }
    case "other-version":
      return `refusal: speaks version ${response.version}`;
  }
}
