import { assert, assertEquals, assertRejects } from "@std/assert";
import { RefusedError } from "../../lib/errors.ts";
import type { Lease } from "../../lib/port_mapper.ts";
import type { Faults } from "../../lib/simulator/mod.ts";
import { GATEWAY, OTHER_HOST, UpnpLab } from "./upnp_lab.ts";
import { answerXml } from "./documents.ts";
import { fault, ScriptedRouter, ScriptedTable, specificEntry } from "./scripted_router.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
/** The first other port that is tried, with the lab's random numbers. */
const OTHER_PORT = 33_280;
const WEEK_SECONDS = 604_800;

// ---- leases ----

const LEASES: readonly (readonly [
  what: string,
  faults: Faults,
  asks: number,
  expected: { readonly asked: readonly string[]; readonly granted: Lease["lifetimeSeconds"] },
])[] = [
  ["a lease that is taken", {}, 3600, { asked: ["8080 3600"], granted: 3600 }],
  ["725", { upnpPermanentOnly: true }, 3600, { asked: ["8080 3600", "8080 0"], granted: "permanent" }],
  ["402 for two weeks", { upnpMaxLeaseSeconds: WEEK_SECONDS }, 2 * WEEK_SECONDS, {
    asked: [`8080 ${2 * WEEK_SECONDS}`, `8080 ${WEEK_SECONDS}`],
    granted: WEEK_SECONDS,
  }],
  ["402 for more than a day", { upnpMaxLeaseSeconds: 86_400 }, 2 * WEEK_SECONDS, {
    asked: [`8080 ${2 * WEEK_SECONDS}`, `8080 ${WEEK_SECONDS}`, "8080 86400"],
    granted: 86_400,
  }],
  ["402 for more than an hour", { upnpMaxLeaseSeconds: 3600 }, 7200, {
    asked: ["8080 7200", "8080 3600"],
    granted: 3600,
  }],
];
for (const [what, faults, lifetimeSeconds, expected] of LEASES) {
  Deno.test(`map() finds the lease that the router takes: ${what}`, async () => {
    const lab = new UpnpLab({ faults });
    const lease = await lab.run(lab.client.map({ ...AT_8080, lifetimeSeconds }));
    assertEquals([lab.asked, lease.lifetimeSeconds], [expected.asked, expected.granted]);
    assertEquals([lease.isVerified, lab.mappings], [true, ["tcp 8080 -> 10.0.0.2:80"]]);
  });
}

Deno.test("map() remembers 725: a later request, and a later client, asks for 0 at once", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  await lab.run(lab.client.map(AT_8080));
  lab.traced.length = 0;
  await lab.run(lab.client.map(AT_8080));
  assertEquals(lab.asked, ["8080 0"]);
  const later = lab.newClient();
  later.recall(JSON.parse(JSON.stringify(lab.client.memory)));
  lab.traced.length = 0;
  const lease = await lab.run(later.map(AT_8080));
  assertEquals([lab.asked, lease.lifetimeSeconds], [["8080 0"], "permanent"]);
});

Deno.test("map() asks for a week where 0 is refused with 402, and asks for what is wanted the next time", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  await lab.run(lab.client.map(AT_8080));
  lab.setFaults({ upnpNoPermanent: true });
  lab.traced.length = 0;
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, WEEK_SECONDS);
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, 3600);
  assertEquals(lab.asked.slice(0, 2), ["8080 0", `8080 ${WEEK_SECONDS}`]);
});

Deno.test("map() does not take another router's 725 for this one's", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  await lab.run(lab.client.map(AT_8080));
  lab.remove();
  const detach = lab.network.attach(lab.newGateway({}), GATEWAY, { httpPort: 5001 });
  lab.traced.length = 0;
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, 3600);
  assertEquals(lab.asked, ["8080 3600"]);
  detach();
});

Deno.test("map() asks for 0 once where the lease has 501, and does not remember that", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const table = new ScriptedTable();
  const router = new ScriptedRouter(lab.network, {
    actions: {
      ...table.actions,
      AddPortMapping: (args) => args.get("NewLeaseDuration") === "0" ? table.add(args) : fault(501),
    },
  });
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, "permanent");
  assertEquals(lab.asked, ["8080 3600", "8080 0"]);
  assertEquals((lab.client.memory!.data as Record<string, unknown>).isPermanentOnly, undefined);
  router.detach();
});

Deno.test("map() takes 501 for a conflict once, then reports it; with exact at once", async () => {
  for (const exact of [false, true]) {
    const lab = new UpnpLab({ faults: { upnpAddError: 501 } });
    const error = await assertRejects(
      () => lab.run(lab.client.map({ ...AT_8080, exact })),
      RefusedError,
      "UPnP error 501",
    );
    assertEquals([error.refusal, error.resultCode], [exact ? "unknown-result" : "out-of-resources", 501]);
    const first = ["8080 3600", "8080 0"];
    assertEquals(lab.asked, exact ? first : [...first, `${OTHER_PORT} 3600`]);
  }
});

Deno.test("map() ends where a router answers 725 and 402 in turn", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const router = new ScriptedRouter(lab.network, {
    actions: {
      ...new ScriptedTable().actions,
      AddPortMapping: (args) => fault(args.get("NewLeaseDuration") === "0" ? 402 : 725),
    },
  });
  await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError, "725");
  assertEquals(lab.asked, ["8080 3600", "8080 0", `8080 ${WEEK_SECONDS}`]);
  router.detach();
});

Deno.test("a permanent mapping never ends, and is looked at again like a lease", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.expiresAtMs, lease.joinAtMs - lease.grantedAtMs], [Infinity, 1_800_000]);
  assert(lease.renewAtMs - lease.grantedAtMs >= 1_800_000);
  assert(lease.renewAtMs - lease.grantedAtMs <= 3600_000 * (9 / 16));
});

// ---- reading back ----

Deno.test("map() of what the router grants and does not list is an unknown result", async () => {
  const lab = new UpnpLab({ faults: { upnpNoMapping: true } });
  const error = await assertRejects(
    () => lab.run(lab.client.map(AT_8080)),
    RefusedError,
    "the router granted external tcp port 8080 but does not list it",
  );
  assertEquals(error.refusal, "unknown-result");
});

for (const code of [401, 501, 602, 606]) {
  Deno.test(`map() at a router that shows no mapping (${code}) counts, and is not verified`, async () => {
    const lab = new UpnpLab({ faults: { upnpSpecificError: code } });
    const lease = await lab.run(lab.client.map(AT_8080));
    assertEquals([lease.isVerified, lease.lifetimeSeconds], [false, 3600]);
  });
}

Deno.test("map() finds in the list what the router does not show by itself (714)", async () => {
  const lab = new UpnpLab({ faults: { upnpSpecificError: 714 } });
  assertEquals((await lab.run(lab.client.map(AT_8080))).isVerified, true);
});

Deno.test("map() has the lifetime of the table", async () => {
  const lab = new UpnpLab({ upnp: "igd2" });
  const lease = await lab.run(lab.client.map({ ...AT_8080, lifetimeSeconds: 2 * WEEK_SECONDS }));
  assertEquals(lease.lifetimeSeconds, WEEK_SECONDS);
  assertEquals(lease.expiresAtMs, lease.grantedAtMs + WEEK_SECONDS * 1000);
});

for (
  const [what, values, isVerified] of [
    ["is off", { NewEnabled: "0" }, false],
    ["has internal port 0, as of miniupnpd 2.3.7", { NewInternalPort: "0" }, false],
    ["is whole", {}, true],
  ] as const
) {
  Deno.test(`map() whose entry ${what} is ${isVerified ? "" : "not "}verified`, async () => {
    const lab = new UpnpLab();
    lab.remove();
    let isAdded = false;
    const router = new ScriptedRouter(lab.network, {
      actions: {
        GetSpecificPortMappingEntry: () => isAdded ? specificEntry(values) : fault(714),
        AddPortMapping: () => {
          isAdded = true;
          return answerXml("AddPortMapping", {});
        },
      },
    });
    assertEquals((await lab.run(lab.client.map(AT_8080))).isVerified, isVerified);
    // The next one is a renewal of the same port.
    assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
    router.detach();
  });
}

// ---- renewals ----

const HALF_HOUR_MS = 1_800_000;

Deno.test("map() again renews with one request to map", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.map(AT_8080));
  await lab.clock.advance(HALF_HOUR_MS);
  lab.traced.length = 0;
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lab.asked, lab.actions.includes("DeletePortMapping")], [["8080 3600"], false]);
  assertEquals(lease.expiresAtMs, lease.grantedAtMs + 3_600_000);
});

Deno.test("map() deletes and adds a mapping that the router does not prolong", async () => {
  for (const isKnown of [true, false]) {
    const lab = new UpnpLab({ faults: { upnpNoRefresh: true } });
    await lab.run(lab.client.map(AT_8080));
    await lab.clock.advance(HALF_HOUR_MS);
    lab.traced.length = 0;
    const lease = await lab.run((isKnown ? lab.client : lab.newClient()).map(AT_8080));
    const changes = lab.actions.filter((name) => /^(Add|Delete)/.test(name));
    assertEquals(changes, ["AddPortMapping", "DeletePortMapping", "AddPortMapping"]);
    assertEquals([lease.lifetimeSeconds, lab.mappings], [3600, ["tcp 8080 -> 10.0.0.2:80"]]);
  }
});

Deno.test("map() does not delete what the router grants for a shorter time each time", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const table = new ScriptedTable();
  table.leaseOf = () => "120";
  const router = new ScriptedRouter(lab.network, { actions: table.actions });
  await lab.run(lab.client.map(AT_8080));
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, 120);
  assertEquals(router.actions.includes("DeletePortMapping"), false);
  router.detach();
});

Deno.test("map() takes 718 for its own mapping as a renewal: prolonged by delete and add where it must be", async () => {
  for (const [left, changes] of [["3600", 1], ["0", 1], ["60", 3]] as const) {
    const lab = new UpnpLab();
    lab.remove();
    const table = new ScriptedTable();
    table.entries.set(
      "TCP 8080",
      new Map([["NewInternalPort", "80"], ["NewLeaseDuration", left]]),
    );
    const router = new ScriptedRouter(lab.network, {
      actions: {
        ...table.actions,
        AddPortMapping: (args) => {
          if (table.entries.size === 1) return fault(718);
          return table.add(args);
        },
      },
    });
    const lease = await lab.run(lab.client.map(AT_8080));
    assertEquals(lease.externalPort, 8080);
    assertEquals(lease.lifetimeSeconds, left === "0" ? "permanent" : 3600);
    assertEquals(router.actions.filter((name) => /^(Add|Delete)/.test(name)).length, changes);
    router.detach();
  }
});

Deno.test("map() keeps the port it was given while the one it wants is taken, then moves and leaves nothing behind", async () => {
  const lab = new UpnpLab();
  await lab.takeFor(OTHER_HOST, 8080);
  for (const _ of ["first", "second", "third"]) {
    assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, OTHER_PORT);
    await lab.clock.advance(HALF_HOUR_MS);
  }
  assertEquals(lab.mappings.length, 2);
  await lab.run(lab.newClient(OTHER_HOST).unmap({ protocol: "tcp", internalPort: 9 }));
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
  assertEquals(lab.mappings, ["tcp 8080 -> 10.0.0.2:80"]);
});
