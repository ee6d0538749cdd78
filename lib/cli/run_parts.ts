import { statusOf } from "../lease/ledger.ts";
import type { RunParts } from "../lease/run_once.ts";
import type { GatewayInfo } from "../port_mapper.ts";
import type { CommandContext } from "./command.ts";
import { askGateway, type StatefulSession, stopsCommand } from "./session.ts";

/** Options of {@linkcode runParts}. */
export interface RunPartsOptions extends Pick<RunParts, "config" | "watched"> {
  /** Asks for the external address; by default for what the gateway reports without being asked to map. */
  readonly probe?: (() => Promise<GatewayInfo>) | undefined;
}

/** The parts of a run of `map`. */
export async function runParts(
  context: CommandContext,
  session: StatefulSession,
  options: RunPartsOptions,
): Promise<RunParts> {
  const { mapper, state } = session;
  const { signal } = context.world;
  const { clock, random } = await context.world.network();
  return {
    mapper,
    ledger: state.ledger,
    clock,
    random,
    signal,
    storedNow: () => state.now().stored,
    stopsRun: stopsCommand,
    ...options,
    probe: options.probe ?? (() => {
      const { stored } = state.now();
      const holdsMapping = [...state.ledger.entries].some((entry) => statusOf(entry, stored) === "held");
      return askGateway(context, session, { holdsMapping });
    }),
    noteAddress: (externalAddress) => void state.noteAddress(externalAddress),
  };
}
