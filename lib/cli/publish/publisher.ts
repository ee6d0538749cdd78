import type { Clock } from "../../clock.ts";
import type { KeeperEvent } from "../../lease/news.ts";
import type { HeldLease } from "../../lease/ledger.ts";
import { leaseLine } from "./lease_report.ts";
import type { HookEvent } from "./hook_environment.ts";
import type { HookRunner } from "./hook_runner.ts";
import type { PortFiles } from "./port_files.ts";
import type { ReportPrinter } from "./report_printer.ts";
import type { SystemdNotifier } from "./systemd_notifier.ts";

/** The leases held at the moment. */
export interface Held {
  /** The leases in the order of the specs. */
  readonly leases: readonly HeldLease[];
  readonly externalAddress: string | undefined;
}

/** Options of {@linkcode Publisher}. */
export interface PublisherOptions {
  readonly clock: Clock;
  readonly printer: ReportPrinter;
  readonly notifier: SystemdNotifier;
  readonly portFiles?: PortFiles | undefined;
  readonly hooks?: HookRunner | undefined;
  /** Whether there are mappings to hold; without any, the address is the news. */
  readonly hasMappings: boolean;
  readonly held: () => Held;
}

/** How soon a port file that could not be written is tried again. */
const RETRY_MS = 10_000;

/** Port files are looked at with renewals, but no more often than this. */
const LOOK_INTERVAL_MS = 1000;

/** Makes each event known in the order of the contract: the port files first, then the line, then the hook. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** The reasons why port files could not be written last. */
  #portFileFailures: ReadonlySet<string> = new Set();
  #updating: Promise<void> = Promise.resolve();
  #isRetrying = false;
  readonly #closing = new AbortController();
  #looksAtMs = -Infinity;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Publishes one event. */
  async publish(event: KeeperEvent): Promise<void> {
    const { printer, hooks, portFiles, held } = this.#options;
    // Listing what is held is work for each event and each lease: only where somebody needs it.
    if (portFiles !== undefined) {
      const { leases } = held();
      if (event.type === "renewed" && this.#isTimeToLook()) portFiles.distrust(leases);
      await this.updatePortFiles(leases);
    }
    printer.print(event);
    if (event.type === "renewed") hooks?.retry(event.lease);
    if (hooks !== undefined && this.#isForHook(event)) {
      hooks.run(event, { externalAddress: held().externalAddress });
    }
    this.#notify(event);
  }

  /** Somebody may have deleted a file, or written to it. A round renews many leases, and one look is enough. */
  #isTimeToLook(): boolean {
    const nowMs = this.#options.clock.now();
    if (nowMs < this.#looksAtMs) return false;
    this.#looksAtMs = nowMs + LOOK_INTERVAL_MS;
    return true;
  }

  /** Brings the port files up to date. Reports a failure once for each cause, and tries again. */
  updatePortFiles(leases: readonly HeldLease[]): Promise<void> {
    // One after the other: an event may come while the last one's files are being written.
    return this.#updating = this.#updating.then(() => this.#updatePortFiles(leases));
  }

  async #updatePortFiles(leases: readonly HeldLease[]): Promise<void> {
    const { clock, printer, portFiles } = this.#options;
    const failures = await portFiles?.hold(leases) ?? [];
    for (const error of failures) {
      if (this.#portFileFailures.has(error.message)) continue;
      printer.print({ type: "error", error, mappings: [], time: clock.wallNow() });
    }
    this.#portFileFailures = new Set(failures.map(({ message }) => message));
    if (failures.length > 0) void this.#retryPortFiles();
  }

  /** Nothing may happen for an hour, and a directory may be mounted late. */
  async #retryPortFiles(): Promise<void> {
    const { clock, held } = this.#options;
    const { signal } = this.#closing;
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    while (this.#portFileFailures.size > 0 && !signal.aborted) {
      await clock.sleep(RETRY_MS, { signal }).catch(() => {});
      if (!signal.aborted) await this.updatePortFiles(held().leases);
    }
    this.#isRetrying = false;
  }

  /** Tries nothing again from now on. */
  close(): void {
    this.#closing.abort();
  }

  #isForHook(event: KeeperEvent): event is KeeperEvent & HookEvent {
    switch (event.type) {
      case "mapped":
      case "changed":
      case "expired":
      case "unmapped":
        return true;
      case "address":
        return !this.#options.hasMappings;
      default:
        return false;
    }
  }

  #notify(event: KeeperEvent): void {
    const { notifier, hasMappings, held } = this.#options;
    if (!notifier.isHeard) return;
    const { leases, externalAddress } = held();
    if (hasMappings ? leases.length > 0 : externalAddress !== undefined) notifier.ready();
    if (event.type === "gateway-silent") return notifier.status(`${event.gateway} does not answer`);
    if (event.type === "renewed") return;
    const what = hasMappings
      ? leases.map((lease) => leaseLine(lease, externalAddress)).join("; ")
      : externalAddress ?? "";
    notifier.status(what || "No mapping is held");
  }
}
