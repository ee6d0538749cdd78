import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ArchiveMember } from "../support/archives.ts";
import { hostArchive, INSTALL_PROGRAMS, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { cutOff, hostTarget } from "../support/release_server.ts";
import { e2eTest } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };
const TOP = `natpmp-0.2.0-${hostTarget()}`;

/** Replaces one member of the archive. */
function replaced(name: string, by: readonly ArchiveMember[]) {
  return (right: readonly ArchiveMember[]) =>
    right.flatMap((member) => member.name === `${TOP}/${name}` ? by : [member]);
}

interface Failure {
  /** What is wrong, as a sentence. */
  readonly when: string;
  /** Publishes 0.2.0 with that wrong. */
  readonly publish: (lab: InstallLab) => Promise<void>;
  readonly args?: readonly string[];
  /** The one line on stderr. */
  readonly says: RegExp;
}

function archiveFailure(
  when: string,
  says: RegExp,
  members: (right: readonly ArchiveMember[]) => readonly ArchiveMember[],
): Failure {
  return { when, says, publish: (lab) => lab.server.publish("0.2.0", hostTarget(), { members }) };
}

function sumsFailure(when: string, says: RegExp, sums: (right: string) => string): Failure {
  return { when, says, publish: (lab) => lab.server.publish("0.2.0", hostTarget(), { sums }) };
}

const FAILURES: readonly Failure[] = [
  {
    when: "the release does not exist",
    publish: () => Promise.resolve(),
    args: ["--version", "9.9.9"],
    says: /cannot download http:\S+\/v9\.9\.9\/SHA256SUMS: no such file there \(.*404.*\)/,
  },
  {
    when: "the archive is missing",
    publish: async (lab) => {
      await lab.server.publish("0.2.0");
      lab.server.route(`/v0.2.0/${hostArchive("0.2.0")}`, () => new Response("gone", { status: 404 }));
    },
    says: /cannot download \S+\.tar\.gz: no such file there \(.*404.*\)/,
  },
  {
    when: "nobody listens at the base URL",
    publish: () => Promise.resolve(),
    // Port 9 is discard, which nothing serves on a machine of this century; loopback refuses at once.
    args: ["--base-url", "http://127.0.0.1:9"],
    says: /cannot download http:\/\/127\.0\.0\.1:9\/latest\/SHA256SUMS: .*(refused|connect).*/i,
  },
  {
    when: "the archive is cut off and the connection with it",
    publish: async (lab) => {
      await lab.server.publish("0.2.0");
      lab.server.route(`/v0.2.0/${hostArchive("0.2.0")}`, cutOff);
    },
    says: /cannot download \S+\.tar\.gz: .+/,
  },
  {
    when: "the archive is cut off and the server hides it",
    publish: async (lab) => {
      await lab.server.publish("0.2.0");
      const bytes = new Uint8Array(
        await (await fetch(`${lab.server.url}/v0.2.0/${hostArchive("0.2.0")}`)).arrayBuffer(),
      );
      lab.server.route(`/v0.2.0/${hostArchive("0.2.0")}`, bytes.subarray(0, bytes.length / 2));
    },
    says: /the checksum of \S+ is wrong: it is [0-9a-f]{64}, SHA256SUMS has [0-9a-f]{64}; nothing changed/,
  },
  {
    when: "the archive is another one than SHA256SUMS tells of",
    publish: async (lab) => {
      await lab.server.publish("0.2.0");
      lab.server.route(`/v0.2.0/${hostArchive("0.2.0")}`, "something else");
    },
    says: /the checksum of \S+ is wrong: /,
  },
  sumsFailure(
    "SHA256SUMS has no line for this target",
    /SHA256SUMS has no line for natpmp-VERSION-\S+\.tar\.gz/,
    (right) => right.split("\n").filter((line) => !line.endsWith(hostArchive("0.2.0"))).join("\n"),
  ),
  sumsFailure("SHA256SUMS is empty", /SHA256SUMS has no line for /, () => ""),
  sumsFailure("SHA256SUMS is a page to log in", /SHA256SUMS has no line for /, () => "<html>\n<p>Log in\n"),
  sumsFailure(
    "SHA256SUMS has two lines for this target",
    /more than one line for /,
    (right) => right + right,
  ),
  sumsFailure(
    "SHA256SUMS has something else than a SHA-256",
    /has no SHA-256 for /,
    (right) => right.replaceAll(/[0-9a-f]{64}/g, "d41d8cd98f00b204e9800998ecf8427e"),
  ),
  sumsFailure(
    "SHA256SUMS names a version that leads elsewhere",
    /names a version that cannot be one: /,
    (right) => right.replaceAll("natpmp-0.2.0", "natpmp-../../0.2.0"),
  ),
  {
    when: "the archive is no gzip file",
    publish: (lab) =>
      lab.server.publish("0.2.0", hostTarget(), { archive: new TextEncoder().encode("not gzip") }),
    says: /cannot unpack \S+\.tar\.gz: .+/,
  },
  archiveFailure(
    "the archive climbs out of its directory",
    /has unexpected contents: natpmp-\S+\/\.\.\/\.\.\/escaped$/m,
    (right) => [...right, { name: `${TOP}/../../escaped`, content: "out" }],
  ),
  archiveFailure(
    "the archive names an absolute path",
    /has unexpected contents: \/tmp\/escaped/,
    (right) => [{ name: "/tmp/escaped", content: "out" }, ...right],
  ),
  archiveFailure(
    "the archive holds a file beside its directory",
    /has unexpected contents: beside/,
    (right) => [...right, { name: "beside", content: "out" }],
  ),
  archiveFailure(
    "the archive lacks the binary",
    /no file natpmp-\S+\/natpmp, or several/,
    replaced("natpmp", []),
  ),
  archiveFailure(
    "the archive has the binary twice",
    /no file natpmp-\S+\/natpmp, or several/,
    (right) => [...right, { name: `${TOP}/natpmp`, content: "#!/bin/sh\necho another\n" }],
  ),
  archiveFailure(
    "the archive lacks the manual page",
    /no file natpmp-\S+\/man\/natpmp\.1, or several/,
    replaced("man/natpmp.1", []),
  ),
  archiveFailure(
    "the binary is a symbolic link",
    /natpmp-\S+\/natpmp is empty or not a file/,
    replaced("natpmp", [{ name: `${TOP}/natpmp`, link: { kind: "symbolic", target: "/bin/sh" } }]),
  ),
  archiveFailure(
    "a file is a hard link to one of the system",
    /natpmp-\S+\/LICENSE is empty or not a file/,
    replaced("LICENSE", [{ name: `${TOP}/LICENSE`, link: { kind: "hard", target: "/etc/passwd" } }]),
  ),
  archiveFailure(
    "the binary does not run here",
    /the binary does not run on this machine: .*\(--force installs it anyway\)/,
    replaced("natpmp", [{
      name: `${TOP}/natpmp`,
      content: "#!/bin/sh\necho 'GLIBC_9.9 not found' >&2\nexit 127\n",
    }]),
  ),
];

for (const { when, publish, args = [], says } of FAILURES) {
  e2eTest(`install.sh fails in one line and changes nothing when ${when}`, async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    for (const before of ["nothing installed", "0.1.0 installed"]) {
      if (before === "0.1.0 installed") {
        await lab.server.publish("0.1.0");
        lab.assertDone(await lab.install());
      }
      await publish(lab);
      const { code, stderr } = await lab.install(args);
      assertEquals(code, 1, stderr);
      assertMatch(stderr, says);
      assertMatch(stderr, /^install\.sh: [^\n]*\n$/);
      assertEquals(tree(lab.temporary), []);
      if (before === "nothing installed") {
        assertEquals([...Deno.readDirSync(lab.root)].map(({ name }) => name).sort(), ["home", "path", "tmp"]);
      } else {
        assertEquals(tree(lab.prefix), INSTALLED);
        assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
      }
    }
    assert(!tree(lab.root).some((path) => path.includes("escaped")));
  }, NEEDS);
}

e2eTest(
  "install.sh fails in one line when something stands where a file or directory has to be",
  async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    await Deno.mkdir(`${lab.prefix}/bin/natpmp`, { recursive: true });
    const directory = await lab.install();
    assertEquals({ code: directory.code, stderr: directory.stderr }, {
      code: 1,
      stderr: `install.sh: ${lab.prefix}/bin/natpmp is a directory\n`,
    });
    await Deno.remove(`${lab.prefix}/bin/natpmp`);
    await Deno.writeTextFile(`${lab.prefix}/share`, "");
    const file = await lab.install();
    assertEquals({ code: file.code, stderr: file.stderr }, {
      code: 1,
      stderr: `install.sh: ${lab.prefix}/share is not a directory\n`,
    });
    assertEquals(lab.server.takeRequests(), []);
    assertEquals(tree(lab.prefix), ["bin/", "share"]);
  },
  NEEDS,
);
