import type { MappingKey, Via } from "../../port_mapper.ts";
import { formatSpan } from "../format_span.ts";
import { escapeHidden } from "../output.ts";
import { wrap } from "../text_layout.ts";
import type { Sink, TerminalSize } from "../world.ts";

/** A mapping as the table shows it. */
export interface TableRow {
  readonly mapping: MappingKey;
  /** Absent while nothing is held. */
  readonly held?: {
    readonly externalPort: number;
    readonly leftMs: number;
    readonly renewsInMs: number;
    readonly via: Via;
  };
}

/** All that the table shows. */
export interface TableView {
  readonly gateway?: string | undefined;
  /** The gateway's uptime, by its epoch. */
  readonly uptimeMs?: number | undefined;
  readonly externalAddress?: string | undefined;
  readonly rows: readonly TableRow[];
  /** The latest events, the newest at the end. */
  readonly news: readonly string[];
}

const HEADINGS = ["MAPPING", "EXTERNAL PORT", "TIME LEFT", "NEXT RENEWAL", "VIA"];
const NOTHING = "-";

/** The table as lines that fit a terminal. */
export function tableLines(view: TableView, size: TerminalSize): string[] {
  const { gateway = NOTHING, externalAddress = NOTHING, uptimeMs, rows } = view;
  // A message is shown whole, as its advice is at its end.
  const news = view.news.flatMap((text) => wrap(escapeHidden(text), size.columns));
  const head = [
    `Router            ${gateway}${uptimeMs === undefined ? "" : `, up ${formatSpan(uptimeMs)}`}`,
    `External address  ${externalAddress}`,
  ];
  // The last line of the terminal stays free for the cursor.
  const roomForNews = Math.max(0, Math.min(news.length, size.rows - head.length - 2 - 1 - rows.length - 1));
  const shownNews = roomForNews === 0 ? [] : ["", ...news.slice(-roomForNews)];
  const roomForRows = Math.max(1, size.rows - head.length - 2 - 1 - shownNews.length);
  const cells = [HEADINGS, ...rows.slice(0, roomForRows).map(cellsOf)];
  const hidden = rows.length - (cells.length - 1);
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const table = rows.length === 0 ? [] : [
    "",
    ...cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()),
  ];
  if (hidden > 0) table.splice(-1, 1, `and ${hidden + 1} more`);
  return [...head, ...table, ...shownNews].map((line) => escapeHidden(line).slice(0, size.columns));
}

function cellsOf({ mapping: { protocol, internalPort }, held }: TableRow): string[] {
  const name = `${protocol} ${internalPort}`;
  if (held === undefined) return [name, NOTHING, NOTHING, NOTHING, NOTHING];
  const { externalPort, leftMs, renewsInMs, via } = held;
  return [name, String(externalPort), spanText(leftMs), spanText(renewsInMs), via];
}

/** A permanent lease neither ends nor is renewed. */
function spanText(ms: number): string {
  return ms === Infinity ? "permanent" : formatSpan(ms);
}

/** The table on a terminal, drawn over itself. */
export class LiveTable {
  readonly #terminal: Sink;
  #height = 0;

  constructor(terminal: Sink) {
    this.#terminal = terminal;
  }

  /** Draws the new view in place of the last one. */
  draw(view: TableView): void {
    const lines = tableLines(view, this.#terminal.size());
    const back = this.#height === 0 ? "" : `\x1b[${this.#height}F`;
    this.#terminal.write(`${back}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
    this.#height = lines.length;
  }
}
