import { assert, assertEquals, assertRejects } from "@std/assert";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "../../lib/errors.ts";
import type { MemoryConnection } from "../../lib/simulator/mod.ts";
import { answerXml, descriptionXml, serviceXml } from "./documents.ts";
import { httpBytes, readRequest, ScriptedRouter, ScriptedTable, searchReply } from "./scripted_router.ts";
import { GATEWAY, HOST, UpnpLab } from "./upnp_lab.ts";

const AT_8080 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n";
const SERVICES = serviceXml("urn:schemas-upnp-org:service:WANIPConnection:1", "/ctl");

type Behaviour = (connection: MemoryConnection, lab: UpnpLab) => Promise<void>;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Sends the same again and again until the client goes away. */
function sends(head: string, part: string, { times = Infinity, everyMs = 0 } = {}): Behaviour {
  return async (connection, lab) => {
    await connection.write(bytes(head));
    for (let i = 0; i < times; i++) {
      await connection.write(bytes(part));
      if (everyMs > 0) await lab.clock.sleep(everyMs);
    }
  };
}

const SPACE = " ".repeat(50_000);
const ENTITIES = '<?xml version="1.0"?><!DOCTYPE root [<!ENTITY a "aaaaaaaaaa">' +
  '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><root>&c;</root>';

/** What a router may do to one request. Each has to cost little, in time and in memory. */
const BEHAVIOURS: readonly (readonly [what: string, behaviour: Behaviour])[] = [
  ["sends 20 MB", sends(`${HEAD}Content-Length: 20000000\r\n\r\n`, SPACE, { times: 400 })],
  ["sends without end", sends(`${HEAD}\r\n`, SPACE)],
  [
    "sends chunks without end",
    sends(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, `c350\r\n${SPACE}\r\n`),
  ],
  ["sends fields without end", sends("HTTP/1.1 200 OK\r\n", `X: ${"x".repeat(1000)}\r\n`)],
  ["sends interim answers without end", sends("", "HTTP/1.1 100 Continue\r\n\r\n")],
  ["sends a byte a second", sends(`${HEAD}Content-Length: 1000\r\n\r\n`, " ", { everyMs: 1000 })],
  ["sends a byte a second of a field", sends("HTTP/1.1 200 OK\r\nX: ", "x", { everyMs: 1000 })],
  ["says nothing", (connection) => connection.read(new Uint8Array(1)).then(() => {})],
  ["ends the connection", () => Promise.resolve()],
  ["breaks the connection", () => Promise.reject(new Error("broken"))],
  ["sends entities", (connection) => connection.write(httpBytes(ENTITIES))],
  ["sends 500 levels", (connection) => connection.write(httpBytes("<a>".repeat(500)))],
  [
    "sends 100,000 elements",
    (connection) => connection.write(httpBytes(`<r>${"<a/>".repeat(100_000)}</r>`)),
  ],
  ["sends NULs", (connection) => connection.write(httpBytes("\0".repeat(1000)))],
  ["speaks another protocol", (connection) => connection.write(bytes("SSH-2.0-OpenSSH_9\r\n\r\n"))],
];

/** A router that behaves so to the n-th request, and answers the ones before. */
function misbehaves(
  lab: UpnpLab,
  behaviour: Behaviour,
  from: "GET" | "action",
): { connections: number; end(): void } {
  const host = lab.network.host(GATEWAY);
  const seen = { connections: 0, end: () => {} };
  const stopServer = lab.network.attachServer(GATEWAY, 5000, async (connection) => {
    seen.connections++;
    const { method } = await readRequest(connection);
    if (method === "GET" && from === "action") {
      await connection.write(httpBytes(descriptionXml({ services: SERVICES })));
    } else await behaviour(connection, lab);
  });
  const stopSearch = host.listen({
    local: { hostname: GATEWAY, port: 1900 },
    deliver: ({ source }) =>
      host.emit({
        data: searchReply(`http://${GATEWAY}:5000/desc.xml`),
        source: { hostname: GATEWAY, port: 1900 },
      }, source),
  });
  seen.end = () => {
    stopServer();
    stopSearch();
  };
  return seen;
}

for (const [what, behaviour] of BEHAVIOURS) {
  for (const from of ["GET", "action"] as const) {
    Deno.test(`a router that ${what} in answer to ${from === "GET" ? "GET" : "an action"} costs no more than the timeout`, async () => {
      const lab = new UpnpLab();
      lab.remove();
      const router = misbehaves(lab, behaviour, from);
      const startMs = lab.clock.now();
      const memoryBefore = Deno.memoryUsage().heapUsed + Deno.memoryUsage().external;
      await assertRejects(() => lab.run(lab.client.map(AT_8080, { timeoutMs: 6000 })), PortMapperError);
      const grown = Deno.memoryUsage().heapUsed + Deno.memoryUsage().external - memoryBefore;
      assert(lab.clock.now() - startMs <= 6000, `${lab.clock.now() - startMs} ms`);
      assert(router.connections >= 1 && router.connections <= 5, `${router.connections}`);
      assert(grown < 40_000_000, `${grown} bytes`);
      router.end();
      await lab.clock.advance(2000);
    });
  }
}

Deno.test("the simulated router's bodies of 10 MB and without end are not read to their end", async () => {
  for (const upnpBody of ["huge", "endless"] as const) {
    const lab = new UpnpLab({ faults: { upnpBody } });
    const startMs = lab.clock.now();
    await assertRejects(() => lab.run(lab.client.map(AT_8080)), PortMapperError);
    assert(lab.clock.now() - startMs <= 7750);
  }
});

const HARMLESS = [
  { upnpChunked: true },
  { upnpNoLength: true },
  { upnpBareLf: true },
  { upnpNoNamespaces: true },
  { upnpRelativeUrls: true },
  { upnpDoubleSlash: true },
  { upnpPpp: true },
  { upnpHostileText: true },
  { upnpErrorIn200: true },
  { upnpDeleteAbsent: true },
  { upnpLocation: "other" },
  { upnpHangUp: { every: 2 } },
] as const;
for (const faults of HARMLESS) {
  for (const upnp of ["igd1", "igd2"] as const) {
    Deno.test(`map(), list() and unmap() at a router of ${upnp} with ${JSON.stringify(faults)}`, async () => {
      const lab = new UpnpLab({ upnp, faults });
      const lease = await lab.run(lab.client.map(AT_8080));
      assertEquals([lease.externalPort, lease.isVerified], [8080, true]);
      const { mappings } = await lab.run(lab.client.list());
      assertEquals(mappings.length, 1);
      assert(mappings[0]!.description.length <= 256);
      await lab.run(lab.client.unmap(AT_8080));
      assertEquals(lab.mappings, []);
    });
  }
}

// ---- deadlines ----

Deno.test("each request lasts for 5 s at most, and all of them for no longer than the operation", async () => {
  for (const timeoutMs of [1000, 4000, 20_000]) {
    const lab = new UpnpLab();
    lab.remove();
    const router = new ScriptedRouter(lab.network, {
      actions: { ...new ScriptedTable().actions, AddPortMapping: () => "hang" },
    });
    const startMs = lab.clock.now();
    const error = await assertRejects(() => lab.run(lab.client.map(AT_8080, { timeoutMs })), NoAnswerError);
    const spentMs = lab.clock.now() - startMs;
    assert(spentMs <= Math.min(timeoutMs, 5100), `${spentMs} ms`);
    assertEquals([error.effort.attempts, error.effort.elapsedMs], [3, spentMs]);
    router.detach();
  }
});

Deno.test("a slow router is waited for, as long as the operation lasts", async () => {
  const lab = new UpnpLab({ faults: { upnpHttpLatencyMs: 1500 } });
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
  const slower = new UpnpLab({ faults: { upnpHttpLatencyMs: 2500 } });
  const startMs = slower.clock.now();
  const error = await assertRejects(() => slower.run(slower.client.map(AT_8080)), NoAnswerError);
  assertEquals(slower.clock.now() - startMs, 7750);
  assertEquals(error.effort.elapsedMs, 7750);
});

Deno.test("a router whose host does not answer TCP is silent", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.find());
  lab.network.host(GATEWAY).isUp = false;
  const startMs = lab.clock.now();
  await assertRejects(() => lab.run(lab.client.probe()), NoAnswerError);
  assertEquals(lab.clock.now() - startMs, 7750);
});

// ---- the end of an operation from outside ----

/** Lets an operation run for a while, then aborts it. */
async function aborted(lab: UpnpLab, afterMs: number, perform: (signal: AbortSignal) => Promise<unknown>) {
  const stop = new AbortController();
  const reason = new TypeError("the reason");
  const outcome = perform(stop.signal).then(() => "done", (error) => error);
  await lab.clock.advance(afterMs);
  stop.abort(reason);
  const startMs = lab.clock.now();
  return { outcome: await lab.run(outcome), reason, tookMs: lab.clock.now() - startMs };
}

Deno.test("an operation ends with the signal's reason at each stage, and leaves nothing open", async () => {
  for (let afterMs = 0; afterMs <= 60; afterMs += 3) {
    const lab = new UpnpLab({ faults: { upnpHttpLatencyMs: 15 } });
    const { outcome, reason, tookMs } = await aborted(
      lab,
      afterMs,
      (signal) => lab.client.map(AT_8080, { signal }),
    );
    assertEquals([outcome === reason, tookMs], [true, 0], `${afterMs} ms`);
    const { connections, sent } = lab.network.host(HOST);
    await lab.clock.advance(10_000);
    assertEquals([lab.network.host(HOST).connections, lab.network.host(HOST).sent], [connections, sent]);
    assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
  }
});

Deno.test("an abort closes the connection that is open", async () => {
  const lab = new UpnpLab();
  lab.remove();
  let ended = 0;
  const router = misbehaves(lab, async (connection) => {
    if (await connection.read(new Uint8Array(1)) === null) ended++;
  }, "action");
  const { outcome, reason } = await aborted(lab, 200, (signal) => lab.client.probe({ signal }));
  await lab.clock.advance(10);
  assertEquals([outcome === reason, ended], [true, 1]);
  router.end();
});

Deno.test("find() and probe() that are aborted while services are asked for their state reject", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const router = new ScriptedRouter(lab.network, {
    description: descriptionXml({ services: SERVICES + SERVICES }),
    actions: { GetStatusInfo: () => "hang" },
  });
  const { outcome, reason } = await aborted(lab, 1000, (signal) => lab.client.find({ signal }));
  assertEquals(outcome, reason);
  router.detach();
});

Deno.test("an operation whose signal is aborted already sends nothing", async () => {
  const lab = new UpnpLab();
  const signal = AbortSignal.abort(new TypeError("the reason"));
  await assertRejects(() => lab.run(lab.client.map(AT_8080, { signal })), TypeError, "the reason");
  assertEquals([lab.network.host(HOST).sent, lab.network.host(HOST).connections], [0, 0]);
});

// ---- one at a time ----

Deno.test("operations are carried out one after the other, also after one that failed", async () => {
  const lab = new UpnpLab({ faults: { upnpHttpLatencyMs: 10 } });
  let open = 0;
  let most = 0;
  const { connect } = lab.network.host(HOST);
  const client = lab.newClient(HOST, {
    connectStream: async (to, options) => {
      most = Math.max(most, ++open);
      const connection = await connect(to, options);
      const close = connection.close.bind(connection);
      let isClosed = false;
      connection.close = () => {
        if (!isClosed) open--;
        isClosed = true;
        close();
      };
      return connection;
    },
  });
  const ports = [8001, 8002, 8003, 8004];
  const failing = client.unmap(AT_8080, { timeoutMs: 5 }).then(() => "done", () => "failed");
  const mapped = ports.map((port) => client.map({ protocol: "tcp", internalPort: port, externalPort: port }));
  await lab.run(Promise.all(mapped));
  assertEquals([await failing, most, open, lab.mappings.length], ["failed", 1, 0, 4]);
});

/** A lock that counts, and may refuse. */
class CountingLock {
  readonly log: string[] = [];
  isHeld = false;
  failure: Error | undefined;

  take(): Promise<void> {
    this.log.push("take");
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.isHeld = true;
    return Promise.resolve();
  }

  yieldToOthers(): Promise<void> {
    return Promise.resolve();
  }

  release(): void {
    this.log.push("release");
    this.isHeld = false;
  }
}

Deno.test("the lock is held for each operation, and given back after a failure, once", async () => {
  const lab = new UpnpLab();
  const requestLock = new CountingLock();
  const held: boolean[] = [];
  const { connect } = lab.network.host(HOST);
  const client = lab.newClient(HOST, {
    requestLock,
    connectStream: (to, options) => {
      held.push(requestLock.isHeld);
      return connect(to, options);
    },
  });
  await lab.run(client.map(AT_8080));
  lab.setFaults({ refuse: true });
  await assertRejects(() => lab.run(client.unmap(AT_8080)), RefusedError);
  assertEquals([requestLock.log, held.every(Boolean)], [["take", "release", "take", "release"], true]);
  requestLock.failure = new TypeError("busy");
  requestLock.log.length = 0;
  await assertRejects(() => lab.run(client.map(AT_8080)), TypeError, "busy");
  assertEquals(requestLock.log, ["take"]);
});

Deno.test("an operation that is aborted while it waits does not give back another one's lock", async () => {
  const lab = new UpnpLab({ faults: { upnpHttpLatencyMs: 100 } });
  const requestLock = new CountingLock();
  const client = lab.newClient(HOST, { requestLock });
  const mapped = client.map(AT_8080);
  await lab.clock.advance(50);
  const { outcome, reason } = await aborted(lab, 1, (signal) => client.probe({ signal }));
  assertEquals([outcome, requestLock.isHeld, requestLock.log], [reason, true, ["take"]]);
  await lab.run(mapped);
  assertEquals(requestLock.log, ["take", "release"]);
});

Deno.test("limits that no operation can keep to are refused before anything is sent", async () => {
  const lab = new UpnpLab();
  for (const timeoutMs of [0, -1, NaN]) {
    await assertRejects(() => lab.run(lab.client.probe({ timeoutMs })), RangeError);
  }
  assertEquals(lab.network.host(HOST).sent, 0);
});

Deno.test("a connection that breaks is made once more, and no more", async () => {
  const lab = new UpnpLab();
  lab.remove();
  let count = 0;
  const router = misbehaves(lab, async (connection) => {
    count++;
    if (count > 1) {
      await connection.write(
        httpBytes(answerXml("GetExternalIPAddress", { NewExternalIPAddress: "203.0.113.7" })),
      );
    }
  }, "action");
  const { externalAddress, attempts } = await lab.run(lab.client.probe());
  assertEquals([externalAddress, attempts, count], ["203.0.113.7", 3, 2]);
  router.end();
  await assertRejects(() => lab.run(lab.client.probe()), NotSupportedError);
});
