/**
 * A network namespace and what is plugged into it.
 *
 * @module
 */

import { BackgroundProcess, type BackgroundProcessOptions } from "./background_process.ts";
import { type CommandResult, runCommand, type RunCommandOptions } from "./command.ts";

/** Options of {@linkcode Namespace.exec} and {@linkcode Namespace.run}. */
export type ExecOptions = Omit<RunCommandOptions, "namespace">;

/** Runs a program that has to succeed, and gives its standard output. */
async function succeed(command: readonly string[], options: RunCommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr || stdout}`);
  return stdout;
}

/**
 * One host of a lab. Every link is named inside its namespace only, so labs side by side can't collide.
 */
export class Namespace implements AsyncDisposable {
  /** The name that `ip netns` knows. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes the namespace, with its loopback up. */
  static async create(name: string): Promise<Namespace> {
    await succeed(["ip", "netns", "add", name]);
    const namespace = new Namespace(name);
    await namespace.ip("link", "set", "lo", "up");
    return namespace;
  }

  /** Runs a program here and gives what it left, also when it fails. */
  exec(command: readonly string[], options: ExecOptions = {}): Promise<CommandResult> {
    return runCommand(command, { ...options, namespace: this.name });
  }

  /**
   * Runs a program here that has to succeed.
   *
   * @throws {Error} If its exit code is not 0.
   */
  run(command: readonly string[], options: ExecOptions = {}): Promise<string> {
    return succeed(command, { ...options, namespace: this.name });
  }

  /** Starts a program here that keeps running. */
  spawn(
    command: readonly string[],
    options: Omit<BackgroundProcessOptions, "namespace"> = {},
  ): BackgroundProcess {
    return new BackgroundProcess(command, { ...options, namespace: this.name });
  }

  /** Runs `ip` on this namespace's links, addresses and routes. */
  ip(...args: string[]): Promise<string> {
    return succeed(["ip", "-n", this.name, ...args]);
  }

  /** Loads an nftables script as one transaction. */
  nft(script: string): Promise<string> {
    return this.run(["nft", "-f", "-"], { stdin: script });
  }

  /** Sets kernel parameters, such as `net.ipv4.ip_forward`. */
  sysctl(values: Readonly<Record<string, number>>): Promise<string> {
    return this.run([
      "sysctl",
      "-q",
      "-w",
      ...Object.entries(values).map(([key, value]) => `${key}=${value}`),
    ]);
  }

  /** Adds a bridge, up, for {@linkcode Namespace.attach}. */
  async addBridge(bridge: string): Promise<void> {
    await this.ip("link", "add", bridge, "type", "bridge");
    await this.ip("link", "set", bridge, "up");
  }

  /** Makes a link a port of a bridge. */
  async attach(link: string, bridge: string): Promise<void> {
    await this.ip("link", "set", link, "master", bridge);
  }

  /** Joins this namespace and another one by a veth pair, both ends up. */
  async addLink(link: string, peer: Namespace, peerLink: string): Promise<void> {
    await this.ip("link", "add", link, "type", "veth", "peer", "name", peerLink, "netns", peer.name);
    await this.ip("link", "set", link, "up");
    await peer.ip("link", "set", peerLink, "up");
  }

  /** Gives a link an address, written as `10.77.0.2/24`. */
  async addAddress(link: string, address: string): Promise<void> {
    await this.ip("address", "add", address, "dev", link);
  }

  /** Adds a route; the destination may be `default`. */
  async addRoute(destination: string, ...how: string[]): Promise<void> {
    await this.ip("route", "add", destination, ...how);
  }

  /** Removes the namespace with every link in it. What was spawned in it must have been stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    await succeed(["ip", "netns", "delete", this.name]);
  }
}
