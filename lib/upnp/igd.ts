/**
 * The service of one router that maps ports: where it is, and the actions that it is asked for. Knows nothing of leases.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type Effort, NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "../errors.ts";
import type { OpenSocket } from "../net/datagram.ts";
import type { ConnectStream } from "../net/stream.ts";
import { ActionRefused } from "./action_refused.ts";
import { getStatusInfo } from "./actions.ts";
import { FAULT, HTTP_TIMEOUT_MS, MAX_ANSWER_BYTES, MAX_DESCRIPTION_BYTES } from "./constants.ts";
import { type Description, readDescription } from "./description.ts";
import { faultText } from "./faults.ts";
import { type HttpRequest, httpRequest, type HttpResponse } from "./http.ts";
import { HttpError } from "./http_error.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";
import { type FoundRouter, search } from "./search.ts";
import { type Action, type Answer, decodeAnswer, encodeAction } from "./soap.ts";

/** The states of a connection that leads somewhere. */
const CONNECTED: readonly string[] = ["Connected", "Up"];

/** Options of {@linkcode Igd}. */
export interface IgdOptions {
  /** The gateway's address. */
  readonly gateway: string;
  /** Where the description is, where a user has named it: nothing is searched for then. */
  readonly igdUrl?: URL | undefined;
  /** The address of this host that faces the gateway. */
  readonly localAddress?: string | undefined;
  /** Whether only answers from the gateway count. */
  readonly isGatewayNamed?: boolean | undefined;
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly connectStream: ConnectStream;
  /** Called with what is sent and heard, for people. */
  readonly trace?: ((text: string) => void) | undefined;
}

/** The limits of an operation of several requests, and what it has cost so far. */
export class Operation {
  /** How many requests were sent. */
  attempts = 0;
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
  /** Whether the place is from an earlier process, so that it may be old. */
  #isRemembered = false;

  constructor(options: IgdOptions) {
    this.#options = options;
  }

  get place(): Place | undefined {
    return this.#place;
  }

  /** Begins with a place that an earlier process found. */
  recall(place: Place): void {
    if (this.#place !== undefined) return;
    this.#place = place;
    this.#isRemembered = true;
  }

  /** Finds the service, unless it is known already. Throws a {@linkcode NotSupportedError} where there is none. */
  async find(operation: Operation): Promise<Place> {
    return this.#place ??= await this.#search(operation);
  }

  /**
   * Asks for an action. Where the router has moved, it is searched for once more.
   *
   * @throws {ActionRefused} If the router refuses it.
   */
  async call(action: Action, operation: Operation): Promise<Answered> {
    const place = await this.find(operation);
    try {
      return await this.#ask(place, action, operation);
    } catch (error) {
      if (!this.#isRemembered || !hasMoved(error)) throw this.#failure(error, operation);
      this.#place = undefined;
      this.#isRemembered = false;
      const found = await this.find(operation);
      return await this.#ask(found, action, operation)
        .catch((error) => Promise.reject(this.#failure(error, operation)));
    }
  }

  /** Asks the service at a certain place. Throws an {@linkcode ActionRefused} or an {@linkcode HttpError}. */
  askAt(place: Place, action: Action, operation: Operation): Promise<Answered> {
    return this.#ask(place, action, operation);
  }

  async #ask({ controlUrl, serviceType }: Place, action: Action, operation: Operation): Promise<Answered> {
    const { soapAction, body } = encodeAction(serviceType, action);
    const fields = [["Content-Type", 'text/xml; charset="utf-8"'], ["SOAPAction", soapAction]] as const;
    this.#options.trace?.(`-> ${controlUrl.host} UPnP ${action.name}${wordsOf(action)}`);
    const response = await this.#http(
      { method: "POST", url: controlUrl, fields, body },
      MAX_ANSWER_BYTES,
      operation,
    );
    const answer = decodeAnswer(action, response);
    this.#options.trace?.(`<- ${controlUrl.host} UPnP ${action.name}: ${outcomeOf(answer)}`);
    const { status, localAddress } = response;
    if (answer.kind === "values") {
      // From then on a failure is not one of an old place.
      this.#isRemembered = false;
      return { values: answer.values, localAddress };
    }
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
    maxBytes: number,
    operation: Operation,
  ): Promise<HttpResponse> {
    for (let attempt = 1;; attempt++) {
      const timeoutMs = Math.min(HTTP_TIMEOUT_MS, operation.leftMs);
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
    const { gateway, igdUrl } = this.#options;
    if (igdUrl !== undefined) {
      const named = { location: igdUrl, address: igdUrl.hostname };
      const described = await this.#describe(named, operation)
        .catch((error) => Promise.reject(this.#failure(error, operation)));
      const place = await this.#choose(described, operation);
      if (place !== undefined) return place;
      throw new NotSupportedError(`${igdUrl} describes no service that maps ports`, "no-service", {
        effort: operation.effort,
      });
    }
    const startedAtMs = this.#options.clock.now();
    const waitMs = Math.max(1, operation.leftMs);
    let isOther = false;
    for await (const router of this.#routers(waitMs, operation)) {
      const described = await this.#describe(router, operation).catch((error) =>
        this.#passOver(router, error)
      );
      const place = described && await this.#choose(described, operation);
      if (place !== undefined) return place;
      isOther = true;
    }
    const searchedMs = Math.round(this.#options.clock.now() - startedAtMs);
    throw noRouter(gateway, { searchedMs, isOther, effort: operation.effort });
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
    if (!(error instanceof HttpError || error instanceof MalformedDocumentError)) throw error;
    this.#options.trace?.(`${location.href} passed over: ${error.message}`);
    return undefined;
  }

  /** The first service that is connected to the Internet; of one alone nothing is asked. */
  async #choose({ router, description }: DescribedRouter, operation: Operation): Promise<Place | undefined> {
    const { location, bootId } = router;
    const places = description.services.map(({ controlUrl, type }) => ({
      location,
      controlUrl,
      serviceType: type,
      bootId,
    }));
    if (places.length > 1) {
      for (const place of places) {
        const status = await this.#ask(place, getStatusInfo(), operation)
          .catch((error) => error instanceof PortMapperError ? Promise.reject(error) : undefined);
        if (CONNECTED.includes(status?.values.get("NewConnectionStatus") ?? "")) return place;
      }
    }
    return places[0];
  }

  async #describe(router: FoundRouter, operation: Operation): Promise<DescribedRouter> {
    const { location, address, rewrittenHost } = router;
    this.#options.trace?.(`-> ${location.host} UPnP description ${location.pathname}`);
    const response = await this.#http(
      { method: "GET", url: location },
      MAX_DESCRIPTION_BYTES,
      operation,
    );
    if (response.status !== 200) {
      throw new MalformedDocumentError(
        `${location.href} is not a description (HTTP status ${response.status})`,
      );
    }
    const description = readDescription(response.body, {
      location,
      allowedHosts: [address, this.#options.gateway],
      rewrittenHost,
    });
    return { router, description };
  }

  /** The error for callers. */
  #failure(error: unknown, { effort }: Operation): unknown {
    if (error instanceof MalformedDocumentError) {
      return new RefusedError(error.message, "unknown-result", { resultCode: 0, effort });
    }
    if (!(error instanceof HttpError)) return error;
    return SILENCES.includes(error.reason)
      ? new NoAnswerError(error.message, effort, { discarded: new Map() })
      : new RefusedError(error.message, "unknown-result", { resultCode: 0, effort });
  }
}

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
  const which = isOther ? "No router that maps ports" : "No router";
  return new NotSupportedError(
    `${which} answered the search at ${gateway} within ${searchedMs / 1000} s`,
    "no-service",
    effort === undefined ? {} : { effort },
  );
}

/** The failures of a router that does not answer; the others are answers that cannot be read. */
const SILENCES: readonly HttpError["reason"][] = ["refused", "unreachable", "timeout", "broken"];

/** Whether an error of a place from an earlier process may mean that the router has another one now. */
function hasMoved(error: unknown): boolean {
  if (error instanceof ActionRefused) {
    return error.isHttp || error.code === FAULT.invalidAction;
  }
  return error instanceof HttpError || error instanceof MalformedDocumentError ||
    error instanceof PortMapperError;
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
