import { GATEWAY_PORT } from "../../natpmp/constants.ts";
import type { LinkState } from "../../lease/state.ts";
import type { LeaseStore } from "../../lease/store.ts";
import type { CommandContext } from "../command.ts";
import { formatEndpoint } from "../../net/datagram.ts";
import { askAddress, clientAt, readTarget } from "../session.ts";
import { openBook } from "../state/open_book.ts";

/** What came of asking a gateway. */
export interface Probed {
  /** The gateway, as in `10.0.0.1`. */
  readonly gateway: string;
  /** Why it could not be asked; absent when it answered. */
  readonly error?: unknown;
}

/** Options of {@linkcode probe}. */
export interface ProbeOptions {
  readonly store: LeaseStore;
  readonly timeoutMs: number;
}

/**
 * Asks gateways for their address: their epoch tells whether they lost their state since, which is remembered.
 *
 * @param context The command's context.
 * @param links The gateways.
 * @param options The store, and how long to wait for each.
 * @returns What came of each.
 */
export async function probe(
  context: CommandContext,
  links: readonly LinkState[],
  options: ProbeOptions,
): Promise<Probed[]> {
  const { wish } = readTarget(context.line);
  const probed: Probed[] = [];
  for (const { gateway, port, localAddress } of links) {
    const name = port === GATEWAY_PORT ? gateway : formatEndpoint({ hostname: gateway, port });
    const own = wish.interfaceName === undefined
      ? undefined
      : await context.world.localAddressOf(gateway, wish);
    const boundInterface = own?.binding?.interfaceName;
    const mapper = await clientAt(context, { gateway, port, localAddress, boundInterface }, options);
    const book = await openBook(context, { mapper, link: { gateway, port, localAddress }, ...options });
    try {
      const { clock } = await context.world.network();
      const { externalAddress } = await askAddress(context, { mapper, clock, gateway });
      book?.noteAddress(externalAddress);
      await book?.save({ externalAddress });
      probed.push({ gateway: name });
    } catch (error) {
      probed.push({ gateway: name, error });
    }
  }
  return probed;
}
