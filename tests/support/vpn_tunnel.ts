/**
 * A VPN's client and its gateway, which is simulated, as no daemon behaves like a VPN provider's.
 *
 * ```text
 *  client  tun0 10.2.0.2 --- tun0 10.2.0.1  server
 * ```
 *
 * @module
 */

import type { BackgroundProcess } from "./background_process.ts";
import { natpmpCommand } from "./command.ts";
import { Namespace } from "./namespace.ts";
import { leaseSeconds } from "./slowness.ts";

/** Far more than a start takes. */
const START_MS = 20_000;

/** A tunnel with a gateway on its other side, which the command under test serves. */
export class VpnTunnel implements AsyncDisposable {
  /** The host that the command under test runs on. */
  readonly client: Namespace;
  /** The VPN's gateway. */
  readonly server: Namespace;
  /** For a test's own files; it goes with the tunnel. */
  readonly directory: string;
  readonly #made: AsyncDisposableStack;

  private constructor(
    parts: Pick<VpnTunnel, "client" | "server" | "directory">,
    made: AsyncDisposableStack,
  ) {
    this.client = parts.client;
    this.server = parts.server;
    this.directory = parts.directory;
    this.#made = made;
  }

  /** Makes both sides; no gateway answers yet. */
  static async create(): Promise<VpnTunnel> {
    await using made = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "natpmp-" });
    made.defer(() => Deno.remove(directory, { recursive: true }));
    const prefix = `natpmp-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
    const server = made.use(await Namespace.create(`${prefix}-vpn`));
    const client = made.use(await Namespace.create(`${prefix}-cli`));
    await client.addLink("tun0", server, "tun0");
    await server.addAddress("tun0", "10.2.0.1/24");
    await client.addAddress("tun0", "10.2.0.2/24");
    return new VpnTunnel({ client, server, directory }, made.move());
  }

  /**
   * Starts a gateway like ProtonVPN's, but for the seconds: it maps internal port 0, grants 3 s (more where the command
   * under test is slow), and moves what was granted `movesAt` times. It runs as long as the tunnel.
   */
  async simulate({ movesAt }: { readonly movesAt: number }): Promise<BackgroundProcess> {
    const faults = ["allow-port-zero", `rotate-port=${movesAt}`].flatMap((fault) => ["--fault", fault]);
    const options = ["--listen", "10.2.0.1:5351", "--max-lifetime", `${leaseSeconds(3)}s`, ...faults];
    const command = [...natpmpCommand(), "simulate", ...options];
    const env = { XDG_STATE_HOME: `${this.directory}/${this.server.name}` };
    const gateway = this.#made.use(this.server.spawn(command, { env }));
    await gateway.waitForLine(/listening on 10\.2\.0\.1:5351/, START_MS);
    return gateway;
  }

  /** Ends the gateway and removes both sides. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}
