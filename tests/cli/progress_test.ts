import { assertEquals, assertMatch } from "@std/assert";
import { Progress } from "../../lib/cli/progress.ts";
import type { ExchangeEvent } from "../../lib/net/exchange.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { MemorySink, TestWorld } from "../support/test_world.ts";

const SERVER = { hostname: "10.0.0.1", port: 5351 };
const ERASE = "\r\x1b[K";

function sent(attempt: number): ExchangeEvent {
  return { kind: "sent", to: SERVER, data: Uint8Array.of(0, 0), attempt };
}

function shown() {
  const clock = new ManualClock();
  const terminal = new MemorySink(true);
  return { clock, terminal, progress: new Progress(clock, terminal) };
}

Deno.test("Progress shows nothing for a wait of less than half a second", async () => {
  const { clock, terminal, progress } = shown();
  progress.observe(sent(1));
  await clock.advance(250);
  progress.observe(sent(2));
  await clock.advance(249);
  progress.observe({ kind: "ended" });
  await clock.advance(10_000);
  assertEquals(terminal.text, "");
});

Deno.test("Progress counts attempts and seconds after that, on one line", async () => {
  const { clock, terminal, progress } = shown();
  progress.observe(sent(1));
  await clock.advance(250);
  progress.observe(sent(2));
  await clock.advance(400);
  assertMatch(terminal.text, /0\.[56] s.*2$/);
  progress.observe(sent(3));
  await clock.advance(1000);
  assertMatch(terminal.text, /1\.[56] s.*3$/);
  assertEquals(terminal.text.includes("\n"), false);
  progress.observe({ kind: "ended" });
  await clock.advance(0);
});

Deno.test("Progress erases its line at the end, and writes no more", async () => {
  const { clock, terminal, progress } = shown();
  progress.observe(sent(1));
  await clock.advance(2000);
  progress.observe({ kind: "ended" });
  await clock.advance(0);
  assertEquals(terminal.text.endsWith(ERASE), true);
  const { length } = terminal.text;
  await clock.advance(60_000);
  assertEquals(terminal.text.length, length);
});

Deno.test("Progress counts each request's wait by itself", async () => {
  const { clock, terminal, progress } = shown();
  for (let request = 0; request < 3; request++) {
    progress.observe(sent(1));
    await clock.advance(400);
    progress.observe({ kind: "ended" });
  }
  await clock.advance(10_000);
  assertEquals(terminal.text, "");
});

Deno.test("Progress shows one of two waits, and the other one when that is over", async () => {
  const partner = "UPnP at 10.0.0.1";
  const { clock, terminal, progress } = shown();
  progress.observe(sent(1));
  await clock.advance(100);
  progress.observe({ kind: "conversation-began", partner });
  await clock.advance(900);
  assertEquals(terminal.text.includes("UPnP"), false);
  progress.observe({ kind: "ended" });
  await clock.advance(0);
  assertEquals(terminal.text.endsWith(ERASE), true);
  await clock.advance(100);
  assertEquals(terminal.text.split(ERASE).at(-1), "Waiting for UPnP at 10.0.0.1: 1.0 s");
  progress.observe({ kind: "conversation-ended", partner });
  await clock.advance(0);
  const { text } = terminal;
  assertEquals(text.endsWith(ERASE), true);
  await clock.advance(10_000);
  assertEquals(terminal.text, text);
});

Deno.test("address shows how long it has been waiting on a terminal, and erases that before its result", async () => {
  const world = new TestWorld({ isTerminal: true, faults: { latencyMs: 900 } });
  const { stdout, stderr } = await world.run("address");
  assertEquals(stdout, "203.0.113.7\n");
  assertMatch(stderr, /10\.0\.0\.1.*0\.\d s.*2/);
  assertEquals(world.written.slice(-2), [ERASE, "203.0.113.7\n"]);
});

Deno.test("address erases the line before it says that nobody answered", async () => {
  const world = new TestWorld({ isTerminal: true, allowsColor: false, faults: { silent: true } });
  await world.run("address");
  assertEquals(world.written.at(-2), ERASE);
  assertMatch(world.written.at(-1) ?? "", /^natpmp: error: /);
});

Deno.test("address erases the line when it is stopped", async () => {
  const world: TestWorld = new TestWorld({
    isTerminal: true,
    allowsColor: false,
    faults: { silent: true },
    onSend: (_, number) => {
      if (number === 4) world.stop();
    },
  });
  assertEquals((await world.run("address")).exitCode, 130);
  assertEquals(world.written.at(-2), ERASE);
  assertMatch(world.written.at(-1) ?? "", /^natpmp: error: /);
});

Deno.test("address shows nothing of a wait on a terminal that is shorter than half a second", async () => {
  const world = new TestWorld({ isTerminal: true, faults: { latencyMs: 499 } });
  assertEquals((await world.run("address")).stderr, "");
});

Deno.test("address shows no wait where nobody looks, or with --quiet", async () => {
  const faults = { latencyMs: 3000 };
  assertEquals((await new TestWorld({ faults }).run("address")).stderr, "");
  assertEquals((await new TestWorld({ faults, isTerminal: true }).run("address", "-q")).stderr, "");
});

Deno.test("address --verbose shows datagrams instead of the wait", async () => {
  const world = new TestWorld({ isTerminal: true, faults: { latencyMs: 3000 } });
  const { stderr } = await world.run("address", "-v");
  assertEquals(stderr.includes(ERASE), false);
});

Deno.test("map shows the wait of each of its requests, and erases it before its lines", async () => {
  const world = new TestWorld({ isTerminal: true, faults: { latencyMs: 700 } });
  await world.run("map", "80", "--via", "nat-pmp");
  assertEquals(world.written.filter((text) => text === ERASE).length, 2);
  assertEquals(world.written.slice(-2), [ERASE, "tcp 203.0.113.7:80 -> 80, 7200 s\n"]);
});

Deno.test("map shows the search for a UPnP router, and erases it before it says that there is none", async () => {
  const world = new TestWorld({
    isTerminal: true,
    allowsColor: false,
    speaks: "none",
    conditions: { reportsPortUnreachable: true },
  });
  const { exitCode, stderr } = await world.run("map", "80");
  assertEquals(exitCode, 8);
  const shown = stderr.split(ERASE).filter((text) => text.startsWith("Waiting"));
  assertEquals([shown[0], shown.at(-1)], [
    "Waiting for UPnP at 10.0.0.1: 0.5 s",
    "Waiting for UPnP at 10.0.0.1: 1.9 s",
  ]);
  assertEquals(world.written.at(-2), ERASE);
  assertMatch(world.written.at(-1) ?? "", /^natpmp: error: /);
});

Deno.test("map shows nothing of a UPnP router that answers at once", async () => {
  const world = new TestWorld({
    isTerminal: true,
    speaks: "none",
    upnp: "igd1",
    conditions: { reportsPortUnreachable: true },
  });
  assertEquals(await world.run("map", "80"), {
    exitCode: 0,
    stdout: "tcp 203.0.113.7:80 -> 80, 7200 s\n",
    stderr: "",
  });
});
