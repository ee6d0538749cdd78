import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DeletionRefusedError, NotSupportedError, RefusedError } from "../../lib/errors.ts";
import { answerXml } from "./documents.ts";
import { fault, genericEntry, ScriptedRouter, ScriptedTable, specificEntry } from "./scripted_router.ts";
import { HOST, OTHER_HOST, UpnpLab } from "./upnp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080 } as const;

Deno.test("unmap() looks first, and deletes this host's mapping", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.map(AT_8080));
  lab.traced.length = 0;
  const { attempts } = await lab.run(lab.client.unmap(TCP_80));
  assertEquals(lab.actions, ["GetSpecificPortMappingEntry", "DeletePortMapping"]);
  assertEquals([attempts, lab.mappings], [2, []]);
});

Deno.test("unmap() of what is gone succeeds: seen by the look (714), or by the deletion (714, 730)", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.unmap(AT_8080));
  assertEquals(lab.actions.includes("DeletePortMapping"), false);
  lab.remove();
  for (const code of [714, 730]) {
    const router = new ScriptedRouter(lab.network, {
      actions: { GetSpecificPortMappingEntry: () => specificEntry(), DeletePortMapping: () => fault(code) },
    });
    await lab.run(lab.newClient().unmap(AT_8080));
    assertEquals(router.actions.includes("DeletePortMapping"), true);
    router.detach();
  }
});

for (const owner of [OTHER_HOST, HOST]) {
  Deno.test(`unmap() leaves alone what leads to ${owner}:81, and names that; with force it does not`, async () => {
    const lab = new UpnpLab({ faults: { allowThirdParty: true } });
    await lab.run(lab.newClient(owner).map({ ...AT_8080, internalPort: 81 }));
    const error = await assertRejects(() => lab.run(lab.client.unmap(AT_8080)), DeletionRefusedError);
    assertEquals([error.refusal, error.mapping.internalPort], ["not-authorized", 80]);
    assertStringIncludes(error.message, `External tcp port 8080 leads to ${owner}:81`);
    assertEquals(lab.mappings.length, 1);
    await lab.run(lab.client.unmap({ ...AT_8080, force: true }));
    assertEquals(lab.mappings, []);
  });
}

Deno.test("unmap() names the port that was looked at, where the caller did not", async () => {
  const lab = new UpnpLab();
  lab.client.adopt([{
    ...TCP_80,
    via: "upnp",
    externalPort: 8080,
    expiresAtMs: lab.clock.now() + 60_000,
  }]);
  await lab.run(lab.newClient(OTHER_HOST).map({ ...TCP_80, externalPort: 8080 }));
  const error = await assertRejects(() => lab.run(lab.client.unmap(TCP_80)), DeletionRefusedError);
  assertStringIncludes(error.message, "External tcp port 8080 leads");
});

Deno.test("unmap() of a port that shows internal port 0 is for its own host alone", async () => {
  const lab = new UpnpLab();
  lab.remove();
  for (const [client, isDeleted] of [[HOST, true], [OTHER_HOST, false]] as const) {
    const router = new ScriptedRouter(lab.network, {
      actions: {
        GetSpecificPortMappingEntry: () => specificEntry({ NewInternalPort: "0", NewInternalClient: client }),
        DeletePortMapping: () => answerXml("DeletePortMapping", {}),
      },
    });
    const outcome = await lab.run(lab.newClient().unmap(AT_8080).then(() => true, () => false));
    assertEquals([outcome, router.actions.includes("DeletePortMapping")], [isDeleted, isDeleted]);
    router.detach();
  }
});

Deno.test("unmap() without a port deletes every entry of this host with that internal port, and no other", async () => {
  for (const upnp of ["igd1", "igd2"] as const) {
    const lab = new UpnpLab({ upnp });
    const others = [
      { ...TCP_80, internalPort: 81, externalPort: 9000 },
      { protocol: "udp", internalPort: 80, externalPort: 9001 },
    ] as const;
    for (const mapping of others) await lab.run(lab.client.map(mapping));
    await lab.run(lab.newClient(OTHER_HOST).map({ ...TCP_80, externalPort: 9002 }));
    for (const externalPort of [8080, 8081]) await lab.run(lab.newClient().map({ ...TCP_80, externalPort }));
    assertEquals(lab.mappings.length, 5);
    await lab.run(lab.newClient().unmap(TCP_80));
    assertEquals(lab.mappings.sort(), [
      "tcp 9000 -> 10.0.0.2:81",
      "tcp 9002 -> 10.0.0.3:80",
      "udp 9001 -> 10.0.0.2:80",
    ]);
  }
});

Deno.test("unmap() asks for the whole table where the router does not show one mapping", async () => {
  const lab = new UpnpLab({ faults: { allowThirdParty: true } });
  await lab.run(lab.newClient(OTHER_HOST).map(AT_8080));
  lab.setFaults({ allowThirdParty: true, upnpSpecificError: 501 });
  await assertRejects(() => lab.run(lab.client.unmap(AT_8080)), DeletionRefusedError, OTHER_HOST);
  assertEquals(lab.mappings.length, 1);
});

Deno.test("unmap() deletes where the router shows neither one mapping nor all", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const router = new ScriptedRouter(lab.network, {
    actions: { DeletePortMapping: () => answerXml("DeletePortMapping", {}) },
  });
  await lab.run(lab.client.unmap(AT_8080));
  assertEquals(router.actions.at(-1), "DeletePortMapping");
  router.detach();
});

for (
  const [code, refusal] of [[606, "not-authorized"], [501, "unknown-result"], [
    401,
    "unknown-result",
  ]] as const
) {
  Deno.test(`unmap() that the router refuses with ${code} is ${refusal}, and has the mapping`, async () => {
    const lab = new UpnpLab();
    lab.remove();
    const router = new ScriptedRouter(lab.network, {
      actions: { ...new ScriptedTable().actions, DeletePortMapping: () => fault(code) },
    });
    await lab.run(lab.client.map({ ...AT_8080, lifetimeSeconds: 3600 }));
    const wallStart = lab.clock.wallNow();
    const error = await assertRejects(
      () => lab.run(lab.client.unmap({ ...TCP_80, expiresAtMs: lab.clock.now() + 1000 })),
      DeletionRefusedError,
      `${code}`,
    );
    assertEquals([error.refusal, error.resultCode, error.mapping], [refusal, code, TCP_80]);
    assertEquals(error.livesUntil, new Date(wallStart.getTime() + 1000));
    router.detach();
  });
}

Deno.test("unmap() of an answer that cannot be read, or of none, is not a success", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const router = new ScriptedRouter(lab.network, {
    actions: { GetSpecificPortMappingEntry: () => specificEntry(), DeletePortMapping: () => "<html></html>" },
  });
  const error = await assertRejects(() => lab.run(lab.client.unmap(AT_8080)), RefusedError);
  assertEquals(error.refusal, "unknown-result");
  router.detach();
  await assertRejects(() => lab.run(lab.client.unmap(AT_8080)), NotSupportedError);
});

Deno.test("unmap() of internal port 0 sends nothing", async () => {
  const lab = new UpnpLab();
  const unmapped = await lab.run(lab.client.unmap({ protocol: "tcp", internalPort: 0 }));
  assertEquals([unmapped.leftToExpire, lab.gateway.counters.searches], [true, 0]);
});

Deno.test("a mapping that was deleted is not missed by the next probe()", async () => {
  const lab = new UpnpLab();
  await lab.run(lab.client.map(AT_8080));
  let losses = 0;
  lab.client.onStateLost(() => losses++);
  await lab.run(lab.client.unmap(TCP_80));
  await lab.run(lab.client.probe());
  assertEquals(losses, 0);
});

Deno.test("unmap() at a router whose list is junk or endless ends, and deletes what it found", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const deleted: string[] = [];
  const router = new ScriptedRouter(lab.network, {
    actions: {
      GetGenericPortMappingEntry: (args) =>
        args.get("NewPortMappingIndex") === "1"
          ? genericEntry({ NewExternalPort: "9999" })
          : answerXml("GetGenericPortMappingEntry", { NewExternalPort: "junk" }),
      DeletePortMapping: (args) => {
        deleted.push(args.get("NewExternalPort")!);
        return answerXml("DeletePortMapping", {});
      },
    },
  });
  const startMs = lab.clock.now();
  await lab.run(lab.client.unmap(TCP_80, { timeoutMs: 20_000 }));
  assertEquals(deleted, ["9999"]);
  assert(lab.clock.now() - startMs <= 20_000);
  router.detach();
});
