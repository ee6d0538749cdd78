import { assertEquals, assertGreater, assertNotEquals, assertStringIncludes } from "@std/assert";
import { tableLines } from "../../../lib/cli/watch/watch_table.ts";
import { failureError } from "../../../lib/gateway/failure.ts";
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

Deno.test("watch.md: the table is the one that a terminal shows", async () => {
  const [, shown = ""] = /^```text\n(.*?)\n```/ms.exec(await readPage("watch")) ?? [];
  const day = 24 * 3600;
  const view = {
    gateway: "10.0.0.1",
    uptimeMs: (14 * day + 6 * 3600 + 56 * 60 + 7) * 1000,
    externalAddress: "203.0.113.7",
    rows: [
      {
        mapping: { protocol: "tcp", internalPort: 80 },
        held: { externalPort: 8080, leftMs: 6_820_000, renewsInMs: 3_410_000, via: "pcp" },
      },
      {
        mapping: { protocol: "udp", internalPort: 51820 },
        held: { externalPort: 51820, leftMs: 6_820_000, renewsInMs: 3_420_000, via: "pcp" },
      },
    ],
    news: [],
  } as const;
  assertEquals(shown.split("\n"), tableLines(view, { columns: 80, rows: 24 }));
});

Deno.test("gateways.md: the messages that name an interface are those of the program", async () => {
  const interfaceName = "eth0";
  const failures: readonly Parameters<typeof failureError>[0][] = [
    { kind: "no-gateway", interfaceName },
    { kind: "no-address", interfaceName },
    { kind: "translated", interfaceName, localAddress: "192.0.0.4" },
    { kind: "ipv6-hop", interfaceName },
    { kind: "unknown-interface", asked: "eth1", known: [interfaceName] },
    { kind: "foreign-source", asked: "10.0.0.9", known: ["10.0.0.2"] },
  ];
  const [, section = ""] = (await readPage("gateways")).split("\n## Messages that name an interface\n");
  const quotes = [...section.matchAll(/"([^"]+)"/g)].map(([, quote]) => quote!.replaceAll("\n", " "));
  for (const failure of failures) {
    const { message } = failureError(failure);
    const isQuoted = quotes.some((quote) => quote.split("…").every((part) => message.includes(part)));
    assertEquals(isQuoted, true, message);
  }
  const translated = failureError(failures[2]!).message;
  const [quote = ""] = /`its address [^`]+`/.exec((await readPage("ipv6")).replaceAll(/\s+/g, " ")) ?? [];
  assertStringIncludes(translated, quote.slice(1, -1));
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
