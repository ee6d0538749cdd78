import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { adviceFor } from "../../../lib/cli/doctor/advice.ts";
import type { Finding } from "../../../lib/cli/doctor/findings.ts";
import { SILENCE } from "./samples.ts";

const silence = { kind: "silence", gateway: "10.0.0.1", junk: 0, couldSend: true } as const;
const notSupported = { kind: "not-supported", gateway: "10.0.0.1", reason: "unsupported-version" } as const;

/** Each finding, and what its advice has to name for a person to act on it. */
const CASES: readonly (readonly [Finding, ...string[]])[] = [
  [{ kind: "no-gateway" }, "--gateway"],
  [{ kind: "guessed-gateway", gateway: "10.0.0.1" }, "10.0.0.1", "--gateway", "guess"],
  [{ kind: "policy-routing", interfaceName: "wg0" }, "wg0", "--interface", "VPN"],
  [{ kind: "container", isBehindBridge: true }, "on the host", "host networking"],
  [{ kind: "container", isBehindBridge: false }, "on the host"],
  [
    { kind: "not-private", localAddress: "11.0.0.1", addressClass: "public" },
    "11.0.0.1",
    "public",
    "RFC 1918",
  ],
  [silence, "10.0.0.1", "Turn on UPnP, NAT-PMP or PCP", "firewall", "--timeout"],
  [{ ...silence, junk: 3 }, "10.0.0.1", "no valid answer"],
  [{ ...silence, couldSend: false }, "this host's firewall"],
  [{ ...notSupported, reason: "port-unreachable" }, "Turn on UPnP", "10.0.0.1", "port 5351 is closed"],
  [
    { ...notSupported, reason: "port-unreachable", hasNoUpnp: true },
    "Turn on UPnP, NAT-PMP or PCP",
    "port 5351 is closed",
    "no UPnP router",
  ],
  [{ ...notSupported, reason: "no-service" }, "Turn on UPnP", "10.0.0.1", "--via and --igd"],
  [{ kind: "http-silence", gateway: "10.0.0.1" }, "10.0.0.1", "HTTP"],
  [
    { kind: "several-routers", gateway: "10.0.0.1", addresses: ["10.0.0.1", "10.0.0.254"] },
    "2 routers",
    "10.0.0.1, 10.0.0.254",
    "double NAT",
    "mesh",
    "natpmp asks 10.0.0.1",
    "--gateway or --igd",
  ],
  [{ kind: "nat-off", gateway: "10.0.0.1" }, "10.0.0.1", "bridge mode", "--gateway or --igd"],
  [{ kind: "disconnected", gateway: "10.0.0.1", connectionStatus: "Down" }, "10.0.0.1", '"Down"'],
  [{ kind: "maps-no-ports", gateway: "10.0.0.1" }, "10.0.0.1", "switch", "no service"],
  [{ kind: "unreadable-description", gateway: "10.0.0.1" }, "10.0.0.1", "Restart"],
  [{ kind: "slow-search", gateway: "10.0.0.1" }, "--via upnp", "2 s"],
  [{ kind: "broken-miniupnpd", gateway: "10.0.0.1" }, "10.0.0.1", "2.3.10", "2.3.11"],
  [{ kind: "permanent-only", gateway: "10.0.0.1" }, "natpmp unmap", "natpmp watch", "never end"],
  [{ ...notSupported, version: 2 }, "10.0.0.1", "--via pcp"],
  [{ ...notSupported, version: 0 }, "10.0.0.1", "--via nat-pmp"],
  [notSupported, "10.0.0.1"],
  [{ ...notSupported, reason: "unsupported-opcode" }, "10.0.0.1", "only a part"],
  [{ kind: "refused", what: "address", refusal: "network-failure" }, "external address", "Internet"],
  [{ kind: "refused", what: "mapping", refusal: "not-authorized" }, "mapping", "turn on UPnP"],
  [{ kind: "refused", what: "mapping", refusal: "out-of-resources" }, "mapping", "delete mappings"],
  [{ kind: "refused", what: "mapping", refusal: "port-unavailable" }, "another external port"],
  [{ kind: "refused", what: "mapping", refusal: "unknown-result" }, "the router's log"],
  [{ kind: "pcp-only", gateway: "10.0.0.1" }, "10.0.0.1", "speaks only PCP"],
  [{ kind: "drops-version-2", gateway: "10.0.0.1" }, "10.0.0.1", "--via nat-pmp"],
  [{ kind: "address-mismatch", gateway: "10.0.0.1" }, "10.0.0.1", "another NAT or a proxy"],
  [{ kind: "not-public", externalAddress: "10.1.2.3", addressClass: "private" }, "10.1.2.3", "double NAT"],
  [{ kind: "not-public", externalAddress: "100.64.0.9", addressClass: "shared" }, "100.64.0.9", "provider"],
  [
    { kind: "not-public", externalAddress: "203.0.113.7", addressClass: "reserved" },
    "203.0.113.7",
    "public address",
  ],
  [{ kind: "announcements-unheard" }, "5350", "watch"],
  [{ kind: "test-mapping-stays", lifetimeSeconds: 60 }, "60 s", "expires"],
  [{ kind: "nobody-listens", protocol: "udp", internalPort: 53 }, "udp port 53", "nothing listens"],
  [{ kind: "listens-elsewhere", protocol: "tcp", internalPort: 80 }, "tcp port 80", "loopback"],
];

for (const [finding, ...parts] of CASES) {
  Deno.test(`adviceFor() ${JSON.stringify(finding)} names ${parts.join(", ")} on one line`, () => {
    const advice = adviceFor(finding);
    assertMatch(advice, /^[A-Z][^\n]*[^\n.]$/);
    for (const part of parts) assertStringIncludes(advice, part);
  });
}

Deno.test("adviceFor() says of any other failure what the other commands say", () => {
  assertStringIncludes(adviceFor({ kind: "failed", error: SILENCE }), SILENCE.message);
  assertEquals(adviceFor({ kind: "failed", error: new Error("It broke") }), "It broke");
});
