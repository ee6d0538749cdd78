import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { NoAnswerError, NotSupportedError, SocketError } from "../../lib/errors.ts";
import {
  type Datagram,
  type DatagramSocket,
  type Endpoint,
  type OpenSocket,
  PortUnreachable,
} from "../../lib/net/datagram.ts";
import {
  Exchange,
  type ExchangeEvent,
  type ExchangeOptions,
  type ExchangeParts,
  type ExchangeRequest,
  type RequestLock,
} from "../../lib/net/exchange.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";
import { ManualClock, MemoryNetwork, type NetworkConditions } from "../../lib/simulator/mod.ts";

const SERVER = { hostname: "10.0.0.1", port: 5351 };
const CLIENT = "10.0.0.2";
/** RFC 6886 §3.1. */
const WAITS_MS = [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000];
const SENDS_MS = [0, 250, 750, 1750, 3750, 7750, 15_750, 31_750, 63_750];
const WHOLE: ExchangeOptions = { waitsMs: WAITS_MS, timeoutMs: 127_750 };
const USUAL: ExchangeOptions = { waitsMs: WAITS_MS, timeoutMs: 7750 };
/** Long enough for whatever might still come. */
const MUCH_LATER_MS = 300_000;

/** A request of one byte; its answer is 0x80 and that byte. */
function request(id: number): ExchangeRequest<number> {
  return {
    data: Uint8Array.of(id),
    match: (data) => {
      if (data.length < 2) return { discarded: "too short" };
      if (data[0] !== 0x80) return { discarded: "junk" };
      return data[1] === id ? { reply: id } : { discarded: "for another request" };
    },
  };
}

function answerTo(datagram: Datagram): Uint8Array {
  return Uint8Array.of(0x80, datagram.data[0]!);
}

interface Heard {
  readonly atMs: number;
  readonly id: number;
  readonly port: number;
}

interface LabOptions {
  readonly startMs?: number;
  readonly conditions?: Partial<NetworkConditions>;
  /** What the server does with the nth datagram it hears, counted from 1. Without it the server is silent. */
  readonly serve?: (lab: Lab, datagram: Datagram, nth: number) => void;
  readonly parts?: Partial<ExchangeParts>;
  /** Whether the server's port is closed. */
  readonly closed?: boolean;
}

/** One exchange with one server on a network in memory, everything counted. */
class Lab {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly exchange: Exchange;
  readonly heard: Heard[] = [];
  readonly opened: (Partial<Endpoint> | undefined)[] = [];
  readonly ports: number[] = [];
  readonly closed = new Set<DatagramSocket>();
  readonly events: ExchangeEvent[] = [];
  readonly #startMs: number;
  readonly #serve: LabOptions["serve"];
  #unlisten: (() => void) | undefined;

  constructor({ startMs = 0, conditions, serve, parts, closed = false }: LabOptions = {}) {
    this.#startMs = startMs;
    this.#serve = serve;
    this.clock = new ManualClock({ startMs });
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: () => 0.5,
      ...(conditions === undefined ? {} : { conditions }),
    });
    // A host that exists, so that a closed port is one.
    this.network.host(SERVER.hostname);
    if (!closed) this.listen();
    this.exchange = new Exchange(SERVER, {
      clock: this.clock,
      openSocket: this.open,
      observe: (event) => this.events.push(event),
      ...parts,
    });
  }

  readonly open: OpenSocket = (local) => {
    const socket = this.network.host(CLIENT).open(local);
    this.opened.push(local);
    this.ports.push(socket.local.port);
    const counted: DatagramSocket = {
      local: socket.local,
      send: (data, to) => socket.send(data, to),
      receive: () => socket.receive(),
      close: () => {
        this.closed.add(counted);
        socket.close();
      },
    };
    return counted;
  };

  listen(): void {
    const deliver = (datagram: Datagram) => {
      const atMs = this.clock.now() - this.#startMs;
      this.heard.push({ atMs, id: datagram.data[0]!, port: datagram.source.port });
      this.#serve?.(this, datagram, this.heard.length);
    };
    this.#unlisten = this.network.host(SERVER.hostname).listen({ local: SERVER, deliver });
  }

  unlisten(): void {
    this.#unlisten?.();
  }

  /** The server, or somebody who claims another source, sends a datagram now or later. */
  reply(data: Uint8Array, to: Endpoint, { afterMs = 0, source = SERVER } = {}): void {
    const emit = () => this.network.host(SERVER.hostname).emit({ data, source }, to);
    if (afterMs === 0) emit();
    else void this.clock.sleep(afterMs).then(emit);
  }

  /** Awaits a promise on the lab's clock, then sees whether everything is closed and nothing more is sent. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    try {
      return await this.clock.runUntil(promise);
    } finally {
      const sent = this.network.host(CLIENT).sent;
      assertEquals(this.closed.size, this.opened.length, "every socket that was opened is closed");
      await this.clock.advance(MUCH_LATER_MS);
      assertEquals(this.network.host(CLIENT).sent, sent, "nothing is sent after the outcome");
      assertEquals(this.closed.size, this.opened.length, "and no socket is opened");
    }
  }

  async noAnswer(promise: Promise<unknown>): Promise<NoAnswerError> {
    return await assertRejects(() => this.finish(promise), NoAnswerError);
  }
}

/** Answers at once. */
const answering: LabOptions["serve"] = (lab, datagram) => lab.reply(answerTo(datagram), datagram.source);

// ---- schedule and deadline (§3.1) ----

Deno.test("Exchange.request() resolves with the answer, one attempt and the time it took", async () => {
  const lab = new Lab({ startMs: 5000, conditions: { latencyMs: 10 }, serve: answering });
  assertEquals(await lab.finish(lab.exchange.request(request(1), USUAL)), {
    reply: 1,
    startedAtMs: 5000,
    attempts: 1,
    elapsedMs: 20,
  });
});

Deno.test("Exchange.request() sends nine times by the whole schedule and gives up at 127750 ms", async () => {
  const lab = new Lab();
  const { effort } = await lab.noAnswer(lab.exchange.request(request(1), WHOLE));
  assertEquals(lab.heard.map(({ atMs }) => atMs), SENDS_MS);
  assertEquals(effort, { attempts: 9, elapsedMs: 127_750 });
});

Deno.test("Exchange.request() gives up at the schedule's end though the deadline is later", async () => {
  const lab = new Lab();
  const { effort } = await lab.noAnswer(lab.exchange.request(request(1), { ...WHOLE, timeoutMs: 500_000 }));
  assertEquals(effort, { attempts: 9, elapsedMs: 127_750 });
});

Deno.test("Exchange.request() sends five times in 7750 ms and never a sixth time", async () => {
  const lab = new Lab();
  const { effort } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750]);
  assertEquals(effort, { attempts: 5, elapsedMs: 7750 });
});

Deno.test("Exchange.request() sends as often and as late whatever fraction the clock began with", async () => {
  const origins = [1234.567891, 0.1, 1 / 3, 99_999.999999, 2 ** 40 + 0.123, 86_400_000.7];
  // What performance.now() says: thousandths, anywhere in a week.
  for (let i = 0; i < 60; i++) origins.push(Math.round((i * 7_919_417.3) % 6e8 * 1000) / 1000);
  for (const startMs of origins) {
    const lab = new Lab({ startMs });
    const { effort } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
    assertEquals(lab.heard.length, 5, `origin ${startMs}`);
    for (const [i, { atMs }] of lab.heard.entries()) assertAlmostEquals(atMs, SENDS_MS[i]!, 0.01);
    assertAlmostEquals(effort.elapsedMs, 7750, 0.01);
  }
});

Deno.test("Exchange.request() sends as often on a clock that wakes a fraction early, as timers do", async () => {
  const clock = new ManualClock({ startMs: 1234.567891 });
  const early: Clock = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    sleep: (ms, options) => clock.sleep(Math.max(0, ms - 0.9), options),
  };
  const network = new MemoryNetwork({ clock, random: () => 0.5 });
  const host = network.host(CLIENT);
  const exchange = new Exchange(SERVER, { clock: early, openSocket: host.open });
  const error = await assertRejects(() => clock.runUntil(exchange.request(request(1), USUAL)), NoAnswerError);
  assertEquals([error.effort.attempts, host.sent], [5, 5]);
});

for (const [timeoutMs, sends] of [[100, 1], [250, 1], [251, 2], [750, 2], [1000, 3], [7751, 6]] as const) {
  Deno.test(`Exchange.request() keeps a deadline of ${timeoutMs} ms, with ${sends} sends`, async () => {
    const lab = new Lab();
    const { effort } = await lab.noAnswer(lab.exchange.request(request(1), { waitsMs: WAITS_MS, timeoutMs }));
    assertEquals(effort, { attempts: sends, elapsedMs: timeoutMs });
    assertEquals(lab.heard.map(({ atMs }) => atMs), SENDS_MS.slice(0, sends));
  });
}

Deno.test("Exchange.request() takes any schedule", async () => {
  const lab = new Lab();
  const waitsMs = [3000, 100, 7];
  await lab.noAnswer(lab.exchange.request(request(1), { waitsMs, timeoutMs: Infinity }));
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 3000, 3100]);
});

Deno.test("Exchange goes by a schedule without an end until its deadline, or until it has sent often enough", async () => {
  for (
    const [maxAttempts, effort] of [[undefined, { attempts: 4, elapsedMs: 350 }], [3, {
      attempts: 3,
      elapsedMs: 300,
    }]] as const
  ) {
    const lab = new Lab();
    const waitsMs = {
      *[Symbol.iterator]() {
        for (;;) yield 100;
      },
    };
    const asking = lab.exchange.request(request(1), { waitsMs, timeoutMs: 350, maxAttempts });
    assertEquals((await lab.noAnswer(asking)).effort, effort);
  }
});

Deno.test("Exchange.request() sends the same bytes each time", async () => {
  const lab = new Lab();
  await lab.noAnswer(lab.exchange.request(request(77), USUAL));
  assertEquals(lab.heard.map(({ id }) => id), [77, 77, 77, 77, 77]);
});

Deno.test("Exchange.request() resolves 250 ms later when the first datagram is lost (users.md)", async () => {
  const lab = new Lab({ serve: (lab, datagram, nth) => nth >= 2 && answering(lab, datagram, nth) });
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 2, elapsedMs: 250 });
});

Deno.test("Exchange.request() takes a late reply to an earlier attempt", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth === 1) lab.reply(answerTo(datagram), datagram.source, { afterMs: 900 });
  };
  const lab = new Lab({ serve });
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 3, elapsedMs: 900 });
});

Deno.test("Exchange.request() takes an answer that comes just before the deadline", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth === 1) lab.reply(answerTo(datagram), datagram.source, { afterMs: 7749 });
  };
  const lab = new Lab({ serve });
  assertEquals((await lab.finish(lab.exchange.request(request(1), USUAL))).elapsedMs, 7749);
});

// ---- what is no answer ----

interface Intruder {
  readonly what: string;
  readonly reason: string;
  readonly data: (datagram: Datagram) => Uint8Array;
  readonly source?: Endpoint;
}

const INTRUDERS: readonly Intruder[] = [
  { what: "junk", reason: "junk", data: () => Uint8Array.of(1, 2, 3) },
  { what: "datagrams that are too short", reason: "too short", data: () => Uint8Array.of(0x80) },
  { what: "empty datagrams", reason: "too short", data: () => new Uint8Array(0) },
  { what: "answers to other requests", reason: "for another request", data: () => Uint8Array.of(0x80, 99) },
  {
    what: "right answers from another address",
    reason: "from another address",
    data: answerTo,
    source: { hostname: "10.0.0.66", port: 5351 },
  },
  {
    what: "right answers from another address that begins the same",
    reason: "from another address",
    data: answerTo,
    source: { hostname: "10.0.0.11", port: 5351 },
  },
  {
    what: "right answers from another port",
    reason: "from another port",
    data: answerTo,
    source: { hostname: "10.0.0.1", port: 5350 },
  },
];

for (const { what, reason, data, source = SERVER } of INTRUDERS) {
  Deno.test(`Exchange.request() counts ${what}, and neither ends nor sends nor waits otherwise`, async () => {
    const serve: LabOptions["serve"] = (lab, datagram) => {
      lab.reply(data(datagram), datagram.source, { source });
      lab.reply(data(datagram), datagram.source, { source, afterMs: 100 });
    };
    const lab = new Lab({ serve });
    const { effort, discarded } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
    assertEquals(discarded, new Map([[reason, 10]]));
    assertEquals(effort, { attempts: 5, elapsedMs: 7750 });
    assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750]);
  });
}

Deno.test("Exchange.request() counts each reason by itself", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth > 1) return;
    for (const { data, source = SERVER } of INTRUDERS) lab.reply(data(datagram), datagram.source, { source });
  };
  const lab = new Lab({ serve });
  const { discarded } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(
    discarded,
    new Map([
      ["junk", 1],
      ["too short", 2],
      ["for another request", 1],
      ["from another address", 2],
      ["from another port", 1],
    ]),
  );
});

Deno.test("Exchange.request() never shows the matcher what comes from elsewhere", async () => {
  const seen: Uint8Array[] = [];
  const serve: LabOptions["serve"] = (lab, datagram) => {
    lab.reply(answerTo(datagram), datagram.source, { source: { hostname: "10.0.0.66", port: 5351 } });
    lab.reply(answerTo(datagram), datagram.source, { source: { hostname: "10.0.0.1", port: 5352 } });
  };
  const lab = new Lab({ serve });
  const match = (data: Uint8Array) => {
    seen.push(data);
    return { reply: 0 };
  };
  await lab.noAnswer(lab.exchange.request({ data: Uint8Array.of(1), match }, USUAL));
  assertEquals(seen, []);
});

Deno.test("Exchange.request() takes the answer that comes amid junk", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    for (let i = 0; i < 1000; i++) lab.reply(Uint8Array.of(1, 2, 3), datagram.source);
    if (nth === 3) answering(lab, datagram, nth);
    for (let i = 0; i < 1000; i++) lab.reply(Uint8Array.of(1, 2, 3), datagram.source);
  };
  const lab = new Lab({ serve });
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 3, elapsedMs: 750 });
});

/** A request whose answer is 0x80 and 1; for want of it, three bytes mean 3. */
const WITH_LAST_RESORT: ExchangeRequest<number> = {
  data: Uint8Array.of(1),
  match: (data) => {
    if (data.length === 3) return { discarded: "three bytes", lastResort: 3 };
    return data[0] === 0x80 ? { reply: 1 } : { discarded: "junk" };
  },
};
const THREE_BYTES = new Uint8Array(3);
const ELSEWHERE = { hostname: "10.0.0.66", port: 5351 };

Deno.test("Exchange.request() takes a last resort at the deadline, whatever comes from elsewhere", async () => {
  const serve: LabOptions["serve"] = (lab, { source: to }) => {
    lab.reply(Uint8Array.of(9), to, { source: ELSEWHERE });
    lab.reply(THREE_BYTES, to);
  };
  const lab = new Lab({ serve });
  const exchanged = await lab.finish(lab.exchange.request(WITH_LAST_RESORT, USUAL));
  assertEquals(exchanged, { reply: 3, startedAtMs: 0, attempts: 5, elapsedMs: 7750 });
});

for (
  const [what, serve] of [
    ["when the server sent junk before it", (lab, { source: to }, nth) => {
      lab.reply(nth === 1 ? Uint8Array.of(9) : THREE_BYTES, to);
    }],
    ["when the server sent junk after it", (lab, { source: to }, nth) => {
      lab.reply(nth === 5 ? Uint8Array.of(9) : THREE_BYTES, to);
    }],
    ["from elsewhere", (lab, { source: to }) => lab.reply(THREE_BYTES, to, { source: ELSEWHERE })],
  ] as readonly (readonly [string, NonNullable<LabOptions["serve"]>])[]
) {
  Deno.test(`Exchange.request() takes no last resort ${what}`, async () => {
    const lab = new Lab({ serve });
    await lab.noAnswer(lab.exchange.request(WITH_LAST_RESORT, USUAL));
  });
}

Deno.test("Exchange.request() takes the answer that comes after a last resort", async () => {
  const serve: LabOptions["serve"] = (lab, { source: to }, nth) => {
    lab.reply(nth === 5 ? Uint8Array.of(0x80, 1) : THREE_BYTES, to);
  };
  const lab = new Lab({ serve });
  const { reply, attempts } = await lab.finish(lab.exchange.request(WITH_LAST_RESORT, USUAL));
  assertEquals([reply, attempts], [1, 5]);
});

Deno.test("Exchange.request() keeps schedule and deadline under junk that comes each millisecond", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth > 1) return;
    for (let ms = 0; ms < 8000; ms++) lab.reply(Uint8Array.of(1, 2), datagram.source, { afterMs: ms + 0.5 });
  };
  const lab = new Lab({ serve });
  const { effort, discarded } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(discarded, new Map([["junk", 7750]]));
  assertEquals(effort, { attempts: 5, elapsedMs: 7750 });
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750]);
});

Deno.test("Exchange.request() takes the first of two answers", async () => {
  const serve: LabOptions["serve"] = (lab, datagram) => {
    lab.reply(Uint8Array.of(0x80, 1, 11), datagram.source);
    lab.reply(Uint8Array.of(0x80, 1, 22), datagram.source);
  };
  const lab = new Lab({ serve });
  const match = (data: Uint8Array) => ({ reply: data[2] });
  const exchanged = await lab.finish(lab.exchange.request({ data: Uint8Array.of(1), match }, USUAL));
  assertEquals(exchanged.reply, 11);
  assertEquals(lab.events.filter(({ kind }) => kind === "received").length, 1);
});

// ---- one at a time (§3.1) ----

Deno.test("Exchange.request() has never two requests outstanding, and keeps their order", async () => {
  let outstanding = 0;
  const serve: LabOptions["serve"] = (lab, datagram) => {
    const isNew = !lab.heard.slice(0, -1).some(({ id }) => id === datagram.data[0]);
    if (!isNew) return;
    assertEquals(++outstanding, 1);
    // The slow gateway of §3.1.
    void lab.clock.sleep(500).then(() => {
      outstanding--;
      lab.reply(answerTo(datagram), datagram.source);
    });
  };
  const lab = new Lab({ serve });
  const ids = [5, 3, 9, 1, 7];
  const exchanged = await lab.finish(Promise.all(ids.map((id) => lab.exchange.request(request(id), USUAL))));
  assertEquals(exchanged.map(({ reply }) => reply), ids);
  const firsts = lab.heard.filter(({ id }, i) => lab.heard.findIndex((other) => other.id === id) === i);
  assertEquals(firsts.map(({ id, atMs }) => [id, atMs]), [[5, 0], [3, 500], [9, 1000], [1, 1500], [7, 2000]]);
});

Deno.test("Exchange.request() starts schedule, deadline and elapsed time with its own first send", async () => {
  const lab = new Lab();
  const results = await lab.finish(Promise.allSettled([
    lab.exchange.request(request(1), USUAL),
    lab.exchange.request(request(2), USUAL),
  ]));
  assertEquals(lab.heard.filter(({ id }) => id === 2).map(({ atMs }) => atMs), [
    7750,
    8000,
    8500,
    9500,
    11_500,
  ]);
  for (const result of results) {
    assert(result.status === "rejected");
    assertInstanceOf(result.reason, NoAnswerError);
    assertEquals(result.reason.effort, { attempts: 5, elapsedMs: 7750 });
  }
});

Deno.test("Exchange.request() asks on from a fresh port each time, and never asks for 5350", async () => {
  const lab = new Lab({ serve: answering });
  const requests = Array.from({ length: 10 }, (_, id) => lab.exchange.request(request(id), USUAL));
  await lab.finish(Promise.all(requests));
  assertEquals(new Set(lab.ports).size, 10);
  assertEquals(lab.heard.map(({ port }) => port), lab.ports);
  for (const local of lab.opened) assertEquals(local?.port ?? 0, 0);
});

Deno.test("Exchange.request() sends from the local address that it is given", async () => {
  const lab = new Lab({ serve: answering, parts: { localAddress: CLIENT } });
  await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals(lab.opened.map((local) => local?.hostname), [CLIENT]);
});

Deno.test("Exchange.request() is not answered by a late reply to the request before it", async () => {
  // What py-natpmp's users meet: the schedule makes duplicates, and a delete looks like the map before it.
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth > 1) return;
    lab.reply(Uint8Array.of(0x80, 1), datagram.source);
    lab.reply(Uint8Array.of(0x80, 1), datagram.source, { afterMs: 100 });
  };
  const lab = new Lab({ serve });
  const first = lab.exchange.request(request(1), USUAL);
  const again = lab.exchange.request(request(1), USUAL);
  const [, result] = await lab.finish(Promise.allSettled([first, again]));
  assert(result.status === "rejected");
  assertInstanceOf(result.reason, NoAnswerError);
  assertEquals(result.reason.discarded, new Map());
});

// ---- abort ----

Deno.test("Exchange.request() opens nothing when its signal has aborted before", async () => {
  const lab = new Lab({ serve: answering });
  const reason = new Error("too late");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(
    () => lab.finish(lab.exchange.request(request(1), { ...USUAL, signal })),
    Error,
  );
  assertEquals(error, reason);
  assertEquals([lab.opened.length, lab.heard.length], [0, 0]);
});

Deno.test("Exchange.request() rejects with the signal's reason while it waits, and closes its socket", async () => {
  const lab = new Lab();
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("enough");
  void lab.clock.sleep(1000).then(() => controller.abort(reason));
  const error = await assertRejects(
    () => lab.finish(lab.exchange.request(request(1), { ...USUAL, signal })),
    Error,
  );
  assertEquals(error, reason);
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750]);
});

Deno.test("Exchange.request() rejects with a reason that is no Error as it is", async () => {
  const lab = new Lab();
  const controller = new AbortController();
  const waiting = lab.exchange.request(request(1), { ...USUAL, signal: controller.signal });
  void lab.clock.sleep(10).then(() => controller.abort("stop"));
  const [result] = await lab.finish(Promise.allSettled([waiting]));
  assertEquals(result, { status: "rejected", reason: "stop" });
});

Deno.test("Exchange.request() rejects at once while it is queued, and sends nothing of it", async () => {
  const lab = new Lab({ serve: (lab, datagram, nth) => nth === 2 && answering(lab, datagram, nth) });
  const controller = new AbortController();
  const first = lab.exchange.request(request(1), USUAL);
  let abortedAtMs = NaN;
  const queued = lab.exchange.request(request(2), { ...USUAL, signal: controller.signal })
    .catch((error) => {
      abortedAtMs = lab.clock.now();
      return error;
    });
  void lab.clock.sleep(100).then(() => controller.abort("stop"));
  assertEquals((await lab.finish(Promise.all([first, queued])))[1], "stop");
  assertEquals(abortedAtMs, 100);
  assertEquals(lab.heard.map(({ id }) => id), [1, 1]);
});

Deno.test("Exchange.request() goes on with the queue when one in it aborts, still one at a time", async () => {
  const serve: LabOptions["serve"] = (lab, datagram) => {
    lab.reply(answerTo(datagram), datagram.source, { afterMs: 200 });
  };
  const lab = new Lab({ serve });
  const controller = new AbortController();
  const first = lab.exchange.request(request(1), USUAL);
  const second = lab.exchange.request(request(2), { ...USUAL, signal: controller.signal });
  const third = lab.exchange.request(request(3), USUAL);
  void lab.clock.sleep(100).then(() => controller.abort("stop"));
  const results = await lab.finish(Promise.allSettled([first, second, third]));
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  // The third must not take the aborted one's place beside the first, which is still under way.
  assertEquals(lab.heard.map(({ id, atMs }) => [id, atMs]), [[1, 0], [3, 200]]);
});

Deno.test("Exchange.request() lets the next one begin as soon as the one under way aborts", async () => {
  const lab = new Lab({
    serve: (lab, datagram, nth) => datagram.data[0] === 2 && answering(lab, datagram, nth),
  });
  const controller = new AbortController();
  const first = lab.exchange.request(request(1), { ...USUAL, signal: controller.signal });
  const second = lab.exchange.request(request(2), USUAL);
  void lab.clock.sleep(300).then(() => controller.abort("stop"));
  const [, result] = await lab.finish(Promise.allSettled([first, second]));
  assert(result.status === "fulfilled");
  assertEquals(result.value.startedAtMs, 300);
});

Deno.test("Exchange.request() does not care for an abort after the answer, and keeps no listener", async () => {
  const lab = new Lab({ serve: answering });
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = AbortSignal.prototype;
  signal.addEventListener = function (...args: Parameters<typeof addEventListener>) {
    listeners++;
    return addEventListener.apply(this, args);
  };
  signal.removeEventListener = function (...args: Parameters<typeof removeEventListener>) {
    listeners--;
    return removeEventListener.apply(this, args);
  };
  assertEquals((await lab.finish(lab.exchange.request(request(1), { ...USUAL, signal }))).reply, 1);
  assertEquals(listeners, 0);
  controller.abort();
});

// ---- sockets that fail ----

Deno.test("Exchange.request() takes a send that rejects as a lost attempt, and is answered later", async () => {
  const lab = new Lab({ serve: answering });
  const host = lab.network.host(CLIENT);
  host.isUp = false;
  void lab.clock.sleep(500).then(() => host.isUp = true);
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 3, elapsedMs: 750 });
  assertEquals(lab.events.filter(({ kind }) => kind === "send-failed").length, 2);
});

Deno.test("Exchange.request() names in its error why sends failed, at the deadline and not before", async () => {
  const lab = new Lab();
  lab.network.host(CLIENT).isUp = false;
  const error = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertStringIncludes(error.socketFailure ?? "", "Network is unreachable");
  assertEquals(error.effort, { attempts: 5, elapsedMs: 7750 });
});

Deno.test("Exchange.request() names in its error how long it waited, to a millisecond, and whether anything came", async () => {
  const silent = new Lab();
  const { message } = await silent.noAnswer(
    silent.exchange.request(request(1), { ...USUAL, timeoutMs: 4581.9999 }),
  );
  assertEquals(message, "10.0.0.1:5351 did not answer within 4.582 s (attempts: 5)");
  const noisy = new Lab({ serve: (lab, { source }) => lab.reply(Uint8Array.of(1, 2), source) });
  const error = await noisy.noAnswer(noisy.exchange.request(request(1), USUAL));
  assertEquals(error.message, "10.0.0.1:5351 gave no valid answer within 7.75 s (attempts: 5)");
});

Deno.test("Exchange.request() names the failure of one send among others that went out", async () => {
  const lab = new Lab();
  const host = lab.network.host(CLIENT);
  void lab.clock.sleep(200).then(() => host.isUp = false);
  void lab.clock.sleep(300).then(() => host.isUp = true);
  const error = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertStringIncludes(error.socketFailure ?? "", "Network is unreachable");
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 750, 1750, 3750]);
});

/** A socket that is nobody's: sends and receives as the test has it, and counts how often it is closed. */
function oddSocket(odd: Partial<DatagramSocket>): DatagramSocket & { closes: number } {
  const closed = Promise.withResolvers<undefined>();
  return {
    closes: 0,
    local: { hostname: CLIENT, port: 50_000 },
    send: () => Promise.resolve(),
    receive: () => closed.promise,
    close() {
      this.closes++;
      closed.resolve(undefined);
    },
    ...odd,
  };
}

Deno.test("Exchange.request() keeps its deadline when a send never settles", async () => {
  const clock = new ManualClock();
  const socket = oddSocket({ send: () => new Promise(() => {}) });
  const exchange = new Exchange(SERVER, { clock, openSocket: () => socket });
  const error = await assertRejects(() => clock.runUntil(exchange.request(request(1), USUAL)), NoAnswerError);
  assertEquals(error.effort.elapsedMs, 7750);
  assertEquals(socket.closes, 1);
});

Deno.test("Exchange.request() can be aborted when a send never settles", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const socket = oddSocket({ send: () => new Promise(() => {}) });
  const exchange = new Exchange(SERVER, { clock, openSocket: () => socket });
  const waiting = exchange.request(request(1), { ...USUAL, signal: controller.signal });
  void clock.sleep(100).then(() => controller.abort(new Error("enough")));
  await assertRejects(() => clock.runUntil(waiting), Error, "enough");
  assertEquals([clock.now(), socket.closes], [100, 1]);
});

Deno.test("Exchange.request() keeps its schedule when a send is slow", async () => {
  const clock = new ManualClock();
  const sentAtMs: number[] = [];
  const send = async () => {
    sentAtMs.push(clock.now());
    await clock.sleep(100);
  };
  const exchange = new Exchange(SERVER, { clock, openSocket: () => oddSocket({ send }) });
  const error = await assertRejects(() => clock.runUntil(exchange.request(request(1), USUAL)), NoAnswerError);
  assertEquals(sentAtMs, [0, 250, 750, 1750, 3750]);
  assertEquals(error.effort.elapsedMs, 7750);
});

Deno.test("Exchange.request() keeps its deadline when a receive fails, and names the failure", async () => {
  const clock = new ManualClock();
  const socket = oddSocket({ receive: () => Promise.reject(new Error("interface gone")) });
  const exchange = new Exchange(SERVER, { clock, openSocket: () => socket });
  const error = await assertRejects(() => clock.runUntil(exchange.request(request(1), USUAL)), NoAnswerError);
  assertEquals([error.effort.elapsedMs, error.socketFailure, socket.closes], [7750, "interface gone", 1]);
});

Deno.test("Exchange.request() rejects when no socket can be opened, and the queue goes on", async () => {
  const lab = new Lab({ serve: answering });
  let failures = 1;
  const openSocket: OpenSocket = (local) => {
    if (failures-- > 0) throw new SocketError("Cannot open a UDP socket: too many open files");
    return lab.open(local);
  };
  const exchange = new Exchange(SERVER, { clock: lab.clock, openSocket });
  const first = exchange.request(request(1), USUAL);
  const second = exchange.request(request(2), USUAL);
  const results = await lab.finish(Promise.allSettled([first, second]));
  assert(results[0].status === "rejected" && results[1].status === "fulfilled");
  assertInstanceOf(results[0].reason, SocketError);
  assertEquals(results[1].value.reply, 2);
});

// ---- port unreachable (§3.1, §3.8) ----

const REPORTING = { reportsPortUnreachable: true, latencyMs: 1 };

Deno.test("Exchange.request() concludes at once that nobody listens when the server never answered", async () => {
  const lab = new Lab({ closed: true, conditions: REPORTING });
  const error = await assertRejects(
    () => lab.finish(lab.exchange.request(request(1), WHOLE)),
    NotSupportedError,
  );
  assertEquals(error.reason, "port-unreachable");
  assertEquals(error.effort, { attempts: 1, elapsedMs: 2 });
  assertStringIncludes(error.message, "UDP port 5351 of 10.0.0.1");
});

Deno.test("Exchange.request() concludes that each time, as long as the server has not answered", async () => {
  const lab = new Lab({ closed: true, conditions: REPORTING });
  for (let i = 0; i < 2; i++) {
    const asking = lab.exchange.request(request(1), WHOLE);
    const error = await assertRejects(() => lab.finish(asking), NotSupportedError);
    assertEquals(error.effort?.elapsedMs, 2);
  }
});

Deno.test("Exchange.request() takes it as a hiccup when the server has answered before", async () => {
  const lab = new Lab({ serve: answering, conditions: REPORTING });
  await lab.finish(lab.exchange.request(request(1), USUAL));
  lab.unlisten();
  void lab.clock.sleep(1000).then(() => lab.listen());
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(2), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 4, elapsedMs: 1752 });
});

Deno.test("Exchange.request() concludes it at the deadline when the server has answered before", async () => {
  const lab = new Lab({ serve: answering, conditions: REPORTING });
  await lab.finish(lab.exchange.request(request(1), USUAL));
  lab.unlisten();
  const asking = lab.exchange.request(request(2), USUAL);
  const error = await assertRejects(() => lab.finish(asking), NotSupportedError);
  assertEquals(error.reason, "port-unreachable");
  assertEquals(error.effort, { attempts: 5, elapsedMs: 7750 });
  assertEquals(lab.events.filter(({ kind }) => kind === "unreachable").length, 5);
});

Deno.test("Exchange.request() takes nothing but an answer for an answer: junk leaves the verdict at once", async () => {
  const lab = new Lab({
    serve: (lab, datagram) => lab.reply(Uint8Array.of(1, 2), datagram.source),
    conditions: REPORTING,
  });
  await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  lab.unlisten();
  const asking = lab.exchange.request(request(2), USUAL);
  const error = await assertRejects(() => lab.finish(asking), NotSupportedError);
  assertEquals(error.effort?.elapsedMs, 2);
});

// ---- the connected socket ----

/** A lab whose connected sockets are ordinary ones; what they were asked for is noted. */
function connectedLab(options: LabOptions): { lab: Lab; connects: unknown[][]; connectedPorts: number[] } {
  const connects: unknown[][] = [];
  const connectedPorts: number[] = [];
  const lab: Lab = new Lab({
    ...options,
    parts: {
      connectSocket: (...args) => {
        connects.push([lab.clock.now(), ...args]);
        const socket = lab.open();
        connectedPorts.push(socket.local.port);
        return Promise.resolve(socket);
      },
      ...options.parts,
    },
  });
  return { lab, connects, connectedPorts };
}

Deno.test("Exchange.request() opens a connected socket for the second send, once, and uses it from then on", async () => {
  const { lab, connects, connectedPorts } = connectedLab({ parts: { localAddress: CLIENT } });
  await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(connects, [[250, SERVER, { source: CLIENT }]]);
  const [first, ...rest] = lab.heard.map(({ port }) => port);
  assertNotEquals(first, connectedPorts[0]);
  assertEquals(rest, Array(4).fill(connectedPorts[0]));
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750]);
});

Deno.test("Exchange.request() opens no connected socket when the first send is answered", async () => {
  const { lab, connects } = connectedLab({ serve: answering });
  await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals(connects, []);
});

Deno.test("Exchange.request() takes an answer on the connected socket", async () => {
  const { lab } = connectedLab({ serve: (lab, datagram, nth) => nth === 2 && answering(lab, datagram, nth) });
  assertEquals((await lab.finish(lab.exchange.request(request(1), USUAL))).attempts, 2);
});

Deno.test("Exchange.request() takes a late answer on the first socket while it sends on the connected one", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth === 1) lab.reply(answerTo(datagram), datagram.source, { afterMs: 1000 });
  };
  const { lab } = connectedLab({ serve });
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 3, elapsedMs: 1000 });
});

Deno.test("Exchange.request() counts what it discards on both sockets", async () => {
  const { lab } = connectedLab({ serve: (lab, datagram) => lab.reply(Uint8Array.of(1, 2), datagram.source) });
  const { discarded } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(discarded, new Map([["junk", 5]]));
});

Deno.test("Exchange.request() hears from the connected socket that nobody listens", async () => {
  const sent: number[] = [];
  const clock = new ManualClock();
  const refusal = Promise.withResolvers<Datagram | undefined>();
  const first = oddSocket({ send: () => Promise.resolve(void sent.push(1)) });
  const connected = oddSocket({
    send: () => {
      sent.push(2);
      void clock.sleep(3).then(() => refusal.reject(new PortUnreachable()));
      return Promise.resolve();
    },
    receive: () => refusal.promise,
  });
  const exchange = new Exchange(SERVER, {
    clock,
    openSocket: () => first,
    connectSocket: () => Promise.resolve(connected),
  });
  const asking = exchange.request(request(1), WHOLE);
  const error = await assertRejects(() => clock.runUntil(asking), NotSupportedError);
  assertEquals(error.effort, { attempts: 2, elapsedMs: 253 });
  assertEquals(sent, [1, 2]);
  assertEquals([first.closes, connected.closes], [1, 1]);
});

Deno.test("Exchange.request() sends everything through one connected socket that is bound to an interface", async () => {
  const { lab, connects, connectedPorts } = connectedLab({
    // What an unbound socket sends is not heard.
    parts: { localAddress: CLIENT, boundInterface: "wg0", openSocket: () => oddSocket({}) },
  });
  await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(connects, [[0, SERVER, { source: CLIENT, interfaceName: "wg0" }]]);
  assertEquals(lab.heard.map(({ port }) => port), Array(5).fill(connectedPorts[0]));
});

Deno.test("Exchange.request() sends nothing where no socket can be bound to the interface", async () => {
  for (const connectSocket of [undefined, () => Promise.resolve(undefined)]) {
    const lab = new Lab({ parts: { boundInterface: "wg0", connectSocket } });
    const error = await assertRejects(() => lab.finish(lab.exchange.request(request(1), USUAL)), SocketError);
    assertEquals(error.message, "Cannot open a socket that sends through wg0: the system refuses it");
    assertEquals(lab.heard, []);
  }
});

Deno.test("Exchange.request() can be aborted while the bound socket opens, which is closed then", async () => {
  const controller = new AbortController();
  const sent: unknown[] = [];
  const bound = oddSocket({
    send(data) {
      sent.push(data);
      return Promise.resolve();
    },
  });
  const connectSocket = () => {
    controller.abort(new Error("enough"));
    return Promise.resolve(bound);
  };
  const lab = new Lab({ parts: { boundInterface: "wg0", connectSocket } });
  const asking = lab.exchange.request(request(1), { ...USUAL, signal: controller.signal });
  await assertRejects(() => lab.finish(asking), Error, "enough");
  assertEquals([sent, bound.closes], [[], 1]);
});

Deno.test("Exchange.request() goes on with its first socket where there is no connected one", async () => {
  const lab = new Lab({ parts: { connectSocket: () => Promise.resolve(undefined) } });
  await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(new Set(lab.heard.map(({ port }) => port)).size, 1);
  assertEquals(lab.heard.length, 5);
});

Deno.test("Exchange.request() goes on with its first socket when opening the connected one rejects", async () => {
  const connectSocket = () => Promise.reject(new SocketError("too many open files"));
  const lab = new Lab({ parts: { connectSocket } });
  await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750]);
});

Deno.test("Exchange.request() sends through its first socket what the connected one cannot send", async () => {
  const connected = oddSocket({ send: () => Promise.reject(new Error("Network is unreachable")) });
  const lab = new Lab({ parts: { connectSocket: () => Promise.resolve(connected) } });
  const { effort } = await lab.noAnswer(lab.exchange.request(request(1), USUAL));
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750]);
  assertEquals([effort.attempts, connected.closes], [5, 1]);
});

Deno.test("Exchange.request() sends nothing more when the answer comes while the connected socket opens", async () => {
  const serve: LabOptions["serve"] = (lab, datagram) => {
    lab.reply(answerTo(datagram), datagram.source, { afterMs: 260 });
  };
  const { promise: opened, resolve } = Promise.withResolvers<DatagramSocket>();
  const connected = oddSocket({});
  const lab = new Lab({ serve, parts: { connectSocket: () => opened } });
  void lab.clock.sleep(300).then(() => resolve(connected));
  const { attempts, elapsedMs } = await lab.finish(lab.exchange.request(request(1), USUAL));
  assertEquals({ attempts, elapsedMs }, { attempts: 1, elapsedMs: 260 });
  assertEquals(lab.events.filter(({ kind }) => kind === "sent").length, 1);
  await opened;
  assertEquals(connected.closes, 1, "a connected socket that opens too late is closed");
});

Deno.test("Exchange.request() can be aborted, and keeps its deadline, while the connected socket opens", async () => {
  for (const aborts of [true, false]) {
    const lab = new Lab({ parts: { connectSocket: () => new Promise(() => {}) } });
    const controller = new AbortController();
    if (aborts) void lab.clock.sleep(300).then(() => controller.abort(new Error("enough")));
    const asking = lab.exchange.request(request(1), { ...USUAL, signal: controller.signal });
    if (aborts) await assertRejects(() => lab.finish(asking), Error, "enough");
    else assertEquals((await lab.noAnswer(asking)).effort.elapsedMs, 7750);
  }
});

Deno.test("Exchange.request() closes both sockets when it aborts", async () => {
  const { lab, connects } = connectedLab({});
  const controller = new AbortController();
  void lab.clock.sleep(300).then(() => controller.abort(new Error("enough")));
  const asking = lab.exchange.request(request(1), { ...USUAL, signal: controller.signal });
  await assertRejects(() => lab.finish(asking), Error, "enough");
  assertEquals(connects.length, 1);
  assertEquals(lab.opened.length, 2);
});

// ---- observing ----

Deno.test("Exchange.request() calls the observer with what happens on the wire, in order", async () => {
  const serve: LabOptions["serve"] = (lab, datagram, nth) => {
    if (nth === 1) lab.reply(Uint8Array.of(1, 2), datagram.source);
    else answering(lab, datagram, nth);
  };
  const lab = new Lab({ serve });
  await lab.finish(lab.exchange.request(request(7), USUAL));
  assertEquals(lab.events, [
    { kind: "sent", to: SERVER, data: Uint8Array.of(7), attempt: 1 },
    { kind: "received", from: SERVER, data: Uint8Array.of(1, 2), discarded: "junk" },
    { kind: "sent", to: SERVER, data: Uint8Array.of(7), attempt: 2 },
    { kind: "received", from: SERVER, data: Uint8Array.of(0x80, 7) },
    { kind: "ended" },
  ]);
});

// ---- real sockets ----

Deno.test("Exchange.request() is answered over real sockets, also when the first send is ignored", async () => {
  const server = openUdpSocket({ hostname: "127.0.0.1" });
  const serve = async () => {
    await server.receive();
    const datagram = await server.receive();
    if (datagram !== undefined) await server.send(answerTo(datagram), datagram.source);
  };
  const serving = serve();
  const exchange = new Exchange(server.local, { clock: systemClock, openSocket: openUdpSocket });
  const { reply, attempts } = await exchange.request(request(1), {
    waitsMs: [20, 60_000],
    timeoutMs: 60_000,
  });
  assertEquals([reply, attempts], [1, 2]);
  await serving;
  server.close();
});

Deno.test("Exchange.request() keeps its deadline under a flood of junk on a real socket", async () => {
  const server = openUdpSocket({ hostname: "127.0.0.1" });
  const junk = Uint8Array.of(1, 2, 3);
  let isOver = false;
  /** Sends junk without pause; the limit only ends a test that would otherwise never end. */
  const flood = async () => {
    const datagram = await server.receive();
    if (datagram === undefined) return 0;
    let sent = 0;
    for (; sent < 2_000_000 && !isOver; sent++) await server.send(junk, datagram.source);
    return sent;
  };
  const flooding = flood();
  const exchange = new Exchange(server.local, { clock: systemClock, openSocket: openUdpSocket });
  const asking = exchange.request(request(1), { waitsMs: [20, 40, 80], timeoutMs: 140 });
  const error = await assertRejects(() => asking.finally(() => isOver = true), NoAnswerError);
  assertLess(await flooding, 2_000_000, "the request ended while the flood went on");
  assertEquals(error.effort.attempts, 3);
  assertGreater(error.discarded.get("junk") ?? 0, 100);
  assertEquals([...error.discarded.keys()], ["junk"]);
  server.close();
});

// ---- turns among processes (§3.1 speaks of the client machine) ----

/** A requestLock that notes what it was asked, and when. */
function notingRequestLock(
  clock: ManualClock,
  { yieldsMs = 0 } = {},
): { requestLock: RequestLock; notes: string[] } {
  const notes: string[] = [];
  const note = (what: string) => void notes.push(`${what} at ${clock.now()}`);
  return {
    notes,
    requestLock: {
      take: () => Promise.resolve(note("take")),
      yieldToOthers: async () => {
        note("yield");
        await clock.sleep(yieldsMs);
      },
      release: () => note("release"),
    },
  };
}

Deno.test("Exchange.request() takes a turn before its first send and gives it back after the answer", async () => {
  const lab = new Lab({ serve: answering });
  const { requestLock, notes } = notingRequestLock(lab.clock);
  const exchange = new Exchange(SERVER, { clock: lab.clock, openSocket: lab.open, requestLock });
  await lab.finish(exchange.request(request(1), USUAL));
  assertEquals(notes, ["take at 0", "release at 0"]);
});

Deno.test("Exchange.request() lets others go first between re-sends once it is unanswered for 4 s", async () => {
  const lab = new Lab();
  const { requestLock, notes } = notingRequestLock(lab.clock, { yieldsMs: 100 });
  const exchange = new Exchange(SERVER, { clock: lab.clock, openSocket: lab.open, requestLock });
  await lab.noAnswer(exchange.request(request(1), { ...WHOLE, timeoutMs: 20_000 }));
  assertEquals(notes, ["take at 0", "yield at 7750", "yield at 15750", "release at 20000"]);
  assertEquals(lab.heard.map(({ atMs }) => atMs), [0, 250, 750, 1750, 3750, 7850, 15_850]);
});

Deno.test("Exchange.request() that is stopped before its turn leaves the requestLock to the one that has it", async () => {
  const lab = new Lab();
  const { requestLock, notes } = notingRequestLock(lab.clock);
  const exchange = new Exchange(SERVER, { clock: lab.clock, openSocket: lab.open, requestLock });
  const first = lab.noAnswer(exchange.request(request(1), { ...WHOLE, timeoutMs: 2000 }));
  const stop = new AbortController();
  const second = exchange.request(request(2), { ...WHOLE, signal: stop.signal });
  stop.abort(new Error("stopped"));
  await assertRejects(() => second, Error, "stopped");
  assertEquals(notes, ["take at 0"]);
  await first;
  assertEquals(notes, ["take at 0", "release at 2000"]);
});

Deno.test("Exchange.request() fails with what the requestLock rejects with, and sends nothing", async () => {
  const lab = new Lab();
  const busy = new Error("somebody else has the turn");
  const requestLock: RequestLock = {
    take: () => Promise.reject(busy),
    yieldToOthers: () => Promise.resolve(),
    release: () => {},
  };
  const exchange = new Exchange(SERVER, { clock: lab.clock, openSocket: lab.open, requestLock });
  assertEquals(await assertRejects(() => lab.finish(exchange.request(request(1), USUAL)), Error), busy);
  assertEquals(lab.heard, []);
});
