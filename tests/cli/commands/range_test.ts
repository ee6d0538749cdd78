import { assertEquals, assertStringIncludes } from "@std/assert";
import { CONFIG_PATH, CronLine } from "../../support/cron_line.ts";
import { faultyFor, type JsonObject, TestWorld } from "../../support/test_world.ts";

const LIFETIME = "7200 s";

/** The ports from one to another. */
function ports(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

Deno.test("map maps each port of a range, and prints a line a port", async () => {
  const world = new TestWorld();
  const { exitCode, stdout, stderr } = await world.run("map", "6881-6884/udp");
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(
    stdout,
    ports(6881, 6884).map((port) => `udp 203.0.113.7:${port} -> ${port}, ${LIFETIME}\n`).join(""),
  );
  assertEquals(world.mappings, ports(6881, 6884).map((port) => `udp 10.0.0.2 ${port}:${port}`));
});

Deno.test("map maps an external range to an internal one, TCP and UDP of each port in turn", async () => {
  const world = new TestWorld();
  await world.run("map", "8000-8001:9000-9001/both");
  const asked = world.requests.flatMap((request) =>
    request.kind === "map" ? [`${request.protocol} ${request.externalPort}:${request.internalPort}`] : []
  );
  assertEquals(asked, ["tcp 8000:9000", "udp 8000:9000", "tcp 8001:9001", "udp 8001:9001"]);
});

Deno.test("map leaves the external port of each port of a range to the gateway", async () => {
  for (const spec of ["any:6881-6883", "0:6881-6883"]) {
    const world = new TestWorld();
    const { json } = await world.runJson("map", spec);
    assertEquals(json.mappings?.map(({ internalPort, externalPort }) => [internalPort, externalPort]), [
      [6881, 57_344],
      [6882, 57_345],
      [6883, 57_346],
    ]);
    assertEquals(json.mappings?.some((entry) => Object.hasOwn(entry, "requestedExternalPort")), false);
  }
});

Deno.test("map takes ranges beside other specs, and the protocol of a flag", async () => {
  const world = new TestWorld();
  await world.run("map", "--udp", "80", "443-444", "any:53/tcp");
  assertEquals(world.mappings, [
    "udp 10.0.0.2 80:80",
    "udp 10.0.0.2 443:443",
    "udp 10.0.0.2 444:444",
    "tcp 10.0.0.2 57344:53",
  ]);
});

Deno.test("map refuses specs that overlap with a range before anything is sent", async () => {
  for (
    const specs of [["80-90", "85"], ["80-90", "8000-8010:90-100"], ["80-90/both", "any:82/udp"]].concat([
      ["8000-8010:80-90", "8005:443"],
    ])
  ) {
    const world = new TestWorld();
    const { exitCode, stderr } = await world.run("map", ...specs);
    assertEquals([exitCode, world.received], [2, 0], specs.join(" "));
    assertStringIncludes(stderr, "each port can be mapped once");
  }
});

Deno.test("map says how a range is wrong", async () => {
  const wrong: readonly (readonly [string, string])[] = [
    ["6889-6881", 'range "6889-6881": it ends before it begins'],
    ["1000-1256", 'range "1000-1256" of 257 ports: a range has at most 256'],
    ["8000-8010:80", "both sides need the same number of ports, not 11 and 1"],
    ["8000-8010:9000-9009", "both sides need the same number of ports, not 11 and 10"],
    ["0-9:10-19", 'range "0-9": a range begins at port 1 or above'],
    ["65530-65536", 'port "65536" of "65530-65536"'],
  ];
  for (const [spec, part] of wrong) {
    const world = new TestWorld();
    const { exitCode, stderr } = await world.run("map", "--allow-port-zero", spec);
    assertEquals([exitCode, world.received], [2, 0]);
    assertStringIncludes(stderr, part);
  }
});

Deno.test("map names a range once when its ports have one failure", async () => {
  const world = new TestWorld({ faults: { resultCode: 2 } });
  const { exitCode, stderr } = await world.run("map", "6881-6889", "53/udp");
  assertEquals(exitCode, 5);
  assertEquals(stderr.match(/^natpmp: error: [^:]*/gm), [
    "natpmp: error: tcp 6881-6889",
    "natpmp: error: udp 53",
  ]);
});

Deno.test("map names a silent gateway's range once, and has an entry of JSON for each port", async () => {
  const { stderr } = await new TestWorld({ faults: { silent: true } }).run("map", "6881-6889/both", "-t1");
  assertStringIncludes(stderr, "natpmp: error: tcp 6881-6889, udp 6881-6889: ");
  const { json } = await new TestWorld({ faults: { silent: true } }).runJson("map", "6881-6889/both", "-t1");
  assertEquals(json.mappings?.length, 18);
  assertEquals(new Set(json.mappings?.map(({ error }) => error?.kind)), new Set(["timeout"]));
});

Deno.test("map --exact says of a range that moved what was offered for the first port", async () => {
  const world = new TestWorld({ gateway: { firstPort: 40_001 } });
  const { exitCode, stderr } = await world.run("map", "--exact", "6881-6889");
  assertEquals([exitCode, world.mappings], [10, []]);
  assertEquals(stderr.split("\n").length, 2);
  assertStringIncludes(
    stderr,
    "tcp 6881-6889, the first: The router offers external tcp port 57344, not 6881",
  );
});

Deno.test("map gives a pair of a range back whose other half is refused, and keeps the other pairs", async () => {
  const world = new TestWorld({
    faultsFor: (request) =>
      request.kind === "map" && request.protocol === "udp" && request.internalPort === 6882
        ? { resultCode: 4 }
        : {},
  });
  const { exitCode } = await world.run("map", "6881-6883/both");
  assertEquals(exitCode, 7);
  assertEquals(
    world.mappings.toSorted(),
    ["tcp 10.0.0.2 6881:6881", "tcp 10.0.0.2 6883:6883"].concat([
      "udp 10.0.0.2 6881:6881",
      "udp 10.0.0.2 6883:6883",
    ]),
  );
});

Deno.test("map --check has a line and an entry for each port of a range", async () => {
  const world = new TestWorld();
  const { stdout } = await world.run("map", "--check", "8000-8001:9000-9001/both", "any:22-23");
  assertEquals(stdout.split("\n"), [
    "would map tcp 8000 -> 9000, 7200 s",
    "would map udp 8000 -> 9000, 7200 s",
    "would map tcp 8001 -> 9001, 7200 s",
    "would map udp 8001 -> 9001, 7200 s",
    "would map tcp any -> 22, 7200 s",
    "would map tcp any -> 23, 7200 s",
    "",
  ]);
  assertEquals(world.received, 0);
});

Deno.test("map has a note of a range that stays where it was, with the unmap line for all of it", async () => {
  const world = new TestWorld();
  await world.run("map", "8000-8002:9000-9002");
  const { stderr } = await world.run("map", "7000-7002:9000-9002");
  assertEquals(stderr.match(/natpmp unmap [^)]*/g), ["natpmp unmap 9000-9002/tcp"]);
});

Deno.test("map --quiet of a range that is mapped already is silent", async () => {
  const world = new TestWorld();
  await world.run("map", "6881-6889");
  world.stdout.text = "";
  assertEquals(await world.run("map", "--quiet", "6881-6889"), { exitCode: 0, stdout: "", stderr: "" });
});

Deno.test("unmap deletes each port of a range", async () => {
  const world = new TestWorld();
  await world.run("map", "6881-6889/both", "53/udp");
  world.stdout.text = "";
  const { exitCode, stdout } = await world.run("unmap", "6881-6889/tcp", "6881-6889/udp");
  assertEquals([exitCode, world.mappings], [0, ["udp 10.0.0.2 53:53"]]);
  assertEquals(stdout.split("\n").slice(0, 2), ["tcp 6881 unmapped", "tcp 6882 unmapped"]);
});

Deno.test("unmap warns once of a range that was probably not meant", async () => {
  const world = new TestWorld();
  await world.run("map", "8000-8002:9000-9002");
  const { exitCode, stderr } = await world.run("unmap", "8000-8002");
  assertEquals(exitCode, 0);
  assertEquals(
    stderr,
    "natpmp: warning: This host did not map tcp 8000-8002, but it mapped tcp 9000-9002 at external ports 8000-8002: " +
      "to unmap that, run natpmp unmap 9000-9002/tcp\n",
  );
});

Deno.test("status lists a lease for each port of a range", async () => {
  const world = new TestWorld();
  await world.run("map", "6881-6883");
  world.stdout.text = "";
  const { json } = await world.runJson("status");
  assertEquals((json.leases as JsonObject[]).map(({ internalPort }) => internalPort), [6881, 6882, 6883]);
});

Deno.test("doctor tells of each port of a range whether a program uses it", async () => {
  const { json } = await new TestWorld().runJson("doctor", "8080-8082:80-82");
  assertEquals((json.ports as JsonObject[]).map(({ internalPort }) => internalPort), [80, 81, 82]);
});

Deno.test("doctor advises on a range once for each thing that is wrong with its ports", async () => {
  const world = new TestWorld({
    network: { tryBind: (_protocol, _hostname, port) => Promise.resolve(port === 82 ? "taken" : "free") },
  });
  const { stdout } = await world.run("doctor", "80-84/both");
  assertEquals(stdout.match(/program for [^:]*/g), [
    "program for tcp ports 80-81",
    "program for udp ports 80-81",
    "program for tcp ports 83-84",
    "program for udp ports 83-84",
  ]);
});

Deno.test("watch keeps each port of a range, has an event for each, and deletes all", async () => {
  const world = new TestWorld();
  const { exitCode, stdout } = await world.run("watch", "6881-6883/both", "--json", "--for", "90m");
  const events = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const name of ["mapped", "renewed", "unmapped"]) {
    const names = events.filter(({ event }) => event === name).map(({ protocol, internalPort }) =>
      `${protocol} ${internalPort}`
    );
    assertEquals(
      names.toSorted(),
      ["tcp 6881", "tcp 6882", "tcp 6883", "udp 6881", "udp 6882", "udp 6883"],
      name,
    );
  }
  assertEquals([exitCode, world.mappings], [0, []]);
});

Deno.test("watch names a range once, at the start and when it is refused", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("tcp", { resultCode: 2 }) });
  const { stdout, stderr } = await world.run("watch", "6881-6889", "--for", "30s");
  assertStringIncludes(stdout, "started: tcp 6881-6889\n");
  assertEquals(stderr.match(/error: [^:]*/g), ["error: tcp 6881-6889"]);
});

Deno.test("map --if-due keeps the ports of a configured range, and deletes those that it lost", async () => {
  const cron = new CronLine({ mappings: ["6881-6884", "any:90-91/udp"] });
  assertEquals((await cron.run()).mail.trimEnd().split("\n").length, 6);
  assertEquals(await cron.next(), { exitCode: 0, mail: "" });
  cron.write({ mappings: ["6882-6884", "any:90-91/udp"] });
  assertEquals(await cron.next(), { exitCode: 0, mail: "tcp 6881 unmapped\n" });
  assertEquals(cron.world.mappings.length, 5);
});

Deno.test("map --if-due names a range once when it is refused, and is silent about it the next time", async () => {
  const cron = new CronLine({ mappings: ["6881-6889"] }, { faultsFor: faultyFor("tcp", { resultCode: 2 }) });
  const { exitCode, mail } = await cron.run();
  assertEquals([exitCode, mail.match(/^natpmp: error: [^:]*/gm)], [5, ["natpmp: error: tcp 6881-6889"]]);
  assertEquals(await cron.next(), { exitCode: 5, mail: "" });
});

Deno.test("map --config takes ranges in objects, with a port file of their own", async () => {
  const world = new TestWorld();
  const file = {
    mappings: ["443", { internal: "9000-9002", external: "8000-8002", protocol: "udp", portFile: "ports" }],
  };
  world.fakeMachine.files.set(CONFIG_PATH, JSON.stringify(file));
  const { exitCode } = await world.run("map", "--config", CONFIG_PATH);
  assertEquals([exitCode, world.fakeMachine.files.get("/etc/ports")], [0, "8000\n8001\n8002\n"]);
});

Deno.test("map and unmap of two hundred and fifty-six ports send a request for each, and wait for nothing", async () => {
  const world = new TestWorld();
  assertEquals((await world.run("map", "10000-10255")).exitCode, 0);
  assertEquals([world.mappings.length, world.requests.length], [256, 257]);
  assertEquals((await world.run("unmap", "10000-10255")).exitCode, 0);
  assertEquals([world.mappings.length, world.clock.now()], [0, 0]);
});

Deno.test("unmap names a range once whose deletion is refused, and deletes the ports that it can", async () => {
  const world = new TestWorld({
    faultsFor: (request) =>
      request.kind === "map" && request.lifetimeSeconds === 0 && request.internalPort > 6882
        ? { resultCode: 2 }
        : {},
  });
  await world.run("map", "6881-6889");
  const { exitCode, stderr } = await world.run("unmap", "6881-6889");
  assertEquals([exitCode, world.mappings.length], [5, 7]);
  assertEquals(stderr.match(/^natpmp: error: [^:]*/gm), ["natpmp: error: tcp 6883-6889"]);
});
