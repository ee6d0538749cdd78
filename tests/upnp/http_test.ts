import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { ConnectionRefused, type ConnectStream, type StreamConnection } from "../../lib/net/stream.ts";
import { connectTcpStream } from "../../lib/net/tcp_stream.ts";
import { ManualClock } from "../../lib/simulator/manual_clock.ts";
import { type HttpOptions, type HttpRequest, httpRequest } from "../../lib/upnp/http.ts";
import { HttpError, type HttpFailure } from "../../lib/upnp/http_error.ts";

const GET: HttpRequest = { method: "GET", url: new URL("http://192.168.1.1:5000/root.xml?a=b") };

/** A router that gives a part of its answer at each read; it stays silent after the last, until it is closed. */
class FakeConnection implements StreamConnection {
  readonly localAddress = "192.168.1.7";
  readonly written: string[] = [];
  readonly #reads: AsyncIterator<string | Error | null>;
  readonly #closed = Promise.withResolvers<null>();
  isClosed = false;

  constructor(parts: AsyncIterable<string | Error | null>) {
    this.#reads = parts[Symbol.asyncIterator]();
  }

  async read(into: Uint8Array): Promise<number | null> {
    const part = await Promise.race([this.#closed.promise, this.#next()]);
    if (part instanceof Error) throw part;
    return part === null ? null : new TextEncoder().encodeInto(part, into).written;
  }

  async #next(): Promise<string | Error | null> {
    const { done, value } = await this.#reads.next();
    return done ? await this.#closed.promise : value;
  }

  write(data: Uint8Array): Promise<void> {
    this.written.push(new TextDecoder().decode(data));
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#closed.resolve(null);
  }
}

async function* parts(...parts: (string | Error | null)[]): AsyncGenerator<string | Error | null> {
  yield* parts;
}

function options(
  connection: StreamConnection | ConnectStream,
  clock: Clock = new ManualClock(),
): HttpOptions {
  const connect = typeof connection === "function" ? connection : () => Promise.resolve(connection);
  return { connect, clock, timeoutMs: 3000, maxBytes: 1000 };
}

const HELLO = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello";

Deno.test("a request is one write, with its fields as they are given", async () => {
  const connection = new FakeConnection(parts(HELLO));
  const response = await httpRequest({
    method: "POST",
    url: new URL("http://192.168.1.1/ctl?x=1"),
    fields: [["SOAPAction", '"urn#Do"'], ["Content-Type", 'text/xml; charset="utf-8"']],
    body: "é",
  }, options(connection));
  assertEquals(connection.written, [
    "POST /ctl?x=1 HTTP/1.1\r\nHost: 192.168.1.1:80\r\n" +
    'SOAPAction: "urn#Do"\r\nContent-Type: text/xml; charset="utf-8"\r\n' +
    "Content-Length: 2\r\nConnection: close\r\n\r\né",
  ]);
  assertEquals([response.status, response.body, response.localAddress], [200, "hello", "192.168.1.7"]);
  assertEquals(response.fields.get("SERVER"), "x");
  assert(connection.isClosed);
});

Deno.test("a request without a body has no length", async () => {
  const connection = new FakeConnection(parts(HELLO));
  let asked: unknown;
  await httpRequest(
    GET,
    options((to) => {
      asked = to;
      return Promise.resolve(connection);
    }),
  );
  assertEquals(asked, { hostname: "192.168.1.1", port: 5000 });
  assertEquals(connection.written, [
    "GET /root.xml?a=b HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nConnection: close\r\n\r\n",
  ]);
});

Deno.test("a field with the end of a line in it is a mistake of the caller", async () => {
  const connection = new FakeConnection(parts());
  for (const value of ["a\r\nX: y", "a\nb", "é", "\0"]) {
    await assertRejects(
      () => httpRequest({ ...GET, fields: [["X", value]] }, options(connection)),
      RangeError,
    );
  }
  assertEquals(connection.written, []);
});

Deno.test("an answer with any status is one, and no redirect is followed", async () => {
  for (const status of [302, 404, 500]) {
    const connection = new FakeConnection(
      parts(`HTTP/1.1 ${status} x\r\nLocation: http://10.0.0.1/\r\n\r\n`, null),
    );
    assertEquals((await httpRequest(GET, options(connection))).status, status);
    assertEquals(connection.written.length, 1);
  }
});

const RESET = new Error("Connection reset by peer (os error 104)");

const FAILURES: readonly (readonly [
  what: string,
  connect: () => Promise<FakeConnection>,
  reason: HttpFailure,
  message: string,
])[] = [
  [
    "nobody listens",
    () => Promise.reject(new ConnectionRefused("Connection refused (os error 111)")),
    "refused",
    "No program listens on TCP port 5000 of 192.168.1.1",
  ],
  [
    "there is no route",
    () => Promise.reject(new Error("No route to host (os error 113)")),
    "unreachable",
    "192.168.1.1:5000 cannot be reached: No route to host (os error 113)",
  ],
  [
    "the connection is reset at once",
    () => Promise.resolve(new FakeConnection(parts(RESET))),
    "broken",
    "192.168.1.1:5000 broke the connection: Connection reset by peer (os error 104)",
  ],
  [
    "the connection is reset within the answer",
    () => Promise.resolve(new FakeConnection(parts(HELLO.slice(0, -1), RESET))),
    "broken",
    "192.168.1.1:5000 broke the connection: Connection reset by peer (os error 104)",
  ],
  [
    "the connection ends at once",
    () => Promise.resolve(new FakeConnection(parts(null))),
    "broken",
    "192.168.1.1:5000 ended the connection without an answer",
  ],
  [
    "the connection ends within the head",
    () => Promise.resolve(new FakeConnection(parts(HELLO.slice(0, 20), null))),
    "broken",
    "192.168.1.1:5000 ended the connection within its answer",
  ],
  [
    "something else listens",
    () => Promise.resolve(new FakeConnection(parts("220 ftp\r\n"))),
    "not-http",
    "192.168.1.1:5000 does not speak HTTP/1",
  ],
  [
    "the answer is too long",
    () => Promise.resolve(new FakeConnection(parts(HELLO.replace("5", "5000")))),
    "too-long",
    "192.168.1.1:5000 sent a body of more than 1000 bytes",
  ],
];

for (const [what, connect, reason, message] of FAILURES) {
  Deno.test(`a request fails where ${what}`, async () => {
    let connection: FakeConnection | undefined;
    const error = await assertRejects(
      () => httpRequest(GET, options(async () => connection = await connect())),
      HttpError,
    );
    assertEquals([error.reason, error.message], [reason, message]);
    assertEquals(connection?.isClosed ?? true, true);
  });
}

// ---- time ----

async function assertTimeout(connection: FakeConnection | ConnectStream, clock: ManualClock): Promise<void> {
  const startMs = clock.now();
  const error = await assertRejects(
    () => clock.runUntil(httpRequest(GET, options(connection, clock))),
    HttpError,
    "192.168.1.1:5000 did not answer within 3 s",
  );
  assertEquals(error.reason, "timeout");
  assertEquals(clock.now() - startMs, 3000);
  if (connection instanceof FakeConnection) assert(connection.isClosed);
}

Deno.test("a byte every 10 ms ends at the deadline, in the head, in the body and in a chunk", async () => {
  const beginnings = [
    "",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e7\r\n",
  ];
  for (const beginning of beginnings) {
    const clock = new ManualClock();
    const trickle = async function* () {
      if (beginning !== "") yield beginning;
      for (;;) {
        await clock.sleep(10);
        yield "x";
      }
    };
    await assertTimeout(new FakeConnection(trickle()), clock);
  }
});

Deno.test("an answer that is due within the deadline comes in time, and nobody sleeps on", async () => {
  const clock = new ManualClock();
  const slow = async function* () {
    await clock.sleep(2900);
    yield HELLO;
  };
  const response = await clock.runUntil(httpRequest(GET, options(new FakeConnection(slow()), clock)));
  assertEquals([response.body, clock.now()], ["hello", 2900]);
  await assertRejects(() => clock.runUntil(new Promise(() => {})), Error, "nobody sleeps");
});

Deno.test("a silent router, and one that does not accept, end at the deadline", async () => {
  await assertTimeout(new FakeConnection(parts()), new ManualClock());
  let isAborted = false;
  await assertTimeout((_to, { signal } = {}) => {
    const { promise, reject } = Promise.withResolvers<StreamConnection>();
    signal?.addEventListener("abort", () => {
      isAborted = true;
      reject(signal.reason);
    });
    return promise;
  }, new ManualClock());
  assert(isAborted);
});

Deno.test("a connection that opens after the deadline is closed, and nothing is sent", async () => {
  const clock = new ManualClock();
  const connection = new FakeConnection(parts(HELLO));
  await assertTimeout(async () => {
    await clock.sleep(5000);
    return connection;
  }, clock);
  await clock.advance(5000);
  assertEquals([connection.isClosed, connection.written], [true, []]);
});

Deno.test("an endless body ends at its bound", async () => {
  let sent = 0;
  const endless = async function* () {
    yield "HTTP/1.1 200 OK\r\n\r\n";
    for (;;) {
      await Promise.resolve();
      sent += 100;
      yield "x".repeat(100);
    }
  };
  const error = await assertRejects(
    () => httpRequest(GET, options(new FakeConnection(endless()))),
    HttpError,
  );
  assertEquals([error.reason, sent], ["too-long", 1100]);
});

Deno.test("an abandoned request rejects with the signal's reason, and closes its connection", async () => {
  const reason = new Error("enough");
  const connection = new FakeConnection(parts());
  const controller = new AbortController();
  const clock = new ManualClock();
  const pending = httpRequest(GET, { ...options(connection, clock), signal: controller.signal });
  await clock.advance(100);
  controller.abort(reason);
  assertEquals(await assertRejects(() => pending, Error), reason);
  assert(connection.isClosed);
  const late = new FakeConnection(parts(HELLO));
  const error = await assertRejects(
    () => httpRequest(GET, { ...options(late, clock), signal: controller.signal }),
    Error,
  );
  assertEquals([error, late.written], [reason, []]);
});

// ---- real sockets, on loopback ----

/** Answers one connection by hand. */
async function serveOnce(
  run: (connection: Deno.TcpConn, request: string) => Promise<void>,
): Promise<
  { readonly outcome: Promise<{ body: string; localAddress: string }>; readonly served: Promise<void> }
> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    const connection = await listener.accept();
    listener.close();
    const into = new Uint8Array(4096);
    const length = await connection.read(into) ?? 0;
    await run(connection, new TextDecoder().decode(into.subarray(0, length)));
  })();
  const outcome = httpRequest(
    { method: "GET", url: new URL(`http://127.0.0.1:${listener.addr.port}/`) },
    { connect: connectTcpStream, clock: systemClock, timeoutMs: 10_000, maxBytes: 1000 },
  );
  outcome.catch(() => {});
  return await Promise.resolve({ outcome, served });
}

Deno.test("over TCP an answer is read, and the connection ended, though the router keeps it", async () => {
  const { outcome, served } = await serveOnce(async (connection, request) => {
    assert(request.endsWith("\r\n\r\n"), request);
    await connection.write(new TextEncoder().encode(HELLO));
    assertEquals(await connection.read(new Uint8Array(1)), null);
    connection.close();
  });
  const { body, localAddress } = await outcome;
  assertEquals([body, localAddress], ["hello", "127.0.0.1"]);
  await served;
});

Deno.test("over TCP an answer ends with the connection", async () => {
  const { outcome, served } = await serveOnce(async (connection) => {
    await connection.write(new TextEncoder().encode("HTTP/1.0 200 OK\r\n\r\nhello"));
    connection.close();
  });
  assertEquals((await outcome).body, "hello");
  await served;
});

Deno.test("over TCP a port where nobody listens is told apart", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await assertRejects(
    () =>
      httpRequest({ method: "GET", url: new URL(`http://127.0.0.1:${port}/`) }, {
        connect: connectTcpStream,
        clock: systemClock,
        timeoutMs: 10_000,
        maxBytes: 1000,
      }),
    HttpError,
  );
  assertEquals(error.reason, "refused");
});

Deno.test("over TCP a request that is abandoned while it waits leaves nothing behind", async () => {
  const controller = new AbortController();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const pending = httpRequest({ method: "GET", url: new URL(`http://127.0.0.1:${listener.addr.port}/`) }, {
    connect: connectTcpStream,
    clock: systemClock,
    timeoutMs: 10_000,
    maxBytes: 1000,
    signal: controller.signal,
  });
  const connection = await accepted;
  await connection.read(new Uint8Array(4096));
  controller.abort(new Error("enough"));
  await assertRejects(() => pending, Error, "enough");
  assertEquals(await connection.read(new Uint8Array(1)), null);
  connection.close();
  listener.close();
});
