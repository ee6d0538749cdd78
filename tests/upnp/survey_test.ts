import { assertEquals } from "@std/assert";
import { attachIgd } from "../support/scripted_igd.ts";
import { GATEWAY, UpnpLab } from "./upnp_lab.ts";

Deno.test("survey() searches to the end of its time, and the first router that maps ports is used afterwards", async () => {
  const lab = new UpnpLab();
  attachIgd(lab.network, { address: "10.0.0.9", service: "WANIPConnection:2" });
  const startMs = lab.clock.now();
  const { routers, failure } = await lab.run(lab.client.survey(2000));
  assertEquals(routers.map(({ address, isChosen }) => [address, isChosen]), [[GATEWAY, true], [
    "10.0.0.9",
    false,
  ]]);
  assertEquals([failure, Math.floor((lab.clock.now() - startMs) / 100)], [undefined, 20]);
  lab.traced.length = 0;
  await lab.run(lab.client.probe());
  assertEquals(lab.actions, ["GetExternalIPAddress"]);
});

Deno.test("survey() leaves out what is not a router, and has the error of a search that found none", async () => {
  const lab = new UpnpLab();
  lab.remove();
  const { routers, failure } = await lab.run(lab.client.survey(1000));
  assertEquals([routers, failure?.message], [[], "No router answered the search at 10.0.0.1 within 1 s"]);
  attachIgd(lab.network, { address: "10.0.0.9", deviceType: "MediaRenderer:1" });
  const second = await lab.run(lab.client.survey(1000));
  assertEquals([second.routers, second.failure?.message], [
    [],
    "No router that maps ports answered the search at 10.0.0.1 within 1 s",
  ]);
});

Deno.test("survey() asks a router for the state of its connection, and keeps what it answers", async () => {
  const lab = new UpnpLab({ faults: { upnpPpp: true } });
  attachIgd(lab.network, { address: "10.0.0.9", service: "WANIPConnection:1" });
  const { routers } = await lab.run(lab.client.survey(2000));
  assertEquals(
    routers.map(({ services, connectionStatus, isNatEnabled, externalAddress }) => [
      services,
      connectionStatus,
      isNatEnabled,
      externalAddress,
    ]),
    [
      [["WANPPPConnection:1"], "Connected", true, "203.0.113.7"],
      // It answers each action with 401.
      [["WANIPConnection:1"], undefined, undefined, undefined],
    ],
  );
});

Deno.test("survey() reports a router that is silent over HTTP, and asks it no more", async () => {
  const lab = new UpnpLab();
  lab.setFaults({ upnpHttpLatencyMs: 60_000 });
  const { routers } = await lab.run(lab.client.survey(1000));
  assertEquals(routers.map(({ problem, isChosen }) => [problem, isChosen]), [
    ["10.0.0.1:5000 did not answer within 5 s", false],
  ]);
  assertEquals(lab.actions, ["description"]);
});

Deno.test("survey() leaves the time of one operation for the requests after the search", async () => {
  const lab = new UpnpLab();
  const { routers } = await lab.run(lab.client.survey(500, { timeoutMs: 500 }));
  assertEquals(routers.map(({ problem, externalAddress }) => [problem, externalAddress]), [[
    undefined,
    "203.0.113.7",
  ]]);
});

Deno.test("survey() of a named description searches for nothing", async () => {
  const lab = new UpnpLab({}, { igdUrl: new URL(`http://${GATEWAY}:5000/rootDesc.xml`) });
  const { routers } = await lab.run(lab.client.survey(2000));
  assertEquals([routers.length, lab.gateway.counters.searches], [1, 0]);
});
