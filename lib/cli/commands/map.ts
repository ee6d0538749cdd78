import { acquire, type AcquireOutcome, type MappingWish } from "../../lease/acquire.ts";
import { RefusedError } from "../../errors.ts";
import type { Lease } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { type MappingOutcome, reportMappings } from "../mapping_report.ts";
import { parseDuration } from "../option_values.ts";
import { formatTime, roundMs } from "../output.ts";
import { askAddress, endsSession, openSession, type Session } from "../session.ts";
import { parseSpecs, protocolsOfFlags } from "../specs.ts";
import { UsageError } from "../usage_error.ts";
import { Stopped } from "../world.ts";

/** `natpmp map`: creates or renews mappings, then tells where they are reached. */
export async function map(context: CommandContext): Promise<number> {
  const { line, output } = context;
  const { wishes, note } = readWishes(context);
  const session = await openSession(context, { allowPortZero: line.has("allow-port-zero") });
  if (note !== undefined) output.note(note);

  const outcomes = await acquireAll(context, session, wishes);
  const isReachable = outcomes.some((outcome) => "lease" in outcome) && !outcomes.some(isLastWord);
  const { externalAddress, stopped }: AddressAttempt = isReachable ? await tryAddress(context, session) : {};
  const exitCode = reportMappings(
    output,
    outcomes.map((outcome) => "error" in outcome ? outcome : describe(outcome, { externalAddress, session })),
    {
      command: "map",
      gateway: session.gateway,
      nameOf: ({ protocol, internalPort }) => `${protocol} ${internalPort}`,
      json: externalAddress === undefined ? {} : { externalAddress },
    },
  );
  return exitCode === 0 && stopped !== undefined ? stopped.exitCode : exitCode;
}

function readWishes({ line }: CommandContext): { wishes: MappingWish[]; note?: string } {
  const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
  const { specs, ...note } = parseSpecs(line.operands, {
    defaultProtocols: protocolsOfFlags(flags) ?? ["tcp"],
    allowPortZero: line.has("allow-port-zero"),
  });
  const lifetime = line.value("lifetime");
  const exact = line.has("exact");
  const anyPort = line.has("any-port");
  if (exact && anyPort) throw new UsageError("Options --exact and --any-port contradict each other");
  const lifetimeSeconds = lifetime === undefined ? undefined : parseDuration(lifetime, "--lifetime");
  return { wishes: specs.map((spec) => ({ ...spec, lifetimeSeconds, exact, anyPort })), ...note };
}

async function acquireAll(
  { world, output }: CommandContext,
  session: Session,
  wishes: readonly MappingWish[],
): Promise<AcquireOutcome[]> {
  const all: AcquireOutcome[] = [];
  for (const wish of wishes) {
    const last = all.find(isLastWord);
    if (last !== undefined) {
      const { internalPort } = wish;
      all.push(
        ...wish.protocols.map((protocol) => ({ mapping: { protocol, internalPort }, error: last.error })),
      );
      continue;
    }
    const { outcomes, leftovers } = await acquire(session.mapper, wish, { signal: world.signal });
    all.push(...outcomes);
    for (const { protocol, externalPort, lifetimeSeconds } of leftovers) {
      output.warn(
        `External ${protocol} port ${externalPort} could not be released; it expires in ${lifetimeSeconds} s`,
      );
    }
  }
  return all;
}

function isLastWord(outcome: AcquireOutcome): outcome is Extract<AcquireOutcome, { error: unknown }> {
  return "error" in outcome && endsSession(outcome.error);
}

interface AddressAttempt {
  readonly externalAddress?: string;
  /** Present when the command was told to stop meanwhile. */
  readonly stopped?: Stopped;
}

/** A gateway that does not tell its address has mapped all the same. */
async function tryAddress(context: CommandContext, session: Session): Promise<AddressAttempt> {
  try {
    const { externalAddress } = await askAddress(context, session);
    return { externalAddress };
  } catch (error) {
    if (error instanceof RefusedError && error.refusal === "network-failure") {
      context.output.warn(error.message);
    }
    return error instanceof Stopped ? { stopped: error } : {};
  }
}

interface DescribeOptions {
  readonly externalAddress: string | undefined;
  readonly session: Session;
}

function describe(
  { mapping, lease }: { mapping: MappingOutcome["mapping"]; lease: Lease },
  options: DescribeOptions,
) {
  const { externalAddress, session: { clock } } = options;
  const { protocol, internalPort, requestedExternalPort, externalPort, lifetimeSeconds } = lease;
  const { requestedLifetimeSeconds, epochSeconds, attempts } = lease;
  const asked = [
    requestedExternalPort === undefined || requestedExternalPort === externalPort
      ? []
      : `${requestedExternalPort}`,
    requestedLifetimeSeconds === lifetimeSeconds ? [] : `${requestedLifetimeSeconds} s`,
  ].flat().join(", ");
  const reachedAt = externalAddress === undefined ? externalPort : `${externalAddress}:${externalPort}`;
  const expiresAt = new Date(clock.wallNow().getTime() + lease.expiresAtMs - clock.now());
  return {
    mapping,
    line: `${protocol} ${reachedAt} -> ${internalPort}, ${lifetimeSeconds} s` +
      (asked && ` (asked for ${asked})`),
    json: {
      ...(requestedExternalPort === undefined ? {} : { requestedExternalPort }),
      externalPort,
      requestedLifetimeSeconds,
      lifetimeSeconds,
      expiresAt: formatTime(expiresAt),
      epochSeconds,
      attempts,
      elapsedMs: roundMs(lease.elapsedMs),
    },
  };
}
