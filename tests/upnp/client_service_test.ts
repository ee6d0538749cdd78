import { assertEquals, assertRejects } from "@std/assert";
import { NotSupportedError } from "../../lib/errors.ts";
import { answerXml, descriptionXml, serviceXml } from "./documents.ts";
import { fault, ScriptedRouter } from "./scripted_router.ts";
import { GATEWAY, HOST, UpnpLab } from "./upnp_lab.ts";

const AT_8080 = { protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 } as const;
const SERVICE = "urn:schemas-upnp-org:service:";

/** A lab without a router. */
function emptyLab(): UpnpLab {
  const lab = new UpnpLab();
  lab.remove();
  return lab;
}

// ---- services ----

Deno.test("of several services the connected one is used, and few are asked", async () => {
  const types = ["WANIPConnection:1", "WANPPPConnection:1", "WANPPPConnection:1"];
  for (const connected of [0, 1, 2, undefined]) {
    const lab = emptyLab();
    const services = types.map((type, n) => serviceXml(`${SERVICE}${type}`, `/ctl${n}`)).join("");
    const states: string[] = [];
    const router: ScriptedRouter = new ScriptedRouter(lab.network, {
      description: descriptionXml({ services }),
      actions: {
        GetStatusInfo: () => {
          const { path } = router.heard.at(-1)!;
          states.push(path);
          const state = path === `/ctl${connected}` ? "Connected" : "Disconnected";
          return answerXml("GetStatusInfo", { NewConnectionStatus: state, NewUptime: "junk" });
        },
        GetExternalIPAddress: () => fault(501),
      },
    });
    await lab.run(lab.client.probe());
    assertEquals(router.heard.at(-1)!.path, `/ctl${connected ?? 0}`);
    assertEquals(states.length, connected === undefined ? 3 : connected + 1);
    router.detach();
  }
});

Deno.test("a description with 1000 services costs 4 questions", async () => {
  const lab = emptyLab();
  const services = Array.from(
    { length: 1000 },
    (_, n) => serviceXml(`${SERVICE}WANIPConnection:1`, `http://${GATEWAY}:${6000 + n}/`),
  ).join("");
  const router = new ScriptedRouter(lab.network, { description: descriptionXml({ services }) });
  await lab.run(lab.client.find());
  assertEquals(lab.network.host(HOST).connections, 1 + 4);
  router.detach();
});

// ---- a place that a user named ----

Deno.test("a named description is read without a search", async () => {
  const lab = new UpnpLab();
  const igdUrl = new URL(`http://${GATEWAY}:5000/rootDesc.xml`);
  await lab.run(lab.newClient(HOST, { igdUrl }).map(AT_8080));
  assertEquals([lab.gateway.counters.searches, lab.mappings.length], [0, 1]);
});

for (
  const [what, path, services] of [
    ["404", "/other.xml", ""],
    ["a page for people", "/page", ""],
    ["a description of another device", "/desc.xml", ""],
  ] as const
) {
  Deno.test(`a named description that is ${what} is not supported`, async () => {
    const lab = emptyLab();
    const description = path === "/other.xml"
      ? { status: 404, body: "" }
      : path === "/page"
      ? "<html></html>"
      : descriptionXml({ services });
    const router = new ScriptedRouter(lab.network, { description });
    const igdUrl = new URL(`http://${GATEWAY}:5000${path}`);
    const error = await assertRejects(
      () => lab.run(lab.newClient(HOST, { igdUrl }).find()),
      NotSupportedError,
      igdUrl.href,
    );
    assertEquals([error.reason, router.searches], ["no-service", 0]);
    router.detach();
  });
}
