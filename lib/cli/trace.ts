import { MalformedMessageError } from "../errors.ts";
import { resultName } from "../natpmp/constants.ts";
import {
  decodeRequest,
  decodeResponse,
  isPcpResponse,
  type Request,
  type Response,
} from "../natpmp/message.ts";
import { formatEndpoint } from "../net/datagram.ts";
import type { ExchangeEvent } from "../net/exchange.ts";

/**
 * One event on the wire as a line of `--verbose`.
 *
 * @param event What happened.
 * @param elapsedMs Milliseconds since the command began.
 * @returns The line, without its end; `undefined` for events that are no datagram's.
 */
export function formatTrace(event: ExchangeEvent, elapsedMs: number): string | undefined {
  const time = `+${elapsedMs.toFixed(1)} ms`;
  switch (event.kind) {
    case "sent":
      return `${time} -> ${formatEndpoint(event.to)} ${
        describe(event.data, describeRequest)
      }, attempt ${event.attempt}`;
    case "send-failed":
      return `${time} -> ${formatEndpoint(event.to)} not sent: ${event.reason}`;
    case "received": {
      const discarded = event.discarded === undefined ? "" : `, discarded: ${event.discarded}`;
      return `${time} <- ${formatEndpoint(event.from)} ${describe(event.data, describeResponse)}${discarded}`;
    }
    case "unreachable":
      return `${time} <- ${formatEndpoint(event.from)} ICMP port unreachable`;
    case "ended":
      return undefined;
  }
}

function describe(data: Uint8Array, decode: (data: Uint8Array) => string): string {
  const bytes = `(${data.length} bytes)`;
  try {
    return `${decode(data)} ${bytes}`;
  } catch (error) {
    if (error instanceof MalformedMessageError) {
      return `${isPcpResponse(data) ? "PCP message" : "junk"} ${bytes}`;
    }
    throw error;
  }
}

function describeRequest(data: Uint8Array): string {
  const request: Request = decodeRequest(data);
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

function describeResponse(data: Uint8Array): string {
  const response: Response = decodeResponse(data);
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
