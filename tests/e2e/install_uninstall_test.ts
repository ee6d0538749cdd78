import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { INSTALL_PROGRAMS, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { e2eTest } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };

e2eTest(
  "install.sh --uninstall removes what was installed, without a network, and nothing else",
  async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    const others = [
      "bin/another",
      "share/man/man1/another.1",
      "share/natpmp/notes",
      "share/zsh/site-functions/_another",
    ];
    const write = async (path: string) => {
      await Deno.mkdir(`${lab.prefix}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.writeTextFile(`${lab.prefix}/${path}`, "somebody else's");
    };
    await Deno.mkdir(`${lab.prefix}/share/fish`, { recursive: true });
    await write("bin/another");
    const state = `${lab.home}/.local/state/natpmp/leases.json`;
    await Deno.mkdir(`${lab.home}/.local/state/natpmp`, { recursive: true });
    await Deno.writeTextFile(state, "{}");
    lab.assertDone(await lab.install());
    for (const path of others.slice(1)) await write(path);
    lab.server.takeRequests();

    const stdout = lab.assertDone(await lab.run(["--uninstall", "--prefix", lab.prefix]));
    assertEquals(tree(lab.prefix).filter((path) => !path.endsWith("/")), others);
    // Directories go if we made them and nothing is in them: share/fish was there before.
    assertEquals(tree(lab.prefix).filter((path) => path.endsWith("/")), [
      "bin/",
      "share/",
      "share/fish/",
      "share/man/",
      "share/man/man1/",
      "share/natpmp/",
      "share/zsh/",
      "share/zsh/site-functions/",
    ]);
    for (const path of INSTALLED.filter((path) => !path.endsWith("/") && !path.endsWith("manifest"))) {
      assertStringIncludes(stdout, `removed ${lab.prefix}/${path}\n`);
    }
    assertStringIncludes(stdout, "state, configuration and services were left alone\n");
    assertEquals(await Deno.readTextFile(state), "{}");
    assertEquals(lab.server.takeRequests(), []);
  },
  NEEDS,
);

e2eTest("install.sh --uninstall removes the directories that several installs made", async () => {
  await using lab = await InstallLab.create();
  const prefix = `${lab.root}/made/for/it`;
  for (const version of ["0.1.0", "0.2.0"]) {
    await lab.server.publish(version);
    lab.assertDone(await lab.install(["--prefix", prefix]));
  }
  lab.assertDone(await lab.run(["--uninstall", "--prefix", prefix]));
  assertEquals([...Deno.readDirSync(lab.root)].map(({ name }) => name).sort(), ["home", "path", "tmp"]);
}, NEEDS);

e2eTest("install.sh --uninstall leaves a file that was changed since, says so, and ends with 1", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  lab.assertDone(await lab.install());
  await Deno.writeTextFile(`${lab.prefix}/bin/natpmp`, "a build of my own");
  const { code, stderr } = await lab.run(["--uninstall", "--prefix", lab.prefix]);
  assertEquals({ code, stderr }, {
    code: 1,
    stderr: `install.sh: left ${lab.prefix}/bin/natpmp: it is not what this script installed\n`,
  });
  assertEquals(tree(lab.prefix), ["bin/", "bin/natpmp"]);
  assertEquals(tree(lab.temporary), []);
}, NEEDS);

e2eTest("install.sh --uninstall twice, or where nothing is, has nothing to do", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  lab.assertDone(await lab.install());
  lab.assertDone(await lab.run(["--uninstall", "--prefix", lab.prefix]));
  assertEquals(
    lab.assertDone(await lab.run(["--uninstall", "--prefix", lab.prefix])),
    `natpmp is not installed in ${lab.prefix}, nothing to do\n`,
  );
}, NEEDS);

e2eTest("install.sh --uninstall leaves a binary alone that it did not install", async () => {
  await using lab = await InstallLab.create();
  await Deno.mkdir(`${lab.prefix}/bin`, { recursive: true });
  await Deno.writeTextFile(`${lab.prefix}/bin/natpmp`, "by hand");
  const { code, stderr } = await lab.run(["--uninstall", "--prefix", lab.prefix]);
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^install\.sh: \S+\/bin\/natpmp was not installed by this script [^\n]*: nothing removed\n$/,
  );
  assertEquals(tree(lab.prefix), ["bin/", "bin/natpmp"]);
}, NEEDS);

e2eTest("install.sh --uninstall removes nothing that a forged manifest names", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  lab.assertDone(await lab.install());
  const manifest = `${lab.prefix}/share/natpmp/manifest`;
  const [program] = /[0-9a-f]{64} bin\/natpmp/.exec(await Deno.readTextFile(manifest))!;
  await Deno.mkdir(`${lab.home}/empty`);
  await Deno.writeTextFile(`${lab.home}/precious`, await Deno.readTextFile(`${lab.prefix}/bin/natpmp`));
  await Deno.writeTextFile(
    manifest,
    `file ${program.replace("bin/natpmp", "../home/precious")}\ndirectory - ../home/empty\ndirectory - /\n`,
    { append: true },
  );
  // While the prefix stands, what leads out of it by `..` is there.
  await Deno.writeTextFile(`${lab.prefix}/another`, "somebody else's");
  lab.assertDone(await lab.run(["--uninstall", "--prefix", lab.prefix]));
  assertEquals(tree(lab.home), ["empty/", "precious"]);
}, NEEDS);

e2eTest("install.sh --uninstall removes nothing where it may not remove all", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  lab.assertDone(await lab.install());
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  await Deno.chown(lab.temporary, 65534, 65534);
  const options = { through: nobody, piped: true };
  const { code, stdout, stderr } = await lab.run(["--uninstall", "--prefix", lab.prefix], options);
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertMatch(stderr, /^install\.sh: cannot write to [^\n]+\n$/);
  assertEquals(tree(lab.prefix), INSTALLED);
}, { programs: [...INSTALL_PROGRAMS, "setpriv"], root: true });
