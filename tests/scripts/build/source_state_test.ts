import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import project from "../../../deno.json" with { type: "json" };
import { type Git, gitOf, sourceState } from "../../../scripts/build/source_state.ts";

const HEAD = "0123456789abcdef0123456789abcdef01234567";

/** A git that answers by the first argument. */
function git(answers: Readonly<Record<string, string>>): Git {
  return (command = "") => Promise.resolve(answers[command]);
}

Deno.test("sourceState() is the version, the commit and its time", async () => {
  assertEquals(await sourceState(git({ "rev-parse": HEAD, status: "", log: "1700000000" })), {
    version: project.version,
    commit: HEAD,
    timeSeconds: 1_700_000_000,
  });
});

Deno.test("sourceState() does not claim a commit that tracked files differ from", async () => {
  const state = await sourceState(git({ "rev-parse": HEAD, status: " M main.ts", log: "1700000000" }));
  assertEquals(state.commit, `${HEAD}-dirty`);
});

Deno.test("sourceState() outside of a checkout has no commit, and the earliest time of a zip", async () => {
  assertEquals(await sourceState(git({})), {
    version: project.version,
    timeSeconds: Date.UTC(1980, 0, 1) / 1000,
  });
});

Deno.test("sourceState() takes SOURCE_DATE_EPOCH before the commit's time", async () => {
  const known = git({ "rev-parse": HEAD, status: "", log: "1700000000" });
  assertEquals((await sourceState(known, "1600000000")).timeSeconds, 1_600_000_000);
  assertEquals((await sourceState(known, "")).timeSeconds, 1_700_000_000);
  for (const text of ["yesterday", "-1", "1.5"]) {
    await assertRejects(() => sourceState(known, text), SyntaxError, `"${text}"`);
  }
});

Deno.test("gitOf() gives what git prints, and nothing where it fails or is not there", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const here = gitOf(directory);
    assertEquals(await here("rev-parse", "HEAD"), undefined);
    const version = await here("--version");
    if (version !== undefined) assertMatch(version, /^git version \S+/);
  } finally {
    await Deno.remove(directory);
  }
});
