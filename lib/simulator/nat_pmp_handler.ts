/**
 * The simulated gateway's handling of a request of NAT-PMP: reads it, changes the table, makes the answer.
 *
 * @module
 */

import { RESULT, resultName } from "../natpmp/constants.ts";
import { decodeRequest, type MapProtocol, type Request } from "../natpmp/message.ts";
import type { Datagram } from "../net/datagram.ts";
import type { GatewayContext, HeardRequest, RequestOutcome } from "./gateway_state.ts";
import { grantMapping } from "./grant.ts";
import {
  addressAnswer,
  mapAnswer,
  type MapRequestMessage,
  opcodeErrorAnswer,
  refusalAnswer,
  versionErrorAnswer,
} from "./nat_pmp_responder.ts";

const OTHER_PROTOCOL: Readonly<Record<MapProtocol, MapProtocol>> = { udp: "tcp", tcp: "udp" };

/**
 * Reads a request as RFC 6886 §3.2 to §3.5 ask of a gateway, one of another version as §3.5 does.
 *
 * @param datagram The request and who sent it.
 * @param context The gateway.
 * @returns The request, to be acted on with the faults of content.
 * @throws {MalformedMessageError} If it is a response or too short, which a gateway drops (§3.5).
 */
export function hearNatPmpRequest(datagram: Datagram, context: GatewayContext): HeardRequest {
  const request = decodeRequest(datagram.data);
  return { heard: describe(request), handle: () => handle(request, datagram, context) };
}

function handle(request: Request, { data, source }: Datagram, context: GatewayContext): RequestOutcome {
  const heard = describe(request);
  const { faults, externalAddress } = context;
  if (request.kind === "unsupported-version") {
    return refused(heard, RESULT.unsupportedVersion, versionErrorAnswer(request.opcode, context));
  }
  if (request.kind === "unsupported-opcode" || faults.resultCode === RESULT.unsupportedOpcode) {
    return refused(heard, RESULT.unsupportedOpcode, opcodeErrorAnswer(data, context));
  }
  const asked = request.kind === "map" ? request : undefined;
  const resultCode = faults.resultCode ?? refusalOf(asked, context);
  if (resultCode !== undefined) return refused(heard, resultCode, refusalAnswer(resultCode, asked, context));
  if (asked === undefined) return { answer: addressAnswer(context), text: `${heard}: ${externalAddress}` };
  return asked.lifetimeSeconds === 0
    ? unmap(asked, source.hostname, context)
    : map(asked, source.hostname, context);
}

/** The result code that fails a request without a look at the table; `undefined` without one (§3.5). */
function refusalOf(asked: MapRequestMessage | undefined, context: GatewayContext): number | undefined {
  const { faults, externalAddress } = context;
  const isDeletion = asked?.lifetimeSeconds === 0;
  if (asked !== undefined && faults.refuse) return RESULT.notAuthorized;
  if (externalAddress === undefined && !isDeletion) return RESULT.networkFailure;
  if (asked === undefined || isDeletion) return undefined;
  if (faults.full) return RESULT.outOfResources;
  // Undefined in the RFC; miniupnpd answers so.
  if (asked.internalPort === 0 && !faults.allowPortZero) return RESULT.notAuthorized;
  return undefined;
}

function map(asked: MapRequestMessage, address: string, context: GatewayContext): RequestOutcome {
  const { table, nowMs } = context;
  const { internalPort, protocol, lifetimeSeconds } = asked;
  const key = { address, internalPort, protocol };
  // ProtonVPN ignores what is suggested for port 0 and gives both protocols the same number.
  const companion = table.find({ ...key, protocol: OTHER_PROTOCOL[protocol] }, nowMs);
  const suggestedPort = internalPort === 0 ? companion?.externalPort ?? 0 : asked.externalPort;
  const mapping = grantMapping({ ...key, suggestedPort, lifetimeSeconds }, context);
  if (mapping === undefined) {
    const code = RESULT.outOfResources;
    return refused(describe(asked), code, refusalAnswer(code, asked, context));
  }
  const text = `granted ${mapping.externalPort}, ${mapping.lifetimeSeconds} s`;
  return { answer: mapAnswer(asked, mapping, context), text: `${describe(asked)}: ${text}` };
}

/**
 * Deletes (§3.4): what is absent is deleted already, what is static stays, and port 0 means all of one protocol. A
 * mapping of PCP stays, and the answer is a success all the same, as miniupnpd answers.
 */
function unmap(asked: MapRequestMessage, address: string, context: GatewayContext): RequestOutcome {
  const { table, faults, nowMs } = context;
  const { internalPort, protocol } = asked;
  const deletesAll = internalPort === 0;
  if (!deletesAll && table.find({ address, internalPort, protocol }, nowMs)?.pcp !== undefined) {
    return {
      answer: mapAnswer(asked, undefined, context),
      text: `${describe(asked)}: left, since it is PCP's`,
    };
  }
  const done = deletesAll
    ? table.deleteAll({ address, protocol })
    : faults.deleteByExternalPort
    ? deleteByExternalPort(asked, context)
    : table.delete({ address, internalPort, protocol });
  if (!done || (deletesAll && faults.partialDelete)) {
    const code = RESULT.notAuthorized;
    return refused(describe(asked), code, refusalAnswer(code, asked, context));
  }
  return { answer: mapAnswer(asked, undefined, context), text: `${describe(asked)}: deleted` };
}

/** The external port alone is looked up: the mapping may belong to anybody. */
function deleteByExternalPort(asked: MapRequestMessage, { table, nowMs }: GatewayContext): boolean {
  const externalPort = asked.externalPort || asked.internalPort;
  const found = table.findByPort(asked.protocol, externalPort, nowMs);
  return found !== undefined && table.delete(found);
}

function refused(heard: string, resultCode: number, answer: Uint8Array): RequestOutcome {
  return { answer, text: `${heard}: refused with result ${resultCode}, ${resultName(resultCode)}` };
}

function describe(request: Request): string {
  switch (request.kind) {
    case "address":
      return "address";
    case "unsupported-version":
      return `version ${request.version} opcode ${request.opcode}`;
    case "unsupported-opcode":
      return `opcode ${request.opcode}`;
    case "map": {
      const { protocol, internalPort, externalPort, lifetimeSeconds } = request;
      if (lifetimeSeconds === 0) return `unmap ${protocol} ${internalPort === 0 ? "all" : internalPort}`;
      return `map ${protocol} ${internalPort} -> ${externalPort} ${lifetimeSeconds} s`;
    }
  }
}
