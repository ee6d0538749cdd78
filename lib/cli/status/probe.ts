import { GATEWAY_PORT } from "../../backends.ts";
import { formatEndpoint } from "../../net/datagram.ts";
import type { GatewayRecord } from "../../state/records.ts";
import type { StateFile } from "../../state/state_file.ts";
import type { CommandContext } from "../command.ts";
import { openGatewayState } from "../open_state.ts";
import { askGateway, mapperAt, readTarget } from "../session.ts";

/** The result of asking a gateway. */
export interface Probed {
  /** The gateway, as in `10.0.0.1`. */
  readonly gateway: string;
  /** The error that kept it from being asked; absent when it answered. */
  readonly error?: unknown;
}

/** Options of {@linkcode probe}. */
export interface ProbeOptions {
  readonly file: StateFile;
  readonly timeoutMs: number;
}

/** Asks gateways a question that changes nothing: the answer shows whether they forgot their mappings since, which is remembered. */
export async function probe(
  context: CommandContext,
  records: readonly GatewayRecord[],
  options: ProbeOptions,
): Promise<Probed[]> {
  const { source } = readTarget(context.line);
  const { localAddressOf } = await context.world.network();
  const probed: Probed[] = [];
  for (const { gateway, port, localAddress, forHost } of records) {
    const name = port === GATEWAY_PORT ? gateway : formatEndpoint({ hostname: gateway, port });
    const own = source.interfaceName === undefined ? undefined : await localAddressOf(gateway, source);
    const target = { gateway, port, localAddress, boundInterface: own?.binding?.interfaceName };
    const mapper = await mapperAt(context, target, options);
    const state = await openGatewayState(context, { ...target, mapper, forHost, ...options });
    try {
      const { externalAddress } = await askGateway(context, { mapper });
      if (externalAddress !== undefined) state.noteAddress(externalAddress);
      await state.save();
      probed.push({ gateway: name });
    } catch (error) {
      probed.push({ gateway: name, error });
    }
  }
  return probed;
}
