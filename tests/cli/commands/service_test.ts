import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type CommandOutcome, TestWorld } from "../../support/test_world.ts";

const CONFIG = "/etc/natpmp.json";

/** What each system starts, as its file has it. */
const STARTS = {
  "cron": "/usr/local/bin/natpmp map --config /etc/natpmp.json --if-due --quiet",
  "systemd": "ExecStart=/usr/local/bin/natpmp watch --config /etc/natpmp.json",
  "systemd-timer": "ExecStart=/usr/local/bin/natpmp map --config /etc/natpmp.json --if-due --quiet",
  "launchd": "<string>watch</string>\n    <string>--config</string>\n    <string>/etc/natpmp.json</string>",
  "windows-task": "<Arguments>map --config C:\\natpmp.json --if-due --quiet</Arguments>",
};

const SYSTEMS = Object.keys(STARTS);

/** A machine with a configuration, of the kind that the system runs on. */
function worldFor(system: string, text = '{"mappings":["8080:80"]}'): { world: TestWorld; args: string[] } {
  const world = new TestWorld();
  const isWindows = system === "windows-task";
  const config = isWindows ? "C:\\natpmp.json" : CONFIG;
  if (isWindows) {
    world.fakeMachine.executable = ["C:\\natpmp.exe"];
    world.fakeMachine.absolutePath = (path) => Promise.resolve(path);
  }
  world.fakeMachine.files.set(config, text);
  return { world, args: ["service", system, "--config", config] };
}

for (const [system, start] of Object.entries(STARTS)) {
  Deno.test(`service ${system} prints a file that starts this program, and on stderr only what to do next`, async () => {
    const { world, args } = worldFor(system);
    const { exitCode, stdout, stderr } = await world.run(...args);
    assertEquals(exitCode, 0);
    assertStringIncludes(stdout, start);
    assertMatch(stdout, /[^\n]\n$/);
    assertMatch(stderr, /^natpmp: note: (Add|Write) [^\n]*\n$/);
  });

  Deno.test(`service ${system} --quiet prints the same file, and nothing else`, async () => {
    const { world, args } = worldFor(system);
    const loud = await world.run(...args);
    const quiet = worldFor(system);
    assertEquals(await quiet.world.run(...quiet.args, "--quiet"), { ...loud, stderr: "" });
  });

  Deno.test(`service ${system} --json has the text of each file by its name, and no notes`, async () => {
    const { world, args } = worldFor(system);
    const { stdout } = await world.run(...args);
    const { exitCode, stderr, json } = await worldFor(system).world.runJson(...args);
    assertEquals([exitCode, stderr, Object.keys(json)], [0, "", ["command", "system", "files"]]);
    assertEquals([json.command, json.system], ["service", system]);
    const files = json.files as { name: string; text: string }[];
    assertEquals(files.map(({ text }) => text).join("\n"), stdout);
    assertEquals(files.length, system === "systemd-timer" ? 2 : 1);
  });

  Deno.test(`service ${system} sends nothing, writes nothing, and looks for no gateway`, async () => {
    const { world, args } = worldFor(system);
    await world.run(...args);
    assertEquals([world.networksOpened, world.fakeMachine.fileHistory], [0, []]);
  });
}

Deno.test("service --json is the object of the contract", async () => {
  const { world, args } = worldFor("cron");
  const { stdout } = await world.run(...args, "--json");
  assertMatch(
    stdout,
    /^\{"command":"service","system":"cron","files":\[\{"name":"crontab","text":"#[^\n]*"\}\]\}\n$/,
  );
});

Deno.test("service prints the absolute path of a configuration", async () => {
  const { world } = worldFor("cron");
  const { stdout } = await world.run("service", "cron", "--config", "natpmp.json");
  assertStringIncludes(stdout, " --config /work/natpmp.json ");
});

Deno.test("service prints every word of a program that is run from its source", async () => {
  const { world, args } = worldFor("systemd");
  world.fakeMachine.executable = ["/opt/deno", "run", "-q", "-A", "/src/main.ts"];
  const { stdout } = await world.run(...args);
  assertStringIncludes(
    stdout,
    "ExecStart=/opt/deno run -q -A /src/main.ts watch --config /etc/natpmp.json\n",
  );
});

/** Command lines that cannot be meant, and what is said. */
const MISTAKES: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
  [
    "no system",
    ["--config", CONFIG],
    /needs a system: .*cron, systemd, systemd-timer, launchd, windows-task/,
  ],
  ["an unknown system", ["upstart", "--config", CONFIG], /Unknown system "upstart": the systems are cron, /],
  ["a mistyped system", ["systemd-timr", "--config", CONFIG], /did you mean systemd-timer\?/],
  ["a name that every object has", ["constructor", "--config", CONFIG], /Unknown system "constructor"/],
  ["two systems", ["cron", "systemd", "--config", CONFIG], /takes one system, but "systemd" was given too/],
  ["no configuration", ["cron"], /"natpmp service cron" needs --config FILE/],
  [
    "a path that the format cannot write",
    ["cron", "--config", "/a\nb"],
    /Cannot write "\/a\\u000ab" into a crontab/,
  ],
];

for (const [what, args, message] of MISTAKES) {
  Deno.test(`service with ${what} is a usage error in one line`, async () => {
    const { exitCode, stdout, stderr } = await new TestWorld().run("service", ...args);
    assertEquals([exitCode, stdout], [2, ""]);
    const [error = "", ...others] = stderr.split("\n").filter((line) =>
      !line.startsWith("natpmp: warning: ")
    );
    assertMatch(error, /^natpmp: error: /);
    assertMatch(error, message);
    assertEquals(others, [""]);
  });
}

/** The warnings of a command line. */
function warningsOf({ stderr }: CommandOutcome): string[] {
  return [...stderr.matchAll(/^natpmp: warning: (.*)$/gm)].map(([, text]) => text!);
}

for (const system of SYSTEMS) {
  Deno.test(`service ${system} warns of a configuration that is not there yet, and prints the file`, async () => {
    const { world, args } = worldFor(system);
    const { exitCode, stdout } = await world.run(...args);
    const empty = worldFor(system);
    empty.world.fakeMachine.files.clear();
    const outcome = await empty.world.run(...args);
    assertEquals([outcome.exitCode, outcome.stdout], [exitCode, stdout]);
    assertEquals(warningsOf(outcome), [
      `Cannot read the configuration file ${args.at(-1)}: No such file or directory (os error 2); ` +
      "natpmp writes this file without knowing what the configuration asks for",
    ]);
  });
}

Deno.test("service warns of a configuration that is wrong, and prints the file", async () => {
  const { world, args } = worldFor("cron", '{"mapings":[]}');
  const outcome = await world.run(...args);
  assertEquals(outcome.exitCode, 0);
  assertMatch(
    warningsOf(outcome).join("\n"),
    /^\/etc\/natpmp\.json: .*mapings.*; natpmp writes this file without knowing what the configuration asks for$/,
  );
});

for (const system of SYSTEMS) {
  const isPeriodic = !["systemd", "launchd"].includes(system);
  Deno.test(`service ${system} ${isPeriodic ? "warns of" : "takes"} a lifetime below three runs`, async () => {
    const warnings = async (lifetime: string) => {
      const { world, args } = worldFor(system, JSON.stringify({ lifetime }));
      return warningsOf(await world.run(...args)).join("\n");
    };
    assertMatch(await warnings("44m"), isPeriodic ? /^A lifetime of 2640 s .*natpmp watch/ : /^$/);
    assertEquals(await warnings("45m"), "");
  });
}

Deno.test("service names the directories of the configuration's port files where the file is a sandbox", async () => {
  const { world, args } = worldFor("systemd", '{"portFile":"/run/natpmp/port"}');
  assertStringIncludes((await world.run(...args)).stdout, '\nReadWritePaths="-/run/natpmp"\n');
});

Deno.test("service notes that commands of the configuration run in the sandbox", async () => {
  const noteFor = async (system: string) => {
    const { world, args } = worldFor(system, '{"exec":"true"}');
    return (await world.run(...args)).stderr.includes("note: Commands in the configuration (exec)");
  };
  assertEquals(await Promise.all(SYSTEMS.map(noteFor)), [false, true, true, false, false]);
});

Deno.test("service warns where the paths are not of the kind of system that the file is for", async () => {
  const { args } = worldFor("windows-task");
  const onUnix = new TestWorld();
  onUnix.fakeMachine.files.set("/work/C:\\natpmp.json", "{}");
  assertMatch(
    warningsOf(await onUnix.run(...args)).join("\n"),
    /^This file needs a Windows path, but \/usr\/local\/bin\/natpmp is not one: /,
  );
  const { world: onWindows } = worldFor("windows-task");
  const outcome = await onWindows.run("service", "systemd", "--config", "C:\\natpmp.json");
  assertMatch(
    warningsOf(outcome).join("\n"),
    /^This file needs a Unix path, but C:\\natpmp\.exe is not one: /,
  );
});
