import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SocketError } from "../../lib/errors.ts";
import { ConnectionRefused, type StreamConnection } from "../../lib/net/stream.ts";
import {
  type ConnectionHandler,
  ManualClock,
  MemoryNetwork,
  type NetworkConditions,
} from "../../lib/simulator/mod.ts";

const SERVER = { hostname: "192.168.1.1", port: 80 };
const CLIENT = "192.168.1.2";

function world(conditions: Partial<NetworkConditions> = {}) {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, random: () => 0.5, conditions });
  return { clock, network, client: network.host(CLIENT) };
}

/** A world with a server, and a client that is connected to it. */
async function connected(handler: ConnectionHandler, conditions: Partial<NetworkConditions> = {}) {
  const { clock, network, client } = world(conditions);
  const detach = network.attachServer(SERVER.hostname, SERVER.port, handler);
  const stream = await clock.runUntil(client.connect(SERVER));
  return { clock, network, client, stream, detach };
}

async function readText(stream: StreamConnection, bytes = 100): Promise<string | null> {
  const into = new Uint8Array(bytes);
  const count = await stream.read(into);
  return count === null ? null : new TextDecoder().decode(into.subarray(0, count));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("bytes go both ways, and the end of the server is the end", async () => {
  const { clock, stream } = await connected(async (server) => {
    await server.write(bytes(`${server.remote.hostname} sent ${await readText(server)}`));
  });
  assertEquals(stream.localAddress, CLIENT);
  await stream.write(bytes("hello"));
  assertEquals(await clock.runUntil(readText(stream)), "192.168.1.2 sent hello");
  assertEquals(await clock.runUntil(readText(stream)), null);
  stream.close();
});

Deno.test("a connection takes a round trip, and so does an answer", async () => {
  const { clock, stream } = await connected(async (server) => {
    await server.write(bytes(await readText(server) ?? ""));
  }, { latencyMs: 10 });
  assertEquals(clock.now(), 20);
  await stream.write(bytes("x"));
  await clock.runUntil(readText(stream));
  assertEquals(clock.now(), 40);
});

Deno.test("jitter does not disorder the bytes of a connection", async () => {
  const delays = [0.9, 0.1, 0.5];
  const clock = new ManualClock();
  const random = () => delays.shift() ?? 0;
  const network = new MemoryNetwork({ clock, random, conditions: { jitterMs: 100 } });
  network.attachServer(SERVER.hostname, SERVER.port, async (server) => {
    for (const text of ["a", "b", "c"]) await server.write(bytes(text));
  });
  const stream = await clock.runUntil(network.host(CLIENT).connect(SERVER));
  let text = "";
  for (let part = await clock.runUntil(readText(stream)); part !== null;) {
    text += part;
    part = await clock.runUntil(readText(stream));
  }
  assertEquals(text, "abc");
});

Deno.test("a read takes what fits, and leaves the rest", async () => {
  const { clock, stream } = await connected((server) => server.write(bytes("abc")));
  assertEquals(await clock.runUntil(readText(stream, 2)), "ab");
  assertEquals(await clock.runUntil(readText(stream, 2)), "c");
});

Deno.test("an endless server stops when nobody reads, and its write rejects when the client closes", async () => {
  let written = 0;
  const failure = Promise.withResolvers<unknown>();
  const { clock, stream } = await connected(async (server) => {
    try {
      for (;;) written += await server.write(new Uint8Array(1000)).then(() => 1000);
    } catch (error) {
      failure.resolve(error);
      throw error;
    }
  });
  await clock.advance(1000);
  assert(written < 100_000);
  await clock.runUntil(readText(stream));
  stream.close();
  const error = await clock.runUntil(failure.promise);
  assertEquals(String(error), "Error: Connection reset by peer (os error 104)");
});

Deno.test("a reset, and a handler that throws, break the connection", async () => {
  for (
    const handler of [
      (server) => Promise.resolve(server.reset()),
      () => Promise.reject(new Error("bug")),
    ] satisfies ConnectionHandler[]
  ) {
    const { clock, stream } = await connected(handler);
    await assertRejects(() => clock.runUntil(readText(stream)), Error, "Connection reset by peer");
    await assertRejects(() => clock.runUntil(stream.write(bytes("x"))), Error, "Connection reset by peer");
  }
});

Deno.test("closing ends a read that waits, and may be done twice", async () => {
  const { stream } = await connected((server) => readText(server).then(() => {}));
  const reading = readText(stream);
  stream.close();
  stream.close();
  assertEquals(await reading, null);
  await assertRejects(() => stream.write(bytes("x")), Error, "the connection is closed");
});

Deno.test("a port where nobody listens refuses after a round trip, and so does one that was closed", async () => {
  const { clock, network, client } = world({ latencyMs: 5 });
  network.host(SERVER.hostname);
  await assertRejects(() => clock.runUntil(client.connect(SERVER)), ConnectionRefused);
  assertEquals(clock.now(), 10);
  const detach = network.attachServer(SERVER.hostname, SERVER.port, () => Promise.resolve());
  (await clock.runUntil(client.connect(SERVER))).close();
  detach();
  await assertRejects(() => clock.runUntil(client.connect(SERVER)), ConnectionRefused);
  assertEquals(client.connections, 3);
});

Deno.test("an address that no host has does not answer, and the signal ends the attempt", async () => {
  const { clock, client } = world();
  const controller = new AbortController();
  const attempt = client.connect({ hostname: "192.168.1.200", port: 80 }, { signal: controller.signal });
  await clock.advance(10_000);
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await assertRejects(() => attempt, Error), reason);
});

Deno.test("a link that is down fails a connect at once, and lets nothing through", async () => {
  const { clock, client, stream } = await connected((server) => readText(server).then(() => {}));
  client.isUp = false;
  await assertRejects(() => client.connect(SERVER), Error, "Network is unreachable");
  await stream.write(bytes("x"));
  await clock.advance(1000);
  const reading = readText(stream);
  await clock.advance(1000);
  stream.close();
  assertEquals(await reading, null);
});

Deno.test("MemoryHost.listenStream() gives a free port or the one that is asked for, once", async () => {
  const { clock, network, client } = world();
  const host = network.host(SERVER.hostname);
  const listener = host.listenStream({ hostname: SERVER.hostname, port: 0 });
  assert(listener.local.port >= 49_152);
  assertThrows(() => host.listenStream(listener.local), SocketError, "another program uses it");
  assertThrows(() => host.listenStream({ hostname: CLIENT, port: 80 }), SocketError, "not an address of");
  const [stream, accepted] = await clock.runUntil(
    Promise.all([client.connect(listener.local), listener.accept()]),
  );
  const waiting = listener.accept();
  listener.close();
  listener.close();
  assertEquals([await waiting, await listener.accept()], [undefined, undefined]);
  await accepted?.write(bytes("still here"));
  assertEquals(await clock.runUntil(readText(stream)), "still here");
});
