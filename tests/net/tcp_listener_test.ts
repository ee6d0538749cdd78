import { assertEquals, assertThrows } from "@std/assert";
import { SocketError } from "../../lib/errors.ts";
import { listenTcp } from "../../lib/net/tcp_listener.ts";
import { connectTcpStream } from "../../lib/net/tcp_stream.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

Deno.test("an accepted connection carries bytes both ways and names its client", async () => {
  const listener = listenTcp(LOOPBACK);
  const [stream, accepted] = await Promise.all([connectTcpStream(listener.local), listener.accept()]);
  assertEquals(accepted?.remote.hostname, LOOPBACK.hostname);
  assertEquals(accepted?.localAddress, LOOPBACK.hostname);
  const into = new Uint8Array(8);
  await stream.write(Uint8Array.of(1, 2));
  assertEquals(await accepted?.read(into), 2);
  await accepted?.write(Uint8Array.of(3));
  assertEquals([await stream.read(into), into[0]], [1, 3]);
  accepted?.close();
  assertEquals(await stream.read(into), null);
  stream.close();
  listener.close();
});

Deno.test("closing ends an accept that waits, and may be done twice", async () => {
  const listener = listenTcp(LOOPBACK);
  const accepting = listener.accept();
  listener.close();
  listener.close();
  assertEquals([await accepting, await listener.accept()], [undefined, undefined]);
});

Deno.test("a port that is taken, and an address of another host, are refused in words", () => {
  const listener = listenTcp(LOOPBACK);
  assertThrows(() => listenTcp(listener.local), SocketError, "another program uses it");
  listener.close();
  assertThrows(
    () => listenTcp({ hostname: "192.0.2.1", port: 0 }),
    SocketError,
    "not an address of this host",
  );
});
