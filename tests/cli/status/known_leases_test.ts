import { assertEquals } from "@std/assert";
import { knownLeases, recordsWith } from "../../../lib/cli/status/known_leases.ts";
import type { GatewayRecord, State } from "../../../lib/state/records.ts";
import { MemoryFiles } from "../../support/memory_files.ts";
import { entryOf, recordWith } from "../../support/state_samples.ts";

const NOW = { wallMs: 1_000_000 };
const LEASE = { granted: NOW, lifetimeSeconds: 60 };

const STATE: State = {
  gateways: [
    recordWith({ localAddress: undefined, entries: [entryOf(80)] }),
    recordWith({ gateway: "10.0.0.9", entries: [entryOf(22, { config: "/a" }), entryOf(23)] }),
    recordWith({ host: "another", entries: [entryOf(80)] }),
    recordWith({ gateway: "10.0.0.7" }),
  ],
  runs: [],
};

const portsOf = (records: readonly GatewayRecord[]) =>
  records.map(({ entries }) => entries.map(({ internalPort }) => internalPort));

Deno.test("recordsWith() has this host's gateways at which there are leases, and of those what is meant", () => {
  assertEquals(portsOf(recordsWith(STATE, { host: "box" })), [[80], [22, 23]]);
  assertEquals(portsOf(recordsWith(STATE, { host: "box", gateway: "10.0.0.9" })), [[22, 23]]);
  assertEquals(portsOf(recordsWith(STATE, { host: "box", localAddress: "10.0.0.2" })), [[22, 23]]);
  assertEquals(portsOf(recordsWith(STATE, { host: "box", port: 5352 })), []);
  assertEquals(portsOf(recordsWith(STATE, { host: "box", config: { path: "/a", mappings: [] } })), [[22]]);
  const config = { path: "/b", mappings: [{ protocol: "tcp", internalPort: 80 }] } as const;
  assertEquals(portsOf(recordsWith(STATE, { host: "box", config })), [[80]]);
});

Deno.test("knownLeases() has the status of each, and which living process keeps it", async () => {
  const files = new MemoryFiles();
  files.locks.set("/living", "natpmp watch, process 9");
  const watches = [
    { lock: "/living", mappings: [{ protocol: "tcp", internalPort: 1 }] },
    { lock: "/dead", mappings: [{ protocol: "tcp", internalPort: 2 }] },
  ] as const;
  const entries = [
    entryOf(1, { lease: LEASE }),
    entryOf(2, { lease: LEASE }),
    entryOf(3, { lease: LEASE, isLost: true }),
  ];
  const state = { gateways: [recordWith({ entries, watches })], runs: [] };
  const now = { wallMs: NOW.wallMs + 60_000 };
  const known = await knownLeases(state, { paths: { host: "box", files }, now });
  assertEquals(known.map(({ status, leftMs, keeper }) => ({ status, leftMs, keeper })), [
    { status: "expired", leftMs: 0, keeper: "natpmp watch, process 9" },
    { status: "expired", leftMs: 0, keeper: undefined },
    { status: "lost", leftMs: 0, keeper: undefined },
  ]);
});
