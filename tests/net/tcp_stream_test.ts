import { assertEquals, assertRejects } from "@std/assert";
import { ConnectionRefused } from "../../lib/net/stream.ts";
import { connectTcpStream } from "../../lib/net/tcp_stream.ts";

const LOOPBACK = "127.0.0.1";

Deno.test("bytes go both ways, and the end of the other side is the end", async () => {
  using listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const [stream, other] = await Promise.all([
    connectTcpStream({ hostname: LOOPBACK, port: listener.addr.port }),
    listener.accept(),
  ]);
  assertEquals(stream.localAddress, LOOPBACK);
  const into = new Uint8Array(8);
  await stream.write(Uint8Array.of(1, 2, 3));
  assertEquals(await other.read(into), 3);
  assertEquals(into.subarray(0, 3), Uint8Array.of(1, 2, 3));
  await other.write(Uint8Array.of(4));
  assertEquals(await stream.read(into), 1);
  assertEquals(into[0], 4);
  other.close();
  assertEquals(await stream.read(into), null);
  stream.close();
});

Deno.test("closing ends a read that waits, and may be done twice", async () => {
  using listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const [stream, other] = await Promise.all([
    connectTcpStream({ hostname: LOOPBACK, port: listener.addr.port }),
    listener.accept(),
  ]);
  const reading = stream.read(new Uint8Array(1));
  stream.close();
  stream.close();
  assertEquals(await reading, null);
  other.close();
});

Deno.test("a port where nobody listens is told apart", async () => {
  const listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assertRejects(() => connectTcpStream({ hostname: LOOPBACK, port }), ConnectionRefused);
});

Deno.test("an abandoned attempt rejects with the signal's reason", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(
    () => connectTcpStream({ hostname: LOOPBACK, port: 9 }, { signal }),
    Error,
  );
  assertEquals(error, reason);
});
