import type { Clock } from "../../clock.ts";
import type { Keeper } from "../../lease/keeper.ts";
import type { PortMapper } from "../../port_mapper.ts";
import type { Process } from "../../system/system.ts";
import type { CommandContext } from "../command.ts";
import { LiveTable, tableLines, type TableRow, type TableView } from "./watch_table.ts";

/** How often the table is drawn again while nothing happens. */
const REDRAW_MS = 1000;

/** How many lines of news are kept. */
const MAX_NEWS = 50;

/** Options of {@linkcode WatchView}. */
export interface WatchViewOptions {
  readonly context: CommandContext;
  readonly process: Pick<Process, "environment">;
  readonly clock: Clock;
  /** Knows the held leases. */
  readonly keeper: Pick<Keeper, "holdings" | "externalAddress">;
  /** The gateway's client, once there is one. */
  readonly mapper: () => Pick<PortMapper, "gateway" | "tableAgeMs"> | undefined;
}

/** Shows the held leases as a table: live on a terminal, once on request. */
export class WatchView {
  /** Whether a person looks at a table instead of lines. */
  readonly isLive: boolean;
  readonly #options: WatchViewOptions;
  readonly #table: LiveTable;
  readonly #news: string[] = [];
  readonly #closing = new AbortController();

  constructor(options: WatchViewOptions) {
    const { context: { line, world }, process } = options;
    this.#options = options;
    this.isLive = world.stdout.isTerminal && process.environment.TERM !== "dumb" &&
      !(["json", "quiet", "verbose"] as const).some((flag) => line.has(flag));
    this.#table = new LiveTable(world.stdout);
    if (this.isLive) this.#redraw();
  }

  /** Shows a line below the table. */
  addNews(line: string): void {
    this.#add(line);
    this.#table.draw(this.#view());
  }

  /** Shows what a hook prints below the table when that is drawn next: it may be a lot. */
  addHookOutput(line: string): void {
    this.#add(`hook: ${line}`);
  }

  #add(line: string): void {
    this.#news.push(line);
    if (this.#news.length > MAX_NEWS) this.#news.shift();
  }

  /** Prints the table once, apart from results where those are for machines. */
  print(): void {
    const { context: { line, world } } = this.#options;
    if (this.isLive) return this.#table.draw(this.#view());
    const lines = tableLines({ ...this.#view(), news: [] }, { columns: Infinity, rows: Infinity });
    const sink = line.has("json") ? world.stderr : world.stdout;
    sink.write(lines.map((text) => `${text}\n`).join(""));
  }

  /** Stops drawing. The last table stays. */
  close(): void {
    this.#closing.abort();
  }

  async #redraw(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#table.draw(this.#view());
      await this.#options.clock.sleep(REDRAW_MS, { signal }).catch(() => {});
    }
  }

  #view(): TableView {
    const { keeper } = this.#options;
    const mapper = this.#options.mapper();
    return {
      gateway: mapper?.gateway,
      uptimeMs: mapper?.tableAgeMs,
      externalAddress: keeper.externalAddress,
      rows: this.#rows(),
      news: this.#news,
    };
  }

  #rows(): TableRow[] {
    const { clock, keeper } = this.#options;
    const nowMs = clock.now();
    return keeper.holdings.map(({ mapping, lease, leftMs = 0, nextTryAtMs }) => {
      if (lease === undefined) return { mapping };
      const { externalPort, via } = lease;
      return { mapping, held: { externalPort, leftMs, renewsInMs: nextTryAtMs - nowMs, via } };
    });
  }
}
