import type { Clock } from "../../clock.ts";
import type { NotifySocket, Process } from "../../system/system.ts";

/** Options of {@linkcode SystemdNotifier}. */
export interface SystemdNotifierOptions {
  readonly clock: Clock;
  /** Called once when the service manager cannot be reached. */
  readonly onFailure: (message: string) => void;
}

/** Reports the state of the process to systemd (sd_notify(3)); does nothing without a socket for it. */
export class SystemdNotifier {
  readonly #options: SystemdNotifierOptions;
  readonly #stopping = new AbortController();
  #socket: NotifySocket | undefined;
  /** Sends go out one after the other. */
  #sent: Promise<void> = Promise.resolve();
  #status = "";
  #isReady = false;

  constructor(
    process: Pick<Process, "environment" | "id" | "openNotifySocket">,
    options: SystemdNotifierOptions,
  ) {
    this.#options = options;
    const { NOTIFY_SOCKET: address, WATCHDOG_USEC, WATCHDOG_PID } = process.environment;
    if (!address) return;
    try {
      this.#socket = process.openNotifySocket(address);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const isForUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.id;
    const watchdogMs = isForUs ? Number(WATCHDOG_USEC ?? NaN) / 1000 : NaN;
    if (watchdogMs > 0) this.#feedWatchdog(watchdogMs / 2);
  }

  /** Whether there is a service manager to notify. */
  get isHeard(): boolean {
    return this.#socket !== undefined;
  }

  /** The service is up: sent once. */
  ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#send("READY=1");
  }

  /** One line of what is going on; sent when it is another than before. */
  status(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#send(`STATUS=${text}`);
  }

  /** The service is about to end. */
  stopping(): void {
    this.#send("STOPPING=1");
  }

  /** Reports nothing more. Resolves when everything is sent. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#sent;
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #feedWatchdog(everyMs: number): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#send("WATCHDOG=1");
      await this.#options.clock.sleep(everyMs, { signal }).catch(() => {});
    }
  }

  #send(text: string): void {
    this.#sent = this.#sent.then(() => this.#socket?.send(text)).catch((error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.#socket?.close();
    this.#socket = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.onFailure(`Cannot notify the service manager: ${reason}`);
  }
}
