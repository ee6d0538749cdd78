/**
 * The scenes of the picture: the program at work, as its user sees it.
 *
 * @module
 */

import { Screen } from "./screen.ts";
import { SimulatedHost, type SimulatedHostOptions, TERMINAL_SIZE } from "./simulated_host.ts";
import type { Scene } from "./svg.ts";

const MINUTE_MS = 60_000;

/** A host and the screen that its user looks at. */
class Terminal {
  readonly host: SimulatedHost;
  readonly #screen = new Screen();

  constructor(options: Omit<SimulatedHostOptions, "write"> = {}) {
    this.host = new SimulatedHost({ ...options, write: (text) => this.#screen.write(text) });
  }

  /** Shows a command line as it is typed behind the prompt. */
  type(line: string): void {
    this.#screen.write(`\x1b[32m$\x1b[39m \x1b[1m${line}\x1b[22m\n`);
  }

  /** Shows what the shell prints. */
  print(line: string): void {
    this.#screen.write(`${line}\n`);
  }

  /** Types a command line of natpmp. */
  typeNatpmp(args: readonly string[]): void {
    this.type(["natpmp", ...args].join(" "));
  }

  scene(caption: string): Scene {
    return { caption, lines: this.#screen.lines(TERMINAL_SIZE.columns) };
  }
}

async function openPort(): Promise<Scene> {
  const terminal = new Terminal();
  const args = ["map", "8080:80"];
  terminal.typeNatpmp(args);
  await terminal.host.run(args);
  return terminal.scene("Open a port on your router");
}

async function keepOpen(): Promise<Scene> {
  const terminal = new Terminal();
  const { host } = terminal;
  const args = ["watch", "8080:80", "51820/udp"];
  terminal.typeNatpmp(args);
  return await host.runDuring(args, async () => {
    await host.clock.advance(42 * MINUTE_MS);
    host.router.reboot(host.clock.now());
    await host.clock.advance(MINUTE_MS);
    return terminal.scene("Keep ports open, even when the router restarts");
  });
}

async function fail(): Promise<Scene> {
  const terminal = new Terminal({ actsAsNat: false });
  const args = ["map", "8080:80"];
  terminal.typeNatpmp(args);
  const exitCode = await terminal.host.run(args);
  terminal.type("echo $?");
  terminal.print(String(exitCode));
  return terminal.scene("Read why it failed, and what to do");
}

async function allScenes(): Promise<Scene[]> {
  return [await openPort(), await keepOpen(), await fail()];
}

/**
 * Runs the program.
 *
 * @returns The scenes, the same each time.
 */
export async function story(): Promise<Scene[]> {
  // The commands load code when they first need it. That takes time of which the clock of the story knows nothing.
  await allScenes();
  return await allScenes();
}
