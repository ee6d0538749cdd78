import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/args.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import { Output } from "../../lib/cli/output.ts";
import { openSession } from "../../lib/cli/session.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { NoGatewayError } from "../../lib/errors.ts";
import { GATEWAY, TestWorld } from "../support/test_world.ts";

function contextOf(world: TestWorld, ...args: string[]): CommandContext {
  return { line: parseCommandLine(args), world, output: new Output(world, { json: false, quiet: false }) };
}

Deno.test("openSession() takes the gateway that is named, and looks for none", async () => {
  const world = new TestWorld({ noGateway: new NoGatewayError("There is none") });
  assertEquals((await openSession(contextOf(world, "address", "-g", "10.0.0.9"))).gateway, "10.0.0.9");
});

Deno.test("openSession() takes this host's gateway when none is named", async () => {
  assertEquals((await openSession(contextOf(new TestWorld(), "address"))).gateway, GATEWAY);
});

Deno.test("openSession() fails when none is named and none is found", async () => {
  const world = new TestWorld({ noGateway: new NoGatewayError("There is none") });
  await assertRejects(() => openSession(contextOf(world, "address")), NoGatewayError);
});

Deno.test("openSession() reads every option before it asks for the network", async () => {
  for (const args of [["-g", "router.lan"], ["-t", "0"]]) {
    const world = new TestWorld();
    await assertRejects(() => openSession(contextOf(world, "address", ...args)), UsageError);
    assertEquals(world.networksOpened, 0);
  }
});

Deno.test("openSession() says which gateway and why with --verbose", async () => {
  const world = new TestWorld();
  await openSession(contextOf(world, "address", "-v"));
  assertStringIncludes(world.stderr.text, "10.0.0.1");
  assertStringIncludes(world.stderr.text, "default route through eth0");
});

Deno.test("openSession() says aloud that a gateway is a guess, not the table's or second choice, but not with --quiet", async () => {
  for (const found of [{ guessed: true }, { overrulesTable: true }, { isSecondChoice: true }]) {
    const world = new TestWorld({ found: { ...found, reason: "it is odd" } });
    await openSession(contextOf(world, "address"));
    assertEquals(world.stderr.text, "natpmp: note: Router 10.0.0.1: it is odd\n");
  }
  const quiet = new TestWorld({ found: { guessed: true } });
  await quiet.run("address", "--quiet");
  assertEquals(quiet.stderr.text, "");
});

Deno.test("openSession() sends from the address that leads to the gateway", async () => {
  const world = new TestWorld({ found: { localAddress: "10.0.0.2" } });
  await world.run("map", "80", "--via", "nat-pmp");
  assertEquals(world.mappings, ["tcp 10.0.0.2 80:80"]);
  assertEquals(world.sentFrom, ["10.0.0.2", "10.0.0.2"]);
});

Deno.test("openSession() leaves the source address of a named gateway to the system, unless one is named", async () => {
  const free = new TestWorld();
  await free.run("address", "-g", "10.0.0.1", "--via", "nat-pmp");
  assertEquals(free.sentFrom, [undefined]);
  const named = new TestWorld();
  await named.run("address", "-g", "10.0.0.1", "--source", "10.0.0.2", "--via", "nat-pmp");
  assertEquals(named.sentFrom, ["10.0.0.2"]);
});

Deno.test("openSession() sends nothing", async () => {
  const world = new TestWorld();
  await openSession(contextOf(world, "address"));
  assertEquals(world.received, 0);
});
