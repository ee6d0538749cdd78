import { assert, assertEquals, assertRejects } from "@std/assert";
import { type MapperParts, openMapper } from "../lib/backends.ts";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "../lib/errors.ts";
import type { PortMapper } from "../lib/port_mapper.ts";
// The clock turned by hand does not wait while a module loads.
import "../lib/natpmp/client.ts";
import "../lib/net/tcp_stream.ts";
import "../lib/net/udp_socket.ts";
import "../lib/pcp/client.ts";
import "../lib/upnp/client.ts";
import {
  type Faults,
  ManualClock,
  MemoryNetwork,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../lib/simulator/mod.ts";

const GATEWAY = "10.0.0.1";
const HOST = "10.0.0.2";
const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;

interface LabOptions {
  readonly speaks?: SimulatedGatewayOptions["speaks"];
  readonly upnp?: "igd1" | "igd2" | "none";
  readonly faults?: Faults;
  /** Whether port 5351 drops what comes, where the gateway does not speak by it. */
  readonly drops?: boolean;
}

/** A host and a simulated gateway that may speak every protocol. */
class Lab {
  readonly clock = new ManualClock({ startMs: 1000, wallStart: new Date("2026-01-01T00:00:00Z") });
  readonly network: MemoryNetwork;
  gateway: SimulatedGateway;
  /** What went out, each with its time since the client was opened: `pcp`, `nat-pmp`, `search` or an action. */
  readonly sent: string[] = [];
  readonly choices: string[] = [];
  #startMs = this.clock.now();
  #detach: () => void;

  constructor(options: LabOptions = {}) {
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: () => 0.5,
      conditions: { latencyMs: 1, reportsPortUnreachable: true },
    });
    [this.gateway, this.#detach] = this.#attach(options);
  }

  #attach(
    { speaks = "none", upnp = "igd1", faults = {}, drops = false }: LabOptions,
  ): [SimulatedGateway, () => void] {
    const gateway = new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random: () => 0.5,
      startMs: 0,
      startEpochSeconds: 1000,
      announcesStart: false,
      speaks,
      upnp: upnp === "none" ? undefined : upnp,
      faults,
    });
    const detach = this.network.attach(gateway, GATEWAY);
    const local = { hostname: GATEWAY, port: 5351 };
    const stop = drops ? this.network.host(GATEWAY).listen({ local, deliver: () => {} }) : () => {};
    return [gateway, () => {
      detach();
      stop();
    }];
  }

  /** Puts a gateway without mappings in the place of the one that there is. */
  change(options: LabOptions): void {
    this.#detach();
    [this.gateway, this.#detach] = this.#attach(options);
  }

  async open(parts: Partial<MapperParts> = {}): Promise<PortMapper> {
    this.#startMs = this.clock.now();
    const { open, connect } = this.network.host(HOST);
    const note = (what: string) => this.sent.push(`${what} ${Math.round(this.clock.now() - this.#startMs)}`);
    return await openMapper({ gateway: GATEWAY, localAddress: HOST }, {
      clock: this.clock,
      random: () => 0.5,
      openSocket: open,
      connectStream: connect,
      findLocalAddress: () => Promise.resolve(HOST),
      onChoice: (via, reason) => this.choices.push(`${via}: ${reason}`),
      observe: (event) => {
        if (event.kind === "sent") note(event.data[0] === 2 ? "pcp" : "nat-pmp");
        if (event.kind !== "noted" || !event.text.startsWith("->")) return;
        note(/UPnP (\w+)/.exec(event.text)![1]!);
      },
      ...parts,
    });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }

  /** The kinds of what was sent, once each, in order, and nothing of them afterwards. */
  takeKinds(): string[] {
    const kinds = [...new Set(this.sent.map((line) => line.split(" ")[0]!))];
    this.sent.length = 0;
    return kinds;
  }

  get nowMs(): number {
    return this.clock.now() - this.#startMs;
  }

  get mappings(): string[] {
    return this.gateway.mappings(this.clock.now()).map(({ protocol, internalPort, externalPort }) =>
      `${protocol} ${externalPort}:${internalPort}`
    );
  }
}

// ---- the first request ----

Deno.test("a UPnP router whose port 5351 is closed is mapped in milliseconds", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  const lease = await lab.run(mapper.map(AT_8080));
  assertEquals([lease.via, mapper.via, lab.mappings], ["upnp", "upnp", ["tcp 8080:80"]]);
  assert(lab.nowMs < 50, `${lab.nowMs} ms`);
  assertEquals(lab.sent.slice(0, 3), ["pcp 0", "search 2", "description 4"]);
  assertEquals(lab.choices.length, 1);
});

Deno.test("a UPnP router whose port 5351 is silent is searched for after 100 ms, and used after 300 ms", async () => {
  const lab = new Lab({ drops: true });
  const lease = await lab.run((await lab.open()).map(AT_8080));
  assertEquals([lease.via, lab.mappings], ["upnp", ["tcp 8080:80"]]);
  const timeOf = (kind: string) => Number(lab.sent.find((line) => line.startsWith(kind))!.split(" ")[1]);
  assertEquals([timeOf("nat-pmp"), timeOf("search"), timeOf("GetSpecific")], [100, 100, 300]);
  assert(lab.nowMs < 330, `${lab.nowMs} ms`);
});

for (const speaks of ["both", "pcp", "nat-pmp"] as const) {
  Deno.test(`a router that speaks ${speaks} at once gets nothing of UPnP`, async () => {
    const lab = new Lab({ speaks });
    const mapper = await lab.open();
    await lab.run(mapper.map(AT_8080));
    await lab.run(mapper.probe());
    await lab.run(mapper.unmap(AT_8080));
    await lab.clock.advance(10_000);
    const { searches, httpRequests } = lab.gateway.counters;
    assertEquals([searches, httpRequests], [0, 0]);
  });
}

for (const speaks of ["pcp", "nat-pmp"] as const) {
  Deno.test(`a refusal over ${speaks} is an answer: UPnP is not asked`, async () => {
    for (const faults of [{ refuse: true }, { full: true }] as const) {
      const lab = new Lab({ speaks, faults });
      const error = await assertRejects(
        async () => await lab.run((await lab.open()).map(AT_8080)),
        RefusedError,
      );
      assertEquals([error.via, lab.gateway.counters.searches], [speaks, 0]);
    }
  });
}

Deno.test("a router that does not map over NAT-PMP is asked over UPnP", async () => {
  const lab = new Lab({ speaks: "nat-pmp", faults: { resultCode: 5 } });
  const lease = await lab.run((await lab.open()).map(AT_8080));
  assertEquals([lease.via, lab.mappings], ["upnp", ["tcp 8080:80"]]);
});

Deno.test("a router that speaks nothing is not supported after a search of 2 s, and the error has both", async () => {
  const lab = new Lab({ upnp: "none" });
  const error = await assertRejects(
    async () => await lab.run((await lab.open()).map(AT_8080)),
    NotSupportedError,
  );
  assertEquals([error.reason, error.via], ["port-unreachable", undefined]);
  assertEquals(error.others.map(({ reason, via }) => `${via} ${reason}`), ["upnp no-service"]);
  assertEquals(error.others[0]!.message.endsWith("within 2 s"), true);
  assert(lab.nowMs >= 2000 && lab.nowMs < 2100, `${lab.nowMs} ms`);
});

Deno.test("a router that speaks nothing and drops everything ends with the timeout", async () => {
  const lab = new Lab({ drops: true, faults: { silent: true } });
  await assertRejects(async () => await lab.run((await lab.open()).map(AT_8080)), NoAnswerError);
  assertEquals(lab.nowMs, 7750);
});

Deno.test("the search ends 2 s after it began, its descriptions a little later", async () => {
  const lab = new Lab({ faults: { upnpSearchLatencyMs: 1900, upnpHttpLatencyMs: 300 } });
  assertEquals((await lab.run((await lab.open()).map(AT_8080))).via, "upnp");
  const late = new Lab({ faults: { upnpSearchLatencyMs: 2100 } });
  await assertRejects(async () => await late.run((await late.open()).map(AT_8080)), NotSupportedError);
});

// ---- what is remembered ----

Deno.test("the next operation begins with UPnP, in the same process and in the next, at the same place", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  await lab.run(mapper.map(AT_8080));
  lab.takeKinds();
  await lab.run(mapper.map(AT_8080));
  const renewal = ["GetSpecificPortMappingEntry", "AddPortMapping"];
  assertEquals(lab.takeKinds(), renewal);
  const { data, atMs } = mapper.memory!;
  const later = await lab.open();
  later.recall({ data: JSON.parse(JSON.stringify(data)), atMs });
  await lab.run(later.map(AT_8080));
  assertEquals(lab.takeKinds(), renewal);
});

Deno.test("after 10 minutes a router is asked over PCP again, and its leases stay where they are", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  await lab.run(mapper.map(AT_8080));
  await lab.clock.advance(601_000);
  lab.takeKinds();
  await lab.run(mapper.map(AT_8080));
  assertEquals(lab.takeKinds()[0], "GetSpecificPortMappingEntry");
  await lab.clock.advance(601_000);
  await lab.run(mapper.map({ protocol: "udp", internalPort: 53, externalPort: 53 }));
  assertEquals(lab.takeKinds()[0], "pcp");
});

Deno.test("a router that changes from UPnP to NAT-PMP and back is followed by each renewal, or by its second try", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  assertEquals((await lab.run(mapper.map(AT_8080))).via, "upnp");
  for (
    const [options, via] of [
      [{ speaks: "nat-pmp", upnp: "none" }, "nat-pmp"],
      [{ speaks: "none", upnp: "igd2" }, "upnp"],
      [{ speaks: "pcp", upnp: "none" }, "pcp"],
      [{ speaks: "none", upnp: "igd1" }, "upnp"],
    ] as const
  ) {
    lab.change(options);
    await lab.clock.advance(1_800_000);
    const first = lab.run(mapper.map(AT_8080));
    // A port that has answered before is closed only after a while of silence.
    const lease = via === "upnp"
      ? await assertRejects(() => first, NotSupportedError).then(() => lab.run(mapper.map(AT_8080)))
      : await first;
    assertEquals([lease.via, lab.mappings], [via, ["tcp 8080:80"]], via);
  }
});

Deno.test("a place of UPnP that is gone does not keep a slow answer over PCP from counting", async () => {
  for (const isSameProcess of [true, false]) {
    const lab = new Lab();
    const mapper = await lab.open();
    await lab.run(mapper.probe());
    const { data, atMs } = mapper.memory!;
    lab.change({ speaks: "pcp", upnp: "none", faults: { latencyMs: 600 } });
    await lab.clock.advance(601_000);
    const later = isSameProcess ? mapper : await lab.open();
    later.recall({ data, atMs });
    assertEquals((await lab.run(later.map(AT_8080))).via, "pcp");
  }
});

Deno.test("a place of UPnP that is remembered is asked once more before it is used instead of PCP", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  await lab.run(mapper.probe());
  const { data, atMs } = mapper.memory!;
  await lab.clock.advance(601_000);
  const later = await lab.open();
  later.recall({ data, atMs });
  lab.takeKinds();
  assertEquals((await lab.run(later.map(AT_8080))).via, "upnp");
  assertEquals(lab.takeKinds(), ["pcp", "GetStatusInfo", "GetSpecificPortMappingEntry", "AddPortMapping"]);
});

// ---- a protocol that is named ----

Deno.test("via upnp sends nothing to port 5351, and is found where that answers too", async () => {
  const lab = new Lab({ speaks: "both" });
  const mapper = await lab.open({ via: "upnp" });
  assertEquals((await lab.run(mapper.map(AT_8080))).via, "upnp");
  await lab.run(mapper.probe());
  await lab.run(mapper.unmap(TCP_80));
  assertEquals([lab.gateway.counters.received, lab.mappings], [0, []]);
});

Deno.test("via upnp searches until the timeout", async () => {
  const lab = new Lab({ faults: { upnpSearchLatencyMs: 4000 } });
  assertEquals((await lab.run((await lab.open({ via: "upnp" })).map(AT_8080))).via, "upnp");
});

for (
  const [from, to] of [["upnp", "pcp"], ["pcp", "upnp"], ["nat-pmp", "upnp"], ["upnp", "nat-pmp"]] as const
) {
  Deno.test(`a lease of ${from} moves to ${to} where that is named`, async () => {
    const lab = new Lab({ speaks: "both" });
    const lease = await lab.run((await lab.open({ via: from })).map(AT_8080));
    assertEquals(lease.via, from);
    lab.takeKinds();
    const second = await lab.open({ via: to });
    second.adopt!([lease]);
    assertEquals((await lab.run(second.map(AT_8080))).via, to);
    assertEquals(lab.mappings, ["tcp 8080:80"]);
    const kinds = lab.takeKinds();
    assertEquals(kinds.includes("DeletePortMapping"), from === "upnp");
    assertEquals((await lab.run(second.unmap(TCP_80))).via, to);
    assertEquals(lab.mappings, []);
  });
}

Deno.test("via pcp or nat-pmp at a UPnP router sends nothing of UPnP", async () => {
  for (const via of ["pcp", "nat-pmp"] as const) {
    const lab = new Lab();
    await assertRejects(async () => await lab.run((await lab.open({ via })).map(AT_8080)), NotSupportedError);
    assertEquals([lab.gateway.counters.searches, lab.network.host(HOST).connections], [0, 0]);
  }
});

// ---- what nobody knows ----

for (const drops of [false, true]) {
  Deno.test(`unmap() of a mapping that nobody knows at a UPnP router whose port 5351 is ${drops ? "silent" : "closed"}`, async () => {
    const lab = new Lab({ drops });
    await lab.run((await lab.open({ via: "upnp" })).map(AT_8080));
    const mapper = await lab.open();
    const { via } = await lab.run(mapper.unmap(TCP_80));
    assertEquals([via, lab.mappings], ["upnp", []]);
    assert(lab.nowMs < 400, `${lab.nowMs} ms`);
  });
}

Deno.test("unmap() of a mapping that nobody knows at a silent router lasts as long as before", async () => {
  const lab = new Lab({ drops: true, faults: { silent: true } });
  const mapper = await lab.open();
  const error = await assertRejects(() => lab.run(mapper.unmap(TCP_80)), PortMapperError);
  assertEquals([error instanceof NoAnswerError, lab.nowMs], [true, 7750]);
});

Deno.test("unmap() that is aborted while both are asked ends with the reason, and sends nothing more", async () => {
  for (const afterMs of [10, 299, 301, 1000]) {
    const lab = new Lab({ drops: true, faults: { silent: true } });
    const mapper = await lab.open();
    const stop = new AbortController();
    const unmapped = mapper.unmap(TCP_80, { signal: stop.signal }).catch((error) => error);
    await lab.clock.advance(afterMs);
    stop.abort("the reason");
    assertEquals(await lab.run(unmapped), "the reason");
    const { sent } = lab.network.host(HOST);
    await lab.clock.advance(20_000);
    assertEquals(lab.network.host(HOST).sent, sent);
  }
});

Deno.test("a router that spoke UPnP and falls silent is silent at each try, though its port 5351 is closed", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  const lease = await lab.run(mapper.map(AT_8080));
  lab.gateway.setFaults({ silent: true }, lab.clock.now());
  for (let n = 0; n < 3; n++) {
    await assertRejects(
      () => lab.run(mapper.map({ ...AT_8080, expiresAtMs: lease.expiresAtMs })),
      NoAnswerError,
    );
  }
  lab.gateway.setFaults({}, lab.clock.now());
  assertEquals((await lab.run(mapper.map(AT_8080))).via, "upnp");
});

Deno.test("list() is by UPnP whatever is spoken, and does not change what is used after that", async () => {
  const lab = new Lab({ speaks: "both" });
  for (const isKnown of [true, false]) {
    const mapper = await lab.open();
    if (isKnown) await lab.run(mapper.map(AT_8080));
    const { mappings } = await lab.run(mapper.list!());
    assertEquals(mappings.map(({ externalPort, isOwn }) => [externalPort, isOwn]), [[8080, true]]);
    const lease = await lab.run(mapper.map({ protocol: "udp", internalPort: 53 }));
    assertEquals(lease.via, "pcp");
    await lab.run(mapper.unmap(lease));
  }
  const named = await lab.open({ via: "upnp" });
  await lab.run(named.list!());
  assertEquals(named.via, "upnp");
});

Deno.test("a loss that UPnP shows is one loss, and the mappings are made again", async () => {
  const lab = new Lab();
  const mapper = await lab.open();
  let losses = 0;
  mapper.onStateLost(() => losses++);
  await lab.run(mapper.map(AT_8080));
  assertEquals(mapper.needsPolling, true);
  await lab.run(lab.clock.sleep(10_000));
  lab.gateway.reboot(lab.clock.now());
  await lab.run(mapper.probe());
  await lab.run(mapper.probe());
  assertEquals(losses, 1);
  assertEquals((await lab.run(mapper.map(AT_8080))).externalPort, 8080);
});
