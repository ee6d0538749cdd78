/**
 * The simulated gateway's handling of a request of PCP: reads it, changes the table, makes the answer.
 *
 * @module
 */

import type { Datagram } from "../net/datagram.ts";
import { RESULT, resultName } from "../pcp/constants.ts";
import { decodeRequest, type Request } from "../pcp/message.ts";
import type { Faults } from "./faults.ts";
import type { GatewayContext, HeardRequest, RequestOutcome } from "./gateway_state.ts";
import { grantMapping } from "./grant.ts";
import { isPermanent, isStatic, type Mapping, remainingSeconds } from "./mapping_table.ts";
import {
  announceAnswer,
  deletionAnswer,
  errorSeconds,
  mapAnswer,
  type PcpMapRequest,
  refusalAnswer,
} from "./pcp_responder.ts";

/**
 * Reads a request as RFC 6887 §8.2 asks of a server, one of another version as §9 does.
 *
 * @param datagram The request and who sent it.
 * @param context The gateway.
 * @returns The request, to be acted on with the faults of content.
 * @throws {MalformedMessageError} If it is a response or too short, which a server drops (§8.2).
 */
export function hearPcpRequest(datagram: Datagram, context: GatewayContext): HeardRequest {
  const request = decodeRequest(datagram.data);
  return { heard: describe(request), handle: () => handle(request, datagram, context) };
}

/** Why a request is refused: a result, and how long its reason lasts where that is known. */
type Refusal = readonly [resultCode: number, reasonSeconds?: number | undefined];

function handle(request: Request, datagram: Datagram, context: GatewayContext): RequestOutcome {
  const heard = describe(request);
  const outcome = request.kind === "unsupported-version"
    ? [RESULT.unsupportedVersion] as const
    : answer(request, datagram, context);
  if ("text" in outcome) return { ...outcome, text: `${heard}: ${outcome.text}` };
  const [resultCode, reasonSeconds] = outcome;
  const lifetimeSeconds = errorSeconds(resultCode, context, reasonSeconds);
  const text = `refused with result ${resultCode}, ${resultName(resultCode)}, for ${lifetimeSeconds} s`;
  return {
    answer: refusalAnswer(datagram.data, { resultCode, lifetimeSeconds }, context),
    text: `${heard}: ${text}`,
  };
}

type UnderstoodRequest = Exclude<Request, { kind: "unsupported-version" }>;

function answer(
  request: UnderstoodRequest,
  { source }: Datagram,
  context: GatewayContext,
): RequestOutcome | Refusal {
  const { faults } = context;
  if (faults.pcpResultCode !== undefined) return [faults.pcpResultCode];
  if (request.clientAddress !== source.hostname && !isUnparsed(request)) return [RESULT.addressMismatch];
  if (request.kind === "invalid") return [request.resultCode];
  if (request.kind === "announce") {
    return { answer: announceAnswer(context), text: `epoch ${context.epochSeconds} s` };
  }
  if (isUnsupported(request, faults)) return [RESULT.unsupportedOption];
  if (faults.refuse) return [RESULT.notAuthorized];
  // All ports of a protocol: miniupnpd answers so.
  if (request.internalPort === 0) return [RESULT.malformedRequest];
  const { protocol, internalPort } = request;
  const address = request.thirdParty ?? request.clientAddress;
  const known = context.table.find({ address, internalPort, protocol }, context.nowMs);
  return request.lifetimeSeconds === 0
    ? unmap(request, known, context)
    : map(request, { address, client: source, known }, context);
}

/** These are refused before anybody looks at the address (§8.2). */
function isUnparsed(request: UnderstoodRequest): boolean {
  return request.kind === "invalid" &&
    (request.resultCode === RESULT.malformedRequest || request.resultCode === RESULT.unsupportedOpcode);
}

/** Both options may be unknown to a server (§13.1, §13.2), and are mandatory to process (§7.3). */
function isUnsupported({ thirdParty, preferFailure }: PcpMapRequest, faults: Faults): boolean {
  return (thirdParty !== undefined && !faults.allowThirdParty) ||
    (preferFailure === true && faults.preferFailure === "refuse");
}

/** The mapping's place: its internal address, who asks for it, and what is there already. */
interface Place {
  readonly address: string;
  readonly client: Datagram["source"];
  readonly known: Mapping | undefined;
}

function map(request: PcpMapRequest, place: Place, context: GatewayContext): RequestOutcome | Refusal {
  const { table, faults, nowMs, externalAddress } = context;
  const { known, address, client } = place;
  const { protocol, internalPort, externalPort: suggestedPort, nonce } = request;
  if (externalAddress === undefined) return [RESULT.networkFailure];
  if (faults.full) return [RESULT.noResources];
  // One of NAT-PMP has no nonce, and is taken over as miniupnpd does.
  const isForeign = known?.pcp !== undefined && known.pcp.nonce !== nonce;
  if (isForeign && !faults.takeOverNonces) return [RESULT.notAuthorized, remainingSeconds(known, nowMs)];
  if (known !== undefined && !isStatic(known) && faults.noResourcesOnRenewal) return [RESULT.noResources];
  if (request.preferFailure && !isPreferred(request.externalAddress, externalAddress)) {
    return [RESULT.cannotProvideExternal];
  }
  const isExact = request.preferFailure === true && faults.preferFailure === undefined;
  const mapping = grantMapping({
    address,
    internalPort,
    protocol,
    suggestedPort,
    isExact,
    lifetimeSeconds: Math.max(request.lifetimeSeconds, faults.minLifetimeSeconds ?? 0),
    pcp: { nonce, client },
  }, context);
  if (mapping === undefined) {
    if (!isExact) return [RESULT.noResources];
    const holder = known ?? table.findByPort(protocol, suggestedPort, nowMs);
    const isPassing = holder !== undefined && !isPermanent(holder);
    return [RESULT.cannotProvideExternal, isPassing ? remainingSeconds(holder, nowMs) : undefined];
  }
  const lifetime = isStatic(mapping) ? "static" : `${mapping.lifetimeSeconds} s`;
  return {
    answer: mapAnswer(request, mapping, context),
    text: `granted ${mapping.externalPort}, ${lifetime}`,
  };
}

/** The addresses of *no preference*, for each family (§5, §11.2). */
const ANY_ADDRESS: readonly string[] = ["0.0.0.0", "::"];

function isPreferred(suggestedAddress: string, externalAddress: string): boolean {
  return ANY_ADDRESS.includes(suggestedAddress) || suggestedAddress === externalAddress;
}

/** Deletes (§15.1): what is absent is deleted already, and only the nonce that made a mapping deletes it. */
function unmap(
  request: PcpMapRequest,
  known: Mapping | undefined,
  context: GatewayContext,
): RequestOutcome | Refusal {
  const { table, faults, nowMs } = context;
  if (known === undefined && faults.refuseAbsent) return [RESULT.noResources];
  if (known !== undefined && isStatic(known)) return [RESULT.notAuthorized];
  if (known !== undefined && known.pcp?.nonce !== request.nonce) {
    return [RESULT.notAuthorized, remainingSeconds(known, nowMs)];
  }
  const { lingerSeconds = 0 } = faults;
  if (known !== undefined && lingerSeconds > 0) {
    const lifetimeSeconds = table.shorten(known, lingerSeconds, nowMs)?.lifetimeSeconds ?? 0;
    return {
      answer: deletionAnswer(request, lifetimeSeconds, context),
      text: `deleted, open for ${lifetimeSeconds} s more`,
    };
  }
  if (known !== undefined) table.delete(known);
  return { answer: deletionAnswer(request, 0, context), text: "deleted" };
}

function describe(request: Request): string {
  switch (request.kind) {
    case "unsupported-version":
      return `version ${request.version} opcode ${request.opcode}`;
    case "invalid":
      return `PCP opcode ${request.opcode} (${request.problem})`;
    case "announce":
      return "PCP announce";
    case "map": {
      const { protocol, internalPort, externalPort, lifetimeSeconds, preferFailure, thirdParty } = request;
      const owner = thirdParty === undefined ? "" : ` of ${thirdParty}`;
      if (lifetimeSeconds === 0) return `PCP unmap ${protocol} ${internalPort}${owner}`;
      const suggested = preferFailure ? `${externalPort} or nothing` : externalPort;
      return `PCP map ${protocol} ${internalPort}${owner} -> ${suggested} ${lifetimeSeconds} s`;
    }
  }
}
