import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NoGatewayError } from "../../../lib/errors.ts";
import { faultyFor, HOST, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const DELETION = { kind: "map", externalPort: 0, lifetimeSeconds: 0 } as const;

Deno.test("unmap prints which mapping is gone", async () => {
  const world = new TestWorld();
  await world.run("map", "8080:80", "-q");
  world.stdout.text = "";
  assertEquals(await world.run("unmap", "8080:80"), { exitCode: 0, stdout: "tcp 80 unmapped\n", stderr: "" });
  assertEquals(world.mappings, []);
});

Deno.test("unmap of what is not there succeeds (§3.4)", async () => {
  assertEquals((await new TestWorld().run("unmap", "8080:80")).exitCode, 0);
});

Deno.test("unmap sends one deletion, with external port and lifetime 0, and nothing after it", async () => {
  const world = new TestWorld();
  await world.run("unmap", "8080:80");
  assertEquals(world.requests, [{ ...DELETION, protocol: "tcp", internalPort: 80 }]);
  await world.clock.advance(600_000);
  assertEquals(world.received, 1);
});

Deno.test("unmap names a mapping by its internal port, whatever is external", async () => {
  for (const spec of ["80", "8080:80", "any:80", "0:80"]) {
    const world = new TestWorld();
    await world.run("map", "8080:80");
    await world.run("unmap", spec);
    assertEquals(world.mappings, []);
  }
});

Deno.test("unmap takes two bare numbers for PUBLIC PRIVATE and says so", async () => {
  const { stdout, stderr } = await new TestWorld().run("unmap", "8080", "80");
  assertEquals(stdout, "tcp 80 unmapped\n");
  assertMatch(stderr, /^natpmp: note: [^\n]+\n$/);
  assertStringIncludes(stderr, "8080:8080 80:80");
  assertEquals((await new TestWorld().run("unmap", "8080", "80", "-q")).stderr, "");
});

Deno.test("unmap deletes several, a pair as TCP and UDP", async () => {
  const world = new TestWorld();
  const { stdout } = await world.run("unmap", "80/both", "53/udp", "443");
  assertEquals(stdout, "tcp 80 unmapped\nudp 80 unmapped\nudp 53 unmapped\ntcp 443 unmapped\n");
});

Deno.test("unmap takes the protocol of a flag", async () => {
  assertEquals((await new TestWorld().run("unmap", "53", "-u")).stdout, "udp 53 unmapped\n");
  assertEquals((await new TestWorld().run("unmap", "53", "--tcp")).stdout, "tcp 53 unmapped\n");
  const both = await new TestWorld().run("unmap", "53", "--both");
  assertEquals(both.stdout, "tcp 53 unmapped\nudp 53 unmapped\n");
});

Deno.test("unmap --json has the fields of the contract", async () => {
  const { exitCode, json, stderr } = await new TestWorld({ faults: { latencyMs: 2.84 } })
    .runJson("unmap", "8080:80");
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(json, {
    command: "unmap",
    gateway: "10.0.0.1",
    mappings: [{ protocol: "tcp", internalPort: 80, via: "nat-pmp", attempts: 1, elapsedMs: 2.8 }],
  });
});

for (
  const [flag, protocols] of [
    [[], ["tcp", "udp"]],
    [["--both"], ["tcp", "udp"]],
    [["-u"], ["udp"]],
    [["--tcp"], ["tcp"]],
  ] as const
) {
  Deno.test(`unmap --all ${flag.join("")} deletes everything of ${protocols.join(" and ")}`, async () => {
    const world = new TestWorld();
    await world.run("map", "80/both", "443/both");
    world.requests.length = 0;
    assertEquals((await world.run("unmap", "--all", ...flag)).exitCode, 0);
    assertEquals(world.requests, protocols.map((protocol) => ({ ...DELETION, protocol, internalPort: 0 })));
    assertEquals(world.mappings.length, 4 - 2 * protocols.length);
  });
}

Deno.test("unmap --all prints a line for each protocol", async () => {
  const { stdout } = await new TestWorld().run("unmap", "--all");
  assertMatch(stdout, /^tcp [^\n]*unmapped\nudp [^\n]*unmapped\n$/);
});

Deno.test("unmap --all --json has entries with internalPort 0", async () => {
  const { json } = await new TestWorld().runJson("unmap", "--all");
  assertEquals(json.mappings?.map(({ protocol, internalPort }) => [protocol, internalPort]), [
    ["tcp", 0],
    ["udp", 0],
  ]);
});

Deno.test("unmap --all reports a gateway that deleted only a part", async () => {
  const { exitCode, stderr } = await new TestWorld({ faults: { partialDelete: true } }).run("unmap", "--all");
  assertEquals(exitCode, 5);
  assertMatch(stderr, /^natpmp: error: /);
});

/** PCP is not asked. */
const VIA = ["--via", "nat-pmp"];

const CAUSES: readonly (TestWorldOptions & { cause: string; exit: number; kind: string; code?: number })[] = [
  { cause: "silence", faults: { silent: true }, exit: 4, kind: "timeout" },
  { cause: "result 1", faults: { resultCode: 1 }, exit: 8, kind: "not-supported", code: 1 },
  { cause: "result 2", faults: { refuse: true }, exit: 5, kind: "not-authorized", code: 2 },
  { cause: "result 3", faults: { resultCode: 3 }, exit: 6, kind: "network-failure", code: 3 },
  { cause: "result 4", faults: { resultCode: 4 }, exit: 7, kind: "out-of-resources", code: 4 },
  { cause: "result 5", faults: { resultCode: 5 }, exit: 8, kind: "not-supported", code: 5 },
  { cause: "result 6", faults: { resultCode: 6 }, exit: 9, kind: "unknown-result", code: 6 },
  { cause: "a PCP-only gateway", faults: { pcpOnly: true }, exit: 8, kind: "not-supported" },
];

for (const { cause, exit, kind, code, ...options } of CAUSES) {
  Deno.test(`unmap ends with ${exit} and one line on stderr after ${cause}`, async () => {
    const { exitCode, stdout, stderr } = await new TestWorld(options).run("unmap", "8080:80", ...VIA);
    assertEquals([exitCode, stdout], [exit, ""]);
    assertMatch(stderr, /^natpmp: error: tcp 80: [^\n]+\n$/);
  });

  Deno.test(`unmap --json has ${kind} in the mapping's entry after ${cause}`, async () => {
    const { json } = await new TestWorld(options).runJson("unmap", "8080:80", ...VIA);
    assertEquals(Object.keys(json).sort(), ["command", "gateway", "mappings"]);
    const { error, ...rest } = json.mappings?.[0] ?? {};
    assertEquals(rest, { protocol: "tcp", internalPort: 80, via: "nat-pmp" });
    assertEquals([error?.kind, error?.resultCode], [kind, code]);
  });
}

Deno.test("unmap reports a static mapping that stays (§3.4)", async () => {
  const owner = { address: HOST, internalPort: 80, protocol: "tcp" } as const;
  const world = new TestWorld({ gateway: { staticMappings: [{ ...owner, externalPort: 80 }] } });
  assertEquals((await world.run("unmap", "80")).exitCode, 5);
});

Deno.test("unmap ends with 3 when there is no gateway, which JSON has at the top", async () => {
  const { exitCode, json } = await new TestWorld({ noGateway: new NoGatewayError("There is none") })
    .runJson("unmap", "80");
  assertEquals([exitCode, json.command, json.error?.kind], [3, "unmap", "no-gateway"]);
});

Deno.test("unmap gives the other specs of a silent gateway the same error without another wait", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  const { exitCode, stderr } = await world.run("unmap", "80", "443/both");
  assertEquals([exitCode, world.received, world.clock.now()], [4, 5, 7750]);
  assertMatch(stderr, /^natpmp: error: tcp 80, tcp 443, udp 443: [^\n]+\n$/);
});

Deno.test("unmap asks a gateway that speaks no NAT-PMP once, whatever the specs", async () => {
  const world = new TestWorld({ faults: { pcpOnly: true } });
  assertEquals((await world.run("unmap", "80", "443/both", ...VIA)).exitCode, 8);
  assertEquals(world.received, 1);
});

Deno.test("unmap goes on after a refusal and ends with its code", async () => {
  const world = new TestWorld({ faultsFor: faultyFor("tcp", { refuse: true }) });
  const { exitCode, stdout } = await world.run("unmap", "80/both");
  assertEquals([exitCode, stdout], [5, "udp 80 unmapped\n"]);
});

Deno.test("unmap uses the schedule and --timeout of every request", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  await world.run("unmap", "80", "-t", "1");
  assertEquals([world.received, world.clock.now()], [3, 1000]);
});

for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`unmap stopped by ${name} reports what was unmapped and ends with ${code}`, async () => {
    const world: TestWorld = new TestWorld({
      faultsFor: (_, number) => number === 1 ? {} : { silent: true },
      onSend: (_, number) => {
        if (number === 2) world.stop(name);
      },
    });
    const { exitCode, stdout } = await world.run("unmap", "80/tcp", "443/tcp", "22/tcp");
    assertEquals([exitCode, stdout], [code, "tcp 80 unmapped\n"]);
    assertEquals(world.requests.length, 2);
  });
}

Deno.test("unmap --verbose shows each datagram with its time, on stderr", async () => {
  const { stderr } = await new TestWorld().run("unmap", "80", "-v", "-g", "10.0.0.1");
  assertEquals(stderr.split("\n"), [
    "+0.0 ms -> 10.0.0.1:5351 unmap tcp request: internal 80 (12 bytes), attempt 1",
    "+0.0 ms <- 10.0.0.1:5351 map tcp reply: internal 80, external 0, 0 s, epoch 74565 s (16 bytes)",
    "NAT-PMP: it answered",
    "",
  ]);
});
