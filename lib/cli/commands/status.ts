import { StoreError } from "../../errors.ts";
import { GATEWAY_PORT } from "../../backends.ts";
import { isSameMapping } from "../../port_mapper.ts";
import { placeOf } from "../../state/state_paths.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import type { Config } from "../config/config.ts";
import { configured } from "../config/configured.ts";
import { type Failure, failureOf } from "../failure.ts";
import { openStateFile } from "../open_state.ts";
import { isSelected, readTarget, readTimeoutMs, readVia } from "../session.ts";
import {
  countElsewhere,
  type KnownLease,
  knownLeases,
  type LeaseFilter,
  recordsWith,
} from "../status/known_leases.ts";
import { statusFields, statusLines } from "../status/status_report.ts";
import { UsageError } from "../usage_error.ts";
import { mappingsOf } from "../wanted.ts";

/** `natpmp status`: lists the leases of this host as they are remembered. */
export async function status(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  if (line.operands.length > 0) {
    throw new UsageError(`"natpmp status" takes no operand, but "${line.operands[0]}" was given`);
  }
  if (line.has("no-state")) {
    throw new UsageError("Cannot list the leases without the state file: leave out --no-state");
  }
  const timeoutMs = readTimeoutMs(line);
  readVia(line);
  const filter = await readFilter(context, config);
  const { state: paths } = await world.files();
  const placed = { ...filter, ...placeOf(paths) };
  const file = await openStateFile(context, { timeoutMs });
  if (file === undefined) {
    throw new StoreError("Cannot list the leases: natpmp has no place for a state file");
  }

  let state = await file.read();
  const failures: Failure[] = [];
  if (line.has("probe")) {
    const { probe } = await import("../status/probe.ts");
    const records = recordsWith(state, placed);
    for (const { gateway, error } of await probe(context, records, { file, timeoutMs })) {
      if (error === undefined) continue;
      const failure = failureOf(error, { line: lineTo(gateway, line) });
      failures.push({ ...failure, json: { ...failure.json, gateway } });
      output.fail(failure.message);
    }
    state = await file.read();
  }
  const now = paths.now();
  const known = await knownLeases(state, { paths, now, ...filter });
  const missing = (filter.config?.mappings ?? [])
    .filter((mapping) => !known.some(({ lease }) => isSameMapping(lease, mapping)));
  for (const text of statusLines(known, missing)) output.result(text);
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
      ...known.map((one) => statusFields(one, now)),
      ...missing.map(({ protocol, internalPort }) => ({ protocol, internalPort, status: "missing" })),
    ],
    ...(first === undefined ? {} : { via: first.via, error: first.json }),
  });
  if (line.has("check") && (missing.length > 0 || known.some(isDead))) return 1;
  return first?.exitCode ?? 0;
}

async function readFilter(
  { line, world }: CommandContext,
  config: Config | undefined,
): Promise<LeaseFilter> {
  const { endpoint, source } = readTarget(line);
  const own = isSelected(source)
    ? await (await world.network()).localAddressOf(endpoint?.hostname ?? "0.0.0.0", source)
    : undefined;
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
function isDead({ status }: KnownLease): boolean {
  return status === "expired" || status === "lost";
}
