/**
 * A router whose every answer a test writes, byte by byte where it wants to: what the simulated one cannot be.
 *
 * @module
 */

import type { MemoryConnection, MemoryNetwork } from "../../lib/simulator/mod.ts";
import { answerXml, descriptionXml, faultXml, serviceXml } from "./documents.ts";
import { GATEWAY } from "./upnp_lab.ts";

const SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:";

/** A request that came. */
export interface HeardRequest {
  readonly method: string;
  readonly path: string;
  /** The name of the action; empty for a GET. */
  readonly action: string;
  readonly args: ReadonlyMap<string, string>;
}

/** The body of an answer or, as bytes, all of it; `hang` for none. */
export type Reply = string | { readonly status: number; readonly body: string } | Uint8Array | "hang";

/** Parts of {@linkcode ScriptedRouter}. */
export interface Script {
  readonly address?: string;
  readonly httpPort?: number;
  /** 2 has the list at once, and a port of the router's choice. */
  readonly version?: 1 | 2;
  /** The answers to actions; 401 to those that are missing. */
  readonly actions?: Readonly<Record<string, (args: ReadonlyMap<string, string>) => Reply>>;
  /** The description, where the test has another one. */
  readonly description?: Reply;
  /** The places that it names in its answers to a search. */
  readonly locations?: readonly string[];
  /** Where its answers to a search come from. */
  readonly answersFrom?: { readonly hostname: string; readonly port: number };
}

/** Bytes of an answer of HTTP. */
export function httpBytes(body: string, status = 200): Uint8Array {
  const bytes = new TextEncoder().encode(body);
  const head = `HTTP/1.1 ${status} X\r\nContent-Type: text/xml\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  return new TextEncoder().encode(head + body);
}

/** An answer to a search. */
export function searchReply(location: string): Uint8Array {
  return new TextEncoder().encode(
    `HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:x\r\nLOCATION: ${location}\r\n\r\n`,
  );
}

/** A fault, as routers send it. */
export function fault(code: number, text = "x"): Reply {
  return { status: 500, body: faultXml(code, text) };
}

/** An entry, as GetSpecificPortMappingEntry shows it. */
export function specificEntry(values: Readonly<Record<string, string>> = {}): string {
  return answerXml("GetSpecificPortMappingEntry", {
    NewInternalPort: "80",
    NewInternalClient: "10.0.0.2",
    NewEnabled: "1",
    NewPortMappingDescription: "natpmp",
    NewLeaseDuration: "3600",
    ...values,
  });
}

/** An entry, as GetGenericPortMappingEntry shows it. */
export function genericEntry(values: Readonly<Record<string, string>> = {}): string {
  return answerXml("GetGenericPortMappingEntry", {
    NewRemoteHost: "",
    NewExternalPort: "8080",
    NewProtocol: "TCP",
    NewInternalPort: "80",
    NewInternalClient: "10.0.0.2",
    NewEnabled: "1",
    NewPortMappingDescription: "natpmp",
    NewLeaseDuration: "3600",
    ...values,
  });
}

/** Reads one request of HTTP. */
export async function readRequest(connection: MemoryConnection): Promise<HeardRequest> {
  let text = "";
  const into = new Uint8Array(65_536);
  for (;;) {
    const [head = "", body] = text.split("\r\n\r\n");
    const length = Number(/^Content-Length: (\d+)$/m.exec(head)?.[1] ?? 0);
    if (body !== undefined && body.length >= length) {
      const [method = "", path = ""] = head.split(" ");
      const action = /#(\w+)"/.exec(head)?.[1] ?? "";
      const args = [...body.matchAll(/<(New\w+)>([^<]*)</g)].map(([, name, value]) =>
        [name!, value!] as const
      );
      return { method, path, action, args: new Map(args) };
    }
    const length_ = await connection.read(into);
    if (length_ === null) throw new Error("The client has gone");
    text += new TextDecoder().decode(into.subarray(0, length_));
  }
}

/** A router. */
export class ScriptedRouter {
  readonly heard: HeardRequest[] = [];
  /** How many searches came. */
  searches = 0;
  readonly #network: MemoryNetwork;
  readonly #script: Script;
  readonly #detach: (() => void)[] = [];

  constructor(network: MemoryNetwork, script: Script = {}) {
    this.#network = network;
    this.#script = script;
    const { address = GATEWAY, httpPort = 5000, answersFrom } = script;
    const { locations = [`http://${address}:${httpPort}/desc.xml`] } = script;
    const host = network.host(address);
    this.#detach.push(network.attachServer(address, httpPort, (connection) => this.#serve(connection)));
    for (const hostname of [address, "239.255.255.250"]) {
      const source = answersFrom ?? { hostname: address, port: 1900 };
      this.#detach.push(host.listen({
        local: { hostname, port: 1900 },
        deliver: (datagram) => {
          this.searches++;
          for (const location of locations) {
            host.emit({ data: searchReply(location), source }, datagram.source);
          }
        },
      }));
    }
  }

  /** The names of the actions that came, `GET` for a description. */
  get actions(): string[] {
    return this.heard.map(({ action, method }) => action || method);
  }

  detach(): void {
    for (const end of this.#detach) end();
  }

  async #serve(connection: MemoryConnection): Promise<void> {
    const request = await readRequest(connection);
    this.heard.push(request);
    const reply = this.#reply(request);
    if (reply === "hang") await connection.read(new Uint8Array(1));
    else if (typeof reply === "string") await connection.write(httpBytes(reply));
    else if (reply instanceof Uint8Array) await connection.write(reply);
    else await connection.write(httpBytes(reply.body, reply.status));
  }

  #reply({ method, action, args }: HeardRequest): Reply {
    const { version = 1, actions = {}, description } = this.#script;
    const services = serviceXml(`${SERVICE}${version}`, "/ctl");
    if (method === "GET") return description ?? descriptionXml({ services, version });
    const answer = actions[action];
    return answer === undefined ? fault(401) : answer(args);
  }
}

/** The arguments of an action, by their names. */
type Args = ReadonlyMap<string, string>;

/** A table that a scripted router keeps, and its answers to look, to add and to delete. */
export class ScriptedTable {
  readonly entries = new Map<string, Args>();
  readonly #client: string;

  constructor(client = "10.0.0.2") {
    this.#client = client;
  }

  /** The lease that it shows. */
  leaseOf = (asked: string): string => asked;

  readonly show = (args: Args): Reply => {
    const entry = this.entries.get(keyOf(args));
    if (entry === undefined) return fault(714);
    return specificEntry({
      NewInternalPort: entry.get("NewInternalPort")!,
      NewInternalClient: this.#client,
      NewLeaseDuration: this.leaseOf(entry.get("NewLeaseDuration")!),
    });
  };

  readonly add = (args: Args): Reply => {
    this.entries.set(keyOf(args), args);
    return answerXml("AddPortMapping", {});
  };

  readonly remove = (args: Args): Reply =>
    this.entries.delete(keyOf(args)) ? answerXml("DeletePortMapping", {}) : fault(714);

  readonly actions = {
    GetSpecificPortMappingEntry: this.show,
    AddPortMapping: this.add,
    DeletePortMapping: this.remove,
  };
}

function keyOf(args: Args): string {
  return `${args.get("NewProtocol")} ${args.get("NewExternalPort")}`;
}
