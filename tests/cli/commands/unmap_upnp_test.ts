import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { UpnpClient } from "../../../lib/upnp/client.ts";
import { GATEWAY, OTHER_HOST, TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

const CLOSED = { reportsPortUnreachable: true } as const;

/** A world whose router speaks UPnP alone; its port 5351 is closed. */
function upnpWorld(options: TestWorldOptions = {}): TestWorld {
  return new TestWorld({ speaks: "none", upnp: "igd1", conditions: CLOSED, ...options });
}

/** Lets the other host map an external port to its own port 81. */
async function otherHostMaps({ memory, clock }: TestWorld, externalPort: number): Promise<void> {
  const { open, connect } = memory.host(OTHER_HOST);
  const client = new UpnpClient(GATEWAY, { clock, openSocket: open, connectStream: connect });
  await clock.runUntil(client.map({ protocol: "tcp", internalPort: 81, externalPort }));
}

/** Runs a command line and gives what it alone left. */
async function runAlone(world: TestWorld, ...args: string[]) {
  const [stdoutBefore, stderrBefore] = [world.stdout.text.length, world.stderr.text.length];
  const { exitCode, stdout, stderr } = await world.run(...args);
  return { exitCode, stdout: stdout.slice(stdoutBefore), stderr: stderr.slice(stderrBefore) };
}

async function leasesOf(world: TestWorld): Promise<readonly string[]> {
  const { leases } = JSON.parse((await runAlone(world, "status", "--json")).stdout);
  return leases.map(({ protocol, internalPort, via }: Record<string, unknown>) =>
    `${protocol} ${internalPort} ${via}`
  );
}

for (const upnp of ["igd1", "igd2"] as const) {
  Deno.test(`unmap --all --via upnp deletes every entry of this host and none of others (${upnp})`, async () => {
    const world = upnpWorld({ upnp });
    await world.run("map", "8080:80", "5353:53/udp");
    await world.run("map", "9090:80", "--no-state");
    await otherHostMaps(world, 7070);
    const { exitCode, stdout, stderr } = await runAlone(world, "unmap", "--all", "--via", "upnp");
    assertEquals([exitCode, stderr], [0, ""]);
    assertEquals(stdout.trimEnd().split("\n").toSorted(), [
      "tcp 80 unmapped (external 8080)",
      "tcp 80 unmapped (external 9090)",
      "udp 53 unmapped (external 5353)",
    ]);
    assertEquals(world.mappings, [`tcp ${OTHER_HOST} 7070:81`]);
    assertEquals(await leasesOf(world), []);
  });
}

Deno.test("unmap --all --igd is as --via upnp, and JSON has an entry for each", async () => {
  const world = upnpWorld();
  await world.run("map", "8080:80");
  const verbose = await runAlone(world, "map", "9090:90", "--no-state", "--verbose");
  const [, url = ""] = /search reply: (\S+)/.exec(verbose.stderr) ?? [];
  const { exitCode, stdout } = await runAlone(world, "unmap", "--all", "--igd", url, "--json");
  const { mappings, gateway } = JSON.parse(stdout);
  const entries = mappings.map(({ elapsedMs, attempts, ...entry }: Record<string, number>) => {
    assertEquals([typeof elapsedMs, attempts], ["number", 2]);
    return entry;
  });
  assertEquals([exitCode, gateway], [0, GATEWAY]);
  assertEquals(
    entries.toSorted((a: Record<string, number>, b: typeof a) => a.internalPort! - b.internalPort!),
    [
      { protocol: "tcp", internalPort: 80, externalPort: 8080, via: "upnp" },
      { protocol: "tcp", internalPort: 90, externalPort: 9090, via: "upnp" },
    ],
  );
});

for (const [flag, left] of [["--udp", "tcp 10.0.0.2 80:80"], ["--tcp", "udp 10.0.0.2 80:80"]] as const) {
  Deno.test(`unmap --all ${flag} --via upnp deletes the entries of that protocol alone`, async () => {
    const world = upnpWorld();
    await world.run("map", "80/both");
    assertEquals((await world.run("unmap", "--all", flag, "--via", "upnp")).exitCode, 0);
    assertEquals(world.mappings, [left]);
    assertEquals(await leasesOf(world), [`${left.slice(0, 3)} 80 upnp`]);
  });
}

Deno.test("unmap --all --via upnp with nothing of this host in the table succeeds, and says so", async () => {
  const world = upnpWorld();
  await otherHostMaps(world, 7070);
  assertEquals(await runAlone(world, "unmap", "--all", "--via", "upnp"), {
    exitCode: 0,
    stdout: "",
    stderr: "natpmp: note: The router lists no mapping of this host\n",
  });
  const { stdout } = await runAlone(world, "unmap", "--all", "--via", "upnp", "--json");
  assertEquals(JSON.parse(stdout).mappings, []);
});

Deno.test("unmap --all --via upnp of a router that lists nothing deletes the leases that the state knows", async () => {
  const world = upnpWorld({ faults: { upnpNoListing: true } });
  await world.run("map", "8080:80");
  const { exitCode, stdout } = await runAlone(world, "unmap", "--all", "--via", "upnp");
  assertEquals([exitCode, stdout, world.mappings], [0, "tcp 80 unmapped (external 8080)\n", []]);
  assertEquals(await leasesOf(world), []);
});

Deno.test("unmap --all --via upnp forgets a lease whose port is another host's now, and leaves that alone", async () => {
  const world = upnpWorld();
  await world.run("map", "8080:80");
  world.gateway.reboot(world.clock.now());
  await otherHostMaps(world, 8080);
  const { exitCode, stdout } = await runAlone(world, "unmap", "--all", "--via", "upnp");
  assertEquals([exitCode, stdout], [0, ""]);
  assertEquals([world.mappings, await leasesOf(world)], [[`tcp ${OTHER_HOST} 8080:81`], []]);
});

Deno.test("unmap --all --via upnp reports each entry that the router does not delete, and remembers its lease", async () => {
  const world = upnpWorld();
  await world.run("map", "8080:80", "9090:90");
  world.gateway.setFaults({ refuse: true }, world.clock.now());
  const { exitCode, stdout } = await runAlone(world, "unmap", "--all", "--via", "upnp", "--json");
  const { mappings } = JSON.parse(stdout);
  assertEquals(exitCode, 5);
  assertEquals(
    mappings.map((
      { externalPort, error }: { externalPort: number; error: { kind: string } },
    ) => [externalPort, error.kind]).toSorted(),
    [[8080, "not-authorized"], [9090, "not-authorized"]],
  );
  assertEquals(await leasesOf(world), ["tcp 80 upnp", "tcp 90 upnp"]);
});

Deno.test("unmap --all --via upnp where nobody answers is one error for all", async () => {
  const world = new TestWorld({ speaks: "both" });
  const { exitCode, stderr } = await world.run("unmap", "--all", "--via", "upnp");
  assertEquals(exitCode, 8);
  assertMatch(stderr, /^natpmp: error: tcp all, udp all: UPnP: no router answered[^\n]+\n$/);
});

Deno.test("unmap --all --via upnp deletes a lease of PCP by its nonce, and beside it what else leads to that port", async () => {
  const world = new TestWorld({ speaks: "both", upnp: "igd1" });
  await world.run("map", "8080:80", "--via", "pcp");
  await world.run("map", "9090:80", "--via", "upnp", "--no-state");
  const { exitCode, stdout } = await runAlone(world, "unmap", "--all", "--via", "upnp", "--json");
  const vias = JSON.parse(stdout).mappings.map((
    { externalPort, via }: Record<string, unknown>,
  ) => [externalPort, via]);
  assertEquals([exitCode, vias.toSorted()], [0, [[8080, "pcp"], [9090, "upnp"]]]);
  assertEquals([world.mappings, await leasesOf(world)], [[], []]);
});

Deno.test("unmap --all of a router that speaks UPnP alone deletes what is known, and names the command for the rest", async () => {
  const world = upnpWorld();
  await world.run("map", "8080:80", "53/udp");
  await world.run("map", "9090:90", "--no-state");
  const { exitCode, stdout, stderr } = await runAlone(world, "unmap", "--all");
  assertEquals([exitCode, stdout], [0, "tcp 80 unmapped\nudp 53 unmapped\n"]);
  assertMatch(
    stderr,
    /^natpmp: note: The router does not speak NAT-PMP[^\n]+ run natpmp unmap --all --via upnp\n$/,
  );
  assertEquals([world.mappings, await leasesOf(world)], [["tcp 10.0.0.2 9090:90"], []]);
});

Deno.test("unmap --all of a router that speaks UPnP alone succeeds where nothing is known", async () => {
  const { exitCode, stdout, stderr } = await upnpWorld().run("unmap", "--all", "--udp");
  assertEquals([exitCode, stdout], [0, ""]);
  assertStringIncludes(stderr, "run natpmp unmap --all --udp --via upnp\n");
});

Deno.test("unmap --all of a router that speaks UPnP alone and drops what comes to port 5351 deletes what is known", async () => {
  const world = upnpWorld({ conditions: {} });
  await world.run("map", "8080:80");
  const { exitCode, stdout, stderr } = await runAlone(world, "unmap", "--all");
  assertEquals([exitCode, stdout, world.mappings], [0, "tcp 80 unmapped\n", []]);
  assertMatch(stderr, /^natpmp: note: The router does not speak NAT-PMP[^\n]+\n$/);
});

Deno.test("unmap --all deletes leases of UPnP and of NAT-PMP, each by its protocol", async () => {
  const world = new TestWorld({ speaks: "nat-pmp", upnp: "igd1" });
  await world.run("map", "8080:80", "--via", "upnp");
  await world.run("map", "9090:90", "--via", "nat-pmp");
  const { exitCode, stdout, stderr } = await runAlone(world, "unmap", "--all", "--json");
  assertEquals([exitCode, stderr], [0, ""]);
  assertEquals(
    JSON.parse(stdout).mappings.map(({ protocol, internalPort, via }: Record<string, unknown>) =>
      `${protocol} ${internalPort} ${via}`
    ),
    ["tcp 80 upnp", "tcp 0 nat-pmp", "udp 0 nat-pmp"],
  );
  assertEquals([world.mappings, await leasesOf(world)], [[], []]);
});

Deno.test("unmap --all where nothing is spoken ends with 8, a sentence for each protocol", async () => {
  const { exitCode, stderr } = await new TestWorld({ gateway: { actsAsNat: false }, conditions: CLOSED }).run(
    "unmap",
    "--all",
  );
  assertEquals(exitCode, 8);
  assertMatch(
    stderr,
    /^natpmp: error: tcp all, udp all: PCP, NAT-PMP: [^\n]+ UPnP: no router answered[^\n]+\n$/,
  );
});

for (const [title, conditions] of [["closed", CLOSED], ["silent", {}]] as const) {
  Deno.test(`unmap PORT finds the external port in the table where the state does not know it (5351 ${title})`, async () => {
    const world = upnpWorld({ conditions });
    await world.run("map", "8080:80", "--no-state");
    const { exitCode, stdout } = await runAlone(world, "unmap", "80");
    assertEquals([exitCode, stdout, world.mappings], [0, "tcp 80 unmapped\n", []]);
  });
}

Deno.test("unmap EXTERNAL:INTERNAL of another host's port ends with 5 and names that host", async () => {
  const world = upnpWorld();
  await otherHostMaps(world, 8080);
  const { exitCode, stderr } = await world.run("unmap", "8080:80");
  assertEquals(exitCode, 5);
  assertStringIncludes(stderr, `leads to ${OTHER_HOST}:81`);
  assertEquals(world.mappings, [`tcp ${OTHER_HOST} 8080:81`]);
});
