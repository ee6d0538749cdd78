import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RefusedError, SocketError } from "../../lib/errors.ts";
import {
  type HeldLease,
  Ledger,
  type LedgerEntry,
  NO_TRIES,
  type Now,
  type WantedMapping,
} from "../../lib/lease/ledger.ts";
import {
  changeSince,
  endOf,
  hasExpired,
  type MappingEvent,
  newsOf,
  type RunChange,
  takeErrors,
  takeNews,
} from "../../lib/lease/news.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import type { TransportProtocol } from "../../lib/port_mapper.ts";
import { GRANTED, heldLeaseOf } from "../support/leases.ts";
import { NO_ANSWER, REFUSED } from "./fake_mapper.ts";

type Held = LedgerEntry & { readonly lease: HeldLease };

const ADDRESS = "198.51.100.7";
const OTHER_ADDRESS = "198.51.100.8";
const LEASE = heldLeaseOf();
const MOVED = heldLeaseOf({ externalPort: 40_002 });
const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const HELD: Held = { ...TCP_80, lease: LEASE };
const REPORTED = { externalPort: 40_001, externalAddress: ADDRESS };
const PORT_REPORTED = { externalPort: 40_001, externalAddress: undefined };

function at(ms: number): Now {
  return { ms, stored: timeAfter(GRANTED, ms) };
}

// ---- one mapping ----

interface Case {
  readonly what: string;
  readonly entry: Held;
  readonly address?: string;
  readonly event?: MappingEvent;
  /** What counts as reported from then on. */
  readonly reported: LedgerEntry["reported"];
}

const CASES: readonly Case[] = [
  {
    what: "a first grant is mapped, with the address where it is known",
    entry: { ...HELD, isRenewed: true },
    address: ADDRESS,
    event: { type: "mapped", lease: LEASE, externalAddress: ADDRESS },
    reported: REPORTED,
  },
  {
    what: "a first grant without a known address is mapped",
    entry: { ...HELD, isRenewed: true },
    event: { type: "mapped", lease: LEASE, externalAddress: undefined },
    reported: PORT_REPORTED,
  },
  {
    what: "nothing is new without a grant",
    entry: { ...HELD, reported: REPORTED },
    address: ADDRESS,
    reported: REPORTED,
  },
  {
    what: "a grant on the same port and address is renewed",
    entry: { ...HELD, reported: REPORTED, isRenewed: true },
    address: ADDRESS,
    event: { type: "renewed", lease: LEASE, externalAddress: ADDRESS },
    reported: REPORTED,
  },
  {
    what: "another port is changed",
    entry: { ...HELD, lease: MOVED, reported: REPORTED, isRenewed: true },
    address: ADDRESS,
    event: { type: "changed", lease: MOVED, externalAddress: ADDRESS, previousExternalPort: 40_001 },
    reported: { externalPort: 40_002, externalAddress: ADDRESS },
  },
  {
    what: "a grant at another address is changed",
    entry: { ...HELD, reported: REPORTED, isRenewed: true },
    address: OTHER_ADDRESS,
    event: {
      type: "changed",
      lease: LEASE,
      externalAddress: OTHER_ADDRESS,
      previousExternalAddress: ADDRESS,
    },
    reported: { externalPort: 40_001, externalAddress: OTHER_ADDRESS },
  },
  {
    what: "another port at another address is one change",
    entry: { ...HELD, lease: MOVED, reported: REPORTED, isRenewed: true },
    address: OTHER_ADDRESS,
    event: {
      type: "changed",
      lease: MOVED,
      externalAddress: OTHER_ADDRESS,
      previousExternalPort: 40_001,
      previousExternalAddress: ADDRESS,
    },
    reported: { externalPort: 40_002, externalAddress: OTHER_ADDRESS },
  },
  {
    what: "another address without a grant is not news of the mapping",
    entry: { ...HELD, reported: REPORTED },
    address: OTHER_ADDRESS,
    reported: REPORTED,
  },
  {
    what: "an address that becomes known is not a change",
    entry: { ...HELD, reported: PORT_REPORTED },
    address: ADDRESS,
    reported: REPORTED,
  },
  {
    what: "an address that becomes known with a grant is not a change",
    entry: { ...HELD, reported: PORT_REPORTED, isRenewed: true },
    address: ADDRESS,
    event: { type: "renewed", lease: LEASE, externalAddress: ADDRESS },
    reported: REPORTED,
  },
  {
    what: "the reported address stays while none is known",
    entry: { ...HELD, reported: REPORTED, isRenewed: true },
    event: { type: "renewed", lease: LEASE, externalAddress: ADDRESS },
    reported: REPORTED,
  },
  {
    what: "the address that came with the lease counts before the gateway's",
    entry: { ...HELD, lease: heldLeaseOf({ externalAddress: ADDRESS }), reported: REPORTED, isRenewed: true },
    address: OTHER_ADDRESS,
    event: { type: "renewed", lease: heldLeaseOf({ externalAddress: ADDRESS }), externalAddress: ADDRESS },
    reported: REPORTED,
  },
  {
    what: "what the gateway forgot is not news until it is granted again",
    entry: { ...HELD, lease: MOVED, reported: REPORTED, isLost: true, isRenewed: true },
    address: OTHER_ADDRESS,
    reported: REPORTED,
  },
];

for (const { what, entry, address, event, reported } of CASES) {
  Deno.test(`newsOf(): ${what}`, () => {
    const news = newsOf(entry, address);
    assertEquals(news.event, event);
    assertEquals(news.entry.reported, reported);
  });

  Deno.test(`newsOf(), again: ${what}`, () => {
    const next = newsOf(entry, address).entry as Held;
    const again = newsOf(next, address);
    assertEquals(again.event, undefined);
    assertStrictEquals(again.entry, next);
  });
}

Deno.test("newsOf() leaves the rest of an entry as it is", () => {
  const entry = { ...HELD, isRenewed: true, hookPending: true, config: "/etc/natpmp.json" };
  const { reported, isRenewed, ...rest } = newsOf(entry, ADDRESS).entry;
  assertEquals([reported, isRenewed], [REPORTED, undefined]);
  assertEquals(rest, { ...HELD, hookPending: true, config: "/etc/natpmp.json" });
});

Deno.test("endOf() reports the port that was reported last, once", () => {
  for (const type of ["expired", "unmapped"] as const) {
    const { entry, event } = endOf({ ...HELD, lease: MOVED, reported: REPORTED, isRenewed: true }, type);
    assertEquals(event, { type, mapping: TCP_80, via: "nat-pmp", previousExternalPort: 40_001 });
    assertEquals(endOf(entry, type).event, undefined);
  }
});

Deno.test("endOf() reports nothing of what was never reported", () => {
  assertEquals(endOf({ ...HELD, isRenewed: true }, "expired").event, undefined);
});

Deno.test("endOf() makes a grant after it mapped, not renewed", () => {
  const { entry } = endOf({ ...HELD, reported: REPORTED, isRenewed: true }, "expired");
  assertEquals(newsOf({ ...entry, lease: LEASE, isRenewed: true }, ADDRESS).event?.type, "mapped");
});

/** Each: what, the entry, how old its lease of an hour is, whether its end is news. */
const ENDS: readonly (readonly [string, LedgerEntry, number, boolean])[] = [
  ["a lease that lives", { ...HELD, reported: REPORTED }, 3_599_999, false],
  ["a lease that is over", { ...HELD, reported: REPORTED }, 3_600_000, true],
  ["a lost lease that would be over", { ...HELD, reported: REPORTED, isLost: true }, 3_600_000, true],
  ["what was never reported", HELD, 3_600_000, false],
  [
    "a lease of which a suspend makes one doubt",
    { ...HELD, reported: REPORTED, isDoubtful: true },
    3_600_000,
    false,
  ],
  ["what an earlier process held", { ...HELD, reported: REPORTED, isUnconfirmed: true }, 3_600_000, false],
  [
    "a lease that never ends",
    { ...HELD, lease: heldLeaseOf({ lifetimeSeconds: "permanent" }), reported: REPORTED },
    1e12,
    false,
  ],
  ["nothing", TCP_80, 0, false],
];

for (const [what, entry, ageMs, expected] of ENDS) {
  Deno.test(`hasExpired() of ${what} is ${expected}`, () =>
    assertEquals(hasExpired(entry, at(ageMs)), expected));
}

Deno.test("hasExpired() is not true of a lease of unknown age", () => {
  const now = { ms: 0, stored: { wallMs: 0, uptimeMs: 0, boot: "second" } };
  assertEquals(hasExpired({ ...HELD, reported: REPORTED }, now), false);
});

// ---- against what was known before a run ----

interface ChangeCase {
  /** What a lease is, or has. */
  readonly what: string;
  /** The mapping as it was known before, with a lease of an hour on port 40001. */
  readonly before?: LedgerEntry;
  /** How old that lease is; a minute. */
  readonly ageMs?: number;
  /** The port that is held now; 40001. */
  readonly externalPort?: number;
  /** The external address now; the reported one. */
  readonly address?: string | undefined;
  readonly isLost?: boolean;
  readonly change: RunChange | undefined;
}

const MAPPED = { type: "mapped" } as const;
const KNOWN: LedgerEntry = { ...HELD, reported: REPORTED };
const KNOWN_ELSEWHERE: LedgerEntry = {
  ...HELD,
  reported: { externalPort: 40_001, externalAddress: OTHER_ADDRESS },
};

const CHANGES: readonly ChangeCase[] = [
  { what: "was not known", change: MAPPED },
  { what: "was only asked for", before: { ...TCP_80, isUnconfirmed: true }, change: MAPPED },
  { what: "is as it was", before: KNOWN, change: undefined },
  {
    what: "has another port",
    before: KNOWN,
    externalPort: 40_002,
    change: { type: "changed", previousExternalPort: 40_001 },
  },
  {
    what: "has another address",
    before: KNOWN_ELSEWHERE,
    change: { type: "changed", previousExternalAddress: OTHER_ADDRESS },
  },
  {
    what: "has another port and another address",
    before: KNOWN_ELSEWHERE,
    externalPort: 40_002,
    change: { type: "changed", previousExternalPort: 40_001, previousExternalAddress: OTHER_ADDRESS },
  },
  {
    what: "is as it was while nobody knows the address now",
    before: KNOWN,
    address: undefined,
    change: undefined,
  },
  { what: "is as it was where no address was reported", before: HELD, change: undefined },
  {
    what: "is as it was where no address was reported with the port",
    before: { ...HELD, reported: PORT_REPORTED },
    change: undefined,
  },
  { what: "was over", before: KNOWN, ageMs: 3_600_000, change: MAPPED },
  { what: "was almost over", before: KNOWN, ageMs: 3_599_999, change: undefined },
  { what: "was over at another address", before: KNOWN_ELSEWHERE, ageMs: 3_600_000, change: MAPPED },
  { what: "was lost by the gateway", before: { ...KNOWN, isLost: true }, change: MAPPED },
  { what: "was lost by a loss that was found just now", before: KNOWN, isLost: true, change: MAPPED },
  {
    what: "was lost by a gateway that has another address now",
    before: KNOWN_ELSEWHERE,
    isLost: true,
    change: { type: "changed", previousExternalAddress: OTHER_ADDRESS },
  },
  {
    what: "was lost with its port by a gateway that has another address now",
    before: { ...KNOWN_ELSEWHERE, isLost: true },
    externalPort: 40_002,
    change: { type: "changed", previousExternalPort: 40_001, previousExternalAddress: OTHER_ADDRESS },
  },
  {
    what: "was lost by a gateway whose address is not known now",
    before: KNOWN_ELSEWHERE,
    address: undefined,
    isLost: true,
    change: MAPPED,
  },
  {
    what: "never ends",
    before: { ...KNOWN, lease: heldLeaseOf({ lifetimeSeconds: "permanent" }) },
    ageMs: 1e12,
    change: undefined,
  },
  {
    what: "never ends and was lost by a gateway that has another address now",
    before: { ...KNOWN_ELSEWHERE, lease: heldLeaseOf({ lifetimeSeconds: "permanent" }) },
    ageMs: 1e12,
    isLost: true,
    change: { type: "changed", previousExternalAddress: OTHER_ADDRESS },
  },
  {
    what: "is as it was though its hook is pending",
    before: { ...KNOWN, hookPending: true },
    change: undefined,
  },
];

for (
  const { what, before, ageMs = 60_000, externalPort = 40_001, isLost = false, change, ...rest } of CHANGES
) {
  Deno.test(`changeSince() of a lease that ${what} is ${change?.type ?? "nothing"}`, () => {
    const externalAddress = "address" in rest ? rest.address : ADDRESS;
    const options = { before, isLost, externalAddress, now: at(ageMs) };
    assertEquals(changeSince({ externalPort }, options), change);
  });
}

Deno.test("changeSince() of a lease whose age nobody knows is mapped", () => {
  const now = { ms: 0, stored: { wallMs: 0, uptimeMs: 0, boot: "second" } };
  const options = { before: KNOWN, isLost: false, externalAddress: ADDRESS, now };
  assertEquals(changeSince({ externalPort: 40_001 }, options), MAPPED);
});

// ---- all of them ----

const PAIR: WantedMapping = { protocols: ["udp", "tcp"], internalPort: 80 };

function entryOf(
  protocol: TransportProtocol,
  internalPort: number,
  different: Partial<LedgerEntry> = {},
): LedgerEntry {
  return {
    protocol,
    internalPort,
    lease: heldLeaseOf({ protocol, internalPort }),
    isRenewed: true,
    ...different,
  };
}

function shortly(events: readonly MappingEvent[]): string[] {
  return events.map((event) => {
    assert("lease" in event);
    return `${event.type} ${event.lease.protocol} ${event.lease.internalPort}`;
  });
}

Deno.test("takeNews() takes the news in the wanted order, once, and of what is wanted alone", () => {
  const ledger = new Ledger([entryOf("tcp", 80), entryOf("tcp", 22), entryOf("udp", 80), entryOf("tcp", 9)]);
  const wanted: WantedMapping[] = [{ protocols: ["tcp"], internalPort: 22 }, PAIR];
  const options = { now: at(0), externalAddress: ADDRESS };
  assertEquals(shortly(takeNews(ledger, wanted, options)), [
    "mapped tcp 22",
    "mapped udp 80",
    "mapped tcp 80",
  ]);
  assertEquals(takeNews(ledger, wanted, options), []);
  assertEquals(ledger.of("tcp", 9)?.reported, undefined);
});

Deno.test("takeNews() takes none of what is not held", () => {
  const ledger = new Ledger([entryOf("tcp", 80, { isUnconfirmed: true }), entryOf("udp", 80)]);
  assertEquals(takeNews(ledger, [PAIR], { now: at(3_600_000), externalAddress: ADDRESS }), []);
  assertEquals(shortly(takeNews(ledger, [PAIR], { now: at(0), externalAddress: ADDRESS })), [
    "mapped udp 80",
  ]);
});

// ---- errors ----

function failing(
  ...failed:
    readonly (readonly [internalPort: number, error: unknown, protocols?: readonly TransportProtocol[]])[]
): { readonly ledger: Ledger; readonly wanted: WantedMapping[] } {
  const ledger = new Ledger();
  const wanted = failed.map(([internalPort, error, protocols = ["tcp"]]) => {
    const one: WantedMapping = { protocols, internalPort };
    ledger.changeTries(one, (tries) => ({ ...tries, error }));
    return one;
  });
  return { ledger, wanted };
}

function key(protocol: TransportProtocol, internalPort: number) {
  return { protocol, internalPort };
}

Deno.test("takeErrors() takes nothing of what did not fail", () => {
  assertEquals(takeErrors(new Ledger(), [], false), []);
  assertEquals(takeErrors(new Ledger(), [PAIR], false), []);
});

Deno.test("takeErrors() takes one error for all mappings with the same cause, a pair's two among them", () => {
  const again = new RefusedError("Not allowed either", "not-authorized", { resultCode: 2 });
  const { ledger, wanted } = failing([80, REFUSED], [81, again, ["tcp", "udp"]]);
  assertEquals(takeErrors(ledger, wanted, false), [
    { type: "error", error: REFUSED, mappings: [key("tcp", 80), key("tcp", 81), key("udp", 81)] },
  ]);
});

Deno.test("takeErrors() takes an error for each cause, in the wanted order", () => {
  const full = new RefusedError("Full", "out-of-resources", { resultCode: 4 });
  const { ledger, wanted } = failing([80, full], [81, REFUSED], [82, full]);
  assertEquals(takeErrors(ledger, wanted, false), [
    { type: "error", error: full, mappings: [key("tcp", 80), key("tcp", 82)] },
    { type: "error", error: REFUSED, mappings: [key("tcp", 81)] },
  ]);
});

Deno.test("takeErrors() takes each cause once until it changes", () => {
  const { ledger, wanted } = failing([80, REFUSED]);
  const [one] = wanted;
  assertEquals(takeErrors(ledger, wanted, false).length, 1);
  assertEquals(takeErrors(ledger, wanted, false).length, 0);
  for (const [error, count] of [[REFUSED, 0], [NO_ANSWER, 1], [NO_ANSWER, 0], [REFUSED, 1]] as const) {
    ledger.changeTries(one!, (tries) => ({ ...tries, error }));
    assertEquals(takeErrors(ledger, wanted, false).length, count, error.message);
  }
});

Deno.test("takeErrors() takes the same cause again after a success", () => {
  const { ledger, wanted } = failing([80, REFUSED]);
  takeErrors(ledger, wanted, false);
  ledger.changeTries(wanted[0]!, () => NO_TRIES);
  ledger.changeTries(wanted[0]!, (tries) => ({ ...tries, error: REFUSED }));
  assertEquals(takeErrors(ledger, wanted, false).length, 1);
});

Deno.test("takeErrors() leaves out what was reported of the gateway as a whole, and does not take it later", () => {
  const { ledger, wanted } = failing([80, NO_ANSWER], [81, new SocketError("No socket")], [82, REFUSED]);
  assertEquals(takeErrors(ledger, wanted, true), [{
    type: "error",
    error: REFUSED,
    mappings: [key("tcp", 82)],
  }]);
  assertEquals(takeErrors(ledger, wanted, false), []);
});
