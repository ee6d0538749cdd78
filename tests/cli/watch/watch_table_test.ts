import { assertEquals, assertMatch } from "@std/assert";
import { LiveTable, tableLines, type TableView } from "../../../lib/cli/watch/watch_table.ts";
import { MemorySink } from "../../support/test_world.ts";

const SIZE = { columns: 80, rows: 24 };

const VIEW: TableView = {
  gateway: "10.0.0.1",
  uptimeMs: 74_565_000,
  externalAddress: "203.0.113.7",
  rows: [
    {
      mapping: { protocol: "tcp", internalPort: 80 },
      held: { externalPort: 40_001, leftMs: 3_599_600, renewsInMs: 1_800_000, via: "nat-pmp" },
    },
    { mapping: { protocol: "udp", internalPort: 51_820 } },
  ],
  news: ["12:00 mapped tcp 80"],
};

Deno.test("tableLines() shows mapping, granted port, time left, next renewal, address and uptime", () => {
  assertEquals(tableLines(VIEW, SIZE), [
    "Router            10.0.0.1, up 20:42:45",
    "External address  203.0.113.7",
    "",
    "MAPPING    EXTERNAL PORT  TIME LEFT  NEXT RENEWAL  VIA",
    "tcp 80     40001          1:00:00    0:30:00       nat-pmp",
    "udp 51820  -              -          -             -",
    "",
    "12:00 mapped tcp 80",
  ]);
});

Deno.test("tableLines() shows a dash for what is not known, and no table without mappings", () => {
  assertEquals(tableLines({ rows: [], news: [] }, SIZE), ["Router            -", "External address  -"]);
});

Deno.test("tableLines() has days for long times, and nothing below zero", () => {
  const held = { externalPort: 1, leftMs: 90_061_000, renewsInMs: -5000, via: "nat-pmp" } as const;
  const lines = tableLines({ rows: [{ ...VIEW.rows[0]!, held }], news: [] }, SIZE);
  assertMatch(lines.at(-1)!, /1d 1:01:01\s+0:00:00\s+nat-pmp$/);
});

Deno.test("tableLines() fits the terminal: lines are cut, old news goes first, then rows", () => {
  const rows = Array.from(
    { length: 30 },
    (_, i) => ({ ...VIEW.rows[0]!, mapping: { protocol: "tcp", internalPort: i + 1 } } as const),
  );
  const news = Array.from({ length: 30 }, (_, i) => `news ${i}`);
  for (
    const size of [SIZE, { columns: 20, rows: 10 }, { columns: 80, rows: 40 }, { columns: 80, rows: 60 }]
  ) {
    const lines = tableLines({ ...VIEW, rows, news }, size);
    assertEquals(lines.length < size.rows, true, `${lines.length} lines on ${size.rows} rows`);
    assertEquals(lines.every((line) => line.length <= size.columns), true);
  }
  assertMatch(tableLines({ ...VIEW, rows, news: [] }, SIZE).at(-1)!, /^and 12 more$/);
  assertEquals(tableLines({ ...VIEW, news }, SIZE).at(-1), "news 29");
});

Deno.test("tableLines() shows no control character of a message", () => {
  assertEquals(tableLines({ rows: [], news: ["a\x1b[2Jb\nc"] }, SIZE).at(-1), "a\\u001b[2Jb\\u000ac");
});

Deno.test("LiveTable draws over what it drew", () => {
  const sink = new MemorySink(true);
  const table = new LiveTable(sink);
  table.draw({ rows: [], news: [] });
  assertEquals(sink.text, "\x1b[JRouter            -\nExternal address  -\n");
  sink.text = "";
  table.draw({ gateway: "10.0.0.1", rows: [], news: [] });
  assertEquals(sink.text, "\x1b[2F\x1b[JRouter            10.0.0.1\nExternal address  -\n");
});

Deno.test("tableLines() shows a message whole, over as many lines as it takes", () => {
  const message =
    "error: tcp 80: 10.0.0.1 answered: not authorized or refused (result 2). Allow port mapping for it";
  const lines = tableLines({ rows: [], news: [message] }, { columns: 40, rows: 24 });
  assertEquals(lines.every((line) => line.length <= 40), true);
  assertEquals(lines.slice(3).join(" "), message);
});
