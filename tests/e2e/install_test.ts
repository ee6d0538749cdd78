import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BackgroundProcess } from "../support/background_process.ts";
import { hostArchive, INSTALL_PROGRAMS, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { runCommand } from "../support/command.ts";
import { hostTarget } from "../support/release_server.ts";
import { e2eTest, programPath } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };

e2eTest("install.sh puts each file in its place, with its mode, and says what it did", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const stdout = lab.assertDone(await lab.install());
  assertEquals(tree(lab.prefix), INSTALLED);
  for (const path of INSTALLED.filter((path) => !path.endsWith("/"))) {
    const { mode } = await Deno.stat(`${lab.prefix}/${path}`);
    assertEquals((mode! & 0o777).toString(8), path === "bin/natpmp" ? "755" : "644", path);
    if (path !== "share/natpmp/manifest") assertStringIncludes(stdout, `installed ${lab.prefix}/${path}\n`);
  }
  const content = (path: string) => Deno.readTextFile(`${lab.prefix}/${path}`);
  assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
  assertEquals(await content("share/man/man1/natpmp.1"), "man/natpmp.1 of 0.1.0\n");
  assertEquals(
    await content("share/bash-completion/completions/natpmp"),
    "completions/natpmp.bash of 0.1.0\n",
  );
  assertEquals(await content("share/zsh/site-functions/_natpmp"), "completions/_natpmp of 0.1.0\n");
  assertEquals(
    await content("share/fish/vendor_completions.d/natpmp.fish"),
    "completions/natpmp.fish of 0.1.0\n",
  );
  assertEquals(await content("share/doc/natpmp/LICENSE"), "LICENSE of 0.1.0\n");
  assertMatch(stdout, new RegExp(`^natpmp 0\\.1\\.0 \\(${hostTarget()}\\) from ${lab.server.url}, to `));
  assertStringIncludes(stdout, `checksum verified: ${hostArchive("0.1.0")}\n`);
}, NEEDS);

for (const shell of [["dash"], ["bash", "--posix"], ["busybox", "sh"]]) {
  e2eTest(
    `install.sh installs, finds it installed, and uninstalls in ${shell.join(" ")}`,
    async () => {
      await using lab = await InstallLab.create();
      await lab.server.publish("0.1.0");
      lab.assertDone(await lab.install([], { shell }));
      assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
      lab.server.takeRequests();

      const again = lab.assertDone(await lab.install([], { shell }));
      assertStringIncludes(again, "is already installed in");
      assertEquals(lab.server.takeRequests(), ["/latest/SHA256SUMS"]);

      const gone = lab.assertDone(await lab.run(["--uninstall", "--prefix", lab.prefix], { shell }));
      assertStringIncludes(gone, `removed ${lab.prefix}/bin/natpmp\n`);
      assertEquals(tree(lab.root).filter((path) => path.startsWith("prefix")), []);
    },
    { programs: [...INSTALL_PROGRAMS, shell[0]!] },
  );
}

e2eTest("install.sh works through a pipe, as from curl, with its options behind sh -s --", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  lab.assertDone(await lab.install([], { piped: true }));
  assertEquals(tree(lab.prefix), INSTALLED);
}, NEEDS);

e2eTest("install.sh takes the latest release, or the one that --version names, newer or older", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.2.0-rc.1");
  await lab.server.publish("0.1.0");
  lab.assertDone(await lab.install());
  assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
  for (const [words, version] of [["--version 0.2.0-rc.1", "0.2.0-rc.1"], ["--version=v0.1.0", "0.1.0"]]) {
    lab.server.takeRequests();
    lab.assertDone(await lab.install(words!.split(" ")));
    assertEquals(await lab.installedVersion(), `natpmp ${version}`);
    assertEquals(
      await Deno.readTextFile(`${lab.prefix}/share/doc/natpmp/README.md`),
      `README.md of ${version}\n`,
    );
    assertEquals(lab.server.takeRequests(), [
      `/v${version}/SHA256SUMS`,
      `/v${version}/${hostArchive(version!)}`,
    ]);
  }
  assertEquals(tree(lab.prefix), INSTALLED);
}, NEEDS);

e2eTest(
  "install.sh finds the latest release of a base URL that ends in /download where GitHub has it",
  async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    // The same files where GitHub would have them, as seen from …/releases/download.
    for (const path of [`v0.1.0/${hostArchive("0.1.0")}`, "latest/SHA256SUMS"]) {
      const bytes = await download(`${lab.server.url}/${path}`);
      lab.server.route(
        `/r/releases/${path.replace("latest", "latest/download").replace(/^v/, "download/v")}`,
        bytes,
      );
    }
    lab.server.takeRequests();
    lab.assertDone(await lab.install(["--base-url", `${lab.server.url}/r/releases/download/`]));
    assertEquals(lab.server.takeRequests(), [
      "/r/releases/latest/download/SHA256SUMS",
      `/r/releases/download/v0.1.0/${hostArchive("0.1.0")}`,
    ]);
    assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
  },
  NEEDS,
);

e2eTest("install.sh repairs what was changed or lost, and takes over a binary copied by hand", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  await Deno.mkdir(`${lab.prefix}/bin`, { recursive: true });
  await Deno.writeTextFile(`${lab.prefix}/bin/natpmp`, "by hand");
  lab.assertDone(await lab.install());
  await Deno.writeTextFile(`${lab.prefix}/share/man/man1/natpmp.1`, "scribbled on");
  lab.assertDone(await lab.install());
  await Deno.remove(`${lab.prefix}/bin/natpmp`);
  lab.assertDone(await lab.install());
  await Deno.chmod(`${lab.prefix}/bin/natpmp`, 0o600);
  lab.assertDone(await lab.install());
  assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
  assertEquals(
    await Deno.readTextFile(`${lab.prefix}/share/man/man1/natpmp.1`),
    "man/natpmp.1 of 0.1.0\n",
  );
  assertEquals(tree(lab.prefix), INSTALLED);
}, NEEDS);

e2eTest("install.sh replaces a binary while it runs, which goes on running", async () => {
  await using lab = await InstallLab.create();
  // A real program, as the kernel protects those against writing, and not scripts.
  await lab.server.publish("0.1.0", hostTarget(), { program: await Deno.readFile(programPath("sleep")!) });
  lab.assertDone(await lab.install());
  await using running = new BackgroundProcess([`${lab.prefix}/bin/natpmp`, "60"]);
  await lab.server.publish("0.2.0");
  lab.assertDone(await lab.install());
  assertEquals(await lab.installedVersion(), "natpmp 0.2.0");
  // Signal 0 only asks whether it is there.
  assertEquals((await runCommand(["kill", "-0", `${running.pid}`])).code, 0);
}, { programs: [...INSTALL_PROGRAMS, "sleep", "kill"] });

e2eTest("install.sh --target installs for another machine, and does not try to run that binary", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0", "macos-arm64", { program: "no program of this machine" });
  const stdout = lab.assertDone(await lab.install(["--target", "macos-arm64"]));
  assertMatch(stdout, /^natpmp 0\.1\.0 \(macos-arm64\) /);
  assertEquals(tree(lab.prefix), INSTALLED);
}, NEEDS);

e2eTest(
  "install.sh installs below a relative prefix, a prefix with spaces, and ~ that no shell expanded",
  async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    const inRoot = ["env", "-C", lab.root];
    for (
      const [prefix, directory] of [
        ["here/in", "here/in"],
        [`${lab.root}/a b  c/`, "a b  c"],
        ["~/.local", "home/.local"],
      ]
    ) {
      const options = ["--base-url", lab.server.url, `--prefix=${prefix}`];
      lab.assertDone(await lab.run(options, { through: inRoot }));
      assertEquals(tree(`${lab.root}/${directory}`), INSTALLED);
      lab.assertDone(await lab.run(["--uninstall", `--prefix=${prefix}`], { through: inRoot }));
    }
    assertEquals(tree(lab.root).filter((path) => !path.startsWith("path/")), ["home/", "tmp/"]);
  },
  NEEDS,
);

e2eTest("install.sh tells when PATH lacks the directory, or finds another natpmp first", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const lastLine = (stdout: string) => stdout.trimEnd().split("\n").at(-1);
  assertEquals(
    lastLine(lab.assertDone(await lab.install())),
    `note: ${lab.prefix}/bin is not on PATH; for sh, bash and zsh: export PATH="${lab.prefix}/bin:$PATH"`,
  );
  const listed = { env: { PATH: `${lab.path}:${lab.prefix}/bin` } };
  assertMatch(lastLine(lab.assertDone(await lab.install([], listed)))!, /nothing to do$/);
  await lab.fakeTool("natpmp", "exit 0");
  assertEquals(
    lastLine(lab.assertDone(await lab.install([], listed))),
    `note: PATH finds ${lab.path}/natpmp first`,
  );
}, NEEDS);

async function download(url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}
