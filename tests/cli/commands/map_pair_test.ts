import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { faultyFor, TestWorld } from "../../support/test_world.ts";

/** A gateway that never gives UDP the port that is asked for. */
const TWO_PORTS = { faultsFor: faultyFor("udp", { rotatePortEvery: 1 }) };

Deno.test("map of a pair asks for TCP first and then UDP", async () => {
  const world = new TestWorld();
  const { exitCode, stdout } = await world.run("map", "8080:80/both");
  assertEquals(exitCode, 0);
  assertEquals(stdout, "tcp 203.0.113.7:8080 -> 80, 7200 s\nudp 203.0.113.7:8080 -> 80, 7200 s\n");
  assertEquals(world.requests.map((request) => request.kind === "map" ? request.protocol : "address"), [
    "tcp",
    "udp",
    "address",
  ]);
});

Deno.test("map --both makes pairs of the specs that name no protocol", async () => {
  const world = new TestWorld();
  await world.run("map", "80", "53/udp", "--both");
  assertEquals(world.mappings, ["tcp 10.0.0.2 80:80", "udp 10.0.0.2 80:80", "udp 10.0.0.2 53:53"]);
});

Deno.test("map --both takes a bare pair for one pair", async () => {
  const world = new TestWorld();
  await world.run("map", "--both", "8080", "80");
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80", "udp 10.0.0.2 8080:80"]);
});

Deno.test("map of a pair suggests for UDP the port that TCP was granted", async () => {
  for (const spec of ["8080:80/both", "any:80/both"]) {
    const world = new TestWorld({ gateway: { firstPort: 40_001, lastPort: 40_001 } });
    assertEquals((await world.run("map", spec)).exitCode, 0);
    const udp = world.requests[1];
    assertEquals(udp?.kind === "map" && udp.externalPort, 40_001);
  }
});

Deno.test("map --json of a pair has two entries, TCP first, each with the port that was typed", async () => {
  const { json } = await new TestWorld({ gateway: { firstPort: 40_001, lastPort: 40_001 } })
    .runJson("map", "8080:80/both");
  assertEquals(json.mappings?.map((entry) => [entry.protocol, entry.requestedExternalPort]), [
    ["tcp", 8080],
    ["udp", 8080],
  ]);
});

Deno.test("map --json of a pair on any port has no requestedExternalPort", async () => {
  const { json } = await new TestWorld().runJson("map", "any:80/both");
  assertEquals(json.mappings?.map((entry) => Object.hasOwn(entry, "requestedExternalPort")), [false, false]);
});

Deno.test("map of a pair whose second half is refused is that refusal, and the first half is deleted", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { resultCode: 4 }) });
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80/both");
  assertEquals([exitCode, stdout, world.mappings], [7, "", []]);
  assertMatch(stderr, /^natpmp: error: tcp 80, udp 80: [^\n]+\n$/);
});

Deno.test("map --json of a pair whose second half is refused has the error in both entries", async () => {
  const { json } = await new TestWorld({ faultsFor: faultyFor("udp", { refuse: true }) })
    .runJson("map", "80/both");
  assertEquals(json.mappings?.map(({ protocol, error }) => [protocol, error?.kind, error?.resultCode]), [
    ["tcp", "not-authorized", 2],
    ["udp", "not-authorized", 2],
  ]);
});

Deno.test("map of a pair whose first half is refused does not ask for the second", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("tcp", { refuse: true }) });
  assertEquals((await world.run("map", "80/both")).exitCode, 5);
  assertEquals([world.requests.length, world.mappings], [1, []]);
});

Deno.test("map --any-port of a pair whose second half is refused is still that refusal", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { refuse: true }) });
  assertEquals((await world.run("map", "80/both", "--any-port")).exitCode, 5);
  assertEquals(world.mappings, []);
});

Deno.test("map of a pair on two ports ends with 10, deletes both and names --any-port", async () => {
  const world = new TestWorld(TWO_PORTS);
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80/both");
  assertEquals([exitCode, stdout, world.mappings], [10, "", []]);
  assertMatch(stderr, /^natpmp: error: tcp 80, udp 80: [^\n]*8080[^\n]*57344[^\n]*--any-port[^\n]*\n$/);
  assertEquals(
    world.deletions.map((request) => request.kind === "map" && [request.protocol, request.internalPort]),
    [
      ["tcp", 80],
      ["udp", 80],
    ],
  );
});

Deno.test("map deletes with external port 0 and lifetime 0 (§3.4)", async () => {
  const world = new TestWorld(TWO_PORTS);
  await world.run("map", "8080:80/both");
  const deletion = { kind: "map", internalPort: 80, externalPort: 0, lifetimeSeconds: 0 } as const;
  assertEquals(world.deletions, [{ ...deletion, protocol: "tcp" }, { ...deletion, protocol: "udp" }]);
});

Deno.test("map --any-port accepts a pair on two ports", async () => {
  const world = new TestWorld(TWO_PORTS);
  const { exitCode, stdout } = await world.run("map", "8080:80/both", "--any-port");
  assertEquals(exitCode, 0);
  assertEquals(
    stdout,
    "tcp 203.0.113.7:8080 -> 80, 7200 s\nudp 203.0.113.7:57344 -> 80, 7200 s (asked for 8080)\n",
  );
  assertEquals(world.deletions, []);
});

Deno.test("map --exact of a pair that gets another port for TCP asks for no UDP", async () => {
  const world = new TestWorld({ gateway: { firstPort: 40_001, lastPort: 40_001 } });
  assertEquals((await world.run("map", "8080:80/both", "--exact")).exitCode, 10);
  assertEquals(world.requests.map((request) => request.kind === "map" && request.protocol), ["tcp", "tcp"]);
  assertEquals(world.mappings, []);
});

Deno.test("map --exact of a pair that gets another port for UDP deletes both", async () => {
  const world = new TestWorld(TWO_PORTS);
  const { exitCode, json } = await world.runJson("map", "8080:80/both", "--exact");
  assertEquals([exitCode, world.mappings], [10, []]);
  assertEquals(json.mappings?.map(({ error }) => error?.kind), ["port-differs", "port-differs"]);
});

Deno.test("map of a pair deletes nothing after silence, and reports the half that stands", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { silent: true }) });
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80/both");
  assertEquals([exitCode, stdout], [4, "tcp 8080 -> 80, 7200 s\n"]);
  assertMatch(stderr, /^natpmp: error: udp 80: [^\n]+\n$/);
  assertEquals([world.deletions, world.mappings], [[], ["tcp 10.0.0.2 8080:80"]]);
});

Deno.test("map of a pair deletes the first half when the gateway has no UDP opcode", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { resultCode: 5 }) });
  assertEquals((await world.run("map", "8080:80/both")).exitCode, 8);
  assertEquals(world.mappings, []);
});

Deno.test("map keeps the other specs when a pair fails", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("udp", { refuse: true }) });
  const { exitCode } = await world.run("map", "443", "8080:80/both", "22");
  assertEquals(exitCode, 5);
  assertEquals(world.mappings, ["tcp 10.0.0.2 443:443", "tcp 10.0.0.2 22:22"]);
});

Deno.test("map --allow-port-zero maps a pair on the port of the gateway's choice", async () => {
  const world = new TestWorld({ faults: { allowPortZero: true } });
  const { exitCode, stdout } = await world.run("map", "1:0/both", "-l", "60", "--allow-port-zero");
  assertEquals(exitCode, 0);
  assertEquals(
    stdout,
    "tcp 203.0.113.7:57344 -> 0, 60 s (asked for 1)\nudp 203.0.113.7:57344 -> 0, 60 s (asked for 1)\n",
  );
  assertEquals(world.requests[0], {
    kind: "map",
    protocol: "tcp",
    internalPort: 0,
    externalPort: 1,
    lifetimeSeconds: 60,
  });
});

Deno.test("map --allow-port-zero does not compare the reply's internal port", async () => {
  const world = new TestWorld({ faults: { allowPortZero: true, wrongInternalPort: true } });
  assertEquals((await world.run("map", "1:0", "--allow-port-zero")).exitCode, 0);
});

Deno.test("map --allow-port-zero compares it for every other port", async () => {
  const world = new TestWorld({ faults: { allowPortZero: true, wrongInternalPort: true } });
  assertEquals((await world.run("map", "80", "--allow-port-zero")).exitCode, 4);
});

Deno.test("map --allow-port-zero never deletes by a packet, and says when the mapping expires", async () => {
  const world = new TestWorld({ faults: { allowPortZero: true } });
  await world.run("map", "80");
  const { exitCode, stderr } = await world.run("map", "1:0", "-l60", "--allow-port-zero", "--exact");
  assertEquals([exitCode, world.deletions], [10, []]);
  assertStringIncludes(stderr, "stays open for 60 s");
  assertEquals(world.mappings, ["tcp 10.0.0.2 80:80", "tcp 10.0.0.2 57344:0"]);
});

Deno.test("map --allow-port-zero reports a gateway that refuses port 0", async () => {
  assertEquals((await new TestWorld().run("map", "1:0", "--allow-port-zero")).exitCode, 5);
});
