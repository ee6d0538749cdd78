import { withOther } from "../../auto_race.ts";
import { isUnsuitable, type SurveyedRouter, type UpnpSurvey, type ViaChoice } from "../../backends.ts";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "../../errors.ts";
import type { GatewayInfo, PortMapper } from "../../port_mapper.ts";
import { stopsCommand } from "../session.ts";
import type { Outcome, ProtocolAnswer } from "./examination.ts";

/** Where NAT-PMP is tried too, PCP is waited for this long: enough for a slow router, and NAT-PMP's turn comes soon. */
const PCP_TIMEOUT_MS = 2000;

/** The protocols of port 5351, in the order in which other commands ask. */
const PORT_PROTOCOLS = ["pcp", "nat-pmp"] as const;

/** Options of {@linkcode askProtocols}. */
export interface AskProtocolsOptions {
  /** The protocol to ask in; each by default. */
  readonly via: ViaChoice;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Makes the client of one protocol of port 5351. */
  readonly open: (via: typeof PORT_PROTOCOLS[number]) => Promise<PortMapper>;
  /** Searches for UPnP routers. */
  readonly survey: () => Promise<UpnpSurvey>;
}

/** The first protocol that will do. */
interface Spoken {
  readonly mapper: PortMapper;
  readonly answer: Outcome<GatewayInfo>;
}

/** The answers in each protocol. */
export interface AskedProtocols {
  readonly protocols: readonly ProtocolAnswer[];
  /** Absent where none will do. */
  readonly spoken?: Spoken | undefined;
  /** The routers that answered the search of UPnP; absent where there was none. */
  readonly upnpRouters?: readonly SurveyedRouter[] | undefined;
}

/** Asks in each protocol, one after the other. */
export async function askProtocols(options: AskProtocolsOptions): Promise<AskedProtocols> {
  const { via } = options;
  const ofPort = via === "upnp" ? { protocols: [] } : await askPort(options);
  if (via !== "auto" && via !== "upnp") return ofPort;
  const { answer, mapper, upnpRouters } = await askUpnp(options);
  const spoken = ofPort.spoken ?? (mapper !== undefined && isSpoken(answer) ? { mapper, answer } : undefined);
  return { protocols: [...ofPort.protocols, { via: "upnp", answer }], spoken, upnpRouters };
}

async function askPort({ open, via, timeoutMs, signal }: AskProtocolsOptions): Promise<AskedProtocols> {
  const vias = PORT_PROTOCOLS.filter((one) => via === "auto" || via === one);
  const protocols: ProtocolAnswer[] = [];
  let spoken: Spoken | undefined;
  for (const one of vias) {
    const mapper = await open(one);
    const isLast = one === vias.at(-1);
    const limits = { signal, timeoutMs: isLast ? timeoutMs : Math.min(timeoutMs, PCP_TIMEOUT_MS) };
    const answer = await attempt(() => mapper.probe(limits));
    if (!isLast && "error" in answer && isOfBoth(answer.error)) {
      delete answer.error.via;
      return { protocols: vias.map((via) => ({ via, answer })) };
    }
    protocols.push({ via: one, answer });
    if (isSpoken(answer)) spoken ??= { mapper, answer };
  }
  return { protocols, spoken };
}

/** Where somebody named UPnP, a router that answers the search late has until the timeout, as in other commands. */
async function askUpnp({ survey, via, timeoutMs, signal }: AskProtocolsOptions) {
  const surveyed = await attempt(survey);
  if ("error" in surveyed) return { answer: surveyed };
  const { routers: upnpRouters, failure, mapper } = surveyed.value;
  const answer = failure !== undefined && via === "auto"
    ? { error: failure }
    : await attempt<GatewayInfo>(() => mapper.findAddress!({ signal, timeoutMs }));
  return { answer, mapper, upnpRouters };
}

/**
 * The failure that other commands end with where no protocol will do: a refusal, or the answer of a router that the
 * search found, has a better story than that another protocol is not spoken.
 */
export function failureOfAll(protocols: readonly ProtocolAnswer[]): Outcome<GatewayInfo> {
  const refused = protocols.find(({ answer }) => isRefused(answer));
  if (refused !== undefined) return refused.answer;
  const last = protocols.at(-1)!;
  const ofPort = protocols.findLast(({ via }) => via !== "upnp");
  const error = errorOf(last.answer);
  if (last.via !== "upnp" || ofPort === undefined || error instanceof NoAnswerError) return last.answer;
  const portError = errorOf(ofPort.answer);
  return portError instanceof NotSupportedError ? { error: withOther(portError, error) } : ofPort.answer;
}

/** A closed port, and a socket or a turn that cannot be had, are so for either protocol. */
function isOfBoth(error: unknown): error is PortMapperError {
  return stopsCommand(error) && !(error instanceof NoAnswerError) && !isUnsuitable(error);
}

/** A refusal shows that a protocol is spoken, as a success does. */
function isSpoken(answer: Outcome<GatewayInfo>): boolean {
  return "value" in answer || (isRefused(answer) && !isUnsuitable(answer.error));
}

function isRefused(answer: Outcome<GatewayInfo>): answer is { readonly error: RefusedError } {
  return errorOf(answer) instanceof RefusedError;
}

function errorOf(answer: Outcome<GatewayInfo>): unknown {
  return "error" in answer ? answer.error : undefined;
}

/** An error that the gateway, its absence or this host causes is an outcome; every other one is not. */
export async function attempt<T>(find: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await find() };
  } catch (error) {
    if (!(error instanceof PortMapperError)) throw error;
    return { error };
  }
}
