/**
 * A program that hears a gateway's announcements beside others. Runs as a process inside a namespace:
 * `deno run --unstable-net --allow-net watch_listener.ts INTERFACE_ADDRESS`, until standard input closes. Prints the
 * sender of each datagram and its first byte.
 *
 * @module
 */

const GROUP = "224.0.0.1";

/** Ends with the process that started this one, however that ended. */
async function exitWithOwner(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}

if (import.meta.main) {
  exitWithOwner();
  const [interfaceAddress = ""] = Deno.args;
  const socket = Deno.listenDatagram({ transport: "udp", hostname: GROUP, port: 5350, reuseAddress: true });
  await socket.joinMulticastV4(GROUP, interfaceAddress);
  console.log("ready");
  for await (const [data, from] of socket) console.log(`heard ${(from as Deno.NetAddr).hostname} ${data[0]}`);
}
