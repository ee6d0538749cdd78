/**
 * A UPnP device of a network in memory that answers as a test wants: bridges, routers without services, televisions.
 *
 * @module
 */

import type { MemoryNetwork } from "../../lib/simulator/mod.ts";
import { SSDP_GROUP, SSDP_PORT } from "../../lib/upnp/constants.ts";

/** A device and its answers. */
export interface ScriptedIgd {
  readonly address: string;
  readonly server?: string;
  /** The type of the device; that of a router unless told otherwise. */
  readonly deviceType?: string;
  /** The service of its description; absent for none. */
  readonly service?: string;
  /** Fields of its description, such as `modelNumber`. */
  readonly about?: Readonly<Record<string, string>>;
  /** The values of the answers to actions; to every other action it answers 401. */
  readonly answers?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Answers each request of HTTP with 404. */
  readonly isGone?: boolean;
}

const HTTP_PORT = 8000;

/** Puts a device on a network. */
export function attachIgd(network: MemoryNetwork, device: ScriptedIgd): void {
  const { address, server = "Test/1.0" } = device;
  const host = network.host(address);
  const reply = new TextEncoder().encode(
    `HTTP/1.1 200 OK\r\nLOCATION: http://${address}:${HTTP_PORT}/igd.xml\r\nSERVER: ${server}\r\nST: x\r\n\r\n`,
  );
  for (const hostname of [address, SSDP_GROUP]) {
    host.listen({
      local: { hostname, port: SSDP_PORT },
      deliver: ({ source }) =>
        host.emit({ data: reply, source: { hostname: address, port: SSDP_PORT } }, source),
    });
  }
  network.attachServer(address, HTTP_PORT, async (connection) => {
    const into = new Uint8Array(4096);
    let request = "";
    while (!isComplete(request)) {
      const length = await connection.read(into);
      if (length === null) break;
      request += new TextDecoder().decode(into.subarray(0, length));
    }
    await connection.write(new TextEncoder().encode(responseTo(request, device)));
  });
}

/** Requests have no other body than what Content-Length has. */
function isComplete(request: string): boolean {
  const end = request.indexOf("\r\n\r\n");
  const [, length = "0"] = /content-length: *([0-9]+)/i.exec(request) ?? [];
  return end >= 0 && request.length - end - 4 >= Number(length);
}

function responseTo(request: string, device: ScriptedIgd): string {
  if (device.isGone) return respond("404 Not Found", "");
  if (request.startsWith("GET ")) return respond("200 OK", describe(device));
  const [, action = ""] = /#([A-Za-z]+)"/.exec(request) ?? [];
  const values = device.answers?.[action];
  if (values === undefined) {
    return respond(
      "500 Internal Server Error",
      "<Envelope><Body><Fault><detail><UPnPError><errorCode>401</errorCode></UPnPError></detail></Fault></Body></Envelope>",
    );
  }
  const fields = Object.entries(values).map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  return respond(
    "200 OK",
    `<Envelope><Body><${action}Response>${fields}</${action}Response></Body></Envelope>`,
  );
}

function respond(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${new TextEncoder().encode(body).length}\r\n\r\n${body}`;
}

function describe({ deviceType = "InternetGatewayDevice:1", service, about = {} }: ScriptedIgd): string {
  const fields = Object.entries(about).map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  const services = service === undefined
    ? ""
    : `<serviceList><service><serviceType>urn:schemas-upnp-org:service:${service}</serviceType>` +
      "<controlURL>/control</controlURL></service></serviceList>";
  return `<root><device><deviceType>urn:schemas-upnp-org:device:${deviceType}</deviceType>${fields}${services}` +
    "</device></root>";
}
