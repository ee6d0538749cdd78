import { assertEquals } from "@std/assert";
import { fromRoot } from "../scripts/build/_root.ts";
import { runCommand } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";

const DOCUMENTS = ["CHANGELOG.md", "LICENSE", "README.md", "deno.json"];

e2eTest("deno publish finds nothing wrong, and ships the library and its documents alone", async () => {
  const command = [Deno.execPath(), "publish", "--dry-run", "--allow-dirty"];
  const { code, stdout, stderr } = await runCommand([
    "sh",
    "-c",
    'cd "$1" && shift && exec "$@"',
    "sh",
    fromRoot(""),
    ...command,
  ], {
    env: { NO_COLOR: "1" },
    timeoutMs: 60_000,
  });
  const said = stdout + stderr;
  assertEquals(code, 0, said);
  assertEquals(said.split("\n").filter((line) => /^(warning|error)\b/i.test(line)), []);
  const shipped = [...said.matchAll(/^ +file:\S+?\/(\S+) \([0-9.]+[KM]?B\)$/gm)]
    .map(([line]) =>
      line.trim().replace(`file://${fromRoot("")}`, "").replace(/^\//, "").replace(/ \(.*/, "")
    );
  assertEquals(shipped.filter((path) => !path.startsWith("lib/")), DOCUMENTS);
  assertEquals(shipped.filter((path) => /_test\.ts$|testdata/.test(path)), []);
  assertEquals(shipped.includes("lib/mod.ts"), true);
}, { programs: ["sh"] });
