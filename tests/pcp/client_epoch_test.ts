// The epoch of RFC 6887 §8.5 and announcements (§14.1.3). The rule itself is in epoch_test, its judgement in
// ../epoch_tracker_test.

import { assertEquals, assertRejects } from "@std/assert";
import { PortMapperError } from "../../lib/errors.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { hex } from "../simulator/hex.ts";
import { EXTERNAL, GATEWAY, granted, NONCE_1, PcpLab, refused, SERVER } from "./pcp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080 } as const;

/** A client whose server's epoch is set, and what it makes of that. */
class EpochLab extends PcpLab {
  epoch = 0;
  result = 0;
  losses = 0;

  constructor() {
    super((request) => [
      this.result === 0
        ? granted(request, { epoch: this.epoch })
        : refused(request, this.result, { epoch: this.epoch }),
    ]);
    this.client.onStateLost(() => this.losses++);
  }

  /** Asks a question, after a while, and hears this epoch. */
  async hear(epoch: number, afterSeconds = 0): Promise<void> {
    await this.clock.advance(afterSeconds * 1000);
    this.epoch = epoch;
    await this.run(this.client.probe());
  }
}

Deno.test("PcpClient.onStateLost() calls once when the epoch is implausible: too small, or too large", async () => {
  const lab = new EpochLab();
  for (const [epoch, losses] of [[1000, 0], [5, 1], [5, 1], [9000, 2], [9000, 2]] as const) {
    await lab.hear(epoch);
    assertEquals(lab.losses, losses);
  }
});

Deno.test("PcpClient.onStateLost() tolerates a sixteenth and 2 s, on the clock that it was given (§8.5)", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  await lab.hear(1561, 600);
  assertEquals(lab.losses, 0);
  await lab.hear(1561 + 642, 600);
  assertEquals(lab.losses, 0);
  await lab.hear(1561 + 642 + 560, 600);
  assertEquals(lab.losses, 1);
});

Deno.test("PcpClient.onStateLost() does not take a machine that slept for a loss, and finds one that happened meanwhile", async () => {
  for (const [epoch, losses] of [[1000 + 3600 + 10, 0], [1000 + 10, 0], [20, 1], [1000 + 7200, 1]] as const) {
    const lab = new EpochLab();
    await lab.hear(1000);
    lab.clock.suspend(3_600_000);
    await lab.hear(epoch, 10);
    assertEquals(lab.losses, losses, `${epoch}`);
  }
});

Deno.test("PcpClient.onStateLost() calls before the promise settles, after mappings, deletions and refusals alike", async () => {
  const asking = {
    map: (lab: EpochLab) => lab.client.map(TCP_80),
    unmap: (lab: EpochLab) => lab.client.unmap({ ...TCP_80, token: NONCE_1 }),
    refusal: (lab: EpochLab) => {
      lab.result = 2;
      return assertRejects(() => lab.client.map(TCP_80), PortMapperError);
    },
    "deletion of nothing": (lab: EpochLab) => {
      lab.result = 8;
      return lab.client.unmap({ ...TCP_80, token: NONCE_1 });
    },
  };
  for (const [name, ask] of Object.entries(asking)) {
    const lab = new EpochLab();
    await lab.hear(1000);
    lab.epoch = 0;
    assertEquals(await lab.run(ask(lab).then(() => lab.losses)), 1, name);
  }
});

Deno.test("PcpClient.onStateLost() takes no epoch from version errors", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  const { answer } = lab;
  for (
    const reply of [
      "00 80 00 01 00 00 00 00",
      `01 81 00 01 ${"00".repeat(20)}`,
      `02 80 00 01 ${"00".repeat(20)}`,
    ]
  ) {
    lab.answer = () => [hex(reply)];
    await assertRejects(() => lab.run(lab.client.probe()), PortMapperError);
  }
  lab.answer = answer;
  await lab.hear(1000);
  assertEquals(lab.losses, 0);
});

Deno.test("PcpClient.onStateLost() takes no epoch from what is no answer", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  lab.answer = (request) => {
    const forged = granted(request, { epoch: 0 });
    forged[35]! ^= 1;
    return [forged, granted(request, { epoch: 1000 })];
  };
  await lab.run(lab.client.map(TCP_80));
  assertEquals(lab.losses, 0);
});

Deno.test("PcpClient.onStateLost() calls no more once it is ended", async () => {
  const lab = new EpochLab();
  let calls = 0;
  const end = lab.client.onStateLost(() => calls++);
  await lab.hear(1000);
  end();
  await lab.hear(0);
  assertEquals([calls, lab.losses], [0, 1]);
});

Deno.test("PcpClient.memory has the form of NAT-PMP's, and a later client goes on from it", async () => {
  const earlier = new EpochLab();
  assertEquals(earlier.client.memory, undefined);
  await earlier.hear(1000, 1);
  assertEquals(earlier.client.memory, { data: { epochSeconds: 1000 }, atMs: 6000 });
  await earlier.hear(1000, 900);
  const wrong = { times: 1, epochSeconds: 1000, agoMs: 0 };
  assertEquals(earlier.client.memory, { data: { epochSeconds: 1000, wrong }, atMs: 906_000 });

  for (const [epoch, losses] of [[1000 + 3600, 0], [1000, 1], [9000, 1]] as const) {
    const later = new EpochLab();
    later.client.recall({ data: { epochSeconds: 1000 }, atMs: 5000 - 3_600_000 });
    await later.hear(epoch);
    assertEquals(later.losses, losses);
  }
});

Deno.test("PcpClient.recall() ignores what it cannot understand, and what comes after a reply", async () => {
  for (const data of [undefined, null, 7, "epoch", {}, { epochSeconds: "1000" }, { nonces: {} }]) {
    const lab = new EpochLab();
    lab.client.recall({ data, atMs: 0 });
    assertEquals(lab.client.memory, undefined);
    await lab.hear(5);
    lab.client.recall({ data: { epochSeconds: 1000 }, atMs: 0 });
    await lab.hear(5);
    assertEquals(lab.losses, 0);
  }
});

Deno.test("PcpClient.hasForgottenSince() judges by the epoch that was heard last, by the rule of §8.5", async () => {
  const lab = new EpochLab();
  const since = (epochSeconds: number, atMs: number) =>
    lab.client.hasForgottenSince({ data: { epochSeconds }, atMs });
  assertEquals(since(1000, 0), false);
  await lab.hear(100, 100);
  // An hour earlier it was 1000 s; a second earlier 99 s; a second earlier 9 s, which is too few.
  assertEquals([since(1000, -3_495_000), since(99, 104_000), since(9, 104_000)], [true, false, true]);
  assertEquals(since(1000, 105_000), false);
});

Deno.test("PcpClient.ignoresEpoch after three wrong ones in a row, unless a mapping moved to another port", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  for (const isIgnored of [false, false, true]) {
    await lab.hear(1000, 900);
    assertEquals([lab.client.ignoresEpoch, lab.client.tableAgeMs === undefined], [isIgnored, isIgnored]);
  }
  assertEquals(lab.losses, 2);
  lab.answer = (request) => [granted(request, { epoch: 1000, externalPort: 9090 })];
  await lab.run(lab.client.map(AT_8080));
  assertEquals(lab.client.ignoresEpoch, false);
});

Deno.test("PcpClient.tableAgeMs counts on from each reply, and is not known from an earlier client's", async () => {
  const lab = new EpochLab();
  lab.client.recall({ data: { epochSeconds: 1000 }, atMs: 0 });
  assertEquals(lab.client.tableAgeMs, undefined);
  await lab.hear(1000);
  await lab.clock.advance(10_000);
  assertEquals(lab.client.tableAgeMs, 1_010_000);
});

// ---- announcements ----

/** Restart, as miniupnpd 2.3.1 announces it (tests/testdata/pcp/miniupnpd.hex). */
const RESTARTED = `02 80 00 00 ${"00 ".repeat(20)}`;
/** RFC 6886 §3.2.1: 203.0.113.9 at 1000 s. */
const IN_NAT_PMP = "00 80 00 00 00 00 03 E8 CB 00 71 09";

async function* from(source: Datagram["source"], texts: readonly string[]): AsyncGenerator<Datagram> {
  for (const text of texts) yield await Promise.resolve({ data: hex(text), source });
}

/** How many of these announcements lead to a question. */
async function hintsOf(lab: PcpLab, texts: readonly string[], source: Datagram["source"] = SERVER) {
  return (await Array.fromAsync(lab.client.hints(from(source, texts)))).length;
}

Deno.test("PcpClient.hints() picks the announcements whose epoch is implausible, in the form of either protocol", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  const cases = {
    [RESTARTED]: 1,
    [`02 80 00 00 00 00 00 00 00 00 03 E8 ${"00 ".repeat(12)}`]: 0,
    [IN_NAT_PMP]: 0,
    "00 80 00 00 00 00 00 00 CB 00 71 09": 1,
    "00 80 00 03 00 00 00 00 00 00 00 00": 1,
    "00 80 00 03 00 00 03 E8 00 00 00 00": 0,
  };
  for (const [text, hints] of Object.entries(cases)) assertEquals(await hintsOf(lab, [text]), hints, text);
});

Deno.test("PcpClient.hints() picks the first of a series that has no address, and another one 128 s after that", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  const plausible = `02 80 00 00 00 00 00 00 00 00 03 E8 ${"00 ".repeat(12)}`;
  assertEquals(await hintsOf(lab, [plausible, plausible, plausible]), 1);
  await lab.run(lab.clock.sleep(127_000));
  const later = plausible.replace("03 E8", "04 67");
  assertEquals(await hintsOf(lab, [later]), 0);
  await lab.run(lab.clock.sleep(1000));
  assertEquals(await hintsOf(lab, [later]), 1);
});

Deno.test("PcpClient.hints() remembers nothing of announcements: they can be forged", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  assertEquals(await hintsOf(lab, [RESTARTED, RESTARTED, RESTARTED]), 3);
  await lab.hear(1000);
  assertEquals([lab.losses, lab.client.ignoresEpoch], [0, false]);
});

Deno.test("PcpClient.hints() picks nothing before the first reply: there is nothing to lose", async () => {
  assertEquals(await hintsOf(new EpochLab(), [RESTARTED, IN_NAT_PMP]), 0);
});

Deno.test("PcpClient.hints() picks an announcement of another external address than a mapping has", async () => {
  const lab = new EpochLab();
  const moved = "00 80 00 00 00 00 03 E8 C6 33 64 04";
  await lab.hear(1000);
  assertEquals(await hintsOf(lab, [moved]), 0, "no address is known yet");
  await lab.run(lab.client.map(TCP_80));
  assertEquals([await hintsOf(lab, [IN_NAT_PMP]), await hintsOf(lab, [moved])], [0, 1], EXTERNAL);
});

Deno.test("PcpClient.hints() picks nothing from elsewhere, and takes any port of the gateway", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  assertEquals(await hintsOf(lab, [RESTARTED], { hostname: "10.0.0.9", port: 5351 }), 0);
  assertEquals(await hintsOf(lab, [RESTARTED], { hostname: GATEWAY, port: 40_000 }), 1);
});

Deno.test("PcpClient.hints() drops junk, requests, mappings, refusals and other versions", async () => {
  const lab = new EpochLab();
  await lab.hear(1000);
  const junk = [
    "",
    "00",
    "02 80",
    "00 80 00 00 00 00 00 00",
    "00 82 00 00 00 00 00 00 00 50 1F 90 00 00 0E 10",
    `02 00 00 00 ${"00 ".repeat(20)}`,
    `02 80 00 02 ${"00 ".repeat(20)}`,
    `02 81 00 00 ${"00 ".repeat(20)}`,
    `01 80 00 00 ${"00 ".repeat(20)}`,
    `03 80 00 00 ${"00 ".repeat(20)}`,
    `02 80 00 00 ${"00 ".repeat(21)}`,
  ];
  assertEquals(await hintsOf(lab, junk), 0);
});
