import { SocketError } from "../../errors.ts";
import { openUdpSocket } from "../../net/udp_socket.ts";
import type { TransportProtocol } from "../../port_mapper.ts";
import type { ContainerSigns } from "./container.ts";

/** The result of binding a port for a moment. */
export type BindOutcome =
  | "free"
  /** A program has it. */
  | "taken"
  /** The system does not let this user bind it. */
  | "forbidden";

/** Finds the facts about this host that `doctor` needs besides its routes; nothing here sends a datagram. */
export interface HostProbe {
  /** Binds a port for a moment. */
  tryBind(protocol: TransportProtocol, hostname: string, port: number): BindOutcome;
  /** Collects the signs of a container. */
  containerSigns(interfaceName?: string): Promise<ContainerSigns>;
}

export const thisHost: HostProbe = { tryBind, containerSigns };

function tryBind(protocol: TransportProtocol, hostname: string, port: number): BindOutcome {
  if (protocol === "tcp") return tryListen(hostname, port);
  try {
    openUdpSocket({ hostname, port }).close();
    return "free";
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    // The error has no kind; TCP shows whether this user may bind the port at all.
    return tryListen(hostname, port) === "forbidden" ? "forbidden" : "taken";
  }
}

function tryListen(hostname: string, port: number): BindOutcome {
  try {
    Deno.listen({ hostname, port }).close();
    return "free";
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return "taken";
    if (error instanceof Deno.errors.PermissionDenied) return "forbidden";
    throw new SocketError(
      `Cannot bind ${hostname}:${port}: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** Files that container managers leave in their containers. */
const MARKS = ["/.dockerenv", "/run/.containerenv"];

async function containerSigns(interfaceName?: string): Promise<ContainerSigns> {
  if (Deno.build.os !== "linux") return { marks: [], controlGroups: "" };
  const marks = await Promise.all(MARKS.map(async (path) => await exists(path) ? [path] : []));
  const link = interfaceName === undefined ? undefined : `/sys/class/net/${interfaceName}`;
  const [index, peer, device] = await Promise.all([
    link && readText(`${link}/ifindex`),
    link && readText(`${link}/iflink`),
    link && exists(`${link}/device`),
  ]);
  return {
    marks: marks.flat(),
    controlGroups: await readText("/proc/1/cgroup") ?? "",
    // The number of the other end differs where there is one, and a virtual link has no device behind it.
    ...(index && peer ? { isHalfOfPair: index !== peer && !device } : {}),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** A file that cannot be read is not a sign. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch {
    return undefined;
  }
}
