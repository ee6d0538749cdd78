import { BusyError, NoGatewayError, UnknownInterfaceError } from "../../errors.ts";
import { Keeper } from "../../lease/keeper.ts";
import type { CommandContext } from "../command.ts";
import { configured } from "../config/configured.ts";
import { Connector } from "../watch/connector.ts";
import { hookCommands } from "../watch/hook_commands.ts";
import { openMemory } from "../watch/open_memory.ts";
import { HookRunner } from "../watch/hook_runner.ts";
import { PortFiles } from "../watch/port_files.ts";
import { Publisher } from "../watch/publisher.ts";
import { ReportPrinter } from "../watch/report_printer.ts";
import { StopRequest } from "../watch/stop_request.ts";
import { SystemdNotifier } from "../watch/systemd_notifier.ts";
import { mappingsOf, rangeFinder, specFinder } from "../wishes.ts";
import { readWatchOptions } from "../watch/watch_options.ts";
import { WatchView } from "../watch/watch_view.ts";

/** `natpmp watch`: reports every change, and keeps mappings alive, until it is stopped. */
export async function watch(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  const { wishes, note, tryTimeoutMs, forMs, exec, portFilePath } = readWatchOptions(line, config);
  const [{ clock, random }, machine] = await Promise.all([world.network(), world.machine()]);
  if (note !== undefined) output.note(note);

  const early: string[] = [];
  let warn = (text: string): unknown => early.push(text);
  let hint = () => {};
  const connector = new Connector(context, {
    onAnnouncement: () => hint(),
    onDeaf: (reason) => warn(`${reason}; announcements of the gateway are not heard, so it is asked instead`),
  });
  let stopBecause = (_: BusyError): void => {};
  const memory = await openMemory(context, {
    mappings: mappingsOf(wishes),
    config: config?.path,
    holdings: () => held(),
    warn: (text) => warn(text),
  });
  const connect = async () => {
    const connection = await connector.connect();
    try {
      await memory?.follow(connector.link!);
    } catch (error) {
      if (error instanceof BusyError) stopBecause(error);
      throw error;
    }
    return connection;
  };
  await connect().catch(ignoreAbsence);
  const portFiles = new PortFiles(wishes, { machine, path: portFilePath });
  const unwritable = (await portFiles.hold([])).find(({ isWithoutDirectory }) => !isWithoutDirectory);
  if (unwritable !== undefined) throw unwritable;

  const keeper: Keeper = new Keeper({
    wishes,
    connect,
    known: (mapping) => memory?.known(mapping),
    clock,
    random,
    hearsAnnouncements: () => connector.isHearing,
    leavesMappings: line.has("keep"),
    ...(tryTimeoutMs === undefined ? {} : { tryTimeoutMs }),
  });
  hint = () => keeper.hint();
  const held = () => {
    const { holdings, externalAddress } = keeper;
    const leases = holdings.flatMap(({ lease }) => lease ?? []);
    const doubtful = new Set(holdings.flatMap(({ lease, mayBeLost }) => mayBeLost ? lease! : []));
    return { leases, doubtful, externalAddress };
  };
  const view = new WatchView({ context, machine, clock, keeper, connector });
  const printer = new ReportPrinter({
    stdout: world.stdout,
    stderr: world.stderr,
    clock,
    json: line.has("json"),
    quiet: line.has("quiet"),
    hasTimes: !machine.isJournaled,
    command: { line, specOf: specFinder(wishes) },
    ...(view.isLive ? { onNews: (text) => view.addNews(text) } : {}),
  });
  const notifier = new SystemdNotifier(machine, {
    clock,
    onFailure: (message) => line.has("verbose") && printer.warn(message),
  });
  const commandOf = hookCommands(wishes, { exec });
  const hooks = commandOf && new HookRunner({
    commandOf,
    rangeOf: rangeFinder(wishes),
    machine,
    clock,
    ...(view.isLive ? { onOutput: (line) => view.addHookOutput(line) } : {}),
    onFailure: (failure) => printer.print({ type: "hook-failed", ...failure, time: clock.wallNow() }),
  });
  const publisher = new Publisher({
    clock,
    printer,
    notifier,
    portFiles: portFiles.isEmpty ? undefined : portFiles,
    hooks,
    hasWishes: wishes.length > 0,
    held,
  });
  let conflict: BusyError | undefined;
  stopBecause = (error) => {
    conflict = error;
    printer.print({ type: "error", error, mappings: [], time: clock.wallNow() });
    keeper.stop();
  };
  using stop = new StopRequest({ signals: [world.signal, machine.stdoutClosed], clock, forMs });
  stop.onStop(() => {
    notifier.stopping();
    keeper.stop();
  });
  machine.stopOnHangUp();
  machine.reapOrphans();
  machine.onRenewRequest(() => {
    keeper.renewNow();
    view.print();
  });

  printer.print({
    type: "started",
    mappings: keeper.holdings.map(({ mapping }) => mapping),
    warnings: [note, ...early].filter((text) => text !== undefined),
    time: clock.wallNow(),
  });
  warn = (text) => printer.warn(text);
  for (const text of early) printer.warn(text);
  try {
    await publisher.updatePortFiles([]);
    for await (const event of keeper) {
      memory?.note(event);
      await publisher.publish(event);
    }
    await hooks?.finish(stop.deadline);
    if (!line.has("keep")) await publisher.updatePortFiles([]);
    printer.print({ type: "stopped", time: clock.wallNow() });
  } finally {
    publisher.close();
    view.close();
    connector.close();
    await keeper.stop();
    // Another process may have the state file locked.
    await stop.bound(memory?.close());
    await notifier.close();
  }
  return conflict === undefined ? 0 : 1;
}

/** Without a gateway the keeper goes on looking; an interface that is unknown at the start is a mistake. */
function ignoreAbsence(error: unknown): void {
  if (!(error instanceof NoGatewayError) || error instanceof UnknownInterfaceError) throw error;
}
