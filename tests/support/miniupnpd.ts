/**
 * miniupnpd, the NAT-PMP gateway daemon of the end-to-end tests, in a namespace of its own.
 *
 * @module
 */

import type { BackgroundProcess } from "./background_process.ts";
import type { Namespace } from "./namespace.ts";

/** Options of {@linkcode Miniupnpd}. */
export interface MiniupnpdOptions {
  /** An existing directory for the configuration and the pid file. */
  readonly directory: string;
  /** The link with the external address. */
  readonly externalLink: string;
  /** The link that is listened on. */
  readonly internalLink: string;
  /** The network whose hosts may map, written as `10.77.0.0/24`. */
  readonly internalNetwork: string;
  /** Lines added to the configuration, in place of those with the same key. */
  readonly extraConfiguration?: readonly string[];
  /** Whether it speaks UPnP alone; all three protocols by default. */
  readonly isUpnpOnly?: boolean;
}

/** The chains that the daemon fills and that a reboot empties. */
const CHAINS = ["miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"] as const;

const TABLES = `
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain input { type filter hook input priority filter; policy accept; }
  chain forward { type filter hook forward priority filter; policy accept; jump miniupnpd; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; jump postrouting_miniupnpd; }
}
`;

/** A miniupnpd that can be started, stopped and rebooted. */
export class Miniupnpd implements AsyncDisposable {
  readonly #namespace: Namespace;
  readonly #options: MiniupnpdOptions;
  #process: BackgroundProcess | undefined;

  private constructor(namespace: Namespace, options: MiniupnpdOptions) {
    this.#namespace = namespace;
    this.#options = options;
  }

  /** Prepares the tables and the configuration; the daemon does not run yet. */
  static async create(namespace: Namespace, options: MiniupnpdOptions): Promise<Miniupnpd> {
    const daemon = new Miniupnpd(namespace, options);
    await namespace.nft(TABLES);
    await Deno.writeTextFile(daemon.#configurationPath, daemon.#configuration());
    return daemon;
  }

  /** Starts the daemon and waits until it listens for the last of its protocols. */
  async start(): Promise<void> {
    if (this.#process) throw new Error("Cannot start miniupnpd: it runs already");
    const pidPath = `${this.#options.directory}/miniupnpd.pid`;
    this.#process = this.#namespace.spawn(["miniupnpd", "-d", "-f", this.#configurationPath, "-P", pidPath]);
    await this.#process.waitForLine(
      this.#options.isUpnpOnly ? /HTTP listening on port/i : /listening (?:for|on) NAT-PMP/i,
    );
  }

  /** Stops the daemon; what it had mapped goes on carrying traffic. */
  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
  }

  /** Stops the daemon, loses every mapping, and starts it with a new epoch. */
  async reboot(): Promise<void> {
    await this.stop();
    await this.#namespace.nft(CHAINS.map((chain) => `flush chain inet filter ${chain}\n`).join(""));
    await this.start();
  }

  /** Every mapping in force, sorted, each written as `tcp 8080 -> 10.77.0.2:80`. */
  async mappings(): Promise<string[]> {
    const rules = await this.#namespace.run([
      "nft",
      "-n",
      "list",
      "chain",
      "inet",
      "filter",
      "prerouting_miniupnpd",
    ]);
    const found = rules.matchAll(/@nh,72,8 (0x6|0x11|6|17) th dport (\d+) dnat ip to (\S+)/g);
    return [...found].map(([, protocol, port, target]) =>
      `${Number(protocol) === 6 ? "tcp" : "udp"} ${port} -> ${target}`
    ).sort();
  }

  /** What the daemon has logged since its last start. */
  get log(): readonly string[] {
    return this.#process?.lines ?? [];
  }

  /** Stops the daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #configurationPath(): string {
    return `${this.#options.directory}/miniupnpd.conf`;
  }

  #configuration(): string {
    const { externalLink, internalLink, internalNetwork, extraConfiguration = [], isUpnpOnly } =
      this.#options;
    const keyOf = (line: string) => line.split("=", 1)[0];
    const isOurs = (line: string) => !extraConfiguration.some((other) => keyOf(other) === keyOf(line));
    return [
      ...[
        `ext_ifname=${externalLink}`,
        `listening_ip=${internalLink}`,
        `enable_natpmp=${isUpnpOnly ? "no" : "yes"}`,
        "enable_upnp=yes",
        "secure_mode=yes",
        // The epoch counts from the daemon's start, so that a restart is a loss of state.
        "system_uptime=no",
        "upnp_table_name=filter",
        "upnp_nat_table_name=filter",
        "upnp_forward_chain=miniupnpd",
        "upnp_nat_chain=prerouting_miniupnpd",
        "upnp_nat_postrouting_chain=postrouting_miniupnpd",
        "uuid=00000000-0000-0000-0000-000000000001",
      ].filter(isOurs),
      ...extraConfiguration,
      `allow 1-65535 ${internalNetwork} 1-65535`,
      "deny 0-65535 0.0.0.0/0 0-65535",
      "",
    ].join("\n");
  }
}
