import { assertEquals, assertRejects } from "@std/assert";
import { type Endpoint, PortUnreachable } from "../../lib/net/datagram.ts";
import { MemorySocket } from "../../lib/simulator/memory_socket.ts";

const LOCAL = { hostname: "0.0.0.0", port: 50_000 };
const REMOTE = { hostname: "192.168.1.1", port: 5351 };

function socket() {
  const sent: { data: Uint8Array; to: Endpoint }[] = [];
  let closes = 0;
  const memory = new MemorySocket(LOCAL, {
    send: (data, to) => void sent.push({ data, to }),
    close: () => closes++,
  });
  return { memory, sent, closes: () => closes };
}

function datagram(...bytes: number[]) {
  return { data: Uint8Array.of(...bytes), source: REMOTE };
}

Deno.test("MemorySocket.receive() has what came before it and what comes after it, in order", async () => {
  const { memory } = socket();
  memory.deliver(datagram(1));
  memory.deliver(datagram(2));
  assertEquals([await memory.receive(), await memory.receive()], [datagram(1), datagram(2)]);
  const pending = memory.receive();
  memory.deliver(datagram(3));
  assertEquals(await pending, datagram(3));
});

Deno.test("MemorySocket.receive() resolves to undefined when the socket closes, and after it", async () => {
  const { memory, closes } = socket();
  const pending = memory.receive();
  memory.close();
  memory.close();
  memory.deliver(datagram(1));
  assertEquals([await pending, await memory.receive(), closes()], [undefined, undefined, 1]);
});

Deno.test("MemorySocket.receive() rejects with PortUnreachable and lives on", async () => {
  const { memory } = socket();
  const pending = memory.receive();
  memory.deliver(new PortUnreachable());
  await assertRejects(() => pending, PortUnreachable);
  memory.deliver(new PortUnreachable());
  memory.deliver(datagram(1));
  await assertRejects(() => memory.receive(), PortUnreachable);
  assertEquals(await memory.receive(), datagram(1));
});

Deno.test("MemorySocket.receive() refuses a second caller", async () => {
  const { memory } = socket();
  const pending = memory.receive();
  await assertRejects(() => memory.receive(), Error, "another receive is pending");
  memory.close();
  await pending;
});

Deno.test("MemorySocket.send() takes a copy, and rejects when the host cannot send or the socket is closed", async () => {
  const { memory, sent } = socket();
  const data = Uint8Array.of(1);
  await memory.send(data, REMOTE);
  data[0] = 2;
  assertEquals(sent, [{ data: Uint8Array.of(1), to: REMOTE }]);
  memory.close();
  await assertRejects(() => memory.send(data, REMOTE), Error, "the socket is closed");
  const broken = new MemorySocket(LOCAL, {
    send: () => {
      throw new Error("Network is unreachable");
    },
    close: () => {},
  });
  await assertRejects(() => broken.send(data, REMOTE), Error, "unreachable");
});
