import { assertEquals } from "@std/assert";
import { ReportPrinter, type ReportPrinterOptions } from "../../../lib/cli/publish/report_printer.ts";
import { heldLeaseOf } from "../../support/leases.ts";
import { MemorySink } from "../../support/test_world.ts";

const time = new Date("2026-01-01T00:00:00Z");
const started = { type: "started", mappings: [], time } as const;
const failed = { type: "error", error: new Error("It broke"), mappings: [], time } as const;
const renewed = { type: "renewed", lease: heldLeaseOf(), gateway: "10.0.0.1", time } as const;
const doubleNat = { type: "address", externalAddress: "10.1.2.3", gateway: "10.0.0.1", time } as const;

function bench(options: Partial<ReportPrinterOptions> = {}) {
  const stdout = new MemorySink(false);
  const stderr = new MemorySink(false);
  const printer = new ReportPrinter({
    stdout,
    stderr,
    now: () => ({ wallMs: time.getTime() }),
    json: false,
    quiet: false,
    hasTimes: true,
    ...options,
  });
  return { printer, stdout, stderr };
}

Deno.test("ReportPrinter prints results on stdout and failures on stderr, each with its time", () => {
  const { printer, stdout, stderr } = bench();
  printer.print(started);
  printer.print(failed);
  assertEquals(stdout.text, "2026-01-01T00:00:00Z started\n");
  assertEquals(stderr.text, "2026-01-01T00:00:00Z natpmp: error: It broke\n");
});

Deno.test("ReportPrinter leaves the time out where the reader has its own", () => {
  const { printer, stdout, stderr } = bench({ hasTimes: false });
  printer.print(started);
  printer.print(failed);
  assertEquals([stdout.text, stderr.text], ["started\n", "natpmp: error: It broke\n"]);
});

Deno.test("ReportPrinter prints NDJSON on stdout only, failures and warnings within", () => {
  const { printer, stdout, stderr } = bench({ json: true });
  printer.print(started);
  printer.print(failed);
  printer.print(doubleNat);
  printer.warn("something");
  assertEquals(stdout.text.trimEnd().split("\n").map((line) => JSON.parse(line).event), [
    "started",
    "error",
    "address",
  ]);
  assertEquals(stderr.text, "");
});

Deno.test("ReportPrinter leaves out what is no news when quiet, in JSON too", () => {
  for (const json of [false, true]) {
    const { printer, stdout } = bench({ json, quiet: true });
    printer.print(started);
    printer.print(renewed);
    assertEquals(stdout.text, "");
    printer.print(doubleNat);
    assertEquals(stdout.text.split("\n").length, 2);
  }
});

Deno.test("ReportPrinter hands lines to a table, but for renewals, which it shows by itself", () => {
  const news: string[] = [];
  const { printer, stdout, stderr } = bench({ onNews: (line) => news.push(line) });
  for (const event of [started, renewed, failed]) printer.print(event);
  assertEquals(news, ["2026-01-01T00:00:00Z started", "2026-01-01T00:00:00Z error: It broke"]);
  assertEquals([stdout.text, stderr.text], ["", ""]);
});

Deno.test("ReportPrinter warns of an address that the Internet cannot reach", () => {
  const { printer, stderr } = bench();
  printer.print(doubleNat);
  assertEquals(stderr.text.startsWith("2026-01-01T00:00:00Z natpmp: warning: "), true);
});
