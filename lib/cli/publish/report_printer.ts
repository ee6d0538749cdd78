import type { StoredTime } from "../../lease/stored_time.ts";
import { escapeHidden, formatTime, jsonText } from "../output.ts";
import type { Sink } from "../world.ts";
import { reportOf, warningOf, type WatchedCommand, type WatchReport } from "./watch_report.ts";
import type { WatchEvent } from "./watch_events.ts";

/** Options of {@linkcode ReportPrinter}. */
export interface ReportPrinterOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** The time, by which the ends of leases are printed. */
  readonly now: () => StoredTime;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether lines for people begin with the time. */
  readonly hasTimes: boolean;
  /** The facts about the command that hints need. */
  readonly command?: WatchedCommand;
  /** Takes the lines for people instead of the streams, where a table is shown. */
  readonly onNews?: (line: string) => void;
}

/** Prints events: results on stdout, what went wrong on stderr, and NDJSON all on stdout. */
export class ReportPrinter {
  readonly #options: ReportPrinterOptions;

  /** Prints nothing yet. */
  constructor(options: ReportPrinterOptions) {
    this.#options = options;
  }

  /** Prints one event. */
  print(event: WatchEvent): void {
    const { now, json, quiet, stdout, onNews, command } = this.#options;
    const report = reportOf(event, now(), command);
    if (quiet && !report.isNews) return;
    if (json) {
      for (const object of report.json) stdout.write(`${jsonText(object)}\n`);
      return;
    }
    // A table shows it by itself.
    if (onNews !== undefined && event.type === "renewed") return;
    this.#write(report, event.time);
    const warning = warningOf(event);
    if (warning !== undefined) this.warn(warning, event.time);
  }

  /** Warns of what is wrong though all goes on; with `--json` nothing, as it is not an event. */
  warn(text: string, time: Date = new Date(this.#options.now().wallMs)): void {
    if (!this.#options.json) this.#write({ line: text, level: "warning" }, time);
  }

  #write({ line, level }: Pick<WatchReport, "line" | "level">, date: Date): void {
    const { stdout, stderr, hasTimes, onNews } = this.#options;
    const label = level === "result" ? "" : `${level}: `;
    const time = hasTimes ? `${formatTime(date)} ` : "";
    if (onNews !== undefined) onNews(`${formatTime(date)} ${label}${line}`);
    else if (level === "result") stdout.write(`${time}${escapeHidden(line)}\n`);
    else stderr.write(`${time}natpmp: ${label}${escapeHidden(line)}\n`);
  }
}
