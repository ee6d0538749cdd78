/**
 * The simulated gateway's handling of one request of HTTP: descriptions, and actions of SOAP 1.1 (UPnP Device
 * Architecture 1.1 §2, §3). It is strict where routers are, so that a careless client is found out.
 *
 * @module
 */

import { parseIpv4 } from "../net/ipv4.ts";
import { otherAddress } from "./adversity.ts";
import type { HttpRequest } from "./http_request.ts";
import type { HttpAnswer } from "./http_response.ts";
import { type ActionOutcome, ACTIONS } from "./upnp_actions.ts";
import {
  ACTION_ARGUMENTS,
  type ActionArguments,
  type ActionName,
  actionsOf,
  LINK_ACTIONS,
} from "./upnp_actions_table.ts";
import {
  connectionType,
  DESCRIPTION_PATH,
  fulfils,
  HOSTILE_TEXT,
  LINK_TYPE,
  type TypeName,
  type UpnpContext,
} from "./upnp_context.ts";
import {
  CONNECTION_PATHS,
  connectionDescription,
  deviceDescription,
  LINK_PATHS,
  linkDescription,
} from "./upnp_description.ts";
import { describeError, ERROR, type ErrorCode } from "./upnp_errors.ts";
import { element, unescapeXml, withoutNamespaces } from "./xml_text.ts";

/** The path under which everything is found after a redirect. */
const MOVED = "/moved";

/**
 * Handles a request.
 *
 * @param request The request.
 * @param client The address of the client.
 * @param context The gateway.
 * @returns The content of the answer.
 */
export function handleHttp(request: HttpRequest, client: string, context: UpnpContext): HttpAnswer {
  const answer = route(request, client, context);
  const body = context.faults.upnpNoNamespaces ? withoutNamespaces(answer.body) : answer.body;
  return { ...answer, body };
}

/**
 * The answer to something that is not a request.
 *
 * @returns Status 400.
 */
export function badRequest(): HttpAnswer {
  return failure(400, "something that is not a request of HTTP");
}

function route(request: HttpRequest, client: string, context: UpnpContext): HttpAnswer {
  const { method, headers, body } = request;
  const heard = `${method} ${request.path}`;
  const host = headers.get("host");
  if (host === undefined) return failure(400, `${heard} without Host`);
  // miniupnpd defends itself so against web pages that name it in their own domain.
  if (parseIpv4(host.replace(/:[0-9]+$/, "")) === undefined) return failure(404, `${heard} for host ${host}`);
  const path = normalize(request.path, context);
  if (method === "GET") return getDescription(path, heard, context);
  if (method !== "POST") return failure(501, heard);
  const service = serviceAt(path, context);
  if (service === undefined) return failure(404, heard);
  if (!/^text\/xml\b/i.test(headers.get("content-type") ?? "")) {
    return failure(415, `${heard} without text/xml`);
  }
  const call = readCall(headers.get("soapaction") ?? "", body);
  if (typeof call === "string") return failure(400, `${heard} with ${call}`);
  return act(call, service, client, context);
}

function normalize(path: string, { faults }: UpnpContext): string {
  const single = faults.upnpDoubleSlash ? path.replace(/^\/{2,}/, "/") : path;
  return faults.upnpRedirect === "same" && single.startsWith(MOVED) ? single.slice(MOVED.length) : single;
}

function getDescription(path: string, heard: string, context: UpnpContext): HttpAnswer {
  const { faults, http: { hostname, port } } = context;
  const isMoved = heard.includes(` ${MOVED}/`);
  if (faults.upnpRedirect !== undefined && !isMoved) {
    const host = faults.upnpRedirect === "same" ? hostname : otherAddress(hostname);
    const prefix = faults.upnpRedirect === "same" ? MOVED : "";
    return { ...failure(302, heard), location: `http://${host}:${port}${prefix}${path}` };
  }
  const documents: Readonly<Record<string, () => string>> = {
    [DESCRIPTION_PATH]: () => deviceDescription(context),
    [CONNECTION_PATHS.description]: () => connectionDescription(context),
    [LINK_PATHS.description]: linkDescription,
  };
  const write = Object.hasOwn(documents, path) ? documents[path] : undefined;
  return write === undefined ? failure(404, heard) : { status: 200, body: write(), text: heard };
}

/** A service that has actions. */
interface Service {
  readonly type: TypeName;
  readonly argumentsOf: (action: string) => ActionArguments | undefined;
  readonly run: (action: string, values: readonly string[], client: string) => ActionOutcome;
}

function serviceAt(path: string, context: UpnpContext): Service | undefined {
  if (path === CONNECTION_PATHS.control) {
    const isKnown = (action: string): action is ActionName =>
      actionsOf(context.version).some((name) => name === action);
    return {
      type: connectionType(context),
      argumentsOf: (action) => isKnown(action) ? ACTION_ARGUMENTS[action] : undefined,
      run: (action, values, client) =>
        isKnown(action) ? ACTIONS[action]({ values, client }, context) : ERROR.invalidAction,
    };
  }
  if (path !== LINK_PATHS.control) return undefined;
  const status = context.externalAddress === undefined ? "Down" : "Up";
  return {
    type: LINK_TYPE,
    argumentsOf: (action) => Object.hasOwn(LINK_ACTIONS, action) ? LINK_ACTIONS[action] : undefined,
    run: () => ({ values: ["Ethernet", "100000000", "1000000000", status], text: status }),
  };
}

/** An action that is asked for. */
interface Call {
  readonly service: string;
  readonly action: string;
  /** The arguments in the order of the request. */
  readonly given: readonly (readonly [name: string, value: string])[];
}

const ENVELOPE = new RegExp(
  String.raw`^\s*(?:<\?xml[^>]*\?>)?\s*<([\w-]+):Envelope\b([^>]*)>\s*<\1:Body>\s*` +
    String.raw`<([\w-]+):(\w+)\s+xmlns:\3="([^"]*)"\s*(?:/>|>(.*)</\3:\4>)\s*</\1:Body>\s*</\1:Envelope>\s*$`,
  "s",
);
const ARGUMENT = /\s*<(\w+)(?:\s*\/>|>([^<]*)<\/\1>)\s*/gy;

/** Reads a call, or what is wrong with it. */
function readCall(soapAction: string, body: string): Call | string {
  const [, service, action] = /^"([^"#]+)#(\w+)"$/.exec(soapAction) ?? [];
  if (service === undefined || action === undefined) return `the SOAPAction ${soapAction || "of nobody"}`;
  const [, , attributes = "", , bodyAction, bodyService, inner = ""] = ENVELOPE.exec(body) ?? [];
  if (bodyAction === undefined || !attributes.includes('"http://schemas.xmlsoap.org/soap/envelope/"')) {
    return "a body that is not an envelope";
  }
  if (bodyAction !== action || bodyService !== service) {
    return "a body for another action than its SOAPAction";
  }
  const given: [string, string][] = [];
  let end = 0;
  for (const match of inner.matchAll(ARGUMENT)) {
    given.push([match[1] ?? "", unescapeXml(match[2] ?? "")]);
    end = match.index + match[0].length;
  }
  return end === inner.trimEnd().length || end === inner.length
    ? { service, action, given }
    : "a body whose arguments are not elements";
}

function act(call: Call, service: Service, client: string, context: UpnpContext): HttpAnswer {
  const { action, given } = call;
  const heard = `UPnP ${action} ${given.map(([, value]) => value).filter((value) => value !== "").join(" ")}`
    .trimEnd();
  const wanted = fulfils(service.type, call.service) ? service.argumentsOf(action) : undefined;
  if (wanted === undefined) return soapFault(ERROR.invalidAction, heard, context);
  // The standard asks for all arguments, in its own order (UPnP Device Architecture 1.1 §3.2.1).
  const isComplete = given.length === wanted.input.length &&
    wanted.input.every((name, i) => name === given[i]?.[0]);
  if (!isComplete) return soapFault(ERROR.invalidArgs, heard, context);
  const outcome = service.run(action, given.map(([, value]) => value), client);
  if (typeof outcome === "number") return soapFault(outcome, heard, context);
  const values = wanted.output.map((name, i) => element(name, outcome.values[i] ?? ""));
  const answer = `<u:${action}Response xmlns:u="${call.service}">${values.join("")}</u:${action}Response>`;
  return {
    status: 200,
    body: `<?xml version="1.0"?>\n${envelope(answer)}`,
    text: `${heard}: ${outcome.text}`,
  };
}

function soapFault(code: ErrorCode, heard: string, { faults }: UpnpContext): HttpAnswer {
  const text = `${heard}: error ${code}, ${describeError(code)}`;
  if (faults.upnpEmptyError) return { status: 500, body: "", text };
  const error = element("errorCode", `${code}`) +
    element("errorDescription", faults.upnpHostileText ? HOSTILE_TEXT : describeError(code));
  const body = envelope(
    "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>" +
      `<detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0">${error}</UPnPError></detail></s:Fault>`,
  );
  return { status: faults.upnpErrorIn200 ? 200 : 500, body, text };
}

function envelope(content: string): string {
  return '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' + element("s:Body", content) +
    "</s:Envelope>";
}

/** An answer that is for people, if for anybody. */
function failure(status: number, heard: string): HttpAnswer {
  const body = `<html><body>${status}</body></html>`;
  return { status, contentType: "text/html", body, text: `${heard}: ${status}` };
}
