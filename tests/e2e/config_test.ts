import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { runNatpmp } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";
import { LoopbackGateway, WatchProcess } from "../support/watch_process.ts";

/** A user that is not the one who runs the tests, which is root. */
const STRANGER = 65534;

/** A configuration file for a gateway on loopback, in a directory of its own. */
async function configuration() {
  await using made = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "natpmp-" });
  made.defer(() => Deno.remove(directory, { recursive: true }));
  const gateway = made.use(new LoopbackGateway());
  const path = `${directory}/natpmp.json`;
  const hook = (name: string) => `echo "${name} $NATPMP_EVENT $NATPMP_PROTOCOL $NATPMP_INTERNAL_PORT"`;
  await Deno.writeTextFile(
    path,
    JSON.stringify({
      gateway: gateway.address,
      exec: hook("all"),
      portFile: "ports",
      mappings: ["8080:80", { internal: 6881, protocol: "both", exec: hook("torrent"), portFile: "torrent" }],
    }),
  );
  await Deno.chmod(path, 0o644);
  const env = { XDG_STATE_HOME: `${directory}/state` };
  const stack = made.move();
  return { directory, gateway, path, env, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

e2eTest(
  "map --config runs each hook and writes each port file beside the file, and so does unmap --config",
  async () => {
    await using setup = await configuration();
    const { directory, gateway, path, env } = setup;
    const mapped = await runNatpmp(["map", "--config", path], { env });
    assertEquals(mapped.code, 0, mapped.stderr);
    assertEquals(mapped.stderr, "all mapped tcp 80\ntorrent mapped tcp 6881\ntorrent mapped udp 6881\n");
    assertEquals(gateway.ports.sort(), [6881, 6881, 8080]);
    assertEquals(await Deno.readTextFile(`${directory}/ports`), "8080\n");
    assertEquals(await Deno.readTextFile(`${directory}/torrent`), "6881\n");
    const unmapped = await runNatpmp(["unmap", "--config", path], { env });
    assertEquals([unmapped.code, gateway.ports], [0, []]);
    assertEquals(
      unmapped.stderr,
      "all unmapped tcp 80\ntorrent unmapped tcp 6881\ntorrent unmapped udp 6881\n",
    );
    for (const name of ["ports", "torrent"]) {
      await assertRejects(() => Deno.stat(`${directory}/${name}`), Deno.errors.NotFound);
    }
  },
);

e2eTest("watch --config keeps the file's mappings until it is stopped", async () => {
  await using setup = await configuration();
  const { directory, gateway, path, env } = setup;
  await using watch = new WatchProcess(["--config", path], { env });
  await watch.stderr.until(/^torrent mapped udp 6881$/);
  assertEquals(await Deno.readTextFile(`${directory}/torrent`), "6881\n");
  watch.kill("SIGTERM");
  assertEquals(await watch.ended(), 0);
  assertEquals(gateway.ports, []);
  assertEquals(watch.stderr.all.filter((line) => line.includes("unmapped")), [
    "all unmapped tcp 80",
    "torrent unmapped tcp 6881",
    "torrent unmapped udp 6881",
  ]);
});

e2eTest(
  "map --config runs no command of a file that others can write or that belongs to another user",
  async () => {
    await using setup = await configuration();
    const { directory, gateway, path, env } = setup;
    const refused = async (reason: RegExp) => {
      const { code, stdout, stderr } = await runNatpmp(["map", "--config", path], { env });
      assertEquals([code, stdout, gateway.ports], [2, "", []]);
      assertMatch(stderr, reason);
    };
    await Deno.chmod(path, 0o664);
    await refused(
      /natpmp\.json: exec: Cannot run a command .*natpmp\.json belongs to root, but its group can write it \(mode 0664\)/,
    );
    await Deno.chmod(path, 0o644);
    await Deno.chown(path, STRANGER, STRANGER);
    await refused(
      /natpmp\.json: exec: Cannot run a command .*natpmp\.json belongs to user 65534, not to root/,
    );
    // A link that is the caller's own does not make the file so.
    await Deno.rename(path, `${directory}/theirs.json`);
    await Deno.symlink(`${directory}/theirs.json`, path);
    await refused(/belongs to user 65534/);
  },
);

e2eTest("map --check prints what would be done and sends nothing, from a file that is fine", async () => {
  await using setup = await configuration();
  const { directory, gateway, path, env } = setup;
  const { code, stdout, stderr } = await runNatpmp(["map", "--config", path, "--check"], { env });
  assertEquals([code, stderr, gateway.simulated.counters.received], [0, "", 0]);
  assertMatch(
    stdout,
    /^would map tcp 8080 -> 80, 7200 s[^\n]*\nwould map tcp 6881[^\n]*\nwould map udp 6881[^\n]*\n$/,
  );
  assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["natpmp.json"]);
});

e2eTest(
  "map --config with a file that is not there, a directory, a pipe or too large: exit 2, one line",
  async () => {
    await using setup = await configuration();
    const { directory, gateway, env } = setup;
    await Deno.writeFile(`${directory}/large.json`, new Uint8Array(2 ** 20 + 1).fill(0x20));
    await Deno.writeFile(`${directory}/latin1.json`, new Uint8Array([0x22, 0xe9, 0x22]));
    await new Deno.Command("mkfifo", { args: [`${directory}/pipe.json`] }).output();
    const reasons = {
      "none.json": "No such file or directory (os error 2)",
      "": "It is a directory",
      "pipe.json": "It is not a regular file",
      "large.json": "it is larger than 1 MiB",
      "latin1.json": "it is not UTF-8",
    };
    for (const [name, reason] of Object.entries(reasons)) {
      const path = name === "" ? directory : `${directory}/${name}`;
      const { code, stdout, stderr } = await runNatpmp(["map", "--config", path], { env });
      assertEquals([code, stdout], [2, ""]);
      assertEquals(stderr, `natpmp: error: Cannot read the configuration file ${path}: ${reason}\n`);
    }
    assertEquals(gateway.ports, []);
  },
);
