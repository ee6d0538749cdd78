/** What the installer does where somebody else has a hand in it: other users, whoever serves, whoever is on the way. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCommand, shellText } from "../support/command.ts";
import { hostArchive, INSTALL_PROGRAMS, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { e2eTest, programPath } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };

e2eTest("install.sh writes through no link that somebody planted beside a file's place", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const victim = `${lab.root}/victim`;
  await Deno.writeTextFile(victim, "precious");
  await Deno.mkdir(`${lab.prefix}/bin`, { recursive: true });
  // The process that plants the link becomes the one that installs.
  const plant = `ln -s ${shellText([victim])} ${shellText([lab.prefix])}/bin/.natpmp.$$; exec "$@"`;
  lab.assertDone(await lab.install([], { through: ["sh", "-c", plant, "sh"] }));
  assertEquals(await Deno.readTextFile(victim), "precious");
  assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
  assertEquals(
    tree(lab.prefix).filter((path) => !/^bin\/\.natpmp\.\d+$/.test(path)),
    INSTALLED,
  );
}, NEEDS);

for (
  const [installed, latest] of [
    ["0.10.0", "0.9.9"],
    ["1.0.0", "1.0.0-rc.2"],
    ["1.0.0-rc.10", "1.0.0-rc.9"],
    ["1.0.0-rc.1", "1.0.0-beta.2"],
  ] as const
) {
  e2eTest(
    `install.sh does not take ${latest} for an update of ${installed}, unless it is named`,
    async () => {
      await using lab = await InstallLab.create();
      await lab.server.publish(installed);
      lab.assertDone(await lab.install());
      await lab.server.publish(latest);
      const { code, stderr } = await lab.install();
      assertEquals({ code, stderr }, {
        code: 1,
        stderr:
          `install.sh: the latest release is ${latest}, and ${installed} is installed in ${lab.prefix}: ` +
          `nothing changed (--version ${latest} installs the older one)\n`,
      });
      assertEquals(await lab.installedVersion(), `natpmp ${installed}`);
      lab.assertDone(await lab.install(["--version", latest]));
      assertEquals(await lab.installedVersion(), `natpmp ${latest}`);
      await lab.server.publish(installed);
      lab.assertDone(await lab.install());
      assertEquals(await lab.installedVersion(), `natpmp ${installed}`);
    },
    NEEDS,
  );
}

for (
  const [url, isWarnedOf] of [
    ["http://example.org", true],
    ["http://127.0.0.1.example.org", true],
    ["http://127.0.0.1@example.org", true],
    ["http://localhost.example.org:80/x", true],
    ["http://localhost:9", false],
    ["http://[::1]:9/x", false],
    ["http://user@127.0.0.1:9", false],
    ["https://example.org", false],
  ] as const
) {
  e2eTest(`install.sh ${isWarnedOf ? "warns" : "does not warn"} of ${url}`, async () => {
    await using lab = await InstallLab.create();
    await lab.fakeTool("curl", "exit 7");
    const { code, stderr } = await lab.install(["--base-url", url]);
    assertEquals(code, 1);
    const warning =
      `install.sh: ${url} is not https: anybody on the network path can replace the program and ` +
      "its checksum\n";
    assertEquals(
      stderr,
      `${isWarnedOf ? warning : ""}install.sh: cannot download ${url}/latest/SHA256SUMS: curl ` +
        "failed with exit code 7\n",
    );
  }, NEEDS);
}

for (const option of ["--prefix", "--base-url"]) {
  for (const control of ["\n", "\t", "\x1b", "\x7f"]) {
    e2eTest(`install.sh refuses ${JSON.stringify(control)} in ${option}`, async () => {
      await using lab = await InstallLab.create();
      await lab.server.publish("0.1.0");
      const value = option === "--prefix" ? `${lab.prefix}${control}/etc` : `${lab.server.url}/${control}`;
      const { code, stdout, stderr } = await lab.install([option, value]);
      assertEquals({ code, stdout, stderr }, {
        code: 2,
        stdout: "",
        stderr: "install.sh: the prefix, URL or repository holds a line break or another control character " +
          "(see --help)\n",
      });
      assertEquals(lab.server.takeRequests(), []);
      assertEquals([...Deno.readDirSync(lab.root)].map(({ name }) => name).sort(), ["home", "path", "tmp"]);
    }, NEEDS);
  }
}

/** A server by https, whose certificate the downloaders of this lab trust. */
async function startHttps(lab: InstallLab, handler: (path: string) => Response | Promise<Response>) {
  const [key, cert] = [`${lab.root}/key.pem`, `${lab.root}/cert.pem`];
  const made = await runCommand([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
  ]);
  assertEquals(made.code, 0, made.stderr);
  const wgetrc = `${lab.root}/wgetrc`;
  await Deno.writeTextFile(wgetrc, `ca_certificate = ${cert}\n`);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    key: await Deno.readTextFile(key),
    cert: await Deno.readTextFile(cert),
    onListen() {},
  }, (request) => handler(new URL(request.url).pathname));
  return {
    url: `https://localhost:${server.addr.port}`,
    env: { CURL_CA_BUNDLE: cert, WGETRC: wgetrc },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

for (const downloader of ["curl", "wget"]) {
  e2eTest(
    `install.sh follows ${downloader} from https to https, and not to http`,
    async () => {
      await using lab = await InstallLab.create({ programs: [downloader, "sha256sum"] });
      await lab.server.publish("0.1.0");
      let leadsTo = "";
      await using https = await startHttps(lab, async (path) => {
        if (!path.startsWith("/moved")) return Response.redirect(`${leadsTo}${path}`, 302);
        const response = await fetch(`${lab.server.url}${path.slice("/moved".length)}`);
        return new Response(await response.arrayBuffer(), { status: response.status });
      });
      const install = () => lab.install(["--base-url", https.url], { env: https.env });

      leadsTo = lab.server.url;
      const { code, stderr } = await install();
      assertEquals(code, 1);
      assertMatch(stderr, /^install\.sh: cannot download https:\S+: [^\n]+\n$/);
      assertEquals(lab.server.takeRequests(), []);
      assert(!tree(lab.root).some((path) => path.startsWith("prefix")));

      leadsTo = `${https.url}/moved`;
      lab.assertDone(await install());
      assertEquals(await lab.installedVersion(), "natpmp 0.1.0");

      const missing = await lab.install(["--base-url", https.url, "--version", "9.9.9"], { env: https.env });
      assertEquals(missing.code, 1);
      assertMatch(
        missing.stderr,
        /^install\.sh: cannot download \S+: no such file there \([^\n]*404[^\n]*\)\n$/,
      );

      leadsTo = `${https.url}/x`;
      const endless = await install();
      assertEquals(endless.code, 1);
      assertMatch(endless.stderr, /^install\.sh: cannot download https:\S+: [^\n]+\n$/);
    },
    { programs: [...INSTALL_PROGRAMS, "openssl", downloader] },
  );
}

/** Lets curl find at this lab's server what it asks GitHub for, and gives the lab a `gh`. */
async function withGitHub(lab: InstallLab, gh: string): Promise<void> {
  await lab.fakeTool(
    "curl",
    `for word; do url=$word; done
exec ${programPath("curl")} -fsSL "$(printf '%s' "$url" | sed \\
  -e 's|^https://github.com/natpmp/natpmp/releases/latest/download/|${lab.server.url}/latest/|' \\
  -e 's|^https://github.com/natpmp/natpmp/releases/download/|${lab.server.url}/|')"`,
  );
  await lab.fakeTool("gh", gh);
}

e2eTest("install.sh lets gh verify who built the archive, and believes it", async () => {
  await using lab = await InstallLab.create();
  await lab.server.publish("0.1.0");
  const notes = `${lab.root}/notes`;
  const gh = (verdict: string) =>
    `case "$*" in "attestation verify --help" | "auth status --hostname github.com") exit 0 ;; esac
printf '%s\\n' "$@" >${notes}; ${programPath("sha256sum")} <"$3" >>${notes}
${verdict}`;
  await withGitHub(lab, gh('echo "no attestation found" >&2; exit 1'));
  const { code, stderr } = await lab.run(["--prefix", lab.prefix]);
  assertEquals({ code, stderr }, {
    code: 1,
    stderr:
      `install.sh: gh cannot verify that natpmp/natpmp built ${
        hostArchive("0.1.0")
      }: no attestation found; ` +
      "nothing changed\n",
  });
  assert(!tree(lab.root).some((path) => path.startsWith("prefix")));

  await withGitHub(lab, gh("exit 0"));
  const stdout = lab.assertDone(await lab.run(["--prefix", lab.prefix]));
  assertStringIncludes(stdout, "provenance verified: built by natpmp/natpmp\n");
  const [first, second, , ...rest] = (await Deno.readTextFile(notes)).trimEnd().split("\n");
  assertEquals([first, second], ["attestation", "verify"]);
  assertEquals(rest.slice(0, -1), [
    "--repo",
    "natpmp/natpmp",
    "--signer-workflow",
    "natpmp/natpmp/.github/workflows/release.yml",
  ]);
  const archive = await (await fetch(`${lab.server.url}/v0.1.0/${hostArchive("0.1.0")}`)).arrayBuffer();
  const digest = [...new Uint8Array(await crypto.subtle.digest("SHA-256", archive))];
  assertEquals(rest.at(-1), `${digest.map((byte) => byte.toString(16).padStart(2, "0")).join("")}  -`);
}, NEEDS);

for (
  const [what, gh, note] of [
    ["too old", "exit 1", "this gh is too old to verify the builder of the archive"],
    [
      "not logged in",
      'case "$*" in "attestation verify --help") exit 0 ;; esac; echo "log in first" >&2; exit 4',
      "gh is not logged in, so the builder of the archive was not verified",
    ],
  ] as const
) {
  e2eTest(`install.sh installs with a note where gh is ${what}`, async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    await withGitHub(lab, gh);
    assertStringIncludes(lab.assertDone(await lab.run(["--prefix", lab.prefix])), `note: ${note}\n`);
    assertEquals(tree(lab.prefix), INSTALLED);
  }, NEEDS);
}
