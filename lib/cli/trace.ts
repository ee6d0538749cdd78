import type { DatagramDescriber } from "../backends.ts";
import { formatEndpoint } from "../net/datagram.ts";
import type { ExchangeEvent } from "../net/exchange.ts";

/** A line of `--verbose` for an event on the wire, at a time since the command began; `undefined` without a datagram. */
export function formatTrace(
  event: ExchangeEvent,
  elapsedMs: number,
  { describeRequest, describeResponse }: DatagramDescriber,
): string | undefined {
  const time = `+${elapsedMs.toFixed(1)} ms`;
  switch (event.kind) {
    case "sent":
      return `${time} -> ${formatEndpoint(event.to)} ${
        describeRequest(event.data)
      }, attempt ${event.attempt}`;
    case "send-failed":
      return `${time} -> ${formatEndpoint(event.to)} not sent: ${event.reason}`;
    case "received": {
      const discarded = event.discarded === undefined ? "" : `, discarded: ${event.discarded}`;
      return `${time} <- ${formatEndpoint(event.from)} ${describeResponse(event.data)}${discarded}`;
    }
    case "unreachable":
      return `${time} <- ${formatEndpoint(event.from)} ICMP port unreachable`;
    case "noted":
      return `${time} ${event.text}`;
    case "ended":
    case "conversation-began":
    case "conversation-ended":
      return undefined;
  }
}
