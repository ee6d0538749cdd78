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

Deno.test("release.yml releases tags, with every target, and may write for it", async () => {
  const text = await workflow("release.yml");
  assertEquals(valuesOf("tags", text), ['["v*"]']);
  assert(!text.includes("branches:"));
  assertEquals(valuesOf("contents", text), ["write"]);
  assertMatch(text, /task build --all$/m);
  assertMatch(text, /gh release create .*dist\/\*\.tar\.gz dist\/\*\.zip dist\/SHA256SUMS$/m);
});

e2eTest("actionlint finds nothing wrong in the workflows", async () => {
  const paths = NAMES.map((name) => new URL(`.github/workflows/${name}`, ROOT).pathname);
  const { code, stdout, stderr } = await runCommand(["actionlint", "-no-color", ...paths]);
  assertEquals({ code, said: stdout + stderr }, { code: 0, said: "" });
}, { programs: ["actionlint"] });
