/**
 * A small internet in network namespaces: two hosts on a LAN, a real NAT-PMP gateway, and somebody outside.
 *
 * ```text
 *  cli  eth0 10.77.0.2 --+
 *                        +-- lan0 10.77.0.1 [gateway] wan0 11.22.33.44 --- wan0 11.22.33.1  isp
 *  cli2 eth0 10.77.0.3 --+
 * ```
 *
 * Every lab has names of its own, so that labs run side by side. A run that was killed leaves namespaces whose names
 * begin with `natpmp-` and its process id; `ip netns pids NAME` and `ip netns delete NAME` clear them.
 *
 * @module
 */

import { type CommandResult, runNatpmp, type RunNatpmpOptions } from "./command.ts";
import { Gateway } from "./gateway.ts";
import { Namespace } from "./namespace.ts";
import { NO_ANSWER } from "./prober.ts";

/** Options of {@linkcode GatewayLab.create}. */
export interface GatewayLabOptions {
  /** The gateway's external address; a public one unless a test is about that. */
  readonly externalAddress?: string;
  /** Lines added to miniupnpd's configuration, in place of those with the same key. */
  readonly extraConfiguration?: readonly string[];
  /** Whether the gateway speaks UPnP alone. */
  readonly isUpnpOnly?: boolean;
}

/** Options of {@linkcode GatewayLab.addGateway}. */
export interface AddGatewayOptions {
  /** The link on `cli` that leads to it, such as `eth1`. */
  readonly link: string;
  /** The gateway's address on that link, such as `10.78.0.1/24`. */
  readonly internalAddress: string;
  /** The address of `cli` on that link, such as `10.78.0.2/24`. */
  readonly hostAddress: string;
  /** The gateway's address on the internet, such as `11.22.34.44/24`. */
  readonly externalAddress: string;
}

/** Options of {@linkcode GatewayLab.natpmp}. */
export interface LabNatpmpOptions extends Omit<RunNatpmpOptions, "namespace"> {
  /** The host to run on; `cli` by default. */
  readonly host?: Namespace;
}

/** The protocol of traffic. */
export type Protocol = "tcp" | "udp";

const GATEWAY_ADDRESS = "10.77.0.1";
const ISP_ADDRESS = "11.22.33.1";
/** For traffic that has to arrive: far more than it takes, so that only a mapping that is missing runs into it. */
const ARRIVAL_MS = 3000;
/** For traffic that must not arrive: many times a round trip, which is well below a millisecond. */
const ABSENCE_MS = 400;

function script(name: string): readonly string[] {
  const { href } = new URL(name, import.meta.url);
  return [Deno.execPath(), "run", "-q", "--no-config", "--no-lock", "--unstable-net", "--allow-net", href];
}

/** A LAN, its gateway and the outside. */
export class GatewayLab implements AsyncDisposable {
  /** The host that the command under test runs on. */
  readonly cli: Namespace;
  /** Another host of the same LAN. */
  readonly cli2: Namespace;
  /** Somebody on the internet. */
  readonly isp: Namespace;
  /** The gateway, with its faults. */
  readonly gateway: Gateway;
  /** For a test's own files; it goes with the lab. */
  readonly directory: string;
  /** The gateway's address on the LAN. */
  readonly gatewayAddress = GATEWAY_ADDRESS;
  /** The gateway's address on the internet. */
  readonly externalAddress: string;
  readonly #made: AsyncDisposableStack;

  private constructor(
    parts: Pick<GatewayLab, "cli" | "cli2" | "isp" | "gateway" | "externalAddress">,
    directory: string,
    made: AsyncDisposableStack,
  ) {
    this.cli = parts.cli;
    this.cli2 = parts.cli2;
    this.isp = parts.isp;
    this.gateway = parts.gateway;
    this.externalAddress = parts.externalAddress;
    this.directory = directory;
    this.#made = made;
  }

  /** Makes the whole lab and starts its gateway's daemon. */
  static async create(options: GatewayLabOptions = {}): Promise<GatewayLab> {
    const { externalAddress = "11.22.33.44", extraConfiguration = [], isUpnpOnly = false } = options;
    const prefix = `natpmp-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
    await using made = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: `${prefix}-` });
    made.defer(() => Deno.remove(directory, { recursive: true }));

    const isp = made.use(await Namespace.create(`${prefix}-isp`));
    const gateway = made.use(
      await Gateway.create(`${prefix}-rtr`, { namespace: isp, link: "wan0" }, {
        directory,
        internalAddress: `${GATEWAY_ADDRESS}/24`,
        externalAddress: `${externalAddress}/24`,
        extraConfiguration,
        isUpnpOnly,
      }),
    );
    await isp.addAddress("wan0", `${ISP_ADDRESS}/24`);
    const cli = made.use(await Namespace.create(`${prefix}-cli`));
    const cli2 = made.use(await Namespace.create(`${prefix}-cli2`));
    await joinLan(cli, gateway, { port: "lan-cli", address: "10.77.0.2/24" });
    await joinLan(cli2, gateway, { port: "lan-cli2", address: "10.77.0.3/24" });
    await gateway.startDaemon();
    return new GatewayLab({ cli, cli2, isp, gateway, externalAddress }, directory, made.move());
  }

  /**
   * Adds a second gateway with a daemon of its own, joined to `cli` by a link of its own and to the internet. No route
   * leads there yet.
   */
  async addGateway(options: AddGatewayOptions): Promise<Gateway> {
    const { link, internalAddress, hostAddress, externalAddress } = options;
    const name = `${this.cli.name.replace(/cli$/, "")}${link}`;
    const directory = `${this.directory}/${link}`;
    await Deno.mkdir(directory);
    const internet = { namespace: this.isp, link: `wan-${link}` };
    const gateway = this.#made.use(
      await Gateway.create(name, internet, { directory, internalAddress, externalAddress }),
    );
    // Another address of the provider's in the same network.
    await this.isp.addAddress(internet.link, externalAddress.replace(/\d+\//, "1/"));
    await gateway.plug(this.cli, "lan-cli", link);
    await this.cli.addAddress(link, hostAddress);
    await gateway.startDaemon();
    return gateway;
  }

  /** Runs the `natpmp` under test on a host, with a home for its state that is this lab's and that host's. */
  natpmp(args: readonly string[], options: LabNatpmpOptions = {}): Promise<CommandResult> {
    const { host = this.cli, env = {}, ...rest } = options;
    return runNatpmp(args, {
      ...rest,
      namespace: host.name,
      env: { XDG_STATE_HOME: `${this.directory}/${host.name}`, ...env },
    });
  }

  /** Starts a service on a host that gives its name to {@linkcode GatewayLab.probe}; it runs as long as the lab. */
  async listen(host: Namespace, protocol: Protocol, port: number): Promise<void> {
    const name = host === this.cli ? "cli" : "cli2";
    const responder = this.#made.use(host.spawn([...script("responder.ts"), protocol, String(port), name]));
    await responder.waitForLine(/^ready$/);
  }

  /**
   * Tries a port of the external address, or of another gateway's, from the internet, with a new flow.
   *
   * @returns Which service answered, such as `cli:80`.
   * @throws {Error} If none did.
   */
  async probe(protocol: Protocol, port: number, address = this.externalAddress): Promise<string> {
    const answer = await this.#probe(protocol, { hostname: address, port }, ARRIVAL_MS);
    if (answer === undefined) throw new Error(`No answer on ${protocol} ${address}:${port}`);
    return answer;
  }

  /** Whether a port of the external address is dead as seen from the internet. */
  async isClosed(protocol: Protocol, port: number, address = this.externalAddress): Promise<boolean> {
    return await this.#probe(protocol, { hostname: address, port }, ABSENCE_MS) === undefined;
  }

  /** Ends everything the lab started and removes everything it made. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }

  async #probe(
    protocol: Protocol,
    { hostname, port }: { readonly hostname: string; readonly port: number },
    deadlineMs: number,
  ): Promise<string | undefined> {
    const args = [protocol, hostname, String(port), String(deadlineMs)];
    const { code, stdout, stderr } = await this.isp.exec([...script("prober.ts"), ...args], {
      timeoutMs: deadlineMs + 5000,
    });
    if (code === NO_ANSWER) return undefined;
    if (code !== 0) throw new Error(`The prober failed with ${code}: ${stderr}`);
    return stdout.trim();
  }
}

async function joinLan(
  host: Namespace,
  gateway: Gateway,
  options: { readonly port: string; readonly address: string },
): Promise<void> {
  await gateway.plug(host, options.port);
  await host.addAddress("eth0", options.address);
  await host.addRoute("default", "via", GATEWAY_ADDRESS);
}
