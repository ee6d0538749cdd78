import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCommand } from "../support/command.ts";
import { INSTALL_PROGRAMS, INSTALL_SH, InstallLab } from "../support/install_lab.ts";
import { e2eTest } from "../support/requirements.ts";

const NEEDS = { programs: INSTALL_PROGRAMS };

e2eTest("install.sh --help names each option on stdout, and does nothing", async () => {
  await using lab = await InstallLab.create();
  for (const option of ["--help", "-h"]) {
    const stdout = lab.assertDone(await lab.install([option]));
    for (
      const name of ["prefix", "version", "target", "base-url", "force", "uninstall", "help"]
    ) {
      assertStringIncludes(stdout, `\n  --${name} `);
    }
    assertStringIncludes(stdout, "NATPMP_REPOSITORY");
    for (const line of stdout.split("\n")) assertEquals(line.length <= 110, true, line);
  }
  assertEquals(lab.server.takeRequests(), []);
}, NEEDS);

for (
  const [args, says] of [
    ["--frobnicate", "unknown option --frobnicate"],
    ["-x", "unknown option -x"],
    ["operand", "unknown option operand"],
    ["--prefix", "--prefix needs a value"],
    ["--prefix=", "--prefix needs a value"],
    ["--prefix --force", "--prefix needs a value"],
    ["--version", "--version needs a value"],
    ["--version ../../x", "--version ../../x is not a version such as 0.1.0"],
    ["--version latest", "--version latest is not a version such as 0.1.0"],
    [
      "--target solaris-x64",
      "--target solaris-x64 is not one of linux-x64, linux-arm64, macos-x64, macos-arm64",
    ],
    [
      "--target windows-x64",
      "--target windows-x64 is not one of linux-x64, linux-arm64, macos-x64, macos-arm64",
    ],
    ["--base-url ftp://example.org", "--base-url ftp://example.org does not begin with https:// or http://"],
    ["--prefix /", "--prefix / belongs to the system"],
  ] as const
) {
  e2eTest(`install.sh ${args} is a usage error: one line, exit 2, nothing asked of the server`, async () => {
    await using lab = await InstallLab.create();
    await lab.server.publish("0.1.0");
    const { code, stdout, stderr } = await lab.install(args.split(" "));
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertStringIncludes(stderr, `install.sh: ${says}`);
    assertMatch(stderr, /^[^\n]*\(see --help\)\n$/);
    assertEquals(lab.server.takeRequests(), []);
  }, NEEDS);
}

e2eTest("install.sh is plain ASCII, which every shell can read in every locale", async () => {
  assertMatch(await Deno.readTextFile(INSTALL_SH), /^[\n -~]*$/);
}, NEEDS);

e2eTest("install.sh passes shellcheck, with the optional checks that are about mistakes", async () => {
  // Left out: braces around every variable (SC2250), and two that warn of what `set -e` does not see in conditions
  // (SC2310, SC2312); there each command that can fail has its own `|| die`.
  const { code, stdout, stderr } = await runCommand(
    ["shellcheck", "-s", "sh", "-o", "all", "-e", "SC2250,SC2310,SC2312", INSTALL_SH],
  );
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
}, { programs: ["shellcheck"] });
