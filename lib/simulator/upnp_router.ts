/**
 * The simulated gateway's side of UPnP: searches and requests of HTTP in, answers out. Pure.
 *
 * @module
 */

import { type Datagram, type Endpoint, formatEndpoint } from "../net/datagram.ts";
import { Adversity, type Emission } from "./adversity.ts";
import { type Faults, strikes } from "./faults.ts";
import type { GatewayContext } from "./gateway_state.ts";
import type { HttpRequest } from "./http_request.ts";
import { encodeResponse } from "./http_response.ts";
import type { UpnpContext, UpnpVersion } from "./upnp_context.ts";
import { badRequest, handleHttp } from "./upnp_handler.ts";
import { answerSearch } from "./upnp_search.ts";

/** An answer of HTTP. */
export interface HttpPlan {
  /** How long it waits before it leaves, in milliseconds. */
  readonly delayMs: number;
  /** Its bytes, part by part, after which the connection ends; `undefined` when it stays open and silent. */
  readonly parts: Iterable<Uint8Array> | undefined;
}

/** A client's message of HTTP. */
export interface HttpMessage {
  /** The client. */
  readonly client: Endpoint;
  /** The request; `undefined` where the client sent something else. */
  readonly request: HttpRequest | undefined;
  /** Where the gateway serves HTTP. */
  readonly http: Endpoint;
}

/** What a message meets. */
export interface Meeting {
  /** The gateway at this time. */
  readonly context: GatewayContext;
  /** Takes a line for people. */
  readonly log: (line: string) => void;
}

/** A router that speaks UPnP. */
export class UpnpRouter {
  readonly #version: UpnpVersion;
  readonly #adversity = new Adversity();
  #bootId = 1;
  #searches = 0;
  #httpRequests = 0;

  /**
   * Makes a router that has just booted.
   *
   * @param version What it is.
   */
  constructor(version: UpnpVersion) {
    this.#version = version;
  }

  /** How many datagrams came to the port of searches. */
  get searches(): number {
    return this.#searches;
  }

  /** How many requests of HTTP came. */
  get httpRequests(): number {
    return this.#httpRequests;
  }

  /** Boots again. */
  reboot(): void {
    this.#bootId++;
    this.#adversity.reset();
  }

  /**
   * Hears a datagram that came to the port of searches. The faults of delivery are its own.
   *
   * @param datagram The datagram.
   * @param http Where the gateway serves HTTP.
   * @param meeting The gateway.
   * @returns The datagrams that go out because of it, from the port of searches.
   */
  search(datagram: Datagram, http: Endpoint, meeting: Meeting): Emission[] {
    this.#searches++;
    const { context, context: { faults } } = meeting;
    const log = (line: string) => meeting.log(printable(line));
    const from = formatEndpoint(datagram.source);
    if (this.#adversity.losesRequest(faults)) {
      log(`${from} search lost`);
      return [];
    }
    const { answers, text } = answerSearch(datagram.data, this.#contextFor(http, context));
    const kept = answers.filter(() => !this.#adversity.losesReply(faults));
    log(`${from} ${text}${kept.length < answers.length ? " (reply lost)" : ""}`);
    const delivery = { ...faults, latencyMs: faults.upnpSearchLatencyMs ?? faults.latencyMs ?? 0 };
    return kept.flatMap((answer) => this.#adversity.send(answer, datagram.source, delivery));
  }

  /**
   * Handles a message of HTTP.
   *
   * @param message The message.
   * @param meeting The gateway.
   * @returns The answer.
   */
  serve({ client, request, http }: HttpMessage, meeting: Meeting): HttpPlan {
    this.#httpRequests++;
    const { context, context: { faults } } = meeting;
    const log = (line: string) => meeting.log(printable(line));
    const from = formatEndpoint(client);
    const delayMs = faults.upnpHttpLatencyMs ?? faults.latencyMs ?? 0;
    const refused = this.#refusal(faults);
    if (refused !== undefined) {
      log(`${from} ${request === undefined ? "junk" : `${request.method} ${request.path}`}: ${refused.text}`);
      return { delayMs, parts: refused.parts };
    }
    const answer = request === undefined
      ? badRequest()
      : handleHttp(request, client.hostname, this.#contextFor(http, context));
    log(`${from} ${answer.text}`);
    return { delayMs, parts: encodeResponse(answer, faults) };
  }

  #refusal(faults: Faults): { readonly text: string; readonly parts: [] | undefined } | undefined {
    if (faults.silent) return { text: "silent", parts: undefined };
    if (strikes(faults.upnpHangUp, this.#httpRequests)) return { text: "hung up", parts: [] };
    return undefined;
  }

  #contextFor(http: Endpoint, context: GatewayContext): UpnpContext {
    return { ...context, version: this.#version, http, bootId: this.#bootId };
  }
}

/** A line as a terminal may get it, since the rest of it is a client's. */
function printable(line: string): string {
  return line.replaceAll(/[\p{C}\u2028\u2029]/gu, "?");
}
