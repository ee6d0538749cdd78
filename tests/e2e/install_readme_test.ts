import { assertEquals, assertStringIncludes } from "@std/assert";
import { runCommand } from "../support/command.ts";
import { INSTALL_PROGRAMS, INSTALL_SH, INSTALLED, InstallLab, tree } from "../support/install_lab.ts";
import { hostTarget } from "../support/release_server.ts";
import { e2eTest, programPath } from "../support/requirements.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
const PAGE = await Deno.readTextFile(new URL("../../lib/cli/manual/install.md", import.meta.url));
const SCRIPT_URL = "https://raw.githubusercontent.com/natpmp/natpmp/HEAD/scripts/install.sh";
const TOOLS = ["sh", "tar", "mkdir", "install", "grep", "sha256sum"];
/** As root they would install to this machine's `/usr/local`. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** A code block for the shell, by its place in a section. */
function shellBlock(document: string, section: string, index = 0): string {
  const text = document.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? "";
  const block = [...text.matchAll(/^```sh\n(.*?)^```/gms)][index]?.[1];
  if (block === undefined) throw new Error(`There is no block ${index} in ${section}`);
  return block;
}

/** A `curl` that finds on the lab's server what the documents name on GitHub. */
async function redirectCurl(lab: InstallLab): Promise<void> {
  const { url } = lab.server;
  await lab.fakeTool(
    "curl",
    [
      "for word do",
      "  shift",
      "  case $word in",
      "    --proto | =https | --tlsv1.2) continue ;;",
      `    https://github.com/natpmp/natpmp/releases/download/*) word=${url}/\${word#*/download/} ;;`,
      `    https://github.com/natpmp/natpmp/releases/latest/download/*) word=${url}/latest/\${word#*/download/} ;;`,
      `    ${SCRIPT_URL}) word=${url}/install.sh ;;`,
      "    https:*) exit 99 ;;",
      "  esac",
      '  set -- "$@" "$word"',
      "done",
      `exec ${programPath("curl")} "$@"`,
    ].join("\n"),
  );
}

e2eTest(
  "README.md and natpmp help install: their command lines install, verify and remove, as they are written",
  async () => {
    await using lab = await InstallLab.create({ programs: ["curl", "sha256sum", "install"] });
    for (const target of new Set(["linux-x64", hostTarget()])) await lab.server.publish("0.1.0", target);
    lab.server.route("/install.sh", await Deno.readTextFile(INSTALL_SH));
    await redirectCurl(lab);
    for (const directory of [lab.home, lab.temporary]) await Deno.chown(directory, 65534, 65534);
    const run = async (block: string) => {
      const variables = [`PATH=${lab.path}`, `HOME=${lab.home}`, `TMPDIR=${lab.temporary}`];
      const command = [programPath("env")!, "-i", "-C", lab.home, ...variables, "sh", "-ec", block];
      const { code, stdout, stderr } = await runCommand([...NOBODY, ...command]);
      assertEquals({ code, stderr }, { code: 0, stderr: "" }, block);
      return stdout;
    };
    const local = `${lab.home}/.local`;

    const uninstall = shellBlock(PAGE, "Remove");
    for (const [document, section] of [[README, "Install"], [PAGE, "With a script"]] as const) {
      await run(shellBlock(document, section));
      assertEquals(tree(local), INSTALLED, section);
      if (document === PAGE) assertStringIncludes(await run(shellBlock(PAGE, section, 1)), "nothing to do");
      await run(uninstall);
      assertEquals(tree(lab.home), [], section);
    }
    await run(shellBlock(PAGE, "By hand"));
    assertEquals(await lab.installedVersion(local), "natpmp 0.1.0");

    assertEquals(await run(shellBlock(PAGE, "Verify")), "natpmp-0.1.0-linux-x64.tar.gz: OK\n");
    assertStringIncludes(PAGE, "It prints `natpmp-0.1.0-linux-x64.tar.gz: OK`");
  },
  { programs: [...INSTALL_PROGRAMS, ...TOOLS, "setpriv"], root: true },
);
