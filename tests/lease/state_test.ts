import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  EMPTY_STATE,
  isSameMapping,
  type KeeperClaim,
  linkOf,
  type State,
  type StoredLink,
  withClaim,
  withLeases,
  withLink,
  withoutMoved,
} from "../../lib/lease/state.ts";
import { leaseOf, linkWith, runOf } from "../support/state_samples.ts";

const LINK: StoredLink = { host: "box", gateway: "10.0.0.1", port: 5351, localAddress: "10.0.0.2" };

/** Links that differ from {@linkcode LINK} in one thing each. */
const OTHERS: readonly StoredLink[] = [
  { ...LINK, host: "laptop" },
  { ...LINK, gateway: "10.0.0.9" },
  { ...LINK, port: 5352 },
  { ...LINK, localAddress: "10.0.0.3" },
  { host: "box", gateway: "10.0.0.1", port: 5351 },
];

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
const TCP_22 = { protocol: "tcp", internalPort: 22 } as const;

/** A state in which all these links have a lease of port 80. */
function stateOf(...links: readonly StoredLink[]): State {
  return { links: links.map((link) => ({ ...link, leases: [leaseOf(80)], keepers: [] })), runs: [runOf()] };
}

/** Who keeps what at a gateway, as in `a: tcp 80, udp 80`. */
function keepersAt(state: State, link: StoredLink): string[] {
  return linkOf(state, link).keepers.map(({ lock, mappings }) =>
    `${lock}: ${mappings.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`).join(", ")}`
  );
}

Deno.test("isSameMapping() goes by protocol and internal port", () => {
  assertEquals(
    [TCP_80, UDP_80, TCP_22, leaseOf(80, { externalPort: 9 })].map((key) => isSameMapping(TCP_80, key)),
    [
      true,
      false,
      false,
      true,
    ],
  );
});

Deno.test("linkOf() finds a gateway by host, address, port and the address that it knows", () => {
  const state = stateOf(...OTHERS, LINK);
  assertStrictEquals(linkOf(state, LINK), state.links.at(-1)!);
  for (const [i, other] of OTHERS.entries()) assertStrictEquals(linkOf(state, other), state.links[i]!);
});

Deno.test("linkOf() of what is not known has no lease", () => {
  for (const state of [EMPTY_STATE, stateOf(...OTHERS)]) {
    assertEquals(linkOf(state, LINK), { ...LINK, leases: [], keepers: [] });
  }
});

Deno.test("withLink() changes one gateway and nothing else", () => {
  const state = stateOf(...OTHERS, LINK);
  const changed = withLink(state, LINK, (known) => ({ ...known, externalAddress: "203.0.113.7" }));
  assertEquals(changed, {
    ...state,
    links: [...state.links.slice(0, -1), { ...state.links.at(-1)!, externalAddress: "203.0.113.7" }],
  });
});

Deno.test("withLink() adds a gateway that is new", () => {
  const state = stateOf(...OTHERS);
  const changed = withLink(state, LINK, (known) => ({ ...known, leases: [leaseOf(22)] }));
  assertEquals(changed.links, [...state.links, linkWith({ leases: [leaseOf(22)] })]);
});

Deno.test("withLeases() puts each lease in its predecessor's place, or at the end", () => {
  const leases = [leaseOf(80), leaseOf(80, { protocol: "udp" }), leaseOf(22)];
  const renewed = leaseOf(80, { protocol: "udp", externalPort: 9 });
  assertEquals(withLeases(leases, [renewed]), [leases[0]!, renewed, leases[2]!]);
  assertEquals(withLeases(leases, [leaseOf(443)]), [...leases, leaseOf(443)]);
  assertEquals(withLeases(leases, [leaseOf(443), renewed, leaseOf(8)]), [
    leases[0]!,
    renewed,
    leases[2]!,
    leaseOf(443),
    leaseOf(8),
  ]);
  assertEquals(withLeases(leases, []), leases);
});

Deno.test("withoutMoved() drops a configuration's leases at other gateways of this host, and no others", () => {
  const config = "/etc/natpmp.json";
  const own = leaseOf(80, { config });
  const others = [leaseOf(22), leaseOf(443, { config: "/etc/other.json" })];
  const state: State = {
    links: [LINK, ...OTHERS].map((link) => ({ ...link, leases: [own, ...others], keepers: [] })),
    runs: [],
  };
  const kept = withoutMoved(state, LINK, config).links.map(({ leases }) => leases.length);
  // Of this link, and of the other host.
  assertEquals(kept, [3, 3, 2, 2, 2, 2]);
});

Deno.test("withClaim() gives a keeper its mappings, and to everybody else the rest of theirs", () => {
  const claims: KeeperClaim[] = [
    { lock: "a", mappings: [TCP_80, TCP_22] },
    { lock: "b", mappings: [UDP_80] },
    { lock: "c", mappings: [TCP_80, UDP_80] },
  ];
  let state = EMPTY_STATE;
  for (const claim of claims) state = withClaim(state, LINK, claim);
  assertEquals(keepersAt(state, LINK), ["a: tcp 22", "c: tcp 80, udp 80"]);
});

Deno.test("withClaim() replaces the keeper's own claim, and drops it when it keeps nothing any more", () => {
  let state = withClaim(EMPTY_STATE, LINK, { lock: "a", mappings: [TCP_80] });
  state = withClaim(state, LINK, { lock: "a", mappings: [TCP_22] });
  assertEquals(keepersAt(state, LINK), ["a: tcp 22"]);
  state = withClaim(state, LINK, { lock: "a", mappings: [] });
  assertEquals(keepersAt(state, LINK), []);
});

Deno.test("withClaim() takes the keeper with its leases away from where it was before", () => {
  const [, elsewhere] = OTHERS;
  let state = withClaim(stateOf(elsewhere!, LINK), elsewhere!, { lock: "a", mappings: [TCP_80] });
  state = withLink(state, elsewhere!, (known) => ({ ...known, leases: [...known.leases, leaseOf(22)] }));
  const moved = withClaim(state, LINK, { lock: "a", mappings: [TCP_80] });
  assertEquals([keepersAt(moved, elsewhere!), keepersAt(moved, LINK)], [[], ["a: tcp 80"]]);
  assertEquals(linkOf(moved, elsewhere!).leases, [leaseOf(22)]);
  assertEquals(linkOf(moved, LINK).leases, [leaseOf(80)]);
});

Deno.test("withClaim() leaves the keepers of other gateways and hosts alone", () => {
  let state = EMPTY_STATE;
  for (const [i, link] of OTHERS.entries()) {
    state = withClaim(state, link, { lock: `${i}`, mappings: [TCP_80] });
  }
  state = withClaim(state, LINK, { lock: "me", mappings: [TCP_80] });
  assertEquals(OTHERS.map((link) => keepersAt(state, link)), OTHERS.map((_, i) => [`${i}: tcp 80`]));
});
