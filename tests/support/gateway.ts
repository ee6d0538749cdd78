/**
 * A home router: a bridge towards its LAN, a link towards the internet, nftables and miniupnpd between them, and
 * the ways in which its NAT-PMP port can fail.
 *
 * @module
 */

import { Miniupnpd } from "./miniupnpd.ts";
import { Namespace } from "./namespace.ts";

/** Options of {@linkcode Gateway.create}. */
export interface GatewayOptions {
  /** An existing directory for the daemon's files. */
  readonly directory: string;
  /** The address on the LAN with its prefix length, such as `10.77.0.1/24`. */
  readonly internalAddress: string;
  /** The address on the internet with its prefix length, such as `11.22.33.44/24`. */
  readonly externalAddress: string;
  /** Lines added to miniupnpd's configuration, in place of those with the same key. */
  readonly extraConfiguration?: readonly string[];
  /** Whether it speaks UPnP alone. */
  readonly isUpnpOnly?: boolean;
}

/** A share of datagrams: the first `count` of every `of`. */
export interface Share {
  readonly count: number;
  readonly of: number;
}

/** What {@linkcode Gateway.lossEvery} drops; each direction is counted on its own. */
export interface LossOptions {
  /** Of what clients send to the gateway; nothing by default. */
  readonly requests?: Share;
  /** Of what the gateway answers; nothing by default. */
  readonly replies?: Share;
}

/** The LAN's bridge and the internet's link, as they are called inside a gateway. */
export const INTERNAL_LINK = "lan0";
/** See {@linkcode INTERNAL_LINK}. */
export const EXTERNAL_LINK = "wan0";

/** The TCP port of UPnP's HTTP server; without a setting miniupnpd takes another one at each start. */
export const UPNP_HTTP_PORT = 5000;

/** Searches, and requests by HTTP. */
const TO_UPNP = `meta l4proto { tcp, udp } th dport { 1900, ${UPNP_HTTP_PORT} }`;

/** Without its rate limit Linux sends an ICMP error for every datagram, so that no run depends on the previous. */
const SYSCTLS = { "net.ipv4.ip_forward": 1, "net.ipv4.icmp_ratelimit": 0 };

/** An address takes over from the one that is deleted, which else would take it along. */
const TAKES_OVER = { [`net.ipv4.conf.${EXTERNAL_LINK}.promote_secondaries`]: 1 };

/** A router with NAT-PMP; miniupnpd is started by {@linkcode Gateway.startDaemon}. */
export class Gateway implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly daemon: Miniupnpd;

  private constructor(namespace: Namespace, daemon: Miniupnpd) {
    this.namespace = namespace;
    this.daemon = daemon;
  }

  /** Makes the router in a new namespace, plugged into `internet` by the link `wan0` on this side. */
  static async create(
    name: string,
    internet: { readonly namespace: Namespace; readonly link: string },
    options: GatewayOptions,
  ): Promise<Gateway> {
    await using made = new AsyncDisposableStack();
    const namespace = made.use(await Namespace.create(name));
    await namespace.sysctl(SYSCTLS);
    await namespace.addBridge(INTERNAL_LINK);
    await namespace.addAddress(INTERNAL_LINK, options.internalAddress);
    await namespace.addLink(EXTERNAL_LINK, internet.namespace, internet.link);
    await namespace.addAddress(EXTERNAL_LINK, options.externalAddress);
    const daemon = await Miniupnpd.create(namespace, {
      directory: options.directory,
      externalLink: EXTERNAL_LINK,
      internalLink: INTERNAL_LINK,
      internalNetwork: options.internalAddress,
      extraConfiguration: options.extraConfiguration ?? [],
      isUpnpOnly: options.isUpnpOnly ?? false,
    });
    made.move();
    return new Gateway(namespace, daemon);
  }

  /** Plugs a host's link, `eth0` unless it is named, into the LAN. */
  async plug(host: Namespace, port: string, link = "eth0"): Promise<void> {
    await this.namespace.addLink(port, host, link);
    await this.namespace.attach(port, INTERNAL_LINK);
  }

  /** Starts miniupnpd and waits until it listens. */
  startDaemon(): Promise<void> {
    return this.daemon.start();
  }

  /** Stops miniupnpd: its port is closed, its mappings go on carrying traffic. */
  stopDaemon(): Promise<void> {
    return this.daemon.stop();
  }

  /** Stops miniupnpd, loses its mappings, starts it again. */
  rebootDaemon(): Promise<void> {
    return this.daemon.reboot();
  }

  /**
   * Gives the gateway another external address; it is never without one. The daemon announces that at least once.
   *
   * @param from The address that goes, with its prefix length.
   * @param to The address that comes, in the same network.
   */
  async renumber(from: string, to: string): Promise<void> {
    await this.namespace.sysctl(TAKES_OVER);
    await this.namespace.run(["ip", "-batch", "-"], {
      stdin: `address add ${to} dev ${EXTERNAL_LINK}\naddress delete ${from} dev ${EXTERNAL_LINK}\n`,
    });
  }

  /** Drops a share of the datagrams from now on, beginning with the next one. */
  lossEvery(options: LossOptions): Promise<void> {
    const drop = (share: Share | undefined, match: string) =>
      share ? `${match} numgen inc mod ${share.of} < ${share.count} counter drop` : "";
    return this.#setFaults(drop(options.requests, "udp dport 5351"), drop(options.replies, "udp sport 5351"));
  }

  /** Drops every datagram of NAT-PMP, in both directions. */
  dropAll(): Promise<void> {
    return this.#setFaults("udp dport 5351 counter drop", "udp sport 5351 counter drop");
  }

  /** Drops every datagram of NAT-PMP that comes from one host. */
  dropFrom(address: string): Promise<void> {
    return this.#setFaults(`udp dport 5351 ip saddr ${address} counter drop`, "");
  }

  /** Answers every request by ICMP port unreachable, also while miniupnpd runs. */
  rejectPort(): Promise<void> {
    return this.#setFaults("udp dport 5351 counter reject with icmp type port-unreachable", "");
  }

  /** Answers the first `count` requests for one internal port by ICMP port unreachable, and lets all others pass. */
  rejectMappingOf(internalPort: number, count: number): Promise<void> {
    // The internal port is bytes 4 and 5 of the payload, which begins 8 bytes into the transport header.
    const isFor = `udp dport 5351 @th,96,16 ${internalPort}`;
    const first = `numgen inc mod 100000 < ${count}`;
    return this.#setFaults(`${isFor} ${first} counter reject with icmp type port-unreachable`, "");
  }

  /** Counts what clients send to the gateway's port from now on; see {@linkcode Gateway.faultCounts}. */
  countRequests(): Promise<void> {
    return this.#setFaults("udp dport 5351 counter", "udp sport 5351 counter");
  }

  /** Drops everything of UPnP, searches and HTTP, that comes from one host. */
  dropUpnpFrom(address: string): Promise<void> {
    return this.#setFaults(`ip saddr ${address} ${TO_UPNP} counter drop`, "");
  }

  /** Counts what clients send to UPnP's ports from now on. */
  countUpnp(): Promise<void> {
    return this.#setFaults(`${TO_UPNP} counter`, "");
  }

  /** Ends every fault. */
  async clearFaults(): Promise<void> {
    await this.namespace.nft("table inet faults\ndelete table inet faults\n");
  }

  /** How many datagrams the faults took, or were counted. */
  async faultCounts(): Promise<{ readonly requests: number; readonly replies: number }> {
    const chain = async (name: string) => {
      const rules = await this.namespace.run(["nft", "list", "chain", "inet", "faults", name]);
      return Number(/counter packets (\d+)/.exec(rules)?.[1] ?? 0);
    };
    return { requests: await chain("requests"), replies: await chain("replies") };
  }

  /** Stops miniupnpd and removes the namespace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using _namespace = this.namespace;
    await this.daemon.stop();
  }

  async #setFaults(onRequest: string, onReply: string): Promise<void> {
    await this.namespace.nft(`
table inet faults
delete table inet faults
table inet faults {
  chain requests { type filter hook input priority -10; policy accept; ${onRequest}; }
  chain replies { type filter hook output priority -10; policy accept; ${onReply}; }
}
`);
  }
}
