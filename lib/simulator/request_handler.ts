/**
 * The simulated gateway's handling of one request: reads it, changes the table, makes the answer.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import { PCP_VERSION, RESULT, resultName } from "../natpmp/constants.ts";
import { decodeRequest, type MapProtocol, type Request } from "../natpmp/message.ts";
import type { Datagram } from "../net/datagram.ts";
import type { MappingTable } from "./mapping_table.ts";
import {
  addressAnswer,
  mapAnswer,
  type MapRequestMessage,
  opcodeErrorAnswer,
  pcpVersionErrorAnswer,
  refusalAnswer,
  type ResponderState,
  versionErrorAnswer,
} from "./responder.ts";

/** Options of {@linkcode handleRequest}. */
export interface HandleRequestOptions extends ResponderState {
  /** The gateway's mappings, which the request may change. */
  readonly table: MappingTable;
  /** The time in milliseconds. */
  readonly nowMs: number;
}

/** The outcome of a request. */
export interface RequestOutcome {
  /** The answer; absent when the gateway does not answer. */
  readonly answer?: Uint8Array;
  /** The question and its answer, for people. */
  readonly text: string;
}

const OTHER_PROTOCOL: Readonly<Record<MapProtocol, MapProtocol>> = { udp: "tcp", tcp: "udp" };

/**
 * Handles one datagram as RFC 6886 §3.2 to §3.5 ask of a gateway, with the faults of content.
 *
 * @param datagram The request and who sent it.
 * @param options The gateway's state.
 * @returns The answer and a text about it. Responses and too-short packets are dropped (§3.5).
 */
export function handleRequest(datagram: Datagram, options: HandleRequestOptions): RequestOutcome {
  const request = decode(datagram.data);
  if (request === undefined) return { text: `${datagram.data.length} bytes that are not a request: dropped` };
  const heard = describe(request);
  const { faults, externalAddress } = options;
  if (faults.silent) return { text: `${heard}: silent` };

  if (faults.answerBytes !== undefined) {
    return {
      answer: faults.answerBytes,
      text: `${heard}: answered with ${faults.answerBytes.length} given bytes`,
    };
  }

  if (request.kind === "unsupported-version") {
    const dropped = request.version === PCP_VERSION && (faults.dropPcp || faults.pcpOnly);
    if (dropped) return { text: `${heard}: dropped` };
    const answer = (faults.pcpOnly ? pcpVersionErrorAnswer : versionErrorAnswer)(request.opcode, options);
    return refused(heard, RESULT.unsupportedVersion, answer);
  }
  if (faults.pcpOnly) {
    const answer = pcpVersionErrorAnswer(datagram.data[1] ?? 0, options);
    return refused(heard, RESULT.unsupportedVersion, answer);
  }
  if (request.kind === "unsupported-opcode" || faults.resultCode === RESULT.unsupportedOpcode) {
    return refused(heard, RESULT.unsupportedOpcode, opcodeErrorAnswer(datagram.data, options));
  }

  const asked = request.kind === "map" ? request : undefined;
  const resultCode = faults.resultCode ?? refusalOf(asked, options);
  if (resultCode !== undefined) return refused(heard, resultCode, refusalAnswer(resultCode, asked, options));
  if (asked === undefined) return { answer: addressAnswer(options), text: `${heard}: ${externalAddress}` };
  return asked.lifetimeSeconds === 0
    ? unmap(asked, datagram.source.hostname, options)
    : map(asked, datagram.source.hostname, options);
}

function decode(data: Uint8Array): Request | undefined {
  try {
    return decodeRequest(data);
  } catch (error) {
    if (error instanceof MalformedMessageError) return undefined;
    throw error;
  }
}

/** The result code that fails a request without a look at the table; `undefined` without one (§3.5). */
function refusalOf(asked: MapRequestMessage | undefined, options: HandleRequestOptions): number | undefined {
  const { faults, externalAddress } = options;
  const isDeletion = asked?.lifetimeSeconds === 0;
  if (asked !== undefined && faults.refuse) return RESULT.notAuthorized;
  if (externalAddress === undefined && !isDeletion) return RESULT.networkFailure;
  if (asked === undefined || isDeletion) return undefined;
  if (faults.full) return RESULT.outOfResources;
  // Undefined in the RFC; miniupnpd answers so.
  if (asked.internalPort === 0 && !faults.allowPortZero) return RESULT.notAuthorized;
  return undefined;
}

function map(asked: MapRequestMessage, address: string, options: HandleRequestOptions): RequestOutcome {
  const { table, faults, nowMs } = options;
  const { internalPort, protocol, lifetimeSeconds } = asked;
  const key = { address, internalPort, protocol };
  // ProtonVPN ignores what is suggested for port 0 and gives both protocols the same number.
  const companion = table.find({ ...key, protocol: OTHER_PROTOCOL[protocol] }, nowMs);
  const suggestedPort = internalPort === 0 ? companion?.externalPort ?? 0 : asked.externalPort;
  let mapping = table.grant({ ...key, suggestedPort, lifetimeSeconds }, nowMs);
  if (mapping === undefined) {
    const code = RESULT.outOfResources;
    return refused(describe(asked), code, refusalAnswer(code, asked, options));
  }
  if (faults.rotatePortEvery !== undefined && mapping.grants % faults.rotatePortEvery === 0) {
    mapping = table.rotate(key, nowMs) ?? mapping;
  }
  const text = `granted ${mapping.externalPort}, ${mapping.lifetimeSeconds} s`;
  return { answer: mapAnswer(asked, mapping, options), text: `${describe(asked)}: ${text}` };
}

/** Deletes (§3.4): what is absent is deleted already, what is static stays, and port 0 means all of one protocol. */
function unmap(asked: MapRequestMessage, address: string, options: HandleRequestOptions): RequestOutcome {
  const { table, faults } = options;
  const { internalPort, protocol } = asked;
  const deletesAll = internalPort === 0;
  const done = deletesAll
    ? table.deleteAll({ address, protocol })
    : faults.deleteByExternalPort
    ? deleteByExternalPort(asked, options)
    : table.delete({ address, internalPort, protocol });
  if (!done || (deletesAll && faults.partialDelete)) {
    const code = RESULT.notAuthorized;
    return refused(describe(asked), code, refusalAnswer(code, asked, options));
  }
  return { answer: mapAnswer(asked, undefined, options), text: `${describe(asked)}: deleted` };
}

/** The external port alone is looked up: the mapping may belong to anybody. */
function deleteByExternalPort(asked: MapRequestMessage, { table, nowMs }: HandleRequestOptions): boolean {
  const externalPort = asked.externalPort || asked.internalPort;
  const found = table.list(nowMs).find((mapping) =>
    mapping.protocol === asked.protocol && mapping.externalPort === externalPort
  );
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
