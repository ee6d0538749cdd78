/**
 * The simulated gateway's handling of one request of either protocol, by its version (RFC 6886 §3.5, RFC 6887 §9 and
 * Appendix A).
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import { NAT_PMP_VERSION } from "../natpmp/constants.ts";
import type { Datagram } from "../net/datagram.ts";
import { PCP_VERSION } from "../pcp/constants.ts";
import type { GatewayContext, HeardRequest, RequestOutcome } from "./gateway_state.ts";
import { hearNatPmpRequest } from "./nat_pmp_handler.ts";
import { hearPcpRequest } from "./pcp_handler.ts";

/**
 * Handles one datagram. A version that the gateway does not speak is refused in the one that it speaks, and in PCP's
 * where it speaks both.
 *
 * @param datagram The request and who sent it.
 * @param context The gateway.
 * @returns The answer and a text about it. Responses and too-short packets are dropped.
 */
export function handleRequest(datagram: Datagram, context: GatewayContext): RequestOutcome {
  const { data } = datagram;
  const request = hear(datagram, context);
  if (request === undefined) return { text: `${data.length} bytes that are not a request: dropped` };
  const { heard, handle } = request;
  const { silent, silent5351, answerBytes, dropVersion2 } = context.faults;
  if (silent || silent5351) return { text: `${heard}: silent` };
  if (answerBytes !== undefined) {
    return { answer: answerBytes, text: `${heard}: answered with ${answerBytes.length} given bytes` };
  }
  if (dropVersion2 && data[0] === PCP_VERSION) return { text: `${heard}: dropped` };
  return handle();
}

function hear(datagram: Datagram, context: GatewayContext): HeardRequest | undefined {
  const { speaks } = context;
  const isNatPmp = speaks === "nat-pmp" || (speaks === "both" && datagram.data[0] === NAT_PMP_VERSION);
  try {
    return (isNatPmp ? hearNatPmpRequest : hearPcpRequest)(datagram, context);
  } catch (error) {
    if (error instanceof MalformedMessageError) return undefined;
    throw error;
  }
}
