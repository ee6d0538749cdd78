import { assert, assertEquals, assertThrows } from "@std/assert";
import { startShell } from "../../lib/system/shell_process.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const ENVIRONMENT = { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" };

/** Runs a command, and reads what it wrote into the file that it knows as `$OUT`. */
async function outputOf(
  command: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await startShell(command, { ...ENVIRONMENT, OUT: path, ...environment }).ended;
    return await Deno.readTextFile(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test({
  name: "startShell() runs the command's text as it is, quotes and all",
  ignore: IS_WINDOWS,
  fn: async () => {
    assertEquals(
      await outputOf(`printf '%s|' "a b" 'c"d' $((1+1)) >"$OUT"; (printf x) >>"$OUT"`),
      'a b|c"d|2|x',
    );
  },
});

Deno.test({
  name: "startShell() gives the command this environment and no other variable",
  ignore: IS_WINDOWS,
  fn: async () => {
    const names = (await outputOf('env >"$OUT"', { NATPMP_EVENT: "mapped" }))
      .split("\n").map((line) => line.split("=")[0]!).filter((name) =>
        !["PWD", "SHLVL", "_", "OLDPWD"].includes(name)
      );
    assertEquals(names.filter((name) => name !== "").sort(), ["NATPMP_EVENT", "OUT", "PATH"]);
  },
});

Deno.test({
  name: "startShell() gives an empty stdin",
  ignore: IS_WINDOWS,
  fn: async () => assertEquals(await outputOf('cat >"$OUT"; echo end >>"$OUT"'), "end\n"),
});

Deno.test({
  name: "startShell() tells how the command ended",
  ignore: IS_WINDOWS,
  fn: async () => {
    assertEquals(await startShell("exit 0", ENVIRONMENT).ended, { code: 0 });
    assertEquals(await startShell("exit 7", ENVIRONMENT).ended, { code: 7 });
    assertEquals(await startShell("no-such-program-here 2>/dev/null", ENVIRONMENT).ended, { code: 127 });
    assertEquals((await startShell("kill -TERM $$", ENVIRONMENT).ended).signal, "SIGTERM");
  },
});

Deno.test({
  name: "kill() ends the shell, its children and theirs",
  ignore: IS_WINDOWS,
  fn: async () => {
    const directory = await Deno.makeTempDir();
    const fifo = `${directory}/fifo`;
    try {
      // Whoever has the fifo open for writing lives; the last of them closes it.
      await new Deno.Command("mkfifo", { args: [fifo] }).output();
      const hook = startShell(
        `exec 3>"$OUT"; sh -c 'sh -c "echo up >&3; sleep 60" & sleep 60' & sleep 60`,
        { ...ENVIRONMENT, OUT: fifo },
      );
      using reader = await Deno.open(fifo);
      const buffer = new Uint8Array(16);
      assertEquals(await reader.read(buffer), 3);
      await hook.kill();
      assertEquals(await hook.ended, { code: 137, signal: "SIGKILL" });
      assertEquals(await reader.read(buffer), null);
      await hook.kill();
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "startShell() sends the command's stdout to our stderr, and nothing of a silent one anywhere",
  ignore: IS_WINDOWS,
  fn: async () => {
    const module = new URL("../../lib/system/shell_process.ts", import.meta.url).href;
    const script = `import { startShell } from "${module}";
const environment = { PATH: Deno.env.get("PATH") };
await startShell("echo out; echo err >&2", environment).ended;
await startShell("echo hidden; echo hidden >&2", environment, { isSilent: true }).ended;`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    assertEquals([text.decode(stdout), text.decode(stderr)], ["", "out\nerr\n"]);
  },
});

Deno.test({
  name: "startShell() hands each line that the command prints to who wants them, and long ones in pieces",
  ignore: IS_WINDOWS,
  fn: async () => {
    const lines: string[] = [];
    const done = Promise.withResolvers<void>();
    const onOutput = (line: string) => {
      lines.push(line);
      if (line === "end") done.resolve();
    };
    const command = "echo out; echo err >&2; echo; head -c 1200 /dev/zero | tr '\\0' x; echo; printf end";
    await startShell(command, ENVIRONMENT, { onOutput }).ended;
    await done.promise;
    assertEquals(lines.slice(0, 3), ["out", "err", ""]);
    const long = lines.slice(3, -1);
    assertEquals([long.join(""), long.every((line) => line.length <= 500)], ["x".repeat(1200), true]);
  },
});

Deno.test("startShell() cannot start what has a NUL in it", () => {
  assert(assertThrows(() => startShell("a\0b", ENVIRONMENT), Error).message.length > 0);
});
