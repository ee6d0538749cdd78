/**
 * The service of one router that maps ports: where it is, and the actions that it is asked for. Knows nothing of leases.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type Effort, NotSupportedError, PortMapperError } from "../errors.ts";
import type { OpenSocket } from "../net/datagram.ts";
import type { ConnectStream } from "../net/stream.ts";
import { ActionRefused } from "./action_refused.ts";
import { getStatusInfo } from "./actions.ts";
import {
  FAULT,
  HTTP_TIMEOUT_MS,
  MAX_ANSWER_BYTES,
  MAX_DESCRIPTION_BYTES,
  MAX_SERVICES,
  MAX_TRACE_CHARS,
  OTHER_DESCRIPTION_TIMEOUT_MS,
} from "./constants.ts";
import { type Description, readDescription } from "./description.ts";
import { faultText } from "./faults.ts";
import { type HttpRequest, httpRequest, type HttpResponse } from "./http.ts";
import { HttpError, isSilence } from "./http_error.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { isOfRouter } from "./refusal_error.ts";
import { type FoundRouter, mayBeRouter, search } from "./search.ts";
import { type Action, type Answer, decodeAnswer, encodeAction } from "./soap.ts";

/** The states of a connection that leads somewhere. */
const CONNECTED: readonly string[] = ["Connected", "Up"];

/** The HTTP status of a fault (UDA 1.1 §3.2.5); some routers leave the fault itself out. */
const SOAP_FAULT_STATUS = 500;

/** Options of {@linkcode Igd}. */
export interface IgdOptions {
  /** The gateway's address. */
  readonly gateway: string;
  /** Where the description is, where a user has named it: nothing is searched for then. */
  readonly igdUrl?: URL | undefined;
  /** The address of this host that faces the gateway. */
  readonly localAddress?: string | undefined;
  /** The address of this host that mappings are to lead to; a connection from another one is of no use. */
  readonly sourceAddress?: string | undefined;
  /** Whether only answers from the gateway count. */
  readonly isGatewayNamed?: boolean | undefined;
  /** How long a search lasts at most, in milliseconds; by default as long as the operation. */
  readonly searchTimeoutMs?: number | undefined;
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly connectStream: ConnectStream;
  /** Called with what is sent and heard, for people. */
  readonly trace?: ((text: string) => void) | undefined;
}

/** The limits of an operation of several requests, and what it has cost so far. */
export class Operation {
  /** How many HTTP requests were sent. */
  attempts = 0;
  /** Whether the router was searched for. */
  hasSearched = false;
  readonly startedAtMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(clock: Clock, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.signal = signal;
    this.startedAtMs = clock.now();
  }

  /** The rest of the time, in milliseconds. */
  get leftMs(): number {
    return this.startedAtMs + this.#timeoutMs - this.#clock.now();
  }

  get effort(): Effort {
    return { attempts: this.attempts, elapsedMs: this.#clock.now() - this.startedAtMs };
  }
}

/** Where the service of a router is. */
export interface Place {
  readonly location: URL;
  readonly controlUrl: URL;
  /** The type of the service, as the actions name it. */
  readonly serviceType: string;
  /** Another number after each start, where the router sends one. */
  readonly bootId?: string | undefined;
}

/** A router and its description. */
export interface DescribedRouter {
  readonly router: FoundRouter;
  readonly description: Description;
}

/** A device that answered the search: its description and the service to use there, or why its description is unknown. */
export interface Sighting extends Partial<DescribedRouter> {
  readonly router: FoundRouter;
  /** Absent where it maps no ports. */
  readonly place?: Place | undefined;
  readonly problem?: string | undefined;
}

/** An answer to an action, and the address of this host that the router saw. */
export interface Answered {
  readonly values: ReadonlyMap<string, string>;
  readonly localAddress: string;
}

/** One router. It is searched for when it is first needed, and again when it has moved. */
export class Igd {
  readonly #options: IgdOptions;
  #place: Place | undefined;
  /** Whether the place is known to be this router's: by its description, or by an answer. */
  #isConfirmed = true;

  constructor(options: IgdOptions) {
    this.#options = options;
  }

  get place(): Place | undefined {
    return this.#place;
  }

  /**
   * Begins with a place that an earlier process found, unless one is known. A host that could not have answered a search
   * by this client is left alone: the gateway may be another one than that of the memory.
   *
   * @returns Whether it does.
   */
  recall(place: Place): boolean {
    const { hostname } = place.controlUrl;
    const { gateway } = this.#options;
    if (this.#place !== undefined) return false;
    if (hostname !== gateway && !mayBeRouter(hostname, this.#options)) return false;
    this.#place = place;
    this.#isConfirmed = false;
    return true;
  }

  /** Finds the service, unless it is known already. Throws a {@linkcode NotSupportedError} where there is none. */
  async find(operation: Operation): Promise<Place> {
    if (this.#place !== undefined) return this.#place;
    operation.hasSearched = true;
    this.#place = await this.#search(operation);
    this.#isConfirmed = true;
    return this.#place;
  }

  /**
   * Asks for an action. A router that is not at its place any more is searched for, once in an operation.
   *
   * @throws {ActionRefused} If the router refuses it.
   * @throws {HttpError} If it does not answer.
   * @throws {MalformedDocumentError} If its answer cannot be read.
   */
  async call(action: Action, operation: Operation): Promise<Answered> {
    const place = await this.find(operation);
    try {
      const answered = await this.#ask(place, action, operation);
      this.#isConfirmed = true;
      return answered;
    } catch (error) {
      operation.signal?.throwIfAborted();
      const mayHaveMoved = !operation.hasSearched && operation.leftMs > 0 &&
        hasMoved(error, this.#isConfirmed);
      if (!mayHaveMoved) throw error;
      this.#place = undefined;
      const found = await this.find(operation).catch((second) => {
        // Silence does not show that there is no UPnP any more; a closed port does.
        const isSilent = isSilence(error) && error.reason !== "refused";
        if (!isSilent || !(second instanceof NotSupportedError)) throw second;
        this.#place = place;
        throw error;
      });
      if (isSamePlace(found, place) && !(error instanceof HttpError)) throw error;
      return await this.#ask(found, action, operation);
    }
  }

  /** Asks the service at a certain place. Throws an {@linkcode ActionRefused} or an {@linkcode HttpError}. */
  askAt(place: Place, action: Action, operation: Operation): Promise<Answered> {
    return this.#ask(place, action, operation);
  }

  async #ask({ controlUrl, serviceType }: Place, action: Action, operation: Operation): Promise<Answered> {
    const { soapAction, body } = encodeAction(serviceType, action);
    const fields = [["Content-Type", 'text/xml; charset="utf-8"'], ["SOAPAction", soapAction]] as const;
    this.#trace(`-> ${controlUrl.host} UPnP ${action.name}${wordsOf(action)}`);
    const response = await this.#http(
      { method: "POST", url: controlUrl, fields, body },
      { maxBytes: MAX_ANSWER_BYTES },
      operation,
    );
    const answer = decodeAnswer(action, response);
    this.#trace(`<- ${controlUrl.host} UPnP ${action.name}: ${outcomeOf(answer)}`);
    const { status, localAddress } = response;
    const { sourceAddress } = this.#options;
    if (sourceAddress !== undefined && localAddress !== sourceAddress) {
      throw new PortMapperError(
        `Cannot speak UPnP from ${sourceAddress}: this host's connections to ${controlUrl.hostname} leave from ${localAddress}`,
        operation.effort,
      );
    }
    if (answer.kind === "values") return { values: answer.values, localAddress };
    const { code } = answer;
    throw code === undefined
      ? new ActionRefused(`HTTP status ${status} without a UPnP error`, {
        code: status,
        isHttp: true,
        localAddress,
      })
      : new ActionRefused(faultText(answer), { code, isHttp: false, localAddress });
  }

  /** A request, which is sent once more where the connection breaks. */
  async #http(
    request: HttpRequest,
    { maxBytes, maxMs = HTTP_TIMEOUT_MS }: { readonly maxBytes: number; readonly maxMs?: number },
    operation: Operation,
  ): Promise<HttpResponse> {
    for (let attempt = 1;; attempt++) {
      const timeoutMs = Math.min(maxMs, operation.leftMs);
      if (timeoutMs <= 0) throw new HttpError(`${request.url.host} did not answer in time`, "timeout");
      operation.attempts++;
      try {
        const { clock, connectStream: connect } = this.#options;
        return await httpRequest(request, { connect, clock, timeoutMs, maxBytes, signal: operation.signal });
      } catch (error) {
        const isBroken = error instanceof HttpError && error.reason === "broken";
        if (!isBroken || attempt > 1) throw error;
      }
    }
  }

  async #search(operation: Operation): Promise<Place> {
    const { gateway, igdUrl, clock, searchTimeoutMs = Infinity } = this.#options;
    if (igdUrl !== undefined) return await this.#findAt(igdUrl, operation);
    const startedAtMs = clock.now();
    const timeoutMs = Math.max(1, Math.min(operation.leftMs, searchTimeoutMs));
    let isOther = false;
    for await (const router of this.#routers(timeoutMs, operation)) {
      const described = await this.#describe(router, operation).catch((error) =>
        this.#passOver(router, error)
      );
      const place = described && await this.#choose(described, operation);
      if (place !== undefined) return place;
      isOther = true;
    }
    const searchedMs = Math.round(clock.now() - startedAtMs);
    throw noRouter(gateway, { searchedMs, isOther, effort: operation.effort });
  }

  /** The service of the description that a user has named. */
  async #findAt(igdUrl: URL, operation: Operation): Promise<Place> {
    const unusable = (why: string) =>
      new NotSupportedError(`${igdUrl.href} ${why}`, "no-service", { effort: operation.effort });
    try {
      const named = { location: igdUrl, address: igdUrl.hostname };
      const place = await this.#choose(await this.#describe(named, operation), operation);
      if (place !== undefined) return place;
    } catch (error) {
      if (error instanceof NotADescription) throw unusable(error.message);
      const isAnswer = error instanceof MalformedDocumentError ||
        (error instanceof HttpError && !isSilence(error));
      throw isAnswer ? unusable(`is not the description of a router: ${error.message}`) : error;
    }
    throw unusable("describes no service that maps ports");
  }

  /**
   * Every device that answers the search within this time, with its description. The first that maps ports is used from
   * then on. Answers are read to their end before anybody is asked for more, as a slow device would cost the others'.
   */
  async *survey(timeoutMs: number, operation: Operation): AsyncGenerator<Sighting> {
    const { igdUrl } = this.#options;
    const routers = igdUrl === undefined
      ? await Array.fromAsync(this.#routers(timeoutMs, operation))
      : [{ location: igdUrl, address: igdUrl.hostname }];
    for (const router of routers) {
      const sighting = await this.#look(router, operation);
      this.#place ??= sighting.place;
      yield sighting;
    }
  }

  async #look(router: FoundRouter, operation: Operation): Promise<Sighting> {
    try {
      const described = await this.#describe(router, operation);
      return { ...described, place: await this.#choose(described, operation) };
    } catch (error) {
      this.#passOver(router, error);
      return { router, problem: (error as Error).message };
    }
  }

  #routers(timeoutMs: number, { signal }: Operation): AsyncGenerator<FoundRouter> {
    return search({ ...this.#options, timeoutMs, signal });
  }

  #passOver({ location }: FoundRouter, error: unknown): undefined {
    if (!isOfRouter(error)) throw error;
    this.#trace(`${location.href} passed over: ${error.message}`);
    return undefined;
  }

  /** The first service that is connected to the Internet; of one alone nothing is asked. */
  async #choose({ router, description }: DescribedRouter, operation: Operation): Promise<Place | undefined> {
    const { location, bootId } = router;
    const places = description.services.slice(0, MAX_SERVICES).map(({ controlUrl, type }) => ({
      location,
      controlUrl,
      serviceType: type,
      bootId,
    }));
    if (places.length > 1) {
      for (const place of places) {
        const status = await this.#ask(place, getStatusInfo(), operation)
          .catch((error) => isOfRouter(error) ? undefined : Promise.reject(error));
        if (CONNECTED.includes(status?.values.get("NewConnectionStatus") ?? "")) return place;
      }
    }
    return places[0];
  }

  async #describe(router: FoundRouter, operation: Operation): Promise<DescribedRouter> {
    const { location, address, rewrittenHost } = router;
    const { gateway, igdUrl } = this.#options;
    this.#trace(`-> ${location.host} UPnP description ${location.pathname}`);
    const isAsked = address === gateway || igdUrl !== undefined;
    const response = await this.#http(
      { method: "GET", url: location },
      {
        maxBytes: MAX_DESCRIPTION_BYTES,
        maxMs: isAsked ? HTTP_TIMEOUT_MS : OTHER_DESCRIPTION_TIMEOUT_MS,
      },
      operation,
    );
    if (response.status !== 200) {
      throw new NotADescription(`is not a description (HTTP status ${response.status})`);
    }
    const description = readDescription(response.body, {
      location,
      allowedHosts: [address, gateway],
      rewrittenHost,
    });
    return { router, description };
  }

  #trace(text: string): void {
    const { trace } = this.#options;
    trace?.(text.length > MAX_TRACE_CHARS ? `${text.slice(0, MAX_TRACE_CHARS)}…` : text);
  }
}

/** A place that answers, by something else than a description. The message follows the URL. */
class NotADescription extends MalformedDocumentError {}

/** Options of {@linkcode noRouter}. */
export interface NoRouterOptions {
  readonly searchedMs: number;
  /** Whether a device answered that maps no ports. */
  readonly isOther: boolean;
  readonly effort?: Effort | undefined;
}

/** The error of a search that found no router. */
export function noRouter(
  gateway: string,
  { searchedMs, isOther, effort }: NoRouterOptions,
): NotSupportedError {
  // It lasts a few milliseconds longer than it is to.
  const seconds = Math.round(searchedMs / 50) / 20;
  const which = isOther ? "No router that maps ports" : "No router";
  return new NotSupportedError(
    `${which} answered the search at ${gateway} within ${seconds} s`,
    "no-service",
    effort === undefined ? {} : { effort },
  );
}

function isSamePlace(a: Place, b: Place): boolean {
  return a.controlUrl.href === b.controlUrl.href && a.serviceType === b.serviceType;
}

/** Whether a failure may mean that the router is at another place now. A fault of a place that is sure is an answer. */
function hasMoved(error: unknown, isConfirmed: boolean): boolean {
  if (!(error instanceof ActionRefused)) {
    return error instanceof HttpError || error instanceof MalformedDocumentError;
  }
  const { code, isHttp } = error;
  return isConfirmed ? isHttp && code !== SOAP_FAULT_STATUS : isHttp || code === FAULT.invalidAction;
}

function wordsOf({ args }: Action): string {
  return args.map(([name, value]) => ` ${name.replace(/^New/, "")}=${value}`).join("");
}

function outcomeOf(answer: Answer): string {
  if (answer.kind === "values") {
    return [...answer.values].map(([name, value]) => `${name.replace(/^New/, "")}=${value.slice(0, 200)}`)
      .join(" ") ||
      "done";
  }
  return answer.code === undefined ? "an HTTP error" : `error ${answer.code} ${answer.text}`;
}
