import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/args.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import {
  openGatewayState,
  type OpenGatewayStateOptions,
  openStateFile,
  readStatePath,
} from "../../lib/cli/open_state.ts";
import { Output } from "../../lib/cli/output.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { NatPmpClient } from "../../lib/natpmp/client.ts";
import { GATEWAY, HOST, TestWorld } from "../support/test_world.ts";

const MISSING = { missing: "neither HOME nor XDG_STATE_HOME is set" };
const WHERE = { gateway: GATEWAY, port: 5351 };

function contextOf(world: TestWorld, ...args: string[]): CommandContext {
  const line = parseCommandLine(["map", ...args]);
  return { line, world, output: new Output(world, { json: false, quiet: false }) };
}

async function pathOf(world: TestWorld, ...args: string[]) {
  return await readStatePath(contextOf(world, ...args).line, await world.files());
}

/** Opens what is known of the gateway of the tests. */
function open(
  context: CommandContext,
  world: TestWorld,
  options: Partial<OpenGatewayStateOptions> = {},
) {
  const mapper = new NatPmpClient(GATEWAY, { openSocket: world.memory.host(HOST).open, clock: world.clock });
  return openGatewayState(context, { timeoutMs: 1000, mapper, ...WHERE, ...options });
}

Deno.test("readStatePath() is leases.json in the state directory, unless --state names another file", async () => {
  const world = new TestWorld();
  assertEquals(await pathOf(world), "/state/natpmp/leases.json");
  assertEquals(await pathOf(world, "--state", "/var/tmp/mine.json"), "/var/tmp/mine.json");
  assertEquals(await pathOf(world, "--state", "mine.json"), "/work/mine.json");
});

Deno.test("readStatePath() is undefined with --no-state, and a usage error with both", async () => {
  const world = new TestWorld();
  assertEquals(await pathOf(world, "--no-state"), undefined);
  await assertRejects(() => pathOf(world, "--state", "a", "--no-state"), UsageError, "contradict");
});

Deno.test("readStatePath() says why there is no path; --state needs no home", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = MISSING;
  assertEquals(await pathOf(world), MISSING);
  assertEquals(await pathOf(world, "--no-state"), undefined);
  assertEquals(await pathOf(world, "--state", "/mine.json"), "/mine.json");
});

Deno.test("readStatePath() says why a named file cannot be used that somebody else could change", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.doubts.set("/work/mine.json", "/work belongs to user 1001, not to root");
  assertEquals(await pathOf(world, "--state", "mine.json"), {
    missing: "/work belongs to user 1001, not to root",
  });
});

Deno.test("openStateFile() finds the file, for which this process is its command and number", async () => {
  const world = new TestWorld();
  const file = await openStateFile(contextOf(world, "--state", "mine.json"), { timeoutMs: 1000 });
  assertEquals([file?.path, file?.now()], ["/work/mine.json", world.fakeStatePaths.now()]);
  let holder: string | undefined;
  await file!.update((state) => {
    holder = world.fakeStatePaths.files.locks.get("/work/mine.json.lock");
    return state;
  });
  assertEquals([holder, world.stderr.text], ["natpmp map, process 4711", ""]);
});

Deno.test("openStateFile() says why nothing can be remembered and what helps, to whom it is to warn", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = MISSING;
  assertEquals(await openStateFile(contextOf(world), { timeoutMs: 1000 }), undefined);
  const text = "natpmp cannot remember leases: neither HOME nor XDG_STATE_HOME is set. " +
    "Name a state file with --state, or do without one with --no-state";
  assertEquals(world.stderr.text, `natpmp: warning: ${text}\n`);
  const warnings: string[] = [];
  await openStateFile(contextOf(world), { timeoutMs: 1000, warn: (text) => warnings.push(text) });
  assertEquals([warnings, world.stderr.text.split("\n").length], [[text], 2]);
});

Deno.test("openStateFile() with --no-state finds no file, and has nothing to report", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.directory = MISSING;
  assertEquals(await openStateFile(contextOf(world, "--no-state"), { timeoutMs: 1000 }), undefined);
  assertEquals(world.stderr.text, "");
});

Deno.test("openStateFile() waits for another process for its timeout", async () => {
  const world = new TestWorld();
  world.fakeStatePaths.files.locks.set("/state/natpmp/leases.json.lock", "somebody");
  const file = await openStateFile(contextOf(world), { timeoutMs: 1234 });
  await assertRejects(() => world.clock.runUntil(file!.update((state) => state)), Error, "1.234 s");
  assertEquals(world.clock.now(), 1234);
});

Deno.test("openGatewayState() is about this host, the gateway and the local address that it knows", async () => {
  const world = new TestWorld();
  const known = { host: "box", ...WHERE };
  const found = await open(contextOf(world), world);
  assertEquals(found.key, { ...known, localAddress: HOST });
  const named = await open(contextOf(world), world, { localAddress: "10.0.0.77" });
  assertEquals(named.key, { ...known, localAddress: "10.0.0.77" });
  world.fakeStatePaths.namespaceInode = 4_026_531_840;
  const inNamespace = await open(contextOf(world), world);
  assertEquals(inNamespace.key, {
    ...known,
    localAddress: HOST,
    namespace: { inode: 4_026_531_840, boot: "first" },
  });
});

Deno.test("openGatewayState() does without the local address where the system does not know it", async () => {
  const world = new TestWorld();
  world.localAddressOf = () => Promise.resolve(undefined);
  const { key } = await open(contextOf(world), world);
  assertEquals(key, { host: "box", ...WHERE });
});

Deno.test("openGatewayState() takes the file that the command has found", async () => {
  const world = new TestWorld();
  const file = await openStateFile(contextOf(world, "--state", "mine.json"), { timeoutMs: 1000 });
  assert(file !== undefined);
  const state = await open(contextOf(world), world, { file });
  assert(state.isRemembered);
  assertEquals(await state.save(), true);
  assertEquals([...world.fakeStatePaths.files.texts.keys()], ["/work/mine.json"]);
});

Deno.test("openGatewayState() remembers nothing with --no-state, or where the command has found no file", async () => {
  const world = new TestWorld();
  for (
    const state of [
      await open(contextOf(world, "--no-state"), world),
      await open(contextOf(world), world, { file: "none" }),
    ]
  ) {
    assertEquals([state.isRemembered, await state.save()], [false, false]);
  }
  assertEquals([[...world.fakeStatePaths.files.texts], world.stderr.text], [[], ""]);
});
