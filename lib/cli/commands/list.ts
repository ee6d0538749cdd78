import { NotSupportedError } from "../../errors.ts";
import type { ListedMapping } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { failureOf } from "../failure.ts";
import { escapeHidden } from "../output.ts";
import { openSession, readVia } from "../session.ts";
import { UsageError } from "../usage_error.ts";
import { viaName } from "../via_name.ts";

const HEADINGS = ["PROTO", "EXTERNAL", "CLIENT", "INTERNAL", "TIME LEFT", "ENABLED", "DESCRIPTION"];

/** `natpmp list`: prints the router's own table of mappings. */
export async function list(context: CommandContext): Promise<number> {
  const { line, output, world } = context;
  if (line.operands.length > 0) {
    throw new UsageError(`"natpmp list" takes no operand, but "${line.operands[0]}" was given`);
  }
  const via = readVia(line);
  if (via !== "auto" && via !== "upnp") {
    throw new UsageError(`Cannot list mappings with --via ${via}: ${viaName(via)} has no request for that`);
  }
  const { mapper, gateway } = await openSession(context);
  try {
    const { mappings } = await mapper.list!({ signal: world.signal });
    const shown = line.has("mine") ? mappings.filter(({ isOwn }) => isOwn) : mappings;
    for (const text of tableOf(shown)) output.result(text);
    output.json({ command: "list", gateway, via: "upnp", mappings: shown.map(fieldsOf) });
    return 0;
  } catch (error) {
    const failure = failureOf(error, { line });
    const hint = error instanceof NotSupportedError
      ? ". PCP and NAT-PMP cannot list mappings; natpmp status shows what this host made"
      : "";
    const message = failure.message + hint;
    output.fail(message);
    output.json({ command: "list", gateway, via: failure.via, error: { ...failure.json, message } });
    return failure.exitCode;
  }
}

function tableOf(mappings: readonly ListedMapping[]): readonly string[] {
  if (mappings.length === 0) return ["No mappings"];
  const rows = [HEADINGS, ...mappings.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, i) => {
    const mark = i > 0 && mappings[i - 1]!.isOwn ? "* " : "  ";
    return (mark + row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")).trimEnd();
  });
}

function cellsOf(mapping: ListedMapping): string[] {
  const { protocol, externalPort, internalClient, internalPort, secondsLeft, isEnabled, description } =
    mapping;
  return [
    protocol,
    String(externalPort),
    escapeHidden(internalClient),
    String(internalPort),
    secondsLeft === "permanent" ? secondsLeft : `${secondsLeft} s`,
    isEnabled ? "yes" : "no",
    escapeHidden(description),
  ];
}

function fieldsOf(mapping: ListedMapping) {
  const { protocol, externalPort, internalClient, internalPort, secondsLeft, isEnabled, description, isOwn } =
    mapping;
  return {
    protocol,
    externalPort,
    internalClient,
    internalPort,
    ...(secondsLeft === "permanent" ? { permanent: true } : { secondsLeft }),
    enabled: isEnabled,
    description,
    isOwn,
  };
}
