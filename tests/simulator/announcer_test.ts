import { assertEquals } from "@std/assert";
import { announcementEmissions, announcementTimes } from "../../lib/simulator/announcer.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import type { SpokenProtocols } from "../../lib/simulator/gateway_state.ts";
import { hex } from "./hex.ts";

const GROUP = { hostname: "224.0.0.1", port: 5350 };

const NAT_PMP = hex("00 80 00 00 | 00 01 23 45 | CB 00 71 07");
const PCP = hex("02 80 00 00 | 00 00 00 00 | 00 01 23 45 | 00 00 00 00 00 00 00 00 00 00 00 00");

function emissions(faults: Faults, speaks: SpokenProtocols = "nat-pmp") {
  return announcementEmissions({ speaks, epochSeconds: 74_565, externalAddress: "203.0.113.7", faults });
}

Deno.test("announcementTimes() has ten times at doubling intervals from 250 ms on (§3.2.1)", () => {
  const times = [0, 250, 750, 1750, 3750, 7750, 15_750, 31_750, 63_750, 127_750];
  assertEquals(announcementTimes(1000, {}), times.map((ms) => ms + 1000));
});

Deno.test("announcementTimes() has one or none where the faults say so", () => {
  assertEquals(announcementTimes(1000, { announceOnce: true }), [1000]);
  assertEquals(announcementTimes(1000, { announceNever: true }), []);
  assertEquals(announcementTimes(1000, { silent: true }), []);
});

Deno.test("announcementEmissions() has the form of §3.2 and goes to 224.0.0.1:5350 (§3.2.1)", () => {
  assertEquals(emissions({}), [{ data: NAT_PMP, to: GROUP, delayMs: 0, from: "gateway" }]);
});

Deno.test("announcementEmissions() says result 3 when there is no address (§3.5)", () => {
  const [emission] = announcementEmissions({
    speaks: "nat-pmp",
    epochSeconds: 1,
    externalAddress: undefined,
    faults: {},
  });
  assertEquals(emission?.data, hex("00 80 00 03 | 00 00 00 01 | 00 00 00 00"));
});

Deno.test("announcementEmissions() goes to port 5351 as before the RFC", () => {
  assertEquals(emissions({ announceTo5351: true })[0]?.to, { hostname: "224.0.0.1", port: 5351 });
});

Deno.test("announcementEmissions() puts a forged one with a new epoch from another address before it", () => {
  const [forged, genuine] = emissions({ spoofedAnnouncement: true });
  assertEquals(forged?.from, "other-address");
  assertEquals(forged?.data.subarray(0, 8), hex("00 80 00 00 | 00 00 00 00"));
  assertEquals(genuine?.from, "gateway");
});

Deno.test("announcementEmissions() puts junk before it", () => {
  assertEquals(emissions({ garbageAnnouncement: true }).length, 2);
});

for (
  const { what, faults, speaks, forms } of [
    { what: "that speaks only PCP", faults: {}, speaks: "pcp", forms: [PCP] },
    { what: "that speaks both protocols", faults: {}, speaks: "both", forms: [NAT_PMP, PCP] },
    {
      what: "that announces in PCP's form only",
      faults: { pcpAnnounce: true },
      speaks: "nat-pmp",
      forms: [PCP],
    },
  ] as const
) {
  Deno.test(`announcementEmissions() of a gateway ${what} has the form of each (RFC 6887 §14.1)`, () => {
    assertEquals(
      emissions(faults, speaks),
      forms.map((data) => ({ data, to: GROUP, delayMs: 0, from: "gateway" })),
    );
  });
}

Deno.test("announcementEmissions() forges each form that the gateway has", () => {
  const sent = emissions({ spoofedAnnouncement: true }, "both");
  assertEquals(sent.map(({ data, from }) => [data[0], from]), [
    [0, "other-address"],
    [0, "gateway"],
    [2, "other-address"],
    [2, "gateway"],
  ]);
});
