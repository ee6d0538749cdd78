import { StoreError } from "../../errors.ts";
import { GATEWAY_PORT } from "../../natpmp/constants.ts";
import { isSameMapping } from "../../lease/state.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import type { Config } from "../config/config.ts";
import { configured } from "../config/configured.ts";
import { type Failure, failureOf } from "../failure.ts";
import { readTarget, readTimeoutMs } from "../session.ts";
import { openStore } from "../state/open_book.ts";
import {
  countElsewhere,
  type HeldLease,
  heldLeases,
  type LeaseFilter,
  linksWith,
} from "../status/held_lease.ts";
import { placeOf } from "../state_home.ts";
import { statusFields, statusLines } from "../status/status_report.ts";
import { UsageError } from "../usage_error.ts";
import { mappingsOf } from "../wishes.ts";

/** `natpmp status`: lists the leases of this host as they are remembered. */
export async function status(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  if (line.operands.length > 0) {
    throw new UsageError(`"natpmp status" takes no operand, but "${line.operands[0]}" was given`);
  }
  if (line.has("no-state")) {
    throw new UsageError("Without the state there is no status: leave out --no-state");
  }
  const timeoutMs = readTimeoutMs(line);
  const filter = await readFilter(context, config);
  const home = await world.stateHome();
  const placed = { ...filter, ...placeOf(home) };
  const store = await openStore(context, { timeoutMs });
  if (store === undefined) throw new StoreError("Cannot tell the leases: there is no place for a state file");

  let state = await store.read();
  const failures: Failure[] = [];
  if (line.has("probe")) {
    const { probe } = await import("../status/probe.ts");
    const links = linksWith(state, placed);
    for (const { gateway, error } of await probe(context, links, { store, timeoutMs })) {
      if (error === undefined) continue;
      const failure = failureOf(error, gateway, { line: lineTo(gateway, line) });
      failures.push({ ...failure, json: { ...failure.json, gateway } });
      output.fail(failure.message);
    }
    state = await store.read();
  }
  const now = home.now();
  const held = await heldLeases(state, { home, now, ...filter });
  const missing = (filter.config?.mappings ?? [])
    .filter((mapping) => !held.some(({ lease }) => isSameMapping(lease, mapping)));
  for (const text of statusLines(held, missing)) output.result(text);
  const elsewhere = countElsewhere(state, placed, now);
  if (elsewhere > 0) {
    const leases = elsewhere === 1
      ? "1 lease of another network namespace is"
      : `${elsewhere} leases of other network namespaces are`;
    output.note(`${leases} not listed: run natpmp status there`);
  }
  const [first] = failures;
  output.json({
    command: "status",
    leases: [
      ...held.map((one) => statusFields(one, now)),
      ...missing.map(({ protocol, internalPort }) => ({ protocol, internalPort, status: "missing" })),
    ],
    ...(first === undefined ? {} : { error: first.json }),
  });
  if (line.has("check") && (missing.length > 0 || held.some(isDead))) return 1;
  return first?.exitCode ?? 0;
}

async function readFilter(
  { line, world }: CommandContext,
  config: Config | undefined,
): Promise<LeaseFilter> {
  const { endpoint, wish } = readTarget(line);
  const isWished = wish.interfaceName !== undefined || wish.source !== undefined;
  const own = isWished ? await world.localAddressOf(endpoint?.hostname ?? "0.0.0.0", wish) : undefined;
  return {
    ...(endpoint === undefined ? {} : { gateway: endpoint.hostname, port: endpoint.port ?? GATEWAY_PORT }),
    ...(own === undefined ? {} : { localAddress: own.localAddress }),
    ...(config === undefined ? {} : { config: { path: config.path, mappings: mappingsOf(config.mappings) } }),
  };
}

/** The command line as if it named one gateway of those in the state. */
function lineTo(gateway: string, line: CommandLine): CommandLine {
  return { ...line, value: (option) => option === "gateway" ? gateway : line.value(option) };
}

/** A lease whose age nobody knows may be alive. */
function isDead({ standing }: HeldLease): boolean {
  return standing === "expired" || standing === "lost";
}
