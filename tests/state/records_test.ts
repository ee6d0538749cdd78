import { assertEquals, assertStrictEquals } from "@std/assert";
import type { LedgerEntry } from "../../lib/lease/ledger.ts";
import { mappingName } from "../../lib/port_mapper.ts";
import {
  EMPTY_STATE,
  type GatewayKey,
  namesakesOf,
  recordOf,
  runOf as runRecordOf,
  type State,
  type WatchClaim,
  withClaim,
  withoutMoved,
  withRecord,
  withRun,
} from "../../lib/state/records.ts";
import { entryOf, plain, recordWith, runOf } from "../support/state_samples.ts";

const KEY: GatewayKey = {
  host: "box",
  gateway: "10.0.0.1",
  port: 5351,
  localAddress: "10.0.0.2",
};

/** Keys that differ from {@linkcode KEY} in one thing each. */
const OTHERS: readonly GatewayKey[] = [
  { ...KEY, host: "laptop" },
  { ...KEY, gateway: "10.0.0.9" },
  { ...KEY, port: 5352 },
  { ...KEY, localAddress: "10.0.0.3" },
  { host: "box", gateway: "10.0.0.1", port: 5351 },
];

/** Two network namespaces of one host, which have the same addresses. */
const RED = { inode: 4_026_531_833, boot: "first" };
const BLUE = { inode: 4_026_532_281, boot: "first" };
const IN_RED: GatewayKey = { ...KEY, namespace: RED };
const IN_BLUE: GatewayKey = { ...KEY, namespace: BLUE };

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
const TCP_22 = { protocol: "tcp", internalPort: 22 } as const;

/** A state in which all these gateways have a lease of port 80. */
function stateOf(...keys: readonly GatewayKey[]): State {
  return { gateways: keys.map((key) => ({ ...key, entries: [entryOf(80)], watches: [] })), runs: [runOf()] };
}

/** A state in which each of these gateways knows its own index as its external port. */
function numbered(...keys: readonly GatewayKey[]): State {
  return {
    gateways: keys.map((key, i) => ({
      ...key,
      entries: [entryOf(80, { lease: { externalPort: i + 1 } })],
      watches: [],
    })),
    runs: [],
  };
}

/** The external port of the first lease that is known for a key. */
function portOf(state: State, key: GatewayKey): number | undefined {
  return recordOf(state, key).entries[0]?.lease?.externalPort;
}

/** Who keeps what at a gateway, as in `a: tcp 80, udp 80`. */
function watchesAt(state: State, key: GatewayKey): string[] {
  return recordOf(state, key).watches.map(({ lock, mappings }) =>
    `${lock}: ${mappings.map(mappingName).join(", ")}`
  );
}

Deno.test("recordOf() finds a gateway by host, address, port, protocol and the address that it knows", () => {
  const state = stateOf(...OTHERS, KEY);
  assertStrictEquals(recordOf(state, KEY), state.gateways.at(-1)!);
  for (const [i, other] of OTHERS.entries()) assertStrictEquals(recordOf(state, other), state.gateways[i]!);
});

Deno.test("recordOf() of an unknown gateway has no mapping", () => {
  for (const state of [EMPTY_STATE, stateOf(...OTHERS)]) {
    assertEquals(recordOf(state, KEY), { ...KEY, entries: [], watches: [] });
  }
});

Deno.test("withRecord() changes one gateway and nothing else", () => {
  const state = stateOf(...OTHERS, KEY);
  const changed = withRecord(state, KEY, (record) => ({ ...record, externalAddress: "203.0.113.7" }));
  assertEquals(changed, {
    ...state,
    gateways: [...state.gateways.slice(0, -1), { ...state.gateways.at(-1)!, externalAddress: "203.0.113.7" }],
  });
});

Deno.test("withRecord() adds a gateway that is new", () => {
  const state = stateOf(...OTHERS);
  const changed = withRecord(state, KEY, (record) => ({ ...record, entries: [entryOf(22)] }));
  assertEquals(changed.gateways, [...state.gateways, recordWith({ entries: [entryOf(22)] })]);
});

// ---- network namespaces ----

Deno.test("recordOf() keeps two network namespaces with the same addresses apart", () => {
  const state = numbered(IN_RED, IN_BLUE);
  assertEquals([portOf(state, IN_RED), portOf(state, IN_BLUE)], [1, 2]);
  assertEquals(portOf(numbered(IN_RED), IN_BLUE), undefined);
});

Deno.test("recordOf() takes over what was written without a namespace, and writes its own into it", () => {
  const state = numbered(KEY);
  assertEquals([portOf(state, IN_RED), recordOf(state, IN_RED).namespace], [1, RED]);
  const changed = withRecord(state, IN_RED, (record) => record);
  assertEquals(changed.gateways.map(({ namespace }) => namespace), [RED]);
  assertEquals(portOf(changed, IN_BLUE), undefined);
});

Deno.test("recordOf() where the own namespace is unknown takes any record, whose namespace stays", () => {
  const state = numbered(IN_RED);
  assertEquals(portOf(state, KEY), 1);
  assertEquals(withRecord(state, KEY, (record) => record).gateways[0]!.namespace, RED);
});

Deno.test("recordOf() after a reboot prefers the record of the same number, and takes another one when there is none", () => {
  const rebooted = (inode: number): GatewayKey => ({ ...KEY, namespace: { inode, boot: "second" } });
  const state = numbered(IN_RED, IN_BLUE);
  assertEquals([portOf(state, rebooted(RED.inode)), portOf(state, rebooted(BLUE.inode))], [1, 2]);
  assertEquals(portOf(state, rebooted(1)), 1);
});

Deno.test("recordOf() prefers the record of this run of the machine to an earlier one's", () => {
  const earlier = { ...KEY, namespace: { ...RED, boot: "earlier" } };
  for (const state of [numbered(earlier, IN_RED), numbered(KEY, IN_RED)]) {
    assertEquals([portOf(state, IN_RED)], [2]);
  }
});

Deno.test("namesakesOf() is the same addresses in other namespaces, and nothing that may be of this one", () => {
  const earlier = { ...KEY, namespace: { inode: 7, boot: "earlier" } };
  const elsewhere = { ...IN_BLUE, gateway: "10.0.0.9" };
  const state = stateOf(KEY, IN_RED, IN_BLUE, earlier, elsewhere);
  assertEquals(namesakesOf(state, IN_RED), [state.gateways[2]!]);
  assertEquals(namesakesOf(state, KEY), []);
});

// ---- runs of recurring commands ----

Deno.test("withRun() remembers the last run of each command on each host and in each namespace", () => {
  const runs = [
    runOf({ source: "a" }),
    runOf({ source: "b" }),
    runOf({ source: "a", host: "laptop" }),
    runOf({ source: "a", namespace: RED }),
    runOf({ source: "a", namespace: BLUE }),
  ];
  // The first one is without a namespace, and may be that of the red one.
  const state = runs.reduce(withRun, EMPTY_STATE);
  assertEquals(plain(state.runs), [runs[1]!, runs[2]!, runs[3]!, runs[4]!]);
  const again = runOf({ source: "a", namespace: RED, shortRuns: 2 });
  const changed = withRun(state, again);
  assertEquals(plain(changed.runs), [runs[1]!, runs[2]!, runs[4]!, again]);
  assertEquals(runRecordOf(changed, again)?.shortRuns, 2);
  assertEquals(runRecordOf(changed, runOf({ source: "c" })), undefined);
});

Deno.test("withRun() where the namespace is unknown leaves the one that is known", () => {
  const state = withRun({ gateways: [], runs: [runOf({ namespace: RED })] }, runOf({ shortRuns: 1 }));
  assertEquals(state.runs, [runOf({ namespace: RED, shortRuns: 1 })]);
});

// ---- configurations that move ----

/** How many entries each gateway has once a configuration is served at one of them. */
function countsAfterMove(keys: readonly GatewayKey[], to: GatewayKey): number[] {
  const config = "/etc/natpmp.json";
  const entries: LedgerEntry[] = [
    entryOf(80, { config }),
    entryOf(22),
    entryOf(443, { config: "/etc/other.json" }),
  ];
  const state = { gateways: keys.map((key) => ({ ...key, entries, watches: [] })), runs: [] };
  return withoutMoved(state, to, config).gateways.map(({ entries }) => entries.length);
}

Deno.test("withoutMoved() drops a configuration's mappings at other gateways of this host, and no others", () => {
  // Of this gateway, and of the other host.
  assertEquals(countsAfterMove([KEY, ...OTHERS], KEY), [3, 3, 2, 2, 2, 2]);
});

Deno.test("withoutMoved() leaves other network namespaces alone, in which a configuration may be served too", () => {
  const elsewhere = { ...KEY, gateway: "10.0.0.9" };
  const keys = [
    { ...elsewhere, namespace: RED },
    { ...elsewhere, namespace: BLUE },
    elsewhere,
    { ...elsewhere, namespace: { inode: 7, boot: "earlier" } },
  ];
  assertEquals(countsAfterMove(keys, IN_RED), [2, 3, 2, 2]);
});

Deno.test("withoutMoved() changes nothing where nothing moved", () => {
  const state = stateOf(KEY, ...OTHERS);
  assertEquals(withoutMoved(state, KEY, "/etc/natpmp.json"), state);
});

// ---- claims ----

Deno.test("withClaim() gives a watch its mappings, and leaves every other watch the rest of its own", () => {
  const claims: WatchClaim[] = [
    { lock: "a", mappings: [TCP_80, TCP_22] },
    { lock: "b", mappings: [UDP_80] },
    { lock: "c", mappings: [TCP_80, UDP_80] },
  ];
  let state = EMPTY_STATE;
  for (const claim of claims) state = withClaim(state, KEY, claim);
  assertEquals(watchesAt(state, KEY), ["a: tcp 22", "c: tcp 80, udp 80"]);
});

Deno.test("withClaim() replaces the watch's own claim, and drops it when it keeps nothing any more", () => {
  let state = withClaim(EMPTY_STATE, KEY, { lock: "a", mappings: [TCP_80] });
  state = withClaim(state, KEY, { lock: "a", mappings: [TCP_22] });
  assertEquals(watchesAt(state, KEY), ["a: tcp 22"]);
  state = withClaim(state, KEY, { lock: "a", mappings: [] });
  assertEquals(watchesAt(state, KEY), []);
});

Deno.test("withClaim() takes the watch with its mappings away from where it was before", () => {
  for (const elsewhere of [OTHERS[1]!, OTHERS[3]!, OTHERS[4]!]) {
    let state = withClaim(stateOf(elsewhere, KEY), elsewhere, { lock: "a", mappings: [TCP_80] });
    state = withRecord(
      state,
      elsewhere,
      (record) => ({ ...record, entries: [...record.entries, entryOf(22)] }),
    );
    const moved = withClaim(state, KEY, { lock: "a", mappings: [TCP_80] });
    assertEquals([watchesAt(moved, elsewhere), watchesAt(moved, KEY)], [[], ["a: tcp 80"]]);
    assertEquals(recordOf(moved, elsewhere).entries, [entryOf(22)]);
    assertEquals(recordOf(moved, KEY).entries, [entryOf(80)]);
  }
});

Deno.test("withClaim() leaves the watches of other gateways, hosts and namespaces alone", () => {
  const others = [...OTHERS, IN_BLUE];
  const own = { ...KEY, namespace: RED };
  let state = EMPTY_STATE;
  for (const [i, key] of others.entries()) {
    state = withClaim(state, key, { lock: `${i}`, mappings: [TCP_80] });
  }
  state = withClaim(state, own, { lock: "me", mappings: [TCP_80] });
  assertEquals(others.map((key) => watchesAt(state, key)), others.map((_, i) => [`${i}: tcp 80`]));
});
