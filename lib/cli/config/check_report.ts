import { RECOMMENDED_LIFETIME_SECONDS } from "../../backends.ts";
import type { CommandContext } from "../command.ts";
import { parseTimeoutMs } from "../option_values.ts";
import { readTarget, readVia } from "../session.ts";
import type { RequestedMapping, WantedList } from "../wanted.ts";

/**
 * `natpmp map --check`: reads every option as `map` would, and prints what it would ask for. Nothing is sent, and no
 * gateway is looked for.
 *
 * @throws {UsageError} If an option cannot be read.
 */
export function reportCheck(context: CommandContext, { wanted, note }: WantedList): number {
  const { line, output } = context;
  readTarget(line);
  readVia(line);
  const timeout = line.value("timeout");
  if (timeout !== undefined) parseTimeoutMs(timeout);
  if (note !== undefined) output.note(note);
  if (line.has("quiet")) return 0;
  for (const mapping of wanted) for (const text of linesOf(mapping)) output.result(text);
  output.json({ command: "map", check: true, mappings: wanted.flatMap(entriesOf) });
  return 0;
}

function lifetimeOf({ lifetimeSeconds = RECOMMENDED_LIFETIME_SECONDS }: RequestedMapping): number {
  return lifetimeSeconds;
}

/** A line for each protocol. */
function linesOf(mapping: RequestedMapping): string[] {
  const { name, protocols, internalPort, externalPort = "any", exact, anyPort, exec, portFile } = mapping;
  const more = [
    exact ? "exact" : [],
    anyPort && protocols.length > 1 ? "any port" : [],
    name === undefined ? [] : `name ${name}`,
    exec === undefined ? [] : `exec ${JSON.stringify(exec)}`,
    portFile === undefined ? [] : `port file ${JSON.stringify(portFile)}`,
  ].flat().map((text) => `, ${text}`).join("");
  return protocols.map((protocol) =>
    `would map ${protocol} ${externalPort} -> ${internalPort}, ${lifetimeOf(mapping)} s${more}`
  );
}

/** An entry for each protocol, with the names of fields that an entry of `map` has. */
function entriesOf(mapping: RequestedMapping): Readonly<Record<string, unknown>>[] {
  const { name, protocols, internalPort, externalPort, exact, anyPort, exec, portFile } = mapping;
  return protocols.map((protocol) => ({
    ...(name === undefined ? {} : { name }),
    protocol,
    internalPort,
    ...(externalPort === undefined ? {} : { requestedExternalPort: externalPort }),
    requestedLifetimeSeconds: lifetimeOf(mapping),
    ...(exact ? { exact } : {}),
    ...(anyPort ? { anyPort } : {}),
    ...(exec === undefined ? {} : { exec }),
    ...(portFile === undefined ? {} : { portFile }),
  }));
}
