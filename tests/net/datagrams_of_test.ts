import { assertEquals, assertRejects } from "@std/assert";
import { type Datagram, type DatagramSocket, datagramsOf, PortUnreachable } from "../../lib/net/datagram.ts";

const SOURCE = { hostname: "10.0.0.1", port: 5351 };

function datagram(byte: number): Datagram {
  return { data: Uint8Array.of(byte), source: SOURCE };
}

/** A socket that receives these in turn, and is closed after them. */
function socketWith(
  ...received: readonly (Datagram | Error)[]
): DatagramSocket & { readonly mostPending: number } {
  const left = [...received];
  let pending = 0;
  let mostPending = 0;
  return {
    local: { hostname: "10.0.0.2", port: 40_000 },
    get mostPending() {
      return mostPending;
    },
    send: () => Promise.reject(new Error("Nobody sends")),
    async receive() {
      mostPending = Math.max(mostPending, ++pending);
      await Promise.resolve();
      pending--;
      const next = left.shift();
      if (next instanceof Error) throw next;
      return next;
    },
    close: () => {},
  };
}

Deno.test("datagramsOf() gives every datagram in order, and ends when the socket is closed", async () => {
  const socket = socketWith(datagram(1), datagram(2), datagram(3));
  const bytes: (number | undefined)[] = [];
  for await (const { data, source } of datagramsOf(socket)) {
    bytes.push(data[0]);
    assertEquals(source, SOURCE);
  }
  assertEquals(bytes, [1, 2, 3]);
});

Deno.test("datagramsOf() goes on after a port unreachable: the socket lives on", async () => {
  const socket = socketWith(datagram(1), new PortUnreachable(), new PortUnreachable(), datagram(2));
  assertEquals((await Array.fromAsync(datagramsOf(socket))).map(({ data }) => data[0]), [1, 2]);
});

Deno.test("datagramsOf() receives one at a time, since a receive that nobody awaits swallows a datagram", async () => {
  const socket = socketWith(datagram(1), datagram(2));
  await Array.fromAsync(datagramsOf(socket));
  assertEquals(socket.mostPending, 1);
});

Deno.test("datagramsOf() hands on what else a receive fails with", async () => {
  const received: unknown[] = [];
  await assertRejects(
    async () => {
      for await (const { data } of datagramsOf(socketWith(datagram(1), new TypeError("No buffer")))) {
        received.push(data[0]);
      }
    },
    TypeError,
    "No buffer",
  );
  assertEquals(received, [1]);
});
