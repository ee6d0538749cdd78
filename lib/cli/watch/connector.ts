import { SocketError } from "../../errors.ts";
import type { Connection } from "../../lease/keeper.ts";
import { questionableAnnouncements } from "../../natpmp/announcements.ts";
import type { NatPmpClient } from "../../natpmp/client.ts";
import { ANNOUNCEMENT_PORT, GATEWAY_PORT } from "../../natpmp/constants.ts";
import { type Datagram, type DatagramSocket, formatEndpoint } from "../../net/datagram.ts";
import type { CommandContext } from "../command.ts";
import { clientAt, locateGateway, readTarget, readTimeoutMs, type Target } from "../session.ts";
import { UptimeMapper } from "./uptime_mapper.ts";
import type { MemoryLink } from "./watch_memory.ts";

/** Options of {@linkcode Connector}. */
export interface ConnectorOptions {
  /** An announcement leads to a question. */
  readonly onAnnouncement: () => void;
}

interface Connected extends Connection {
  readonly mapper: UptimeMapper;
  readonly client: NatPmpClient;
  readonly boundInterface: string | undefined;
}

/** Every interface, where the gateway's is not known. */
const ANY = "0.0.0.0";

/** Finds the gateway again and again, and hears its announcements where it is. */
export class Connector {
  readonly #context: CommandContext;
  readonly #options: ConnectorOptions;
  readonly #target: Target;
  #connected: Connected | undefined;
  #hearing: DatagramSocket | undefined;
  #isClosed = false;

  /**
   * @param context The command's context.
   * @param options Whom to tell of announcements.
   * @throws {UsageError} If an option that names the gateway cannot be read.
   */
  constructor(context: CommandContext, options: ConnectorOptions) {
    this.#context = context;
    this.#options = options;
    this.#target = readTarget(context.line);
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
   * The gateway as it is now: the same connection for as long as gateway and local address are the same.
   *
   * @returns The connection.
   * @throws {NoGatewayError} If there is none.
   * @throws {UnknownInterfaceError} If the interface or source address is not this host's at the moment.
   */
  async connect(): Promise<Connection> {
    const known = this.#connected;
    const { line, world } = this.#context;
    const { endpoint, wish } = this.#target;
    const location = await locateGateway(this.#context, this.#target, { known: known?.mapper.gateway });
    const { gateway, boundInterface } = location;
    const localAddress = location.localAddress ?? (await world.localAddressOf(gateway, wish))?.localAddress;
    const isKnown = known !== undefined && known.mapper.gateway === gateway &&
      known.localAddress === localAddress && known.boundInterface === boundInterface;
    if (isKnown) return known;
    const { clock } = await world.network();
    const client = await clientAt(this.#context, { ...location, port: endpoint?.port ?? GATEWAY_PORT }, {
      allowPortZero: line.has("allow-port-zero"),
      showsProgress: false,
      timeoutMs: readTimeoutMs(line),
    });
    this.#connected = {
      mapper: new UptimeMapper(client, clock),
      client,
      boundInterface,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
    if (this.#hearing !== undefined) await this.hear();
    return this.#connected;
  }

  /**
   * Begins to hear announcements where the gateway is, and follows it from then on.
   *
   * @returns Why they cannot be heard; `undefined` when they can.
   */
  async hear(): Promise<string | undefined> {
    this.#hearing?.close();
    this.#hearing = undefined;
    const { openAnnouncementSocket } = await this.#context.world.network();
    try {
      const socket = await openAnnouncementSocket(this.#connected?.localAddress ?? ANY, ANNOUNCEMENT_PORT);
      if (this.#isClosed) {
        socket.close();
        return undefined;
      }
      this.#hearing = socket;
      this.#follow(socket, this.#connected);
      return undefined;
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      return error.message;
    }
  }

  /** Closes what is open. */
  close(): void {
    this.#isClosed = true;
    this.#hearing?.close();
    this.#hearing = undefined;
  }

  async #follow(socket: DatagramSocket, connected: Connected | undefined): Promise<void> {
    if (connected === undefined) return;
    const { mapper: { gateway }, client } = connected;
    const announcements = questionableAnnouncements(this.#datagramsOf(socket), {
      gateway,
      isNews: (state) => client.isNews(state),
    });
    for await (const _ of announcements) this.#options.onAnnouncement();
  }

  async *#datagramsOf(socket: DatagramSocket): AsyncGenerator<Datagram> {
    const { line, world } = this.#context;
    for (;;) {
      const datagram = await socket.receive().catch(() => undefined);
      if (datagram === undefined) return;
      if (line.has("verbose")) {
        world.stderr.write(
          `<- ${formatEndpoint(datagram.source)} announcement (${datagram.data.length} bytes)\n`,
        );
      }
      yield datagram;
    }
  }
}
