// What befalls a keeper over PCP, and where the gateway's protocol is found out.

import { assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import type { ViaChoice } from "../../lib/backends.ts";
import { RefusedError } from "../../lib/errors.ts";
import { HintListener } from "../../lib/hint_listener.ts";
import type { Connection } from "../../lib/lease/keeper.ts";
import type { WantedMapping } from "../../lib/lease/ledger.ts";
import type { Faults } from "../../lib/simulator/mod.ts";
import { EXTERNAL, HOST, KeeperLab, type KeeperLabOptions } from "./keeper_lab.ts";

const WEB: WantedMapping = {
  protocols: ["tcp"],
  internalPort: 80,
  externalPort: 8080,
  lifetimeSeconds: 7200,
};
const DNS: WantedMapping = { protocols: ["udp"], internalPort: 53, externalPort: 53, lifetimeSeconds: 7200 };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const REFUSED: Faults = { pcpResultCode: 2, resultCode: 2, upnpAddError: 606 };
const NO_RESOURCES: Faults = { pcpResultCode: 8 };

interface Spoken {
  readonly via: ViaChoice;
  readonly speaks: "pcp" | "both" | "nat-pmp" | "none";
  readonly upnp?: "igd1" | "igd2";
}

const SPOKEN: readonly Spoken[] = [
  { via: "pcp", speaks: "pcp" },
  { via: "auto", speaks: "pcp" },
  { via: "auto", speaks: "both" },
  { via: "auto", speaks: "nat-pmp" },
  { via: "auto", speaks: "none", upnp: "igd1" },
  { via: "upnp", speaks: "none", upnp: "igd2" },
];

function labOf({ via, ...speaks }: Spoken, options: KeeperLabOptions = {}): KeeperLab {
  return new KeeperLab({ wanted: [WEB], via, ...options, gateway: { ...speaks, ...options.gateway } });
}

/** The nonces of the requests for mappings, as they left the host. */
function noncesOf(lab: KeeperLab): string[] {
  return lab.maps.flatMap(({ request }) => "nonce" in request ? [request.nonce] : []);
}

function portsAskedFor(lab: KeeperLab): number[] {
  return lab.maps.flatMap(({ request }) => "internalPort" in request ? [request.internalPort] : []);
}

for (const spoken of SPOKEN) {
  const name = `via ${spoken.via}, ${spoken.upnp ?? spoken.speaks} spoken`;

  Deno.test(`Keeper makes everything again after a reboot, and reports one loss: ${name}`, async () => {
    await using lab = labOf(spoken, { wanted: [WEB, DNS] });
    await lab.run(10 * MINUTE_MS);
    lab.gateway.reboot(lab.worldNow);
    lab.keeper.hint();
    await lab.run(MINUTE_MS);
    lab.assertStands("tcp 8080:80", "udp 53:53");
    assertEquals(lab.of("state-lost").length, 1);
  });

  Deno.test(`Keeper reports another external address once for each mapping: ${name}`, async () => {
    await using lab = labOf(spoken, { wanted: [WEB, DNS] });
    await lab.run(10 * MINUTE_MS);
    lab.gateway.setExternalAddress("203.0.113.99", lab.worldNow);
    lab.keeper.hint();
    await lab.run(MINUTE_MS);
    const changed = lab.of("changed");
    assertEquals(changed.map(({ lease }) => lease.internalPort), [80, 53]);
    assertEquals(new Set(changed.map((event) => event.previousExternalAddress)), new Set([EXTERNAL]));
    assertEquals(lab.of("address").map(({ externalAddress }) => externalAddress), [EXTERNAL, "203.0.113.99"]);
  });

  Deno.test(`Keeper reports a refusal once, and maps when the gateway allows it: ${name}`, async () => {
    await using lab = labOf(spoken, { gateway: { faults: REFUSED } });
    await lab.run(2 * HOUR_MS);
    const refusals = lab.of("error").filter(({ mappings }) => mappings.length > 0);
    assertEquals(refusals.map(({ error }) => error instanceof RefusedError && error.refusal), [
      "not-authorized",
    ]);
    lab.gateway.setFaults({}, lab.worldNow);
    await lab.run(31 * MINUTE_MS);
    lab.assertStands("tcp 8080:80");
    assertEquals(lab.of("mapped").length, 1);
  });

  Deno.test(`Keeper holds a lease over a silence, and reports the silence: ${name}`, async () => {
    await using lab = labOf(spoken);
    await lab.run(MINUTE_MS);
    lab.gateway.setFaults({ silent: true }, lab.worldNow);
    await lab.run(1.5 * HOUR_MS);
    lab.gateway.setFaults({}, lab.worldNow);
    await lab.run(5 * MINUTE_MS);
    assertEquals([lab.of("gateway-silent").length, lab.of("gateway-back").length], [1, 1]);
    assertEquals([lab.of("mapped").length, lab.of("expired").length], [1, 0]);
    lab.assertStands("tcp 8080:80");
  });

  Deno.test(`Keeper deletes what it holds when it stops: ${name}`, async () => {
    const lab = labOf(spoken, { wanted: [WEB, DNS] });
    await lab.run(MINUTE_MS);
    await lab.stop();
    lab.assertStands();
    assertEquals(lab.of("unmapped").length, 2);
  });
}

Deno.test("Keeper follows a router that changes its protocol while it runs, before the lease would have ended", async () => {
  const CHANGES: readonly (readonly [from: Spoken["speaks"], to: Spoken["speaks"], faults: Faults])[] = [
    ["pcp", "nat-pmp", {}],
    ["nat-pmp", "pcp", {}],
    ["both", "both", { dropVersion2: true }],
  ];
  for (const [from, to, faults] of CHANGES) {
    await using lab = labOf({ via: "auto", speaks: from });
    await lab.run(10 * MINUTE_MS);
    lab.replaceGateway(lab.makeGateway({ speaks: to, faults }));
    lab.keeper.renewNow();
    await lab.run(5 * MINUTE_MS);
    lab.assertStands("tcp 8080:80");
    assertEquals(lab.of("expired"), [], `${from}, ${to}`);
  }
});

// ---- the nonce ----

Deno.test("Keeper asks again after silence with the nonce of the first request, which may have made the mapping", async () => {
  for (const via of ["pcp", "auto"] as const) {
    await using lab = labOf({ via, speaks: "pcp" }, { gateway: { faults: { loseReplies: { first: 12 } } } });
    await lab.run(5 * MINUTE_MS);
    lab.assertStands("tcp 8080:80");
    assertGreaterOrEqual(noncesOf(lab).length, 2);
    assertEquals(new Set(noncesOf(lab)).size, 1);
    assertEquals(lab.keeper.holdings[0]?.lease?.token, noncesOf(lab)[0]);
    assertEquals(lab.of("mapped").length, 1);
  }
});

// ---- a server without resources ----

Deno.test("Keeper renews at a server that has no resources for renewals by a deletion and a new mapping", async () => {
  for (const via of ["pcp", "auto"] as const) {
    await using lab = labOf({ via, speaks: "pcp" }, { gateway: { faults: { noResourcesOnRenewal: true } } });
    await lab.run(6 * HOUR_MS);
    lab.assertStands("tcp 8080:80");
    assertEquals([lab.of("error"), lab.of("changed"), lab.of("expired")], [[], [], []]);
    const renewals = lab.of("renewed").length;
    assertLessOrEqual(4, renewals);
    const own = [...lab.unmaps, ...lab.maps].map(({ request }) => request)
      .filter((request) => "nonce" in request && request.internalPort === 80);
    assertEquals(
      own.filter((request) => "nonce" in request && request.lifetimeSeconds === 0).length,
      renewals,
    );
    assertEquals(new Set(own.map((request) => "nonce" in request && request.nonce)).size, 1);
  }
});

Deno.test("Keeper deletes nothing where a server has no resources for a new mapping", async () => {
  await using lab = labOf({ via: "pcp", speaks: "pcp" }, { gateway: { faults: NO_RESOURCES } });
  await lab.run(HOUR_MS);
  assertEquals([lab.unmaps.length, lab.of("error").filter(({ mappings }) => mappings.length > 0).length], [
    0,
    1,
  ]);
  // The question for the address is a mapping too (RFC 6887 §11.6).
  const askedAtMs = lab.maps.filter(({ request }) => "internalPort" in request && request.internalPort !== 80)
    .map(({ atMs }) => atMs);
  for (const [i, atMs] of askedAtMs.entries()) {
    if (i > 0) assertGreaterOrEqual(atMs - askedAtMs[i - 1]!, 30_000);
  }
});

Deno.test("Keeper asks for no other new mapping while a server has no resources", async () => {
  await using lab = labOf({ via: "pcp", speaks: "pcp" }, {
    wanted: [WEB, DNS, { ...DNS, internalPort: 54, externalPort: 54 }],
    gateway: { faults: NO_RESOURCES },
  });
  await lab.run(29_000);
  assertEquals(portsAskedFor(lab).filter((port) => port < 100), [80]);
  await lab.run(2 * MINUTE_MS);
  const asked = lab.maps.filter(({ request }) => "internalPort" in request && request.internalPort < 100);
  for (const [i, { atMs }] of asked.entries()) {
    if (i > 0) assertGreaterOrEqual(atMs - asked[i - 1]!.atMs, 30_000);
  }
  assertEquals(new Set(portsAskedFor(lab).filter((port) => port < 100)).size, 3);
  lab.gateway.setFaults({}, lab.worldNow);
  await lab.run(MINUTE_MS);
  lab.assertStands("tcp 8080:80", "udp 53:53", "udp 54:54");
});

Deno.test("Keeper asks another gateway at once for what the first had no resources for", async () => {
  await using lab = labOf({ via: "pcp", speaks: "pcp" }, { gateway: { faults: NO_RESOURCES } });
  await lab.run(5000);
  const OTHER = "10.0.9.1";
  lab.replaceGateway(lab.makeGateway({ speaks: "pcp" }), OTHER);
  lab.connection = lab.connectionTo(OTHER);
  const movedMs = lab.clock.now();
  await lab.run(35_000);
  lab.assertStands("tcp 8080:80");
  const [mapped] = lab.of("mapped");
  assertLess(mapped!.atMs - movedMs, 31_000);
});

// ---- forged announcements ----

Deno.test("Keeper asks one question a second at most, however many announcements are forged", async () => {
  await using lab = labOf({ via: "auto", speaks: "both" });
  await lab.run(MINUTE_MS);
  const before = lab.requests.length;
  for (let i = 0; i < 1000; i++) {
    lab.keeper.hint();
    await lab.run(10);
  }
  assertLessOrEqual(lab.requests.length - before, 11);
});

for (const hears of [true, false]) {
  Deno.test(`Keeper ${hears ? "learns at once" : "learns later"} of another address ${hears ? "by" : "without"} the update of a mapping (RFC 6887 §14.2)`, async () => {
    const faults = { announceNever: true, noMappingUpdate: !hears };
    await using lab = labOf({ via: "auto", speaks: "both" }, { gateway: { faults } });
    const group = { hostname: "224.0.0.1", port: 5350 };
    const listener = new HintListener({
      open: () => Promise.resolve(lab.network.host(HOST).open(group)),
      onHint: () => lab.keeper.hint(),
    });
    await listener.listen(await lab.connection as Connection);
    await lab.run(10 * MINUTE_MS);
    lab.gateway.setExternalAddress("203.0.113.99", lab.worldNow);
    await lab.run(8000);
    assertEquals(
      lab.of("changed").map(({ externalAddress }) => externalAddress),
      hears ? ["203.0.113.99"] : [],
    );
    await lab.run(HOUR_MS);
    assertEquals(lab.of("changed").length, 1);
    listener.close();
  });
}

for (const spoken of SPOKEN) {
  Deno.test(`Keeper follows another external address of a gateway whose epoch runs on: via ${spoken.via}, ${spoken.speaks} spoken`, async () => {
    await using lab = labOf(spoken, { gateway: { faults: { keepEpoch: true } } });
    await lab.run(10 * MINUTE_MS);
    lab.gateway.setExternalAddress("203.0.113.99", lab.worldNow);
    lab.keeper.hint();
    await lab.run(10_000);
    assertEquals(lab.of("changed").map(({ externalAddress }) => externalAddress), ["203.0.113.99"]);
    lab.assertStands("tcp 8080:80");
  });
}

// ---- UPnP ----

const UPNP: Spoken = { via: "upnp", speaks: "none", upnp: "igd1" };

Deno.test("Keeper keeps a permanent mapping without an end, and deletes it when it stops", async () => {
  const lab = labOf(UPNP, { gateway: { faults: { upnpPermanentOnly: true } } });
  await lab.run(6 * HOUR_MS);
  lab.assertStands("tcp 8080:80");
  const [mapped] = lab.of("mapped");
  assertEquals([mapped?.lease.lifetimeSeconds, lab.of("error"), lab.of("expired")], ["permanent", [], []]);
  await lab.stop();
  lab.assertStands();
});

Deno.test("Keeper notices within 5 minutes that the router has lost a mapping which nothing announces", async () => {
  await using lab = labOf(UPNP);
  await lab.run(10 * MINUTE_MS);
  lab.gateway.forget();
  await lab.run(5 * MINUTE_MS + 6000);
  lab.assertStands("tcp 8080:80");
  assertEquals(lab.of("state-lost").length, 1);
});

Deno.test("Keeper asks a UPnP router for little while nothing happens: one round of questions in 5 minutes", async () => {
  await using lab = labOf(UPNP);
  await lab.run(10 * MINUTE_MS);
  const before = lab.gateway.counters.httpRequests;
  await lab.run(30 * MINUTE_MS);
  // The address and the mapping, six or seven times.
  assertLessOrEqual(lab.gateway.counters.httpRequests - before, 14);
});
