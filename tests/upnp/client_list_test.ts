import { assert, assertEquals, assertRejects } from "@std/assert";
import { NotSupportedError, RefusedError } from "../../lib/errors.ts";
import { answerXml } from "./documents.ts";
import { fault, genericEntry, type Reply, type Script, ScriptedRouter } from "./scripted_router.ts";
import { OTHER_HOST, UpnpLab } from "./upnp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080 } as const;

function labWith(script: Script): { lab: UpnpLab; router: ScriptedRouter } {
  const lab = new UpnpLab();
  lab.remove();
  return { lab, router: new ScriptedRouter(lab.network, script) };
}

// ---- the list ----

for (const upnp of ["igd1", "igd2"] as const) {
  Deno.test(`list() has every mapping of ${upnp}, and knows this host's`, async () => {
    const lab = new UpnpLab({ upnp, speaks: "both", faults: { upnpPermanentOnly: true } });
    await lab.run(lab.client.map(AT_8080));
    await lab.run(lab.newClient(OTHER_HOST).map({ protocol: "udp", internalPort: 53, externalPort: 53 }));
    lab.traced.length = 0;
    const { mappings } = await lab.run(lab.client.list());
    assertEquals(
      mappings.map((entry) => [entry.protocol, entry.externalPort, entry.internalClient, entry.isOwn]),
      [["tcp", 8080, "10.0.0.2", true], ["udp", 53, "10.0.0.3", false]],
    );
    assertEquals(mappings[0]!.secondsLeft, "permanent");
    assertEquals(mappings[0]!.description, "natpmp box TCP 8080");
    assertEquals(lab.actions.includes("GetGenericPortMappingEntry"), upnp === "igd1");
  });

  Deno.test(`list() of an empty table of ${upnp} is empty`, async () => {
    const lab = new UpnpLab({ upnp });
    assertEquals((await lab.run(lab.client.list())).mappings, []);
  });
}

Deno.test("list() from index 1, where there is no 0", async () => {
  const lab = new UpnpLab({ faults: { upnpListFromOne: true } });
  for (const externalPort of [8080, 8081]) {
    await lab.run(lab.client.map({ protocol: "tcp", internalPort: externalPort, externalPort }));
  }
  assertEquals((await lab.run(lab.client.list())).mappings.length, 2);
});

/** The entries by their index; then the answer for the rest. */
function generic(entries: readonly Reply[], rest: Reply): NonNullable<Script["actions"]> {
  return { GetGenericPortMappingEntry: (args) => entries[Number(args.get("NewPortMappingIndex"))] ?? rest };
}
const port = (externalPort: number, more: Record<string, string> = {}) =>
  genericEntry({ NewExternalPort: `${externalPort}`, ...more });

const ENDS: readonly (readonly [what: string, rest: Reply])[] = [
  ["713", fault(713)],
  ["402, as at TP-Link's", fault(402)],
  ["714", fault(714)],
  ["501", fault(501)],
  ["status 500 without a body", { status: 500, body: "" }],
  ["a page for people", "<html><body>Login</body></html>"],
  ["an entry that was there before", port(1)],
];
for (const [what, rest] of ENDS) {
  Deno.test(`list() ends at ${what}`, async () => {
    const { lab, router } = labWith({ actions: generic([port(1), port(2), port(3)], rest) });
    const { mappings } = await lab.run(lab.client.list());
    assertEquals(mappings.map(({ externalPort }) => externalPort), [1, 2, 3]);
    router.detach();
  });
}

Deno.test("list() tells mappings for different remote hosts apart", async () => {
  const entries = [port(1, { NewRemoteHost: "192.0.2.1" }), port(1), port(2)];
  const { lab, router } = labWith({ actions: generic(entries, fault(713)) });
  assertEquals((await lab.run(lab.client.list())).mappings.length, 3);
  router.detach();
});

Deno.test("list() leaves out entries without a port, and those that cannot be read", async () => {
  const dummies = [
    port(0, { NewInternalPort: "0", NewInternalClient: "0.0.0.0" }),
    port(0, { NewInternalClient: "" }),
    port(7, { NewProtocol: "SCTP" }),
  ];
  const { lab, router } = labWith({ actions: generic([...dummies, port(1)], fault(713)) });
  assertEquals((await lab.run(lab.client.list())).mappings.map(({ externalPort }) => externalPort), [1]);
  router.detach();
});

Deno.test("list() stops at 1000 entries", async () => {
  const { lab, router } = labWith({
    actions: {
      GetGenericPortMappingEntry: (args) => port(1 + Number(args.get("NewPortMappingIndex"))),
    },
  });
  const { mappings } = await lab.run(lab.client.list({ timeoutMs: 60_000 }));
  assertEquals([mappings.length, router.actions.filter((name) => name !== "GET").length], [1000, 1000]);
  router.detach();
});

Deno.test("list() at a router without that action is not supported", async () => {
  const { lab, router } = labWith({});
  const error = await assertRejects(() => lab.run(lab.client.list()), NotSupportedError);
  assertEquals(error.reason, "unsupported-opcode");
  router.detach();
});

Deno.test("list() whose first answer cannot be read is an unknown result", async () => {
  const { lab, router } = labWith({ actions: generic([], { status: 500, body: "<html/>" }) });
  const error = await assertRejects(() => lab.run(lab.client.list()), RefusedError);
  assertEquals(error.refusal, "unknown-result");
  router.detach();
});

function atOnce(list: string): string {
  return answerXml("GetListOfPortMappings", { NewPortListing: `<![CDATA[${list}]]>` });
}

function listEntry(externalPort: number): string {
  return `<PortMappingEntry><NewRemoteHost/><NewExternalPort>${externalPort}</NewExternalPort>` +
    "<NewProtocol>TCP</NewProtocol><NewInternalPort>80</NewInternalPort>" +
    "<NewInternalClient>10.0.0.2</NewInternalClient><NewEnabled>1</NewEnabled>" +
    "<NewDescription>x</NewDescription><NewLeaseTime>60</NewLeaseTime></PortMappingEntry>";
}

const NO_LISTS: readonly (readonly [what: string, reply: Reply])[] = [
  ["401", fault(401)],
  ["730 for both protocols", fault(730)],
  ["a list that is not XML", atOnce("nothing")],
  ["an answer that cannot be read", "<html></html>"],
  ["status 500 without a body", { status: 500, body: "" }],
];
for (const [what, reply] of NO_LISTS) {
  Deno.test(`list() goes on entry by entry where the list at once is ${what}`, async () => {
    const { lab, router } = labWith({
      version: 2,
      actions: { ...generic([port(1)], fault(713)), GetListOfPortMappings: () => reply },
    });
    const { mappings } = await lab.run(lab.client.list());
    assertEquals(mappings.map(({ externalPort }) => externalPort), [1]);
    router.detach();
  });
}

Deno.test("list() at once stops at 1000 entries too, and leaves out those without a port", async () => {
  const entries = Array.from({ length: 900 }, (_, i) => listEntry(i)).join("");
  const { lab, router } = labWith({
    version: 2,
    actions: { GetListOfPortMappings: () => atOnce(`<p:PortMappingList>${entries}</p:PortMappingList>`) },
  });
  const { mappings } = await lab.run(lab.client.list());
  assertEquals([mappings.length, mappings[0]!.externalPort], [1000, 1]);
  router.detach();
});

// ---- the external address ----

for (
  const [address, expected] of [
    ["", undefined],
    ["0.0.0.0", undefined],
    ["junk\x1b[2J", undefined],
    ["192.168.4.1", "192.168.4.1"],
    ["203.0.113.9", "203.0.113.9"],
  ] as const
) {
  Deno.test(`probe() at a router with the external address ${JSON.stringify(address)}`, async () => {
    const { lab, router } = labWith({
      actions: {
        GetExternalIPAddress: () => answerXml("GetExternalIPAddress", { NewExternalIPAddress: address }),
      },
    });
    const info = await lab.run(lab.client.probe());
    assertEquals([info.externalAddress, info.attempts], [expected, 2]);
    const found = await lab.run(lab.client.findAddress().catch((error) => error));
    if (expected === undefined) assertEquals((found as RefusedError).refusal, "network-failure");
    else assertEquals(found.externalAddress, expected);
    router.detach();
  });
}

Deno.test("probe() at a router that refuses its address is an answer; findAddress() is the refusal", async () => {
  const { lab, router } = labWith({ actions: { GetExternalIPAddress: () => fault(606) } });
  assertEquals((await lab.run(lab.client.probe())).externalAddress, undefined);
  const error = await assertRejects(() => lab.run(lab.client.findAddress()), RefusedError, "606");
  assertEquals(error.refusal, "not-authorized");
  router.detach();
});

// ---- what is lost ----

async function withLeases(lab: UpnpLab, count: number): Promise<{ losses: number }> {
  const seen = { losses: 0 };
  for (let i = 0; i < count; i++) {
    const port = 8000 + i;
    await lab.run(lab.client.map({ protocol: "tcp", internalPort: port, externalPort: port }));
  }
  lab.client.onStateLost(() => seen.losses++);
  // Until then they are known to be there.
  await lab.run(lab.clock.sleep(10_000));
  lab.traced.length = 0;
  return seen;
}

Deno.test("probe() finds each mapping in its place, and one that is gone is a loss, reported once", async () => {
  const lab = new UpnpLab();
  const seen = await withLeases(lab, 3);
  await lab.run(lab.client.probe());
  assertEquals([seen.losses, lab.actions.length], [0, 4]);
  await lab.run(lab.newClient().unmap({ protocol: "tcp", internalPort: 8001, externalPort: 8001 }));
  await lab.run(lab.client.probe());
  await lab.run(lab.client.probe());
  assertEquals(seen.losses, 1);
});

Deno.test("probe() takes a mapping that leads to another host now for lost, one or many", async () => {
  for (const [upnp, count] of [["igd1", 1], ["igd1", 20], ["igd2", 20]] as const) {
    const lab = new UpnpLab({ upnp });
    const seen = await withLeases(lab, count);
    await lab.run(lab.newClient().unmap({ protocol: "tcp", internalPort: 8000, externalPort: 8000 }));
    await lab.run(lab.newClient(OTHER_HOST).map({ ...TCP_80, externalPort: 8000, exact: true }));
    await lab.run(lab.client.probe());
    await lab.run(lab.client.probe());
    assertEquals(seen.losses, 1, `${upnp} ${count}`);
  }
});

Deno.test("probe() finds many leases with one list at IGD 2", async () => {
  const lab = new UpnpLab({ upnp: "igd2" });
  const seen = await withLeases(lab, 40);
  const { attempts } = await lab.run(lab.client.probe());
  assertEquals([seen.losses, attempts], [0, 3]);
  assertEquals(lab.actions, ["GetExternalIPAddress", "GetListOfPortMappings", "GetListOfPortMappings"]);
});

Deno.test("probe() does not take a router that lists nothing for one that lost its table", async () => {
  for (const faults of [{ upnpNoListing: true }, { upnpNoListing: true, upnpSpecificError: 501 }]) {
    const lab = new UpnpLab({ upnp: "igd2" });
    const seen = await withLeases(lab, 20);
    lab.setFaults(faults);
    await lab.run(lab.client.probe());
    assertEquals(seen.losses, 0);
  }
});

Deno.test("probe() after a reboot reports one loss for many leases", async () => {
  for (const upnp of ["igd1", "igd2"] as const) {
    const lab = new UpnpLab({ upnp, faults: { upnpNewPort: true } });
    const seen = await withLeases(lab, 40);
    lab.gateway.reboot(lab.clock.now());
    const { attempts } = await lab.run(lab.client.probe());
    assertEquals(seen.losses, 1, upnp);
    assert(attempts < 30, `${attempts}`);
  }
});

Deno.test("probe() passes over leases that are over, or have no port any more", async () => {
  const lab = new UpnpLab();
  const key = { protocol: "tcp", via: "upnp" } as const;
  lab.client.adopt([
    { ...key, internalPort: 1, externalPort: 1, expiresAtMs: lab.clock.now() - 1 },
    { ...key, internalPort: 2, expiresAtMs: Infinity },
    { ...key, internalPort: 3, externalPort: 3 },
  ]);
  let losses = 0;
  lab.client.onStateLost(() => losses++);
  await lab.run(lab.client.probe());
  assertEquals([losses, lab.actions], [0, ["description", "GetExternalIPAddress"]]);
});
