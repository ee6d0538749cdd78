import { GATEWAY_PORT } from "../../backends.ts";
import { BusyError, NoGatewayError, UnknownInterfaceError } from "../../errors.ts";
import { isPatient } from "../../lease/holdings.ts";
import { Keeper } from "../../lease/keeper.ts";
import { mappingsOf } from "../../lease/ledger.ts";
import { holderName } from "../../state/state_paths.ts";
import { WatchRecord } from "../../state/watch_record.ts";
import type { CommandContext } from "../command.ts";
import { configured } from "../config/configured.ts";
import { openStateFile } from "../open_state.ts";
import { hookCommands } from "../publish/hook_commands.ts";
import { HookRunner } from "../publish/hook_runner.ts";
import { PortFiles } from "../publish/port_files.ts";
import { Publisher } from "../publish/publisher.ts";
import { ReportPrinter } from "../publish/report_printer.ts";
import { SystemdNotifier } from "../publish/systemd_notifier.ts";
import { readTarget, readTimeoutMs } from "../session.ts";
import { rangeFinder, specFinder } from "../wanted.ts";
import { StopRequest } from "../watch/stop_request.ts";
import { watchConnector } from "../watch/watch_connector.ts";
import { readWatchOptions } from "../watch/watch_options.ts";
import { WatchView } from "../watch/watch_view.ts";

/** `natpmp watch`: reports every change, and keeps mappings alive, until it is stopped. */
export async function watch(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output, world } = context;
  const { wanted, note, tryTimeoutMs, forMs, exec, portFilePath } = readWatchOptions(line, config);
  const [{ clock, random }, files, process] = await Promise.all([
    world.network(),
    world.files(),
    world.process(),
  ]);
  const { state: paths } = files;
  if (note !== undefined) output.note(note);

  const early: string[] = [];
  let warn = (text: string): unknown => early.push(text);
  let hint = () => {};
  let hasTime = () => false;
  const connector = watchConnector(context, {
    onHint: () => hint(),
    isPatient: () => hasTime(),
    onDeaf: (reason) =>
      warn(`${reason}; natpmp cannot hear announcements of the router, so it asks the router instead`),
  });
  let stopBecause = (_: BusyError): void => {};
  const file = await openStateFile(context, { timeoutMs: readTimeoutMs(line), warn: (text) => warn(text) });
  const record = file && new WatchRecord({
    file,
    paths,
    clock,
    mappings: mappingsOf(wanted),
    config: config?.path,
    holder: holderName(line.command, paths),
    externalAddress: () => keeper.externalAddress,
    warn: (text) => warn(text),
  });
  const port = readTarget(line).endpoint?.port ?? GATEWAY_PORT;
  const connect = async () => {
    const connection = await connector.connect();
    const { mapper, localAddress } = connection;
    try {
      const ledger = await record?.follow({ gateway: mapper.gateway, port, localAddress, mapper });
      return { ...connection, ledger };
    } catch (error) {
      if (error instanceof BusyError) stopBecause(error);
      throw error;
    }
  };
  await connect().catch(ignoreAbsence);
  const portFiles = await PortFiles.open(wanted, { files, path: portFilePath });
  const unwritable = (await portFiles.hold([])).find(({ isWithoutDirectory }) => !isWithoutDirectory);
  if (unwritable !== undefined) throw unwritable;

  const keeper: Keeper = new Keeper({
    wanted,
    connect,
    clock,
    random,
    storedNow: () => paths.now(),
    hearsAnnouncements: () => connector.isHearing,
    leavesMappings: line.has("keep"),
    tryTimeoutMs,
  });
  hint = () => keeper.hint();
  hasTime = () => isPatient(keeper.holdings);
  const held = () => ({
    leases: keeper.holdings.flatMap(({ lease }) => lease ?? []),
    externalAddress: keeper.externalAddress,
  });
  const view = new WatchView({ context, process, clock, keeper, mapper: () => connector.mapper });
  const printer = new ReportPrinter({
    stdout: world.stdout,
    stderr: world.stderr,
    now: () => paths.now(),
    json: line.has("json"),
    quiet: line.has("quiet"),
    hasTimes: !process.isJournaled,
    command: { line, specOf: specFinder(wanted) },
    ...(view.isLive ? { onNews: (text) => view.addNews(text) } : {}),
  });
  const notifier = new SystemdNotifier(process, {
    clock,
    onFailure: (message) => line.has("verbose") && printer.warn(message),
  });
  const commandOf = hookCommands(wanted, { exec });
  const hooks = commandOf && new HookRunner({
    commandOf,
    rangeOf: rangeFinder(wanted),
    process,
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
    hasMappings: wanted.length > 0,
    held,
  });
  let conflict: BusyError | undefined;
  stopBecause = (error) => {
    conflict = error;
    printer.print({ type: "error", error, mappings: [], time: clock.wallNow() });
    keeper.stop();
  };
  using stop = new StopRequest({ signals: [world.signal, process.stdoutClosed], clock, forMs });
  stop.onStop(() => {
    notifier.stopping();
    keeper.stop();
  });
  process.stopOnHangUp();
  process.reapOrphans();
  process.onRenewRequest(() => {
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
      record?.note(event);
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
    await stop.bound(record?.close());
    await notifier.close();
  }
  return conflict === undefined ? 0 : 1;
}

/** Without a gateway the keeper goes on looking; an interface that is unknown at the start is a mistake. */
function ignoreAbsence(error: unknown): void {
  if (!(error instanceof NoGatewayError) || error instanceof UnknownInterfaceError) throw error;
}
