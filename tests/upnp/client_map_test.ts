import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NotSupportedError, RefusedError } from "../../lib/errors.ts";
import { EXTERNAL, HOST, OTHER_HOST, UpnpLab } from "./upnp_lab.ts";
import { answerXml } from "./documents.ts";
import { fault, ScriptedRouter, ScriptedTable, specificEntry } from "./scripted_router.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
/** The first other port that is tried, with the lab's random numbers. */
const OTHER_PORT = 33_280;

// ---- ports that are taken ----

Deno.test("map() takes another port where one leads to another host, and leaves that alone", async () => {
  const lab = new UpnpLab();
  await lab.takeFor(OTHER_HOST, 8080);
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lease.requestedExternalPort], [OTHER_PORT, 8080]);
  assertEquals(lab.asked, [`${OTHER_PORT} 3600`]);
  assertEquals(lab.mappings.includes("tcp 8080 -> 10.0.0.3:9"), true);
});

Deno.test("map() of an exact port that leads to another host names it, and sends no request to map", async () => {
  const lab = new UpnpLab();
  await lab.takeFor(OTHER_HOST, 8080);
  const error = await assertRejects(() => lab.run(lab.client.map({ ...AT_8080, exact: true })), RefusedError);
  assertEquals([error.refusal, lab.asked], ["port-unavailable", []]);
  assertStringIncludes(error.message, `${OTHER_HOST}:9`);
});

for (const code of [718, 729]) {
  Deno.test(`map() tries four other ports after ${code}, all different, then there are none`, async () => {
    const lab = new UpnpLab({ faults: { upnpAddError: code } });
    const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError);
    assertEquals([error.refusal, error.resultCode], ["out-of-resources", code]);
    assertStringIncludes(error.message, "8080 and 4 others");
    assertEquals(new Set(lab.asked).size, 5);
    assertEquals(lab.asked.length, 5);
  });

  Deno.test(`map() of an exact port ends with ${code}`, async () => {
    const lab = new UpnpLab({ faults: { upnpAddError: code } });
    const error = await assertRejects(
      () => lab.run(lab.client.map({ ...AT_8080, exact: true })),
      RefusedError,
    );
    assertEquals([error.refusal, error.resultCode, lab.asked.length], ["port-unavailable", code, 1]);
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
  assertEquals([lease.externalPort, lease.isVerified, lab.asked], [8080, true, ["8080 3600"]]);
  router.detach();
});

Deno.test("map() looks at the whole table where the router does not show one mapping", async () => {
  const lab = new UpnpLab();
  await lab.takeFor(OTHER_HOST, 8080);
  lab.setFaults({ upnpSpecificError: 501 });
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lease.isVerified], [OTHER_PORT, false]);
  assertEquals(lab.asked, [`${OTHER_PORT} 3600`]);
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
    assertEquals([lease.externalPort, lab.asked], [80, ["80 3600"]]);
    assertEquals(lab.actions.filter((name) => name.startsWith("Add")), [action]);
  }
});

Deno.test("map() of any port takes the router's where this host's own is taken", async () => {
  const lab = new UpnpLab({ upnp: "igd2" });
  await lab.takeFor(OTHER_HOST, 80);
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
  await lab.takeFor(OTHER_HOST, 80);
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
    await lab.takeFor(OTHER_HOST, 80, "udp");
    const tcp = await lab.run(lab.client.map({ ...TCP_80, pairedWith: "udp" }));
    assertEquals(tcp.externalPort, OTHER_PORT);
    const { externalPort } = tcp;
    const udp = await lab.run(
      lab.client.map({ protocol: "udp", internalPort: 80, externalPort, pairedWith: "tcp" }),
    );
    assertEquals(udp.externalPort, externalPort);
  }
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
