/**
 * Builds, unpacks and runs what `deno task build` makes, with the programs that users have.
 *
 * `NATPMP_BUILD_DENO` names the Deno to build with, as a command line (`npx -y deno@2.7.11`); by default it is the one
 * that runs the tests. `DENORT_BIN` names its runtime. Without either, and with none in Deno's cache, nothing is built
 * here, as that would fetch one.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes, fail } from "@std/assert";
import { sampleProcesses } from "../../scripts/bench/process_samples.ts";
import { packArchive } from "../../scripts/build/archive.ts";
import project from "../../deno.json" with { type: "json" };
import { fromRoot } from "../scripts/build/_root.ts";
import { type BuildLab, buildTest, OFFLINE } from "../support/build_lab.ts";
import { runCommand } from "../support/command.ts";

const { version } = project;

/** Runs a program that has to succeed; what it printed. */
async function run(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command);
  assertEquals(code, 0, `${command.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

/** Unpacks this machine's archive with the system's tar; where its one directory is. */
async function unpack(lab: BuildLab, out: string): Promise<string> {
  const name = `natpmp-${version}-${lab.target}`;
  const directory = lab.path(`${out}-unpacked`);
  await Deno.mkdir(directory);
  await run("tar", "-xzf", `${lab.path(out)}/${name}.tar.gz`, "-C", directory);
  assertEquals([...Deno.readDirSync(directory)].map((entry) => entry.name), [name]);
  return `${directory}/${name}`;
}

/** What else the machine does can only make a start later, so the quietest of some rounds tells. */
const ROUNDS = 5;

async function assertStartsNoLaterThanSource(lab: BuildLab, program: string): Promise<void> {
  const seen: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const samples = await sampleProcesses({
      compiled: [program, "--version"],
      source: [lab.deno, "run", "-q", "--frozen", "-A", fromRoot("main.ts"), "--version"],
    }, { timedRuns: 15, peakRuns: 0, env: {} });
    const [compiled, source] = [samples.get("compiled")!.elapsedMs, samples.get("source")!.elapsedMs];
    if (compiled <= source) return;
    seen.push(`compiled ${compiled} ms, deno run ${source} ms`);
  }
  fail(seen.join("; "));
}

async function workTree(): Promise<string> {
  return (await runCommand(["git", "-C", fromRoot(""), "status", "--porcelain"])).stdout;
}

async function expectedCommit(): Promise<string | undefined> {
  const git = (...args: string[]) => runCommand(["git", "-C", fromRoot(""), ...args]);
  const head = await git("rev-parse", "HEAD");
  if (head.code !== 0) return undefined;
  const { code } = await git("diff", "--quiet", "HEAD");
  return `${head.stdout.trim()}${code === 0 ? "" : "-dirty"}`;
}

buildTest(
  "the build makes a program that starts no later than `deno run`, an archive for tar, and sums for sha256sum",
  async (lab) => {
    const before = await workTree();
    const { code, stdout, stderr } = await lab.build("dist", []);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    const name = `natpmp-${version}-${lab.target}`;
    assertMatch(
      stdout,
      new RegExp(`^\\S+/dist/${name}: [0-9.]+ MiB, packed [0-9.]+ MiB \\(\\.tar\\.gz\\)\\n$`),
    );
    const made = [...Deno.readDirSync(lab.path("dist"))].map((entry) => entry.name).sort();
    assertEquals(made, ["SHA256SUMS", "natpmp", name, `${name}.tar.gz`]);
    assertEquals(
      await run("sh", "-c", 'cd "$1" && sha256sum -c SHA256SUMS', "sh", lab.path("dist")),
      `${name}.tar.gz: OK\n`,
    );

    const unpacked = await unpack(lab, "dist");
    for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
      assertEquals(await Deno.readTextFile(`${unpacked}/${file}`), await Deno.readTextFile(fromRoot(file)));
    }
    for (
      const file of [
        "man/natpmp.1",
        "man/natpmp-watch.1",
        "man/natpmp-config.5",
        "completions/natpmp.bash",
        "config.schema.json",
      ]
    ) {
      assert((await Deno.stat(`${unpacked}/${file}`)).size > 0);
    }
    assertEquals(((await Deno.stat(`${unpacked}/LICENSE`)).mode ?? 0) & 0o777, 0o644);
    const denoVersion = /^deno (\S+)/.exec(await run(lab.deno, "--version"))?.[1];
    const commit = await expectedCommit();
    for (const program of [`${unpacked}/natpmp`, lab.path(`dist/${name}`), lab.path("dist/natpmp")]) {
      assertEquals(await run(program, "--version"), `natpmp ${version}\n`);
      assertEquals(JSON.parse(await run(program, "--version", "--json")), {
        command: "version",
        version,
        ...(commit === undefined ? {} : { commit }),
        target: lab.target,
        deno: denoVersion,
      });
    }
    assertStringIncludes(await run(`${unpacked}/natpmp`, "help", "map"), "natpmp map");
    assertEquals(await workTree(), before);
    await assertStartsNoLaterThanSource(lab, lab.path("dist/natpmp"));
  },
);

buildTest("a second build of the same source is the same bytes, elsewhere and later", async (lab) => {
  const env = { SOURCE_DATE_EPOCH: "1700000000" };
  const here = await lab.copySource("here");
  assertEquals((await lab.build("dist1", [], { root: here, env })).code, 0);
  const there = await lab.copySource("a/deeper/place");
  const elsewhere = {
    ...env,
    DENO_DIR: await lab.denoCache("cache", { hasBundler: true }),
    HOME: "/nonexistent",
    TZ: "Asia/Kathmandu",
    LC_ALL: "C",
    DENO_V8_FLAGS: "--no-opt",
  };
  const second = await lab.build("dist2", [], { root: there, env: elsewhere });
  assertEquals({ code: second.code, stderr: second.stderr }, { code: 0, stderr: "" });
  assertEquals(
    await Deno.readTextFile(lab.path("dist2/SHA256SUMS")),
    await Deno.readTextFile(lab.path("dist1/SHA256SUMS")),
  );
  assertEquals("commit" in JSON.parse(await run(lab.path("dist2/natpmp"), "--version", "--json")), false);
});

buildTest("offline, the build says which file to put where, and is content when it is there", async (lab) => {
  // Without the bundler too: it warns then, and compiles the modules as they are.
  const env = { ...OFFLINE, DENO_DIR: await lab.denoCache("cache", { hasBundler: false }) };
  const refused = await lab.build("dist", ["--no-bundle"], { env });
  const message = new RegExp(
    "^build: error: Deno (\\S+) has no runtime for \\S+ at hand and cannot fetch https:\\S+/(\\S+) \\(.+\\)\\. " +
      "For an offline build put that file at (\\S+), or unpack it and name the denort in it by (DENORT_BIN_\\w+)\n$",
  );
  assertMatch(refused.stderr, message);
  assertEquals(refused.code, 1);
  const [, denoVersion, file, place = "", variable = ""] = message.exec(refused.stderr)!;
  assertEquals(place, lab.path(`cache/dl/release/v${denoVersion}/${file}`));
  assertEquals(OFFLINE[variable], "");

  const bytes = await Deno.readFile(await lab.runtime());
  await Deno.mkdir(place.slice(0, place.lastIndexOf("/")), { recursive: true });
  await packArchive(place, [{ path: "denort", bytes, isExecutable: true }], { timeSeconds: 1_700_000_000 });
  const partial = await lab.build("dist", ["--all"], { env });
  assertEquals(partial.code, 3, partial.stderr);
  const [warning = "", ...leftOut] = partial.stderr.split("\n").filter((line) => line !== "");
  assertMatch(warning, /^build: warning: Cannot fetch Deno's bundler: /);
  assertEquals(leftOut.length, 5, partial.stderr);
  for (const line of leftOut) {
    assertMatch(line, /^build: left out: Deno \S+ (has no runtime for|does not compile for) /);
  }
  assertEquals(await run(lab.path("dist/natpmp"), "--version"), `natpmp ${version}\n`);
});
