import { assertEquals, assertThrows } from "@std/assert";
import { cron } from "../../lib/cli/service/cron.ts";
import { launchd } from "../../lib/cli/service/launchd.ts";
import {
  renewCommand,
  type ServiceFile,
  type ServiceSystem,
  watchCommand,
} from "../../lib/cli/service/service_system.ts";
import { systemd } from "../../lib/cli/service/systemd.ts";
import { systemdTimer } from "../../lib/cli/service/systemd_timer.ts";
import { windowsTask } from "../../lib/cli/service/windows_task.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { natpmpCommand, runCommand, runNatpmp } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";
import { CRON_KINDS, cronArgv, launchdArgv, systemdArgv, windowsArgv } from "../support/service_argv.ts";
import { NASTY_NAME, PLAIN, requestIn, WORST_NAME } from "../support/service_request.ts";
import { PLIST_DTD, TASK_SCHEMA } from "../support/service_schemas.ts";

/** A directory for one test, with one of the nasty name in it. */
class Rooms implements AsyncDisposable {
  private constructor(readonly directory: string) {}

  static async make(): Promise<Rooms> {
    const rooms = new Rooms(await Deno.makeTempDir({ prefix: "natpmp-" }));
    await Deno.mkdir(rooms.nasty);
    return rooms;
  }

  get nasty(): string {
    return `${this.directory}/${NASTY_NAME}`;
  }

  /** Writes files here, and tells their paths. */
  write(files: readonly ServiceFile[]): Promise<string[]> {
    return Promise.all(files.map(async ({ name, text }) => {
      await Deno.writeTextFile(`${this.directory}/${name}`, text);
      return `${this.directory}/${name}`;
    }));
  }

  /** Makes a program there that prints its words, a NUL after each. */
  async makeProgram(directory: string): Promise<void> {
    await Deno.mkdir(directory, { recursive: true });
    const text = '#!/bin/sh\nprintf \'%s\\0\' "$0" "$@"\n';
    await Deno.writeTextFile(`${directory}/natpmp`, text, { mode: 0o755 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** What the command prints for a configuration in a directory, and the words with which it starts itself. */
async function printedFor(system: string, directory: string) {
  const config = `${directory}/natpmp.json`;
  await Deno.writeTextFile(config, '{"mappings":["8080:80"]}');
  const { code, stdout, stderr } = await runNatpmp(["service", system, "--config", config, "--json"]);
  assertEquals([code, stderr], [0, ""]);
  const { files } = JSON.parse(stdout) as { files: ServiceFile[] };
  const [program = "", ...args] = natpmpCommand();
  const own = args.length === 0 ? [await Deno.realPath(program)] : [
    program,
    "run",
    "-q",
    "-A",
    new URL("../../main.ts", import.meta.url).pathname,
  ];
  return { files, request: { program: own, config } };
}

const WITH_SYSTEMD = { programs: ["systemd-analyze"] };

for (
  const [name, system, commandOf] of [
    ["systemd", systemd, watchCommand],
    ["systemd-timer", systemdTimer, renewCommand],
  ] as const
) {
  e2eTest(`systemd reads the very words out of what service ${name} prints`, async () => {
    await using rooms = await Rooms.make();
    const { files, request } = await printedFor(name, rooms.nasty);
    assertEquals(await systemdArgv(...await rooms.write(files)), commandOf(request));
  }, WITH_SYSTEMD);

  e2eTest(`systemd starts a program in any directory by what service ${name} prints`, async () => {
    await using rooms = await Rooms.make();
    const names = ["plain", "a b", NASTY_NAME, WORST_NAME, "line\nbreak\t\x01\x7f\x85"];
    for (const directory of names.map((name) => `${rooms.directory}/${name}`)) {
      await rooms.makeProgram(directory);
      const request = { ...requestIn(directory), portFiles: [`${rooms.directory}/${NASTY_NAME}/port`] };
      const { stdout } = await runCommand(await systemdArgv(...await rooms.write(system.files(request))));
      assertEquals(stdout.split("\0").slice(0, -1), commandOf(request));
    }
  }, WITH_SYSTEMD);
}

e2eTest("systemd's timer starts the renewal at every quarter of an hour", async () => {
  const [, timer] = systemdTimer.files(PLAIN);
  const when = /^OnCalendar=(.*)$/m.exec(timer!.text)![1]!;
  const calendar = [
    "systemd-analyze",
    "calendar",
    "--iterations=3",
    "--base-time=2026-01-01 00:01 UTC",
    when,
  ];
  const { code, stdout } = await runCommand(calendar, { env: { TZ: "UTC" } });
  assertEquals(code, 0);
  assertEquals(stdout.match(/2026-01-01 \d\d:\d\d:\d\d/g)?.slice(-3).map((time) => time.slice(-8)), [
    "00:15:00",
    "00:30:00",
    "00:45:00",
  ]);
}, WITH_SYSTEMD);

e2eTest("the awk of natpmp help service writes each file of systemd-timer to its place", async () => {
  await using rooms = await Rooms.make();
  const page = await Deno.readTextFile(new URL("../../lib/cli/manual/service.md", import.meta.url));
  const program = /service systemd-timer [^|]*\| awk '([^']+)'/.exec(page)![1]!;
  const { files, request } = await printedFor("systemd-timer", rooms.nasty);
  const { stdout } = await runNatpmp(["service", "systemd-timer", "--config", request.config]);
  const movedProgram = program.replace("\\/etc\\/systemd\\/", `${rooms.directory}/`.replaceAll("/", "\\/"));
  const moved = (text: string) => text.replaceAll("# /etc/systemd/system/", `# ${rooms.directory}/`);
  assertEquals((await runCommand(["awk", movedProgram], { stdin: moved(stdout) })).code, 0);
  assertEquals(files.map(({ name }) => name), ["natpmp-renew.service", "natpmp-renew.timer"]);
  for (const { name, text } of files) {
    const written = await Deno.readTextFile(`${rooms.directory}/${name}`);
    assertEquals(written.trimEnd(), moved(text).trimEnd());
  }
}, { programs: ["awk"] });

const WITH_CRONTAB = { programs: ["crontab"] };

/** Debian's crontab has `-n`, cronie's `-T`. */
async function checkFlag(): Promise<string> {
  const { stdout, stderr } = await runCommand(["crontab", "-h"]);
  const flag = ["-n", "-T"].find((flag) =>
    new RegExp(`^\\s*${flag}\\b.*(check|test)`, "m").test(stdout + stderr)
  );
  if (flag === undefined) throw new Error("This crontab checks no file without installing it");
  return flag;
}

async function isCrontab(path: string): Promise<boolean> {
  return (await runCommand(["crontab", await checkFlag(), path])).code === 0;
}

e2eTest("cron takes what service cron prints, and the shell reads the very words out of it", async () => {
  await using rooms = await Rooms.make();
  const { files, request } = await printedFor("cron", rooms.nasty);
  const [path] = await rooms.write(files);
  assertEquals(await isCrontab(path!), true);
  for (const kind of CRON_KINDS) {
    assertEquals(await cronArgv(files[0]!.text, kind), renewCommand(request), kind);
  }
}, WITH_CRONTAB);

e2eTest("cron starts a program in any directory", async () => {
  await using rooms = await Rooms.make();
  for (const name of [NASTY_NAME, WORST_NAME, "%\\%%\\\\%", "'", "\\"]) {
    const request = requestIn(`${rooms.directory}/${name}`);
    const [path] = await rooms.write(cron.files(request));
    assertEquals(await isCrontab(path!), true);
    const text = await Deno.readTextFile(path!);
    for (const kind of CRON_KINDS) {
      assertEquals(await cronArgv(text, kind), renewCommand(request), `${kind} ${name}`);
    }
  }
}, WITH_CRONTAB);

e2eTest("cron takes the longest line that is printed, and not a longer one", async () => {
  await using rooms = await Rooms.make();
  const requestOf = (bytes: number) => {
    const fixed = renewCommand({ ...PLAIN, config: "/" }).join(" ").length;
    return { ...PLAIN, config: `/${"a".repeat(bytes - fixed)}` };
  };
  const [longest] = cron.files(requestOf(998));
  const [path] = await rooms.write([longest!]);
  assertEquals(await isCrontab(path!), true);
  await Deno.writeTextFile(path!, longest!.text.replace("aaa", "aaaa"));
  assertEquals(await isCrontab(path!), false);
  assertThrows(() => cron.files(requestOf(999)), UsageError, "999 bytes");
}, WITH_CRONTAB);

const WITH_XMLLINT = { programs: ["xmllint"] };

async function assertValid(rule: readonly string[], path: string): Promise<void> {
  const { code, stderr } = await runCommand(["xmllint", "--nonet", "--noout", ...rule, path]);
  assertEquals(code, 0, stderr);
}

const LINE_BREAKS = "line\nbreaks\r\t\x7f\x85";

for (
  const [name, system, argv, ending] of [
    ["launchd", launchd, launchdArgv, "dtd"],
    ["windows-task", windowsTask, windowsArgv, "xsd"],
  ] as const
) {
  const validate = async (rooms: Rooms, path: string) => {
    const rule = `${rooms.directory}/rule.${ending}`;
    await Deno.writeTextFile(rule, ending === "dtd" ? PLIST_DTD : TASK_SCHEMA);
    await assertValid(ending === "dtd" ? ["--dtdvalid", rule] : ["--schema", rule], path);
  };
  const commandOf = system.isPeriodic ? renewCommand : watchCommand;

  e2eTest(`service ${name} prints valid XML with the very words in it`, async () => {
    await using rooms = await Rooms.make();
    const { files, request } = await printedFor(name, rooms.nasty);
    const [path] = await rooms.write(files);
    await validate(rooms, path!);
    assertEquals(await argv(path!), commandOf(request));
  }, WITH_XMLLINT);

  e2eTest(`service ${name} prints valid XML for any program`, async () => {
    await using rooms = await Rooms.make();
    for (
      const directory of [NASTY_NAME, WORST_NAME, LINE_BREAKS, "]]>", 'C:\\x y\\\\"'].map((name) =>
        `/${name}`
      )
    ) {
      const request = requestIn(directory);
      const [path] = await rooms.write((system as ServiceSystem).files(request));
      await validate(rooms, path!);
      assertEquals(await argv(path!), commandOf(request));
    }
  }, WITH_XMLLINT);
}

e2eTest("a task is the same in UTF-16, as a shell on Windows may write it", async () => {
  await using rooms = await Rooms.make();
  const request = requestIn(`/${WORST_NAME}`);
  const [task] = windowsTask.files(request);
  const units = Uint16Array.from(`\u{feff}${task!.text}`, (unit) => unit.charCodeAt(0));
  await Deno.writeFile(`${rooms.directory}/task.xml`, new Uint8Array(units.buffer));
  assertEquals(await windowsArgv(`${rooms.directory}/task.xml`), renewCommand(request));
}, WITH_XMLLINT);
