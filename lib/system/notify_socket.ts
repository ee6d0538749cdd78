import type { NotifySocket } from "./system.ts";

/**
 * Opens the way to the service manager's socket (sd_notify(3)). The address is as `NOTIFY_SOCKET` has it: a path, or a
 * name in the abstract namespace that begins with `@`. A socket of our own may be bound for a moment, in the first
 * directory that works.
 *
 * @throws {Error} If none can be had.
 */
export function openNotifySocket(address: string, directories: readonly string[]): NotifySocket {
  if (!/^[/@]/.test(address)) throw new TypeError(`Cannot notify ${address}: it is not a path`);
  const path = address.replace(/^@/, "\0");
  const connection = bindAnywhere(directories);
  return {
    async send(text) {
      await connection.send(new TextEncoder().encode(text), { transport: "unixpacket", path });
    },
    close: () => connection.close(),
  };
}

/** Deno has no sending socket without a name. The name is not needed any longer once the socket is bound. */
function bindAnywhere(directories: readonly string[]): Deno.DatagramConn {
  let failure: unknown = new Error("Cannot open a socket: there is no directory for it");
  for (const directory of directories) {
    const path = `${directory}/natpmp-${crypto.randomUUID()}`;
    try {
      const connection = Deno.listenDatagram({ transport: "unixpacket", path });
      Deno.removeSync(path);
      return connection;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
