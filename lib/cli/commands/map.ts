import { acquire, type AcquireOutcome, type MappingWish } from "../../lease/acquire.ts";
import { RefusedError } from "../../errors.ts";
import type { CommandContext } from "../command.ts";
import { configured } from "../config/configured.ts";
import { leaseFields, leaseLine } from "../lease_report.ts";
import { mappingName } from "../mapping_name.ts";
import { reportMappings } from "../mapping_report.ts";
import { askAddress, endsSession, openSession, type Session } from "../session.ts";
import { readWishes } from "../wishes.ts";
import type { Granted } from "../watch/after_map.ts";
import { Stopped } from "../world.ts";

/** `natpmp map`: creates or renews mappings, then tells where they are reached. */
export async function map(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output } = context;
  const asked = readWishes(line, config);
  if (line.has("check")) {
    const { reportCheck } = await import("../config/check_report.ts");
    return reportCheck(context, asked);
  }
  const { wishes, note } = asked;
  const session = await openSession(context, { allowPortZero: line.has("allow-port-zero") });
  if (note !== undefined) output.note(note);

  const outcomes = await acquireAll(context, session, wishes);
  const isReachable = outcomes.some((outcome) => "lease" in outcome) && !outcomes.some(isLastWord);
  const { externalAddress, stopped }: AddressAttempt = isReachable ? await tryAddress(context, session) : {};
  const report = () =>
    reportMappings(
      output,
      outcomes.map((outcome) =>
        "error" in outcome ? outcome : {
          mapping: outcome.mapping,
          line: leaseLine(outcome.lease, externalAddress),
          json: leaseFields(outcome.lease, session.clock),
        }
      ),
      {
        command: "map",
        gateway: session.gateway,
        nameOf: mappingName,
        json: externalAddress === undefined ? {} : { externalAddress },
      },
    );
  const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
  const granted = { gateway: session.gateway, externalAddress, wishes, leases };
  const exitCode = await tellOthers(context, granted, report);
  return exitCode === 0 && stopped !== undefined ? stopped.exitCode : exitCode;
}

/** Brings the port file up to date, reports, and runs the hooks; the one object of JSON holds what they warn of. */
async function tellOthers(context: CommandContext, granted: Granted, report: () => number): Promise<number> {
  const { line, world: { signal } } = context;
  if (granted.wishes.every(({ exec, portFile }) => exec === undefined && portFile === undefined)) {
    return report();
  }
  const { runHooks, writePortFiles } = await import("../watch/after_map.ts");
  const isWritten = await writePortFiles(context, granted);
  let exitCode = 0;
  if (!line.has("json")) exitCode = report();
  const isRun = await runHooks(context, granted);
  if (line.has("json")) exitCode = report();
  if (exitCode !== 0) return exitCode;
  if (signal.aborted && signal.reason instanceof Stopped) return signal.reason.exitCode;
  return isWritten && isRun ? 0 : 1;
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
