import { systemClock as clock } from "../clock.ts";
import type { SendFrom } from "../net/datagram.ts";
import { listenTcp } from "../net/tcp_listener.ts";
import { openGroupSocket, openMulticastSocket, openUdpSocket } from "../net/udp_socket.ts";
import type { Network } from "./system.ts";

/** The multicast group of every host on a link. */
const ALL_HOSTS = "224.0.0.1";

/** Where searches of UPnP go (UPnP Device Architecture 1.1 §1.3.2). */
const SEARCH_GROUP = { hostname: "239.255.255.250", port: 1900 };

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
    openGroupSocket({ hostname: ALL_HOSTS, port }, interfaceAddress),
  openSearchSocket: (interfaceAddress) => openGroupSocket(SEARCH_GROUP, interfaceAddress),
  listenStream: listenTcp,
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
