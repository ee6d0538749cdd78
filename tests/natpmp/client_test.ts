// Every keyword of RFC 6886 that binds a client and concerns the client's core, by section, with its test in this file
// unless another is named. Discovery, announcements, the epoch rule and renewal are tested beside their own code.
//
// 1.1   SHOULD NOT remember "NAT-PMP only"        "asks in version 0 again after a version error"
// 3.1   SHOULD NOT send concurrently, SHOULD queue, SHOULD respect a slow gateway
//                                                 "has one request outstanding", "answers after 500 ms"; net/exchange_test
// 3.1   SHOULD double the intervals, SHOULD give up after 9 sends and 64 s
//                                                 "gives up after nine sends"; net/exchange_test, retransmission_test
// 3.1   one or two retries of a deletion are enough   "sends no more often than maxAttempts"
// 3.2   MUST ignore the address of a refusal      "refusals"; message_test: "gives no address, port or lifetime"
// 3.2   MUST check the source address, drop silently  "from another address"; net/exchange_test
// 3.3   MUST send reserved 0, MUST ignore it      message_test: "reserved bytes"; "writes the request of §3.3"
// 3.3   RECOMMENDED lifetime 7200 s               "asks for 7200 s"
// 3.3   SHOULD send again as §3.1 has it          "gives up after nine sends" for each kind of request
// 3.3   MUST check the source address             "from another address"
// 3.3   SHOULD renew from half of the lifetime    "renewAtMs"
// 3.3   SHOULD suggest the granted port           "suggests the port that it is given" (the caller's: lease/)
// 3.4   MUST suggest port 0 in a deletion         "writes the deletion of §3.4"
// 3.4   MUST ignore the lifetime of a failed deletion   "refusals" with unmap()
// 3.4   MAY delete, MAY delete all                "unmap()", "unmapAll()"
// 3.5   MUST handle unknown results, MUST treat them as fatal   "refusals" with 6, 255, 256, 65535

import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertInstanceOf,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import {
  DeletionRefusedError,
  NoAnswerError,
  NotSupportedError,
  PortMapperError,
  RefusedError,
} from "../../lib/errors.ts";
import { NatPmpClient, type NatPmpClientOptions } from "../../lib/natpmp/client.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";
import type { RequestOptions, TransportProtocol } from "../../lib/port_mapper.ts";
import {
  type Faults,
  ManualClock,
  MemoryNetwork,
  type NetworkConditions,
  serveSimulatedGateway,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../../lib/simulator/mod.ts";
import { hex } from "../simulator/hex.ts";
import { NO_RESPONSES, REQUESTS } from "../vectors.ts";

const GATEWAY = "10.0.0.1";
const HOST = "10.0.0.2";
const EXTERNAL = "203.0.113.7";

interface LabOptions extends Partial<SimulatedGatewayOptions> {
  readonly client?: NatPmpClientOptions;
  readonly conditions?: Partial<NetworkConditions>;
}

/** A client and a simulated gateway on a network in memory. */
class Lab {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly gateway: SimulatedGateway;
  readonly client: NatPmpClient;
  readonly detach: () => void;

  constructor({ client = {}, conditions = {}, startMs = 0, ...options }: LabOptions = {}) {
    this.clock = new ManualClock({ startMs });
    this.network = new MemoryNetwork({ clock: this.clock, random: () => 0.5, conditions });
    this.gateway = new SimulatedGateway({
      externalAddress: EXTERNAL,
      random: () => 0.5,
      startMs,
      announcesStart: false,
      ...options,
    });
    this.detach = this.network.attach(this.gateway, GATEWAY);
    this.client = new NatPmpClient(GATEWAY, {
      clock: this.clock,
      openSocket: this.host.open,
      random: () => 0,
      ...client,
    });
  }

  get host() {
    return this.network.host(HOST);
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }
}

/** A client and a gateway that answers the nth datagram with just these bytes. */
class Script {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, random: () => 0.5 });
  readonly heard: Uint8Array[] = [];
  readonly client: NatPmpClient;

  constructor(answer: (nth: number) => readonly Uint8Array[], options: NatPmpClientOptions = {}) {
    const gateway = this.network.host(GATEWAY);
    const local = { hostname: GATEWAY, port: options.port ?? 5351 };
    const deliver = ({ data, source }: Datagram) => {
      this.heard.push(data);
      for (const data of answer(this.heard.length)) gateway.emit({ data, source: local }, source);
    };
    gateway.listen({ local, deliver });
    const { open } = this.network.host(HOST);
    this.client = new NatPmpClient(GATEWAY, {
      clock: this.clock,
      openSocket: open,
      random: () => 0,
      ...options,
    });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }
}

/** A gateway that answers everything with the same bytes. */
function saying(text: string, options?: NatPmpClientOptions): Script {
  return new Script(() => [hex(text)], options);
}

const TCP_80 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
const TCP_80_KEY = { protocol: "tcp", internalPort: 80 } as const;
const MAPPED_TCP_80 = "00 82 00 00 | 00 01 23 45 | 00 50 1F 90 | 00 00 0E 10";

interface Asking {
  readonly name: string;
  readonly opcode: number;
  readonly ask: (client: NatPmpClient, options?: RequestOptions) => Promise<unknown>;
}

const ASKINGS: readonly Asking[] = [
  { name: "probe()", opcode: 0, ask: (client, options) => client.probe(options) },
  { name: "map()", opcode: 2, ask: (client, options) => client.map(TCP_80, options) },
  { name: "unmap()", opcode: 2, ask: (client, options) => client.unmap(TCP_80_KEY, options) },
  { name: "unmapAll()", opcode: 1, ask: (client, options) => client.unmapAll("udp", options) },
];

function byteText(value: number): string {
  return value.toString(16).padStart(2, "0");
}

// ---- what is sent ----

const WRITTEN = {
  address: REQUESTS.find(({ name }) => name === "address")!.bytes,
  anyPort: REQUESTS.find(({ name }) => name.startsWith("map UDP 4000"))!.bytes,
  suggestion: REQUESTS.find(({ name }) => name.startsWith("map TCP 80"))!.bytes,
  portZero: REQUESTS.find(({ name }) => name.startsWith("map internal port 0"))!.bytes,
  deletion: REQUESTS.find(({ name }) => name === "delete UDP 4000")!.bytes,
  deletionOfAll: REQUESTS.find(({ name }) => name === "delete all TCP")!.bytes,
};

async function written(
  asking: (client: NatPmpClient) => Promise<unknown>,
  options: NatPmpClientOptions = {},
) {
  const script = new Script(() => [], options);
  await assertRejects(() => script.run(asking(script.client)), NoAnswerError);
  return script.heard;
}

Deno.test("NatPmpClient.probe() writes the request of §3.2, each time the same", async () => {
  assertEquals(await written((client) => client.probe()), Array(5).fill(WRITTEN.address));
});

Deno.test("NatPmpClient.map() writes the request of §3.3, each time the same", async () => {
  assertEquals(await written((client) => client.map(TCP_80)), Array(5).fill(WRITTEN.suggestion));
});

Deno.test("NatPmpClient.map() asks for 7200 s and any external port by default", async () => {
  const [data] = await written((client) => client.map({ protocol: "udp", internalPort: 4000 }));
  assertEquals(data, WRITTEN.anyPort);
});

Deno.test("NatPmpClient.map() writes the smallest and the largest that it takes", async () => {
  const smallest = { protocol: "tcp", internalPort: 1, externalPort: 1, lifetimeSeconds: 1 } as const;
  const largest = {
    protocol: "udp",
    internalPort: 65_535,
    externalPort: 65_535,
    lifetimeSeconds: 4_294_967_295,
  } as const;
  assertEquals(
    (await written((client) => client.map(smallest)))[0],
    hex("00 02 00 00 00 01 00 01 00 00 00 01"),
  );
  assertEquals(
    (await written((client) => client.map(largest)))[0],
    hex("00 01 00 00 FF FF FF FF FF FF FF FF"),
  );
});

Deno.test("NatPmpClient.unmap() writes the deletion of §3.4: external port 0 and lifetime 0", async () => {
  const [data] = await written((client) => client.unmap({ protocol: "udp", internalPort: 4000 }));
  assertEquals(data, WRITTEN.deletion);
});

Deno.test("NatPmpClient.unmap() writes external port 0 and lifetime 0 when it is given a whole lease", async () => {
  const lab = new Lab();
  const lease = await lab.run(lab.client.map({ ...TCP_80, protocol: "udp", internalPort: 4000 }));
  const [data] = await written((client) => client.unmap(lease));
  assertEquals(data, WRITTEN.deletion);
});

Deno.test("NatPmpClient.unmapAll() writes internal port 0, external port 0 and lifetime 0 (§3.4)", async () => {
  const [data] = await written((client) => client.unmapAll("tcp"));
  assertEquals(data, WRITTEN.deletionOfAll);
  assertEquals((await written((client) => client.unmapAll("udp")))[0]?.[1], 1);
});

Deno.test("NatPmpClient asks at port 5351 unless another is named", async () => {
  assertEquals((await written((client) => client.probe(), { port: 15_351 })).length, 5);
});

Deno.test("NatPmpClient sends from the local address that it is given (§3.3)", async () => {
  const opened: unknown[] = [];
  const lab: Lab = new Lab({
    client: {
      localAddress: HOST,
      openSocket: (local) => {
        opened.push(local);
        return lab.host.open(local);
      },
    },
  });
  await lab.run(lab.client.probe());
  assertEquals(opened, [{ hostname: HOST }]);
});

// ---- limits ----

for (const { name, ask } of ASKINGS) {
  Deno.test(`NatPmpClient.${name} gives up after nine sends and 127.75 s when it may take that long (§3.1)`, async () => {
    const script = new Script(() => []);
    const asking = ask(script.client, { timeoutMs: 127_750 });
    const error = await assertRejects(() => script.run(asking), NoAnswerError);
    assertEquals(error.effort, { attempts: 9, elapsedMs: 127_750 });
    assertEquals(script.heard.length, 9);
    assertStringIncludes(error.message, "10.0.0.1:5351");
  });

  Deno.test(`NatPmpClient.${name} gives up after five sends and 7.75 s by default`, async () => {
    const script = new Script(() => []);
    const error = await assertRejects(() => script.run(ask(script.client)), NoAnswerError);
    assertEquals(error.effort, { attempts: 5, elapsedMs: 7750 });
    await script.clock.advance(300_000);
    assertEquals(script.heard.length, 5);
  });

  Deno.test(`NatPmpClient.${name} sends no more often than maxAttempts`, async () => {
    const script = new Script(() => []);
    const error = await assertRejects(
      () => script.run(ask(script.client, { maxAttempts: 2 })),
      NoAnswerError,
    );
    assertEquals(error.effort, { attempts: 2, elapsedMs: 750 });
    assertEquals(script.heard.length, 2);
  });

  Deno.test(`NatPmpClient.${name} rejects with the signal's reason`, async () => {
    const script = new Script(() => []);
    const controller = new AbortController();
    void script.clock.sleep(300).then(() => controller.abort(new Error("enough")));
    const asking = ask(script.client, { signal: controller.signal });
    await assertRejects(() => script.run(asking), Error, "enough");
    assertEquals(script.heard.length, 2);
  });
}

Deno.test("NatPmpClient takes its limits from its options, and a request's own before those", async () => {
  const script = new Script(() => [], { maxAttempts: 3, timeoutMs: 1000 });
  const first = await assertRejects(() => script.run(script.client.probe()), NoAnswerError);
  assertEquals(first.effort, { attempts: 3, elapsedMs: 1000 });
  const own = script.client.probe({ maxAttempts: 1, timeoutMs: 5000 });
  const second = await assertRejects(() => script.run(own), NoAnswerError);
  assertEquals(second.effort, { attempts: 1, elapsedMs: 250 });
});

Deno.test("NatPmpClient has one request outstanding however many it is asked for (§3.1)", async () => {
  const lab = new Lab({ faults: { latencyMs: 500 } });
  const internalPorts = [1, 2, 3, 4, 5];
  const leases = await lab.run(
    Promise.all(internalPorts.map((internalPort) => lab.client.map({ protocol: "tcp", internalPort }))),
  );
  assertEquals(leases.map(({ internalPort }) => internalPort), internalPorts);
  assertEquals(leases.map(({ grantedAtMs }) => grantedAtMs), [0, 500, 1000, 1500, 2000]);
  assertEquals(lab.gateway.counters.mostInFlight, 1);
});

// ---- what is out of range ----

const NO_PORTS = [-1, 65_536, 70_000, 1.5, NaN, Infinity, 2 ** 32];
const NO_LIFETIMES = [0, -1, 1.5, NaN, Infinity, 2 ** 32, 2 ** 32 + 1];

async function rejectsUnsent(
  ask: (client: NatPmpClient) => Promise<unknown>,
  value: number,
  options: NatPmpClientOptions = {},
): Promise<RangeError> {
  const lab = new Lab({ client: options });
  const error = await assertRejects(() => lab.run(ask(lab.client)), RangeError);
  assertEquals([lab.host.sent, lab.gateway.counters.received], [0, 0], `${value} was sent`);
  assertStringIncludes(error.message, String(value));
  return error;
}

Deno.test("NatPmpClient.map() refuses an internal port out of range, and sends nothing (users.md)", async () => {
  for (const internalPort of [0, ...NO_PORTS]) {
    await rejectsUnsent((client) => client.map({ protocol: "tcp", internalPort }), internalPort);
  }
});

Deno.test("NatPmpClient.map() refuses an external port out of range, and sends nothing (users.md)", async () => {
  for (const externalPort of [0, ...NO_PORTS]) {
    await rejectsUnsent((client) => client.map({ ...TCP_80, externalPort }), externalPort);
    await rejectsUnsent((client) => client.map({ ...TCP_80, internalPort: 0, externalPort }), externalPort, {
      allowPortZero: true,
    });
  }
});

Deno.test("NatPmpClient.map() refuses a lifetime out of range, 0 above all, which would delete", async () => {
  for (const lifetimeSeconds of NO_LIFETIMES) {
    await rejectsUnsent((client) => client.map({ ...TCP_80, lifetimeSeconds }), lifetimeSeconds);
    // With internal port 0 it would delete everything (§3.4).
    const everything = { ...TCP_80, internalPort: 0, lifetimeSeconds };
    await rejectsUnsent((client) => client.map(everything), lifetimeSeconds, { allowPortZero: true });
  }
});

Deno.test("NatPmpClient.unmap() refuses what is not a port, also with allowPortZero", async () => {
  for (const internalPort of NO_PORTS) {
    for (const allowPortZero of [false, true]) {
      await rejectsUnsent((client) => client.unmap({ protocol: "udp", internalPort }), internalPort, {
        allowPortZero,
      });
    }
  }
});

for (const allowPortZero of [false, true]) {
  Deno.test(`NatPmpClient.unmap() sends nothing for port 0, which would delete everything (${allowPortZero})`, async () => {
    const lab = new Lab({ client: { allowPortZero } });
    const known = { protocol: "udp", internalPort: 0, externalPort: 57_344, expiresAtMs: 60_000 } as const;
    for (const mapping of [known, { protocol: "tcp", internalPort: 0 } as const]) {
      assertEquals(await lab.client.unmap(mapping), { leftToExpire: true, attempts: 0, elapsedMs: 0 });
    }
    assertEquals([lab.host.sent, lab.gateway.counters.received], [0, 0]);
  });
}

Deno.test("NatPmpClient says which port it cannot map and what a port is", async () => {
  const error = await rejectsUnsent(
    (client) => client.map({ protocol: "tcp", internalPort: 70_000 }),
    70_000,
  );
  assertEquals(error.message, "Cannot map port 70000: a port is a whole number from 1 to 65535");
});

Deno.test("new NatPmpClient() refuses what is not an address", () => {
  for (const gateway of ["", "router", "10.0.0", "10.0.0.256", "::1", "10.0.0.1:5351"]) {
    assertThrows(() => new NatPmpClient(gateway), SyntaxError, `"${gateway}"`);
  }
});

Deno.test("new NatPmpClient() refuses a port out of range", () => {
  for (const port of [0, ...NO_PORTS]) {
    assertThrows(() => new NatPmpClient(GATEWAY, { port }), RangeError, String(port));
  }
});

Deno.test("new NatPmpClient() refuses limits out of range", () => {
  for (const maxAttempts of [0, -1, 1.5, NaN]) {
    assertThrows(() => new NatPmpClient(GATEWAY, { maxAttempts }), RangeError, String(maxAttempts));
  }
  for (const timeoutMs of [-1, NaN]) {
    assertThrows(() => new NatPmpClient(GATEWAY, { timeoutMs }), RangeError, String(timeoutMs));
  }
});

for (const { name, ask } of ASKINGS) {
  Deno.test(`NatPmpClient.${name} refuses a maxAttempts out of range, and sends nothing`, async () => {
    for (const maxAttempts of [0, -1, 1.5, NaN]) {
      await rejectsUnsent((client) => ask(client, { maxAttempts }), maxAttempts);
    }
  });

  Deno.test(`NatPmpClient.${name} refuses a timeoutMs out of range, and sends nothing`, async () => {
    for (const timeoutMs of [-1, NaN]) await rejectsUnsent((client) => ask(client, { timeoutMs }), timeoutMs);
  });
}

// ---- successes ----

Deno.test("NatPmpClient.probe() gives the address, the epoch and the effort, and nothing else", async () => {
  const lab = new Lab({ startEpochSeconds: 74_565, faults: { latencyMs: 3 } });
  assertEquals(await lab.run(lab.client.probe()), {
    externalAddress: EXTERNAL,
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 3,
  });
});

Deno.test("NatPmpClient.map() gives a whole lease, and nothing else", async () => {
  const lab = new Lab({ startEpochSeconds: 10, startMs: 5000, faults: { latencyMs: 3 } });
  assertEquals(await lab.run(lab.client.map(TCP_80)), {
    via: "nat-pmp",
    protocol: "tcp",
    internalPort: 80,
    requestedExternalPort: 8080,
    externalPort: 8080,
    requestedLifetimeSeconds: 3600,
    lifetimeSeconds: 3600,
    grantedAtMs: 5000,
    renewAtMs: 5000 + 1_800_000,
    joinAtMs: 5000 + 1_800_000,
    minRetryGapMs: 2000,
    expiresAtMs: 5000 + 3_600_000,
    epochSeconds: 10,
    attempts: 1,
    elapsedMs: 3,
  });
});

Deno.test("NatPmpClient.map() names no requested external port when there was none", async () => {
  const lab = new Lab();
  const lease = await lab.run(lab.client.map({ protocol: "udp", internalPort: 4000 }));
  assertFalse(Object.hasOwn(lease, "requestedExternalPort"));
  assertGreater(lease.externalPort, 0);
  assertEquals(lease.requestedLifetimeSeconds, 7200);
});

Deno.test("NatPmpClient.unmap() gives the epoch and the effort, and nothing else", async () => {
  const lab = new Lab({ startEpochSeconds: 7 });
  await lab.run(lab.client.map(TCP_80));
  assertEquals(await lab.run(lab.client.unmap(TCP_80)), { epochSeconds: 7, attempts: 1, elapsedMs: 0 });
  assertEquals(lab.gateway.mappings(lab.clock.now()), []);
});

Deno.test("NatPmpClient.map() takes the port and the lifetime that were granted", async () => {
  const script = saying("00 82 00 00 | 00 00 00 01 | 00 50 9C 41 | 00 00 00 3C");
  const lease = await script.run(script.client.map(TCP_80));
  assertEquals([lease.externalPort, lease.requestedExternalPort], [40_001, 8080]);
  assertEquals([lease.lifetimeSeconds, lease.requestedLifetimeSeconds], [60, 3600]);
});

Deno.test("NatPmpClient.map() suggests the port that it is given, and takes the existing mapping's (§3.3)", async () => {
  const lab = new Lab();
  const lease = await lab.run(lab.client.map(TCP_80));
  const renewed = await lab.run(lab.client.map({ ...TCP_80, externalPort: lease.externalPort }));
  assertEquals(renewed.externalPort, 8080);
  assertEquals((await lab.run(lab.client.map({ ...TCP_80, externalPort: 9090 }))).externalPort, 8080);
});

Deno.test("NatPmpClient.map() maps behind an external address that is private, shared or reserved (users.md)", async () => {
  for (const externalAddress of ["10.64.0.5", "100.64.0.1", "192.168.1.1", "240.0.0.1"]) {
    const lab = new Lab({ externalAddress });
    assertEquals((await lab.run(lab.client.map(TCP_80))).externalPort, 8080);
    assertEquals((await lab.run(lab.client.probe())).externalAddress, externalAddress);
  }
});

Deno.test("NatPmpClient.map() does not mind that UDP 5350 is taken (users.md)", async () => {
  const lab = new Lab();
  const taken = lab.host.open({ port: 5350 });
  assertEquals((await lab.run(lab.client.map(TCP_80))).externalPort, 8080);
  taken.close();
});

Deno.test("NatPmpClient.unmap() is silent once it is answered (users.md)", async () => {
  const lab = new Lab();
  await lab.run(lab.client.map(TCP_80));
  await lab.run(lab.client.unmap(TCP_80));
  const { sent } = lab.host;
  await lab.clock.advance(24 * 3600 * 1000);
  assertEquals(lab.host.sent, sent);
});

Deno.test("NatPmpClient.unmap() succeeds for what does not exist, and a second time (§3.4)", async () => {
  const lab = new Lab();
  for (let i = 0; i < 2; i++) assertEquals((await lab.run(lab.client.unmap(TCP_80))).attempts, 1);
});

Deno.test("NatPmpClient.unmapAll() deletes one protocol's mappings and no other's (§3.4)", async () => {
  const lab = new Lab();
  for (const protocol of ["tcp", "udp"] as const) {
    for (const internalPort of [80, 443]) await lab.run(lab.client.map({ protocol, internalPort }));
  }
  assertEquals(Object.keys(await lab.run(lab.client.unmapAll("tcp"))), [
    "epochSeconds",
    "attempts",
    "elapsedMs",
  ]);
  assertEquals(lab.gateway.mappings(lab.clock.now()).map(({ protocol }) => protocol), ["udp", "udp"]);
});

// ---- the times of a lease (§3.3) ----

interface Times {
  readonly asked: number;
  readonly granted: number;
  readonly random: number;
}

async function timesOf({ asked, granted, random }: Times) {
  const startMs = 123_456.789;
  const faults: Faults = { claimedLifetimeSeconds: granted };
  const lab = new Lab({ startMs, faults, client: { random: () => random } });
  const lease = await lab.run(lab.client.map({ ...TCP_80, lifetimeSeconds: asked }));
  assertEquals(lease.grantedAtMs, startMs);
  return {
    joinAfterMs: lease.joinAtMs - startMs,
    renewAfterMs: lease.renewAtMs - startMs,
    expiresAfterMs: lease.expiresAtMs - startMs,
    lease,
  };
}

Deno.test("NatPmpClient.map() sets renewAtMs from 1/2 to 1/2 + 1/16 of the granted lifetime", async () => {
  for (
    const [random, share] of [[0, 1 / 2], [0.5, 1 / 2 + 1 / 32], [1 - 2 ** -53, 1 / 2 + 1 / 16]] as const
  ) {
    const { renewAfterMs, expiresAfterMs } = await timesOf({ asked: 7200, granted: 3600, random });
    assertLessOrEqual(Math.abs(renewAfterMs - 3_600_000 * share), 0.01);
    assertLessOrEqual(Math.abs(expiresAfterMs - 3_600_000), 0.01);
  }
});

Deno.test("NatPmpClient.map() sets renewAtMs from what it asked for when the grant is longer", async () => {
  const { renewAfterMs, expiresAfterMs, lease } = await timesOf({
    asked: 3600,
    granted: 2 ** 32 - 1,
    random: 0,
  });
  assertLessOrEqual(Math.abs(renewAfterMs - 1_800_000), 0.01);
  assertLessOrEqual(Math.abs(expiresAfterMs - (2 ** 32 - 1) * 1000), 0.01);
  assertEquals(lease.lifetimeSeconds, 4_294_967_295);
});

Deno.test("NatPmpClient.map() sets joinAtMs to half of the lifetime that counts, without any chance in it", async () => {
  for (const [asked, granted] of [[7200, 3600], [3600, 7200], [60, 60]] as const) {
    for (const random of [0, 0.5, 1 - 2 ** -53]) {
      const { joinAfterMs, lease } = await timesOf({ asked, granted, random });
      assertLessOrEqual(Math.abs(joinAfterMs - Math.min(asked, granted) * 500), 0.01);
      assertEquals(lease.minRetryGapMs, 2000);
    }
  }
});

Deno.test("NatPmpClient.map() renews a lease of 60 s and of 1 s before it ends", async () => {
  for (const granted of [60, 1]) {
    const { renewAfterMs, expiresAfterMs } = await timesOf({ asked: 7200, granted, random: 1 - 2 ** -53 });
    assertGreater(expiresAfterMs, renewAfterMs);
    assertLessOrEqual(renewAfterMs, granted * 1000 * 9 / 16 + 0.01);
  }
});

Deno.test("NatPmpClient.map() counts a lease from its first send, since an earlier one may have begun it", async () => {
  const lab = new Lab({ startMs: 1000, faults: { loseReplies: { first: 2 } } });
  const lease = await lab.run(lab.client.map({ ...TCP_80, lifetimeSeconds: 60 }));
  assertEquals([lease.attempts, lease.elapsedMs], [3, 750]);
  assertEquals([lease.grantedAtMs, lease.renewAtMs, lease.expiresAtMs], [1000, 31_000, 61_000]);
});

Deno.test("NatPmpClient.map() counts a queued lease from its own first send", async () => {
  const lab = new Lab({ faults: { latencyMs: 200 } });
  const [, second] = await lab.run(
    Promise.all([lab.client.map(TCP_80), lab.client.map({ ...TCP_80, internalPort: 81 })]),
  );
  assertEquals([second?.grantedAtMs, second?.elapsedMs], [200, 200]);
});

// ---- refusals (§3.5) ----

interface Expected {
  readonly refusal?: RefusedError["refusal"];
  readonly reason?: NotSupportedError["reason"];
}

const REFUSALS: readonly (readonly [resultCode: number, expected: Expected])[] = [
  [2, { refusal: "not-authorized" }],
  [3, { refusal: "network-failure" }],
  [4, { refusal: "out-of-resources" }],
  [6, { refusal: "unknown-result" }],
  [255, { refusal: "unknown-result" }],
  [256, { refusal: "unknown-result" }],
  // Whose low bytes are 1 and 5.
  [257, { refusal: "unknown-result" }],
  [261, { refusal: "unknown-result" }],
  [65_535, { refusal: "unknown-result" }],
];

function assertRefusal(error: unknown, resultCode: number | undefined, expected: Expected): void {
  if (expected.refusal !== undefined) {
    assertInstanceOf(error, RefusedError);
    assertEquals(error.refusal, expected.refusal);
    assertEquals(error.resultCode, resultCode);
  } else {
    assertInstanceOf(error, NotSupportedError);
    assertEquals(error.reason, expected.reason);
    if (resultCode !== undefined) assertEquals(error.resultCode, resultCode);
  }
  assertInstanceOf(error, PortMapperError);
  assertEquals(error.effort, { attempts: 1, elapsedMs: 0 });
  assertStringIncludes(error.message, GATEWAY);
}

for (const { name, opcode, ask } of ASKINGS) {
  const internalPort = name === "unmapAll()" ? "00 00" : "00 50";
  const op = byteText(opcode | 128);

  for (const [resultCode, expected] of REFUSALS) {
    Deno.test(`NatPmpClient.${name} refusals: result ${resultCode}, all fields right, zeroed or not`, async () => {
      const result = byteText(resultCode >> 8) + byteText(resultCode & 255);
      const epoch = "00 01 23 45";
      const shapes = opcode === 0
        ? [`00 ${op} ${result} ${epoch} 00 00 00 00`, `00 ${op} ${result} ${epoch} CB 00 71 07`]
        : [
          `00 ${op} ${result} ${epoch} ${internalPort} 00 00 00 00 00 00`,
          // miniupnpd: the request's external port and lifetime.
          `00 ${op} ${result} ${epoch} ${internalPort} 1F 90 00 00 0E 10`,
          // Routers that do not echo the internal port.
          `00 ${op} ${result} ${epoch} 00 00 00 00 00 00 00 00`,
        ];
      // Shorter than the RFC has it: the result is there all the same.
      for (const shape of [...shapes, `00 ${op} ${result} ${epoch}`, `00 ${op} ${result}`]) {
        const script = saying(shape);
        const error = await assertRejects(() => script.run(ask(script.client)), Error);
        assertRefusal(error, resultCode, expected);
        await script.clock.advance(300_000);
        assertEquals(script.heard.length, 1, "a refusal is an answer: nothing is sent again");
      }
    });
  }

  Deno.test(`NatPmpClient.${name} refusals: result 1 with whatever opcode, 8 bytes or more`, async () => {
    for (const opcodeByte of ["00", "80", "81", "82", "01", "02"]) {
      for (const rest of ["", "00 00 00 00", "00 00 00 00 00 00 00 00"]) {
        const script = saying(`00 ${opcodeByte} 00 01 00 01 23 45 ${rest}`);
        const error = await assertRejects(() => script.run(ask(script.client)), Error);
        assertRefusal(error, 1, { reason: "unsupported-version" });
      }
    }
  });

  Deno.test(`NatPmpClient.${name} refusals: result 5, echoed or short`, async () => {
    const echo = opcode === 0 ? "" : `${internalPort} 1F 90 00 00 0E 10`;
    for (const rest of [echo, "00 01 23 45"]) {
      const script = saying(`00 ${op} 00 05 ${rest}`);
      const error = await assertRejects(() => script.run(ask(script.client)), Error);
      assertRefusal(error, 5, { reason: "unsupported-opcode" });
    }
  });

  Deno.test(`NatPmpClient.${name} refusals: a gateway that speaks only PCP`, async () => {
    const script = saying(`02 ${op} 00 01 00 00 07 08 00 01 23 45 ${"00".repeat(12)}`);
    const error = await assertRejects(() => script.run(ask(script.client)), Error);
    assertRefusal(error, undefined, { reason: "unsupported-version" });
    assertInstanceOf(error, NotSupportedError);
    assertEquals(error.version, 2);
  });
}

Deno.test("NatPmpClient names the result in its message", async () => {
  const script = saying("00 82 00 02 00 00 00 00 00 50 00 00 00 00 00 00");
  const refused = await assertRejects(() => script.run(script.client.map(TCP_80)), RefusedError);
  assertMatch(refused.message, /not authori[sz]ed.*\b2\b/i);
  const unknown = saying("00 82 01 00 00 00 00 00 00 50 00 00 00 00 00 00");
  assertMatch(
    (await assertRejects(() => unknown.run(unknown.client.map(TCP_80)), RefusedError)).message,
    /\b256\b/,
  );
});

Deno.test("NatPmpClient.probe() takes 0.0.0.0 for no address, at once", async () => {
  const lab = new Lab({ faults: { zeroAddress: true } });
  const error = await assertRejects(() => lab.run(lab.client.probe()), RefusedError);
  assertEquals([error.refusal, error.resultCode], ["network-failure", 0]);
  assertEquals(error.effort, { attempts: 1, elapsedMs: 0 });
});

Deno.test("NatPmpClient.unmap() that is refused asks once more with the external port (miniupnp issue 97)", async () => {
  const script = new Script((nth) => [
    hex(`00 82 00 0${nth === 1 ? 2 : 0} 00 01 23 45 00 50 00 00 00 00 00 00`),
  ]);
  const unmapped = await script.run(script.client.unmap(TCP_80));
  assertEquals(unmapped, { epochSeconds: 74_565, attempts: 2, elapsedMs: 0 });
  assertEquals(script.heard, [
    hex("00 02 00 00 | 00 50 00 00 | 00 00 00 00"),
    hex("00 02 00 00 | 00 50 1F 90 | 00 00 00 00"),
  ]);
});

Deno.test("NatPmpClient.unmap() that is refused twice names the mapping and its end, and asks no more", async () => {
  const script = saying("00 82 00 02 00 01 23 45 00 50 00 00 00 00 00 00");
  const mapping = { ...TCP_80, expiresAtMs: script.clock.now() + 60_000 };
  const wallMs = script.clock.wallNow().getTime();
  const error = await assertRejects(() => script.run(script.client.unmap(mapping)), DeletionRefusedError);
  assertEquals([error.mapping, error.resultCode], [TCP_80_KEY, 2]);
  assertEquals([error.livesUntil, error.effort], [new Date(wallMs + 60_000), { attempts: 2, elapsedMs: 0 }]);
  assertEquals(script.heard.length, 2);
});

Deno.test("NatPmpClient.unmap() does not try the external port of a mapping that is over: somebody else may have it", async () => {
  const script = saying("00 82 00 02 00 01 23 45 00 50 00 00 00 00 00 00");
  const mapping = { ...TCP_80, expiresAtMs: script.clock.now() };
  const error = await assertRejects(() => script.run(script.client.unmap(mapping)), DeletionRefusedError);
  assertEquals([script.heard.length, error.livesUntil], [1, undefined]);
});

Deno.test("NatPmpClient.unmap() refuses an external port that does not exist, before anything is sent", async () => {
  for (const externalPort of [0, -1, 65_536, 1.5, NaN]) {
    const script = saying("");
    const asking = () => script.client.unmap({ ...TCP_80_KEY, externalPort });
    await assertRejects(asking, RangeError, `Cannot unmap external port ${externalPort}`);
    assertEquals(script.heard.length, 0);
  }
});

Deno.test("NatPmpClient.unmapAll() rejects when the gateway could delete only some (§3.4)", async () => {
  const lab = new Lab({ faults: { partialDelete: true } });
  const error = await assertRejects(() => lab.run(lab.client.unmapAll("tcp")), RefusedError);
  assertEquals(error.resultCode, 2);
});

Deno.test("NatPmpClient asks in version 0 again after a version error (§1.1)", async () => {
  const script = new Script((nth) => [hex(nth === 1 ? "00 80 00 01 00 01 23 45" : MAPPED_TCP_80)]);
  await assertRejects(() => script.run(script.client.map(TCP_80)), NotSupportedError);
  assertEquals((await script.run(script.client.map(TCP_80))).externalPort, 8080);
});

Deno.test("NatPmpClient goes on after a refusal: the next request is asked and answered", async () => {
  const lab = new Lab({ faults: { refuse: true } });
  const [refused, address] = await lab.run(
    Promise.allSettled([lab.client.map(TCP_80), lab.client.probe()]),
  );
  assertEquals([refused.status, address.status], ["rejected", "fulfilled"]);
});

// ---- what is no answer ----

interface Discard {
  readonly name: string;
  readonly answer: string;
  readonly ask: (client: NatPmpClient) => Promise<unknown>;
}

const map = (client: NatPmpClient) => client.map(TCP_80);
const unmap = (client: NatPmpClient) => client.unmap(TCP_80);
const address = (client: NatPmpClient) => client.probe();

const DISCARDS: readonly Discard[] = [
  {
    name: "map(): a success with external port 0",
    answer: "00 82 0000 00000001 0050 0000 00000E10",
    ask: map,
  },
  { name: "map(): a success with lifetime 0", answer: "00 82 0000 00000001 0050 1F90 00000000", ask: map },
  { name: "map(): the answer to a deletion", answer: "00 82 0000 00000001 0050 0000 00000000", ask: map },
  { name: "map(): another internal port", answer: "00 82 0000 00000001 0051 1F90 00000E10", ask: map },
  { name: "map(): internal port 0", answer: "00 82 0000 00000001 0000 1F90 00000E10", ask: map },
  {
    name: "map(): an internal port with its bytes swapped",
    answer: "00 82 0000 00000001 5000 1F90 00000E10",
    ask: map,
  },
  { name: "map(): the other protocol", answer: "00 81 0000 00000001 0050 1F90 00000E10", ask: map },
  { name: "map(): an address", answer: "00 80 0000 00000001 CB007107", ask: map },
  {
    name: "map(): an address, as long as a mapping",
    answer: "00 80 0000 00000001 0050 1F90 00000E10",
    ask: map,
  },
  { name: "map(): a mapping of 15 bytes", answer: "00 82 0000 00000001 0050 1F90 00000E", ask: map },
  { name: "map(): a mapping of another version", answer: "01 82 0000 00000001 0050 1F90 00000E10", ask: map },
  { name: "map(): its own request", answer: "00 02 0000 0050 1F90 00000E10", ask: map },
  {
    name: "map(): a refusal of the other protocol",
    answer: "00 81 0002 00000001 0050 0000 00000000",
    ask: map,
  },
  { name: "map(): a refusal of the address", answer: "00 80 0003 00000001 00000000", ask: map },
  { name: "map(): a refusal of another port", answer: "00 82 0002 00000001 0051 0000 00000000", ask: map },
  { name: "map(): an unsupported opcode 3", answer: "00 83 0005 00000001", ask: map },
  {
    name: "unmap(): a late answer to the mapping",
    answer: "00 82 0000 00000001 0050 1F90 00000E10",
    ask: unmap,
  },
  { name: "unmap(): another internal port", answer: "00 82 0000 00000001 0051 0000 00000000", ask: unmap },
  {
    name: "unmap(): the deletion of everything",
    answer: "00 82 0000 00000001 0000 0000 00000000",
    ask: unmap,
  },
  {
    name: "unmapAll(): the deletion of one port",
    answer: "00 82 0000 00000001 0050 0000 00000000",
    ask: (client) => client.unmapAll("tcp"),
  },
  { name: "probe(): a mapping", answer: "00 82 0000 00000001 0050 1F90 00000E10", ask: address },
  { name: "probe(): 11 bytes", answer: "00 80 0000 00000001 CB0071", ask: address },
  { name: "probe(): 2 bytes (users.md)", answer: "00 80", ask: address },
  { name: "probe(): its own request", answer: "00 00", ask: address },
  {
    name: "probe(): a refusal of a mapping",
    answer: "00 81 0002 00000001 0050 0000 00000000",
    ask: address,
  },
  {
    name: "unmapAll(): the other protocol",
    answer: "00 81 0000 00000001 0000 0000 00000000",
    ask: (client) => client.unmapAll("tcp"),
  },
];

for (const { name, answer, ask } of DISCARDS) {
  Deno.test(`NatPmpClient discards to the deadline, for ${name}`, async () => {
    const script = saying(answer);
    const error = await assertRejects(() => script.run(ask(script.client)), NoAnswerError);
    assertEquals(error.effort, { attempts: 5, elapsedMs: 7750 });
    assertEquals([...error.discarded.values()], [5], "for one reason");
  });
}

Deno.test("NatPmpClient discards everything that is not a response, whatever it asked", async () => {
  for (const { name, bytes } of NO_RESPONSES) {
    for (const { ask } of ASKINGS) {
      const script = new Script(() => [bytes]);
      if (bytes[0] === 2 && bytes[1]! >= 0x80) {
        const error = await assertRejects(() => script.run(ask(script.client)), NotSupportedError);
        assertEquals([error.version, error.effort], [2, { attempts: 5, elapsedMs: 7750 }], name);
        continue;
      }
      const error = await assertRejects(() => script.run(ask(script.client)), NoAnswerError, undefined, name);
      assertEquals([...error.discarded.values()], [5], name);
    }
  }
});

Deno.test("NatPmpClient takes the right answer after wrong ones, without sending for them", async () => {
  const wrong = DISCARDS.filter(({ ask }) => ask === map).map(({ answer }) => hex(answer))
    .concat(NO_RESPONSES.map(({ bytes }) => bytes));
  const script = new Script(() => [...wrong, hex(MAPPED_TCP_80)]);
  const lease = await script.run(script.client.map(TCP_80));
  assertEquals([lease.externalPort, lease.attempts, script.heard.length], [8080, 1, 1]);
});

Deno.test("NatPmpClient takes an answer with trailing bytes", async () => {
  const script = saying(`${MAPPED_TCP_80} AA BB CC DD`);
  assertEquals((await script.run(script.client.map(TCP_80))).externalPort, 8080);
});

Deno.test("NatPmpClient discards what comes from another address or another port", async () => {
  for (
    const [faults, reason] of [
      [{ wrongAddress: true }, "from another address"],
      [{ wrongPort: true }, "from another port"],
    ] as const
  ) {
    for (const { ask } of ASKINGS) {
      const lab = new Lab({ faults });
      const error = await assertRejects(() => lab.run(ask(lab.client)), NoAnswerError);
      assertEquals(error.discarded, new Map([[reason, 5]]));
    }
  }
});

// ---- internal port 0 (ProtonVPN) ----

const PORT_ZERO = { protocol: "udp", internalPort: 0, externalPort: 1, lifetimeSeconds: 60 } as const;
const ALLOWED = { allowPortZero: true };

Deno.test("NatPmpClient.map() sends internal port 0 with allowPortZero as natpmpc does", async () => {
  assertEquals((await written((client) => client.map(PORT_ZERO), ALLOWED))[0], WRITTEN.portZero);
});

Deno.test("NatPmpClient.map() does not compare the reply's internal port when it asked for port 0", async () => {
  for (const internalPort of ["00 00", "C0 01"]) {
    const script = saying(`00 81 00 00 | 00 00 00 01 | ${internalPort} C0 01 | 00 00 00 3C`, ALLOWED);
    const lease = await script.run(script.client.map(PORT_ZERO));
    assertEquals([lease.internalPort, lease.externalPort, lease.lifetimeSeconds], [0, 49_153, 60]);
  }
});

Deno.test("NatPmpClient.map() does not compare a refusal's internal port either when it asked for port 0", async () => {
  for (const internalPort of ["00 00", "C0 01"]) {
    const script = saying(`00 81 00 02 | 00 00 00 01 | ${internalPort} 00 00 | 00 00 00 00`, ALLOWED);
    await assertRejects(() => script.run(script.client.map(PORT_ZERO)), RefusedError);
  }
});

Deno.test("NatPmpClient.map() still compares other internal ports with allowPortZero", async () => {
  const script = saying("00 82 00 00 | 00 00 00 01 | 00 51 1F 90 | 00 00 0E 10", ALLOWED);
  await assertRejects(() => script.run(script.client.map(TCP_80)), NoAnswerError);
});

Deno.test("NatPmpClient.map() still discards port 0 and lifetime 0 for internal port 0: never publish 0", async () => {
  for (const rest of ["00 00 | 00 00 00 3C", "C0 01 | 00 00 00 00"]) {
    const script = saying(`00 81 00 00 | 00 00 00 01 | 00 00 ${rest}`, ALLOWED);
    await assertRejects(() => script.run(script.client.map(PORT_ZERO)), NoAnswerError);
  }
});

// ---- nobody listens (§3.1, §3.8) ----

Deno.test("NatPmpClient concludes from port unreachable that there is no NAT-PMP (users.md)", async () => {
  const lab = new Lab({ actsAsNat: false, conditions: { reportsPortUnreachable: true, latencyMs: 1 } });
  for (const { ask } of ASKINGS) {
    const error = await assertRejects(() => lab.run(ask(lab.client)), NotSupportedError);
    assertEquals(error.reason, "port-unreachable");
    assertEquals(error.effort, { attempts: 1, elapsedMs: 2 });
  }
});

Deno.test("NatPmpClient asks the connected socket that it is given, from the second send on", async () => {
  const asked: unknown[] = [];
  const lab: Lab = new Lab({
    faults: { loseRequests: { first: 1 } },
    client: {
      localAddress: HOST,
      connectSocket: (...args) => {
        asked.push(args);
        return Promise.resolve(lab.host.open());
      },
    },
  });
  assertEquals((await lab.run(lab.client.probe())).attempts, 2);
  assertEquals(asked, [[{ hostname: GATEWAY, port: 5351 }, { source: HOST }]]);
});

Deno.test("NatPmpClient takes a refusal for a sign of life: port unreachable is a hiccup from then on", async () => {
  const lab = new Lab({ faults: { refuse: true }, conditions: { reportsPortUnreachable: true } });
  await assertRejects(() => lab.run(lab.client.map(TCP_80)), RefusedError);
  lab.detach();
  // Its daemon restarts.
  void lab.clock.sleep(1000).then(() => lab.network.attach(lab.gateway, GATEWAY));
  assertEquals((await lab.run(lab.client.probe())).attempts, 4);
});

// ---- one scenario, two networks ----

interface Scenario {
  readonly name: string;
  readonly faults?: Faults;
  /** Whether it also runs on real sockets, where waiting takes its time. */
  readonly onLoopback?: boolean;
  readonly run: (client: NatPmpClient, gateway: SimulatedGateway) => Promise<void>;
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: "address, mapping of both protocols, deletion",
    onLoopback: true,
    run: async (client) => {
      assertEquals((await client.probe()).externalAddress, EXTERNAL);
      for (const protocol of ["tcp", "udp"] as const satisfies readonly TransportProtocol[]) {
        const lease = await client.map({ ...TCP_80, protocol });
        assertEquals([lease.externalPort, lease.lifetimeSeconds, lease.attempts], [8080, 3600, 1]);
      }
      assertEquals((await client.unmap(TCP_80)).attempts, 1);
      assertEquals((await client.unmapAll("udp")).attempts, 1);
    },
  },
  {
    name: "the first request is lost",
    faults: { loseRequests: { first: 1 } },
    onLoopback: true,
    run: async (client) => assertEquals((await client.map(TCP_80)).attempts, 2),
  },
  {
    name: "the first reply is lost",
    faults: { loseReplies: { first: 1 } },
    run: async (client) => assertEquals((await client.map(TCP_80)).attempts, 2),
  },
  {
    name: "a gateway that answers after 500 ms (§3.1)",
    faults: { latencyMs: 500 },
    run: async (client) => {
      // Answers to re-sends arrive long after the request that they belong to.
      for (let i = 0; i < 5; i++) {
        assertEquals((await client.map(TCP_80)).attempts, 2);
        assertEquals((await client.unmap(TCP_80)).attempts, 2);
      }
    },
  },
  {
    name: "duplicates",
    faults: { duplicate: true },
    onLoopback: true,
    run: async (client) => {
      for (let i = 0; i < 5; i++) {
        assertEquals((await client.map(TCP_80)).externalPort, 8080);
        await client.unmap(TCP_80);
      }
    },
  },
  {
    name: "junk before every answer, bytes after it",
    faults: { junkDatagrams: 50, trailingBytes: 9 },
    onLoopback: true,
    run: async (client) => {
      assertEquals((await client.map(TCP_80)).attempts, 1);
      assertEquals((await client.probe()).externalAddress, EXTERNAL);
    },
  },
  {
    name: "a flood beside every answer",
    faults: { floodDatagrams: 500 },
    run: async (client) => assertEquals((await client.map(TCP_80)).attempts, 1),
  },
  {
    name: "a flood and no answer",
    faults: { floodDatagrams: 500, silent: true },
    run: async (client) => {
      const error = await assertRejects(() => client.map(TCP_80), NoAnswerError);
      assertEquals(error.effort.attempts, 5);
    },
  },
  {
    name: "refused",
    faults: { refuse: true },
    onLoopback: true,
    run: async (client) => {
      assertEquals((await assertRejects(() => client.map(TCP_80), RefusedError)).refusal, "not-authorized");
    },
  },
  {
    name: "no external address",
    faults: { noAddress: true },
    run: async (client) => {
      for (const ask of [address, map]) {
        const error = await assertRejects(() => ask(client), RefusedError);
        assertEquals([error.refusal, error.resultCode], ["network-failure", 3]);
      }
    },
  },
  {
    name: "out of resources",
    faults: { full: true },
    run: async (client) => {
      assertEquals((await assertRejects(() => client.map(TCP_80), RefusedError)).refusal, "out-of-resources");
    },
  },
  {
    name: "errors as miniupnpd writes them",
    faults: { resultCode: 2, unzeroedErrors: true },
    run: async (client) => {
      for (const { ask } of ASKINGS) {
        assertEquals((await assertRejects(() => ask(client), RefusedError)).resultCode, 2);
      }
    },
  },
  {
    name: "errors without the internal port",
    faults: { refuse: true, noPortEcho: true },
    run: async (client) => {
      assertEquals((await assertRejects(() => client.map(TCP_80), RefusedError)).resultCode, 2);
    },
  },
  {
    name: "a gateway that speaks only PCP",
    faults: { pcpOnly: true },
    onLoopback: true,
    run: async (client) => {
      const error = await assertRejects(() => client.map(TCP_80), NotSupportedError);
      assertEquals([error.reason, error.version], ["unsupported-version", 2]);
    },
  },
  {
    name: "a gateway that has no opcode for it",
    faults: { resultCode: 5 },
    run: async (client) => {
      const error = await assertRejects(() => client.map(TCP_80), NotSupportedError);
      assertEquals(error.reason, "unsupported-opcode");
    },
  },
  {
    name: "silence",
    faults: { silent: true },
    onLoopback: true,
    run: async (client) => {
      const asking = () => client.probe({ timeoutMs: 300 });
      const error = await assertRejects(asking, NoAnswerError);
      assertEquals(error.effort.attempts, 2);
    },
  },
  {
    name: "answers from another port",
    faults: { wrongPort: true },
    onLoopback: true,
    run: async (client) => {
      const asking = () => client.probe({ timeoutMs: 300 });
      const error = await assertRejects(asking, NoAnswerError);
      assertEquals([...error.discarded.keys()], ["from another port"]);
    },
  },
  ...([
    ["wrongInternalPort", { wrongInternalPort: true }],
    ["wrongOpcode", { wrongOpcode: true }],
    ["wrongAddress", { wrongAddress: true }],
    ["zeroPort", { zeroPort: true }],
    ["zeroLifetime", { zeroLifetime: true }],
    ["truncateBytes", { truncateBytes: 15 }],
  ] as const).map(([fault, faults]): Scenario => ({
    name: `answers that are none: ${fault}`,
    faults,
    run: async (client) => {
      const error = await assertRejects(() => client.map(TCP_80), NoAnswerError);
      assertEquals([error.effort.attempts, [...error.discarded.values()]], [5, [5]]);
    },
  })),
  {
    name: "the port that was asked for is somebody else's",
    onLoopback: true,
    run: async (client, gateway) => {
      const bytes = hex("00 02 00 00 00 50 1F 90 00 00 0E 10");
      gateway.receive({ data: bytes, source: { hostname: "10.0.0.99", port: 40_000 } }, 0);
      const lease = await client.map(TCP_80);
      assert(lease.externalPort !== 8080 && lease.externalPort > 0);
    },
  },
];

for (const { name, faults = {}, onLoopback = false, run } of SCENARIOS) {
  Deno.test(`NatPmpClient in memory: ${name}`, async () => {
    const lab = new Lab({ faults });
    await lab.run(run(lab.client, lab.gateway));
    assertLessOrEqual(lab.gateway.counters.mostInFlight, 1);
    const { sent } = lab.host;
    await lab.clock.advance(300_000);
    assertEquals(lab.host.sent, sent);
  });

  if (!onLoopback) continue;
  Deno.test(`NatPmpClient on loopback: ${name}`, async () => {
    const stop = new AbortController();
    const clock = systemClock;
    const gateway = new SimulatedGateway({
      externalAddress: EXTERNAL,
      random: () => 0.5,
      startMs: clock.now(),
      announcesStart: false,
      faults,
    });
    const service = serveSimulatedGateway(gateway, {
      open: openUdpSocket,
      listen: { hostname: "127.0.0.1", port: 0 },
      clock,
      signal: stop.signal,
    });
    try {
      await run(new NatPmpClient("127.0.0.1", { port: service.local.port }), gateway);
    } finally {
      stop.abort();
      await service.finished;
    }
  });
}

Deno.test("NatPmpClient gets through 30 % of all datagrams lost, 30 % doubled and all out of order, a hundred times", async () => {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 0x7fff_ffff) / 0x7fff_ffff;
  const clock = new ManualClock();
  const conditions = { latencyMs: 20, jitterMs: 600, lossRate: 0.3, duplicateRate: 0.3 };
  const network = new MemoryNetwork({ clock, random, conditions });
  const gateway = new SimulatedGateway({
    externalAddress: EXTERNAL,
    random,
    startMs: 0,
    announcesStart: false,
  });
  network.attach(gateway, GATEWAY);
  const { open } = network.host(HOST);
  const client = new NatPmpClient(GATEWAY, { clock, random, openSocket: open, timeoutMs: 127_750 });
  for (let i = 1; i <= 100; i++) {
    const key = { protocol: "tcp", internalPort: i } as const;
    const lease = await clock.runUntil(
      client.map({ ...key, externalPort: 1000 + i, lifetimeSeconds: 10_000 }),
    );
    assertEquals(lease.externalPort, 1000 + i);
    if (i % 2 === 0) await clock.runUntil(client.unmap(key));
  }
});
