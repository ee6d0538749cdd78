import { assertEquals } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { targetName, versionReport } from "../../lib/cli/version.ts";

Deno.test("targetName() says systems and processors as the names of the released files do", () => {
  const cases = [
    ["linux", "x86_64", "linux-x64"],
    ["linux", "aarch64", "linux-arm64"],
    ["darwin", "x86_64", "macos-x64"],
    ["darwin", "aarch64", "macos-arm64"],
    ["windows", "x86_64", "windows-x64"],
    ["freebsd", "x86_64", "freebsd-x64"],
  ] as const;
  for (const [os, arch, expected] of cases) assertEquals(targetName({ os, arch }), expected);
});

Deno.test("versionReport() has no commit when the program runs from source", () => {
  assertEquals(versionReport(), {
    version: project.version,
    target: targetName(Deno.build),
    deno: Deno.version.deno,
  });
});
