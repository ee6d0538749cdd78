import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import type { CommandContext } from "../../../lib/cli/command.ts";
import { Output } from "../../../lib/cli/output.ts";
import { openBook, openStore, readStatePath } from "../../../lib/cli/open_state.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { NatPmpClient } from "../../../lib/natpmp/client.ts";
import { GATEWAY, HOST, TestWorld } from "../../support/test_world.ts";

const MISSING = { missing: "neither HOME nor XDG_STATE_HOME is set" };
const LINK = { gateway: GATEWAY, port: 5351 };

function contextOf(world: TestWorld, ...args: string[]): CommandContext {
  const line = parseCommandLine(["map", ...args]);
  return { line, world, output: new Output(world, { json: false, quiet: false }) };
}

function pathOf(world: TestWorld, ...args: string[]) {
  return readStatePath(contextOf(world, ...args).line, world.fakeStatePaths);
}

Deno.test("readStatePath() is leases.json in the state directory, unless --state names another file", async () => {
  const world = new TestWorld();
  assertEquals(await pathOf(world), "/state/natpmp/leases.json");
  assertEquals(await pathOf(world, "--state", "/var/tmp/mine.json"), "/var/tmp/mine.json");
  assertEquals(await pathOf(world, "--state", "mine.json"), "/work/mine.json");
});

Deno.test("readStatePath() is no path with --no-state, and no usage with both", async () => {
  const world = new TestWorld();
  assertEquals(await pathOf(world, "--no-state"), undefined);
  await assertRejects(() => pathOf(world, "--state", "a", "--no-state"), UsageError, "contradict");
});

Deno.test("readStatePath() tells why there is no path; --state needs no home", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = MISSING;
  assertEquals(await pathOf(world), MISSING);
  assertEquals(await pathOf(world, "--no-state"), undefined);
  assertEquals(await pathOf(world, "--state", "/mine.json"), "/mine.json");
});

Deno.test("readStatePath() tells why a named file is not to be used that somebody else could change", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.doubts.set("/work/mine.json", "/work belongs to user 1001, not to root");
  assertEquals(await pathOf(world, "--state", "mine.json"), {
    missing: "/work belongs to user 1001, not to root",
  });
});

Deno.test("openStore() finds the store, for which this process is its command and number", async () => {
  const world = new TestWorld();
  const store = await openStore(contextOf(world, "--state", "mine.json"), { timeoutMs: 1000 });
  assertEquals([store?.path, store?.now()], ["/work/mine.json", world.fakeStatePaths.now()]);
  let holder: string | undefined;
  await store!.update((state) => {
    holder = world.fakeStatePaths.files.locks.get("/work/mine.json.lock");
    return state;
  });
  assertEquals([holder, world.stderr.text], ["natpmp map, process 4711", ""]);
});

Deno.test("openStore() says why nothing can be remembered and what helps, to whom it is told to", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = MISSING;
  assertEquals(await openStore(contextOf(world), { timeoutMs: 1000 }), undefined);
  const text = "Nothing is remembered: neither HOME nor XDG_STATE_HOME is set. " +
    "Name a state file with --state, or do without by --no-state";
  assertEquals(world.stderr.text, `natpmp: warning: ${text}\n`);
  const told: string[] = [];
  await openStore(contextOf(world), { timeoutMs: 1000, warn: (text) => told.push(text) });
  assertEquals([told, world.stderr.text.split("\n").length], [[text], 2]);
});

Deno.test("openStore() with --no-state is nothing, and nothing to speak of", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = MISSING;
  assertEquals(await openStore(contextOf(world, "--no-state"), { timeoutMs: 1000 }), undefined);
  assertEquals(world.stderr.text, "");
});

Deno.test("openStore() waits for another process for its timeout", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.files.locks.set("/state/natpmp/leases.json.lock", "somebody");
  const store = await openStore(contextOf(world), { timeoutMs: 1234 });
  await assertRejects(() => world.clock.runUntil(store!.update((state) => state)), Error, "1.234 s");
  assertEquals(world.clock.now(), 1234);
});

Deno.test("openBook() is about this host, the gateway and the local address that it knows", async () => {
  const world = new TestWorld();
  const mapper = new NatPmpClient(GATEWAY, { openSocket: world.memory.host(HOST).open, clock: world.clock });
  const book = await openBook(contextOf(world), { timeoutMs: 1000, mapper, link: LINK });
  assertEquals(book?.link, { host: "box", ...LINK, localAddress: HOST });
  const named = await openBook(contextOf(world), {
    timeoutMs: 1000,
    mapper,
    link: { ...LINK, localAddress: "10.0.0.77" },
  });
  assertEquals(named?.link.localAddress, "10.0.0.77");
});

Deno.test("openBook() does without the local address where the system does not tell it", async () => {
  const world = new TestWorld();
  world.localAddressOf = () => Promise.resolve(undefined);
  const mapper = new NatPmpClient(GATEWAY, { openSocket: world.memory.host(HOST).open, clock: world.clock });
  const book = await openBook(contextOf(world), { timeoutMs: 1000, mapper, link: LINK });
  assertEquals(book?.link, { host: "box", ...LINK });
});

Deno.test("openBook() takes the store that the command has found, and is nothing where nothing is remembered", async () => {
  const world = new TestWorld();
  const mapper = new NatPmpClient(GATEWAY, { openSocket: world.memory.host(HOST).open, clock: world.clock });
  const store = await openStore(contextOf(world, "--state", "mine.json"), { timeoutMs: 1000 });
  assert(store !== undefined);
  const book = await openBook(contextOf(world), { timeoutMs: 1000, mapper, link: LINK, store });
  assertStrictEquals(book?.store, store);
  assertEquals(
    await openBook(contextOf(world, "--no-state"), { timeoutMs: 1000, mapper, link: LINK }),
    undefined,
  );
});
