import type { Clock } from "../../clock.ts";
import type { KeeperEvent } from "../../lease/keeper_event.ts";
import type { Lease } from "../../port_mapper.ts";
import { leaseLine } from "../lease_report.ts";
import type { HookEvent } from "./hook_environment.ts";
import type { HookRunner } from "./hook_runner.ts";
import type { PortFile } from "./port_file.ts";
import type { ReportPrinter } from "./report_printer.ts";
import type { SystemdNotifier } from "./systemd_notifier.ts";

/** What is held at the moment. */
export interface Held {
  /** The leases in the order of the specs. */
  readonly leases: readonly Lease[];
  readonly externalAddress: string | undefined;
}

/** Options of {@linkcode Publisher}. */
export interface PublisherOptions {
  readonly clock: Clock;
  readonly printer: ReportPrinter;
  readonly notifier: SystemdNotifier;
  readonly portFile?: PortFile | undefined;
  readonly hooks?: HookRunner | undefined;
  /** Whether there are mappings to hold; without any, the address is the news. */
  readonly hasWishes: boolean;
  /** What is held. */
  readonly held: () => Held;
}

/** Makes each event known in the order of the contract: the port file first, then the line, then the hook. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** Why the port file could not be written last. */
  #portFileFailure: string | undefined;

  /**
   * @param options Whom to tell.
   */
  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Tells one event. */
  async publish(event: KeeperEvent): Promise<void> {
    const { printer, hooks, portFile, held } = this.#options;
    // Listing what is held is work for each event and each lease: only where somebody needs it.
    if (portFile !== undefined) await this.updatePortFile(held().leases);
    printer.print(event);
    if (event.type === "renewed") hooks?.retry(event.lease);
    if (hooks !== undefined && this.#isForHook(event)) hooks.run(event, held().externalAddress);
    this.#notify(event);
  }

  /** Brings the port file up to date. What keeps it from that is told once for each cause, and tried again later. */
  async updatePortFile(leases: readonly Lease[]): Promise<void> {
    const { clock, printer, portFile } = this.#options;
    try {
      await portFile?.hold(leases.map(({ externalPort }) => externalPort));
      this.#portFileFailure = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#portFileFailure) {
        printer.print({ type: "error", error, mappings: [], time: clock.wallNow() });
      }
      this.#portFileFailure = reason;
    }
  }

  #isForHook(event: KeeperEvent): event is HookEvent {
    switch (event.type) {
      case "mapped":
      case "changed":
      case "expired":
      case "unmapped":
        return true;
      case "address":
        return !this.#options.hasWishes;
      default:
        return false;
    }
  }

  #notify(event: KeeperEvent): void {
    const { notifier, hasWishes, held } = this.#options;
    if (!notifier.isHeard) return;
    const { leases, externalAddress } = held();
    if (hasWishes ? leases.length > 0 : externalAddress !== undefined) notifier.ready();
    if (event.type === "gateway-silent") return notifier.status(`${event.gateway} does not answer`);
    if (event.type === "renewed") return;
    const what = hasWishes
      ? leases.map((lease) => leaseLine(lease, externalAddress)).join("; ")
      : externalAddress ?? "";
    notifier.status(what || "Nothing is held");
  }
}
