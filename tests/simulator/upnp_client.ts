/**
 * Requests of UPnP as text, and a gateway that is asked them without a network.
 *
 * @module
 */

import { parseHttpRequest } from "../../lib/simulator/http_request.ts";
import { SimulatedGateway, type SimulatedGatewayOptions } from "../../lib/simulator/simulated_gateway.ts";

/** Where the gateway serves HTTP. */
export const HTTP = { hostname: "192.168.1.1", port: 5000 };

/** The client. */
export const CLIENT = { hostname: "192.168.1.2", port: 50_000 };

/** The types of the service that maps ports. */
export const IP_1 = "urn:schemas-upnp-org:service:WANIPConnection:1";
export const IP_2 = "urn:schemas-upnp-org:service:WANIPConnection:2";

/** A gateway of version 1, unless told otherwise, that has just started. */
export function upnpGateway(options: Partial<SimulatedGatewayOptions> = {}): SimulatedGateway {
  return new SimulatedGateway({
    externalAddress: "203.0.113.7",
    random: () => 0,
    startMs: 0,
    upnp: "igd1",
    ...options,
  });
}

/** A search as the standard has it, with some lines changed. */
export function search(target: string, change: (text: string) => string = (text) => text): Uint8Array {
  const lines = ["M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", 'MAN: "ssdp:discover"', "MX: 2"];
  return encode(change([...lines, `ST: ${target}`, "", ""].join("\r\n")));
}

/** Text as bytes. */
export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The answers to a search, as text. */
export function found(gateway: SimulatedGateway, data: Uint8Array, nowMs = 0): string[] {
  return gateway.search({ data, source: CLIENT }, HTTP, nowMs).map((emission) =>
    new TextDecoder().decode(emission.data)
  );
}

/** A request for a description. */
export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nConnection: close\r\n\r\n`;
}

/** A request for an action. */
export function post(action: string, args: Readonly<Record<string, unknown>> = {}, type = IP_1): string {
  const inner = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  const body = `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ` +
    `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>` +
    `<u:${action} xmlns:u="${type}">${inner}</u:${action}></s:Body></s:Envelope>\r\n`;
  return `POST /ctl/IPConn HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nContent-Type: text/xml; charset="utf-8"\r\n` +
    `SOAPAction: "${type}#${action}"\r\nContent-Length: ${encode(body).length}\r\n\r\n${body}`;
}

/** The arguments of a request to map. */
export function mapping(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    NewRemoteHost: "",
    NewExternalPort: 8080,
    NewProtocol: "TCP",
    NewInternalPort: 80,
    NewInternalClient: CLIENT.hostname,
    NewEnabled: 1,
    NewPortMappingDescription: "web",
    NewLeaseDuration: 3600,
    ...changes,
  };
}

/** The arguments that name a mapping. */
export function named(port: number, protocol = "TCP"): Record<string, unknown> {
  return { NewRemoteHost: "", NewExternalPort: port, NewProtocol: protocol };
}

/** Everything that a gateway answers to a request, as text. */
export function ask(
  gateway: SimulatedGateway,
  text: string,
  { nowMs = 0, client = CLIENT, maxParts = 20 } = {},
): string {
  const parsed = parseHttpRequest(encode(text));
  if (parsed === "incomplete") throw new Error(`Not a whole request: ${text}`);
  const request = parsed === "malformed" ? undefined : parsed;
  const { parts } = gateway.serveHttp({ client, request, http: HTTP }, nowMs);
  let answer = "";
  let count = 0;
  for (const part of parts ?? []) {
    answer += new TextDecoder().decode(part);
    if (++count === maxParts) break;
  }
  return answer;
}

/** The outcome of an action: its arguments, or the code of its error. */
export function outcome(answer: string): Record<string, string> | number {
  const error = /<errorCode>(\d+)<\/errorCode>/.exec(answer)?.[1];
  if (error !== undefined) return Number(error);
  if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(`Not an outcome: ${answer}`);
  return Object.fromEntries(
    [...answer.matchAll(/<(New\w+)>([^<]*)<\/\1>/g)].map(([, name, value]) => [name, value]),
  );
}

/** Asks for an action. */
export function act(
  gateway: SimulatedGateway,
  action: string,
  args: Readonly<Record<string, unknown>> = {},
  options: { readonly nowMs?: number; readonly client?: typeof CLIENT; readonly type?: string } = {},
): Record<string, string> | number {
  const { type = IP_1, ...rest } = options;
  return outcome(ask(gateway, post(action, args, type), rest));
}
