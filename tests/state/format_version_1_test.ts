/**
 * Files of version 1, as the programs wrote them: see testdata/state/README.md.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { type LedgerEntry, statusOf } from "../../lib/lease/ledger.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { mappingName } from "../../lib/port_mapper.ts";
import { formatState, parseState, StateFormatError } from "../../lib/state/format.ts";
import { plain } from "../support/state_samples.ts";

const BOOT = "5e0e2c1a-7d4b-4b5e-9d3c-0f6a1b2c3d4e";
const CONFIG = "/tmp/natpmp-state/natpmp.json";

function textOf(name: string): string {
  return Deno.readTextFileSync(new URL(`../testdata/state/version_1_${name}.json`, import.meta.url));
}

/** A mapping in a few words, such as `tcp 80: 8080, 7200 s, renewed after 3600 s, lost`. */
function words({ lease, reported, ...entry }: LedgerEntry): string {
  const flags = [
    entry.isLost && "lost",
    entry.hookPending && "hook pending",
    entry.config,
    entry.portFile,
  ].filter(Boolean);
  return [
    `${mappingName(entry)}: asked for ${lease!.requestedExternalPort ?? "any"}, got ${lease!.externalPort}`,
    `${lease!.requestedLifetimeSeconds} s, ${lease!.lifetimeSeconds} s`,
    `due after ${lease!.joinAfterMs / 1000} s`,
    `reported ${reported?.externalAddress}:${reported?.externalPort}`,
    ...flags,
  ].join("; ");
}

const MAPPED = [
  "tcp 80: asked for 8080, got 8080; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:8080",
  "udp 80: asked for 8080, got 8080; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:8080",
  "tcp 22: asked for any, got 61620; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:61620",
];

const WATCHED = [
  "udp 51820: asked for 51820, got 51820; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:51820",
  "tcp 443: asked for 8443, got 8443; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:8443",
];

/** The lock of the watch of a file, and what it keeps. */
const WATCH = "70d30601-bfd9-46c4-9e50-e95da5913cfe: udp 51820, tcp 443";

interface Case {
  readonly name: string;
  readonly what: string;
  readonly mappings: readonly string[];
  readonly watches: readonly string[];
  readonly runs: readonly string[];
  readonly namespaceInode?: number;
}

const CASES: readonly Case[] = [
  { name: "map", what: "what map was granted", mappings: MAPPED, watches: [], runs: [] },
  {
    name: "watch",
    what: "what a running watch keeps",
    mappings: [...MAPPED, ...WATCHED],
    watches: [WATCH],
    runs: [],
  },
  {
    name: "cron",
    what: "lost leases, hooks that failed, a watch that was killed, and cron's runs",
    mappings: [
      ...[...MAPPED, ...WATCHED].map((text) => `${text}; lost`),
      `tcp 25: asked for 2525, got 2525; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:2525; lost; hook pending; ${CONFIG}`,
      `udp 3478: asked for 3478, got 3478; 7200 s, 7200 s; due after 3600 s; reported 203.0.113.7:3478; lost; hook pending; ${CONFIG}`,
      "tcp 90: asked for 9000, got 9000; 7200 s, 600 s; due after 300 s; reported 203.0.113.7:9000",
      "tcp 91: asked for 9001, got 9001; 600 s, 600 s; due after 300 s; reported 203.0.113.7:9001",
    ],
    watches: [WATCH],
    runs: [
      "tcp 91: ",
      `${CONFIG}: hook of tcp 25 ended with exit code 1; hook of udp 3478 ended with exit code 1; ` +
      "nothing done: not supported: port-unreachable",
    ],
  },
  {
    name: "namespace",
    what: "network namespaces",
    mappings: [
      "tcp 80: asked for 8080, got 8080; 4 s, 4 s; due after 2 s; reported 203.0.113.7:8080",
      WATCHED[0]!,
    ],
    watches: ["b2e7373d-a4ba-45de-9337-8eba488e8738: udp 51820"],
    runs: ["tcp 80: "],
    namespaceInode: 4_026_531_833,
  },
];

for (const { name, what, mappings, watches, runs, namespaceInode } of CASES) {
  Deno.test(`parseState() reads from a file of version 1 ${what}`, () => {
    const state = parseState(textOf(name));
    const [record] = state.gateways;
    assertEquals(state.gateways.length, 1);
    const { host, gateway, port, localAddress, externalAddress } = record!;
    assertEquals([host, gateway, port, localAddress, externalAddress], [
      "box",
      "127.77.5.1",
      15_351,
      "127.0.0.1",
      "203.0.113.7",
    ]);
    assertEquals(new Set(record!.entries.map(({ lease }) => lease?.via as string)), new Set(["nat-pmp"]));
    assertEquals(record!.entries.map(words), [...mappings]);
    assertEquals(
      record!.watches.map(({ lock, mappings }) =>
        `${lock.slice("/tmp/natpmp-state/natpmp/leases.json.keeper-".length, -".lock".length)}: ${
          mappings.map(mappingName).join(", ")
        }`
      ),
      [...watches],
    );
    assertEquals(state.runs.map(({ source, reported }) => `${source}: ${reported.join("; ")}`), [...runs]);
    const inodes = [record!, ...state.runs].map(({ namespace }) => namespace?.inode);
    assertEquals(new Set(inodes), new Set([namespaceInode]));
    const boots = [
      record!.memory!.at,
      ...record!.entries.map(({ lease }) => lease!.granted),
      ...state.runs.map(({ at }) => at),
    ].map(({ boot }) => boot);
    assertEquals(new Set(boots), new Set([BOOT]));
  });

  Deno.test(`formatState() writes as version 2 what it read from version 1: ${what}`, () => {
    const state = parseState(textOf(name));
    const text = formatState(state);
    assertEquals(JSON.parse(text).version, 2);
    assertEquals(plain(parseState(text)), plain(state));
  });
}

Deno.test("parseState() reads from version 1 the time of each lease, and what the NAT-PMP client remembers", () => {
  const [record] = parseState(textOf("map")).gateways;
  assertEquals(record!.memory, {
    data: { "nat-pmp": { data: { epochSeconds: 2 }, agoMs: 0 } },
    at: { wallMs: Date.parse("2026-11-27T04:43:43.589Z"), uptimeMs: 4_452_996.786864, boot: BOOT },
  });
  const [entry] = record!.entries;
  const granted = { wallMs: Date.parse("2026-11-27T04:43:43.578Z"), uptimeMs: 4_452_985.116221, boot: BOOT };
  assertEquals(entry!.lease!.granted, granted);
  const statusAfter = (ms: number) => statusOf(entry!, timeAfter(granted, ms));
  assertEquals([statusAfter(7_199_999), statusAfter(7_200_000)], ["held", "expired"]);
});

Deno.test("parseState() takes a lease of version 1 for reported, where no address was known, with its port alone", () => {
  const json = JSON.parse(textOf("map"));
  delete json.links[0].leases[0].externalAddress;
  const [entry] = parseState(JSON.stringify(json)).gateways[0]!.entries;
  assertEquals(plain(entry!.reported), { externalPort: 8080 });
});

Deno.test("parseState() reads a file of version 1 without gateways and runs, and none with those of version 2", () => {
  assertEquals(parseState('{"version":1,"links":[],"runs":[]}'), { gateways: [], runs: [] });
  assertThrows(
    () => parseState('{"version":1,"gateways":[],"runs":[]}'),
    StateFormatError,
    '"links" of the file is missing',
  );
});

for (
  const [of, field, value] of [
    ["lease", "externalPort", 65_536],
    ["lease", "lifetimeSeconds", "permanent"],
    ["lease", "isUntold", "yes"],
    ["lease", "config", 1],
    ["lease", "granted", null],
    ["link", "keepers", {}],
    ["link", "port", 0],
    ["run", "told", [1]],
  ] as const
) {
  Deno.test(`parseState() refuses a file of version 1 whose ${of} has ${field} ${JSON.stringify(value)}`, () => {
    const json = JSON.parse(textOf("cron"));
    const parent = { lease: json.links[0].leases[0], link: json.links[0], run: json.runs[0] }[of];
    parent[field] = value;
    assertThrows(() => parseState(JSON.stringify(json)), StateFormatError, field);
  });
}
