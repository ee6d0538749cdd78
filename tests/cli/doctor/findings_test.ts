import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { adviceFor } from "../../../lib/cli/doctor/advice.ts";
import type { ChosenGateway, Examination } from "../../../lib/cli/doctor/examination.ts";
import { firstError } from "../../../lib/cli/doctor/examination.ts";
import { type Finding, findingsOf } from "../../../lib/cli/doctor/findings.ts";
import {
  NoAnswerError,
  NoGatewayError,
  NotSupportedError,
  RefusedError,
  SocketError,
} from "../../../lib/errors.ts";

const GATEWAY: ChosenGateway = {
  gateway: "10.0.0.1",
  port: 5351,
  localAddress: "10.0.0.2",
  interfaceName: "eth0",
  reason: "default route through eth0",
  guessed: false,
  overrulesTable: false,
};
const EFFORT = { attempts: 1, elapsedMs: 2 };
const LEASE = {
  protocol: "udp",
  internalPort: 40_000,
  via: "nat-pmp",
  externalPort: 40_000,
  requestedLifetimeSeconds: 60,
  lifetimeSeconds: 60,
  grantedAtMs: 0,
  renewAtMs: 30_000,
  joinAtMs: 30_000,
  minRetryGapMs: 2000,
  expiresAtMs: 60_000,
  ...EFFORT,
} as const;

const SOUND: Examination = {
  interfaces: [],
  candidates: { value: [] },
  gateway: { value: GATEWAY },
  container: { isLikely: false, isBehindBridge: false, signs: [] },
  protocols: [],
  address: { value: { externalAddress: "11.22.33.44", epochSeconds: 10, ...EFFORT } },
  announcements: { value: undefined },
  testMapping: { value: { lease: LEASE, deletion: { value: EFFORT } } },
  ports: [],
  trace: [],
};

function kindsOf(change: Partial<Examination>): string[] {
  return findingsOf({ ...SOUND, ...change }).map(({ kind }) => kind);
}

function answered(externalAddress: string): Partial<Examination> {
  return { address: { value: { externalAddress, ...EFFORT } } };
}

function failed(error: unknown): Partial<Examination> {
  const { testMapping: _, ...rest } = SOUND;
  return { ...rest, address: { error } };
}

const silence = (discarded: [string, number][] = [], socketFailure?: string) =>
  new NoAnswerError("10.0.0.1:5351 did not answer", EFFORT, {
    discarded: new Map(discarded),
    ...(socketFailure === undefined ? {} : { socketFailure }),
  });
const REFUSED_PORT = new NotSupportedError("Nobody listens", "port-unreachable", { effort: EFFORT });

Deno.test("findingsOf() has nothing to say about what is sound", () => {
  assertEquals(findingsOf(SOUND), []);
  assertEquals(firstError(SOUND), undefined);
});

for (
  const [address, kinds] of [
    ["11.22.33.44", []],
    ["10.1.2.3", ["not-public"]],
    ["100.64.0.1", ["not-public"]],
    ["203.0.113.7", ["not-public"]],
    ["169.254.1.1", ["not-public"]],
  ] as const
) {
  Deno.test(`findingsOf() about the external address ${address}: ${kinds.join() || "nothing"}`, () => {
    assertEquals(kindsOf(answered(address)), [...kinds]);
  });
}

Deno.test("findingsOf() tells a local address that is not RFC 1918's", () => {
  const local = (localAddress: string) => ({ gateway: { value: { ...GATEWAY, localAddress } } });
  assertEquals(kindsOf(local("11.0.0.1")), ["not-private"]);
  assertEquals(kindsOf(local("100.64.0.1")), ["not-private"]);
  assertEquals(kindsOf(local("172.31.255.254")), []);
});

Deno.test("findingsOf() tells a guess and policy routing", () => {
  const gateway = { value: { ...GATEWAY, guessed: true, overrulesTable: true } };
  assertEquals(kindsOf({ gateway }), ["guessed-gateway", "policy-routing"]);
});

Deno.test("findingsOf() tells each way in which the gateway does not answer, with its advice", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [silence(), /^Turn on UPnP, NAT-PMP or PCP.*--timeout$/],
    [
      silence([["from another port", 3]]),
      /^If 10\.0\.0\.1 is your router, restart it, .* gave no valid answer$/,
    ],
    [silence([], "network is down"), /^Check this host's firewall/],
    [REFUSED_PORT, /its UDP port 5351 is closed$/],
    [
      new NotSupportedError("v2", "unsupported-version", { version: 2 }),
      /the router 10\.0\.0\.1 speaks only PCP$/,
    ],
    [new NotSupportedError("r5", "unsupported-opcode", { resultCode: 5 }), /only a part/],
    [new RefusedError("r2", "not-authorized", { resultCode: 2 }), /but refuses$/],
    [new RefusedError("r3", "network-failure", { resultCode: 3 }), /no external address/],
    [new RefusedError("r4", "out-of-resources", { resultCode: 4 }), /no room for another one$/],
    [new RefusedError("r9", "unknown-result", { resultCode: 9 }), /says nothing more$/],
    [new SocketError("Cannot open a UDP socket"), /^Cannot open a UDP socket$/],
  ];
  for (const [error, advice] of cases) {
    const [finding, ...more] = findingsOf({ ...SOUND, ...failed(error) }).filter((finding) =>
      !["test-mapping-stays"].includes(finding.kind)
    );
    assertEquals(more, []);
    assertMatch(adviceFor(finding!), advice);
    assertEquals(firstError({ ...SOUND, ...failed(error) }), { error });
  }
});

Deno.test("findingsOf() tells a container only where something failed", () => {
  const container = { isLikely: true, isBehindBridge: true, signs: ["/.dockerenv"] };
  assertEquals(kindsOf({ container }), []);
  const findings = findingsOf({ ...SOUND, ...failed(REFUSED_PORT), container });
  assertEquals(findings[0], { kind: "container", isBehindBridge: true });
  assertMatch(adviceFor(findings[0]!), /on the host.*host networking/);
  const modest = { kind: "container", isBehindBridge: false } as const;
  assertNotMatch(adviceFor(modest), /bridge/);
});

Deno.test("findingsOf() tells a host without a gateway", () => {
  const gateway = { error: new NoGatewayError("there is none") };
  assertEquals(
    findingsOf({
      interfaces: [],
      candidates: gateway,
      gateway,
      container: SOUND.container,
      protocols: [],
      ports: [],
      trace: [],
    }),
    [
      { kind: "no-gateway" },
    ],
  );
});

Deno.test("findingsOf() advises by the reason for which there is no gateway", () => {
  const gateway = { error: new NoGatewayError("none", { reason: "unlisted-interfaces" }) };
  const { address: _, ...rest } = SOUND;
  const [first] = findingsOf({ ...rest, gateway });
  assertEquals(first, { kind: "no-gateway", reason: "unlisted-interfaces" });
  assertMatch(adviceFor(first!), /AF_NETLINK/);
});

Deno.test("findingsOf() tells a test mapping that is refused, or that stays", () => {
  const error = new RefusedError("no", "out-of-resources", { resultCode: 4 });
  assertEquals(findingsOf({ ...SOUND, testMapping: { error } }), [
    { kind: "refused", what: "mapping", refusal: "out-of-resources" },
  ]);
  const stays = { value: { lease: LEASE, deletion: { error: silence() } } };
  assertEquals(findingsOf({ ...SOUND, testMapping: stays }), [
    { kind: "test-mapping-stays", lifetimeSeconds: 60 },
  ]);
});

Deno.test("findingsOf() tells a port 5350 that cannot be shared", () => {
  assertEquals(kindsOf({ announcements: { error: new SocketError("taken") } }), ["announcements-unheard"]);
});

Deno.test("findingsOf() tells internal ports on which nobody listens, or elsewhere", () => {
  const port = (state: "taken" | "free" | "elsewhere" | "unknown", internalPort: number) =>
    ({ protocol: "tcp", internalPort, state, how: "" }) as const;
  const ports = [port("taken", 80), port("free", 81), port("elsewhere", 82), port("unknown", 83)];
  assertEquals(findingsOf({ ...SOUND, ports }), [
    { kind: "nobody-listens", protocol: "tcp", internalPort: 81 },
    { kind: "listens-elsewhere", protocol: "tcp", internalPort: 82 },
  ]);
});

Deno.test("adviceFor() is one line without a final period for every finding", () => {
  const findings: Finding[] = [
    { kind: "no-gateway" },
    { kind: "guessed-gateway", gateway: "10.0.0.1" },
    { kind: "policy-routing", interfaceName: "wg0" },
    { kind: "not-private", localAddress: "11.0.0.1", addressClass: "public" },
    { kind: "not-public", externalAddress: "10.1.2.3", addressClass: "private" },
    { kind: "not-public", externalAddress: "203.0.113.7", addressClass: "reserved" },
    { kind: "announcements-unheard" },
    { kind: "test-mapping-stays", lifetimeSeconds: 60 },
    { kind: "nobody-listens", protocol: "udp", internalPort: 53 },
    { kind: "listens-elsewhere", protocol: "udp", internalPort: 53 },
  ];
  for (const finding of findings) assertMatch(adviceFor(finding), /^[A-Z][^\n]+[^.\n]$/);
});

Deno.test("findingsOf() tells nothing about UPnP where the router is sound, whatever files it has", () => {
  const router = {
    address: "10.0.0.1",
    location: "http://10.0.0.1:5000/rootDesc.xml",
    services: ["WANIPConnection:1"],
    isChosen: true,
  };
  assertEquals(kindsOf({ upnpRouters: [router] }), []);
  // The files of one router for several versions have the same address.
  assertEquals(
    kindsOf({ upnpRouters: [router, { ...router, location: "http://10.0.0.1/2", isChosen: false }] }),
    [],
  );
  for (const connectionStatus of ["Connected", "Up"]) {
    assertEquals(kindsOf({ upnpRouters: [{ ...router, connectionStatus, isNatEnabled: true }] }), []);
  }
});

Deno.test("findingsOf() takes only one version of miniupnpd for broken, at the router that is used", () => {
  const router = { address: "10.0.0.1", location: "x", services: ["WANIPConnection:1"], isChosen: true };
  const kinds = (server: string, change = {}) => kindsOf({ upnpRouters: [{ ...router, server, ...change }] });
  assertEquals(kinds("Linux UPnP/1.1 MiniUPnPd/2.3.10"), ["broken-miniupnpd"]);
  for (const version of ["2.3.1", "2.3.9", "2.3.11", "2.3.100", "12.3.10"]) {
    assertEquals(kinds(`MiniUPnPd/${version}`), []);
  }
  assertEquals(kinds("MiniUPnPd/2.3.10", { isChosen: false, address: "10.0.0.7" }), []);
});
