import { type DatagramDescriber, datagramDescriber } from "../../backends.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { ExchangeEvent } from "../../net/exchange.ts";
import type { CommandContext } from "../command.ts";
import { examine } from "../doctor/examine.ts";
import { firstError } from "../doctor/examination.ts";
import { findingsOf } from "../doctor/findings.ts";
import { reportFields } from "../doctor/json.ts";
import { reportLines } from "../doctor/report.ts";
import { failureOf } from "../failure.ts";
import { parseTimeoutMs } from "../option_values.ts";
import { escapeHidden } from "../output.ts";
import { Progress } from "../progress.ts";
import { readIgd, readTarget, readVia } from "../session.ts";
import { parseSpecs, protocolsOfFlags } from "../specs.ts";
import { formatTrace } from "../trace.ts";
import { mappingsOf } from "../wanted.ts";

/** `natpmp doctor`: reports which gateway, why that one, what answers there, and what to do about it. */
export async function doctor(context: CommandContext): Promise<number> {
  const { line, output, world } = context;
  const target = readTarget(line);
  const igd = await readIgd(line);
  const timeout = line.value("timeout");
  const timeoutMs = timeout === undefined ? undefined : parseTimeoutMs(timeout);
  const { ports, note } = readPorts(context);

  const describer = await datagramDescriber();
  const examination = await examine(world, {
    line,
    describer,
    target,
    via: readVia(line),
    igd,
    ports,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    observe: await observer(context, describer),
  });
  if (note !== undefined) output.note(note);
  const findings = findingsOf(examination);
  for (const text of reportLines(examination, findings)) output.result(text);
  output.json({ command: "doctor", ...reportFields(examination, findings, { line }) });

  const first = firstError(examination);
  if (first === undefined) return 0;
  const failure = failureOf(first.error, { line });
  output.fail(failure.message);
  return failure.exitCode;
}

function readPorts({ line }: CommandContext): { ports: MappingKey[]; note?: string } {
  const flags = { udp: line.has("udp"), tcp: line.has("tcp"), both: line.has("both") };
  const defaultProtocols = protocolsOfFlags(flags) ?? ["tcp"];
  if (line.operands.length === 0) return { ports: [] };
  const { specs, ...note } = parseSpecs(line.operands, { defaultProtocols, allowPortZero: false });
  return { ports: mappingsOf(specs), ...note };
}

/** The datagrams are in the report; `--verbose` shows them when they come, and a terminal shows the wait. */
async function observer(
  { line, world }: CommandContext,
  describer: DatagramDescriber,
): Promise<((event: ExchangeEvent, elapsedMs: number) => void) | undefined> {
  if (line.has("verbose")) {
    return (event, elapsedMs) => {
      const text = formatTrace(event, elapsedMs, describer);
      if (text !== undefined) world.stderr.write(`${escapeHidden(text)}\n`);
    };
  }
  if (!world.stderr.isTerminal || line.has("quiet")) return undefined;
  const progress = new Progress((await world.network()).clock, world.stderr);
  return (event) => progress.observe(event);
}
