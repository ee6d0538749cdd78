import { systemClock as clock } from "../clock.ts";
import type { SendFrom } from "../net/datagram.ts";
import { openMulticastSocket, openUdpSocket } from "../net/udp_socket.ts";
import type { Network } from "./system.ts";

/** The multicast group of every host on a link. */
const ALL_HOSTS = "224.0.0.1";

/** Windows binds no multicast address. */
const GROUP_ADDRESS = Deno.build.os === "windows" ? "0.0.0.0" : ALL_HOSTS;

/** The network as this host has it. */
export const systemNetwork: Network = {
  clock,
  random: Math.random,
  openSocket: openUdpSocket,
  async connectSocket(remote, from?: SendFrom) {
    const { openConnectedSocket } = await import("../net/connected_socket.ts");
    return openConnectedSocket(remote, { clock, ...from });
  },
  connectStream: async (...args) => await (await import("../net/tcp_stream.ts")).connectTcpStream(...args),
  openAnnouncer: (hostname) =>
    openMulticastSocket({ hostname }, { group: ALL_HOSTS, interfaceAddress: hostname, loopback: true }),
  openAnnouncementSocket: (interfaceAddress, port) =>
    openMulticastSocket({ hostname: GROUP_ADDRESS, port }, { group: ALL_HOSTS, interfaceAddress }),
  findGateway: async (selector) => (await import("../gateway/mod.ts")).findGateway(selector),
  localAddressOf: async (gateway, selector) =>
    (await import("../gateway/local_address.ts")).localAddressOf(gateway, selector),
  surveyGateways: async (selector) => (await import("../gateway/mod.ts")).surveyGateways(selector),
  tryBind: async (...args) => (await import("./try_bind.ts")).tryBind(...args),
  interfaceNames: async () => (await import("./interface_names.ts")).interfaceNames(),
  addresses: () =>
    distinct(
      Deno.networkInterfaces().filter(({ family }) => family === "IPv4").map(({ address }) => address),
    ),
};

function distinct(words: readonly string[]): readonly string[] {
  return [...new Set(words)];
}
