import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hostArchive, INSTALL_PROGRAMS, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { cutOff } from "../support/release_server.ts";
import { e2eTest, programPath } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };

/** A shell script in place of a downloader: notes its arguments, one a line, and fails. */
async function noteArguments(lab: InstallLab, name: string): Promise<() => Promise<string[]>> {
  const notes = `${lab.root}/arguments`;
  // GNU wget is told from others by what it says of itself.
  await lab.fakeTool(
    name,
    `case $1 in --version | --help) exit 1 ;; esac\nprintf '%s\\n' "$@" >>${notes}\necho "no way out" >&2\nexit 7`,
  );
  return async () => (await Deno.readTextFile(notes)).trimEnd().split("\n");
}

const DOWNLOADERS = ["curl", "wget", "busybox"] as const;

/** A machine with one downloader and one checksum program. */
async function labWith(downloader: string, checksum: string): Promise<InstallLab> {
  const isBusybox = downloader === "busybox";
  const lab = await InstallLab.create({ programs: isBusybox ? [checksum] : [downloader, checksum] });
  if (isBusybox) await lab.fakeTool("wget", `exec ${programPath("busybox")} wget "$@"`);
  return lab;
}

for (const downloader of DOWNLOADERS) {
  const name = downloader === "busybox" ? "busybox's wget" : downloader;
  for (const checksum of ["sha256sum", "shasum", "openssl"]) {
    e2eTest(
      `install.sh needs nothing but ${name} to download and ${checksum} to verify`,
      async () => {
        await using lab = await labWith(downloader, checksum);
        await lab.server.publish("0.1.0");
        lab.assertDone(await lab.install());
        assertEquals(tree(lab.prefix), INSTALLED);

        await lab.server.publish("0.2.0");
        lab.server.route(`/v0.2.0/${hostArchive("0.2.0")}`, "another file");
        const wrong = await lab.install();
        assertEquals(wrong.code, 1);
        assertStringIncludes(wrong.stderr, `the checksum of ${hostArchive("0.2.0")} is wrong`);
        assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
      },
      { programs: [...INSTALL_PROGRAMS, downloader, checksum] },
    );
  }

  e2eTest(
    `install.sh fails in one line when ${name} finds no server, no file, or gets half of one`,
    async () => {
      await using lab = await labWith(downloader, "sha256sum");
      await lab.server.publish("0.1.0");
      const failures = async (args: string[], says: RegExp) => {
        const { code, stderr } = await lab.install(args);
        assertEquals(code, 1, stderr);
        assertMatch(stderr, says);
        assertEquals(tree(lab.temporary), []);
      };
      // Port 9 is discard, which nothing serves here: loopback refuses at once.
      await failures(
        ["--base-url", "http://127.0.0.1:9"],
        /^install\.sh: cannot download \S+: [^\n]*(refused|connect)[^\n]*\n$/i,
      );
      await failures(
        ["--version", "9.9.9"],
        /^install\.sh: cannot download \S+: no such file there \([^\n]*404[^\n]*\)\n$/,
      );
      lab.server.route(`/v0.1.0/${hostArchive("0.1.0")}`, cutOff);
      await failures([], /^install\.sh: cannot download \S+\.tar\.gz: [^\n]+\n$/);
      assertEquals([...Deno.readDirSync(lab.root)].map(({ name }) => name).sort(), ["home", "path", "tmp"]);
    },
    { programs: [...INSTALL_PROGRAMS, downloader] },
  );
}

e2eTest("install.sh says which program is missing, before it downloads anything", async () => {
  for (
    const { programs, without, message } of [
      { programs: ["sha256sum"], message: "needs curl or wget" },
      { programs: ["curl"], message: "needs sha256sum, shasum or openssl to verify the download" },
      { programs: ["curl", "sha256sum"], without: "tar", message: "needs tar" },
      { programs: ["curl", "sha256sum"], without: "gzip", message: "needs gzip" },
    ]
  ) {
    await using lab = await InstallLab.create({ programs });
    await lab.server.publish("0.1.0");
    if (without !== undefined) await Deno.remove(lab.tool(without));
    const { code, stderr } = await lab.install();
    assertEquals({ code, stderr }, { code: 1, stderr: `install.sh: ${message}\n` });
    assertEquals(lab.server.takeRequests(), []);
    assertEquals(tree(lab.temporary), []);
  }
}, NEEDS);

e2eTest("install.sh asks GitHub for the latest release, by https only, redirections included", async () => {
  await using lab = await InstallLab.create();
  const noted = await noteArguments(lab, "curl");
  const { code, stderr } = await lab.run(["--prefix", lab.prefix]);
  const url = "https://github.com/natpmp/natpmp/releases/latest/download/SHA256SUMS";
  assertEquals({ code, stderr }, { code: 1, stderr: `install.sh: cannot download ${url}: no way out\n` });
  const words = await noted();
  assertEquals(words.at(-1), url);
  assertEquals(words[words.indexOf("--proto") + 1], "=https");
}, NEEDS);

e2eTest(
  "install.sh asks the repository that NATPMP_REPOSITORY names for the version of --version",
  async () => {
    await using lab = await InstallLab.create();
    const noted = await noteArguments(lab, "curl");
    await lab.run(["--prefix", lab.prefix, "--version", "0.3.0"], {
      env: { NATPMP_REPOSITORY: "someone/fork" },
    });
    assertEquals(
      (await noted()).at(-1),
      "https://github.com/someone/fork/releases/download/v0.3.0/SHA256SUMS",
    );
  },
  NEEDS,
);

e2eTest("install.sh warns of a wget that may not verify the server's certificate", async () => {
  await using lab = await InstallLab.create({ programs: ["sha256sum"] });
  await noteArguments(lab, "wget");
  const { code, stderr } = await lab.run(["--prefix", lab.prefix]);
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^install\.sh: this wget may not verify the server: .*\ninstall\.sh: cannot download .*\n$/,
  );
}, NEEDS);
