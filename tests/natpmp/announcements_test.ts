import { assertEquals } from "@std/assert";
import {
  type AnnouncedState,
  type Announcement,
  questionableAnnouncements,
} from "../../lib/natpmp/announcements.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { hex } from "../simulator/hex.ts";

const GATEWAY = "10.0.0.1";
/** RFC 6886 §3.2.1: 203.0.113.7 at 74565 s. */
const ANNOUNCED = "00 80 00 00 00 01 23 45 CB 00 71 07";
const STATE = { epochSeconds: 74_565, externalAddress: "203.0.113.7" };
/** miniupnpd 2.3.1 at its start (measured): a PCP ANNOUNCE with epoch 0. */
const PCP = `02 80 00 00 ${"00 ".repeat(20)}`;

async function* from(source: Datagram["source"], texts: readonly string[]): AsyncGenerator<Datagram> {
  for (const text of texts) yield await Promise.resolve({ data: hex(text), source });
}

interface PickOptions {
  readonly source?: Datagram["source"];
  readonly isNews?: (state: AnnouncedState) => boolean;
}

async function pick(texts: readonly string[], options: PickOptions = {}): Promise<Announcement[]> {
  const { source = { hostname: GATEWAY, port: 5351 }, isNews = () => true } = options;
  return await Array.fromAsync(questionableAnnouncements(from(source, texts), { gateway: GATEWAY, isNews }));
}

Deno.test("questionableAnnouncements() yields what is news", async () => {
  assertEquals(await pick([ANNOUNCED]), [{ kind: "nat-pmp", ...STATE }]);
});

Deno.test("questionableAnnouncements() drops what is not news", async () => {
  const judged: AnnouncedState[] = [];
  const isNews = (state: AnnouncedState) => judged.push(state) === 0;
  assertEquals(await pick([ANNOUNCED], { isNews }), []);
  assertEquals(judged, [STATE]);
});

Deno.test("questionableAnnouncements() drops what comes from elsewhere, unread", async () => {
  const isNews = () => {
    throw new Error("It was read");
  };
  assertEquals(await pick([ANNOUNCED, PCP], { source: { hostname: "10.0.0.9", port: 5351 }, isNews }), []);
});

Deno.test("questionableAnnouncements() takes any source port of the gateway", async () => {
  assertEquals((await pick([ANNOUNCED], { source: { hostname: GATEWAY, port: 40_000 } })).length, 1);
});

Deno.test("questionableAnnouncements() yields a version-2 ANNOUNCE whatever is known", async () => {
  assertEquals(await pick([PCP], { isNews: () => false }), [{ kind: "pcp" }]);
});

Deno.test("questionableAnnouncements() reads a gateway without an address", async () => {
  assertEquals(await pick(["00 80 00 03 00 00 00 07 00 00 00 00"]), [{ kind: "nat-pmp", epochSeconds: 7 }]);
});

Deno.test("questionableAnnouncements() drops junk, requests, mappings and other versions", async () => {
  const junk = [
    "",
    "00",
    "00 00",
    "00 80 00 00 00 01 23 45",
    "00 82 00 00 00 01 23 45 00 50 1F 90 00 00 0E 10",
    "01 80 00 00 00 00 00 00 00 00 00 00",
    "02 00 00 00",
    "02 81" + " 00".repeat(22),
    "02 80 00 00 00 00 00 00 00 00 00 00",
  ];
  assertEquals(await pick(junk), []);
});
