import { assertEquals } from "@std/assert";
import { changeForHook, changeOf } from "../../../lib/cli/map/changes.ts";
import type { StoredLease } from "../../../lib/lease/state.ts";
import { leaseOf } from "../../support/state_samples.ts";
import { MapLab } from "./map_lab.ts";

const MAPPED = { type: "mapped" } as const;
const ADDRESS = "203.0.113.7";

interface Case {
  readonly what: string;
  /** The lease before; none by default. */
  readonly before?: Partial<StoredLease>;
  readonly addressBefore?: string;
  readonly externalPort?: number;
  readonly address?: string | undefined;
  readonly afterLoss?: boolean;
  readonly change: unknown;
}

const CASES: readonly Case[] = [
  { what: "is mapped that was not known", change: MAPPED },
  { what: "is as it was", before: {}, addressBefore: ADDRESS, change: undefined },
  {
    what: "has another port",
    before: { externalPort: 8080 },
    addressBefore: ADDRESS,
    externalPort: 40_001,
    change: { type: "changed", previousExternalPort: 8080 },
  },
  {
    what: "has another address",
    before: {},
    addressBefore: "203.0.113.8",
    change: { type: "changed", previousExternalAddress: "203.0.113.8" },
  },
  {
    what: "has another port and another address",
    before: { externalPort: 8080 },
    addressBefore: "203.0.113.8",
    externalPort: 40_001,
    change: { type: "changed", previousExternalPort: 8080, previousExternalAddress: "203.0.113.8" },
  },
  {
    what: "is as it was while nobody knows the address now",
    before: {},
    addressBefore: ADDRESS,
    address: undefined,
    change: undefined,
  },
  { what: "is as it was where nobody knew the address before", before: {}, change: undefined },
  {
    what: "is mapped anew after it had expired",
    before: { lifetimeSeconds: 1 },
    addressBefore: ADDRESS,
    change: MAPPED,
  },
  {
    what: "is mapped anew after the gateway had lost it",
    before: { isLost: true },
    addressBefore: ADDRESS,
    change: MAPPED,
  },
  {
    what: "is mapped anew after a loss that was found just now",
    before: {},
    addressBefore: ADDRESS,
    afterLoss: true,
    change: MAPPED,
  },
  {
    what: "of which a hook could not be told is no news by that",
    before: { isUntold: true },
    addressBefore: ADDRESS,
    change: undefined,
  },
];

for (const { what, before, addressBefore, externalPort = 80, afterLoss = false, change, ...rest } of CASES) {
  Deno.test(`changeOf(): a lease ${what}`, async () => {
    const lab = new MapLab();
    const granted = lab.world.fakeStateHome.now();
    await lab.world.clock.advance(5000);
    // What is told goes by the address that was told of this very lease, not by what others heard since.
    const told = addressBefore === undefined ? {} : { externalAddress: addressBefore };
    const { book } = await lab.sessionWith({
      externalAddress: ADDRESS,
      leases: before === undefined ? [leaseOf(22)] : [leaseOf(80, { granted, ...told, ...before })],
    });
    if (afterLoss) lab.mapper.loseState();
    const address = "address" in rest ? rest.address : ADDRESS;
    assertEquals<unknown>(
      changeOf({ protocol: "tcp", internalPort: 80, externalPort }, address, book),
      change,
    );
  });
}

Deno.test("changeForHook() takes a lease of which nobody could be told for new, and others as they are", async () => {
  const lab = new MapLab();
  const granted = lab.world.fakeStateHome.now();
  const leases = [leaseOf(80, { granted, isUntold: true }), leaseOf(22, { granted })];
  const { book } = await lab.sessionWith({ externalAddress: ADDRESS, leases });
  const change = (port: number, externalPort: number) =>
    changeForHook({ protocol: "tcp", internalPort: port, externalPort }, ADDRESS, book);
  assertEquals<unknown>(change(80, 80), MAPPED);
  assertEquals(change(22, 22), undefined);
  assertEquals<unknown>(change(22, 23), { type: "changed", previousExternalPort: 22 });
});

Deno.test("changeOf() without a book takes everything for new", () => {
  assertEquals(changeOf({ protocol: "tcp", internalPort: 80, externalPort: 80 }, ADDRESS, undefined), MAPPED);
});
