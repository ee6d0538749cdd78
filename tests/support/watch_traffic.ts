/**
 * A stream of connections from the internet to a mapping, and how each of them went.
 *
 * @module
 */

import type { BackgroundProcess } from "./background_process.ts";
import type { GatewayLab } from "./gateway_lab.ts";

/** How one connection went. */
export interface Connected {
  readonly isOk: boolean;
  /** When it was begun, in milliseconds of the wall clock. */
  readonly atMs: number;
  /** Who answered, such as `cli:80`, or why nobody did. */
  readonly text: string;
}

const EVERY_MS = 100;

/** Connects to a TCP port of the gateway's external address ten times a second. */
export class Traffic implements AsyncDisposable {
  readonly #source: BackgroundProcess;

  /** Begins at once. */
  constructor(lab: GatewayLab, port: number, address = lab.externalAddress) {
    const { href } = new URL("watch_traffic_source.ts", import.meta.url);
    const script = [Deno.execPath(), "run", "-q", "--no-config", "--no-lock", "--allow-net", href];
    this.#source = lab.isp.spawn([...script, address, String(port), String(EVERY_MS)]);
  }

  /** Every connection so far. */
  get all(): readonly Connected[] {
    return this.#source.lines.flatMap((line) => {
      const [, how, atMs, text = ""] = /^(ok|failed) ([0-9]+) (.*)$/.exec(line) ?? [];
      return how === undefined ? [] : [{ isOk: how === "ok", atMs: Number(atMs), text }];
    });
  }

  /** The first connection from a time on that succeeded, or that failed. */
  next(isOk: boolean, fromMs: number, timeoutMs = 15_000): Promise<Connected> {
    return this.#source.waitUntil(
      () => this.all.find((connected) => connected.isOk === isOk && connected.atMs >= fromMs),
      { what: `a connection that ${isOk ? "succeeds" : "fails"}`, timeoutMs },
    );
  }

  /** Reboots the gateway, and gives the milliseconds from its start until connections succeed again. */
  async backAfterReboot(lab: GatewayLab): Promise<number> {
    await lab.gateway.stopDaemon();
    await lab.gateway.rebootDaemon();
    const startedAtMs = Date.now();
    const failed = await this.next(false, startedAtMs - 5000);
    return (await this.next(true, failed.atMs)).atMs - startedAtMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.stop();
  }
}
