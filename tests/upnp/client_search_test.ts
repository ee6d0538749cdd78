import { assert, assertEquals, assertRejects } from "@std/assert";
import { NotSupportedError } from "../../lib/errors.ts";
import { UpnpClient, type UpnpClientOptions } from "../../lib/upnp/client.ts";
import type { Faults } from "../../lib/simulator/mod.ts";
import { descriptionXml, serviceXml } from "./documents.ts";
import { ScriptedRouter, ScriptedTable, searchReply } from "./scripted_router.ts";
import { GATEWAY, HOST, OTHER_HOST, UpnpLab } from "./upnp_lab.ts";

const AT_8080 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
const SERVICE = "urn:schemas-upnp-org:service:";

/** A lab without a router. */
function emptyLab(): UpnpLab {
  const lab = new UpnpLab();
  lab.remove();
  return lab;
}

/** The searches that a host with that address hears, each with its time. */
function listen(lab: UpnpLab, hostname: string, local = hostname): string[] {
  const heard: string[] = [];
  const startMs = lab.clock.now();
  lab.network.host(hostname).listen({
    local: { hostname: local, port: 1900 },
    deliver: ({ data }) => {
      const target = /^ST: (?:urn:schemas-upnp-org:\w+:)?(\S+)\r$/m.exec(new TextDecoder().decode(data))?.[1];
      heard.push(`${Math.round(lab.clock.now() - startMs)} ${target}`);
    },
  });
  return heard;
}

/** Counts the connections to every port of a host where somebody may be led to. */
function trap(
  lab: UpnpLab,
  address: string,
  ports: readonly number[],
): { readonly hits: string[]; end(): void } {
  const hits: string[] = [];
  const ends = ports.map((port) =>
    lab.network.attachServer(address, port, () => {
      hits.push(`${address}:${port}`);
      return Promise.resolve();
    })
  );
  return { hits, end: () => ends.forEach((end) => end()) };
}

/** A host that answers searches in its own way. */
function answers(
  lab: UpnpLab,
  from: { readonly hostname: string; readonly port: number },
  { locations, afterMs = 0, heardAt = from.hostname }: {
    readonly locations: Iterable<string>;
    readonly afterMs?: number;
    readonly heardAt?: string;
  },
): () => void {
  const host = lab.network.host(from.hostname);
  let hasAnswered = false;
  const ends = [heardAt, "239.255.255.250"].map((hostname) =>
    lab.network.host(heardAt).listen({
      local: { hostname, port: 1900 },
      async deliver({ source }) {
        if (hasAnswered) return;
        hasAnswered = true;
        await lab.clock.sleep(afterMs);
        for (const location of locations) host.emit({ data: searchReply(location), source: from }, source);
      },
    })
  );
  return () => ends.forEach((end) => end());
}

// ---- what is sent ----

Deno.test("the search begins at the gateway, and 100 ms later on the network; its targets are 50 ms apart", async () => {
  const lab = emptyLab();
  const [unicast, multicast] = [listen(lab, GATEWAY), listen(lab, OTHER_HOST, "239.255.255.250")];
  await assertRejects(() => lab.run(lab.client.find({ timeoutMs: 2000 })), NotSupportedError);
  assertEquals(unicast.slice(0, 5).map((line) => line.split(" ")[1]), [
    "InternetGatewayDevice:1",
    "InternetGatewayDevice:2",
    "WANIPConnection:1",
    "WANPPPConnection:1",
    "upnp:rootdevice",
  ]);
  assertEquals(unicast.slice(0, 6).map(parseFloat), [1, 51, 101, 151, 201, 751]);
  assertEquals(multicast.slice(0, 5).map(parseFloat), [101, 151, 201, 251, 301]);
});

Deno.test("nothing is sent to the network on loopback", async () => {
  const lab = emptyLab();
  const heard = listen(lab, OTHER_HOST, "239.255.255.250");
  const { open, connect } = lab.network.host("127.0.0.1");
  const client = new UpnpClient("127.0.0.1", {
    clock: lab.clock,
    openSocket: open,
    connectStream: connect,
    localAddress: "127.0.0.1",
  });
  await assertRejects(() => lab.run(client.find({ timeoutMs: 2000 })), NotSupportedError);
  assertEquals(heard, []);
});

Deno.test("the search leaves from the address that faces the gateway", async () => {
  const lab = new UpnpLab();
  const asked: unknown[] = [];
  const { open } = lab.network.host(HOST);
  const client = lab.newClient(HOST, {
    openSocket: (local) => {
      asked.push(local);
      return open(local);
    },
  });
  await lab.run(client.find());
  assertEquals(asked, [{ hostname: HOST }]);
});

Deno.test("the search stops at the first good answer", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.find());
  await lab.clock.advance(20_000);
  assertEquals([lab.gateway.counters.searches, lab.actions], [1, ["description"]]);
});

Deno.test("the search lasts as long as the operation, or as is said", async () => {
  for (
    const [options, limits, ms] of [
      [{}, { timeoutMs: 3000 }, 3000],
      [{}, {}, 7750],
      [{ searchTimeoutMs: 2000 }, {}, 2000],
      [{ searchTimeoutMs: 2000 }, { timeoutMs: 500 }, 500],
    ] as const satisfies readonly (readonly [Partial<UpnpClientOptions>, object, number])[]
  ) {
    const lab = emptyLab();
    const startMs = lab.clock.now();
    const client = lab.newClient(HOST, options);
    const error = await assertRejects(
      () => lab.run(client.map(AT_8080, limits)),
      NotSupportedError,
      `within ${ms / 1000} s`,
    );
    assertEquals([error.reason, lab.clock.now() - startMs], ["no-service", ms]);
  }
});

Deno.test("a router that answers late is found", async () => {
  const lab = new UpnpLab({ faults: { upnpSearchLatencyMs: 6000 } });
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
});

Deno.test("a lost search, or a lost answer, is made up for by the next", async () => {
  for (const faults of [{ loseRequests: { first: 6 } }, { loseReplies: { first: 6 } }] as const) {
    const lab = new UpnpLab({ faults: faults as Faults });
    assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
  }
});

// ---- answers that count ----

Deno.test("an answer from another port counts, one from another subnet does not", async () => {
  for (
    const [from, isFound] of [
      [{ hostname: GATEWAY, port: 51_900 }, true],
      [{ hostname: "10.0.0.9", port: 1900 }, true],
      [{ hostname: "10.0.1.9", port: 1900 }, false],
      [{ hostname: "203.0.113.9", port: 1900 }, false],
    ] as const
  ) {
    const lab = emptyLab();
    const router = new ScriptedRouter(lab.network, { address: from.hostname, locations: [] });
    const end = answers(lab, from, {
      locations: [`http://${from.hostname}:5000/desc.xml`],
      heardAt: GATEWAY,
    });
    const found = await lab.run(lab.client.find({ timeoutMs: 1000 }).then(() => true, () => false));
    assertEquals([found, router.heard.length], [isFound, isFound ? 1 : 0], from.hostname);
    end();
    router.detach();
  }
});

Deno.test("only the gateway's answer counts where a user has named it", async () => {
  const lab = emptyLab();
  const router = new ScriptedRouter(lab.network, { address: "10.0.0.9" });
  const client = lab.newClient(HOST, { isGatewayNamed: true });
  await assertRejects(() => lab.run(client.find({ timeoutMs: 1000 })), NotSupportedError);
  assertEquals([router.searches > 0, router.heard], [true, []]);
  router.detach();
});

Deno.test("the gateway's answer goes before one that was a little sooner", async () => {
  for (const [afterMs, isGateway] of [[40, true], [80, false]] as const) {
    const lab = emptyLab();
    const other = new ScriptedRouter(lab.network, { address: "10.0.0.9", locations: [] });
    const own = new ScriptedRouter(lab.network, { locations: [] });
    const ends = [
      answers(lab, { hostname: "10.0.0.9", port: 1900 }, { locations: ["http://10.0.0.9:5000/"] }),
      answers(lab, { hostname: GATEWAY, port: 1900 }, {
        locations: [`http://${GATEWAY}:5000/`],
        // The network is searched 100 ms after the gateway.
        afterMs: 100 + afterMs,
      }),
    ];
    await lab.run(lab.client.find());
    assertEquals([own.heard.length, other.heard.length], isGateway ? [1, 0] : [0, 1]);
    for (const end of ends) end();
    own.detach();
    other.detach();
  }
});

Deno.test("a host that holds up its description delays the gateway's answer for a second at most", async () => {
  const lab = emptyLab();
  const other = new ScriptedRouter(lab.network, { address: "10.0.0.9", description: "hang", locations: [] });
  const own = new ScriptedRouter(lab.network, { locations: [] });
  const ends = [
    answers(lab, { hostname: "10.0.0.9", port: 1900 }, {
      locations: [1, 2, 3, 4, 5, 6].map((n) => `http://10.0.0.9:5000/${n}`),
    }),
    answers(lab, { hostname: GATEWAY, port: 1900 }, {
      locations: [`http://${GATEWAY}:5000/`],
      afterMs: 500,
    }),
  ];
  const startMs = lab.clock.now();
  await lab.run(lab.client.find({ timeoutMs: 2000 }));
  assertEquals([own.heard.length, other.heard.length], [1, 1]);
  assert(lab.clock.now() - startMs < 1300, `${lab.clock.now() - startMs} ms`);
  for (const end of ends) end();
  own.detach();
  other.detach();
});

Deno.test("a description that is none, or of another device, is passed over", async () => {
  const other = descriptionXml({ services: "" });
  for (
    const description of [
      "<html></html>",
      other,
      { status: 404, body: "" },
      { status: 302, body: "" },
      "hang",
      new TextEncoder().encode("junk\n"),
    ] as const
  ) {
    const lab = emptyLab();
    const [wrong, right] = [5001, 5000].map((httpPort) =>
      new ScriptedRouter(lab.network, {
        httpPort,
        actions: new ScriptedTable().actions,
        ...(httpPort === 5001 ? { description } : {}),
      })
    );
    const lease = await lab.run(lab.client.map(AT_8080));
    assertEquals([lease.externalPort, wrong!.actions, right!.actions[0]], [8080, ["GET"], "GET"]);
    wrong!.detach();
    right!.detach();
  }
});

Deno.test("a router without a service that maps ports is not supported", async () => {
  const lab = emptyLab();
  const router = new ScriptedRouter(lab.network, { description: descriptionXml({}) });
  const error = await assertRejects(
    () => lab.run(lab.client.find({ timeoutMs: 1000 })),
    NotSupportedError,
    "No router that maps ports",
  );
  assertEquals([error.reason, router.heard.length], ["no-service", 1]);
  router.detach();
});

// ---- places that nobody may lead to ----

const UNSAFE: readonly string[] = [
  "http://127.0.0.1:5000/",
  "http://127.0.0.1:80/",
  "http://0.0.0.0:5000/",
  "http://169.254.169.254:80/latest",
  "http://10.0.0.3:5000/",
  "http://203.0.113.9:5000/",
  "http://239.255.255.250:1900/",
  "http://255.255.255.255:5000/",
  "http://2130706433:5000/",
  "http://0x7f.1:5000/",
  "http://10.0.0.9@10.0.0.3:5000/",
  "http://10.0.0.9:5000@10.0.0.3:5000/",
  "http://router.example:5000/",
  "http://[::1]:5000/",
  "http://[::ffff:10.0.0.3]:5000/",
  "https://10.0.0.9:5000/",
  "ftp://10.0.0.9:5000/",
  "file:///etc/passwd",
  "http://10.0.0.9:0/",
  "http://10.0.0.9:99999/",
  "http://10.0.0.9\\@10.0.0.3:5000/",
  "//10.0.0.3:5000/",
  "",
];
Deno.test("nobody is connected to at an unsafe place that another host names", async () => {
  const lab = emptyLab();
  const addresses = ["127.0.0.1", "169.254.169.254", OTHER_HOST, "203.0.113.9", "10.0.0.9", GATEWAY];
  const traps = addresses.map((address) => trap(lab, address, [80, 443, 1900, 5000, 8080]));
  let clients = 0;
  for (const location of UNSAFE) {
    const end = answers(lab, { hostname: "10.0.0.9", port: 1900 }, { locations: [location] });
    const client = lab.newClient(`10.0.0.${100 + clients++}`);
    await assertRejects(() => lab.run(client.find({ timeoutMs: 500 })), NotSupportedError);
    end();
  }
  assertEquals(traps.flatMap(({ hits }) => hits), []);
  for (const one of traps) one.end();
});

Deno.test("the gateway is asked at its own address, whatever address it names", async () => {
  for (const host of ["127.0.0.1", "10.0.0.2", "203.0.113.7"]) {
    const lab = emptyLab();
    const traps = [host].filter((address) => address !== HOST).map((address) => trap(lab, address, [5000]));
    const router = new ScriptedRouter(lab.network, { locations: [`http://${host}:5000/desc.xml`] });
    await lab.run(lab.client.find());
    assertEquals([router.heard.length, traps.flatMap(({ hits }) => hits)], [1, []]);
    router.detach();
    for (const one of traps) one.end();
  }
});

for (const upnpLocation of ["loopback", "name", "https"] as const) {
  Deno.test(`a router that names a place of the kind ${upnpLocation} is not supported`, async () => {
    const lab = new UpnpLab({ faults: { upnpLocation } });
    await assertRejects(() => lab.run(lab.client.find({ timeoutMs: 1000 })), NotSupportedError);
    assertEquals(lab.network.host(HOST).connections, 0);
  });
}

Deno.test("a control URL elsewhere is not used, and neither is a foreign URLBase", async () => {
  for (const url of ["http://10.0.0.3:5000/ctl", "http://127.0.0.1:5000/ctl", "http://router.example/ctl"]) {
    const lab = emptyLab();
    const traps = [OTHER_HOST, "127.0.0.1"].map((address) => trap(lab, address, [80, 5000]));
    const services = serviceXml(`${SERVICE}WANIPConnection:1`, url);
    const router = new ScriptedRouter(lab.network, { description: descriptionXml({ services }) });
    await assertRejects(() => lab.run(lab.client.find({ timeoutMs: 500 })), NotSupportedError);
    router.detach();
    const other = new UpnpLab({ faults: { upnpForeignBase: true } });
    assertEquals((await other.run(other.client.map(AT_8080))).externalPort, 8080);
    assertEquals(traps.flatMap(({ hits }) => hits), []);
    for (const one of traps) one.end();
  }
});

for (const upnpRedirect of ["same", "other"] as const) {
  Deno.test(`a redirect to ${upnpRedirect === "same" ? "another path" : "another host"} is not followed`, async () => {
    const lab = new UpnpLab({ faults: { upnpRedirect } });
    await assertRejects(() => lab.run(lab.client.find({ timeoutMs: 1000 })), NotSupportedError);
    assertEquals(lab.network.host(HOST).connections, 1);
  });
}

// ---- floods ----

Deno.test("10,000 answers cost few requests, and do not hide the gateway's", async () => {
  for (
    const [what, locationOf] of [
      ["one place", () => "http://10.0.0.9:5000/"],
      ["different places", (n: number) => `http://10.0.0.9:5000/${n}`],
      ["places of the gateway", (n: number) => `http://${GATEWAY}:${5001 + n % 1000}/${n}`],
      ["junk", () => "x".repeat(9000)],
    ] as const
  ) {
    const lab = emptyLab();
    const locations = Array.from({ length: 10_000 }, (_, n) => locationOf(n));
    const end = answers(lab, { hostname: "10.0.0.9", port: 1900 }, { locations });
    const router = new ScriptedRouter(lab.network, { locations: [] });
    const endOwn = answers(lab, { hostname: GATEWAY, port: 1900 }, {
      locations: [`http://${GATEWAY}:5000/desc.xml`],
      afterMs: 1000,
    });
    await lab.run(lab.client.find());
    const { connections } = lab.network.host(HOST);
    assert(connections >= 1 && connections <= 9, `${what}: ${connections}`);
    assert(lab.traced.length < 100, `${what}: ${lab.traced.length} lines`);
    end();
    endOwn();
    router.detach();
  }
});

Deno.test("200 hosts that answer cost 50 requests at most", async () => {
  const lab = emptyLab();
  const ends = Array.from({ length: 200 }, (_, n) => {
    const hostname = `10.0.0.${20 + n}`;
    return answers(lab, { hostname, port: 1900 }, { locations: [`http://${hostname}:5000/`] });
  });
  await assertRejects(() => lab.run(lab.client.find()), NotSupportedError);
  assertEquals(lab.network.host(HOST).connections, 50);
  for (const end of ends) end();
});
