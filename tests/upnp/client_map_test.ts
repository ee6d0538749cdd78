import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NotSupportedError, RefusedError } from "../../lib/errors.ts";
import type { Lease } from "../../lib/port_mapper.ts";
import type { Faults } from "../../lib/simulator/mod.ts";
import { EXTERNAL, GATEWAY, HOST, OTHER_HOST, UpnpLab } from "./upnp_lab.ts";
import { answerXml } from "./documents.ts";
import { fault, ScriptedRouter, ScriptedTable, specificEntry } from "./scripted_router.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
/** The first other port that is tried, with the lab's random numbers. */
const OTHER_PORT = 33_280;
const WEEK_SECONDS = 604_800;

/** The ports and leases that were asked for. */
function asked(lab: UpnpLab): string[] {
  return lab.traced.flatMap((line) => {
    const [, port, lease] = /^-> \S+ UPnP Add\w+ .*?ExternalPort=(\d+).*LeaseDuration=(\d+)$/.exec(line) ??
      [];
    return port === undefined ? [] : [`${port} ${lease}`];
  });
}

/** A mapping of another host. */
async function takenBy(lab: UpnpLab, port: number, protocol: "tcp" | "udp" = "tcp"): Promise<void> {
  await lab.run(
    lab.newClient(OTHER_HOST).map({ protocol, internalPort: 9, externalPort: port, exact: true }),
  );
  lab.traced.length = 0;
}

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
    assertEquals([asked(lab), lease.lifetimeSeconds], [expected.asked, expected.granted]);
    assertEquals([lease.isVerified, lab.mappings], [true, ["tcp 8080 -> 10.0.0.2:80"]]);
  });
}

Deno.test("map() remembers 725: a later request, and a later client, asks for 0 at once", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  await lab.run(lab.client.map(AT_8080));
  lab.traced.length = 0;
  await lab.run(lab.client.map(AT_8080));
  assertEquals(asked(lab), ["8080 0"]);
  const later = lab.newClient();
  later.recall(JSON.parse(JSON.stringify(lab.client.memory)));
  lab.traced.length = 0;
  const lease = await lab.run(later.map(AT_8080));
  assertEquals([asked(lab), lease.lifetimeSeconds], [["8080 0"], "permanent"]);
});

Deno.test("map() asks for a week where 0 is refused with 402, and asks for what is wanted the next time", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  await lab.run(lab.client.map(AT_8080));
  lab.setFaults({ upnpNoPermanent: true });
  lab.traced.length = 0;
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, WEEK_SECONDS);
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, 3600);
  assertEquals(asked(lab).slice(0, 2), ["8080 0", `8080 ${WEEK_SECONDS}`]);
});

Deno.test("map() does not take another router's 725 for this one's", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  await lab.run(lab.client.map(AT_8080));
  lab.remove();
  const detach = lab.network.attach(lab.newGateway({}), GATEWAY, { httpPort: 5001 });
  lab.traced.length = 0;
  assertEquals((await lab.run(lab.client.map(AT_8080))).lifetimeSeconds, 3600);
  assertEquals(asked(lab), ["8080 3600"]);
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
  assertEquals(asked(lab), ["8080 3600", "8080 0"]);
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
    assertEquals([error.refusal, error.resultCode], ["unknown-result", 501]);
    const first = ["8080 3600", "8080 0"];
    assertEquals(asked(lab), exact ? first : [...first, `${OTHER_PORT} 3600`]);
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
  assertEquals(asked(lab), ["8080 3600", "8080 0", `8080 ${WEEK_SECONDS}`]);
  router.detach();
});

Deno.test("a permanent mapping never ends, and is looked at again like a lease", async () => {
  const lab = new UpnpLab({ faults: { upnpPermanentOnly: true } });
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.expiresAtMs, lease.joinAtMs - lease.grantedAtMs], [Infinity, 1_800_000]);
  assert(lease.renewAtMs - lease.grantedAtMs >= 1_800_000);
  assert(lease.renewAtMs - lease.grantedAtMs <= 3600_000 * (9 / 16));
});

// ---- ports that are taken ----

Deno.test("map() takes another port where one leads to another host, and leaves that alone", async () => {
  const lab = new UpnpLab();
  await takenBy(lab, 8080);
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lease.requestedExternalPort], [OTHER_PORT, 8080]);
  assertEquals(asked(lab), [`${OTHER_PORT} 3600`]);
  assertEquals(lab.mappings.includes("tcp 8080 -> 10.0.0.3:9"), true);
});

Deno.test("map() of an exact port that leads to another host names it, and sends no request to map", async () => {
  const lab = new UpnpLab();
  await takenBy(lab, 8080);
  const error = await assertRejects(() => lab.run(lab.client.map({ ...AT_8080, exact: true })), RefusedError);
  assertEquals([error.refusal, asked(lab)], ["port-unavailable", []]);
  assertStringIncludes(error.message, `${OTHER_HOST}:9`);
});

for (const code of [718, 729]) {
  Deno.test(`map() tries four other ports after ${code}, all different, then there are none`, async () => {
    const lab = new UpnpLab({ faults: { upnpAddError: code } });
    const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError);
    assertEquals([error.refusal, error.resultCode], ["out-of-resources", code]);
    assertStringIncludes(error.message, "8080 and 4 others");
    assertEquals(new Set(asked(lab)).size, 5);
    assertEquals(asked(lab).length, 5);
  });

  Deno.test(`map() of an exact port ends with ${code}`, async () => {
    const lab = new UpnpLab({ faults: { upnpAddError: code } });
    const error = await assertRejects(
      () => lab.run(lab.client.map({ ...AT_8080, exact: true })),
      RefusedError,
    );
    assertEquals([error.refusal, error.resultCode, asked(lab).length], ["port-unavailable", code, 1]);
  });
}

Deno.test("map() does not overwrite a mapping of this host to another internal port, unless force", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.map({ ...AT_8080, internalPort: 81 }));
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, OTHER_PORT);
  await lab.run(lab.newClient().map({ ...AT_8080, force: true, exact: true }));
  assertEquals(lab.mappings.includes("tcp 8080 -> 10.0.0.2:80"), true);
});

Deno.test("map() with force asks for the port of another host, which the router decides", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const table = new ScriptedTable();
  const held = (args: ReadonlyMap<string, string>) =>
    table.entries.size === 0 ? specificEntry({ NewInternalClient: OTHER_HOST }) : table.show(args);
  const router = new ScriptedRouter(lab.network, {
    actions: { ...table.actions, GetSpecificPortMappingEntry: held },
  });
  const lease = await lab.run(lab.client.map({ ...AT_8080, force: true, exact: true }));
  assertEquals([lease.externalPort, lease.isVerified, asked(lab)], [8080, true, ["8080 3600"]]);
  router.detach();
});

Deno.test("map() looks at the whole table where the router does not show one mapping", async () => {
  const lab = new UpnpLab();
  await takenBy(lab, 8080);
  lab.setFaults({ upnpSpecificError: 501 });
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lease.isVerified], [OTHER_PORT, false]);
  assertEquals(asked(lab), [`${OTHER_PORT} 3600`]);
});

// ---- the same port inside and outside ----

Deno.test("map() takes the same port where the router maps to no other (724)", async () => {
  const lab = new UpnpLab({ faults: { upnpSamePort: true } });
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lab.mappings], [80, ["tcp 80 -> 10.0.0.2:80"]]);
  const error = await assertRejects(() => lab.run(lab.client.map({ ...AT_8080, exact: true })), RefusedError);
  assertEquals([error.refusal, error.resultCode], ["port-unavailable", 724]);
});

Deno.test("map() ends where the same port leads to another host and the router maps to no other", async () => {
  const lab = new UpnpLab({ faults: { upnpSamePort: true } });
  await lab.run(lab.newClient(OTHER_HOST).map({ ...TCP_80, externalPort: 80 }));
  const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError);
  assertEquals(error.refusal, "out-of-resources");
  assertStringIncludes(error.message, `port 80 is taken: it leads to ${OTHER_HOST}:80`);
});

// ---- a port of the router's choice ----

Deno.test("map() of any port is AddAnyPortMapping at IGD 2 and never asks for port 0", async () => {
  for (const [upnp, action] of [["igd1", "AddPortMapping"], ["igd2", "AddAnyPortMapping"]] as const) {
    const lab = new UpnpLab({ upnp });
    const lease = await lab.run(lab.client.map({ ...TCP_80, lifetimeSeconds: 3600 }));
    assertEquals([lease.externalPort, asked(lab)], [80, ["80 3600"]]);
    assertEquals(lab.actions.filter((name) => name.startsWith("Add")), [action]);
  }
});

Deno.test("map() of any port takes the router's where this host's own is taken", async () => {
  const lab = new UpnpLab({ upnp: "igd2" });
  await takenBy(lab, 80);
  const lease = await lab.run(lab.client.map(TCP_80));
  assert(lease.externalPort !== 80 && lease.externalPort > 0);
  assertEquals(lab.mappings.includes(`tcp ${lease.externalPort} -> 10.0.0.2:80`), true);
});

for (const code of [401, 602, 501, 402]) {
  Deno.test(`map() of any port goes on with AddPortMapping after ${code}`, async () => {
    const lab = new UpnpLab();
    lab.remove();
    const router = new ScriptedRouter(lab.network, {
      version: 2,
      actions: { ...new ScriptedTable().actions, AddAnyPortMapping: () => fault(code) },
    });
    assertEquals((await lab.run(lab.client.map(TCP_80))).externalPort, 80);
    router.heard.length = 0;
    await lab.run(lab.client.map({ protocol: "udp", internalPort: 53 }));
    const isRemembered = code === 401 || code === 602;
    assertEquals(router.actions.includes("AddAnyPortMapping"), !isRemembered);
    router.detach();
  });
}

Deno.test("map() of any port goes on where the router's choice leads to another host", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const table = new ScriptedTable();
  const router = new ScriptedRouter(lab.network, {
    version: 2,
    actions: {
      ...table.actions,
      AddAnyPortMapping: () => answerXml("AddAnyPortMapping", { NewReservedPort: "7777" }),
      GetSpecificPortMappingEntry: (args) =>
        args.get("NewExternalPort") === "7777"
          ? specificEntry({ NewInternalClient: OTHER_HOST })
          : table.show(args),
    },
  });
  assertEquals((await lab.run(lab.client.map(TCP_80))).externalPort, 80);
  router.detach();
});

Deno.test("map() of any port keeps the port that it has", async () => {
  const lab = new UpnpLab({ upnp: "igd2" });
  await takenBy(lab, 80);
  const { externalPort } = await lab.run(lab.client.map(TCP_80));
  assertEquals((await lab.run(lab.client.map(TCP_80))).externalPort, externalPort);
  const later = lab.newClient();
  later.adopt([{ ...TCP_80, via: "upnp", externalPort, expiresAtMs: lab.clock.now() + 60_000 }]);
  assertEquals((await lab.run(later.map(TCP_80))).externalPort, externalPort);
  assertEquals(lab.mappings.length, 2);
});

Deno.test("map() for a pair chooses a port that is free for both protocols", async () => {
  for (const upnp of ["igd1", "igd2"] as const) {
    const lab = new UpnpLab({ upnp });
    await takenBy(lab, 80, "udp");
    const tcp = await lab.run(lab.client.map({ ...TCP_80, pairedWith: "udp" }));
    assertEquals(tcp.externalPort, OTHER_PORT);
    const { externalPort } = tcp;
    const udp = await lab.run(
      lab.client.map({ protocol: "udp", internalPort: 80, externalPort, pairedWith: "tcp" }),
    );
    assertEquals(udp.externalPort, externalPort);
  }
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
  assertEquals([asked(lab), lab.actions.includes("DeletePortMapping")], [["8080 3600"], false]);
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
  await takenBy(lab, 8080);
  for (const _ of ["first", "second", "third"]) {
    assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, OTHER_PORT);
    await lab.clock.advance(HALF_HOUR_MS);
  }
  assertEquals(lab.mappings.length, 2);
  await lab.run(lab.newClient(OTHER_HOST).unmap({ protocol: "tcp", internalPort: 9 }));
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
  assertEquals(lab.mappings, ["tcp 8080 -> 10.0.0.2:80"]);
});

// ---- refusals ----

const REFUSALS = [
  [606, "not-authorized"],
  [731, "not-authorized"],
  [728, "out-of-resources"],
  [603, "out-of-resources"],
  [600, "unknown-result"],
  [716, "unknown-result"],
  [899, "unknown-result"],
] as const;
for (const [code, refusal] of REFUSALS) {
  Deno.test(`map() that ends with ${code} is ${refusal}, with its number`, async () => {
    const lab = new UpnpLab({ faults: { upnpAddError: code } });
    const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError, `${code}`);
    assertEquals([error.refusal, error.resultCode], [refusal, code]);
    assertEquals(error.effort?.attempts, 3);
  });
}

for (const code of [401, 602]) {
  Deno.test(`map() that ends with ${code} is not supported`, async () => {
    const lab = new UpnpLab({ faults: { upnpAddError: code } });
    const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), NotSupportedError);
    assertEquals([error.reason, error.resultCode], ["unsupported-opcode", code]);
  });
}

Deno.test("a fault that nobody defined has its own words, of bounded length", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const router = new ScriptedRouter(lab.network, {
    actions: {
      ...new ScriptedTable().actions,
      AddPortMapping: () => fault(888, `no\x1b[2J\n${"way ".repeat(10_000)}`),
    },
  });
  const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError, "no\x1b[2J way");
  assertEquals(error.refusal, "unknown-result");
  assert(error.message.length < 350, `${error.message.length}`);
  assert(Math.max(...lab.traced.map((line) => line.length)) <= 501);
  router.detach();
});

Deno.test("an error without a body is an unknown result, and so is a success without one", async () => {
  const lab = new UpnpLab({ faults: { upnpAddError: 606, upnpEmptyError: true } });
  const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError, "500");
  assertEquals([error.refusal, error.resultCode], ["unknown-result", 500]);
  lab.remove();
  const router = new ScriptedRouter(lab.network, {
    actions: { ...new ScriptedTable().actions, AddPortMapping: () => "" },
  });
  const other = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError);
  assertEquals(other.refusal, "unknown-result");
  router.detach();
});

Deno.test("an error in an answer of status 200 is an error", async () => {
  const lab = new UpnpLab({ faults: { upnpAddError: 606, upnpErrorIn200: true } });
  const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError);
  assertEquals(error.refusal, "not-authorized");
});

// ---- what it costs ----

Deno.test("a lease has the number of requests and the time of all of them; a cold map() takes at most 7", async () => {
  const lab = new UpnpLab();
  const startMs = lab.clock.now();
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals(lease.attempts, lab.gateway.counters.httpRequests);
  assertEquals(lease.elapsedMs, lab.clock.now() - startMs);
  const { externalAddress } = await lab.run(lab.client.findAddress());
  assertEquals(externalAddress, EXTERNAL);
  assert(lab.gateway.counters.httpRequests <= 7, `${lab.gateway.counters.httpRequests}`);
});

Deno.test("map() at a place that is remembered takes three requests and no search", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.probe());
  const later = lab.newClient();
  later.recall(JSON.parse(JSON.stringify(lab.client.memory)));
  const { httpRequests, searches } = lab.gateway.counters;
  await lab.run(later.map(AT_8080));
  assertEquals(lab.gateway.counters.httpRequests - httpRequests, 3);
  assertEquals(lab.gateway.counters.searches, searches);
  assertEquals(lab.network.host(HOST).connections, lab.gateway.counters.httpRequests);
});
