import type { KeeperEvent } from "../../lease/news.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { HookFailure } from "./hook_runner.ts";

/** Everything that `watch` reports: the keeper's events and the command's own. */
export type WatchEvent =
  | KeeperEvent
  | {
    readonly type: "started";
    readonly mappings: readonly MappingKey[];
    /** Warnings about the command line and the machine. */
    readonly warnings?: readonly string[];
    readonly time: Date;
  }
  | { readonly type: "stopped"; readonly time: Date }
  | ({ readonly type: "hook-failed"; readonly time: Date } & HookFailure);

/** An event as the manual lists it. */
interface EventSpec {
  readonly meaning: string;
  /** Whether it is neither a change nor a failure, so that `--quiet` leaves it out. */
  readonly isRoutine?: boolean;
}

/** The events by their names in NDJSON. */
export const WATCH_EVENTS: Readonly<Record<WatchEvent["type"], EventSpec>> = {
  "started": { meaning: "watch begins", isRoutine: true },
  "mapped": { meaning: "the router granted a mapping that this host did not have" },
  "renewed": {
    meaning: "the router granted a mapping again, on the same external port and address",
    isRoutine: true,
  },
  "changed": { meaning: "a mapping has another external port, or another external address" },
  "expired": { meaning: "a lease ended without a renewal; watch asks for it again" },
  "unmapped": { meaning: "watch deleted a mapping" },
  "address": { meaning: "the external address: at the start and after each change" },
  "state-lost": { meaning: "the router lost its mappings; watch makes them again" },
  "announcement": { meaning: "the router announced something, and watch asks what", isRoutine: true },
  "gateway-silent": { meaning: "the router no longer answers" },
  "gateway-back": { meaning: "the router answers again" },
  "gateway-changed": { meaning: "another router, or another address of this host; watch maps there" },
  "hook-failed": { meaning: "the command of --exec failed" },
  "error": { meaning: "something else keeps watch from its work; printed once until the cause changes" },
  "stopped": { meaning: "watch ends", isRoutine: true },
};
