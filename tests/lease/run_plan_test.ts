import { assertEquals } from "@std/assert";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import { isTooShort, type Policy, protocolsDue, unwantedEntries } from "../../lib/lease/run_plan.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { type MappingKey, mappingName, type TransportProtocol } from "../../lib/port_mapper.ts";
import { GRANTED } from "../support/leases.ts";
import {
  at,
  DUE,
  entryOf,
  EVERYTHING,
  FILE,
  JOIN_MS,
  type Known,
  LIFE_MS,
  OF_FILE,
  ofFile,
  PAIR,
  situationOf,
  UNKNOWN,
  WEB,
} from "./run_lab.ts";

const MINUTE_MS = 60_000;

function everyMs(intervalMs: number): Policy {
  return { ...DUE, intervalMs };
}

// ---- what is due ----

interface DueCase extends Omit<Known, "wanted"> {
  readonly what: string;
  readonly wanted?: WantedMapping;
  readonly due: readonly TransportProtocol[];
}

const TCP_80 = entryOf("tcp", 80);
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

Deno.test("isTooShort() of leases that do not see three runs", () => {
  assertEquals(isTooShort(2_699_999, 15 * MINUTE_MS), true);
  assertEquals(isTooShort(2_700_000, 15 * MINUTE_MS), false);
  assertEquals(isTooShort(Infinity, 15 * MINUTE_MS), false);
  assertEquals(isTooShort(1000, undefined), false);
});
