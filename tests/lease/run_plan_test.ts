import { assertEquals } from "@std/assert";
import {
  type HeldLease,
  Ledger,
  type LedgerEntry,
  mappingsOf,
  type Now,
  type WantedMapping,
} from "../../lib/lease/ledger.ts";
import {
  isTooShort,
  nextRunStep,
  NO_PROGRESS,
  type Policy,
  type Progress,
  protocolsDue,
  type RunSituation,
  type RunStep,
  unwantedEntries,
} from "../../lib/lease/run_plan.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { type MappingKey, mappingName, type TransportProtocol } from "../../lib/port_mapper.ts";
import { GRANTED, heldLeaseOf } from "../support/leases.ts";

const MINUTE_MS = 60_000;

/** The leases were asked for at port 8080 for two hours, and granted at 40001 for one. */
const LIFE_MS = 3_600_000;
const JOIN_MS = 1_700_000;

const WEB: WantedMapping = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
const SSH: WantedMapping = { protocols: ["tcp"], internalPort: 22, externalPort: 8080 };
const PAIR: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 53, externalPort: 8080 };

const EVERYTHING: Policy = { kind: "everything" };
const DUE = { kind: "due", intervalMs: undefined, config: undefined } as const;
const FILE = "/etc/natpmp.json";
const OF_FILE = { ...DUE, config: FILE };

function everyMs(intervalMs: number): Policy {
  return { ...DUE, intervalMs };
}

/** The clock shows 0 when the leases begin. */
function at(ms: number): Now {
  return { ms, stored: timeAfter(GRANTED, ms) };
}

/** The machine started anew with a wall clock from before: no age is known. */
const UNKNOWN: Now = { ms: 0, stored: { wallMs: 0, uptimeMs: 0, boot: "second" } };

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
    ...different,
  };
}

/** The same, asked for by the configuration file. */
function ofFile(
  protocol: TransportProtocol,
  internalPort: number,
  different: Parameters<typeof entryOf>[2] = {},
): LedgerEntry {
  return entryOf(protocol, internalPort, { config: FILE, ...different });
}

interface Known extends Partial<Omit<RunSituation, "ledger">> {
  readonly entries?: readonly LedgerEntry[];
  /** Whether this run found that the gateway forgot everything. */
  readonly hasForgotten?: boolean;
}

function situationOf({ entries = [], hasForgotten = false, ...different }: Known): RunSituation {
  const ledger = new Ledger(entries);
  if (hasForgotten) ledger.loseAll(at(0));
  return { ledger, wanted: [WEB], policy: DUE, now: at(0), watched: [], ...different };
}

// ---- what is due ----

interface DueCase extends Omit<Known, "wanted"> {
  readonly what: string;
  readonly wanted?: WantedMapping;
  readonly due: readonly TransportProtocol[];
}

const TCP_80 = entryOf("tcp", 80);
const TCP_22 = entryOf("tcp", 22);
const TCP_53 = entryOf("tcp", 53);
const UDP_53 = entryOf("udp", 53);
const WATCHED_80: MappingKey = { protocol: "tcp", internalPort: 80 };

/** A lease of 2,400 s, ten minutes old: half an hour is left. */
const SHORT = {
  entries: [entryOf("tcp", 80, { lease: { lifetimeSeconds: 2400 } })],
  now: at(10 * MINUTE_MS),
};

const DUE_CASES: readonly DueCase[] = [
  { what: "nothing is known of it", due: ["tcp"] },
  {
    what: "it was deleted, and its port remembered",
    entries: [{ ...WATCHED_80, lastPort: 8080 }],
    due: ["tcp"],
  },
  { what: "it was just granted", entries: [TCP_80], due: [] },
  { what: "it is before half of its life", entries: [TCP_80], now: at(JOIN_MS - 1), due: [] },
  { what: "it is at half of its life", entries: [TCP_80], now: at(JOIN_MS), due: ["tcp"] },
  { what: "it is over", entries: [TCP_80], now: at(3 * LIFE_MS), due: ["tcp"] },
  {
    what: "it never ends, and is not to be renewed yet",
    entries: [entryOf("tcp", 80, { lease: { lifetimeSeconds: "permanent" } })],
    now: at(JOIN_MS - 1),
    policy: everyMs(24 * 7 * LIFE_MS),
    due: [],
  },
  {
    what: "it never ends, and is to be renewed",
    entries: [entryOf("tcp", 80, { lease: { lifetimeSeconds: "permanent" } })],
    now: at(JOIN_MS),
    due: ["tcp"],
  },
  { what: "it would not survive two more runs", ...SHORT, policy: everyMs(15 * MINUTE_MS), due: ["tcp"] },
  {
    what: "it would survive two more runs by a moment",
    ...SHORT,
    policy: everyMs(15 * MINUTE_MS - 1),
    due: [],
  },
  { what: "the runs are days apart", entries: [TCP_80], policy: everyMs(24 * 7 * LIFE_MS), due: ["tcp"] },
  { what: "nobody knows how far the runs are apart", ...SHORT, due: [] },
  { what: "the gateway forgot it", entries: [{ ...TCP_80, isLost: true }], due: ["tcp"] },
  { what: "its age is unknown", entries: [TCP_80], now: UNKNOWN, due: ["tcp"] },
  { what: "its hook has not run", entries: [{ ...TCP_80, hookPending: true }], due: ["tcp"] },
  {
    what: "another lifetime is wanted than was asked for",
    entries: [TCP_80],
    wanted: { ...WEB, lifetimeSeconds: 3600 },
    due: ["tcp"],
  },
  {
    what: "the lifetime is wanted that was asked for, though less was granted",
    entries: [TCP_80],
    wanted: { ...WEB, lifetimeSeconds: 7200 },
    due: [],
  },
  { what: "it is on another port than was asked for", entries: [TCP_80], due: [] },
  {
    what: "it is on another port than the exact one",
    entries: [TCP_80],
    wanted: { ...WEB, exact: true },
    due: ["tcp"],
  },
  {
    what: "it is on the exact port",
    entries: [entryOf("tcp", 80, { lease: { externalPort: 8080 } })],
    wanted: { ...WEB, exact: true },
    due: [],
  },
  {
    what: "any port is exact enough",
    entries: [TCP_80],
    wanted: { protocols: ["tcp"], internalPort: 80, exact: true },
    due: [],
  },
  {
    what: "the same file asks for another port now",
    entries: [ofFile("tcp", 80)],
    policy: OF_FILE,
    wanted: { ...WEB, externalPort: 9090 },
    due: ["tcp"],
  },
  {
    what: "the same file asks for any port now",
    entries: [ofFile("tcp", 80)],
    policy: OF_FILE,
    wanted: { protocols: ["tcp"], internalPort: 80 },
    due: ["tcp"],
  },
  {
    what: "the same file asks for the same port",
    entries: [ofFile("tcp", 80)],
    policy: OF_FILE,
    due: [],
  },
  {
    what: "another file asked for another port",
    entries: [entryOf("tcp", 80, { config: "/etc/other.json" })],
    policy: OF_FILE,
    wanted: { ...WEB, externalPort: 9090 },
    due: [],
  },
  {
    what: "another port is asked for on the command line",
    entries: [TCP_80],
    wanted: { ...WEB, externalPort: 9090 },
    due: [],
  },
  {
    what: "a running watch keeps it, whatever else is true",
    entries: [ofFile("tcp", 80, { hookPending: true })],
    policy: OF_FILE,
    wanted: { ...WEB, externalPort: 9090, exact: true, lifetimeSeconds: 60 },
    now: at(LIFE_MS - 1),
    watched: [WATCHED_80],
    due: [],
  },
  {
    what: "a running watch keeps it and let it run out",
    entries: [TCP_80],
    now: at(LIFE_MS),
    watched: [WATCHED_80],
    due: ["tcp"],
  },
  {
    what: "a running watch keeps it, and the gateway forgot it",
    entries: [{ ...TCP_80, isLost: true }],
    watched: [WATCHED_80],
    due: ["tcp"],
  },
  { what: "a running watch keeps it, of which nothing is known", watched: [WATCHED_80], due: ["tcp"] },
  {
    what: "a running watch keeps the same port of the other protocol",
    entries: [TCP_80],
    now: at(JOIN_MS),
    watched: [{ protocol: "udp", internalPort: 80 }],
    due: ["tcp"],
  },
  { what: "nothing is known of either half", wanted: PAIR, due: ["tcp", "udp"] },
  { what: "the second half is missing", wanted: PAIR, entries: [TCP_53], due: ["udp"] },
  {
    what: "a half was granted later than the other",
    wanted: PAIR,
    entries: [TCP_53, entryOf("udp", 53, { lease: { granted: timeAfter(GRANTED, 1000) } })],
    now: at(JOIN_MS),
    due: ["tcp"],
  },
  {
    what: "a running watch keeps one half, and both live",
    wanted: PAIR,
    entries: [TCP_53, UDP_53],
    now: at(JOIN_MS),
    watched: [{ protocol: "udp", internalPort: 53 }],
    due: [],
  },
  {
    what: "a running watch keeps one half, and the other is missing",
    wanted: PAIR,
    entries: [UDP_53],
    watched: [{ protocol: "udp", internalPort: 53 }],
    due: ["tcp"],
  },
  {
    what: "everything is asked for",
    wanted: PAIR,
    entries: [TCP_53, UDP_53],
    policy: EVERYTHING,
    watched: [{ protocol: "udp", internalPort: 53 }],
    due: ["tcp", "udp"],
  },
];

for (const { what, wanted = WEB, due, ...known } of DUE_CASES) {
  Deno.test(`protocolsDue(): ${due.length === 0 ? "none" : due.join(" and ")}, as ${what}`, () => {
    assertEquals(protocolsDue(situationOf({ ...known, wanted: [wanted] }), wanted), due);
  });
}

// ---- what is not wanted any more ----

interface UnwantedCase extends Known {
  readonly what: string;
  readonly unwanted: readonly string[];
}

const UNWANTED_CASES: readonly UnwantedCase[] = [
  {
    what: "the file had it and no longer has",
    entries: [ofFile("tcp", 80), ofFile("tcp", 22), ofFile("udp", 80)],
    policy: OF_FILE,
    unwanted: ["tcp 22", "udp 80"],
  },
  {
    what: "the file has nothing any more",
    entries: [ofFile("tcp", 80), ofFile("tcp", 22)],
    wanted: [],
    policy: OF_FILE,
    unwanted: ["tcp 80", "tcp 22"],
  },
  {
    what: "another file or a command line asked for it",
    entries: [entryOf("tcp", 22, { config: "/etc/other.json" }), TCP_53],
    policy: OF_FILE,
    unwanted: [],
  },
  { what: "no file is read", entries: [ofFile("tcp", 22)], policy: DUE, unwanted: [] },
  { what: "everything is asked for", entries: [ofFile("tcp", 22)], policy: EVERYTHING, unwanted: [] },
  {
    what: "a running watch keeps it",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    watched: [{ protocol: "tcp", internalPort: 22 }],
    unwanted: ["udp 22"],
  },
  {
    what: "it was deleted before",
    entries: [{ protocol: "tcp", internalPort: 22, lastPort: 22, config: FILE }],
    policy: OF_FILE,
    unwanted: [],
  },
  {
    what: "it is over, or the gateway forgot it",
    entries: [ofFile("tcp", 22), ofFile("tcp", 53, { isLost: true })],
    policy: OF_FILE,
    now: at(LIFE_MS),
    unwanted: ["tcp 22", "tcp 53"],
  },
];

for (const { what, unwanted, ...known } of UNWANTED_CASES) {
  Deno.test(`unwantedEntries(): ${unwanted.join(" and ") || "none"}, as ${what}`, () => {
    assertEquals(unwantedEntries(situationOf(known)).map(mappingName), unwanted);
  });
}

// ---- one step after the other ----

/** A step in a few words. */
function inWords(step: RunStep): string {
  switch (step.kind) {
    case "release":
      return `release ${mappingName(step.entry)}${step.wanted === undefined ? "" : " to move it"}`;
    case "acquire":
      return `acquire ${mappingsOf([step.wanted]).map(mappingName).join(", ")}`;
    case "renew":
      return `renew ${step.protocols.map((one) => `${one} ${step.wanted.internalPort}`).join(", ")}`;
    default:
      return step.kind;
  }
}

interface StepCase extends Known {
  readonly what: string;
  readonly progress?: Partial<Progress>;
  readonly step: string;
}

function test({ what, progress = {}, step, ...known }: StepCase, before: Partial<Progress> = {}): void {
  Deno.test(`nextRunStep(): ${step}, as ${what}`, () => {
    const next = nextRunStep(situationOf(known), { ...NO_PROGRESS, ...before, ...progress });
    assertEquals(inWords(next), step);
  });
}

const EVERYTHING_CASES: readonly StepCase[] = [
  { what: "everything is asked for, the first one first", wanted: [SSH, WEB], step: "acquire tcp 22" },
  {
    what: "everything is asked for, whether it was asked for before or not",
    wanted: [WEB],
    entries: [TCP_80],
    step: "acquire tcp 80",
  },
  {
    what: "one was asked for, and others are left",
    wanted: [SSH, WEB],
    progress: { asked: new Set([SSH]), hasGrants: true },
    step: "acquire tcp 80",
  },
  {
    what: "everything was asked for, and something was granted",
    progress: { asked: new Set([WEB]), hasGrants: true },
    step: "probe",
  },
  {
    what: "everything was asked for, and nothing was granted",
    progress: { asked: new Set([WEB]) },
    step: "end",
  },
  {
    what: "the address was asked for after everything else",
    progress: { asked: new Set([WEB]), hasGrants: true, hasProbed: true },
    step: "end",
  },
  {
    what: "an error stopped the run, though something was granted and something is left",
    wanted: [SSH, WEB],
    progress: { asked: new Set([SSH]), hasGrants: true, isStopped: true },
    step: "end",
  },
  {
    what: "everything is wanted, and a lost lease is no reason to wait",
    entries: [{ ...TCP_80, isLost: true }],
    step: "acquire tcp 80",
  },
];

for (const one of EVERYTHING_CASES) test({ policy: EVERYTHING, ...one });

Deno.test("nextRunStep(): the address is asked for first where only what is due is asked for", () => {
  const situations: readonly Known[] = [
    {},
    { entries: [TCP_80] },
    { wanted: [] },
    { entries: [{ ...TCP_80, isLost: true }] },
    { entries: [ofFile("tcp", 22)], policy: OF_FILE },
  ];
  for (const known of situations) assertEquals(nextRunStep(situationOf(known), NO_PROGRESS).kind, "probe");
});

const MOVED: WantedMapping = { ...WEB, externalPort: 9090 };
const MOVED_PAIR: WantedMapping = { ...PAIR, externalPort: 9090 };
const LOST_80 = { ...TCP_80, isLost: true };

const AFTER_PROBE: readonly StepCase[] = [
  { what: "nothing is due", entries: [TCP_80], step: "end" },
  { what: "nothing is wanted", wanted: [], step: "end" },
  { what: "an error stopped the run", progress: { isStopped: true }, step: "end" },
  {
    what: "an error stopped the run, before anything was released",
    entries: [ofFile("tcp", 22), ofFile("tcp", 80)],
    wanted: [MOVED],
    policy: OF_FILE,
    progress: { isStopped: true },
    step: "end",
  },

  // The wait after a loss of state.
  { what: "the gateway forgot it", entries: [TCP_80], hasForgotten: true, step: "wait" },
  { what: "an earlier run found that the gateway forgot it", entries: [LOST_80], step: "renew tcp 80" },
  {
    what: "the gateway forgot it, and the wait is over",
    entries: [TCP_80],
    hasForgotten: true,
    progress: { hasWaited: true },
    step: "renew tcp 80",
  },
  {
    what: "the gateway forgot something, though what is asked for first is new",
    wanted: [SSH, WEB],
    entries: [TCP_80],
    hasForgotten: true,
    step: "wait",
  },
  {
    what: "the gateway forgot it, before anything is released",
    entries: [TCP_80, ofFile("tcp", 22)],
    hasForgotten: true,
    policy: OF_FILE,
    step: "wait",
  },
  {
    what: "the gateway forgot only what is not wanted any more",
    entries: [TCP_80, ofFile("tcp", 22, { isLost: true })],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "what the gateway forgot was asked for already",
    wanted: [WEB, SSH],
    entries: [TCP_80],
    hasForgotten: true,
    progress: { asked: new Set([WEB]) },
    step: "acquire tcp 22",
  },

  // What is released.
  {
    what: "the file no longer has it, though something else is due before",
    entries: [ofFile("tcp", 22)],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "the file no longer has it, and nothing is due",
    entries: [TCP_80, ofFile("tcp", 22)],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "it was released or could not be, one after the other",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 22"]) },
    step: "release udp 22",
  },
  {
    what: "nothing is left to release",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 22", "udp 22"]) },
    step: "acquire tcp 80",
  },
  {
    what: "no further deletion makes sense",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 22"]), isReleaseStopped: true },
    step: "acquire tcp 80",
  },
  {
    what: "the file wants another port for it",
    entries: [ofFile("tcp", 80)],
    wanted: [SSH, MOVED],
    policy: OF_FILE,
    step: "release tcp 80 to move it",
  },
  {
    what: "the file no longer has one, and wants another port for the other",
    entries: [ofFile("tcp", 80), ofFile("tcp", 22)],
    wanted: [MOVED],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "the file wants another port for the other half too",
    entries: [ofFile("tcp", 53), ofFile("udp", 53)],
    wanted: [MOVED_PAIR],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 53"]) },
    step: "release udp 53 to move it",
  },
  {
    what: "what has to move could not be released, so that it stays",
    entries: [ofFile("tcp", 53), ofFile("udp", 53)],
    wanted: [MOVED_PAIR],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 53"]), asked: new Set([MOVED_PAIR]) },
    step: "end",
  },
  {
    what: "a running watch keeps what the file wants elsewhere",
    entries: [ofFile("tcp", 80)],
    wanted: [MOVED],
    policy: OF_FILE,
    watched: [WATCHED_80],
    step: "end",
  },

  // How it is asked for.
  { what: "nothing is known of it", step: "acquire tcp 80" },
  { what: "it is over", entries: [TCP_80], now: at(LIFE_MS), step: "acquire tcp 80" },
  { what: "it is at half of its life", entries: [TCP_80], now: at(JOIN_MS), step: "renew tcp 80" },
  { what: "its age is unknown", entries: [TCP_80], now: UNKNOWN, step: "renew tcp 80" },
  {
    what: "it is on another port than the exact one",
    entries: [TCP_80],
    wanted: [{ ...WEB, exact: true }],
    step: "acquire tcp 80",
  },
  {
    what: "the exact port is held",
    entries: [entryOf("tcp", 80, { lease: { externalPort: 8080 } })],
    wanted: [{ ...WEB, exact: true }],
    now: at(JOIN_MS),
    step: "renew tcp 80",
  },
  {
    what: "the exact port was forgotten, and may be another's",
    entries: [entryOf("tcp", 80, { lease: { externalPort: 8080 }, isLost: true })],
    wanted: [{ ...WEB, exact: true }],
    progress: { hasWaited: true },
    step: "acquire tcp 80",
  },
  { what: "a pair is new", wanted: [PAIR], step: "acquire tcp 53, udp 53" },
  { what: "the second half is missing", wanted: [PAIR], entries: [TCP_53], step: "renew udp 53" },
  {
    what: "both halves are due",
    wanted: [PAIR],
    entries: [TCP_53, UDP_53],
    now: at(JOIN_MS),
    step: "renew tcp 53, udp 53",
  },
  {
    what: "one half is on another port than the exact one",
    wanted: [{ ...PAIR, exact: true }],
    entries: [entryOf("tcp", 53, { lease: { externalPort: 8080 } }), UDP_53],
    step: "acquire tcp 53, udp 53",
  },
  {
    what: "it is the first that is due",
    wanted: [SSH, WEB, PAIR],
    entries: [TCP_22],
    step: "acquire tcp 80",
  },
  {
    what: "the others were asked for, whatever came of it",
    wanted: [SSH, WEB, PAIR],
    progress: { asked: new Set([SSH, WEB]) },
    step: "acquire tcp 53, udp 53",
  },
  { what: "all that is due was asked for", progress: { asked: new Set([WEB]) }, step: "end" },
];

for (const one of AFTER_PROBE) test(one, { hasProbed: true });

Deno.test("isTooShort() of leases that do not see three runs", () => {
  assertEquals(isTooShort(2_699_999, 15 * MINUTE_MS), true);
  assertEquals(isTooShort(2_700_000, 15 * MINUTE_MS), false);
  assertEquals(isTooShort(Infinity, 15 * MINUTE_MS), false);
  assertEquals(isTooShort(1000, undefined), false);
});
