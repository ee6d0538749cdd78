import { NoGatewayError, SocketError } from "../../errors.ts";
import type { Connection } from "../../lease/keeper.ts";
import { AnnouncementListener } from "../../natpmp/announcement_listener.ts";
import type { NatPmpClient } from "../../natpmp/client.ts";
import { ANNOUNCEMENT_PORT, GATEWAY_PORT } from "../../natpmp/constants.ts";
import { type Datagram, formatEndpoint } from "../../net/datagram.ts";
import type { CommandContext } from "../command.ts";
import {
  clientAt,
  locateGateway,
  type Location,
  readTarget,
  readTimeoutMs,
  type Target,
} from "../session.ts";
import { UptimeMapper } from "./uptime_mapper.ts";
import type { MemoryLink } from "./watch_memory.ts";

/** Options of {@linkcode Connector}. */
export interface ConnectorOptions {
  /** An announcement leads to a question. */
  readonly onAnnouncement: () => void;
  /** Announcements cannot be heard: told once for each cause. */
  readonly onDeaf: (reason: string) => void;
}

interface Connected extends Connection {
  readonly mapper: UptimeMapper;
  readonly client: NatPmpClient;
  readonly boundInterface: string | undefined;
}

/** Finds the gateway again and again, and hears its announcements where it is. */
export class Connector {
  readonly #context: CommandContext;
  readonly #options: ConnectorOptions;
  readonly #target: Target;
  readonly #listener: AnnouncementListener;
  #connected: Connected | undefined;
  /** Why announcements cannot be heard; absent while they can. */
  #deafness: string | undefined;

  /**
   * @param context The command's context.
   * @param options Whom to tell of announcements.
   * @throws {UsageError} If an option that names the gateway cannot be read.
   */
  constructor(context: CommandContext, options: ConnectorOptions) {
    this.#context = context;
    this.#options = options;
    this.#target = readTarget(context.line);
    this.#listener = new AnnouncementListener({
      onAnnouncement: options.onAnnouncement,
      observe: (datagram) => this.#trace(datagram),
      open: async (address) =>
        (await context.world.network()).openAnnouncementSocket(address, ANNOUNCEMENT_PORT),
    });
  }

  /** Whether the gateway's announcements are heard at the moment. */
  get isHearing(): boolean {
    return this.#listener.isHearing;
  }

  /** The gateway of the last connection. */
  get gateway(): string | undefined {
    return this.#connected?.mapper.gateway;
  }

  /** Where the last connection leads, and its client. */
  get link(): MemoryLink | undefined {
    if (this.#connected === undefined) return undefined;
    const { mapper: { gateway }, client, localAddress } = this.#connected;
    const port = this.#target.endpoint?.port ?? GATEWAY_PORT;
    return { gateway, port, client, ...(localAddress === undefined ? {} : { localAddress }) };
  }

  /** How long the gateway has been up, as far as it told. */
  get uptimeMs(): number | undefined {
    return this.#connected?.mapper.uptimeMs;
  }

  /**
   * The gateway as it is now: the same connection for as long as gateway and local address are the same. Its
   * announcements are heard from then on, if that is possible; where it is not, the next look tries again.
   *
   * @returns The connection.
   * @throws {NoGatewayError} If there is none, or no way to it at the moment.
   * @throws {UnknownInterfaceError} If the interface or source address is not this host's at the moment.
   */
  async connect(): Promise<Connection> {
    try {
      this.#connected = await this.#look();
    } catch (error) {
      this.#listener.leave();
      throw error;
    }
    await this.#hear(this.#connected);
    return this.#connected;
  }

  async #look(): Promise<Connected> {
    const known = this.#connected;
    const { world } = this.#context;
    const location = await locateGateway(this.#context, this.#target, { known: known?.mapper.gateway });
    const { gateway, boundInterface } = location;
    const localAddress = location.localAddress ??
      (await world.localAddressOf(gateway, this.#target.wish))?.localAddress;
    if (known?.mapper.gateway !== gateway || known.boundInterface !== boundInterface) {
      return await this.#connectTo(location, localAddress);
    }
    if (known.localAddress === localAddress) return known;
    // An interface that has gone comes back, and what is mapped to it stands meanwhile.
    if (localAddress === undefined) {
      throw new NoGatewayError(
        `This host has no address towards ${gateway} any more: its interface is down, or has no IPv4 address`,
      );
    }
    return known.localAddress === undefined
      ? { ...known, localAddress }
      : await this.#connectTo(location, localAddress);
  }

  async #connectTo(location: Location, localAddress: string | undefined): Promise<Connected> {
    const { line, world } = this.#context;
    const { clock } = await world.network();
    const port = this.#target.endpoint?.port ?? GATEWAY_PORT;
    const client = await clientAt(this.#context, { ...location, port }, {
      allowPortZero: line.has("allow-port-zero"),
      showsProgress: false,
      timeoutMs: readTimeoutMs(line),
    });
    return {
      mapper: new UptimeMapper(client, clock),
      client,
      boundInterface: location.boundInterface,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
  }

  async #hear({ client, localAddress }: Connected): Promise<void> {
    try {
      await this.#listener.listen({ client, localAddress });
      this.#deafness = undefined;
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      if (error.message === this.#deafness) return;
      this.#deafness = error.message;
      this.#options.onDeaf(error.message);
    }
  }

  /** Closes what is open. */
  close(): void {
    this.#listener.close();
  }

  #trace({ source, data }: Datagram): void {
    const { line, world } = this.#context;
    if (!line.has("verbose")) return;
    world.stderr.write(`<- ${formatEndpoint(source)} announcement (${data.length} bytes)\n`);
  }
}
