import { assertEquals } from "@std/assert";
import { announcementEmissions, announcementTimes } from "../../lib/simulator/announcer.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import { hex } from "./hex.ts";

const GROUP = { hostname: "224.0.0.1", port: 5350 };

function emissions(faults: Faults) {
  return announcementEmissions({ epochSeconds: 74_565, externalAddress: "203.0.113.7", faults });
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
  const data = hex("00 80 00 00 | 00 01 23 45 | CB 00 71 07");
  assertEquals(emissions({}), [{ data, to: GROUP, delayMs: 0, from: "gateway" }]);
});

Deno.test("announcementEmissions() says result 3 when there is no address (§3.5)", () => {
  const [emission] = announcementEmissions({ epochSeconds: 1, externalAddress: undefined, faults: {} });
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

Deno.test("announcementEmissions() is a PCP ANNOUNCE of 24 bytes with the epoch at 8 (RFC 6887 §14.1)", () => {
  const data = hex("02 80 00 00 | 00 00 00 00 | 00 01 23 45 | 00 00 00 00 00 00 00 00 00 00 00 00");
  assertEquals(emissions({ pcpAnnounce: true })[0]?.data, data);
});
