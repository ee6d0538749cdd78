import { assert, assertEquals, assertGreater, assertMatch, assertStrictEquals } from "@std/assert";
import { systemFiles } from "../../lib/files/system_files.ts";
import { elapsedMs } from "../../lib/lease/stored_time.ts";
import { stateDirectory, systemFileSystem } from "../../lib/system/files.ts";
import { runCommand } from "../support/command.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

interface Case {
  readonly what: string;
  readonly os?: string;
  readonly userId?: number | null;
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string | { readonly missing: string };
}

const NO_HOME = { missing: "neither HOME nor XDG_STATE_HOME is set" };

const CASES: readonly Case[] = [
  { what: "a user's home", env: { HOME: "/home/me" }, directory: "/home/me/.local/state/natpmp" },
  { what: "XDG_STATE_HOME", env: { HOME: "/home/me", XDG_STATE_HOME: "/s" }, directory: "/s/natpmp" },
  { what: "XDG_STATE_HOME without HOME", env: { XDG_STATE_HOME: "/s" }, directory: "/s/natpmp" },
  {
    what: "an empty XDG_STATE_HOME, which counts for none",
    env: { HOME: "/home/me", XDG_STATE_HOME: "" },
    directory: "/home/me/.local/state/natpmp",
  },
  {
    what: "a relative XDG_STATE_HOME, which is to be ignored",
    env: { HOME: "/home/me", XDG_STATE_HOME: "state" },
    directory: "/home/me/.local/state/natpmp",
  },
  { what: "root", userId: 0, env: { HOME: "/root" }, directory: "/var/lib/natpmp" },
  { what: "root without HOME, as under cron and systemd", userId: 0, env: {}, directory: "/var/lib/natpmp" },
  { what: "root with XDG_STATE_HOME", userId: 0, env: { XDG_STATE_HOME: "/s" }, directory: "/s/natpmp" },
  { what: "a service without a home", env: {}, directory: NO_HOME },
  { what: "an empty HOME", env: { HOME: "" }, directory: NO_HOME },
  { what: "a relative HOME", env: { HOME: "me" }, directory: NO_HOME },
  { what: "macOS", os: "darwin", env: { HOME: "/Users/me" }, directory: "/Users/me/.local/state/natpmp" },
  {
    what: "Windows",
    os: "windows",
    userId: null,
    env: { LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local", HOME: "/home/me", XDG_STATE_HOME: "/s" },
    directory: "C:\\Users\\me\\AppData\\Local\\natpmp",
  },
  {
    what: "Windows without LOCALAPPDATA",
    os: "windows",
    userId: null,
    env: {},
    directory: { missing: "LOCALAPPDATA is not set" },
  },
];

for (const { what, os = "linux", userId = 1000, env, directory } of CASES) {
  Deno.test(`stateDirectory() of ${what}`, () => {
    assertEquals(stateDirectory({ os, userId, env: (name) => env[name] }), directory);
  });
}

Deno.test("The state of systemFileSystem() is this process on this host, with the machine's files", () => {
  const paths = systemFileSystem().state;
  assertStrictEquals(paths.files, systemFiles);
  assertEquals([paths.host, paths.processId], [Deno.hostname(), Deno.pid]);
});

Deno.test("The state of systemFileSystem() knows the time by the wall clock and by the machine's uptime", () => {
  const paths = systemFileSystem().state;
  const { wallMs, uptimeMs, boot } = paths.now();
  assert(Math.abs(wallMs - Date.now()) < 5000);
  assert(Math.abs(uptimeMs! - Deno.osUptime() * 1000) < 5000);
  const elapsed = elapsedMs({ wallMs, uptimeMs, boot }, paths.now());
  assert(elapsed !== undefined && elapsed < 5000, `${elapsed}`);
  assertEquals(systemFileSystem().state.now().boot, boot);
});

Deno.test("systemFileSystem() makes a path absolute from where the process is", async () => {
  const { absolutePath } = systemFileSystem();
  assertEquals(await absolutePath("a/../mine.json"), await absolutePath(`${Deno.cwd()}/mine.json`));
  assertGreater((await absolutePath("mine.json")).length, "mine.json".length);
});

/** The paths as a process with some permissions finds them. */
async function pathsWith(...permissions: readonly string[]): Promise<string> {
  const module = new URL("../../lib/system/files.ts", import.meta.url).href;
  const code = `import { systemFileSystem } from ${JSON.stringify(module)};
    const { directory, host, now, networkNamespace } = systemFileSystem().state;
    console.log(JSON.stringify([directory, host, Object.keys(now()), now().boot, networkNamespace]));`;
  const script = `data:text/typescript,${encodeURIComponent(code)}`;
  const { stdout, stderr } = await runCommand([
    Deno.execPath(),
    "run",
    "-q",
    "--no-prompt",
    ...permissions,
    script,
  ], {
    env: { XDG_STATE_HOME: "/s", LOCALAPPDATA: "/s", NO_COLOR: "1" },
  });
  return stdout + stderr;
}

Deno.test("The state of systemFileSystem() touches nothing in a process without the permissions, and says which are missing", async () => {
  const read = `--allow-read=${new URL("../../lib", import.meta.url).pathname}`;
  for (
    const [permissions, missing] of [
      [[read], "env, read, write, sys"],
      [["--allow-read", "--allow-write", "--allow-env"], "sys"],
      [["--allow-read", "--allow-write=/tmp", "--allow-env", "--allow-sys"], "write"],
    ] as const
  ) {
    const text = await pathsWith(...permissions);
    assertEquals(JSON.parse(text), [
      { missing: `Deno was started without the permissions ${missing}` },
      "",
      ["wallMs"],
      null,
      null,
    ], text);
  }
});

Deno.test("The state of systemFileSystem() with all permissions knows which run of the machine it is, on Linux", async () => {
  const [, host, known, boot] = JSON.parse(await pathsWith("-A"));
  const isLinux = Deno.build.os === "linux";
  assertEquals([host, known], [Deno.hostname(), ["wallMs", "uptimeMs", ...(isLinux ? ["boot"] : [])]]);
  if (isLinux) assertMatch(boot, /^[0-9a-f-]{36}$/);
  assertEquals(JSON.parse(await pathsWith("-A"))[3], boot);
});

Deno.test("The state of systemFileSystem() with all permissions knows its network namespace in this run of the machine, on Linux", async () => {
  const isLinux = Deno.build.os === "linux";
  const [, , , boot, namespace] = JSON.parse(await pathsWith("-A"));
  assertEquals(typeof namespace?.inode, isLinux ? "number" : "undefined");
  assertEquals(namespace?.boot, isLinux ? boot : undefined);
});

Deno.test(
  "The state of systemFileSystem() doubts a state file where others could change it, and not one that is nowhere yet",
  { ignore: Deno.build.os === "windows" },
  async () => {
    using directory = new TemporaryDirectory();
    const { doubtAbout } = systemFileSystem().state;
    const path = `${directory.path}/group/natpmp/leases.json`;
    assertEquals(doubtAbout(path), undefined);
    await Deno.mkdir(`${directory.path}/group/natpmp`, { recursive: true, mode: 0o700 });
    await Deno.chmod(`${directory.path}/group`, 0o775);
    // The user's private group may, in all but the last directory.
    if (Deno.gid() === Deno.uid()) assertEquals(doubtAbout(path), undefined);
    await Deno.chmod(`${directory.path}/group/natpmp`, 0o770);
    assertMatch(doubtAbout(path) ?? "", /\/natpmp belongs to .*, but its group can write it \(mode 0770\)/);
    await Deno.chmod(`${directory.path}/group/natpmp`, 0o700);
    await Deno.chmod(`${directory.path}/group`, 0o777);
    assertMatch(doubtAbout(path) ?? "", /\/group belongs to .* everybody can write it \(mode 0777\)/);
  },
);

Deno.test(
  "The state of systemFileSystem() has no directory for state and locks where others could change it",
  { ignore: Deno.build.os === "windows" },
  async () => {
    using directory = new TemporaryDirectory();
    const before = Deno.env.get("XDG_STATE_HOME");
    Deno.env.set("XDG_STATE_HOME", directory.path);
    try {
      assertEquals(systemFileSystem().state.directory, `${directory.path}/natpmp`);
      await Deno.chmod(directory.path, 0o777);
      const { missing = "" } = systemFileSystem().state.directory as { missing?: string };
      assertMatch(missing, /everybody can write it \(mode 0777\): chmod go-w it$/);
    } finally {
      if (before === undefined) Deno.env.delete("XDG_STATE_HOME");
      else Deno.env.set("XDG_STATE_HOME", before);
    }
  },
);
