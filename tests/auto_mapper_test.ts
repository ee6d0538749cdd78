import { assert, assertEquals, assertRejects } from "@std/assert";
import { type MapperParts, openMapper } from "../lib/backends.ts";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "../lib/errors.ts";
import type { PortMapper } from "../lib/port_mapper.ts";
// The clock turned by hand does not wait while a module loads.
import "../lib/natpmp/client.ts";
import "../lib/pcp/client.ts";
import {
  type Faults,
  ManualClock,
  MemoryNetwork,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../lib/simulator/mod.ts";
import { parseState } from "../lib/state/format.ts";

const GATEWAY = "10.0.0.1";
const HOST = "10.0.0.2";
const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;

interface LabOptions {
  readonly speaks?: SimulatedGatewayOptions["speaks"];
  readonly faults?: Faults;
  readonly hasService?: boolean;
  /** The way to the gateway and back, in milliseconds. */
  readonly roundTripMs?: number;
}

/** A host and a simulated gateway. */
class Lab {
  readonly clock = new ManualClock({ startMs: 1000, wallStart: new Date("2026-01-01T00:00:00Z") });
  gateway: SimulatedGateway;
  readonly choices: string[] = [];
  /** The versions of the datagrams that went out, each with its time. */
  readonly sent: string[] = [];
  readonly #network: MemoryNetwork;
  #detach: () => void;

  constructor({ speaks = "both", faults = {}, hasService = true, roundTripMs = 2 }: LabOptions = {}) {
    const { clock } = this;
    this.#network = new MemoryNetwork({
      clock,
      random: () => 0.5,
      conditions: { latencyMs: roundTripMs / 2, reportsPortUnreachable: true },
    });
    this.gateway = this.#make({ speaks, faults, hasService });
    this.#detach = this.#network.attach(this.gateway, GATEWAY);
  }

  #make({ speaks = "both", faults = {}, hasService = true }: LabOptions): SimulatedGateway {
    return new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random: () => 0.5,
      startMs: 0,
      startEpochSeconds: 1000,
      announcesStart: false,
      actsAsNat: hasService,
      speaks,
      faults,
    });
  }

  /** Puts a gateway without mappings in the place of the one that there is. */
  change(options: LabOptions): void {
    this.#detach();
    this.gateway = this.#make(options);
    this.#detach = this.#network.attach(this.gateway, GATEWAY);
  }

  async open(parts: Partial<MapperParts> = {}): Promise<PortMapper> {
    const startMs = this.clock.now();
    return await openMapper({ gateway: GATEWAY }, {
      clock: this.clock,
      random: () => 0.5,
      openSocket: this.#network.host(HOST).open,
      findLocalAddress: () => Promise.resolve(HOST),
      onChoice: (via, reason) => this.choices.push(`${via}: ${reason}`),
      observe: (event) => {
        if (event.kind !== "sent") return;
        this.sent.push(
          `${event.data[0] === 2 ? "pcp" : "nat-pmp"} ${Math.round(this.clock.now() - startMs)}`,
        );
      },
      ...parts,
    });
  }

  async run<T>(promise: Promise<T>): Promise<T> {
    return await this.clock.runUntil(promise);
  }

  get mappings(): string[] {
    return this.gateway.mappings(this.clock.now()).map(({ protocol, internalPort, externalPort }) =>
      `${protocol} ${externalPort}:${internalPort}`
    );
  }
}

// ---- the first request ----

Deno.test("a gateway that speaks both is asked over PCP, with one datagram", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  const lease = await lab.run(mapper.map({ ...TCP_80, externalPort: 8080 }));
  assertEquals([lease.via, lease.externalPort, lease.externalAddress], ["pcp", 8080, "203.0.113.7"]);
  assertEquals([lab.sent, lab.mappings, mapper.via], [["pcp 0"], ["tcp 8080:80"], "pcp"]);
  assertEquals(lab.choices, ["pcp: it answered"]);
});

Deno.test("a gateway that speaks NAT-PMP alone costs one datagram more the first time, and none after that", async () => {
  const lab = new Lab({ speaks: "nat-pmp" });
  const mapper = await lab.open();
  const lease = await lab.run(mapper.map({ ...TCP_80, externalPort: 8080 }));
  assertEquals([lease.via, lease.externalPort], ["nat-pmp", 8080]);
  assertEquals(lab.sent, ["pcp 0", "nat-pmp 2"]);
  await lab.run(mapper.map({ protocol: "udp", internalPort: 53 }));
  assertEquals(lab.sent.length, 3);
});

for (const opcode of ["128", "0", "echo"] as const) {
  Deno.test(`a version error with opcode ${opcode} leads to NAT-PMP at once`, async () => {
    const lab = new Lab({ speaks: "both", faults: { natPmpOnly: opcode } });
    const { via } = await lab.run((await lab.open()).map(TCP_80));
    assertEquals([via, lab.sent.length], ["nat-pmp", 2]);
  });
}

Deno.test("a gateway that drops version 2 is asked a question after 100 ms, and mapped over NAT-PMP after 250 ms", async () => {
  const lab = new Lab({ faults: { dropVersion2: true } });
  const lease = await lab.run((await lab.open()).map({ ...TCP_80, externalPort: 8080 }));
  assertEquals([lease.via, lab.mappings], ["nat-pmp", ["tcp 8080:80"]]);
  const natPmp = lab.sent.filter((text) => text.startsWith("nat-pmp"));
  assertEquals(natPmp, ["nat-pmp 100", "nat-pmp 250"]);
});

for (const roundTripMs of [90, 110, 180, 240, 300, 600, 1500]) {
  Deno.test(`a gateway that speaks both and is ${roundTripMs} ms away ends with exactly one mapping`, async () => {
    const lab = new Lab({ roundTripMs });
    const mapper = await lab.open();
    await lab.run(mapper.map({ ...TCP_80, externalPort: 8080 }));
    await lab.clock.advance(10_000);
    assertEquals(lab.mappings, ["tcp 8080:80"]);
    await lab.run(mapper.unmap(TCP_80));
    await lab.clock.advance(10_000);
    assertEquals(lab.mappings, []);
  });
}

Deno.test("a refusal over PCP is an answer: NAT-PMP is not asked", async () => {
  const lab = new Lab({ faults: { pcpResultCode: 2 } });
  const mapper = await lab.open();
  const error = await assertRejects(() => lab.run(mapper.map(TCP_80)), RefusedError);
  assertEquals([error.via, error.refusal, lab.sent], ["pcp", "not-authorized", ["pcp 0"]]);
});

Deno.test("ADDRESS_MISMATCH leads to NAT-PMP, which has no address in its packets", async () => {
  const lab = new Lab();
  const mapper = await lab.open({ findLocalAddress: () => Promise.resolve("192.168.9.9") });
  assertEquals((await lab.run(mapper.map(TCP_80))).via, "nat-pmp");
});

Deno.test("ICMP ends the wait for both protocols", async () => {
  const lab = new Lab({ hasService: false });
  const mapper = await lab.open();
  const startMs = lab.clock.now();
  const error = await assertRejects(() => lab.run(mapper.map(TCP_80)), NotSupportedError);
  assertEquals(error.reason, "port-unreachable");
  assert(lab.clock.now() - startMs < 400, `${lab.clock.now() - startMs}`);
});

Deno.test("a gateway that is silent is one that gave no answer, within the timeout", async () => {
  const lab = new Lab({ faults: { silent: true } });
  const mapper = await lab.open({ timeoutMs: 3000 });
  const startMs = lab.clock.now();
  await assertRejects(() => lab.run(mapper.map(TCP_80)), NoAnswerError);
  assertEquals(lab.clock.now() - startMs, 3000);
});

// ---- one protocol ----

for (const via of ["pcp", "nat-pmp"] as const) {
  Deno.test(`via ${via} sends nothing of the other protocol`, async () => {
    const lab = new Lab();
    const mapper = await lab.open({ via });
    assertEquals((await lab.run(mapper.map(TCP_80))).via, via);
    assertEquals((await lab.run(mapper.probe())).via, via);
    await lab.run(mapper.unmap(TCP_80));
    assertEquals(new Set(lab.sent.map((text) => text.split(" ")[0])), new Set([via]));
  });
}

Deno.test("via pcp at a gateway that speaks NAT-PMP alone is not supported", async () => {
  const lab = new Lab({ speaks: "nat-pmp" });
  const mapper = await lab.open({ via: "pcp" });
  const error = await assertRejects(() => lab.run(mapper.map(TCP_80)), NotSupportedError);
  assertEquals([error.via, error.version], ["pcp", 0]);
});

Deno.test("another protocol that is named moves a lease: it is deleted by its own and made anew", async () => {
  const lab = new Lab();
  const first = await lab.open();
  const lease = await lab.run(first.map({ ...TCP_80, externalPort: 8080 }));
  const second = await lab.open({ via: "nat-pmp" });
  second.adopt!([lease]);
  const moved = await lab.run(second.map({ ...TCP_80, externalPort: 8080 }));
  assertEquals([moved.via, moved.externalPort, lab.mappings], ["nat-pmp", 8080, ["tcp 8080:80"]]);
});

// ---- later clients ----

Deno.test("a lease is renewed and deleted by the protocol that made it, by a later client too", async () => {
  const lab = new Lab();
  const byPcp = await lab.run((await lab.open()).map({ ...TCP_80, externalPort: 8080 }));
  const byNatPmp = await lab.run(
    (await lab.open({ via: "nat-pmp" })).map({ protocol: "udp", internalPort: 53 }),
  );
  const later = await lab.open();
  later.adopt!([byPcp, byNatPmp]);
  lab.sent.length = 0;
  assertEquals((await lab.run(later.map({ ...TCP_80, externalPort: 9000 }))).externalPort, 8080);
  assertEquals((await lab.run(later.map({ protocol: "udp", internalPort: 53 }))).via, "nat-pmp");
  assertEquals(lab.mappings.length, 2);
  await lab.run(later.unmap(TCP_80));
  await lab.run(later.unmap({ protocol: "udp", internalPort: 53 }));
  assertEquals(lab.mappings, []);
  assertEquals(lab.sent.map((text) => text.split(" ")[0]), ["pcp", "nat-pmp", "pcp", "nat-pmp"]);
});

Deno.test("a later client asks first in the protocol that the gateway spoke last, for ten minutes", async () => {
  const lab = new Lab({ speaks: "nat-pmp" });
  const first = await lab.open();
  await lab.run(first.map(TCP_80));
  const memory = first.memory!;
  const soon = await lab.open();
  soon.recall(memory, { holdsNothing: true });
  lab.sent.length = 0;
  await lab.run(soon.map(TCP_80));
  assertEquals(lab.sent.length, 1);
  await lab.clock.advance(10 * 60_000);
  const late = await lab.open();
  late.recall(memory);
  lab.sent.length = 0;
  await lab.run(late.map(TCP_80));
  assertEquals(lab.sent.map((text) => text.split(" ")[0]), ["pcp", "nat-pmp"]);
});

Deno.test("a gateway that changes its software between two renewals is asked in the other protocol", async () => {
  for (const [before, after] of [["pcp", "nat-pmp"], ["nat-pmp", "pcp"]] as const) {
    const old = new Lab({ speaks: before });
    const lease = await old.run((await old.open()).map({ ...TCP_80, externalPort: 8080 }));
    assertEquals(lease.via, before);
    const lab = new Lab({ speaks: after });
    const mapper = await lab.open();
    mapper.adopt!([lease]);
    const renewed = await lab.run(mapper.map({ ...TCP_80, externalPort: 8080 }));
    assertEquals([renewed.via, lab.mappings], [after, ["tcp 8080:80"]]);
  }
});

Deno.test("a loss of state is found over each protocol, from what an earlier client remembered", async () => {
  for (const speaks of ["pcp", "nat-pmp"] as const) {
    const lab = new Lab({ speaks });
    const first = await lab.open();
    await lab.run(first.map(TCP_80));
    const restarted = new Lab({ speaks });
    await restarted.clock.advance(lab.clock.now() + 5000);
    const later = await restarted.open();
    let losses = 0;
    later.onStateLost(() => losses++);
    const { data } = first.memory!;
    const told = JSON.parse(JSON.stringify(data));
    told[speaks].data.epochSeconds += 100_000;
    later.recall({ data: told, atMs: restarted.clock.now() - 60_000 });
    await restarted.run(later.probe());
    assertEquals(losses, 1, speaks);
  }
});

Deno.test("a loss of state is found from what natpmp 0.1 left in its state file", async () => {
  const text = await Deno.readTextFile(new URL("testdata/state/version_1_map.json", import.meta.url));
  const { data } = parseState(text).gateways[0]!.memory!;
  const lab = new Lab({ speaks: "nat-pmp" });
  for (const [agoMs, expected] of [[60_000, 0], [10_000_000, 1]] as const) {
    const mapper = await lab.open();
    let losses = 0;
    mapper.onStateLost(() => losses++);
    mapper.recall({ data, atMs: lab.clock.now() - agoMs });
    await lab.run(mapper.probe());
    assertEquals(losses, expected);
  }
});

Deno.test("what a client remembers is JSON, and anything else is ignored", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  for (
    const data of [undefined, null, 7, "pcp", [], { spoken: 1 }, { pcp: { agoMs: "x" } }, { epochSeconds: 5 }]
  ) {
    mapper.recall({ data, atMs: 0 });
  }
  assertEquals(mapper.memory, undefined);
  await lab.run(mapper.map(TCP_80));
  const { data } = mapper.memory!;
  assertEquals(JSON.parse(JSON.stringify(data)), data);
});

// ---- what nobody knows ----

Deno.test("unmap() of a mapping that nobody knows asks NAT-PMP, and via pcp it is refused before anything is sent", async () => {
  const lab = new Lab();
  await lab.run((await lab.open({ via: "nat-pmp" })).map({ ...TCP_80, externalPort: 8080 }));
  lab.sent.length = 0;
  await assertRejects(
    async () => await lab.run((await lab.open({ via: "pcp" })).unmap(TCP_80)),
    RefusedError,
  );
  assertEquals(lab.sent, []);
  await lab.run((await lab.open()).unmap(TCP_80));
  assertEquals([lab.sent.length, lab.mappings], [1, []]);
});

Deno.test("findAddress() makes a mapping over PCP and deletes it, and asks over NAT-PMP", async () => {
  for (const speaks of ["pcp", "nat-pmp"] as const) {
    const lab = new Lab({ speaks });
    const mapper = await lab.open();
    const found = await lab.run(mapper.findAddress!());
    assertEquals([found.via, found.externalAddress, lab.mappings], [speaks, "203.0.113.7", []]);
  }
});

Deno.test("requests made at the same time are sent one after the other", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  const ports = [80, 81, 82];
  await lab.run(Promise.all(ports.map((internalPort) => mapper.map({ protocol: "tcp", internalPort }))));
  assertEquals([lab.mappings.length, lab.gateway.counters.mostInFlight], [3, 1]);
});

Deno.test("an error has the protocol that it came by", async () => {
  const lab = new Lab({ speaks: "nat-pmp", faults: { refuse: true } });
  const mapper = await lab.open();
  const error = await assertRejects(() => lab.run(mapper.map(TCP_80)), PortMapperError);
  assertEquals(error.via, "nat-pmp");
});

// ---- a race that one of the two has won ----

Deno.test("an answer over PCP does not wait for the question over NAT-PMP", async () => {
  const lab = new Lab({ roundTripMs: 0, faults: { pcpLatencyMs: 150, latencyMs: 60_000 } });
  const mapper = await lab.open();
  const startMs = lab.clock.now();
  assertEquals((await lab.run(mapper.map(TCP_80))).via, "pcp");
  assertEquals(lab.clock.now() - startMs, 150);
});

Deno.test("a refusal over PCP does not wait for the question over NAT-PMP", async () => {
  const lab = new Lab({ roundTripMs: 0, faults: { pcpLatencyMs: 150, latencyMs: 60_000, pcpResultCode: 2 } });
  const mapper = await lab.open();
  const startMs = lab.clock.now();
  await assertRejects(() => lab.run(mapper.map(TCP_80)), RefusedError);
  assertEquals(lab.clock.now() - startMs, 150);
});

Deno.test("nothing is sent after an abort, whichever request of a race is under way", async () => {
  for (const afterMs of [0, 50, 150, 249]) {
    const lab = new Lab({ faults: { silent: true } });
    const mapper = await lab.open();
    const stop = new AbortController();
    const mapped = assertRejects(() => mapper.map(TCP_80, { signal: stop.signal }), Error, "stop");
    await lab.clock.advance(afterMs);
    stop.abort(new Error("stop"));
    await lab.run(mapped);
    const { length } = lab.sent;
    await lab.clock.advance(60_000);
    assertEquals(lab.sent.length, length, `${afterMs} ms`);
  }
});

// ---- a gateway that changes while a client runs ----

const HOUR_MS = 3_600_000;

Deno.test("a gateway that drops version 2 from now on: what PCP made moves to NAT-PMP after one silent try", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  await lab.run(mapper.map({ ...TCP_80, externalPort: 8080 }));
  lab.change({ faults: { dropVersion2: true } });
  await assertRejects(() => lab.run(mapper.map({ ...TCP_80, externalPort: 8080 })), NoAnswerError);
  const lease = await lab.run(mapper.map({ ...TCP_80, externalPort: 8080 }));
  assertEquals([lease.via, lab.mappings], ["nat-pmp", ["tcp 8080:80"]]);
});

Deno.test("a lease that is over does not bind its mapping to the protocol that made it", async () => {
  const lab = new Lab();
  const lease = await lab.run((await lab.open()).map({ ...TCP_80, externalPort: 8080 }));
  await lab.clock.advance(3 * HOUR_MS);
  lab.change({ faults: { dropVersion2: true } });
  const later = await lab.open();
  later.adopt!([lease]);
  assertEquals((await lab.run(later.map({ ...TCP_80, externalPort: 8080 }))).via, "nat-pmp");
});

Deno.test("unmap() of a lease of PCP at a gateway that speaks only NAT-PMP now is by NAT-PMP", async () => {
  const lab = new Lab();
  const lease = await lab.run((await lab.open()).map({ ...TCP_80, externalPort: 8080 }));
  lab.change({ speaks: "nat-pmp" });
  await lab.run((await lab.open({ via: "nat-pmp" })).map({ ...TCP_80, externalPort: 8080 }));
  const later = await lab.open();
  later.adopt!([lease]);
  assertEquals([(await lab.run(later.unmap(TCP_80))).via, lab.mappings], ["nat-pmp", []]);
});

Deno.test("unmap() after silence deletes over PCP what the unanswered request may have made", async () => {
  const lab = new Lab({ speaks: "pcp", faults: { loseReplies: { first: 6 } } });
  const mapper = await lab.open();
  await assertRejects(() => lab.run(mapper.map(TCP_80, { timeoutMs: 1000 })), NoAnswerError);
  assertEquals(lab.mappings.length, 1);
  const token = mapper.tokenOf!(TCP_80);
  assert(token !== undefined);
  await lab.run(mapper.unmap(TCP_80));
  assertEquals(lab.mappings, []);
});

// ---- a protocol that is named ----

for (const [from, to] of [["nat-pmp", "pcp"], ["pcp", "nat-pmp"]] as const) {
  Deno.test(`via ${to} at a gateway that lacks it leaves a lease of ${from} alone`, async () => {
    const lab = new Lab({ speaks: from });
    const lease = await lab.run((await lab.open()).map({ ...TCP_80, externalPort: 8080 }));
    const second = await lab.open({ via: to });
    second.adopt!([lease]);
    await assertRejects(() => lab.run(second.map({ ...TCP_80, externalPort: 8080 })), NotSupportedError);
    assertEquals(lab.mappings, ["tcp 8080:80"]);
    assertEquals((await lab.run(second.unmap(TCP_80))).via, from);
  });
}

Deno.test("a move to another protocol ends within the timeout", async () => {
  const lab = new Lab();
  const lease = await lab.run((await lab.open({ via: "nat-pmp" })).map({ ...TCP_80, externalPort: 8080 }));
  lab.change({ speaks: "both", faults: { latencyMs: 3_000_000, pcpLatencyMs: 600 } });
  const second = await lab.open({ via: "pcp", timeoutMs: 3000 });
  second.adopt!([lease]);
  const startMs = lab.clock.now();
  await lab.run(second.map({ ...TCP_80, externalPort: 8080 }).catch(() => {}));
  assert(lab.clock.now() - startMs <= 3000, `${lab.clock.now() - startMs} ms`);
});

// ---- two epochs ----

Deno.test("one loss of state is found once, though both protocols show it", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  const UDP_53 = { protocol: "udp", internalPort: 53 } as const;
  const byNatPmp = await lab.run((await lab.open({ via: "nat-pmp" })).map(UDP_53));
  mapper.adopt!([byNatPmp]);
  await lab.run(mapper.map(TCP_80));
  await lab.run(mapper.map(UDP_53));
  let losses = 0;
  mapper.onStateLost(() => losses++);
  await lab.clock.advance(600_000);
  lab.gateway.reboot(lab.clock.now());
  await lab.clock.advance(60_000);
  await lab.run(mapper.map(TCP_80));
  assertEquals(losses, 1);
  await lab.clock.advance(60_000);
  assertEquals(Object.keys(mapper.memory!.data as object).sort(), ["pcp", "spoken"]);
  // The gateway forgot it, so any protocol will do; the other one has to be asked by name.
  const hinted = await lab.open({ via: "nat-pmp" });
  hinted.onStateLost(() => losses++);
  hinted.recall(mapper.memory!);
  await lab.run(hinted.map(UDP_53));
  assertEquals(losses, 1);
});

Deno.test("a second loss is found by the protocol that did not see the first", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  const UDP_53 = { protocol: "udp", internalPort: 53 } as const;
  mapper.adopt!([await lab.run((await lab.open({ via: "nat-pmp" })).map(UDP_53))]);
  await lab.run(mapper.map(TCP_80));
  await lab.run(mapper.map(UDP_53));
  let losses = 0;
  mapper.onStateLost(() => losses++);
  for (const _ of ["first", "second"]) {
    await lab.clock.advance(600_000);
    lab.gateway.reboot(lab.clock.now());
    await lab.clock.advance(10_000);
    await lab.run(mapper.map(losses === 0 ? TCP_80 : UDP_53));
  }
  assertEquals(losses, 2);
});
