import { assertEquals, assertGreater, assertNotEquals, assertStringIncludes } from "@std/assert";
import { parseFault } from "../../../lib/simulator/mod.ts";

const ROOT = new URL("../../../", import.meta.url);

async function readPage(name: string): Promise<string> {
  return await Deno.readTextFile(new URL(`lib/cli/manual/${name}.md`, ROOT));
}

/** The first cells of a section's table, without code marks. */
function firstCells(page: string, section: string): string[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? "";
  const rows = [...text.matchAll(/^\| ([^|]*)\|/gm)].slice(2);
  return rows.map(([, cell]) => cell!.trim().replaceAll("`", ""));
}

Deno.test("simulate.md: the simulated router has each fault of the table", async () => {
  const faults = firstCells(await readPage("simulate"), "Try a failure");
  assertGreater(faults.length, 0);
  for (const fault of faults) assertNotEquals(Object.keys(parseFault(fault)).length, 0, fault);
});

Deno.test("service.md: the unit of an unprivileged user has a state directory of its own, for that user alone", async () => {
  const [, unit = ""] = /^```ini\n(.*?)^```/ms.exec(await readPage("service")) ?? [];
  assertStringIncludes(unit, "DynamicUser=yes\n");
  const [, name = ""] = /^StateDirectory=(.*)$/m.exec(unit) ?? [];
  assertNotEquals(name, "natpmp");
  assertStringIncludes(unit, "StateDirectoryMode=0700\n");
  // The state is in natpmp/ below it, as everywhere.
  assertStringIncludes(unit, `Environment=XDG_STATE_HOME=%S/${name}\n`);
});

Deno.test("install.md: the table of files has all that install.sh writes", async () => {
  const script = await Deno.readTextFile(new URL("scripts/install.sh", ROOT));
  const [, files = ""] = /^FILES="([^"]*)"$/m.exec(script) ?? [];
  const [, manifest = ""] = /^MANIFEST="([^"]*)"$/m.exec(script) ?? [];
  const written = [...files.split("\n").map((line) => line.split(":").at(-1)!), manifest];
  const page = await readPage("install");
  const places = [...page.split("\n## Files\n")[1]!.matchAll(/\| `([^`]+)`/g)].map(([, place]) => place!);
  const isListed = (file: string) => places.some((place) => file === place || file.startsWith(`${place}/`));
  assertEquals(written.filter((file) => !isListed(file)), []);
  assertStringIncludes(
    await readPage("config"),
    `/usr/local/${written.find((file) => file.endsWith(".json"))}`,
  );
});
