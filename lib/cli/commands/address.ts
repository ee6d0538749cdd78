import type { CommandContext } from "../command.ts";
import { failureOf } from "../failure.ts";
import { roundMs } from "../output.ts";
import { askAddress, openSession } from "../session.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp address`: prints the gateway's external address. */
export async function address(context: CommandContext): Promise<number> {
  const { line, output } = context;
  if (line.operands.length > 0) {
    throw new UsageError(`"natpmp address" takes no operand, but "${line.operands[0]}" was given`);
  }
  const session = await openSession(context);
  const { gateway } = session;
  try {
    const { via, externalAddress, epochSeconds, attempts, elapsedMs } = await askAddress(context, session);
    if (externalAddress !== undefined) output.result(externalAddress);
    output.json({
      command: "address",
      gateway,
      via,
      externalAddress,
      epochSeconds,
      attempts,
      elapsedMs: roundMs(elapsedMs),
    });
    return 0;
  } catch (error) {
    const failure = failureOf(error, { line: context.line });
    output.fail(failure.message);
    output.json({ command: "address", gateway, via: failure.via, error: failure.json });
    return failure.exitCode;
  }
}
