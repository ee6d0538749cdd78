import { assertEquals, assertThrows } from "@std/assert";
import { SocketError } from "../../lib/errors.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";
import { tryBind } from "../../lib/system/try_bind.ts";

Deno.test("tryBind() tells a TCP port that a program listens on from a free one, and leaves it free", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  assertEquals(tryBind("tcp", "127.0.0.1", port), "taken");
  listener.close();
  assertEquals(tryBind("tcp", "127.0.0.1", port), "free");
  assertEquals(tryBind("tcp", "127.0.0.1", port), "free");
});

Deno.test("tryBind() tells a UDP port that a program has from a free one, and leaves it free", () => {
  const socket = openUdpSocket({ hostname: "127.0.0.1", port: 0 });
  const { port } = socket.local;
  assertEquals(tryBind("udp", "127.0.0.1", port), "taken");
  socket.close();
  assertEquals(tryBind("udp", "127.0.0.1", port), "free");
  assertEquals(tryBind("udp", "127.0.0.1", port), "free");
});

Deno.test("tryBind() of an address that is not this host's is an error, no verdict", () => {
  assertThrows(() => tryBind("tcp", "203.0.113.9", 8080), SocketError, "203.0.113.9");
});
