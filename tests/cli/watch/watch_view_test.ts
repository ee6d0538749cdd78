import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { Output } from "../../../lib/cli/output.ts";
import { WatchView } from "../../../lib/cli/watch/watch_view.ts";
import type { Holding } from "../../../lib/lease/holdings.ts";
import { FakeMachine } from "../../support/fake_machine.ts";
import { heldLeaseOf } from "../../support/leases.ts";
import { TestWorld } from "../../support/test_world.ts";

const wanted = { protocols: ["tcp"], internalPort: 80 } as const;

function holdingsAt(nowMs: number): readonly Holding[] {
  return [
    {
      wanted,
      mapping: { protocol: "tcp", internalPort: 80 },
      lease: heldLeaseOf(),
      leftMs: 3_600_000 - nowMs,
      nextTryAtMs: 1_800_000,
    },
    { wanted, mapping: { protocol: "udp", internalPort: 53 }, nextTryAtMs: -Infinity },
  ];
}

function bench(options: { args?: readonly string[]; isTerminal?: boolean; term?: string } = {}) {
  const { args = [], isTerminal = true, term = "xterm" } = options;
  const world = new TestWorld({ isTerminal });
  const machine = new FakeMachine();
  machine.environment = { TERM: term };
  const line = parseCommandLine(["watch", ...args]);
  const output = new Output(world, { json: false, quiet: false });
  const { clock } = world;
  const keeper = {
    get holdings() {
      return holdingsAt(clock.now());
    },
    externalAddress: "203.0.113.7",
  };
  const mapper = () => ({ gateway: "10.0.0.1", tableAgeMs: 60_000 });
  const view = new WatchView({ context: { line, world, output }, process: machine, clock, keeper, mapper });
  return { view, world, clock };
}

/** What was drawn since the last time, without what moves the cursor. */
function taken(sink: { text: string }): string {
  const { text } = sink;
  sink.text = "";
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9]*[A-Z]/g, "");
}

Deno.test("WatchView shows what is held and what is not, from the start and on a terminal", async () => {
  const { view, world, clock } = bench();
  assert(view.isLive);
  await clock.advance(0);
  const text = taken(world.stdout);
  for (
    const part of ["10.0.0.1, up 0:01:00", "203.0.113.7", "tcp 80", "40001", "1:00:00", "0:30:00", "udp 53"]
  ) {
    assertStringIncludes(text, part);
  }
  view.close();
});

Deno.test("WatchView draws again each second, with the time that is left by then", async () => {
  const { view, world, clock } = bench();
  await clock.advance(999);
  taken(world.stdout);
  await clock.advance(1);
  assertStringIncludes(taken(world.stdout), "0:59:59");
  await clock.advance(999);
  assertEquals(taken(world.stdout), "");
  view.close();
});

Deno.test("WatchView.close() leaves what was drawn last, and no timer", async () => {
  const { view, world, clock } = bench();
  await clock.advance(0);
  view.close();
  taken(world.stdout);
  await clock.advance(10_000);
  assertEquals(taken(world.stdout), "");
});

Deno.test("WatchView.addNews() shows a line at once, the newest last, and forgets the oldest of many", async () => {
  const { view, world, clock } = bench();
  world.stdout.terminalSize = { columns: 80, rows: 1000 };
  await clock.advance(0);
  for (let i = 1; i <= 60; i++) {
    taken(world.stdout);
    view.addNews(`news ${i}.`);
  }
  const text = taken(world.stdout);
  assert(text.endsWith("news 59.\nnews 60.\n"));
  assertFalse(text.includes("news 10."));
  assertStringIncludes(text, "news 11.");
  view.close();
});

for (
  const [what, options] of [
    ["stdout is no terminal", { isTerminal: false }],
    ["the terminal is dumb", { term: "dumb" }],
    ["--json is given", { args: ["--json"] }],
    ["--quiet is given", { args: ["--quiet"] }],
    ["--verbose is given", { args: ["--verbose"] }],
  ] as const
) {
  Deno.test(`WatchView draws nothing by itself where ${what}`, async () => {
    const { view, world, clock } = bench(options);
    assertFalse(view.isLive);
    await clock.advance(5000);
    assertEquals([world.stdout.text, world.stderr.text], ["", ""]);
  });
}

Deno.test("WatchView.print() prints the whole table once on stdout, and with --json on stderr", () => {
  for (const [args, name] of [[[], "stdout"], [["--json"], "stderr"]] as const) {
    const { view, world } = bench({ args, isTerminal: false });
    world.stdout.terminalSize = { columns: 10, rows: 3 };
    view.print();
    assertStringIncludes(world[name].text, "203.0.113.7");
    assertStringIncludes(world[name].text, "udp 53");
    assertEquals(world[name === "stdout" ? "stderr" : "stdout"].text, "");
  }
});
