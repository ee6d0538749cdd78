import { assert, assertEquals, assertGreater } from "@std/assert";
import { systemFiles } from "../../lib/files/system_files.ts";
import { parseState } from "../../lib/state/format.ts";
import { BackgroundProcess } from "../support/background_process.ts";
import { plain } from "../support/state_samples.ts";
import { numberedState, numberOf, writersFile } from "../support/state_writer.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** More than any file here has. */
const MAX_BYTES = 2 ** 20;

/** Several state files at a time make use of more than one processor. */
const LANES = 3;
const KILLS = 70;

/** A writer gets as far as some states, and then lives for a moment that is about as long as a write. */
const MOST_STATES = 6;
const LONGEST_MOMENT_MS = 8;

/** What may be in the directory after a kill: the state, its lock, and what the killed writer was writing to. */
const NAMES = /^leases\.json(\.lock|\.new-[^/]+)?$/;

/** Kills one writer after the other, and looks after each what there is: how many states were written, and how many writers died while they wrote. */
async function killWriters(directory: TemporaryDirectory): Promise<{ states: number; halves: number }> {
  const path = `${directory.path}/leases.json`;
  const script = new URL("../support/state_writer.ts", import.meta.url).href;
  let before = 0;
  let halves = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    await using writer = new BackgroundProcess([Deno.execPath(), "run", "-q", "-A", script, path]);
    const states = Math.floor(Math.random() * MOST_STATES);
    await writer.waitUntil(() => writer.lines[states], { what: `${states} states`, timeoutMs: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_MOMENT_MS));
    writer.kill("SIGKILL");
    await writer.ended();
    const [, ...written] = writer.lines.map(Number);
    const said = written.at(-1) ?? before;

    // The last state that it printed, or the next one: nothing is lost, nothing is half.
    const text = await systemFiles.readText(path, MAX_BYTES);
    const number = text === undefined ? 0 : numberOf(parseState(text));
    assert(number === said || number === said + 1, `kill ${kill}: state ${number} after ${writer.lines}`);
    if (text !== undefined) assertEquals(plain(parseState(text)), numberedState(number));
    before = number;

    const lock = await systemFiles.tryLock(`${path}.lock`, "test");
    assert(lock !== undefined, `kill ${kill}: the lock is not free`);
    lock.release();

    const { names } = directory;
    assertEquals(names.filter((name) => !NAMES.test(name)), []);
    assert(names.length <= 3, `kill ${kill}: ${names}`);
    halves += names.length - 2;
  }
  const last = await writersFile(path).update((state) => numberedState(numberOf(state) + 1));
  assertEquals([numberOf(last), directory.names], [before + 1, ["leases.json", "leases.json.lock"]]);
  return { states: before, halves };
}

Deno.test("StateFile: 210 writers killed at any moment leave the last state or the next, a free lock and no litter", async () => {
  const results = await Promise.all(Array.from({ length: LANES }, async () => {
    using directory = new TemporaryDirectory();
    return await killWriters(directory);
  }));
  const sum = (key: "states" | "halves") => results.reduce((total, result) => total + result[key], 0);
  // Otherwise they were killed before or between the writes, and this test would show nothing.
  assertGreater(sum("states"), LANES * KILLS);
  assertGreater(sum("halves"), 0);
});
