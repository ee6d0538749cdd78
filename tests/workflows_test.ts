import { assert, assertEquals, assertMatch } from "@std/assert";
import { runCommand } from "./support/command.ts";
import { e2eTest } from "./support/requirements.ts";

const ROOT = new URL("../", import.meta.url);
const NAMES = ["test.yml", "release.yml"];

async function workflow(name: string): Promise<string> {
  return await Deno.readTextFile(new URL(`.github/workflows/${name}`, ROOT));
}

/** The values of a key, wherever it stands. */
function valuesOf(key: string, text: string): string[] {
  return [...text.matchAll(new RegExp(`\\b${key}: (.+)$`, "gm"))].map(([, value]) => value!);
}

Deno.test("the workflows are all that there are", () => {
  const found = [...Deno.readDirSync(new URL(".github/workflows/", ROOT))].map(({ name }) => name);
  assertEquals(found.sort(), NAMES.toSorted());
});

for (const name of NAMES) {
  Deno.test(`${name} uses the platform's own actions, each pinned to a commit`, async () => {
    const actions = valuesOf("uses", await workflow(name));
    assert(actions.length > 0);
    for (const action of actions) assertMatch(action, /^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  Deno.test(`${name} uses the Deno that .ci/run uses, and no secrets`, async () => {
    const text = await workflow(name);
    const [, version] = /^VERSION=(.+)$/m.exec(await Deno.readTextFile(new URL(".ci/run", ROOT))) ?? [];
    const used = [...text.matchAll(/\bdeno@(\S+)/g)].map(([, used]) => used);
    assertEquals([...new Set(used)], [version]);
    assert(!/\$\{\{[^}]*\bsecrets\b/.test(text));
  });
}

Deno.test("test.yml tests on three systems, without the right to write", async () => {
  const text = await workflow("test.yml");
  assertEquals(valuesOf("os", text), ["[ubuntu-latest, macos-latest, windows-latest]"]);
  assertEquals(valuesOf("contents", text), ["read"]);
});

/** The text of each job of a workflow. */
function jobsOf(text: string): Record<string, string> {
  const [, jobs = ""] = text.split(/^jobs:\n/m);
  const parts = jobs.split(/^ {2}([a-z]+):\n/m).slice(1);
  return Object.fromEntries(parts.flatMap((name, i) => i % 2 === 0 ? [[name, parts[i + 1]!]] : []));
}

/** The lines of a block, each without its blanks. */
function blockOf(name: string, text: string): string[] {
  const [, indent = "", block = ""] = new RegExp(`^( +)${name}:\n((?:\\1 +.*\n)+)`, "m").exec(text) ?? [];
  return block.split("\n").map((line) => line.slice(indent.length).trim()).filter((line) => line !== "");
}

Deno.test("release.yml releases tags, and gives no job a right that it does not name", async () => {
  const text = await workflow("release.yml");
  assertEquals(valuesOf("tags", text), ['["v*"]']);
  assert(!text.includes("branches:"));
  assertMatch(text, /^permissions: \{\}$/m);
  assertEquals(Object.keys(jobsOf(text)), ["build", "release"]);
});

Deno.test("release.yml builds every target without the right to write, and without credentials on the disk", async () => {
  const { build = "" } = jobsOf(await workflow("release.yml"));
  assertEquals(blockOf("permissions", build), ["contents: read"]);
  assertEquals(valuesOf("persist-credentials", build), ["false"]);
  assertMatch(build, /task build --all$/m);
  assert(!build.includes("github.token"));
});

Deno.test("release.yml writes in a job that runs nothing of the repository", async () => {
  const { release = "" } = jobsOf(await workflow("release.yml"));
  assertEquals(valuesOf("needs", release), ["build"]);
  assertEquals(blockOf("permissions", release), [
    "contents: write",
    "id-token: write",
    "attestations: write",
  ]);
  const actions = valuesOf("uses", release).map((action) => action.split("@")[0]);
  assertEquals(actions, ["actions/download-artifact", "actions/attest-build-provenance"]);
  assert(!/\b(npx|npm|node|deno|git)\b/.test(release.replaceAll("github", "")));
  // The sums are checked before they are attested, and attested before they are published.
  const order = ["sha256sum --check --strict", "subject-checksums: dist/SHA256SUMS", "gh release create"];
  const places = order.map((text) => release.indexOf(text));
  assertEquals(places, places.toSorted((a, b) => a - b));
  assert(places.every((place) => place >= 0));
  assertMatch(release, /gh release create .*dist\/\*\.tar\.gz dist\/\*\.zip dist\/SHA256SUMS$/m);
});

e2eTest("actionlint finds nothing wrong in the workflows", async () => {
  const paths = NAMES.map((name) => new URL(`.github/workflows/${name}`, ROOT).pathname);
  const { code, stdout, stderr } = await runCommand(["actionlint", "-no-color", ...paths]);
  assertEquals({ code, said: stdout + stderr }, { code: 0, said: "" });
}, { programs: ["actionlint"] });
