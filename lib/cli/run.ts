import { type CommandLine, parseCommandLine } from "./args.ts";
import type { Command } from "./command.ts";
import { type CommandName, COMMANDS } from "./option_table.ts";
import type { Output } from "./output.ts";
import { UsageError } from "./usage_error.ts";
import type { World } from "./world.ts";

/** Each command's code is loaded only when it runs. */
const LOADERS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  address: async () => (await import("./commands/address.ts")).address,
  map: async () => (await import("./commands/map.ts")).map,
  unmap: async () => (await import("./commands/unmap.ts")).unmap,
  watch: async () => (await import("./commands/watch.ts")).watch,
  list: async () => (await import("./commands/list.ts")).list,
  status: async () => (await import("./commands/status.ts")).status,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  service: async () => (await import("./commands/service.ts")).service,
  simulate: async () => (await import("./commands/simulate.ts")).simulate,
  completions: async () => (await import("./commands/completions.ts")).completions,
  help: async () => (await import("./commands/help.ts")).help,
};

/** The command that shells run at TAB. Nothing lists it, as its words are those of a line that is being typed. */
const COMPLETE = "__complete";

/**
 * Runs one command line, without the program's name.
 *
 * @returns The exit code. Nothing is thrown: every failure has been reported.
 */
export async function run(args: readonly string[], world: World): Promise<number> {
  if (args[0] === COMPLETE) {
    const { complete } = await import("./commands/complete.ts");
    return await complete(args.slice(1), world);
  }
  let line: CommandLine | undefined;
  try {
    line = parseCommandLine(args);
    return await dispatch(line, world);
  } catch (error) {
    return await failWith(error, { args, line, world });
  }
}

async function dispatch(line: CommandLine, world: World): Promise<number> {
  if (line.has("version")) {
    const [output, { versionReport }] = await Promise.all([outputFor(line, world), import("./version.ts")]);
    const report = versionReport();
    output.result(`natpmp ${report.version}`);
    output.json({ command: "version", ...report });
    return 0;
  }
  if (line.has("help")) {
    const [{ helpText }, { textWidth }] = await Promise.all([
      import("./help.ts"),
      import("./text_layout.ts"),
    ]);
    world.stdout.write(helpText(line.command, textWidth(world.stdout)));
    return 0;
  }
  if (line.command === undefined) {
    throw new UsageError(
      `No command is given: natpmp help explains the commands, which are ${Object.keys(COMMANDS).join(", ")}`,
    );
  }
  const [output, command] = await Promise.all([outputFor(line, world), LOADERS[line.command]()]);
  return await command({ line, world, output });
}

async function outputFor(line: Pick<CommandLine, "has">, world: World): Promise<Output> {
  const { Output } = await import("./output.ts");
  return new Output(world, {
    json: line.has("json"),
    quiet: line.has("quiet"),
    paint: world.stderr.isTerminal && world.allowsColor && !line.has("no-color")
      ? await loadPaint()
      : undefined,
  });
}

async function loadPaint() {
  const { dim, red, yellow } = await import("@std/fmt/colors");
  return { note: dim, warning: yellow, error: red };
}

interface FailContext {
  readonly args: readonly string[];
  /** Absent when the arguments could not be read. */
  readonly line: CommandLine | undefined;
  readonly world: World;
}

async function failWith(cause: unknown, { args, line, world }: FailContext): Promise<number> {
  const error = cause instanceof UsageError ? await inOwnOrder(cause, args) : cause;
  const output = await outputFor(line ?? { has: (flag) => args.includes(`--${flag}`) }, world);
  const { failureOf } = await import("./failure.ts");
  const { isDefect, message, via, json, exitCode } = failureOf(error, { line });
  const hint = error instanceof UsageError ? await suggestion(error) : "";
  output.fail(message + hint);
  const command = line?.command ?? args.find((arg) => Object.hasOwn(COMMANDS, arg));
  output.json({
    ...(command === undefined ? {} : { command }),
    via,
    error: { ...json, message: message + hint },
  });
  if (isDefect && line?.has("verbose") && error instanceof Error) {
    const { escapeHidden } = await import("./output.ts");
    for (const text of `${error.stack}`.split("\n")) world.stderr.write(`${escapeHidden(text)}\n`);
  }
  return exitCode;
}

/** Gives a user of natpmpc the command line in our words, in place of what is wrong with it. */
async function inOwnOrder(error: UsageError, args: readonly string[]): Promise<UsageError> {
  const { natpmpcHint } = await import("./natpmpc_order.ts");
  const hint = natpmpcHint(args);
  return hint === undefined ? error : new UsageError(hint);
}

async function suggestion({ misspelling }: UsageError): Promise<string> {
  if (misspelling === undefined) return "";
  const { nearest } = await import("./nearest.ts");
  const guess = nearest(misspelling.word, misspelling.known);
  return guess === undefined ? "" : `; did you mean ${guess}?`;
}
