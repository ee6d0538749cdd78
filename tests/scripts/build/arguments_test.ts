import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HELP, parseBuildArguments } from "../../../scripts/build/arguments.ts";
import { UsageError } from "../../../scripts/build/build_error.ts";
import { TARGETS } from "../../../scripts/build/targets.ts";

Deno.test("parseBuildArguments() without arguments asks for this machine's program, bundled, in dist", () => {
  assertEquals(parseBuildArguments([]), {
    targets: [],
    isAll: false,
    out: "dist",
    bundles: true,
    help: false,
  });
});

Deno.test("parseBuildArguments() takes targets in either name and form, each once", () => {
  const args = [
    "--target",
    "windows-x64",
    "--target=x86_64-apple-darwin",
    "--target",
    "x86_64-pc-windows-msvc",
  ];
  assertEquals(parseBuildArguments(args).targets.map(({ name }) => name), ["windows-x64", "macos-x64"]);
});

Deno.test("parseBuildArguments() takes --all, --out and --no-bundle", () => {
  const { targets, ...rest } = parseBuildArguments(["--all", "--out", "/tmp/x", "--no-bundle"]);
  assertEquals(targets, TARGETS);
  assertEquals(rest, { isAll: true, out: "/tmp/x", bundles: false, help: false });
});

Deno.test("parseBuildArguments() refuses what cannot be meant, and says what it was", () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["--tarjet=linux-x64"], "Unknown option --tarjet"],
    [["-x"], "Unknown option -x"],
    [["linux-x64"], '"linux-x64"'],
    [["--target"], "--target needs a value"],
    [["--target", "linux-x86"], 'Unknown target "linux-x86"'],
    [["--out="], "--out needs a value"],
    [["--all", "--target", "linux-x64"], "exclude each other"],
  ];
  for (const [args, message] of cases) assertThrows(() => parseBuildArguments(args), UsageError, message);
});

Deno.test("HELP names every target and the variables of the runtimes", () => {
  for (const { name } of TARGETS) assertStringIncludes(HELP, name);
  assertStringIncludes(HELP, "DENORT_BIN_LINUX_X64");
  assert(parseBuildArguments(["--help"]).help);
});
