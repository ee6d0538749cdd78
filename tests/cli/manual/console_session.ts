/**
 * A session at a shell, as a block of code shows it: command lines behind `$ `, each with what it prints.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { chooseGateway } from "../../../lib/gateway/choose.ts";
import { failureError } from "../../../lib/gateway/failure.ts";
import type { InterfaceAddress, Route } from "../../../lib/gateway/route.ts";
import type { ContainerSigns } from "../../../lib/system/system.ts";
import { UpnpClient } from "../../../lib/upnp/client.ts";
import { GATEWAY, HOST, OTHER_HOST, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";
import { commandsOf } from "./command_lines.ts";

/** A command line and what the terminal shows below it. */
export interface Exchange {
  readonly commandLine: string;
  readonly printed: string;
}

/** The options of a block: those of a test world, and the host on which the program looks for its gateway. */
export type SessionOptions =
  & Pick<TestWorldOptions, "speaks" | "upnp" | "gateway" | "faults" | "conditions">
  & {
    /** Absent for 10.0.0.2 with a default route through `eth0`. */
    readonly host?: SessionHost;
    /** A TCP mapping that another host, 10.0.0.3, has made over UPnP. */
    readonly neighbour?: { readonly externalPort: number; readonly internalPort: number };
  };

/** A host as JSON has it; fields that are absent are those of a default route and of a cable to a /24. */
interface SessionHost {
  readonly interfaces: readonly Partial<InterfaceAddress>[];
  readonly routes: readonly Partial<Route>[];
  readonly container?: ContainerSigns;
}

const INTERFACE: InterfaceAddress = {
  name: "eth0",
  family: "IPv4",
  address: HOST,
  netmask: "255.255.255.0",
  mac: "02:00:00:00:00:02",
};

const ROUTE: Route = {
  interfaceName: "eth0",
  destination: "0.0.0.0",
  prefixLength: 0,
  metric: 0,
  rejects: false,
};

/** The router of the examples is 1.4 ms away. */
const CONDITIONS = { latencyMs: 1.4 };

/** The command lines of a session. A line that ends with a backslash goes on in the next. */
export function exchangesOf(session: string): Exchange[] {
  const [before, ...exchanges] = session.split(/^\$ /m);
  if (before !== "") throw new Error(`A session begins with "$ ", not with ${before}`);
  return exchanges.map((exchange) => {
    const [, commandLine = "", printed = ""] = /^((?:.*\\\n)*.*)(?:\n|$)([^]*)$/.exec(exchange) ?? [];
    return { commandLine, printed: printed === "" || printed.endsWith("\n") ? printed : `${printed}\n` };
  });
}

/**
 * Runs a session in a world of its own, and compares what it prints: both streams as they are written. Besides natpmp
 * it knows `echo $?`; `cat FILE`, which shows a file, or makes the one that is not there yet; and `sleep SECONDS`.
 *
 * @param info The options of the world as JSON, or nothing.
 */
export async function runSession(session: string, info = ""): Promise<void> {
  const { conditions, host, neighbour, ...options }: SessionOptions = info === "" ? {} : JSON.parse(info);
  const world: TestWorld = new TestWorld({
    ...options,
    conditions: { ...CONDITIONS, ...conditions },
    ...(host === undefined ? {} : worldOptions(host, () => world)),
  });
  if (neighbour !== undefined) await mapAtNeighbour(world, neighbour);
  let exitCode = 0;
  const run = async (words: readonly string[]): Promise<string> => {
    const before = world.written.length;
    exitCode = (await world.run(...words)).exitCode;
    return world.written.slice(before).join("");
  };
  for (const { commandLine, printed } of exchangesOf(session)) {
    const [[program, ...words] = []] = commandsOf(commandLine);
    if (program === "natpmp") {
      assertEquals(await run(words), printed, commandLine);
    } else if (commandLine === "echo $?") {
      assertEquals(`${exitCode}\n`, printed, commandLine);
    } else if (program === "cat" && words.length === 1) {
      const { files } = world.fakeMachine;
      if (!files.has(words[0]!)) files.set(words[0]!, printed);
      assertEquals(files.get(words[0]!), printed, commandLine);
    } else if (program === "sleep" && words.length === 1) {
      assertEquals(printed, "", commandLine);
      await world.clock.advance(Number(words[0]) * 1000);
    } else {
      throw new Error(`A session has natpmp, echo $?, cat FILE and sleep SECONDS, not: ${commandLine}`);
    }
  }
}

async function mapAtNeighbour(
  { memory, clock }: TestWorld,
  ports: NonNullable<SessionOptions["neighbour"]>,
): Promise<void> {
  const { open, connect } = memory.host(OTHER_HOST);
  const client = new UpnpClient(GATEWAY, {
    openSocket: open,
    connectStream: connect,
    localAddress: OTHER_HOST,
    hostName: "nas",
    clock,
  });
  await clock.runUntil(client.map({ protocol: "tcp", lifetimeSeconds: 3600, ...ports }));
}

/** The world of a host, in which the program's own rule chooses the gateway. */
function worldOptions({ container, ...host }: SessionHost, world: () => TestWorld): TestWorldOptions {
  const interfaces = host.interfaces.map((one) => ({ ...INTERFACE, ...one }));
  const routes = host.routes.map((one) => ({ ...ROUTE, ...one }));
  const choice = chooseGateway({ interfaces, routes });
  const { candidates } = choice;
  const process = container === undefined ? {} : { containerSigns: () => Promise.resolve(container) };
  if ("failure" in choice) {
    const failure = failureError(choice.failure);
    return { process, noGateway: failure, survey: { interfaces, candidates, failure } };
  }
  const { gateway, localAddress } = choice.gateway;
  return {
    process,
    found: { ...choice.gateway, candidates },
    survey: { interfaces, candidates, gateway: choice.gateway },
    network: {
      openSocket(local) {
        const { memory } = world();
        // A host that is there reports that a port is closed.
        memory.host(gateway);
        return memory.host(localAddress).open(local);
      },
    },
  };
}
