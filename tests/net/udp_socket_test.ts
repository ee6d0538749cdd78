import {
  assertEquals,
  assertFalse,
  assertGreater,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { SocketError } from "../../lib/errors.ts";
import { openMulticastSocket, openUdpSocket } from "../../lib/net/udp_socket.ts";

const LOOPBACK = { hostname: "127.0.0.1" };
const GROUP = { group: "224.0.0.1", interfaceAddress: "127.0.0.1" };

Deno.test("openUdpSocket() carries a datagram and its sender", async () => {
  const a = openUdpSocket(LOOPBACK);
  const b = openUdpSocket(LOOPBACK);
  await a.send(Uint8Array.of(0, 0), b.local);
  assertEquals(await b.receive(), { data: Uint8Array.of(0, 0), source: a.local });
  a.close();
  b.close();
});

Deno.test("openUdpSocket() takes a free port of its own each time, never 5350", () => {
  const sockets = Array.from({ length: 20 }, () => openUdpSocket(LOOPBACK));
  const ports = new Set(sockets.map(({ local }) => local.port));
  for (const socket of sockets) socket.close();
  assertEquals(ports.size, 20);
  assertFalse(ports.has(0));
  assertFalse(ports.has(5350));
});

Deno.test("openUdpSocket() binds to every address by default", () => {
  const socket = openUdpSocket();
  assertEquals(socket.local.hostname, "0.0.0.0");
  assertGreater(socket.local.port, 0);
  socket.close();
});

Deno.test("UdpSocket.receive() gives the largest datagram whole, and an empty one", async () => {
  const a = openUdpSocket(LOOPBACK);
  const b = openUdpSocket(LOOPBACK);
  const large = new Uint8Array(65_507).map((_, i) => i % 251);
  await a.send(large, b.local);
  assertEquals((await b.receive())?.data, large);
  await a.send(new Uint8Array(0), b.local);
  assertEquals((await b.receive())?.data.length, 0);
  a.close();
  b.close();
});

Deno.test("UdpSocket.receive() gives data that the next datagram does not overwrite", async () => {
  const a = openUdpSocket(LOOPBACK);
  const b = openUdpSocket(LOOPBACK);
  await a.send(Uint8Array.of(1, 1, 1), b.local);
  const first = await b.receive();
  await a.send(Uint8Array.of(2, 2, 2), b.local);
  await b.receive();
  assertEquals(first?.data, Uint8Array.of(1, 1, 1));
  assertEquals(first?.data.buffer.byteLength, 3, "and holds no buffer of 64 KiB");
  a.close();
  b.close();
});

Deno.test("UdpSocket.close() ends a pending receive with undefined, and so every later one", async () => {
  const socket = openUdpSocket(LOOPBACK);
  const pending = socket.receive();
  socket.close();
  assertEquals(await pending, undefined);
  assertEquals(await socket.receive(), undefined);
});

Deno.test("UdpSocket.close() may be called twice", () => {
  const socket = openUdpSocket(LOOPBACK);
  socket.close();
  socket.close();
});

Deno.test("UdpSocket.send() rejects once the socket is closed", async () => {
  const socket = openUdpSocket(LOOPBACK);
  socket.close();
  await assertRejects(() => socket.send(Uint8Array.of(0), { hostname: "127.0.0.1", port: 9 }), Error);
});

Deno.test("UdpSocket.send() rejects what is too large, and the socket lives on", async () => {
  const a = openUdpSocket(LOOPBACK);
  const b = openUdpSocket(LOOPBACK);
  await assertRejects(() => a.send(new Uint8Array(65_508), b.local), Error);
  await a.send(Uint8Array.of(7), b.local);
  assertEquals((await b.receive())?.data, Uint8Array.of(7));
  a.close();
  b.close();
});

Deno.test("UdpSocket lives on after a datagram to a port where nobody listens", async () => {
  const nobody = openUdpSocket(LOOPBACK);
  nobody.close();
  const a = openUdpSocket(LOOPBACK);
  const b = openUdpSocket(LOOPBACK);
  await a.send(Uint8Array.of(1), nobody.local);
  await b.send(Uint8Array.of(2), a.local);
  assertEquals((await a.receive())?.data, Uint8Array.of(2));
  a.close();
  b.close();
});

Deno.test("openUdpSocket() says which port another program has", () => {
  const first = openUdpSocket(LOOPBACK);
  const error = assertThrows(() => openUdpSocket(first.local), SocketError, `127.0.0.1:${first.local.port}`);
  assertEquals(error.message.includes("another program uses it"), true, error.message);
  first.close();
});

Deno.test("openUdpSocket() says that an address is not this host's", () => {
  // RFC 5737: nobody's.
  assertThrows(() => openUdpSocket({ hostname: "192.0.2.1" }), SocketError, "not an address of this host");
});

Deno.test("openUdpSocket() says how to start a Deno that lacks the unstable API", () => {
  const { listenDatagram } = Deno;
  try {
    Object.assign(Deno, { listenDatagram: undefined });
    assertThrows(() => openUdpSocket(LOOPBACK), SocketError, "--unstable-net");
  } finally {
    Object.assign(Deno, { listenDatagram });
  }
});

Deno.test({
  name:
    "openMulticastSocket() lets two listeners share a group's port, and both hear (Windows binds no group)",
  ignore: Deno.build.os === "windows",
}, async () => {
  const first = await openMulticastSocket({ hostname: GROUP.group, port: 0 }, GROUP);
  const { port } = first.local;
  const second = await openMulticastSocket({ hostname: GROUP.group, port }, GROUP);
  const sender = await openMulticastSocket(LOOPBACK, { ...GROUP, loopback: true });
  assertNotEquals(sender.local.port, port);
  await sender.send(Uint8Array.of(0, 128), { hostname: GROUP.group, port });
  assertEquals((await first.receive())?.data, Uint8Array.of(0, 128));
  assertEquals(await second.receive(), { data: Uint8Array.of(0, 128), source: sender.local });
  for (const socket of [first, second, sender]) socket.close();
});

Deno.test("openMulticastSocket() names group and interface when it cannot join, and leaves nothing open", async () => {
  // Which resources stay open the sanitizer tells.
  const elsewhere = { group: "224.0.0.1", interfaceAddress: "192.0.2.1" };
  await assertRejects(() => openMulticastSocket(LOOPBACK, elsewhere), SocketError, "224.0.0.1 on 192.0.2.1");
});

Deno.test("openMulticastSocket() says that a port is taken by a program that does not share it", async () => {
  const socket = openUdpSocket(LOOPBACK);
  await assertRejects(() => openMulticastSocket(socket.local, GROUP), SocketError, "another program uses it");
  socket.close();
});
