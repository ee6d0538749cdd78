import { assertEquals } from "@std/assert";
import {
  Ledger,
  type LedgerEntry,
  type Now,
  type Tries,
  type WantedMapping,
} from "../../lib/lease/ledger.ts";
import {
  dueInMs,
  isAnyHeld,
  isRoundLate,
  joinInMs,
  nextRoundInMs,
  nextStep,
  protocolsToAsk,
  type Round,
  type Schedule,
  shortestLeftMs,
  type Situation,
  tryLengthMs,
} from "../../lib/lease/plan.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { GRANTED, heldLeaseOf } from "../support/leases.ts";

/** The leases live for an hour: they may be renewed with others after 1,700 s, and are due after 1,800 s. */
const LIFE_MS = 3_600_000;
const JOIN_MS = 1_700_000;
const DUE_MS = 1_800_000;

const WEB: WantedMapping = { protocols: ["tcp"], internalPort: 80 };
const SSH: WantedMapping = { protocols: ["tcp"], internalPort: 22 };
const PAIR: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 53 };

/** The clock shows 0 when the leases begin. */
function at(ms: number): Now {
  return { ms, stored: timeAfter(GRANTED, ms) };
}

/** The machine started anew with a wall clock from before: no age is known. */
const UNKNOWN: Now = { ms: 0, stored: { wallMs: 0, uptimeMs: 0, boot: "second" } };

function entryOf(
  protocol: "tcp" | "udp",
  internalPort: number,
  { grantedAtMs = 0, lifetimeSeconds = 3600, ...different }: Partial<LedgerEntry> & {
    readonly grantedAtMs?: number;
    readonly lifetimeSeconds?: number | "permanent";
  } = {},
): LedgerEntry {
  const granted = timeAfter(GRANTED, grantedAtMs);
  const lifeMs = lifetimeSeconds === "permanent" ? LIFE_MS : lifetimeSeconds * 1000;
  const [renewAfterMs, joinAfterMs] = [lifeMs / 2, lifeMs * JOIN_MS / LIFE_MS];
  const lease = heldLeaseOf({ protocol, internalPort, granted, lifetimeSeconds, renewAfterMs, joinAfterMs });
  return { protocol, internalPort, lease, ...different };
}

function ledgerOf(
  entries: readonly LedgerEntry[],
  tries: Partial<Tries> = {},
  of: WantedMapping = PAIR,
): Ledger {
  const ledger = new Ledger(entries);
  ledger.changeTries(of, (before) => ({ ...before, ...tries }));
  return ledger;
}

// ---- one wanted mapping ----

interface Case {
  readonly what: string;
  readonly entries: readonly LedgerEntry[];
  readonly tries?: Partial<Tries>;
  readonly now: Now;
  readonly due: number;
  readonly join: number;
  readonly asks: readonly string[];
}

const TCP = entryOf("tcp", 53);
/** Granted 100 s after the other half. */
const UDP = entryOf("udp", 53, { grantedAtMs: 100_000 });
const FRESH_UDP = entryOf("udp", 53, { grantedAtMs: 1_790_000 });

const CASES: readonly Case[] = [
  { what: "nothing is held", entries: [], now: at(0), due: -Infinity, join: -Infinity, asks: ["tcp", "udp"] },
  {
    what: "both are held and young",
    entries: [TCP, UDP],
    now: at(100_000),
    due: DUE_MS - 100_000,
    join: JOIN_MS - 100_000,
    asks: ["tcp", "udp"],
  },
  {
    what: "the first may be renewed with others",
    entries: [TCP, UDP],
    now: at(JOIN_MS),
    due: 100_000,
    join: 0,
    asks: ["tcp"],
  },
  {
    what: "both may be renewed when the first is due",
    entries: [TCP, UDP],
    now: at(DUE_MS),
    due: 0,
    join: -100_000,
    asks: ["tcp", "udp"],
  },
  {
    what: "one is due and the other is not for long",
    entries: [TCP, FRESH_UDP],
    now: at(DUE_MS),
    due: 0,
    join: -100_000,
    asks: ["tcp"],
  },
  {
    what: "a half is missing",
    entries: [TCP],
    now: at(1000),
    due: -Infinity,
    join: -Infinity,
    asks: ["udp"],
  },
  {
    what: "a half is over",
    entries: [TCP, FRESH_UDP],
    now: at(LIFE_MS),
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp", "udp"],
  },
  {
    what: "a half was forgotten",
    entries: [{ ...TCP, isLost: true }, UDP],
    now: at(100_000),
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp"],
  },
  {
    what: "both were forgotten",
    entries: [{ ...TCP, isLost: true }, { ...UDP, isLost: true }],
    now: at(100_000),
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp", "udp"],
  },
  {
    what: "an earlier process held them",
    entries: [{ ...TCP, isUnconfirmed: true }, { ...UDP, isUnconfirmed: true }],
    now: at(100_000),
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp", "udp"],
  },
  {
    what: "their age is unknown",
    entries: [TCP, UDP],
    now: UNKNOWN,
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp", "udp"],
  },
  {
    what: "all is to be renewed at once",
    entries: [TCP, UDP],
    tries: { isDue: true },
    now: at(100_000),
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp", "udp"],
  },
  {
    what: "all is to be renewed at once, and one may be renewed with others",
    entries: [TCP, FRESH_UDP],
    tries: { isDue: true },
    now: at(DUE_MS),
    due: -Infinity,
    join: -Infinity,
    asks: ["tcp", "udp"],
  },
  {
    what: "a try failed, and the next is later",
    entries: [TCP, UDP],
    tries: { retryAtMs: 2_000_000 },
    now: at(DUE_MS),
    due: 200_000,
    join: 200_000,
    asks: ["tcp", "udp"],
  },
  {
    what: "a try for a missing half failed",
    entries: [TCP],
    tries: { retryAtMs: 9000 },
    now: at(5000),
    due: 4000,
    join: 4000,
    asks: ["udp"],
  },
  {
    what: "a try to renew all at once failed",
    entries: [TCP, UDP],
    tries: { isDue: true, retryAtMs: 102_000 },
    now: at(100_000),
    due: 2000,
    join: 2000,
    asks: ["tcp", "udp"],
  },
  {
    what: "a try is due and the leases are young again",
    entries: [TCP, UDP],
    tries: { retryAtMs: 100_000 },
    now: at(100_000),
    due: 0,
    join: 0,
    asks: ["tcp", "udp"],
  },
];

for (const { what, entries, tries, now, due, join, asks } of CASES) {
  Deno.test(`dueInMs(), joinInMs() and protocolsToAsk(): ${what}`, () => {
    const ledger = ledgerOf(entries, tries);
    assertEquals([dueInMs(ledger, PAIR, now), joinInMs(ledger, PAIR, now)], [due, join]);
    assertEquals(protocolsToAsk(ledger, PAIR, now), asks);
  });
}

Deno.test("isAnyHeld() and shortestLeftMs() are of what is held", () => {
  const cases = [
    [[], at(0), false, Infinity],
    [[TCP, UDP], at(100_000), true, LIFE_MS - 100_000],
    [[TCP, UDP], at(LIFE_MS), true, 100_000],
    [[{ ...TCP, isUnconfirmed: true }], at(0), false, Infinity],
    [[{ ...TCP, isLost: true }], at(0), true, LIFE_MS],
    [[TCP, UDP], UNKNOWN, true, 0],
    [[entryOf("tcp", 53, { lifetimeSeconds: "permanent" })], at(0), true, Infinity],
  ] as const;
  for (const [entries, now, isHeld, left] of cases) {
    const ledger = ledgerOf(entries);
    assertEquals([isAnyHeld(ledger, PAIR, now), shortestLeftMs(ledger, PAIR, now)], [isHeld, left]);
  }
});

// ---- when the next round is ----

const IDLE: Schedule = {
  quietUntilMs: -Infinity,
  isGatewayInTrouble: false,
  addressAtMs: Infinity,
  questionAtMs: Infinity,
  isAddressOld: false,
  wasRenewal: false,
};

const HELD = [entryOf("tcp", 80), entryOf("tcp", 22, { grantedAtMs: 50_000 })];

function situationOf(
  { entries = HELD, wanted = [WEB, SSH], nowMs = 100_000, ...schedule }: Partial<Schedule> & {
    readonly entries?: readonly LedgerEntry[];
    readonly wanted?: readonly WantedMapping[];
    readonly nowMs?: number;
  } = {},
): Situation {
  return { ledger: new Ledger(entries), wanted, now: at(nowMs), schedule: { ...IDLE, ...schedule } };
}

const ROUNDS: readonly (readonly [string, Parameters<typeof situationOf>[0], number])[] = [
  ["never, without anything to do", { wanted: [] }, Infinity],
  ["when the first lease is due", {}, DUE_MS - 100_000],
  ["at once when something is missing", { entries: HELD.slice(1) }, -Infinity],
  ["when the address is due", { addressAtMs: 150_000 }, 50_000],
  ["at once when the address is due", { addressAtMs: 100_000 }, -Infinity],
  ["when the question is due", { questionAtMs: 100_400 }, 400],
  ["at once when the question is due", { questionAtMs: 100_000 }, -Infinity],
  ["not before the gateway is to be left in peace no longer", {
    entries: [],
    questionAtMs: 0,
    quietUntilMs: 103_000,
  }, 3000],
  [
    "when a lease is due, although the gateway may be asked long before",
    { quietUntilMs: 103_000 },
    DUE_MS - 100_000,
  ],
  ["at once when the address is due at a gateway in trouble, and nothing else is", {
    isGatewayInTrouble: true,
    addressAtMs: 0,
  }, -Infinity],
];

for (const [what, given, expected] of ROUNDS) {
  Deno.test(`nextRoundInMs(): ${what}`, () => assertEquals(nextRoundInMs(situationOf(given)), expected));
}

// ---- what a round does next ----

const BEGUN: Round = { startedAtMs: 100_000, hasBegun: true, hasGrants: false, isLate: false };
const NEW: Round = { ...BEGUN, hasBegun: false };

/** What a step is, in short. */
function shortly(situation: Situation, round: Round): string {
  const step = nextStep(situation, round);
  if (step.kind === "ask") return `${step.isRenewal ? "renew" : "ask for"} ${step.wanted.internalPort}`;
  return step.kind === "probe" && step.endsRound ? "probe and end" : step.kind;
}

const STEPS: readonly (readonly [string, Parameters<typeof situationOf>[0], Round, string])[] = [
  ["nothing is due", {}, NEW, "end"],
  ["nothing is wanted, and the address is due", { wanted: [], addressAtMs: 0 }, NEW, "probe and end"],
  ["the first of what is missing", { entries: [] }, NEW, "ask for 80"],
  ["a lease that is due", { nowMs: DUE_MS }, NEW, "renew 80"],
  ["no lease that is not due yet", { nowMs: JOIN_MS }, NEW, "end"],
  ["a lease that may be renewed with others, once a round has begun", { nowMs: JOIN_MS }, BEGUN, "renew 80"],
  [
    "what has to be renewed before what is missing",
    { entries: HELD.slice(0, 1), nowMs: DUE_MS },
    NEW,
    "renew 80",
  ],
  [
    "what is missing after a renewal",
    { entries: HELD.slice(0, 1), nowMs: DUE_MS, wasRenewal: true },
    BEGUN,
    "ask for 22",
  ],
  ["another renewal where nothing is missing", { nowMs: LIFE_MS - 1, wasRenewal: true }, BEGUN, "renew 80"],
  [
    "the lease with the least time left",
    { entries: [entryOf("tcp", 80, { grantedAtMs: 60_000 }), HELD[1]!], nowMs: DUE_MS + 60_000 },
    NEW,
    "renew 22",
  ],
  ["the question before anything else", { entries: [], questionAtMs: 100_000 }, NEW, "probe"],
  [
    "no question that comes up within a round before what is due",
    { entries: [], questionAtMs: 100_000 },
    BEGUN,
    "ask for 80",
  ],
  ["the question at the end of a round", { questionAtMs: 100_000 }, BEGUN, "probe and end"],
  ["nothing but the question in a round that is late", { entries: [], questionAtMs: 100_000 }, {
    ...BEGUN,
    isLate: true,
  }, "probe and end"],
  ["nothing in a round that is late", { entries: [] }, { ...BEGUN, isLate: true }, "end"],
  [
    "nothing while the gateway is to be left in peace",
    { entries: [], questionAtMs: 0, addressAtMs: 0, quietUntilMs: 100_001 },
    NEW,
    "end",
  ],
  ["something again after that", { entries: [], quietUntilMs: 100_000 }, NEW, "ask for 80"],
  [
    "the address after a grant where it is old",
    { isAddressOld: true },
    { ...BEGUN, hasGrants: true },
    "probe and end",
  ],
  ["no address after a grant where it is fresh", {}, { ...BEGUN, hasGrants: true }, "end"],
  ["no address after refusals alone", { isAddressOld: true }, BEGUN, "end"],
  ["the address that is due after what is", { entries: [], addressAtMs: 0 }, NEW, "ask for 80"],
  [
    "no address at a gateway in trouble while something is due",
    { entries: [], addressAtMs: 0, isGatewayInTrouble: true },
    { ...BEGUN, isLate: true },
    "end",
  ],
  [
    "the address at a gateway in trouble where nothing is due",
    { addressAtMs: 0, isGatewayInTrouble: true },
    NEW,
    "probe and end",
  ],
];

for (const [what, given, round, expected] of STEPS) {
  Deno.test(`nextStep(): ${what}`, () => assertEquals(shortly(situationOf(given), round), expected));
}

Deno.test("nextStep(): the one that failed longest ago, whatever is left of it", () => {
  const situation = situationOf({ nowMs: DUE_MS + 60_000 });
  situation.ledger.changeTries(WEB, (tries) => ({ ...tries, failedAtMs: 5000, retryAtMs: 0 }));
  assertEquals(shortly(situation, NEW), "renew 22");
  situation.ledger.changeTries(SSH, (tries) => ({ ...tries, failedAtMs: 6000, retryAtMs: 0 }));
  assertEquals(shortly(situation, NEW), "renew 80");
});

Deno.test("nextStep(): none of what failed before its next try is due", () => {
  const situation = situationOf({ entries: [], wanted: [WEB] });
  situation.ledger.changeTries(WEB, (tries) => ({ ...tries, retryAtMs: 100_001 }));
  for (const round of [NEW, BEGUN]) assertEquals(shortly(situation, round), "end");
});

/** Each: what, the situation, when the round began, whether it is late. */
const LATE: readonly (readonly [string, Parameters<typeof situationOf>[0], number, boolean])[] = [
  ["after five seconds", {}, 95_000, false],
  ["after more than five seconds", {}, 94_999, true],
  [
    "after a quarter of the shortest life",
    { entries: [HELD[0]!, entryOf("tcp", 22, { grantedAtMs: 99_000, lifetimeSeconds: 8 })] },
    98_000,
    false,
  ],
  [
    "after more than a quarter of the shortest life",
    { entries: [HELD[0]!, entryOf("tcp", 22, { grantedAtMs: 99_000, lifetimeSeconds: 8 })] },
    97_999,
    true,
  ],
  [
    "with a lease that never ends",
    { entries: [entryOf("tcp", 80, { lifetimeSeconds: "permanent" })] },
    95_000,
    false,
  ],
  ["with nothing held", { entries: [] }, 95_000, false],
  ["when the question is due", { questionAtMs: 100_000 }, 100_000, true],
];

for (const [what, given, startedAtMs, expected] of LATE) {
  Deno.test(`isRoundLate() ${what} is ${expected}`, () => {
    assertEquals(isRoundLate(situationOf(given), { ...BEGUN, startedAtMs }), expected);
  });
}

/** Each: what, the situation, whether the try is short, its limit, how long it lasts. */
const LENGTHS:
  readonly (readonly [string, Parameters<typeof situationOf>[0], boolean, number | undefined, number])[] = [
    ["a minute where nothing is held", { entries: [] }, false, undefined, 60_000],
    ["five sends where it is to find out whether there is a gateway", { entries: [] }, true, undefined, 7750],
    ["no longer than the caller wants", { entries: [] }, false, 5000, 5000],
    ["no longer than the caller wants, also when it is short", { entries: [] }, true, 5000, 5000],
    ["half of what is left of a lease that is due", { nowMs: LIFE_MS - 30_000 }, false, undefined, 15_000],
    ["2 s at least", { nowMs: LIFE_MS - 1000 }, false, undefined, 2000],
    [
      "until half of the time that a lease has from its turn on",
      { entries: [entryOf("tcp", 80, { grantedAtMs: 80_000, lifetimeSeconds: 60 })] },
      false,
      undefined,
      25_000,
    ],
    [
      "a minute beside a lease that never ends",
      { entries: [entryOf("tcp", 80, { lifetimeSeconds: "permanent" })] },
      false,
      undefined,
      60_000,
    ],
  ];

for (const [what, given, isShort, maxMs, expected] of LENGTHS) {
  Deno.test(`tryLengthMs(): ${what}`, () => {
    assertEquals(tryLengthMs(situationOf(given), isShort, maxMs), expected);
  });
}
