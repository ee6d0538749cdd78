import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { MAX_UPDATE_SOCKETS } from "../../lib/pcp/constants.ts";
import { HintListener } from "../../lib/hint_listener.ts";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import type { SimulatedGateway, SimulatedGatewayOptions } from "../../lib/simulator/mod.ts";
import type { ViaChoice } from "../../lib/backends.ts";
import type { Connection } from "../../lib/lease/keeper.ts";
import { EXTERNAL, HOST, KeeperLab } from "./keeper_lab.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OTHER_GATEWAY = "10.0.1.1";

function wanted(ports: readonly number[], lifetimeSeconds: number): WantedMapping[] {
  return ports.map((port) => ({
    protocols: [port % 2 === 0 ? "tcp" : "udp"],
    internalPort: port,
    externalPort: port,
    lifetimeSeconds,
  }));
}

const LONG = wanted(Array.from({ length: 30 }, (_, i) => 2000 + i), 7200);
const SHORT = wanted([3000, 3001], 60);
const COUNT = LONG.length + SHORT.length;

/** The random delay of §3.7 and one whole schedule of §3.1. */
const REPAIR_MS = 5000 + 127_750;

/** How soon another gateway, or a suspend, is noticed. */
const CHECK_MS = 30_000;

/** What may leave a lease missing at the gateway, in the world's time. */
interface Incident {
  readonly what: "start" | "reboot" | "swap" | "suspend";
  readonly fromMs: number;
}

/** When a lease was missing at the gateway, in the world's time. */
interface Gap {
  readonly port: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Reads from the gateway's log, to the millisecond, when which lease was missing. */
class GapWatch {
  readonly gaps: Gap[] = [];
  readonly #endsMs = new Map([...LONG, ...SHORT].map(({ internalPort }) => [internalPort, 0]));

  observe(gateway: SimulatedGateway, lab: KeeperLab): void {
    const log = (line: string) => {
      const nowMs = lab.worldNow;
      if (line === "rebooted") this.lose(nowMs);
      const [, port, seconds] = /map \w+ (\d+) .*: granted \d+, (\d+) s/.exec(line) ?? [];
      if (this.#endsMs.has(Number(port))) this.#note(Number(port), nowMs, nowMs + Number(seconds) * 1000);
    };
    gateway.observe({ log });
  }

  /** The gateway has none of the leases any more. */
  lose(nowMs: number): void {
    for (const [port, endMs] of this.#endsMs) this.#endsMs.set(port, Math.min(endMs, nowMs));
  }

  finish(nowMs: number): Gap[] {
    for (const port of this.#endsMs.keys()) this.#note(port, nowMs, nowMs);
    return this.gaps;
  }

  #note(port: number, nowMs: number, endMs: number): void {
    const fromMs = this.#endsMs.get(port)!;
    if (fromMs < nowMs) this.gaps.push({ port, fromMs, toMs: nowMs });
    this.#endsMs.set(port, endMs);
  }
}

interface Week {
  readonly name: string;
  readonly via?: ViaChoice;
  readonly speaks?: SimulatedGatewayOptions["speaks"];
  /** PCP has the epoch begin anew with another external address (RFC 6887 §8.5). */
  readonly losses: number;
  /** The question of a race goes out beside the request, and a short mapping has a port held meanwhile. */
  readonly mostOpen: number;
  /** The requests for mappings over those that the lifetimes demand: over PCP the question for the address is one too. */
  readonly mostAsked: number;
}

const WEEKS: readonly Week[] = [
  { name: "NAT-PMP", losses: 7, mostOpen: 1, mostAsked: 1.1 },
  { name: "PCP", via: "pcp", speaks: "pcp", losses: 8, mostOpen: 2 + MAX_UPDATE_SOCKETS, mostAsked: 1.5 },
  { name: "auto", via: "auto", speaks: "both", losses: 8, mostOpen: 3 + MAX_UPDATE_SOCKETS, mostAsked: 1.3 },
];

for (const week of WEEKS) {
  Deno.test(`Keeper keeps 32 leases for a week of loss, reboots, an address change, a gateway swap and a suspend: ${week.name}`, () =>
    keepForAWeek(week));
}

async function keepForAWeek({ via, speaks, losses, mostOpen, mostAsked }: Week): Promise<void> {
  const gateway = speaks === undefined ? {} : { speaks };
  const lab = new KeeperLab({
    wanted: [...LONG, ...SHORT],
    conditions: { lossRate: 0.2 },
    seed: 7,
    gateway,
    ...(via === undefined ? {} : { via }),
  });
  const { clock, keeper } = lab;
  const watch = new GapWatch();
  watch.observe(lab.gateway, lab);

  const listener = new HintListener({
    open: () => Promise.resolve(lab.network.host(HOST).open({ hostname: "224.0.0.1", port: 5350 })),
    onHint: () => keeper.hint(),
  });
  const listen = async () => await listener.listen(await lab.connection as Connection);
  await listen();

  const incidents: Incident[] = [{ what: "start", fromMs: 0 }];
  const happens = (what: Incident["what"]) => incidents.push({ what, fromMs: lab.worldNow });
  for (let day = 0; day < 7; day++) {
    await lab.run(7 * HOUR_MS + 1_234_567);
    happens("reboot");
    lab.gateway.reboot(lab.worldNow);
    await lab.run(8 * HOUR_MS);
    if (day === 2) lab.gateway.setExternalAddress("203.0.113.99", lab.worldNow);
    if (day === 3) {
      happens("swap");
      lab.replaceGateway(lab.makeGateway({ ...gateway, externalAddress: "198.51.100.5" }), OTHER_GATEWAY);
      watch.lose(lab.worldNow);
      watch.observe(lab.gateway, lab);
      lab.connection = lab.connectionTo(OTHER_GATEWAY);
      await listen();
    }
    if (day === 4) {
      happens("suspend");
      clock.suspend(HOUR_MS);
    }
    await lab.run(DAY_MS - clock.now() % DAY_MS);
  }

  // ---- nothing is missing but after an incident ----
  const gaps = watch.finish(lab.worldNow);
  for (const gap of gaps) {
    const { what, fromMs } = incidents.findLast((incident) => incident.fromMs <= gap.fromMs)!;
    const stateLost = lab.of("state-lost").find(({ worldMs }) => worldMs >= fromMs);
    const detectedMs = what === "reboot"
      ? stateLost?.worldMs ?? Infinity
      : fromMs + CHECK_MS + (what === "suspend" ? HOUR_MS : 0);
    assertLessOrEqual(gap.toMs, detectedMs + REPAIR_MS, `${gap.port} was missing after a ${what}`);
    // The announcements lead to a question long before a renewal would.
    assertLess(detectedMs - fromMs, HOUR_MS + 60_000);
  }
  assertEquals(new Set(gaps.map(({ port }) => port)).size, COUNT);

  // ---- every change is reported once ----
  assertEquals(lab.of("state-lost").length, losses);
  assertEquals(
    lab.of("address").map(({ externalAddress }) => externalAddress),
    [EXTERNAL, "203.0.113.99", "198.51.100.5"],
  );
  assertEquals(lab.of("gateway-changed").length, 1);
  assertEquals(lab.of("mapped").length, 2 * COUNT + lab.of("expired").length);
  assertEquals(
    lab.of("changed").map(({ lease }) => lease.internalPort).sort(),
    [...LONG, ...SHORT].map(({ internalPort }) => internalPort),
  );
  assertEquals(lab.of("gateway-silent").length, lab.of("gateway-back").length);

  // ---- no more is asked than the lifetimes demand ----
  const demanded = 7 * DAY_MS * (LONG.length / HOUR_MS + SHORT.length / 30_000);
  const ratio = lab.maps.length / demanded;
  assertLessOrEqual(ratio, mostAsked);
  assertGreaterOrEqual(ratio, 0.8);
  assertLessOrEqual(lab.mostOpen, mostOpen);

  lab.network.setConditions({ lossRate: 0 });
  await lab.stop();
  listener.close();
  lab.assertStands();
  assert(lab.of("unmapped").length === COUNT);
}
