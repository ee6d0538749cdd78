import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { BusyError, NoAnswerError, PortDiffersError, SocketError } from "../../lib/errors.ts";
import {
  type HeldLease,
  Ledger,
  type LedgerEntry,
  type Now,
  statusOf,
  type WantedMapping,
} from "../../lib/lease/ledger.ts";
import { type DroppedOutcome, runOnce, type RunParts, type RunResult } from "../../lib/lease/run_once.ts";
import type { Policy } from "../../lib/lease/run_plan.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { type MappingKey, mappingName, type TransportProtocol } from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { GRANTED, heldLeaseOf } from "../support/leases.ts";
import { FakeMapper, NO_ANSWER, REFUSED } from "./fake_mapper.ts";

/** The leases were asked for at port 8080 for two hours, and granted at 40001 for one. */
const LIFE_MS = 3_600_000;
const HALF_MS = LIFE_MS / 2;

const WEB: WantedMapping = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const SSH: WantedMapping = { protocols: ["tcp"], internalPort: 22, externalPort: 2222 };
const PAIR: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 53, externalPort: 8080 };
const MOVED: WantedMapping = { ...WEB, externalPort: 9090 };

const EVERYTHING: Policy = { kind: "everything" };
const DUE: Policy = { kind: "due", intervalMs: undefined, config: undefined };
const FILE = "/etc/natpmp.json";
const OF_FILE: Policy = { ...DUE, config: FILE };

const STOPPED = new Error("SIGTERM");
const BUSY = new BusyError("Another process is at the gateway");
const NO_SOCKET = new SocketError("No socket can be had");
const DEFECT = new TypeError("A defect");

function entryOf(
  protocol: TransportProtocol,
  internalPort: number,
  { lease = {}, ...different }: Omit<Partial<LedgerEntry>, "lease"> & {
    readonly lease?: Partial<HeldLease>;
  } = {},
): LedgerEntry {
  return {
    protocol,
    internalPort,
    lease: heldLeaseOf({ protocol, internalPort, ...lease }),
    config: FILE,
    ...different,
  };
}

const TCP_80 = entryOf("tcp", 80);
const TCP_90 = entryOf("tcp", 90);
const TCP_91 = entryOf("tcp", 91);
const TCP_53 = entryOf("tcp", 53);
const UDP_53 = entryOf("udp", 53);

/** A gateway, what is known of it, and a clock that shows 0 when the leases of {@linkcode entryOf} begin. */
class RunLab {
  readonly clock = new ManualClock();
  readonly mapper = new FakeMapper(this.clock);
  readonly ledger: Ledger;
  readonly stop = new AbortController();
  /** How far time jumps ahead of the clock, as in a suspend. */
  jumpMs = 0;

  constructor(entries: readonly LedgerEntry[] = []) {
    this.ledger = new Ledger(entries);
    this.mapper.onStateLost(() => this.ledger.loseAll(this.now()));
  }

  now(): Now {
    return { ms: this.clock.now(), stored: timeAfter(GRANTED, this.clock.now() + this.jumpMs) };
  }

  /** Runs as soon as the leases are this old. */
  async run(
    policy: Policy,
    wanted: readonly WantedMapping[],
    { ageMs = 0, ...different }: Partial<RunParts> & { readonly ageMs?: number } = {},
  ): Promise<RunResult> {
    const { clock, mapper, ledger } = this;
    await clock.advance(ageMs);
    return await clock.runUntil(runOnce(wanted, policy, {
      mapper,
      ledger,
      clock,
      storedNow: () => this.now().stored,
      random: () => 0.5,
      signal: this.stop.signal,
      config: policy.kind === "due" ? policy.config : undefined,
      stopsRun: (error) =>
        error instanceof NoAnswerError || error instanceof SocketError || error instanceof BusyError ||
        error === STOPPED,
      probe: () => mapper.probe({ signal: this.stop.signal }),
      ...different,
    }));
  }

  /** How each mapping of the ledger stands, and on which port. */
  get known(): string[] {
    return [...this.ledger.entries].map((entry) =>
      `${mappingName(entry)} ${statusOf(entry, this.now().stored)} ${entry.lease?.externalPort}`
    );
  }
}

function errorName(error: unknown): string {
  if (error === REFUSED) return "refused";
  if (error === BUSY) return "busy";
  if (error === STOPPED) return "stopped";
  if (error instanceof NoAnswerError) return "no answer";
  return error instanceof Error ? error.name : String(error);
}

/** What became of each wanted mapping, in a few words. */
function inWords({ outcomes }: RunResult): string[] {
  return outcomes.map((one) => {
    const name = mappingName(one.mapping);
    if ("error" in one) return `${name}: ${errorName(one.error)}`;
    return "kept" in one ? `${name}: kept ${one.kept.externalPort}` : `${name}: ${one.lease.externalPort}`;
  });
}

/** What became of each mapping that is not wanted any more. */
function dropped(outcomes: readonly DroppedOutcome[]): string[] {
  return outcomes.map((one) =>
    `${mappingName(one.mapping)}: ${
      "error" in one ? errorName(one.error) : one.wasAlive ? `deleted at ${one.externalPort}` : "was over"
    }`
  );
}

// ---- everything ----

Deno.test("runOnce() asks for everything in order, then for the address", async () => {
  const lab = new RunLab();
  const result = await lab.run(EVERYTHING, [PAIR, WEB]);
  assertEquals(inWords(result), ["tcp 53: 8080", "udp 53: 8080", "tcp 80: 8080"]);
  assertEquals(lab.mapper.calls, [
    "map tcp 53 at 8080",
    "map udp 53 at 8080",
    "map tcp 80 at 8080",
    "probe",
  ]);
  assertEquals([result.externalAddress, result.probeError], ["198.51.100.7", undefined]);
  assertEquals([result.dropped, result.leftovers], [[], []]);
});

Deno.test("runOnce() records what it is granted, with the file that asked for it", async () => {
  const lab = new RunLab([entryOf("tcp", 80, { config: "/etc/other.json", isLost: true })]);
  const { outcomes } = await lab.run(EVERYTHING, [WEB, SSH], { config: FILE });
  assertEquals(lab.known, ["tcp 80 held 8080", "tcp 22 held 2222"]);
  for (const one of outcomes) {
    const entry = lab.ledger.get(one.mapping);
    assertEquals(entry?.config, FILE);
    assert("lease" in one);
    assertStrictEquals(one.lease, entry?.lease);
    assertEquals([one.lease.granted, one.lease.requestedExternalPort], [GRANTED, entry?.lease?.externalPort]);
  }
});

Deno.test("runOnce() without a file leaves a mapping to the file that asked for it before", async () => {
  const lab = new RunLab([TCP_80]);
  await lab.run(EVERYTHING, [WEB, SSH]);
  assertEquals([...lab.ledger.entries].map(({ config }) => config), [FILE, undefined]);
});

Deno.test("runOnce() goes on after a refusal", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ internalPort }) => internalPort === 80 ? REFUSED : 2222;
  const result = await lab.run(EVERYTHING, [WEB, SSH]);
  assertEquals(inWords(result), ["tcp 80: refused", "tcp 22: 2222"]);
  assertEquals(lab.mapper.calls.at(-1), "probe");
});

Deno.test("runOnce() does not ask for the address where nothing was granted", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = () => REFUSED;
  const result = await lab.run(EVERYTHING, [WEB]);
  assertEquals(lab.mapper.calls, ["map tcp 80 at 8080"]);
  assertEquals([result.externalAddress, result.probeError], [undefined, undefined]);
});

for (const error of [NO_ANSWER, NO_SOCKET, BUSY]) {
  Deno.test(`runOnce() gives the rest the same ${error.name} without asking, whatever was granted before`, async () => {
    const lab = new RunLab();
    lab.mapper.onMap = ({ internalPort }) => internalPort === 80 ? 8080 : error;
    const result = await lab.run(EVERYTHING, [WEB, SSH, PAIR]);
    assertEquals(lab.mapper.calls, ["map tcp 80 at 8080", "map tcp 22 at 2222"]);
    assertEquals(result.outcomes.length, 4);
    for (const one of result.outcomes.slice(1)) assertStrictEquals("error" in one && one.error, error);
  });
}

Deno.test("runOnce() reports why the address is missing, and what was granted all the same", async () => {
  for (const error of [NO_ANSWER, REFUSED, NO_SOCKET]) {
    const lab = new RunLab();
    lab.mapper.onProbe = () => error;
    const result = await lab.run(EVERYTHING, [WEB]);
    assertEquals(inWords(result), ["tcp 80: 8080"]);
    assertStrictEquals(result.probeError, error);
  }
});

Deno.test("runOnce() asks for everything although a running watch keeps it", async () => {
  const lab = new RunLab([TCP_80]);
  const result = await lab.run(EVERYTHING, [WEB], { watched: [TCP_80] });
  assertEquals(inWords(result), ["tcp 80: 8080"]);
});

Deno.test("runOnce() that asks for everything deletes nothing that the file no longer has", async () => {
  const lab = new RunLab([TCP_90]);
  await lab.run(EVERYTHING, [WEB], { config: FILE });
  assertEquals(lab.mapper.deletions, []);
});

// ---- what a failed pair leaves ----

/** The age of a lease of the first half, what is known of it besides, and whether it is left alone. */
const BEFORE: readonly (readonly [string, number, Partial<LedgerEntry>, boolean])[] = [
  ["lives", LIFE_MS - 1, {}, true],
  ["is over", LIFE_MS, {}, false],
  ["was lost by the gateway", 0, { isLost: true }, false],
  ["is of unknown age", -LIFE_MS, {}, true],
];

for (const [what, jumpMs, known, isKept] of BEFORE) {
  Deno.test(`runOnce() ${isKept ? "leaves" : "gives back"} the half of a failed pair whose lease ${what}`, async () => {
    const lab = new RunLab([{ ...TCP_53, ...known }]);
    lab.jumpMs = jumpMs;
    const storedNow = () =>
      jumpMs < 0 ? { wallMs: GRANTED.wallMs + jumpMs, uptimeMs: 0, boot: "second" } : lab.now().stored;
    lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : REFUSED;
    const result = await lab.run(EVERYTHING, [PAIR], { storedNow });
    assertEquals(inWords(result), ["tcp 53: refused", "udp 53: refused"]);
    assertEquals(lab.mapper.calls.includes("unmap tcp 53"), !isKept);
    assertEquals(lab.ledger.get(TCP_53)?.lease, TCP_53.lease);
  });
}

Deno.test("runOnce() gives back what lived before the gateway forgot it, which shows in the first answer", async () => {
  const lab = new RunLab([TCP_53]);
  lab.mapper.onMap = ({ protocol }) => {
    if (protocol === "udp") return REFUSED;
    lab.mapper.loseState();
    return 8080;
  };
  await lab.run(EVERYTHING, [PAIR]);
  assertEquals(lab.mapper.calls.at(-1), "unmap tcp 53");
});

Deno.test("runOnce() has what could not be given back as a leftover", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ protocol, internalPort }) =>
    internalPort === 80 ? 8081 : protocol === "tcp" ? 8080 : REFUSED;
  lab.mapper.onUnmap = () => NO_ANSWER;
  const result = await lab.run(EVERYTHING, [PAIR, { ...WEB, exact: true }]);
  assertEquals(
    result.leftovers.map((lease) => `${mappingName(lease)} ${lease.externalPort}`),
    ["tcp 53 8080", "tcp 80 8081"],
  );
  const last = result.outcomes.at(-1)!;
  assert("error" in last && last.error instanceof PortDiffersError);
  assertEquals(lab.known, []);
});

Deno.test("runOnce() gives nothing back after silence, as nobody knows what stands", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : NO_ANSWER;
  const result = await lab.run(EVERYTHING, [PAIR, WEB]);
  assertEquals(inWords(result), ["tcp 53: 8080", "udp 53: no answer", "tcp 80: no answer"]);
  assertEquals(lab.mapper.deletions, []);
  assertEquals(lab.known, ["tcp 53 held 8080"]);
});

// ---- losses that a reply reveals ----

Deno.test("runOnce() takes a lease for the gateway's present state when its own reply revealed a loss", async () => {
  const lab = new RunLab([TCP_53, TCP_90]);
  lab.mapper.onMap = ({ externalPort, protocol }) => {
    if (protocol === "tcp") lab.mapper.loseState();
    return externalPort!;
  };
  await lab.run(EVERYTHING, [PAIR]);
  assertEquals(lab.known, ["tcp 53 held 8080", "tcp 90 lost 40001", "udp 53 held 8080"]);
});

for (
  const [how, policy, entries, ageMs] of [
    ["asks for", EVERYTHING, [], 0],
    ["renews", DUE, [TCP_53, UDP_53], HALF_MS],
  ] as const
) {
  Deno.test(`runOnce() that ${how} a pair takes the first half for lost when the second reply reveals a loss`, async () => {
    const lab = new RunLab(entries);
    lab.mapper.onMap = ({ protocol }) => {
      if (protocol === "udp") lab.mapper.loseState();
      return 8080;
    };
    const result = await lab.run(policy, [PAIR], { ageMs });
    assertEquals(inWords(result), ["tcp 53: 8080", "udp 53: 8080"]);
    assertEquals(lab.known, ["tcp 53 lost 8080", "udp 53 held 8080"]);
  });
}

Deno.test("runOnce() renews also what was not due when a reply in the middle reveals a loss", async () => {
  const fresh = entryOf("tcp", 22, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), requestedExternalPort: 2222 },
  });
  const lab = new RunLab([TCP_80, fresh]);
  lab.mapper.onMap = ({ internalPort, externalPort }) => {
    if (internalPort === 80) lab.mapper.loseState();
    return externalPort!;
  };
  const result = await lab.run(DUE, [WEB, SSH], { ageMs: HALF_MS });
  assertEquals(inWords(result), ["tcp 80: 40001", "tcp 22: 40001"]);
  assertEquals(lab.mapper.callTimesMs, [HALF_MS, HALF_MS, HALF_MS + 2500]);
});

// ---- what is due ----

Deno.test("runOnce() asks for the address alone while nothing is due, and reports what is kept", async () => {
  const lab = new RunLab([TCP_80, TCP_53, UDP_53]);
  const result = await lab.run(OF_FILE, [WEB, PAIR], { ageMs: HALF_MS - 200_000 });
  assertEquals(lab.mapper.calls, ["probe"]);
  assertEquals(inWords(result), ["tcp 80: kept 40001", "tcp 53: kept 40001", "udp 53: kept 40001"]);
  const [first] = result.outcomes;
  assert(first !== undefined && "kept" in first);
  assertStrictEquals(first.kept, TCP_80.lease);
  assertEquals([result.externalAddress, result.dropped], ["198.51.100.7", []]);
});

Deno.test("runOnce() renews what is due on its port, and leaves the rest alone", async () => {
  const fresh = entryOf("tcp", 22, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), requestedExternalPort: 2222 },
  });
  const lab = new RunLab([fresh, TCP_53, UDP_53]);
  const result = await lab.run(OF_FILE, [SSH, PAIR, WEB], { ageMs: HALF_MS });
  assertEquals(lab.mapper.calls, [
    "probe",
    "map tcp 53 at 40001",
    "map udp 53 at 40001",
    "map tcp 80 at 8080",
  ]);
  assertEquals(inWords(result), ["tcp 22: kept 40001", "tcp 53: 40001", "udp 53: 40001", "tcp 80: 8080"]);
  assertEquals(lab.ledger.get(TCP_53)?.lease?.granted, timeAfter(GRANTED, HALF_MS));
});

Deno.test("runOnce() asks for the missing half of a pair on the port of the other, which it leaves alone", async () => {
  const lab = new RunLab([TCP_53]);
  const result = await lab.run(OF_FILE, [PAIR]);
  assertEquals(lab.mapper.calls, ["probe", "map udp 53 at 40001"]);
  assertEquals(inWords(result), ["tcp 53: kept 40001", "udp 53: 40001"]);
});

Deno.test("runOnce() asks for a half that is over on the port of the other, not on the one that it had", async () => {
  const living = entryOf("udp", 53, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), externalPort: 40_002 },
  });
  const lab = new RunLab([TCP_53, living]);
  const result = await lab.run(OF_FILE, [PAIR], { ageMs: LIFE_MS });
  assertEquals(lab.mapper.calls, ["probe", "map tcp 53 at 40002", "map udp 53 at 40002"]);
  assertEquals(inWords(result), ["tcp 53: 40002", "udp 53: 40002"]);
});

Deno.test("runOnce() asks for the typed port where the lease is over, and for the held one where its age is unknown", async () => {
  for (const isLost of [false, true]) {
    const lab = new RunLab([{ ...TCP_80, isLost }]);
    await lab.run(OF_FILE, [WEB], { ageMs: LIFE_MS });
    assertEquals(lab.mapper.calls, ["probe", "map tcp 80 at 8080"]);
  }
  const other = new RunLab([TCP_80]);
  const storedNow = () => ({ wallMs: 0, uptimeMs: 0, boot: "second" });
  await other.run(OF_FILE, [WEB], { storedNow });
  assertEquals(other.mapper.calls, ["probe", "map tcp 80 at 40001"]);
});

Deno.test("runOnce() renews everything, after a random wait, when the gateway forgot it", async () => {
  const lab = new RunLab([TCP_80, TCP_53, UDP_53]);
  lab.mapper.onProbe = () => {
    lab.mapper.loseState();
    return "198.51.100.7";
  };
  const result = await lab.run(OF_FILE, [WEB, PAIR]);
  assertEquals(inWords(result), ["tcp 80: 40001", "tcp 53: 40001", "udp 53: 40001"]);
  assertEquals(lab.mapper.callTimesMs, [0, 2500, 2500, 2500]);
});

Deno.test("runOnce() leaves alone what a running watch keeps, and asks for it again once it is over", async () => {
  const lab = new RunLab([TCP_80]);
  const watched: MappingKey[] = [{ protocol: "tcp", internalPort: 80 }];
  assertEquals(inWords(await lab.run(OF_FILE, [MOVED], { watched, ageMs: LIFE_MS - 1 })), [
    "tcp 80: kept 40001",
  ]);
  assertEquals(inWords(await lab.run(DUE, [WEB], { watched, ageMs: 1 })), ["tcp 80: 8080"]);
});

Deno.test("runOnce() asks for what is due although nobody answers the question for the address", async () => {
  for (const error of [NO_ANSWER, REFUSED]) {
    const lab = new RunLab([TCP_80]);
    lab.mapper.onProbe = () => error;
    const result = await lab.run(OF_FILE, [WEB, SSH]);
    assertEquals(inWords(result), ["tcp 80: kept 40001", "tcp 22: 2222"]);
    assertStrictEquals(result.probeError, error);
  }
});

Deno.test("runOnce() asks for nothing more where the question for the address cannot be asked", async () => {
  for (const error of [NO_SOCKET, BUSY]) {
    const lab = new RunLab([TCP_80, TCP_90]);
    lab.mapper.onProbe = () => error;
    const result = await lab.run(OF_FILE, [WEB, SSH]);
    assertEquals(lab.mapper.calls, ["probe"]);
    assertEquals(inWords(result), ["tcp 80: kept 40001", `tcp 22: ${errorName(error)}`]);
    assertStrictEquals(result.probeError, error);
    assertEquals([result.dropped, lab.known.length], [[], 2]);
  }
});

Deno.test("runOnce() keeps what is not due after the gateway fell silent, and gives what is due the same error", async () => {
  const fresh = entryOf("tcp", 22, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), requestedExternalPort: 2222 },
  });
  const lab = new RunLab([TCP_80, fresh, TCP_53, UDP_53]);
  lab.mapper.onMap = () => NO_ANSWER;
  const result = await lab.run(OF_FILE, [WEB, SSH, PAIR], { ageMs: HALF_MS });
  assertEquals(lab.mapper.calls, ["probe", "map tcp 80 at 40001"]);
  assertEquals(inWords(result), [
    "tcp 80: no answer",
    "tcp 22: kept 40001",
    "tcp 53: no answer",
    "udp 53: no answer",
  ]);
});

Deno.test("runOnce() keeps a half that came to half of its life while the other was renewed", async () => {
  const later = entryOf("udp", 53, { lease: { granted: timeAfter(GRANTED, 1000) } });
  const lab = new RunLab([TCP_53, later]);
  lab.mapper.onMap = ({ externalPort }) => {
    lab.jumpMs += 1000;
    return externalPort ?? NO_ANSWER;
  };
  const other: WantedMapping = { protocols: ["tcp"], internalPort: 22 };
  const result = await lab.run(OF_FILE, [PAIR, other], { ageMs: TCP_53.lease!.joinAfterMs });
  assertEquals(inWords(result), ["tcp 53: 40001", "udp 53: kept 40001", "tcp 22: no answer"]);
});

Deno.test("runOnce() keeps a half that came to half of its life while the other was refused", async () => {
  const later = entryOf("udp", 53, { lease: { granted: timeAfter(GRANTED, 1000) } });
  const lab = new RunLab([TCP_53, later]);
  lab.mapper.onMap = ({ protocol }) => {
    if (protocol === "tcp") lab.jumpMs += 1000;
    return protocol === "tcp" ? REFUSED : 2222;
  };
  const result = await lab.run(OF_FILE, [PAIR], { ageMs: TCP_53.lease!.joinAfterMs });
  assertEquals(inWords(result), ["tcp 53: refused", "udp 53: kept 40001"]);
});

Deno.test("runOnce() has a defect for both halves of a pair of which it ended the renewal", async () => {
  const lab = new RunLab([TCP_53]);
  lab.mapper.onMap = ({ internalPort }) => internalPort === 53 ? DEFECT : 2222;
  const result = await lab.run(OF_FILE, [PAIR, SSH], { ageMs: HALF_MS });
  assertEquals(inWords(result), ["tcp 53: TypeError", "udp 53: TypeError", "tcp 22: 2222"]);
});

// ---- what the file no longer has ----

Deno.test("runOnce() deletes what the file no longer has, by the port that it has, before it asks for anything", async () => {
  const lab = new RunLab([TCP_90, TCP_91]);
  const result = await lab.run(OF_FILE, [WEB], { ageMs: 1000 });
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 90", "unmap tcp 91", "map tcp 80 at 8080"]);
  assertEquals(lab.mapper.deletions[0], {
    protocol: "tcp",
    internalPort: 90,
    externalPort: 40_001,
    expiresAtMs: LIFE_MS,
  });
  assertEquals(dropped(result.dropped), ["tcp 90: deleted at 40001", "tcp 91: deleted at 40001"]);
  assertEquals(inWords(result), ["tcp 80: 8080"]);
  assertEquals(lab.known, ["tcp 80 held 8080"]);
});

for (
  const [what, known, ageMs] of [
    ["is over", {}, LIFE_MS],
    ["was lost by the gateway", { isLost: true }, 0],
  ] as const
) {
  Deno.test(`runOnce() forgets without a request what the file no longer has when it ${what}`, async () => {
    const lab = new RunLab([{ ...TCP_90, ...known }]);
    const result = await lab.run(OF_FILE, [], { ageMs });
    assertEquals([lab.mapper.deletions, lab.mapper.calls], [[], ["probe"]]);
    assertEquals([dropped(result.dropped), lab.known], [["tcp 90: was over"], []]);
  });
}

Deno.test("runOnce() deletes also what may live, as its age is unknown", async () => {
  const lab = new RunLab([TCP_90]);
  const storedNow = () => ({ wallMs: 0, uptimeMs: 0, boot: "second" });
  const result = await lab.run(OF_FILE, [], { storedNow });
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 90"]);
  assertEquals(dropped(result.dropped), ["tcp 90: deleted at 40001"]);
});

Deno.test("runOnce() leaves internal port 0 to expire, as its deletion would delete everything", async () => {
  const lab = new RunLab([entryOf("tcp", 0), TCP_80]);
  await lab.run(OF_FILE, [WEB]);
  assertEquals(lab.mapper.calls, ["probe"]);
  assertEquals(lab.known, ["tcp 80 held 40001"]);
});

Deno.test("runOnce() leaves what a running watch keeps, what another file asked for, and what was typed", async () => {
  const lab = new RunLab([
    TCP_90,
    entryOf("tcp", 91, { config: "/etc/other.json" }),
    entryOf("tcp", 92, { config: undefined }),
  ]);
  const result = await lab.run(OF_FILE, [], { watched: [TCP_90] });
  assertEquals([lab.mapper.deletions, result.dropped, lab.known.length], [[], [], 3]);
});

Deno.test("runOnce() keeps what the gateway refuses to delete, and goes on", async () => {
  const lab = new RunLab([TCP_90, TCP_91]);
  lab.mapper.onUnmap = ({ internalPort }) => internalPort === 90 ? REFUSED : undefined;
  const result = await lab.run(OF_FILE, [WEB]);
  assertEquals(dropped(result.dropped), ["tcp 90: refused", "tcp 91: deleted at 40001"]);
  assertEquals(inWords(result), ["tcp 80: 8080"]);
  assertEquals(lab.known, ["tcp 90 held 40001", "tcp 80 held 8080"]);
});

for (const error of [NO_ANSWER, BUSY]) {
  Deno.test(`runOnce() deletes nothing more after ${error.name}, and renews what is due all the same`, async () => {
    const lab = new RunLab([TCP_90, TCP_91, TCP_80]);
    lab.mapper.onUnmap = () => error;
    const result = await lab.run(OF_FILE, [WEB], { ageMs: HALF_MS });
    assertEquals(lab.mapper.calls, ["probe", "unmap tcp 90", "map tcp 80 at 40001"]);
    assertEquals(dropped(result.dropped), [`tcp 90: ${errorName(error)}`]);
    assertEquals(inWords(result), ["tcp 80: 40001"]);
    assertEquals(lab.known, ["tcp 90 held 40001", "tcp 91 held 40001", "tcp 80 held 40001"]);
  });
}

Deno.test("runOnce() has one outcome for a deletion whose refusal reveals a loss", async () => {
  const lab = new RunLab([TCP_90]);
  lab.mapper.onUnmap = () => {
    lab.mapper.loseState();
    return REFUSED;
  };
  const result = await lab.run(OF_FILE, []);
  assertEquals(dropped(result.dropped), ["tcp 90: refused"]);
  assertEquals(lab.known, ["tcp 90 lost 40001"]);
});

// ---- what the file wants on another port ----

Deno.test("runOnce() deletes what has to move, and asks for it anew (§3.3)", async () => {
  const lab = new RunLab([TCP_80]);
  const result = await lab.run(OF_FILE, [MOVED]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 80 at 9090"]);
  assertEquals(lab.mapper.deletions[0]?.externalPort, 40_001);
  assertEquals([inWords(result), result.dropped], [["tcp 80: 9090"], []]);
  assertEquals([lab.known, lab.ledger.get(TCP_80)?.config], [["tcp 80 held 9090"], FILE]);
});

Deno.test("runOnce() deletes all that has to move before it asks for any, as two may swap their ports", async () => {
  const lab = new RunLab([
    entryOf("tcp", 80, { lease: { externalPort: 8080 } }),
    entryOf("tcp", 22, { lease: { requestedExternalPort: 2222, externalPort: 2222 } }),
  ]);
  const result = await lab.run(OF_FILE, [{ ...WEB, externalPort: 2222 }, { ...SSH, externalPort: 8080 }]);
  assertEquals(lab.mapper.calls.slice(1), [
    "unmap tcp 80",
    "unmap tcp 22",
    "map tcp 80 at 2222",
    "map tcp 22 at 8080",
  ]);
  assertEquals(inWords(result), ["tcp 80: 2222", "tcp 22: 8080"]);
});

Deno.test("runOnce() moves both halves of a pair, and gives back what of it is granted when it fails", async () => {
  const lab = new RunLab([TCP_53, UDP_53]);
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 9090 : REFUSED;
  const result = await lab.run(OF_FILE, [{ ...PAIR, externalPort: 9090 }]);
  assertEquals(lab.mapper.calls.slice(1), [
    "unmap tcp 53",
    "unmap udp 53",
    "map tcp 53 at 9090",
    "map udp 53 at 9090",
    "unmap tcp 53",
  ]);
  assertEquals(inWords(result), ["tcp 53: refused", "udp 53: refused"]);
  assertEquals(lab.known, []);
});

Deno.test("runOnce() keeps what has to move where it is when it cannot be deleted, and asks for the rest", async () => {
  const lab = new RunLab([TCP_80]);
  lab.mapper.onUnmap = () => REFUSED;
  const result = await lab.run(OF_FILE, [MOVED, SSH]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 22 at 2222"]);
  assertEquals([inWords(result), result.dropped], [["tcp 80: refused", "tcp 22: 2222"], []]);
  assertEquals(lab.known, ["tcp 80 held 40001", "tcp 22 held 2222"]);
});

Deno.test("runOnce() waits once for a gateway that ignores deletions: what else has to move stays, the rest is renewed", async () => {
  const lab = new RunLab([TCP_80, TCP_53, UDP_53, entryOf("tcp", 22, { isLost: true })]);
  lab.mapper.onUnmap = () => NO_ANSWER;
  const result = await lab.run(OF_FILE, [
    MOVED,
    { ...PAIR, externalPort: 9091 },
    { ...SSH, externalPort: 8080 },
  ]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 22 at 40001"]);
  assertEquals(inWords(result), [
    "tcp 80: no answer",
    "tcp 53: no answer",
    "udp 53: no answer",
    "tcp 22: 40001",
  ]);
});

Deno.test("runOnce() asks at once for what has to move and is over, as nothing is left to delete", async () => {
  const lab = new RunLab([TCP_80]);
  const result = await lab.run(OF_FILE, [MOVED], { ageMs: LIFE_MS });
  assertEquals(lab.mapper.calls, ["probe", "map tcp 80 at 9090"]);
  assertEquals(inWords(result), ["tcp 80: 9090"]);
});

Deno.test("runOnce() deletes what has to move also where the gateway seems to have forgotten it", async () => {
  const lab = new RunLab([{ ...TCP_80, isLost: true }]);
  const result = await lab.run(OF_FILE, [MOVED]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 80 at 9090"]);
  assertEquals(inWords(result), ["tcp 80: 9090"]);
});

// ---- the end of the command ----

Deno.test("runOnce() ends with the command, whatever it is at", async () => {
  const lab = new RunLab([{ ...TCP_80, isLost: true }]);
  const during = {
    probe: () => lab.mapper.onProbe = () => "silence",
    wait: () => lab.mapper.onProbe = () => void lab.mapper.loseState(),
  };
  for (const begin of Object.values(during)) {
    begin();
    const stopping = new AbortController();
    const { signal } = stopping;
    const before = lab.clock.now();
    const stop = lab.clock.sleep(1000).then(() => stopping.abort(STOPPED));
    const result = await lab.run(OF_FILE, [WEB, SSH], { signal, probe: () => lab.mapper.probe({ signal }) });
    await stop;
    assertEquals(inWords(result), ["tcp 80: stopped", "tcp 22: stopped"]);
    assertEquals(lab.clock.now(), before + 1000);
  }
  assertEquals(lab.mapper.calls, ["probe", "probe"]);
});

Deno.test("runOnce() that is ended keeps what it was granted before", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ internalPort }) => internalPort === 80 ? 8080 : "silence";
  const running = lab.run(EVERYTHING, [WEB, SSH]);
  await lab.clock.advance(1000);
  lab.stop.abort(STOPPED);
  assertEquals(inWords(await running), ["tcp 80: 8080", "tcp 22: stopped"]);
  assertEquals(lab.known, ["tcp 80 held 8080"]);
});

// ---- a gateway that forgets while the run is at it ----

Deno.test("runOnce() takes what the gateway granted for lost where the next answer shows that it forgot it", async () => {
  const lab = new RunLab();
  lab.mapper.onProbe = () => {
    lab.mapper.loseState();
    return "198.51.100.7";
  };
  await lab.run(EVERYTHING, [WEB]);
  assertEquals(lab.ledger.get(TCP_80)?.isLost, true);
});

Deno.test("runOnce() holds what the gateway granted although it has another address than before", async () => {
  const lab = new RunLab([TCP_90]);
  await lab.run(EVERYTHING, [WEB], { noteAddress: () => lab.ledger.loseAll(lab.now()) });
  assertEquals([TCP_80, TCP_90].map((entry) => lab.ledger.get(entry)?.isLost), [false, true]);
});
