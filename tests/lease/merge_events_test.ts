import { assertEquals } from "@std/assert";
import type { KeeperEvent } from "../../lib/lease/news.ts";
import { mergeEvents, subjectOf } from "../../lib/lease/merge_events.ts";
import { heldLeaseOf } from "../support/leases.ts";

const AT = { gateway: "10.0.0.1", time: new Date(0) };
const KEY = { protocol: "tcp", internalPort: 80 } as const;

/** An event in short, as in `changed 2 was 1`, `expired was 1`, `address b was a`. */
function eventOf(text: string): KeeperEvent {
  const [type = "", ...words] = text.split(" ");
  const was = words.includes("was") ? words.at(-1)! : undefined;
  const now = words[0]!;
  const port = was === undefined ? {} : { previousExternalPort: Number(was) };
  switch (type) {
    case "mapped":
    case "renewed":
    case "changed":
      return { type, lease: heldLeaseOf({ externalPort: Number(now) }), ...port, ...AT } as KeeperEvent;
    case "expired":
    case "unmapped":
      return { type, mapping: KEY, previousExternalPort: Number(was), ...AT };
    case "address":
      return {
        type,
        externalAddress: now,
        ...(was === undefined ? {} : { previousExternalAddress: was }),
        ...AT,
      };
    default:
      return { type, ...AT } as KeeperEvent;
  }
}

function textOf(event: KeeperEvent): string {
  const { previousExternalPort, previousExternalAddress } = event as Partial<
    Record<"previousExternalPort" | "previousExternalAddress", unknown>
  >;
  const now = "lease" in event
    ? event.lease.externalPort
    : event.type === "address"
    ? event.externalAddress
    : "";
  const was = previousExternalPort ?? previousExternalAddress;
  return [event.type, now, ...(was === undefined ? [] : ["was", was])].filter((word) => word !== "").join(
    " ",
  );
}

for (
  const [older, newer, merged] of [
    ["mapped 1", "renewed 1", "mapped 1"],
    ["mapped 1", "changed 2 was 1", "mapped 2"],
    ["mapped 1", "expired was 1", "expired was 1"],
    ["renewed 1", "renewed 1", "renewed 1"],
    ["renewed 1", "changed 2 was 1", "changed 2 was 1"],
    ["changed 2 was 1", "renewed 2", "changed 2 was 1"],
    ["changed 2 was 1", "changed 3 was 2", "changed 3 was 1"],
    ["changed 2 was 1", "changed 1 was 2", "changed 1"],
    ["changed 2 was 1", "expired was 2", "expired was 1"],
    ["changed 2 was 1", "unmapped was 2", "unmapped was 1"],
    ["expired was 1", "mapped 1", "mapped 1"],
    ["expired was 1", "mapped 2", "changed 2 was 1"],
    ["changed 2 was 1", "mapped 3", "changed 3 was 1"],
    ["address b", "address c was b", "address c"],
    ["address b was a", "address c was b", "address c was a"],
    ["gateway-silent", "gateway-back", "gateway-back"],
  ] as const
) {
  Deno.test(`mergeEvents() makes of "${older}" and "${newer}" one "${merged}"`, () => {
    assertEquals(subjectOf(eventOf(older)), subjectOf(eventOf(newer)));
    assertEquals(textOf(mergeEvents(eventOf(older), eventOf(newer))), merged);
  });
}

Deno.test("mergeEvents() keeps the oldest address of a mapping, and the oldest gateway", () => {
  const lease = heldLeaseOf();
  const first = {
    type: "changed",
    lease,
    externalAddress: "b",
    previousExternalAddress: "a",
    ...AT,
  } as const;
  const second = { ...first, externalAddress: "c", previousExternalAddress: "b" };
  assertEquals(mergeEvents(first, second), { ...second, previousExternalAddress: "a" });
  const moved = { type: "gateway-changed", ...AT } as const;
  assertEquals(
    mergeEvents({ ...moved, previousGateway: "10.0.0.7" }, { ...moved, previousGateway: "10.0.0.8" }),
    { ...moved, previousGateway: "10.0.0.7" },
  );
});

Deno.test("subjectOf() distinguishes mappings, protocols and kinds of news", () => {
  const udp: KeeperEvent = { type: "mapped", lease: heldLeaseOf({ protocol: "udp" }), ...AT };
  const error: KeeperEvent = { type: "error", error: 1, mappings: [KEY], time: AT.time };
  const events = [udp, error, { ...error, mappings: [] }];
  const others = ["mapped 1", "address a", "gateway-silent", "gateway-changed", "state-lost", "announcement"];
  assertEquals(new Set([...events, ...others.map(eventOf)].map(subjectOf)).size, 9);
});
