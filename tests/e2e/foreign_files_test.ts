/**
 * Files that another user of the machine planted for root, who runs the program.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { runCommand, runNatpmp, type RunNatpmpOptions } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";
import { LoopbackGateway, WatchProcess } from "../support/watch_process.ts";

/** The user who plants. */
const STRANGER = 65534;

const NEEDS = { programs: ["mkfifo", "unshare", "mount"], root: true };

const PRECIOUS = "precious: text that nobody but root may change\n";

/** A gateway on loopback, root's directory with a precious file in it, and a directory of the stranger's. */
async function machine() {
  await using made = new AsyncDisposableStack();
  const base = await Deno.makeTempDir({ prefix: "natpmp-foreign-" });
  made.defer(() => Deno.remove(base, { recursive: true }));
  await Deno.chmod(base, 0o755);
  const gateway = made.use(new LoopbackGateway());
  const [own, theirs, state] = [`${base}/own`, `${base}/theirs`, `${base}/state/natpmp`];
  for (const directory of [own, theirs, state]) await Deno.mkdir(directory, { recursive: true });
  await Deno.chown(theirs, STRANGER, STRANGER);
  const victim = `${own}/victim`;
  await Deno.writeTextFile(victim, PRECIOUS);
  const natpmp = (args: readonly string[], options: RunNatpmpOptions = {}) =>
    runNatpmp(args, {
      timeoutMs: 8000,
      ...options,
      env: { XDG_STATE_HOME: `${base}/state`, ...options.env },
    });
  const config = async (path: string, text: Record<string, unknown>, owner = 0) => {
    await Deno.writeTextFile(path, JSON.stringify({ gateway: gateway.address, ...text }));
    await Deno.chmod(path, 0o644);
    await Deno.chown(path, owner, owner);
    return path;
  };
  const isUntouched = async () => assertEquals(await Deno.readTextFile(victim), PRECIOUS);
  const stack = made.move();
  return {
    base,
    own,
    theirs,
    state,
    victim,
    gateway,
    natpmp,
    config,
    isUntouched,
    env: { XDG_STATE_HOME: `${base}/state` },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

e2eTest("--config does not run what stands in procfs, which a process chooses", async () => {
  await using setup = await machine();
  // A process's name is that of its program; the stranger's would be one that is root's by its set-user-ID bit.
  await Deno.copyFile("/bin/sleep", `${setup.own}/{"exec":"id"}`);
  const process = new Deno.Command(`${setup.own}/{"exec":"id"}`, { args: ["20"] }).spawn();
  try {
    for (let tries = 0; tries < 200; tries++) {
      // Deno reads /proc only where it has every permission.
      const { stdout } = await runCommand(["cat", `/proc/${process.pid}/comm`]);
      if (stdout.startsWith("{")) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Deno.symlink(`/proc/${process.pid}/comm`, `${setup.own}/config.json`);
    for (const path of [`${setup.own}/config.json`, `/proc/${process.pid}/comm`]) {
      const outcome = await setup.natpmp([
        "watch",
        "--for",
        "1",
        "-g",
        setup.gateway.address,
        "--config",
        path,
      ]);
      assertEquals([outcome.code, outcome.stdout], [2, ""]);
      assertMatch(outcome.stderr, /exec: Cannot run a command .*: \/proc is not on a disk/);
    }
  } finally {
    process.kill("SIGKILL");
    await process.status;
  }
}, NEEDS);

for (
  const [what, prepare, reason] of [
    [
      "of the stranger's directory",
      ({ theirs }) => Promise.resolve(`${theirs}/c.json`),
      /: \S+\/theirs belongs to user 65534, not to root$/m,
    ],
    [
      "below the stranger's directory",
      async ({ theirs }) => {
        await Deno.mkdir(`${theirs}/roots`);
        return `${theirs}/roots/c.json`;
      },
      /: \S+\/theirs belongs to user 65534, not to root$/m,
    ],
    [
      "of a sticky directory",
      async ({ own }) => {
        await Deno.mkdir(`${own}/sticky`);
        await Deno.chmod(`${own}/sticky`, 0o1777);
        return `${own}/sticky/c.json`;
      },
      /: \S+\/sticky belongs to root, but its group and everybody can write it \(mode 1777\)/,
    ],
  ] as readonly [string, (setup: Awaited<ReturnType<typeof machine>>) => Promise<string>, RegExp][]
) {
  e2eTest(`--config runs and writes nothing that root's file ${what} says`, async () => {
    await using setup = await machine();
    const path = await prepare(setup);
    for (const [key, value] of [["exec", `echo ran > ${setup.victim}`], ["portFile", setup.victim]]) {
      await setup.config(path, { mappings: ["80"], [key!]: value });
      for (const command of [["map"], ["map", "--if-due"], ["watch", "--for", "1"]]) {
        const { code, stderr } = await setup.natpmp([...command, "--config", path]);
        assertEquals(code, 2, stderr);
        assertMatch(stderr, reason);
      }
      // A link of root's own, in root's own directory, does not make the file root's.
      await Deno.remove(`${setup.own}/link.json`).catch(() => {});
      await Deno.symlink(path, `${setup.own}/link.json`);
      assertEquals((await setup.natpmp(["map", "--config", `${setup.own}/link.json`])).code, 2);
    }
    await setup.isUntouched();
    assertEquals(setup.gateway.ports, []);
  }, NEEDS);
}

e2eTest("--config of the stranger's file that only lists mappings is read, wherever it is", async () => {
  await using setup = await machine();
  const path = await setup.config(`${setup.theirs}/c.json`, { mappings: ["8080:80"] }, STRANGER);
  const { code, stderr } = await setup.natpmp(["map", "--config", path]);
  assertEquals([code, setup.gateway.ports], [0, [8080]], stderr);
}, NEEDS);

e2eTest("a foreign file with portFile overwrites and deletes nothing, and opens no directory", async () => {
  await using setup = await machine();
  const { victim, theirs } = setup;
  const path = await setup.config(`${theirs}/c.json`, { portFile: victim, mappings: ["80"] }, STRANGER);
  for (const command of [["map"], ["map", "--if-due"], ["watch", "--for", "1"]]) {
    const { code, stderr } = await setup.natpmp([...command, "--config", path]);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, /portFile: Cannot write to a path .*theirs belongs to user 65534, not to root/);
  }
  await setup.isUntouched();
  await setup.config(path, { portFile: "/etc/port", mappings: ["80"] }, STRANGER);
  const unit = await setup.natpmp(["service", "systemd", "--config", path]);
  assertEquals(unit.stdout.includes('ReadWritePaths="'), false);
  assertMatch(unit.stderr, /theirs belongs to user 65534/);
}, NEEDS);

e2eTest("--port-file with a typo leaves the file that it names, and says so", async () => {
  await using setup = await machine();
  const target = ["-g", setup.gateway.address, "--port-file", setup.victim];
  const mapped = await setup.natpmp(["map", "80", ...target]);
  assertEquals([mapped.code, setup.gateway.ports], [1, [80]]);
  assertMatch(mapped.stderr, /Cannot write the port file \S+: \S+victim is not a port file/);
  const watched = await setup.natpmp(["watch", "80", ...target]);
  assertEquals([watched.code, watched.stdout], [1, ""]);
  assertMatch(watched.stderr, /victim is not a port file/);
  await setup.isUntouched();
}, NEEDS);

e2eTest(
  "--port-file follows a link of root's own, refuses the stranger's, and keeps mode and owner",
  async () => {
    await using setup = await machine();
    const { own, theirs, gateway, natpmp } = setup;
    await Deno.writeTextFile(`${own}/port`, "1\n");
    await Deno.chmod(`${own}/port`, 0o664);
    await Deno.chown(`${own}/port`, STRANGER, STRANGER);
    const map = (path: string) => natpmp(["map", "80", "-g", gateway.address, "--port-file", path]);
    assertEquals((await map(`${own}/port`)).code, 0);
    const { uid, gid, mode } = await Deno.stat(`${own}/port`);
    assertEquals([uid, gid, mode! & 0o777], [STRANGER, STRANGER, 0o664]);

    await Deno.mkdir(`${own}/run`);
    await Deno.writeTextFile(`${own}/run/port`, "");
    await Deno.symlink("run/port", `${own}/link`);
    assertEquals((await map(`${own}/link`)).code, 0);
    assertEquals([await Deno.readTextFile(`${own}/run/port`), (await Deno.lstat(`${own}/link`)).isSymlink], [
      "80\n",
      true,
    ]);

    await Deno.writeTextFile(`${own}/number`, "5\n");
    await Deno.symlink(`${own}/number`, `${theirs}/link`);
    const refused = await map(`${theirs}/link`);
    assertEquals([refused.code, await Deno.readTextFile(`${own}/number`)], [1, "5\n"]);
    assertMatch(refused.stderr, /It is a symbolic link, and \S+theirs belongs to user 65534, not to root/);
  },
  NEEDS,
);

e2eTest(
  "watch writes a port file that is a mount point where it stands, and empties it at the end",
  async () => {
    await using setup = await machine();
    const { base, own, gateway, env } = setup;
    await Deno.writeTextFile(`${base}/outside`, "4711\n");
    await Deno.chmod(`${base}/outside`, 0o640);
    await Deno.writeTextFile(`${own}/port`, "");
    for (const options of ["bind", "bind,ro"]) {
      // What is read-only in a container is all but the mounted file.
      const readOnly = options === "bind" ? "" : `mount -o bind,ro ${own} ${own} &&`;
      const prelude = `exec unshare --mount sh -c ` +
        `'${readOnly} mount --bind ${base}/outside ${own}/port && exec "$@"' sh "$@"`;
      await using watch = new WatchProcess(
        ["8080:80", "-g", gateway.address, "--port-file", `${own}/port`],
        { env, prelude },
      );
      await watch.stdout.until(/tcp 203\.0\.113\.7:8080 -> 80/);
      assertEquals(await Deno.readTextFile(`${base}/outside`), "8080\n");
      watch.kill("SIGTERM");
      assertEquals([await watch.ended(), watch.stderr.all], [0, []]);
      assertEquals(await Deno.readTextFile(`${base}/outside`), "");
      assertEquals((await Deno.stat(`${base}/outside`)).mode! & 0o777, 0o640);
    }
    assertEquals([...Deno.readDirSync(own)].map(({ name }) => name).sort(), ["port", "victim"]);
  },
  NEEDS,
);

e2eTest("watch waits for the directory of its port file, which is reported once", async () => {
  await using setup = await machine();
  const { own, gateway, env } = setup;
  await using watch = new WatchProcess(
    ["8080:80", "-g", gateway.address, "--port-file", `${own}/later/port`],
    { env },
  );
  await watch.stdout.until(/tcp 203\.0\.113\.7:8080 -> 80/);
  await Deno.mkdir(`${own}/later`);
  watch.kill("SIGUSR2");
  for (let tries = 0; tries < 1500; tries++) {
    if (await Deno.stat(`${own}/later/port`).then(() => true, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(await Deno.readTextFile(`${own}/later/port`), "8080\n");
  watch.kill("SIGTERM");
  assertEquals(await watch.ended(), 0);
  assertEquals(watch.stderr.all.filter((line) => line.includes("port file")).length, 1);
}, NEEDS);

const UUID = "01234567-89ab-4cde-8f01-23456789abcd";

/** A state that says that another process keeps tcp 80 at the gateway. */
function stateWith(gateway: string, lock: string): string {
  const [address, port] = gateway.split(":");
  const granted = { at: new Date().toISOString() };
  return JSON.stringify({
    version: 1,
    links: [{
      host: Deno.hostname(),
      gateway: address,
      port: Number(port),
      localAddress: "127.0.0.1",
      leases: [{
        protocol: "tcp",
        internalPort: 80,
        externalPort: 80,
        requestedLifetimeSeconds: 7200,
        lifetimeSeconds: 7200,
        granted,
      }],
      keepers: [{ lock, mappings: ["tcp 80"] }],
    }],
    runs: [],
  });
}

e2eTest("watch does not delete what the state names as a lock, unless that is one by its name", async () => {
  await using setup = await machine();
  const { state, victim, gateway } = setup;
  for (const lock of [victim, `${state}/../../own/victim`, "victim", `${state}/leases.json`]) {
    await Deno.writeTextFile(`${state}/leases.json`, stateWith(gateway.address, lock));
    const { code, stderr } = await setup.natpmp(["watch", "80", "-g", gateway.address, "--for", "1"]);
    assertEquals(code, 0, stderr);
    await setup.isUntouched();
  }
  const dead = `leases.json.keeper-${UUID}.lock`;
  await Deno.writeTextFile(`${state}/${dead}`, "natpmp watch, process 1");
  // However the path is spelt, the lock is the one beside the state.
  await Deno.writeTextFile(`${state}/leases.json`, stateWith(gateway.address, `/elsewhere/${dead}`));
  const { stderr } = await setup.natpmp(["watch", "80", "-g", gateway.address, "--for", "1"]);
  assertEquals([...Deno.readDirSync(state)].map(({ name }) => name).includes(dead), false, stderr);
}, NEEDS);

e2eTest("locks are not written through a link, into a second name, or into another user's file", async () => {
  await using setup = await machine();
  const { state, victim, gateway } = setup;
  const [address, port] = gateway.address.split(":");
  const plant: Record<string, (path: string) => Promise<void>> = {
    "a symbolic link": (path) => Deno.symlink(victim, path),
    "a hard link": (path) => Deno.link(victim, path),
    "another user's file": async (path) => {
      await Deno.writeTextFile(path, PRECIOUS);
      await Deno.chown(path, STRANGER, STRANGER);
    },
  };
  for (const [what, make] of Object.entries(plant)) {
    for (const name of [`gateway-${address}-${port}.lock`, "leases.json.lock"]) {
      await Deno.remove(`${state}/${name}`).catch(() => {});
      await make(`${state}/${name}`);
      for (const command of [["address"], ["map", "80"]]) {
        const { code, stderr } = await setup.natpmp([...command, "-g", gateway.address]);
        assertEquals([code, stderr], [0, ""], what);
        assertEquals(await Deno.readTextFile(`${state}/${name}`), PRECIOUS, what);
        await setup.isUntouched();
      }
      await Deno.remove(`${state}/${name}`);
    }
  }
}, NEEDS);

e2eTest("a pipe in the place of a lock or of the state holds up nothing", async () => {
  await using setup = await machine();
  const { state, gateway } = setup;
  const [address, port] = gateway.address.split(":");
  const keeper = `${state}/leases.json.keeper-${UUID}.lock`;
  await Deno.writeTextFile(`${state}/leases.json`, stateWith(gateway.address, keeper));
  const pipes = [keeper, `${state}/leases.json.lock`, `${state}/gateway-${address}-${port}.lock`];
  for (const path of pipes) await new Deno.Command("mkfifo", { args: [path] }).output();
  for (
    const [command, code] of [
      [["status"], 0],
      [["address", "-g", gateway.address], 0],
      [["watch", "80", "-g", gateway.address, "--for", "1"], 0],
      [["map", "80", "-g", gateway.address], 0],
      [["unmap", "80", "-g", gateway.address], 0],
    ] as const
  ) {
    const outcome = await setup.natpmp([...command]);
    assertEquals(outcome.code, code, `${command}: ${outcome.stderr}`);
  }
  await Deno.remove(`${state}/leases.json`);
  await new Deno.Command("mkfifo", { args: [`${state}/leases.json`] }).output();
  assertEquals((await setup.natpmp(["status"])).code, 1);
}, NEEDS);

e2eTest(
  "a state directory of the stranger's, or one that others can write, is not used: one warning",
  async () => {
    await using setup = await machine();
    const { base, state, theirs, gateway } = setup;
    const attempts: [string, () => Promise<void>, RegExp][] = [
      [
        "the stranger's",
        () => Deno.chown(state, STRANGER, STRANGER),
        /natpmp belongs to user 65534, not to root/,
      ],
      ["writable", async () => {
        await Deno.chown(state, 0, 0);
        await Deno.chmod(state, 0o777);
      }, /natpmp belongs to root, but its group and everybody can write it \(mode 0777\)/],
      ["below the stranger's", async () => {
        await Deno.chmod(state, 0o700);
        await Deno.chown(`${base}/state`, STRANGER, STRANGER);
      }, /state belongs to user 65534, not to root/],
    ];
    for (const [what, prepare, reason] of attempts) {
      await prepare();
      const { code, stderr } = await setup.natpmp(["map", "80", "-g", gateway.address]);
      assertEquals([code, stderr.match(/warning/g)?.length], [0, 1], what);
      assertMatch(stderr, reason);
      assertMatch(
        stderr,
        /^natpmp: warning: natpmp cannot remember leases: .* do without one with --no-state$/m,
      );
      assertEquals((await setup.natpmp(["address", "-g", gateway.address])).code, 0);
      assertEquals([...Deno.readDirSync(state)], [], what);
    }
    const named = await setup.natpmp([
      "map",
      "80",
      "-g",
      gateway.address,
      "--state",
      `${theirs}/leases.json`,
    ]);
    assertEquals([named.code, [...Deno.readDirSync(theirs)]], [0, []]);
    assertMatch(
      named.stderr,
      /^natpmp: warning: natpmp cannot remember leases: \S+theirs belongs to user 65534/,
    );
  },
  NEEDS,
);

e2eTest(
  "another user's own directory is used by that user, and a port file there that root left",
  async () => {
    await using setup = await machine();
    const { theirs, gateway } = setup;
    const through = ["setpriv", `--reuid=${STRANGER}`, `--regid=${STRANGER}`, "--clear-groups"];
    const env = { XDG_STATE_HOME: theirs, DENO_DIR: `${theirs}/deno`, HOME: theirs };
    await Deno.writeTextFile(`${theirs}/port`, "1\n");
    const { code, stderr } = await setup.natpmp(
      ["map", "80", "-g", gateway.address, "--port-file", `${theirs}/port`],
      { through, env, timeoutMs: 20_000 },
    );
    assertEquals([code, stderr.includes("cannot remember leases")], [0, false], stderr);
    assertEquals((await Deno.stat(`${theirs}/natpmp/leases.json`)).uid, STRANGER);
    assertEquals(await Deno.readTextFile(`${theirs}/port`), "80\n");
  },
  { ...NEEDS, programs: [...NEEDS.programs, "setpriv"] },
);
