import { ANNOUNCEMENT_PORT, GATEWAY_PORT } from "../../backends.ts";
import { type FoundPlace, GatewayConnector } from "../../gateway_connector.ts";
import { formatEndpoint } from "../../net/datagram.ts";
import type { CommandContext } from "../command.ts";
import { locateGateway, mapperParts, readTarget, readTimeoutMs, readVia } from "../session.ts";

/** Options of {@linkcode watchConnector}. */
export interface WatchConnectorOptions {
  /** An announcement leads to a question. */
  readonly onHint: () => void;
  /** Announcements cannot be heard: reported once for each cause. */
  readonly onDeaf: (reason: string) => void;
  /** Checks whether nobody waits for the next answer. */
  readonly isPatient: () => boolean;
}

/**
 * Makes the connector that finds the gateway of `watch` again and again.
 *
 * @throws {UsageError} If an option that names the gateway cannot be read.
 */
export function watchConnector(
  context: CommandContext,
  { onHint, onDeaf, isPatient }: WatchConnectorOptions,
): GatewayConnector {
  const { line, world } = context;
  const target = readTarget(line);
  readVia(line);
  const port = target.endpoint?.port ?? GATEWAY_PORT;
  return new GatewayConnector({
    onHint,
    onDeaf,
    async find(known): Promise<FoundPlace> {
      const location = await locateGateway(context, target, { known });
      const ownAddress = location.localAddress ??
        (await (await world.network()).localAddressOf(location.gateway, target.source))?.localAddress;
      return { ...location, port, ownAddress };
    },
    parts: (place) =>
      mapperParts(context, { ...place, port }, {
        allowPortZero: line.has("allow-port-zero"),
        showsProgress: false,
        isPatient,
        timeoutMs: readTimeoutMs(line),
      }),
    openAnnouncementSocket: async (address) =>
      (await world.network()).openAnnouncementSocket(address, ANNOUNCEMENT_PORT),
    observe({ source, data }) {
      if (!line.has("verbose")) return;
      world.stderr.write(`<- ${formatEndpoint(source)} announcement (${data.length} bytes)\n`);
    },
  });
}
