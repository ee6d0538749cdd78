import { assertEquals, assertStringIncludes } from "@std/assert";
import { SHELLS } from "../../../lib/cli/option_table.ts";
import { TestWorld } from "../../support/test_world.ts";

for (const shell of SHELLS) {
  Deno.test(`completions ${shell} prints the script, which asks natpmp, and sends nothing`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run("completions", shell);
    assertEquals({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assertStringIncludes(stdout, `made by "natpmp completions ${shell}"`);
    assertStringIncludes(stdout, `command natpmp __complete ${shell} `);
    assertEquals([world.networksOpened, world.processesOpened], [0, 0]);
  });

  Deno.test(`completions ${shell} prints the same with --quiet, and in the object of --json`, async () => {
    const { stdout } = await new TestWorld().run("completions", shell);
    assertEquals((await new TestWorld().run("completions", shell, "--quiet")).stdout, stdout);
    const { exitCode, stderr, json } = await new TestWorld().runJson("completions", shell);
    assertEquals({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assertEquals(json, { command: "completions", shell, script: stdout });
  });
}

for (
  const [args, message] of [
    [[], "No shell is given: the shells are bash, zsh, fish"],
    [["fis"], 'Unknown shell "fis": the shells are bash, zsh, fish; did you mean fish?'],
    [["powershell"], 'Unknown shell "powershell": the shells are bash, zsh, fish'],
    [["bash", "zsh"], '"natpmp completions" takes one shell, but "zsh" was given too'],
  ] as const
) {
  Deno.test(`completions ${args.join(" ")} is a usage error: ${message}`, async () => {
    const { exitCode, stdout, stderr } = await new TestWorld().run("completions", ...args);
    assertEquals({ exitCode, stdout, stderr }, {
      exitCode: 2,
      stdout: "",
      stderr: `natpmp: error: ${message}\n`,
    });
    const { json } = await new TestWorld().runJson("completions", ...args);
    assertEquals(json, { command: "completions", error: { kind: "usage", message } });
  });
}
