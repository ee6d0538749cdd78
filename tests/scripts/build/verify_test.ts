import { assertRejects } from "@std/assert";
import { BuildError } from "../../../scripts/build/build_error.ts";
import { verifyProgram } from "../../../scripts/build/verify.ts";

const STATE = { version: "0.1.0", commit: "0123abc", timeSeconds: 0 };

/** Runs a test with a program that is this shell script. */
async function withProgram(script: string, test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(path, 0o755);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

const printing = (report: object) => `echo '${JSON.stringify({ command: "version", ...report })}'`;

Deno.test({
  name: "verifyProgram() accepts the program that says it is what was built (not on Windows: a script)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const report = { version: "0.1.0", commit: "0123abc", deno: Deno.version.deno };
    await withProgram(printing(report), (path) => verifyProgram(path, STATE));
  },
});

Deno.test({
  name: "verifyProgram() rejects one that is something else or does not start (not on Windows: a script)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const deno = Deno.version.deno;
    const cases: readonly (readonly [script: string, message: string])[] = [
      [printing({ version: "0.0.9", commit: "0123abc", deno }), "is not what was built"],
      [printing({ version: "0.1.0", deno }), "is not what was built"],
      [printing({ version: "0.1.0", commit: "0123abc", deno: "2.0.0" }), "is not what was built"],
      ["echo 'Could not find standalone binary section.' >&2; exit 1", "does not start: Could not find"],
    ];
    for (const [script, message] of cases) {
      await withProgram(script, async (path) => {
        await assertRejects(() => verifyProgram(path, STATE), BuildError, message);
      });
    }
  },
});
