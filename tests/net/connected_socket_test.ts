import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { canBindToInterface, localAddressFor, openConnectedSocket } from "../../lib/net/connected_socket.ts";
import { type DatagramSocket, PortUnreachable } from "../../lib/net/datagram.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";

/** FFI is implemented for these systems only; elsewhere there is no such socket, which has its own test. */
const supported = Deno.build.os === "linux" || Deno.build.os === "darwin";
const ignore = !supported;
const where = supported ? "" : " (ignored: Linux and macOS only)";

const clock = systemClock;

function open(port: number, source?: string): DatagramSocket {
  const options = source === undefined ? { clock } : { clock, source };
  const socket = openConnectedSocket({ hostname: "127.0.0.1", port }, options);
  assert(socket !== undefined);
  return socket;
}

/** A loopback port on which nobody listens: one that was free a moment ago. */
function closedPort(): number {
  const socket = openUdpSocket({ hostname: "127.0.0.1" });
  socket.close();
  return socket.local.port;
}

Deno.test({
  name: `openConnectedSocket() reports a port on which nobody listens, once for each send${where}`,
  ignore,
  async fn() {
    const remote = { hostname: "127.0.0.1", port: closedPort() };
    const socket = open(remote.port);
    for (let i = 0; i < 3; i++) {
      await socket.send(new Uint8Array([0, 0]), remote);
      await assertRejects(() => socket.receive(), PortUnreachable);
    }
    socket.close();
  },
});

Deno.test({
  name: `openConnectedSocket() keeps a refusal that a second send would have swallowed${where}`,
  ignore,
  async fn() {
    const remote = { hostname: "127.0.0.1", port: closedPort() };
    const socket = open(remote.port);
    await socket.send(new Uint8Array([0, 0]), remote);
    await socket.send(new Uint8Array([0, 0]), remote);
    await assertRejects(() => socket.receive(), PortUnreachable);
    socket.close();
  },
});

Deno.test({
  name: `openConnectedSocket() sends, and receives replies whole and in order${where}`,
  ignore,
  async fn() {
    const server = openUdpSocket({ hostname: "127.0.0.1" });
    const socket = open(server.local.port);
    await socket.send(Uint8Array.of(1, 2, 3), server.local);
    const request = await server.receive();
    assertEquals(request, { data: Uint8Array.of(1, 2, 3), source: socket.local });
    const large = new Uint8Array(5_000).fill(7);
    await server.send(large, socket.local);
    await server.send(new Uint8Array(), socket.local);
    assertEquals(await socket.receive(), { data: large, source: server.local });
    assertEquals(await socket.receive(), { data: new Uint8Array(), source: server.local });
    socket.close();
    server.close();
  },
});

Deno.test({
  name: `openConnectedSocket() hears nobody but the endpoint it is connected to${where}`,
  ignore,
  async fn() {
    const server = openUdpSocket({ hostname: "127.0.0.1" });
    const stranger = openUdpSocket({ hostname: "127.0.0.1" });
    const socket = open(server.local.port);
    await socket.send(Uint8Array.of(1), server.local);
    await stranger.send(Uint8Array.of(66), socket.local);
    await server.receive();
    await server.send(Uint8Array.of(2), socket.local);
    assertEquals((await socket.receive())?.data, Uint8Array.of(2));
    for (const open of [socket, server, stranger]) open.close();
  },
});

Deno.test({
  name: `openConnectedSocket() binds the source it is given${where}`,
  ignore: Deno.build.os !== "linux",
  fn() {
    const socket = open(closedPort(), "127.0.0.9");
    assertEquals(socket.local.hostname, "127.0.0.9");
    socket.close();
  },
});

Deno.test({
  name: `openConnectedSocket() is undefined for a foreign source or no address${where}`,
  ignore,
  fn() {
    const remote = { hostname: "127.0.0.1", port: 9 };
    assertEquals(openConnectedSocket(remote, { source: "203.0.113.9", clock }), undefined);
    assertEquals(openConnectedSocket(remote, { source: "eth0", clock }), undefined);
    assertEquals(openConnectedSocket({ hostname: "::1", port: 9 }, { clock }), undefined);
  },
});

Deno.test({
  name: "openConnectedSocket() and localAddressFor() are undefined without the permission to use FFI",
  permissions: { ffi: false },
  fn() {
    assertEquals(openConnectedSocket({ hostname: "127.0.0.1", port: 9 }, { clock }), undefined);
    assertEquals(localAddressFor("127.0.0.1"), undefined);
  },
});

Deno.test({
  name:
    `DatagramSocket.close() resolves a pending receive, before and after a send, and may be repeated${where}`,
  ignore,
  async fn() {
    const server = openUdpSocket({ hostname: "127.0.0.1" });
    const idle = open(server.local.port);
    const unsent = idle.receive();
    idle.close();
    assertEquals(await unsent, undefined);

    const socket = open(server.local.port);
    await socket.send(Uint8Array.of(1), server.local);
    const pending = socket.receive();
    socket.close();
    socket.close();
    assertEquals(await pending, undefined);
    assertEquals(await socket.receive(), undefined);
    server.close();
  },
});

Deno.test({
  name: `DatagramSocket.send() rejects another endpoint and a closed socket${where}`,
  ignore,
  async fn() {
    const remote = { hostname: "127.0.0.1", port: closedPort() };
    const socket = open(remote.port);
    const other = { hostname: "127.0.0.2", port: 5351 };
    await assertRejects(() => socket.send(new Uint8Array(2), other), Error, "is connected to 127.0.0.1:");
    socket.close();
    await assertRejects(() => socket.send(new Uint8Array(2), remote), Error, "the socket is closed");
  },
});

Deno.test({
  name: `localAddressFor() names the address that the kernel would send from${where}`,
  ignore,
  fn() {
    assertEquals(localAddressFor("127.0.0.1"), "127.0.0.1");
    assertEquals(localAddressFor("no address"), undefined);
    // Connecting to the broadcast address is refused without SO_BROADCAST.
    assertEquals(localAddressFor("255.255.255.255"), undefined);
  },
});

Deno.test({
  name: `openConnectedSocket() bound to an interface sends and receives through it${where}`,
  ignore,
  async fn() {
    const interfaceName = Deno.build.os === "linux" ? "lo" : "lo0";
    assertEquals(canBindToInterface(interfaceName), true);
    const server = openUdpSocket({ hostname: "127.0.0.1" });
    const socket = openConnectedSocket(server.local, { clock, interfaceName });
    assert(socket !== undefined);
    await socket.send(Uint8Array.of(1), server.local);
    assertEquals(await server.receive(), { data: Uint8Array.of(1), source: socket.local });
    await server.send(Uint8Array.of(2), socket.local);
    assertEquals((await socket.receive())?.data, Uint8Array.of(2));
    socket.close();
    server.close();
  },
});

Deno.test({
  name: `openConnectedSocket() is undefined for an interface that does not exist${where}`,
  ignore,
  fn() {
    assertEquals(canBindToInterface("no-such0"), false);
    const remote = { hostname: "127.0.0.1", port: 9 };
    assertEquals(openConnectedSocket(remote, { clock, interfaceName: "no-such0" }), undefined);
  },
});
