import { assertEquals } from "@std/assert";
import { Publisher, type PublisherOptions } from "../../../lib/cli/publish/publisher.ts";
import type { KeeperEvent } from "../../../lib/lease/news.ts";
import type { HeldLease } from "../../../lib/lease/ledger.ts";
import { ManualClock } from "../../../lib/simulator/mod.ts";
import { heldLeaseOf } from "../../support/leases.ts";

const LEASE = heldLeaseOf({ externalPort: 8080, lifetimeSeconds: 7200, renewAfterMs: 3_600_000 });
const MAPPED: KeeperEvent = { type: "mapped", lease: LEASE, gateway: "10.0.0.1", time: new Date(0) };

interface NotingOptions {
  readonly isHeard?: boolean;
  readonly hasFile?: boolean;
  /** What writing the port files fails with, each time. */
  readonly failures?: readonly (readonly Error[])[];
  readonly clock?: ManualClock;
}

/** A publisher whose listeners note in which order they are called. */
function noting(options: NotingOptions = {}) {
  const { isHeard = true, hasFile = true } = options;
  const failures = [...options.failures ?? []];
  const notes: string[] = [];
  const parts = {
    clock: options.clock ?? new ManualClock({ startMs: 0, wallStart: new Date(0) }),
    printer: { print: ({ type }: { type: string }) => void notes.push(`line ${type}`) },
    notifier: {
      isHeard,
      ready: () => void notes.push("ready"),
      status: (text: string) => void notes.push(`status ${text}`),
    },
    portFiles: hasFile
      ? {
        hold: (leases: readonly HeldLease[]) => {
          notes.push(`file ${leases.map(({ externalPort }) => externalPort)}`);
          return Promise.resolve(failures.shift() ?? []);
        },
        distrust: () => {},
      }
      : undefined,
    hooks: {
      run: ({ type }: { type: string }) => void notes.push(`hook ${type}`),
      retry: () => void notes.push("retry"),
    },
    hasMappings: true,
    held: () => {
      notes.push("held");
      return { leases: [LEASE], externalAddress: "203.0.113.7" };
    },
  };
  return { notes, publisher: new Publisher(parts as unknown as PublisherOptions) };
}

Deno.test("Publisher.publish() ends a round in the contract's order: port file, event line, hook", async () => {
  const { publisher, notes } = noting({ isHeard: false });
  await publisher.publish(MAPPED);
  assertEquals(notes.filter((note) => note !== "held"), ["file 8080", "line mapped", "hook mapped"]);
});

Deno.test("Publisher.publish() tells systemd that the service is ready, and what is held", async () => {
  const { publisher, notes } = noting({ hasFile: false });
  await publisher.publish(MAPPED);
  assertEquals(notes.slice(-2), ["ready", "status tcp 203.0.113.7:8080 -> 80, 7200 s"]);
});

Deno.test("Publisher.publish() runs no hook at a renewal but those that failed before", async () => {
  const { publisher, notes } = noting({ isHeard: false });
  await publisher.publish({ ...MAPPED, type: "renewed" } as KeeperEvent);
  assertEquals(notes.filter((note) => note !== "held"), ["file 8080", "line renewed", "retry"]);
});

Deno.test("Publisher.publish() lists what is held only where somebody needs it", async () => {
  const { publisher, notes } = noting({ isHeard: false, hasFile: false });
  await publisher.publish({ ...MAPPED, type: "renewed" } as KeeperEvent);
  assertEquals(notes, ["line renewed", "retry"]);
});

Deno.test("Publisher.updatePortFiles() tells what keeps a file from being written once for each cause", async () => {
  const [full, readOnly] = [new Error("Cannot write a: full"), new Error("Cannot write b: read-only")];
  const failures = [[full], [full, readOnly], [readOnly], [], [full]];
  const { publisher, notes } = noting({ failures });
  const counts: number[] = [];
  for (const _ of failures) {
    notes.length = 0;
    await publisher.updatePortFiles([LEASE]);
    counts.push(notes.filter((note) => note === "line error").length);
  }
  assertEquals(counts, [1, 1, 0, 0, 1]);
});

Deno.test("Publisher tries a port file that could not be written every 10 s until it can, with what is held then", async () => {
  const clock = new ManualClock({ startMs: 0, wallStart: new Date(0) });
  const missing = [new Error("Cannot write a: no directory")];
  const { publisher, notes } = noting({ clock, failures: [missing, missing, missing] });
  await publisher.updatePortFiles([]);
  await clock.advance(9999);
  assertEquals(notes, ["file ", "line error"]);
  await clock.advance(20_001);
  assertEquals(notes.slice(2), ["held", "file 8080", "held", "file 8080", "held", "file 8080"]);
  await clock.advance(3_600_000);
  assertEquals(notes.length, 8);
});

Deno.test("Publisher tries nothing again once it is closed", async () => {
  const clock = new ManualClock({ startMs: 0, wallStart: new Date(0) });
  const { publisher, notes } = noting({ clock, failures: [[new Error("Cannot write a: no directory")]] });
  await publisher.updatePortFiles([]);
  publisher.close();
  await clock.advance(60_000);
  assertEquals(notes, ["file ", "line error"]);
});
