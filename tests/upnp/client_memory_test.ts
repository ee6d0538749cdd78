import { assert, assertEquals, assertRejects } from "@std/assert";
import { NoAnswerError, NotSupportedError, RefusedError } from "../../lib/errors.ts";
import type { UpnpClient } from "../../lib/upnp/client.ts";
import { answerXml } from "./documents.ts";
import { fault, httpBytes, type Reply, ScriptedRouter, ScriptedTable } from "./scripted_router.ts";
import { GATEWAY, UpnpLab } from "./upnp_lab.ts";

const AT_8080 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
const SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1";

/** The memory of a client that has spoken with the router, as a state file has it. */
async function remembered(lab: UpnpLab): Promise<NonNullable<UpnpClient["memory"]>> {
  await lab.run(lab.client.probe());
  const { data, atMs } = lab.client.memory!;
  return { data: JSON.parse(JSON.stringify(data)), atMs };
}

function memoryOf(url: string, more: Record<string, unknown> = {}) {
  return { data: { location: url, controlUrl: url, serviceType: SERVICE, ...more }, atMs: 0 };
}

Deno.test("a memory is JSON, and its client asks at the remembered place without a search", async () => {
  const lab = new UpnpLab();
  const memory = await remembered(lab);
  assertEquals(memory.data, lab.client.memory!.data);
  const later = lab.newClient();
  assertEquals(later.memory, undefined);
  later.recall(memory);
  const { searches } = lab.gateway.counters;
  const { attempts } = await lab.run(later.probe());
  assertEquals([attempts, lab.gateway.counters.searches], [1, searches]);
  assertEquals(later.memory!.data, memory.data);
});

const JUNK: readonly unknown[] = [
  undefined,
  null,
  7,
  "http://10.0.0.1:5000/",
  [],
  {},
  { location: 7, controlUrl: 7, serviceType: 7 },
  { location: "http://10.0.0.1:5000/", controlUrl: "http://10.0.0.1:5000/" },
  memoryOf("http://10.0.0.1:5000/", { serviceType: "urn:schemas-upnp-org:service:Layer3Forwarding:1" }).data,
  memoryOf("http://10.0.0.1:5000/", { serviceType: `${SERVICE}\r\nX-Evil: 1` }).data,
  memoryOf("http://10.0.0.1:5000/", { serviceType: `${SERVICE}é` }).data,
  memoryOf("http://10.0.0.1:5000/", { controlUrl: "http://10.0.0.3:5000/" }).data,
  memoryOf("http://10.0.0.1:5000/", { location: "http://10.0.0.3:5000/" }).data,
  memoryOf("https://10.0.0.1:5000/").data,
  memoryOf("http://router.example:5000/").data,
  memoryOf("http://[::1]:5000/").data,
  memoryOf("http://user@10.0.0.1:5000/").data,
  memoryOf("file:///etc/passwd").data,
];
Deno.test("junk in place of a memory is ignored", async () => {
  const lab = new UpnpLab();
  for (const data of JUNK) {
    const client = lab.newClient();
    client.recall({ data, atMs: 0 });
    assertEquals(client.memory, undefined, JSON.stringify(data));
    assertEquals((await lab.run(client.probe())).attempts, 2);
  }
});

const ELSEWHERE: readonly (readonly [url: string, isGatewayNamed: boolean, isUsed: boolean])[] = [
  ["http://10.0.0.1:1/", true, true],
  ["http://10.0.0.9:1/", false, true],
  ["http://10.0.0.9:1/", true, false],
  ["http://10.0.1.9:1/", false, false],
  ["http://192.168.1.1:1/", false, false],
  ["http://127.0.0.1:1/", false, false],
  ["http://169.254.169.254:1/", false, false],
  ["http://203.0.113.7:1/", false, false],
];
for (const [url, isGatewayNamed, isUsed] of ELSEWHERE) {
  const how = isGatewayNamed ? " where the gateway is named" : "";
  Deno.test(`a memory of ${url}${how} is ${isUsed ? "" : "not "}used`, async () => {
    const lab = new UpnpLab();
    const trap = { connections: 0 };
    const { hostname } = new URL(url);
    const detach = lab.network.attachServer(hostname, 1, () => {
      trap.connections++;
      return Promise.resolve();
    });
    const client = lab.newClient("10.0.0.2", { isGatewayNamed });
    client.recall(memoryOf(url));
    await lab.run(client.probe());
    assertEquals(trap.connections > 0, isUsed);
    detach();
  });
}

Deno.test("a memory does not replace what this client found, nor the place that a user named", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.probe());
  const own = lab.client.memory!.data;
  lab.client.recall(memoryOf("http://10.0.0.1:1/", { isPermanentOnly: true }));
  assertEquals(lab.client.memory!.data, own);
  const named = lab.newClient("10.0.0.2", { igdUrl: new URL(`http://${GATEWAY}:5000/rootDesc.xml`) });
  named.recall(memoryOf("http://10.0.0.1:1/"));
  assertEquals(named.memory, undefined);
  assertEquals((await lab.run(named.probe())).attempts, 2);
});

// ---- a router that moved ----

for (const isRemembered of [true, false]) {
  const whose = isRemembered ? "an earlier process" : "this client";
  Deno.test(`a router with a new HTTP port is searched for once, where ${whose} knew the old one`, async () => {
    const lab = new UpnpLab({ faults: { upnpNewPort: true } });
    const memory = await remembered(lab);
    const client = isRemembered ? lab.newClient() : lab.client;
    client.recall(memory);
    for (const _ of ["one reboot", "another"]) {
      lab.gateway.reboot(lab.clock.now());
      lab.traced.length = 0;
      const startMs = lab.clock.now();
      const lease = await lab.run(client.map(AT_8080));
      assertEquals(lease.externalPort, 8080);
      assert(lab.clock.now() - startMs < 500, `${lab.clock.now() - startMs} ms`);
      assertEquals(lab.actions.filter((name) => name === "description").length, 1);
    }
  });

  for (
    const [what, reply] of [
      ["404", { status: 404, body: "" }],
      ["a page for people", "<html><body>Login</body></html>"],
      ["another protocol", new TextEncoder().encode("SSH-2.0-x\r\n")],
      ["a redirect", { status: 302, body: "" }],
      ["the end of the connection", new Uint8Array()],
    ] as const satisfies readonly (readonly [string, Reply])[]
  ) {
    Deno.test(`a router whose place has ${what} now is searched for, where ${whose} knew it`, async () => {
      const lab = new UpnpLab();
      const memory = await remembered(lab);
      const client = isRemembered ? lab.newClient() : lab.client;
      client.recall(memory);
      lab.remove();
      const old = lab.network.attachServer(GATEWAY, 5000, async (connection) => {
        await connection.read(new Uint8Array(65_536));
        const bytes = reply as Reply;
        if (bytes instanceof Uint8Array) await connection.write(bytes);
        else if (typeof bytes === "string") await connection.write(httpBytes(bytes));
        else await connection.write(httpBytes(bytes.body, bytes.status));
      });
      const router = new ScriptedRouter(lab.network, {
        httpPort: 5001,
        actions: {
          GetExternalIPAddress: () =>
            answerXml("GetExternalIPAddress", { NewExternalIPAddress: "203.0.113.8" }),
        },
      });
      assertEquals((await lab.run(client.probe())).externalAddress, "203.0.113.8");
      assertEquals(router.actions, ["GET", "GetExternalIPAddress"]);
      old();
      router.detach();
    });
  }
}

Deno.test("a place that is sure is not searched for again after a fault, or after status 500", async () => {
  for (const reply of [fault(401), fault(501), { status: 500, body: "" }]) {
    const lab = new UpnpLab();
    lab.remove();
    const router = new ScriptedRouter(lab.network, {
      actions: { ...new ScriptedTable().actions, AddPortMapping: () => reply },
    });
    await lab.run(lab.client.unmap(AT_8080));
    const { searches } = router;
    await lab.run(lab.client.map(AT_8080).then(() => {}, () => {}));
    assertEquals(router.searches, searches);
    router.detach();
  }
});

Deno.test("a router that answers junk at the same place is searched for once, and not asked again", async () => {
  const lab = new UpnpLab();
  lab.remove();
  let isJunk = false;
  const table = new ScriptedTable();
  const router = new ScriptedRouter(lab.network, {
    actions: {
      ...table.actions,
      AddPortMapping: (args) => isJunk ? "<html></html>" : table.add(args),
    },
  });
  await lab.run(lab.client.map(AT_8080));
  isJunk = true;
  router.heard.length = 0;
  const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), RefusedError);
  assertEquals(error.refusal, "unknown-result");
  assertEquals(router.actions, ["GetSpecificPortMappingEntry", "AddPortMapping", "GET"]);
  router.detach();
});

Deno.test("a router that is gone is not supported; one that is silent did not answer", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.probe());
  lab.setFaults({ silent: true });
  await assertRejects(() => lab.run(lab.client.probe()), NoAnswerError);
  const other = new UpnpLab();
  await other.run(other.client.probe());
  other.remove();
  await assertRejects(() => other.run(other.client.probe()), NotSupportedError);
});

Deno.test("a router that comes back is found by the next operation", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.probe());
  lab.remove();
  await assertRejects(() => lab.run(lab.client.probe()), NotSupportedError);
  lab.change({});
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
});
