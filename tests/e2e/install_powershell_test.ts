import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ArchiveMember } from "../support/archives.ts";
import { type CommandResult, runCommand } from "../support/command.ts";
import { tree } from "../support/install_lab.ts";
import { archiveName, type PublishOptions, ReleaseServer } from "../support/release_server.ts";
import { e2eTest } from "../support/requirements.ts";

const INSTALL_PS1 = new URL("../../scripts/install.ps1", import.meta.url).pathname;
/** PowerShell is in no package of Debian's, so CI need not have it. */
const NEEDS = { programs: ["pwsh"], requiredBy: "NATPMP_PWSH_REQUIRED" };
const TARGET = "windows-x64";
const TOP = `natpmp-0.2.0-${TARGET}`;
/** Every file of an installation, sorted. */
const INSTALLED = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "config.schema.json",
  "manifest.txt",
  "natpmp.exe",
];
/** PowerShell takes a second or two to start, and CI's machines are slow. */
const TIMEOUT_MS = 60_000;

/** Directories to install in, and a server of releases; PowerShell 7 on this machine stands for Windows'. */
class PowerShellLab implements AsyncDisposable {
  readonly server: ReleaseServer = new ReleaseServer();
  readonly root: string = Deno.makeTempDirSync({ prefix: "natpmp-install-test-" });

  constructor() {
    for (const directory of ["home", "tmp"]) Deno.mkdirSync(`${this.root}/${directory}`);
  }

  get prefix(): string {
    return `${this.root}/prefix`;
  }

  publish(version: string, options: PublishOptions = {}): Promise<void> {
    return this.server.publish(version, TARGET, options);
  }

  run(...args: string[]): Promise<CommandResult> {
    const command = [
      "pwsh",
      "-NoProfile",
      "-NonInteractive",
      "-File",
      INSTALL_PS1,
      ...(args.includes("-Prefix") ? [] : ["-Prefix", this.prefix]),
      ...args,
    ];
    const env = {
      HOME: `${this.root}/home`,
      TMPDIR: `${this.root}/tmp`,
      POWERSHELL_TELEMETRY_OPTOUT: "1",
      POWERSHELL_UPDATECHECK: "Off",
    };
    return runCommand(command, { env, timeoutMs: TIMEOUT_MS });
  }

  async install(...args: string[]): Promise<CommandResult> {
    const result = await this.run("-BaseUrl", this.server.url, "-Target", TARGET, "-NoPath", ...args);
    assertEquals(tree(`${this.root}/tmp`).filter((path) => path.startsWith("natpmp")), []);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await Deno.remove(this.root, { recursive: true });
  }
}

function assertDone({ code, stdout, stderr }: CommandResult): string {
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

e2eTest("install.ps1 installs, finds it installed, changes the version, and uninstalls", async () => {
  await using lab = new PowerShellLab();
  await lab.publish("0.1.0");
  const stdout = assertDone(await lab.install());
  assertEquals(tree(lab.prefix), INSTALLED);
  assertStringIncludes(stdout, `natpmp 0.1.0 (${TARGET}) from ${lab.server.url}, to ${lab.prefix}\n`);
  assertStringIncludes(stdout, `installed ${lab.prefix}/natpmp.exe\n`);
  lab.server.takeRequests();

  assertMatch(assertDone(await lab.install()), /is already installed in \S+\n/);
  assertEquals(lab.server.takeRequests(), ["/latest/SHA256SUMS"]);

  await lab.publish("0.2.0");
  assertDone(await lab.install("-Version", "v0.1.0"));
  assertEquals(lab.server.takeRequests(), ["/v0.1.0/SHA256SUMS"]);
  assertDone(await lab.install());
  assertEquals(await Deno.readTextFile(`${lab.prefix}/README.md`), "README.md of 0.2.0\n");
  assertMatch(await Deno.readTextFile(`${lab.prefix}/natpmp.exe`), /natpmp 0\.2\.0/);
  assertEquals(tree(lab.prefix), INSTALLED);

  assertStringIncludes(assertDone(await lab.run("-Uninstall")), `removed ${lab.prefix}/natpmp.exe\n`);
  assertEquals(tree(lab.root).filter((path) => path.startsWith("prefix")), []);
  assertMatch(assertDone(await lab.run("-Uninstall")), /is not installed in \S+, nothing to do\n/);
}, NEEDS);

e2eTest("install.ps1 -Uninstall leaves what it did not install, and what was changed since", async () => {
  await using lab = new PowerShellLab();
  await lab.publish("0.1.0");
  assertDone(await lab.install());
  await Deno.writeTextFile(`${lab.prefix}/notes.txt`, "mine");
  await Deno.writeTextFile(`${lab.prefix}/natpmp.exe`, "a build of my own");
  const { code, stderr } = await lab.run("-Uninstall");
  assertEquals({ code, stderr }, {
    code: 1,
    stderr: `install.ps1: left ${lab.prefix}/natpmp.exe: not what this script installed\n`,
  });
  assertEquals(tree(lab.prefix), ["natpmp.exe", "notes.txt"]);
  const again = await lab.run("-Uninstall");
  assertEquals(again.code, 1);
  assertMatch(again.stderr, /^install\.ps1: \S+natpmp\.exe was not installed by this script [^\n]*\n$/);
}, NEEDS);

e2eTest("install.ps1 does not take an older release for an update, unless it is named", async () => {
  await using lab = new PowerShellLab();
  for (
    const [installed, latest] of [["0.10.0", "0.9.9"], ["1.0.0", "1.0.0-rc.2"], ["1.1.0-rc.10", "1.1.0-rc.9"]]
  ) {
    await lab.publish(installed!);
    assertDone(await lab.install());
    await lab.publish(latest!);
    const { code, stderr } = await lab.install();
    assertEquals({ code, stderr }, {
      code: 1,
      stderr:
        `install.ps1: the latest release is ${latest}, and ${installed} is installed in ${lab.prefix}: ` +
        `nothing changed (-Version ${latest} installs the older one)\n`,
    });
    assertDone(await lab.install("-Version", latest!));
    assertEquals(await Deno.readTextFile(`${lab.prefix}/README.md`), `README.md of ${latest}\n`);
  }
}, NEEDS);

e2eTest("install.ps1 replaces a link in the manifest's place, and not what it leads to", async () => {
  await using lab = new PowerShellLab();
  await lab.publish("0.1.0");
  await Deno.mkdir(lab.prefix);
  await Deno.writeTextFile(`${lab.root}/victim`, "precious");
  await Deno.symlink(`${lab.root}/victim`, `${lab.prefix}/manifest.txt`);
  assertDone(await lab.install());
  assertEquals(await Deno.readTextFile(`${lab.root}/victim`), "precious");
  assertEquals(tree(lab.prefix), INSTALLED);
}, NEEDS);

e2eTest("install.ps1 warns of plain http, except to this machine", async () => {
  await using lab = new PowerShellLab();
  // This address is nobody's; it leads to this machine, whose port 9 nobody serves.
  const { stdout } = await lab.run("-BaseUrl", "http://0.0.0.0:9", "-Target", TARGET, "-NoPath");
  assertMatch(stdout, /http:\/\/0\.0\.0\.0:9 is not https: anybody on the network path/);
  const loopback = await lab.run("-BaseUrl", "http://127.0.0.1:9", "-Target", TARGET, "-NoPath");
  assertEquals(loopback.stdout, "");
}, NEEDS);

interface Failure {
  readonly when: string;
  readonly options?: PublishOptions;
  /** Bytes in place of the archive, which has another checksum then. */
  readonly archive?: string;
  readonly args?: readonly string[];
  readonly says: RegExp;
}

const without = (name: string) => (right: readonly ArchiveMember[]) =>
  right.filter((member) => member.name !== `${TOP}/${name}`);

const FAILURES: readonly Failure[] = [
  { when: "the archive is another one", archive: "something else", says: /the checksum of \S+ is wrong: / },
  { when: "the release does not exist", args: ["-Version", "9.9.9"], says: /cannot download \S+: .*404/ },
  { when: "port is closed", args: ["-BaseUrl", "http://127.0.0.1:9"], says: /cannot download \S+: .+/ },
  {
    when: "SHA256SUMS has no line for it",
    options: { sums: () => "" },
    says: /has no line for natpmp-VERSION-/,
  },
  {
    when: "the archive is no zip file",
    options: { archive: new TextEncoder().encode("not zip") },
    says: /cannot unpack \S+: .+/,
  },
  {
    when: "the archive climbs out of its directory",
    options: { members: (right) => [...right, { name: `${TOP}/../../escaped`, content: "out" }] },
    says: /has unexpected contents: natpmp\S+escaped/,
  },
  {
    when: "the archive climbs out of its directory with backslashes",
    options: { members: (right) => [...right, { name: `${TOP}\\..\\..\\escaped`, content: "out" }] },
    says: /has unexpected contents: natpmp\S+escaped/,
  },
  {
    when: "the archive lacks the program",
    options: { members: without("natpmp.exe") },
    says: /no file natpmp\S+\/natpmp\.exe, or several/,
  },
  {
    when: "the target is not Windows",
    args: ["-Target", "linux-x64"],
    says: /-Target linux-x64 is not one of /,
  },
  {
    when: "the prefix holds a line break",
    args: ["-Prefix", "/tmp/natpmp\nescaped"],
    says: /the prefix, URL or repository holds a line break or another control character/,
  },
  { when: "the version is none", args: ["-Version", "../x"], says: /-Version \.\.\/x is not a version/ },
  {
    when: "the base URL is none",
    args: ["-BaseUrl", "ftp://x"],
    says: /-BaseUrl ftp:\/\/x does not begin with/,
  },
];

for (const { when, options, archive, args = [], says } of FAILURES) {
  e2eTest(`install.ps1 fails in one line and changes nothing when ${when}`, async () => {
    await using lab = new PowerShellLab();
    await lab.publish("0.1.0");
    assertDone(await lab.install());
    await lab.publish("0.2.0", options);
    if (archive !== undefined) lab.server.route(`/v0.2.0/${archiveName("0.2.0", TARGET)}`, archive);
    const base = args.includes("-BaseUrl") ? [] : ["-BaseUrl", lab.server.url];
    const target = args.includes("-Target") ? [] : ["-Target", TARGET];
    const { code, stderr } = await lab.run(...base, ...target, "-NoPath", ...args);
    assertEquals(code, 1, stderr);
    assertMatch(stderr, says);
    assertMatch(stderr, /^install\.ps1: [^\n]*\n$/);
    assertEquals(tree(lab.prefix), INSTALLED);
    assertMatch(await Deno.readTextFile(`${lab.prefix}/natpmp.exe`), /natpmp 0\.1\.0/);
    assertEquals(tree(`${lab.root}/tmp`).filter((path) => path.startsWith("natpmp")), []);
  }, NEEDS);
}

e2eTest("install.ps1 is plain ASCII, which Windows PowerShell reads in every code page", async () => {
  assertMatch(await Deno.readTextFile(INSTALL_PS1), /^[\n -~]*$/);
}, { programs: [] });
