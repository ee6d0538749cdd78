import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  ageMs,
  heldLease,
  isHeld,
  isOver,
  type LeaseStatus,
  Ledger,
  type LedgerEntry,
  leftMs,
  lifeMs,
  mappingsOf,
  mayStand,
  NO_TRIES,
  resetBackoff,
  statusOf,
  unconfirmed,
  type WantedMapping,
} from "../../lib/lease/ledger.ts";
import { type StoredTime, timeAfter } from "../../lib/lease/stored_time.ts";
import { GRANTED, heldLeaseOf, leaseOf } from "../support/leases.ts";
import { REFUSED } from "./fake_mapper.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

function after(ms: number): StoredTime {
  return timeAfter(GRANTED, ms);
}

/** After another start of the machine, with a wall clock from before the grant: the age is unknown. */
const UNKNOWN: StoredTime = { wallMs: GRANTED.wallMs - YEAR_MS, uptimeMs: 1000, boot: "second" };

function entryOf(different: Partial<LedgerEntry> = {}): LedgerEntry {
  return { ...TCP_80, lease: heldLeaseOf(), ...different };
}

// ---- leases ----

Deno.test("heldLease() begins when the lease began, and is due by its age", () => {
  const lease = leaseOf({
    grantedAtMs: 5000,
    renewAtMs: 1_805_000,
    joinAtMs: 1_705_000,
    expiresAtMs: 3_605_000,
  });
  assertEquals(heldLease(lease, { ms: 5400, stored: after(400) }), heldLeaseOf({ granted: GRANTED }));
});

Deno.test("heldLease() of what never ends keeps when it is to be renewed", () => {
  const lease = leaseOf({ lifetimeSeconds: "permanent", expiresAtMs: Infinity });
  const held = heldLease(lease, { ms: 0, stored: GRANTED });
  assertEquals([held.lifetimeSeconds, held.renewAfterMs], ["permanent", 1_800_000]);
});

/** Each: what, the granted lifetime, the time, what is left. */
const LEFT: readonly (readonly [string, number | "permanent", StoredTime, number | undefined])[] = [
  ["when it was just granted", 3600, after(0), HOUR_MS],
  ["after half of its life", 3600, after(HOUR_MS / 2), HOUR_MS / 2],
  ["at its end", 3600, after(HOUR_MS), 0],
  ["after its end", 3600, after(3 * HOUR_MS), -2 * HOUR_MS],
  ["of the longest lease", 4_294_967_295, after(24 * HOUR_MS), 4_294_967_295_000 - 24 * HOUR_MS],
  ["of a permanent one", "permanent", after(YEAR_MS), Infinity],
  ["of unknown age", 3600, UNKNOWN, undefined],
  ["of a permanent one of unknown age", "permanent", UNKNOWN, undefined],
  ["although the wall clock was set back by a year", 3600, {
    ...after(60_000),
    wallMs: GRANTED.wallMs - YEAR_MS,
  }, HOUR_MS - 60_000],
  ["although the wall clock was set forward by a year", 3600, {
    ...after(60_000),
    wallMs: GRANTED.wallMs + YEAR_MS,
  }, HOUR_MS - 60_000],
];

for (const [what, lifetimeSeconds, now, expected] of LEFT) {
  Deno.test(`leftMs() ${what}`, () => {
    assertEquals(leftMs(heldLeaseOf({ lifetimeSeconds }), now), expected);
  });
}

Deno.test("lifeMs() is the granted lifetime", () => {
  assertEquals(lifeMs({ lifetimeSeconds: 60 }), 60_000);
  assertEquals(lifeMs({ lifetimeSeconds: "permanent" }), Infinity);
});

Deno.test("ageMs() is the time since the grant, where that is known", () => {
  assertEquals(ageMs(heldLeaseOf(), after(1234)), 1234);
  assertEquals(ageMs(heldLeaseOf(), UNKNOWN), undefined);
});

Deno.test("isOver() is not true of a lease of unknown age, which may live", () => {
  assertEquals([after(HOUR_MS - 1), after(HOUR_MS), UNKNOWN].map((now) => isOver(heldLeaseOf(), now)), [
    false,
    true,
    false,
  ]);
});

// ---- entries ----

interface Case {
  readonly what: string;
  readonly entry: LedgerEntry;
  readonly now: StoredTime;
  readonly status: LeaseStatus | undefined;
  readonly held: boolean;
  readonly stands: boolean;
}

const CASES: readonly Case[] = [
  { what: "nothing is known", entry: TCP_80, now: after(0), status: undefined, held: false, stands: false },
  { what: "it lives", entry: entryOf(), now: after(HOUR_MS - 1), status: "held", held: true, stands: true },
  {
    what: "it is over",
    entry: entryOf(),
    now: after(HOUR_MS),
    status: "expired",
    held: false,
    stands: false,
  },
  {
    what: "it never ends",
    entry: entryOf({ lease: heldLeaseOf({ lifetimeSeconds: "permanent" }) }),
    now: after(YEAR_MS),
    status: "held",
    held: true,
    stands: true,
  },
  {
    what: "the gateway forgot it, and may not have",
    entry: entryOf({ isLost: true }),
    now: after(0),
    status: "lost",
    held: true,
    stands: true,
  },
  {
    what: "the gateway forgot it, and it would be over",
    entry: entryOf({ isLost: true }),
    now: after(HOUR_MS),
    status: "lost",
    held: false,
    stands: false,
  },
  { what: "its age is unknown", entry: entryOf(), now: UNKNOWN, status: "unknown", held: true, stands: true },
  {
    what: "time jumped beyond its end, and the gateway was not asked yet",
    entry: entryOf({ isDoubtful: true }),
    now: after(3 * HOUR_MS),
    status: "expired",
    held: true,
    stands: true,
  },
  {
    what: "an earlier process held it",
    entry: entryOf({ isUnconfirmed: true, isEarlier: true }),
    now: after(0),
    status: "held",
    held: false,
    stands: false,
  },
  {
    what: "an earlier process held it, and a request for it was not answered",
    entry: unconfirmed(entryOf({ isUnconfirmed: true, isEarlier: true })),
    now: after(0),
    status: "held",
    held: false,
    stands: true,
  },
  {
    what: "it was asked for without an answer",
    entry: { ...TCP_80, isUnconfirmed: true },
    now: after(0),
    status: undefined,
    held: false,
    stands: true,
  },
];

for (const { what, entry, now, status, held, stands } of CASES) {
  Deno.test(`statusOf(), isHeld() and mayStand(): ${what}`, () => {
    assertEquals([statusOf(entry, now), isHeld(entry, now), mayStand(entry, now)], [status, held, stands]);
  });
}

Deno.test("isHeld() is not true without an entry", () => {
  assertEquals(isHeld(undefined, GRANTED), false);
});

// ---- the ledger ----

const WANTED: WantedMapping = { protocols: ["udp", "tcp"], internalPort: 80 };

Deno.test("mappingsOf() is one for each protocol, in order", () => {
  assertEquals(mappingsOf([WANTED, { protocols: ["tcp"], internalPort: 22 }]), [
    UDP_80,
    TCP_80,
    { protocol: "tcp", internalPort: 22 },
  ]);
});

Deno.test("Ledger knows every mapping apart from every other", () => {
  const mappings = [0, 1, 2, 65_534, 65_535].flatMap((internalPort) =>
    mappingsOf([{ protocols: ["tcp", "udp"], internalPort }])
  );
  const ledger = new Ledger(mappings);
  assertEquals([...ledger.entries], mappings);
  for (const mapping of mappings) {
    assertStrictEquals(ledger.get(mapping), mapping);
    assertStrictEquals(ledger.of(mapping.protocol, mapping.internalPort), mapping);
  }
  assertEquals(ledger.get({ protocol: "tcp", internalPort: 3 }), undefined);
});

Deno.test("Ledger.set() puts an entry in the place of the one before, or after the others", () => {
  const ledger = new Ledger([UDP_80, TCP_80]);
  const changed = { ...UDP_80, isUnconfirmed: true };
  ledger.set(changed);
  ledger.set({ protocol: "tcp", internalPort: 22 });
  assertEquals([...ledger.entries], [changed, TCP_80, { protocol: "tcp", internalPort: 22 }]);
});

Deno.test("Ledger.change() begins with an empty entry where there is none", () => {
  const ledger = new Ledger();
  ledger.change(heldLeaseOf(), (entry) => ({ ...entry, config: "/etc/natpmp.json" }));
  assertEquals([...ledger.entries], [{ ...TCP_80, config: "/etc/natpmp.json" }]);
});

Deno.test("Ledger.changeAll() changes every entry, and Ledger.delete() forgets one", () => {
  const ledger = new Ledger([UDP_80, TCP_80]);
  ledger.changeAll((entry) => ({ ...entry, isLost: true }));
  assertEquals([...ledger.entries].map(({ isLost }) => isLost), [true, true]);
  ledger.delete(UDP_80);
  assertEquals([...ledger.entries].map(({ protocol }) => protocol), ["tcp"]);
});

Deno.test("Ledger.loseAll() makes every lease lost, and begins another generation", () => {
  const ledger = new Ledger([entryOf(), UDP_80]);
  ledger.loseAll({ ms: 0, stored: GRANTED });
  assertEquals([...ledger.entries], [entryOf({ isLost: true }), UDP_80]);
  assertEquals(ledger.generation, 1);
});

Deno.test("Ledger.grant() holds a lease, which is news", () => {
  const reported = { externalPort: 40_000 };
  const before = {
    isLost: true,
    isUnconfirmed: true,
    isDoubtful: true,
    reported,
    config: "/etc/natpmp.json",
  };
  const ledger = new Ledger([{ ...TCP_80, ...before }]);
  ledger.grant(leaseOf(), { ms: 0, stored: GRANTED });
  assertEquals([...ledger.entries], [
    {
      ...entryOf({ reported, config: "/etc/natpmp.json" }),
      isLost: false,
      isUnconfirmed: false,
      isEarlier: false,
      isDoubtful: false,
      isRenewed: true,
    },
  ]);
});

Deno.test("Ledger.grant() takes a lease for lost that was granted before the gateway forgot its mappings", () => {
  const ledger = new Ledger();
  const { generation } = ledger;
  ledger.loseAll({ ms: 0, stored: GRANTED });
  ledger.grant(leaseOf(), { ms: 0, stored: GRANTED }, generation);
  assertEquals(ledger.get(TCP_80)?.isLost, true);
  ledger.grant(leaseOf(), { ms: 0, stored: GRANTED }, ledger.generation);
  assertEquals(ledger.get(TCP_80)?.isLost, false);
});

Deno.test("Ledger.tries() begins without any, for each wanted mapping alone", () => {
  const ledger = new Ledger();
  const other: WantedMapping = { ...WANTED };
  assertEquals(ledger.tries(WANTED), NO_TRIES);
  ledger.changeTries(WANTED, (tries) => ({ ...tries, failures: tries.failures + 1 }));
  ledger.changeTries(WANTED, (tries) => ({ ...tries, failures: tries.failures + 1 }));
  assertEquals([ledger.tries(WANTED).failures, ledger.tries(other).failures], [2, 0]);
});

Deno.test("resetBackoff() forgets how often tries failed, and neither what is due nor what was reported", () => {
  const tries = {
    failures: 7,
    failedAtMs: 5000,
    retryAtMs: 9000,
    isDue: true,
    error: REFUSED,
    reportedCause: "busy",
  };
  assertEquals(resetBackoff(tries), { ...NO_TRIES, isDue: true, error: REFUSED, reportedCause: "busy" });
});
