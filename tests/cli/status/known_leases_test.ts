import { assertEquals } from "@std/assert";
import { heldLeases, linksWith } from "../../../lib/cli/status/known_leases.ts";
import type { LinkState, State, StoredLease } from "../../../lib/state/records.ts";
import { MemoryFiles } from "../../support/memory_files.ts";

const NOW = { wallMs: 1_000_000 };

function lease(internalPort: number, different: Partial<StoredLease> = {}): StoredLease {
  return {
    protocol: "tcp",
    internalPort,
    externalPort: internalPort,
    requestedLifetimeSeconds: 60,
    lifetimeSeconds: 60,
    granted: NOW,
    ...different,
  };
}

function link(different: Partial<LinkState> = {}): LinkState {
  return { host: "box", gateway: "10.0.0.1", port: 5351, leases: [lease(80)], keepers: [], ...different };
}

const STATE: State = {
  links: [
    link(),
    link({ gateway: "10.0.0.9", localAddress: "10.0.0.2", leases: [lease(22, { config: "/a" }), lease(23)] }),
    link({ host: "another" }),
    link({ gateway: "10.0.0.7", leases: [] }),
  ],
  runs: [],
};

const portsOf = (links: readonly LinkState[]) =>
  links.map(({ leases }) => leases.map(({ internalPort }) => internalPort));

Deno.test("linksWith() has this host's gateways at which there are leases, and of those what is meant", () => {
  assertEquals(portsOf(linksWith(STATE, { host: "box" })), [[80], [22, 23]]);
  assertEquals(portsOf(linksWith(STATE, { host: "box", gateway: "10.0.0.9" })), [[22, 23]]);
  assertEquals(portsOf(linksWith(STATE, { host: "box", localAddress: "10.0.0.2" })), [[22, 23]]);
  assertEquals(portsOf(linksWith(STATE, { host: "box", port: 5352 })), []);
  assertEquals(portsOf(linksWith(STATE, { host: "box", config: { path: "/a", mappings: [] } })), [[22]]);
  const config = { path: "/b", mappings: [{ protocol: "tcp", internalPort: 80 }] } as const;
  assertEquals(portsOf(linksWith(STATE, { host: "box", config })), [[80]]);
});

Deno.test("heldLeases() tells how each stands, and which living process keeps it", async () => {
  const files = new MemoryFiles();
  files.locks.set("/living", "natpmp watch, process 9");
  const keepers = [
    { lock: "/living", mappings: [{ protocol: "tcp", internalPort: 1 }] },
    { lock: "/dead", mappings: [{ protocol: "tcp", internalPort: 2 }] },
  ] as const;
  const leases = [lease(1), lease(2), lease(3, { isLost: true })];
  const state = { links: [link({ leases, keepers })], runs: [] };
  const now = { wallMs: NOW.wallMs + 60_000 };
  const held = await heldLeases(state, { home: { host: "box", files }, now });
  assertEquals(held.map(({ standing, leftMs, keeper }) => ({ standing, leftMs, keeper })), [
    { standing: "expired", leftMs: 0, keeper: "natpmp watch, process 9" },
    { standing: "expired", leftMs: 0, keeper: undefined },
    { standing: "lost", leftMs: 0, keeper: undefined },
  ]);
});
