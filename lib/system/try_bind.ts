import { SocketError } from "../errors.ts";
import { openUdpSocket } from "../net/udp_socket.ts";
import type { TransportProtocol } from "../port_mapper.ts";
import type { BindOutcome } from "./system.ts";

/**
 * Binds a port for a moment; nothing is sent.
 *
 * @throws {SocketError} If the address is not this host's.
 */
export function tryBind(protocol: TransportProtocol, hostname: string, port: number): BindOutcome {
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
