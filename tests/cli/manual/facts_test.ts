/** What users need and no table of the program has: README or manual have it, and the program does it. */

import { assertGreater, assertNotEquals, assertStringIncludes } from "@std/assert";
import { type ConfigKey, FILE_KEYS, MAPPING_KEYS } from "../../../lib/cli/config/config_keys.ts";
import { fencesOf, readDocuments } from "./documents.ts";

const DOCUMENTS = await readDocuments();

Deno.test("the unit of an unprivileged user has a state directory of its own, for that user alone", () => {
  const units = DOCUMENTS.flatMap(fencesOf)
    .filter(({ language, text }) => language === "ini" && text.includes("DynamicUser=yes"));
  assertGreater(units.length, 0);
  for (const { text } of units) {
    const [, name = ""] = /^StateDirectory=(.*)$/m.exec(text) ?? [];
    assertNotEquals(name, "natpmp");
    assertStringIncludes(text, "StateDirectoryMode=0700\n");
    // The state is in natpmp/ below it, as everywhere.
    assertStringIncludes(text, `Environment=XDG_STATE_HOME=%S/${name}\n`);
  }
});

Deno.test("the page about security names every key by which a configuration runs or writes something", () => {
  const page = DOCUMENTS.find(({ path }) => path.endsWith("/security.md"))?.text ?? "";
  for (const table of [FILE_KEYS, MAPPING_KEYS]) {
    for (const [name, { kind }] of Object.entries<ConfigKey<unknown>>(table)) {
      if (kind.power !== undefined) assertStringIncludes(page, `\`${name}\``);
    }
  }
});
