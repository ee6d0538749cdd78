import { assert, assertEquals, assertFalse, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { SocketError } from "../../lib/errors.ts";
import type { Datagram, Endpoint } from "../../lib/net/datagram.ts";
import { isMulticast, MemoryHost } from "../../lib/simulator/memory_host.ts";

const ADDRESS = "192.168.1.2";
const REMOTE = { hostname: "192.168.1.1", port: 5351 };
const GROUP = { hostname: "224.0.0.1", port: 5350 };
const DATA = Uint8Array.of(1);

function host() {
  const sent: { datagram: Datagram; to: Endpoint }[] = [];
  const memory = new MemoryHost(
    ADDRESS,
    (datagram, to) => void sent.push({ datagram, to }),
    () => Promise.reject(new Error("no network")),
  );
  return { memory, sent };
}

Deno.test("MemoryHost.open() takes a free port from 49152 on, and another one each time", () => {
  const { memory } = host();
  const first = memory.open();
  assertEquals(first.local, { hostname: "0.0.0.0", port: 49_152 });
  first.close();
  assertNotEquals(memory.open({ port: 0 }).local.port, first.local.port);
});

Deno.test("MemoryHost.open() takes the port that is asked for, once", () => {
  const { memory } = host();
  const socket = memory.open({ hostname: ADDRESS, port: 5000 });
  assertEquals(socket.local, { hostname: ADDRESS, port: 5000 });
  assertThrows(() => memory.open({ port: 5000 }), SocketError, "0.0.0.0:5000: another program uses it");
  socket.close();
  memory.open({ port: 5000 });
});

Deno.test("MemoryHost.open() refuses an address of another host", () => {
  const { memory } = host();
  assertThrows(() => memory.open({ hostname: "10.0.0.1" }), SocketError, "it is not an address of this host");
});

Deno.test("MemoryHost.open() shares a multicast endpoint, and every socket on it hears the group", async () => {
  const { memory } = host();
  const sockets = [memory.open(GROUP), memory.open(GROUP)];
  const other = memory.open({ port: GROUP.port });
  const datagram = { data: DATA, source: REMOTE };
  assert(memory.deliver(datagram, GROUP));
  assertEquals(await Promise.all(sockets.map((socket) => socket.receive())), [datagram, datagram]);
  const pending = other.receive();
  other.close();
  assertEquals(await pending, undefined);
});

Deno.test("MemoryHost.deliver() returns whether the port is open", async () => {
  const { memory } = host();
  const socket = memory.open({ port: 5000 });
  const datagram = { data: DATA, source: REMOTE };
  assertFalse(memory.deliver(datagram, { hostname: ADDRESS, port: 5001 }));
  assert(memory.deliver(datagram, { hostname: ADDRESS, port: 5000 }));
  assertEquals(await socket.receive(), datagram);
});

Deno.test("MemoryHost sends from its address and counts", async () => {
  const { memory, sent } = host();
  await memory.open().send(DATA, REMOTE);
  const source = { hostname: ADDRESS, port: 49_152 };
  assertEquals(sent, [{ datagram: { data: DATA, source }, to: REMOTE }]);
  assertEquals(memory.sent, 1);
});

Deno.test("MemoryHost rejects sends and hears nothing while its link is down, and works again after", async () => {
  const { memory, sent } = host();
  const socket = memory.open();
  memory.isUp = false;
  await assertRejects(() => socket.send(DATA, REMOTE), Error, "Network is unreachable (os error 101)");
  memory.deliver({ data: DATA, source: REMOTE }, { hostname: ADDRESS, port: socket.local.port });
  memory.emit({ data: DATA, source: REMOTE }, REMOTE);
  assertEquals([sent.length, memory.sent], [0, 0]);
  memory.isUp = true;
  await socket.send(DATA, REMOTE);
  memory.deliver({ data: Uint8Array.of(2), source: REMOTE }, { hostname: ADDRESS, port: socket.local.port });
  assertEquals((await socket.receive())?.data, Uint8Array.of(2));
});

Deno.test("MemoryHost that gets another address sends from it, and not from sockets bound to the old one", async () => {
  const { memory, sent } = host();
  const unbound = memory.open();
  const bound = memory.open({ hostname: ADDRESS });
  memory.address = "192.168.1.9";
  await unbound.send(DATA, REMOTE);
  assertEquals(sent[0]?.datagram.source.hostname, "192.168.1.9");
  await assertRejects(() => bound.send(DATA, REMOTE), Error, "Network is unreachable");
});

Deno.test("isMulticast() takes 224.0.0.0/4 alone", () => {
  assertEquals(["223.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.0"].map(isMulticast), [
    false,
    true,
    true,
    false,
  ]);
});
