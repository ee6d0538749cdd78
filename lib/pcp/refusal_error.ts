/**
 * The meaning of a gateway's refusal to the caller (RFC 6887 §7.4).
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import {
  DeletionRefusedError,
  type Effort,
  NotSupportedError,
  type NotSupportedReason,
  type Refusal,
  RefusedError,
} from "../errors.ts";
import { MAX_ERROR_SECONDS, MIN_ERROR_SECONDS, OLDER_VERSIONS, RESULT, resultName } from "./constants.ts";
import type { Response } from "./message.ts";
import { type UnmapRequest, wallEndOf } from "../port_mapper.ts";

/** The parts of the protocol that a gateway may lack. */
const LACKS: ReadonlyMap<number, NotSupportedReason> = new Map([
  [RESULT.unsupportedVersion, "unsupported-version"],
  [RESULT.unsupportedOpcode, "unsupported-opcode"],
  [RESULT.unsupportedProtocol, "unsupported-protocol"],
]);

/** The refusals with a meaning that other protocols share. The others are mistakes of the request, and undefined. */
const REFUSALS: ReadonlyMap<number, Refusal> = new Map([
  [RESULT.notAuthorized, "not-authorized"],
  [RESULT.networkFailure, "network-failure"],
  [RESULT.noResources, "out-of-resources"],
  [RESULT.quotaExceeded, "out-of-resources"],
  [RESULT.cannotProvideExternal, "port-unavailable"],
  [RESULT.addressMismatch, "not-authorized"],
  [RESULT.excessiveRemotePeers, "out-of-resources"],
]);

/** Makes the error for a reply that is a refusal; `undefined` for a success. */
export function refusalError(
  gateway: string,
  reply: Response,
  effort: Effort,
): RefusedError | NotSupportedError | undefined {
  if (reply.kind === "version-error") {
    const { version } = reply;
    const speaks = version === OLDER_VERSIONS.natPmp
      ? "NAT-PMP, not PCP"
      : `version ${version} of PCP, not version 2`;
    return new NotSupportedError(`${gateway} speaks ${speaks}`, "unsupported-version", {
      resultCode: RESULT.unsupportedVersion,
      version,
      effort,
    });
  }
  if (reply.kind !== "refusal") return undefined;
  const { resultCode, lifetimeSeconds } = reply;
  const message = `${gateway} answered: ${resultText(resultCode)}`;
  const lack = LACKS.get(resultCode);
  if (lack !== undefined) return new NotSupportedError(message, lack, { resultCode, effort });
  return new RefusedError(message, REFUSALS.get(resultCode) ?? "unknown-result", {
    resultCode,
    holdsMs: Math.min(MAX_ERROR_SECONDS, Math.max(MIN_ERROR_SECONDS, lifetimeSeconds)) * 1000,
    effort,
  });
}

/** A result in words. Its number means something else in NAT-PMP, so it names its protocol. */
export function resultText(resultCode: number): string {
  const text = `${resultName(resultCode)} (PCP result ${resultCode})`;
  return resultCode === RESULT.addressMismatch
    ? `${text}: another NAT or a proxy is between this host and the router`
    : text;
}

/** The error of a deletion that is not even asked for (§15.1). */
export function nonceUnknown(clock: Clock, mapping: UnmapRequest): DeletionRefusedError {
  const { protocol, internalPort } = mapping;
  return new DeletionRefusedError(
    `Only the program that opened ${protocol} port ${internalPort} over PCP can close it: ` +
      "this host does not have its nonce",
    "not-authorized",
    { resultCode: RESULT.notAuthorized, ...remains(clock, mapping) },
  );
}

/** The error of a deletion that the gateway refused. */
export function deletionRefused(
  gateway: string,
  refused: RefusedError,
  { mapping, clock }: { readonly mapping: UnmapRequest; readonly clock: Clock },
): DeletionRefusedError {
  const { refusal, resultCode, holdsMs, effort } = refused;
  const message = `${gateway} refused to delete the mapping: ${resultText(resultCode)}`;
  return new DeletionRefusedError(message, refusal, {
    resultCode,
    holdsMs,
    ...remains(clock, mapping),
    ...(effort === undefined ? {} : { effort }),
  });
}

function remains(clock: Clock, { protocol, internalPort, expiresAtMs }: UnmapRequest) {
  return { mapping: { protocol, internalPort }, livesUntil: wallEndOf(clock, expiresAtMs) };
}
