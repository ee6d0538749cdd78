import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { faultyFor, TestWorld } from "../../support/test_world.ts";

/** A gateway whose only free port is 40001 and that grants an hour at most. */
const OTHER_GRANT = { gateway: { firstPort: 40_001, lastPort: 40_001, maxLifetimeSeconds: 3600 } };

Deno.test("map prints where the mapping is reached, and how long", async () => {
  const world = new TestWorld();
  assertEquals(await world.run("map", "8080:80"), {
    exitCode: 0,
    stdout: "tcp 203.0.113.7:8080 -> 80, 7200 s\n",
    stderr: "",
  });
  assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
});

Deno.test("map says what was asked for when the gateway gave another port and lifetime", async () => {
  const { exitCode, stdout } = await new TestWorld(OTHER_GRANT).run("map", "8080:80");
  assertEquals(exitCode, 0);
  assertEquals(stdout, "tcp 203.0.113.7:40001 -> 80, 3600 s (asked for 8080, 7200 s)\n");
});

Deno.test("map says nothing of a port that was left to the gateway", async () => {
  for (const spec of ["0:80", "any:80"]) {
    const { stdout } = await new TestWorld({ gateway: { firstPort: 40_001, lastPort: 40_001 } }).run(
      "map",
      spec,
    );
    assertEquals(stdout, "tcp 203.0.113.7:40001 -> 80, 7200 s\n");
  }
});

Deno.test("map sends the mappings first and then one address request", async () => {
  const world = new TestWorld();
  await world.run("map", "80", "443", "53/udp");
  const lifetimeSeconds = 7200;
  assertEquals(world.requests, [
    { kind: "map", protocol: "tcp", internalPort: 80, externalPort: 80, lifetimeSeconds },
    { kind: "map", protocol: "tcp", internalPort: 443, externalPort: 443, lifetimeSeconds },
    { kind: "map", protocol: "udp", internalPort: 53, externalPort: 53, lifetimeSeconds },
    { kind: "address" },
  ]);
});

Deno.test("map asks for external port 0 when the gateway is to choose (§3.3)", async () => {
  for (const spec of ["0:80", "any:80"]) {
    const world = new TestWorld();
    await world.run("map", spec);
    const asked = world.requests[0];
    assertEquals(asked?.kind === "map" && asked.externalPort, 0);
  }
});

Deno.test("map prints one line a mapping, in the order of the specs", async () => {
  const { stdout } = await new TestWorld().run("map", "443", "53/udp", "any:22", "--lifetime", "60");
  assertEquals(
    stdout,
    "tcp 203.0.113.7:443 -> 443, 60 s\nudp 203.0.113.7:53 -> 53, 60 s\ntcp 203.0.113.7:57344 -> 22, 60 s\n",
  );
});

Deno.test("map leaves the address out when the gateway refuses to tell it", async () => {
  for (const resultCode of [2, 3, 4, 5, 9]) {
    const world = new TestWorld({ faultsFor: faultyFor("address", { resultCode }) });
    const { exitCode, stdout } = await world.run("map", "8080:80");
    assertEquals([exitCode, stdout], [0, "tcp 8080 -> 80, 7200 s\n"]);
  }
});

Deno.test("map leaves the address out when only the address request is not answered", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("address", { silent: true }) });
  const { exitCode, stdout } = await world.run("map", "8080:80");
  assertEquals([exitCode, stdout], [0, "tcp 8080 -> 80, 7200 s\n"]);
  assertEquals(world.clock.now(), 7750);
});

Deno.test("map --json has no externalAddress when the gateway refuses to tell it", async () => {
  const { json } = await new TestWorld({ faultsFor: faultyFor("address", { resultCode: 2 }) })
    .runJson("map", "8080:80");
  assertEquals(Object.hasOwn(json, "externalAddress"), false);
  assertEquals(json.mappings?.[0]?.externalPort, 8080);
});

Deno.test("map --json has the fields of the contract", async () => {
  const world = new TestWorld({
    gateway: { ...OTHER_GRANT.gateway, externalAddress: "100.64.1.2" },
    faults: { latencyMs: 3 },
  });
  const { exitCode, json, stderr } = await world.runJson("map", "8080:80");
  const { warnings, ...rest } = json;
  assertEquals(rest, {
    command: "map",
    gateway: "10.0.0.1",
    externalAddress: "100.64.1.2",
    mappings: [{
      protocol: "tcp",
      internalPort: 80,
      via: "nat-pmp",
      requestedExternalPort: 8080,
      externalPort: 40_001,
      requestedLifetimeSeconds: 7200,
      lifetimeSeconds: 3600,
      expiresAt: "2026-01-01T01:00:00Z",
      epochSeconds: 74_565,
      attempts: 1,
      elapsedMs: 3,
    }],
  });
  assertEquals(warnings?.map((warning) => typeof warning), ["string"]);
  assertEquals([exitCode, stderr], [0, ""]);
});

Deno.test("map --json has no warnings when there are none, and no nulls", async () => {
  const world = new TestWorld();
  const { json } = await world.runJson("map", "8080:80");
  assertEquals(Object.hasOwn(json, "warnings"), false);
  assertEquals(JSON.stringify(json).includes("null"), false);
});

Deno.test("map --json has no requestedExternalPort when the gateway was to choose", async () => {
  for (const spec of ["0:80", "any:80"]) {
    const { json } = await new TestWorld().runJson("map", spec);
    assertEquals(Object.hasOwn(json.mappings?.[0] ?? {}, "requestedExternalPort"), false);
  }
});

Deno.test("map --json --quiet prints its object: a mapping is a change", async () => {
  const { json } = await new TestWorld().runJson("map", "8080:80", "-q");
  assertEquals(json.mappings?.length, 1);
});

Deno.test("map counts a lease from the request that was sent first, by the wall clock", async () => {
  // Two sends are lost: the grant comes after 750 ms, and might have been made at once.
  const world = new TestWorld({ faults: { loseReplies: { first: 2 } } });
  world.clock.setWall(new Date("2026-12-31T23:59:00Z"));
  const { json } = await world.runJson("map", "8080:80", "-l", "60", "--via", "nat-pmp");
  assertEquals(json.mappings?.[0]?.expiresAt, "2027-01-01T00:00:00Z");
  assertEquals([json.mappings?.[0]?.attempts, json.mappings?.[0]?.elapsedMs], [3, 750]);
});

const DOUBLE_NAT = ["10.1.2.3", "192.168.3.4", "100.64.1.2"];
for (const externalAddress of DOUBLE_NAT) {
  Deno.test(`map warns of double NAT at ${externalAddress} and maps`, async () => {
    const world = new TestWorld({ gateway: { externalAddress } });
    const { exitCode, stdout, stderr } = await world.run("map", "8080:80");
    assertEquals([exitCode, stdout], [0, `tcp ${externalAddress}:8080 -> 80, 7200 s\n`]);
    assertMatch(stderr, /^natpmp: warning: .*double NAT.*\n$/);
    assertEquals(world.mappings, ["tcp 10.0.0.2 8080:80"]);
  });
}

Deno.test("map warns of the external address 0.0.0.0 and maps", async () => {
  const world = new TestWorld({ faults: { zeroAddress: true } });
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80");
  assertEquals([exitCode, stdout], [0, "tcp 8080 -> 80, 7200 s\n"]);
  assertMatch(stderr, /^natpmp: warning: .*0\.0\.0\.0.*\n$/);
});

Deno.test("map takes two bare numbers for PUBLIC PRIVATE and says so", async () => {
  const { exitCode, stdout, stderr } = await new TestWorld().run("map", "8080", "80");
  assertEquals([exitCode, stdout], [0, "tcp 203.0.113.7:8080 -> 80, 7200 s\n"]);
  assertMatch(stderr, /^natpmp: note: [^\n]*one mapping[^\n]*\n$/);
  assertStringIncludes(stderr, "8080:8080 80:80");
});

Deno.test("map --quiet says nothing of the bare pair", async () => {
  const { stdout, stderr } = await new TestWorld().run("map", "8080", "80", "--quiet");
  assertEquals([stdout, stderr], ["tcp 203.0.113.7:8080 -> 80, 7200 s\n", ""]);
});

Deno.test("map does as py-natpmp's client does with -u -l -g PUBLIC PRIVATE", async () => {
  const world = new TestWorld();
  const { stdout } = await world.run("map", "-u", "-l", "1800", "-g", "10.0.0.1", "5353", "53");
  assertEquals(stdout, "udp 203.0.113.7:5353 -> 53, 1800 s\n");
  assertEquals(world.requests[0], {
    kind: "map",
    protocol: "udp",
    internalPort: 53,
    externalPort: 5353,
    lifetimeSeconds: 1800,
  });
});

Deno.test("map lets a spec's own protocol win over the flag", async () => {
  const world = new TestWorld();
  await world.run("map", "-u", "80/tcp", "53", "443/both");
  assertEquals(world.mappings, [
    "tcp 10.0.0.2 80:80",
    "udp 10.0.0.2 53:53",
    "tcp 10.0.0.2 443:443",
    "udp 10.0.0.2 443:443",
  ]);
});

for (const [lifetime, seconds] of [["1", 1], ["90s", 90], ["30m", 1800], ["2h", 7200], ["1d", 86_400]]) {
  Deno.test(`map --lifetime ${lifetime} asks for ${seconds} s`, async () => {
    const { json } = await new TestWorld().runJson("map", "80", "-l", `${lifetime}`);
    assertEquals(json.mappings?.[0]?.requestedLifetimeSeconds, seconds);
  });
}

Deno.test("map --lifetime 4294967295 is granted and its end is a date", async () => {
  const { exitCode, json } = await new TestWorld().runJson("map", "80", "-l", "4294967295");
  assertEquals(exitCode, 0);
  assertEquals(json.mappings?.[0]?.expiresAt, "2162-02-07T06:28:15Z");
});

Deno.test("map again renews, with the same line", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  await world.run("map", "8080:80");
  assertEquals(world.stdout.text, "tcp 203.0.113.7:8080 -> 80, 7200 s\n".repeat(2));
});

Deno.test("map of another external port for a live mapping reports what the gateway did", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80");
  const { exitCode, stdout } = await world.run("map", "9090:80");
  assertEquals(exitCode, 0);
  assertStringIncludes(stdout, "tcp 203.0.113.7:8080 -> 80, 7200 s (asked for 9090)\n");
  assertEquals(world.deletions, []);
});

Deno.test("map --verbose shows each datagram with its time, on stderr", async () => {
  const world = new TestWorld({ faults: { loseRequests: { first: 1 } } });
  const { stdout, stderr } = await world.run("map", "8080:80", "-v", "--via", "nat-pmp");
  assertEquals(stdout, "tcp 203.0.113.7:8080 -> 80, 7200 s\n");
  assertEquals(stderr.split("\n"), [
    "Router 10.0.0.1: default route through eth0",
    "+0.0 ms -> 10.0.0.1:5351 map tcp request: internal 80, external 8080, 7200 s (12 bytes), attempt 1",
    "+250.0 ms -> 10.0.0.1:5351 map tcp request: internal 80, external 8080, 7200 s (12 bytes), attempt 2",
    "+250.0 ms <- 10.0.0.1:5351 map tcp reply: internal 80, external 8080, 7200 s, epoch 74565 s (16 bytes)",
    "NAT-PMP: it answered",
    "+250.0 ms -> 10.0.0.1:5351 address request (2 bytes), attempt 1",
    "+250.0 ms <- 10.0.0.1:5351 address reply: 203.0.113.7, epoch 74565 s (12 bytes)",
    "",
  ]);
});

Deno.test("map --verbose --json keeps stdout to the one object", async () => {
  const { json, stderr } = await new TestWorld().runJson("map", "8080:80", "-v");
  assertEquals(json.command, "map");
  assertEquals(stderr.split("\n").length, 9);
});

Deno.test("map says why the external address is missing, and maps all the same", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("address", { silent: true }) });
  const { exitCode, stdout, stderr } = await world.run("map", "8080:80");
  assertEquals([exitCode, stdout], [0, "tcp 8080 -> 80, 7200 s\n"]);
  assertEquals(
    stderr,
    "natpmp: warning: The external address is unknown: 10.0.0.1:5351 did not answer within 7.75 s (attempts: 5)\n",
  );
});
