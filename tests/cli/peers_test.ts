import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HOST, socketsOf, TestWorld } from "../support/test_world.ts";

// The cases in which other clients were measured, each on the same work: internal 6000 -> external 5000 UDP, 60 s.
const WORK = ["map", "-u", "5000:6000", "-l", "60"] as const;
const MAPPED = "udp 203.0.113.7:5000 -> 6000, 60 s\n";

Deno.test("natpmp maps at once when it is answered", async () => {
  const world = new TestWorld();
  assertEquals(await world.run(...WORK), { exitCode: 0, stdout: MAPPED, stderr: "" });
  assertEquals(world.clock.now(), 0);
});

Deno.test("natpmp maps 250 ms later when the first datagram is lost", async () => {
  for (const faults of [{ loseRequests: { first: 1 } }, { loseReplies: { first: 1 } }]) {
    const world = new TestWorld({ faults });
    assertEquals((await world.run(...WORK)).stdout, MAPPED);
    assertEquals(world.clock.now(), 250);
  }
});

Deno.test("natpmp --via nat-pmp ends at once with 8 when nobody listens and the host says so (ICMP); else after a search of 2 s", async () => {
  for (const [via, tookMs] of [["nat-pmp", 0], ["pcp", 0], ["auto", 2000]] as const) {
    const world = new TestWorld({
      gateway: { actsAsNat: false },
      conditions: { reportsPortUnreachable: true },
    });
    const { exitCode, stderr } = await world.run(...WORK, "--via", via);
    assertEquals([exitCode, world.clock.now()], [8, tookMs]);
    assertStringIncludes(stderr, "ICMP port unreachable");
  }
});

Deno.test("natpmp gives up on a silent gateway after 7.75 s, with 4", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  const { exitCode, stderr } = await world.run(...WORK);
  assertEquals([exitCode, world.clock.now()], [4, 7750]);
  assertMatch(stderr, /^natpmp: error: [^\n]*7\.75 s[^\n]*\n$/);
});

Deno.test("natpmp maps behind an external address 10.x, with a warning", async () => {
  const world = new TestWorld({ gateway: { externalAddress: "10.64.0.9" } });
  const { exitCode, stdout, stderr } = await world.run(...WORK);
  assertEquals([exitCode, stdout], [0, "udp 10.64.0.9:5000 -> 6000, 60 s\n"]);
  assertMatch(stderr, /^natpmp: warning: /);
});

for (const truncateBytes of [0, 1, 2, 3, 4, 8, 15]) {
  Deno.test(`natpmp invents nothing from a reply of ${truncateBytes} bytes, and says what came`, async () => {
    const world = new TestWorld({ faults: { truncateBytes } });
    const { exitCode, stdout, stderr } = await world.run(...WORK);
    assertEquals([exitCode, stdout, world.clock.now()], [4, "", 7750]);
    assertMatch(stderr, /^natpmp: error: [^\n]*5 datagrams[^\n]*too short[^\n]*\n$/);
  });
}

Deno.test("natpmp address invents no address from a reply of 2 bytes", async () => {
  const { exitCode, stdout } = await new TestWorld({ faults: { truncateBytes: 2 } }).run("address");
  assertEquals([exitCode, stdout], [4, ""]);
});

const FOREIGN_REPLIES = [
  [{ wrongInternalPort: true }, "internal port"],
  [{ wrongOpcode: true }, "opcode"],
  [{ wrongPort: true }, "port"],
  [{ wrongAddress: true }, "address"],
  [{ zeroPort: true }, "external port 0"],
  [{ zeroLifetime: true }, "lifetime 0"],
] as const;

for (const [faults, reason] of FOREIGN_REPLIES) {
  const [fault] = Object.keys(faults);
  Deno.test(`natpmp takes no reply with the fault ${fault} for an answer, and says how many came`, async () => {
    const world = new TestWorld({ faults });
    const { exitCode, stdout, stderr } = await world.run(...WORK);
    assertEquals([exitCode, stdout, world.clock.now()], [4, "", 7750]);
    assertMatch(stderr, /^natpmp: error: [^\n]*5 datagrams[^\n]*\n$/);
    assertStringIncludes(stderr, reason);
  });
}

Deno.test("natpmp waits for the right reply while wrong ones come", async () => {
  const world = new TestWorld({ faults: { junkDatagrams: 50 } });
  assertEquals(await world.run(...WORK), { exitCode: 0, stdout: MAPPED, stderr: "" });
});

Deno.test("natpmp is not kept longer by a flood of junk", async () => {
  const world = new TestWorld({
    faultsFor: () => ({ silent: true, floodDatagrams: 2000 }),
  });
  assertEquals((await world.run(...WORK)).exitCode, 4);
  assertEquals(world.clock.now(), 7750);
});

for (const args of [["map", "70000"], ["map", "-1"], ["map", "12abc"], ["map", "80", "-l", "4294967297"]]) {
  Deno.test(`natpmp ${args.join(" ")} is refused before a packet is sent`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run(...args);
    assertEquals([exitCode, stdout, world.received], [2, "", 0]);
    assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
  });
}

Deno.test("natpmp -g without a value is a usage error", async () => {
  const world = new TestWorld();
  const { exitCode, stderr } = await world.run("map", "80", "-g");
  assertEquals([exitCode, world.received], [2, 0]);
  assertMatch(stderr, /^natpmp: error: [^\n]*-g[^\n]*\n$/);
});

Deno.test("natpmp does not care who has UDP 5350", async () => {
  const world = new TestWorld();
  const taken = socketsOf(world, HOST)({ port: 5350 });
  assertEquals((await world.run(...WORK)).stdout, MAPPED);
  taken.close();
});

Deno.test("natpmp sends nothing more after it has unmapped", async () => {
  const world = new TestWorld();
  await world.run(...WORK);
  await world.run("unmap", "-u", "5000:6000");
  assertEquals([world.received, world.mappings], [4, []]);
  await world.clock.advance(7 * 24 * 3600 * 1000);
  assertEquals(world.received, 4);
});
