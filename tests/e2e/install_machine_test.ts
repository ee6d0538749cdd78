import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type CommandResult, runCommand } from "../support/command.ts";
import { INSTALL_PROGRAMS, INSTALL_SH, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { e2eTest, programPath } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };
const ROOT_NEEDS = { programs: [...INSTALL_PROGRAMS, "setpriv", "busybox", "unshare", "mount"], root: true };

/** Lets `uname` and others tell of another machine. */
async function pretend(lab: InstallLab, system: string, machine: string): Promise<void> {
  await lab.fakeTool("uname", `case $1 in -s) echo ${system} ;; -m) echo ${machine} ;; esac`);
}

for (
  const { system, machine, target } of [
    { system: "Linux", machine: "x86_64", target: "linux-x64" },
    { system: "Linux", machine: "aarch64", target: "linux-arm64" },
    { system: "Darwin", machine: "x86_64", target: "macos-x64" },
    { system: "Darwin", machine: "arm64", target: "macos-arm64" },
  ]
) {
  e2eTest(`install.sh picks ${target} where uname says ${system} and ${machine}`, async () => {
    await using lab = await InstallLab.create();
    await pretend(lab, system, machine);
    await lab.server.publish("0.1.0", target);
    // The loader of another processor's glibc is not on the machine that runs this.
    const stdout = lab.assertDone(await lab.install(["--force"]));
    assertStringIncludes(stdout, `natpmp 0.1.0 (${target}) from `);
    assertEquals(tree(lab.prefix), INSTALLED);
  }, NEEDS);
}

e2eTest("install.sh picks macos-arm64 where a translated shell says x86_64", async () => {
  await using lab = await InstallLab.create();
  await pretend(lab, "Darwin", "x86_64");
  await lab.fakeTool("sysctl", 'case "$*" in "-n sysctl.proc_translated") echo 1 ;; *) exit 1 ;; esac');
  await lab.server.publish("0.1.0", "macos-arm64");
  assertStringIncludes(lab.assertDone(await lab.install()), "(macos-arm64)");
}, NEEDS);

e2eTest("install.sh lists the targets where there is no binary for the system or the processor", async () => {
  const targets =
    "linux-x64, linux-arm64, macos-x64, macos-arm64 (windows-x64 and windows-arm64: install.ps1)";
  for (
    const [system, machine, says] of [
      ["FreeBSD", "amd64", `no binary for FreeBSD; available: ${targets}`],
      ["Linux", "mips", `no binary for the processor mips; available: ${targets}`],
      ["Linux", "armv7l", `no binary for the processor armv7l; available: ${targets}`],
      ["MINGW64_NT-10.0", "x86_64", "on Windows use install.ps1, in PowerShell"],
    ] as const
  ) {
    await using lab = await InstallLab.create();
    await pretend(lab, system, machine);
    await lab.server.publish("0.1.0");
    const { code, stdout, stderr } = await lab.install();
    assertEquals({ code, stdout, stderr }, { code: 1, stdout: "", stderr: `install.sh: ${says}\n` });
    assertEquals(lab.server.takeRequests(), []);
  }
}, NEEDS);

e2eTest("install.sh tells a system of 32 bits under a 64-bit kernel from one of 64", async () => {
  await using lab = await InstallLab.create();
  await pretend(lab, "Linux", "aarch64");
  await lab.fakeTool("getconf", "echo 32");
  await lab.server.publish("0.1.0", "linux-arm64");
  const { code, stderr } = await lab.install();
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^install\.sh: no binary for this 32-bit system \(.*aarch64\); available: linux-x64,.*\n$/,
  );
}, NEEDS);

/** A Linux of its own below a directory: busybox and nothing else, by `chroot`. */
class BusyboxSystem {
  readonly root: string;
  readonly #lab: InstallLab;

  private constructor(lab: InstallLab) {
    this.#lab = lab;
    this.root = `${lab.root}/system`;
  }

  static async create(lab: InstallLab): Promise<BusyboxSystem> {
    const system = new BusyboxSystem(lab);
    for (const directory of ["bin", "dev", "lib", "lib64", "root", "tmp", "usr/local"]) {
      await Deno.mkdir(`${system.root}/${directory}`, { recursive: true });
    }
    await Deno.copyFile(programPath("busybox")!, `${system.root}/bin/busybox`);
    await Deno.copyFile(INSTALL_SH, `${system.root}/install.sh`);
    await runCommand(["chroot", system.root, "/bin/busybox", "--install", "-s", "/bin"]);
    return system;
  }

  /** Runs `install.sh` in it, with the machine's devices, which go with the mount namespace. */
  install(args: readonly string[] = []): Promise<CommandResult> {
    const inside = `exec chroot ${this.root} /bin/env -i PATH=/bin HOME=/root /bin/sh /install.sh "$@"`;
    const script = `mount --bind /dev ${this.root}/dev && ${inside}`;
    return runCommand(
      ["unshare", "-m", "sh", "-c", script, "sh", "--base-url", this.#lab.server.url, ...args],
    );
  }
}

e2eTest("install.sh says what is the matter on a system with musl, unless it is told to go on", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const system = await BusyboxSystem.create(lab);
  const none = await system.install();
  assertEquals({ code: none.code, stdout: none.stdout }, { code: 1, stdout: "" });
  assertMatch(
    none.stderr,
    /^install\.sh: this system has no glibc \(\S+ is missing\), which the binary needs: .*\n$/,
  );

  await Deno.writeTextFile(`${system.root}/lib/ld-musl-any.so.1`, "");
  const musl = await system.install();
  assertEquals({ code: musl.code, stdout: musl.stdout }, { code: 1, stdout: "" });
  assertMatch(
    musl.stderr,
    /^install\.sh: this system has musl instead of glibc, which the binary needs: see "Install" in README\.md .*\n$/,
  );
  assertEquals(lab.server.takeRequests(), []);

  const forced = await system.install(["--force"]);
  assertEquals({ code: forced.code, stderr: forced.stderr }, { code: 0, stderr: "" });
  assertEquals(tree(`${system.root}/usr/local`), INSTALLED);
  assertEquals(tree(`${system.root}/tmp`), []);
}, ROOT_NEEDS);

e2eTest(
  "install.sh needs nothing but busybox and a glibc, and installs to /usr/local when it can",
  async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    const system = await BusyboxSystem.create(lab);
    for (const loader of ["lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"]) {
      await Deno.writeTextFile(`${system.root}/${loader}`, "");
    }
    const { code, stdout, stderr } = await system.install();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, `from ${lab.server.url}, to /usr/local\n`);
    assertEquals(tree(`${system.root}/usr/local`), INSTALLED);
    assertEquals(tree(`${system.root}/tmp`), []);

    const again = await system.install();
    assertMatch(
      again.stdout,
      /^natpmp 0\.1\.0 \(\S+\) is already installed in \/usr\/local, nothing to do\n/,
    );

    const removed = await system.install(["--uninstall"]);
    assertEquals({ code: removed.code, stderr: removed.stderr }, { code: 0, stderr: "" });
    assertEquals(tree(`${system.root}/usr/local`), []);
  },
  ROOT_NEEDS,
);

e2eTest("install.sh installs to ~/.local where /usr/local is not writable, and says so", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  for (const directory of [lab.home, lab.temporary]) await Deno.chown(directory, 65534, 65534);
  const run = (...args: string[]) => lab.run(args, { through: nobody, piped: true });
  const stdout = lab.assertDone(await run("--base-url", lab.server.url));
  assertStringIncludes(stdout, `, to ${lab.home}/.local (/usr/local is not writable)\n`);
  assertEquals(tree(`${lab.home}/.local`), INSTALLED);

  lab.assertDone(await run("--uninstall"));
  assertEquals(tree(lab.home), []);
}, ROOT_NEEDS);

e2eTest("install.sh fails in one line where it may not write", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  await Deno.chown(lab.temporary, 65534, 65534);
  const user = await lab.install([], { through: nobody, piped: true });
  assertEquals({ code: user.code, stdout: user.stdout, stderr: user.stderr }, {
    code: 1,
    stdout: "",
    stderr: `install.sh: cannot write to ${lab.root}: run this as another user, or choose another --prefix\n`,
  });

  await Deno.mkdir(lab.prefix);
  const mounted =
    `mount --bind ${lab.prefix} ${lab.prefix} && mount -o remount,bind,ro ${lab.prefix} && exec "$@"`;
  const readOnly = await lab.install([], { through: ["unshare", "-m", "sh", "-c", mounted, "sh"] });
  assertEquals({ code: readOnly.code, stdout: readOnly.stdout, stderr: readOnly.stderr }, {
    code: 1,
    stdout: "",
    stderr:
      `install.sh: cannot write to ${lab.prefix}: run this as another user, or choose another --prefix\n`,
  });
  assertEquals(tree(lab.temporary), []);
  assertEquals(tree(lab.prefix), []);
}, ROOT_NEEDS);

e2eTest(
  "install.sh on a full disk, for temporary files or for the prefix, leaves the old version alone",
  async () => {
    await using lab = await InstallLab.create();
    // Does not compress, and is larger than the disk.
    const program = new Uint8Array(512 * 1024);
    for (let offset = 0; offset < program.length; offset += 65536) {
      crypto.getRandomValues(program.subarray(offset, offset + 65536));
    }
    for (const disk of [lab.temporary, lab.prefix]) {
      await Deno.mkdir(disk, { recursive: true });
      // The disk goes with the namespace, so what is on it afterwards has to be looked at from inside.
      const script = [
        `mount -t tmpfs -o size=200k tmpfs ${disk}`,
        `cp -R ${lab.root}/old/. ${lab.prefix}/`,
        '"$@"',
        "code=$?",
        "echo left:",
        `ls -A ${lab.temporary}`,
        `find ${lab.prefix} -name '.*'`,
        `${lab.prefix}/bin/natpmp`,
        "exit $code",
      ].join("\n");
      await lab.server.publish("0.1.0");
      lab.assertDone(await lab.install(["--prefix", `${lab.root}/old`]));
      await lab.server.publish("0.2.0", undefined, { program });
      const { code, stdout, stderr } = await lab.install([], {
        through: ["unshare", "-m", "sh", "-c", script, "sh"],
      });
      assertEquals(code, 1);
      assertMatch(
        stderr,
        disk === lab.prefix
          ? /^install\.sh: cannot write \S+\/bin\/natpmp: [^\n]+\n$/
          : /^install\.sh: cannot download \S+\.tar\.gz: [^\n]+\n$/,
      );
      assertEquals(stdout.split("left:\n")[1], "natpmp 0.1.0\n");
    }
  },
  ROOT_NEEDS,
);
