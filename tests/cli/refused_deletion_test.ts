/**
 * A router that refuses a deletion: it is asked once more with the external port in its place, which some look up, and
 * the message says that the deletion was refused and until when the mapping lives.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Request } from "../../lib/natpmp/message.ts";
import type { Faults } from "../../lib/simulator/mod.ts";
import { CronLine } from "../support/cron_line.ts";
import { TestWorld } from "../support/test_world.ts";

const MINUTE_MS = 60_000;

/** What a gateway does wrong with deletions alone. */
const onDeletion = (faults: Faults) => (request: Request): Faults => isDeletion(request) ? faults : {};
const REFUSES = { faultsFor: onDeletion({ refuse: true }) };
/** As old versions of miniupnpd do (miniupnp issue 97). */
const BY_EXTERNAL_PORT = { faults: { deleteByExternalPort: true } };

function isDeletion(request: Request): boolean {
  return request.kind === "map" && request.lifetimeSeconds === 0;
}

/** The external ports that the deletions had, in order. */
function triedAt(world: TestWorld): (number | undefined)[] {
  return world.deletions.map((request) => request.kind === "map" ? request.externalPort : undefined);
}

/** What a command writes to stderr. */
async function stderrOf(world: TestWorld, ...args: string[]): Promise<{ exitCode: number; stderr: string }> {
  const before = world.stderr.text.length;
  const { exitCode } = await world.run(...args);
  return { exitCode, stderr: world.stderr.text.slice(before) };
}

const UNLESS = "unless you delete the mapping in the router's settings";
const RESULT_2 = "10.0.0.1 refused to delete the mapping: not authorized or refused (result 2).";

Deno.test("unmap that is refused says so, and until when the mapping lives", async () => {
  const world = new TestWorld(REFUSES);
  await world.run("map", "8080:80", "-q");
  await world.clock.advance(MINUTE_MS);
  assertEquals(await stderrOf(world, "unmap", "80"), {
    exitCode: 5,
    stderr: `natpmp: error: tcp 80: ${RESULT_2} The port stays open until 2026-01-01T02:00:00Z, ${UNLESS}\n`,
  });
  assertEquals(triedAt(world), [0, 8080]);
});

Deno.test("unmap that is refused of what nobody knows says that it lasts as long as it was granted", async () => {
  const world = new TestWorld(REFUSES);
  await world.run("map", "8080:80", "-q", "--no-state");
  assertEquals(await stderrOf(world, "unmap", "any:80"), {
    exitCode: 5,
    stderr: `natpmp: error: tcp 80: ${RESULT_2} The port stays open until its lifetime ends, ${UNLESS}\n`,
  });
  assertEquals(triedAt(world), [0]);
});

for (
  const [resultCode, exit, name] of [
    [3, 6, "network failure"],
    [4, 7, "out of resources"],
    [6, 9, "undefined result"],
  ] as const
) {
  Deno.test(`unmap that is refused with result ${resultCode} does not explain a mapping that was refused`, async () => {
    const world = new TestWorld({ faultsFor: onDeletion({ resultCode }) });
    await world.run("map", "8080:80", "-q");
    assertEquals(await stderrOf(world, "unmap", "80"), {
      exitCode: exit,
      stderr:
        `natpmp: error: tcp 80: 10.0.0.1 refused to delete the mapping: ${name} (result ${resultCode}). ` +
        `The port stays open until 2026-01-01T02:00:00Z, ${UNLESS}\n`,
    });
  });
}

Deno.test("unmap --json that is refused has expiresAt, and what both requests cost", async () => {
  const world = new TestWorld({ faultsFor: onDeletion({ refuse: true, latencyMs: 5 }) });
  await world.run("map", "8080:80", "-q");
  world.stdout.text = "";
  const { json } = await world.runJson("unmap", "80");
  const { message: _, ...error } = json.mappings?.[0]?.error ?? {};
  assertEquals(error, {
    kind: "not-authorized",
    resultCode: 2,
    expiresAt: "2026-01-01T02:00:00Z",
    attempts: 2,
    elapsedMs: 10,
  });
});

Deno.test("unmap that is refused keeps the lease in the state", async () => {
  const world = new TestWorld(REFUSES);
  await world.run("map", "8080:80", "-q");
  await world.run("unmap", "80");
  assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.length, 1);
});

for (const args of [["80"], ["any:80"], ["8080:80", "--no-state"]]) {
  Deno.test(`unmap ${args.join(" ")} at a router that looks up the external port deletes`, async () => {
    const world = new TestWorld(BY_EXTERNAL_PORT);
    await world.run("map", "8080:80", "-q");
    world.stdout.text = "";
    assertEquals(await world.run("unmap", ...args), { exitCode: 0, stdout: "tcp 80 unmapped\n", stderr: "" });
    assertEquals([world.mappings, triedAt(world)], [[], [0, 8080]]);
  });
}

Deno.test("unmap --json that was refused first counts both requests", async () => {
  const world = new TestWorld({ faults: { deleteByExternalPort: true, latencyMs: 5 } });
  await world.run("map", "8080:80", "-q");
  world.stdout.text = "";
  const { json } = await world.runJson("unmap", "80");
  assertEquals(json.mappings, [{
    protocol: "tcp",
    internalPort: 80,
    via: "nat-pmp",
    attempts: 2,
    elapsedMs: 10,
  }]);
});

Deno.test("unmap takes the port that was granted, not the one that is typed", async () => {
  const world = new TestWorld({ ...BY_EXTERNAL_PORT, gateway: { firstPort: 40_000, lastPort: 40_000 } });
  await world.run("map", "8080:80", "-q");
  assertEquals((await world.run("unmap", "8080:80")).exitCode, 0);
  assertEquals(triedAt(world), [0, 40_000]);
});

Deno.test("unmap does not try the port of a lease that is over: somebody else may have it", async () => {
  const world = new TestWorld(REFUSES);
  await world.run("map", "8080:80", "-q");
  await world.clock.advance(121 * MINUTE_MS);
  const { stderr } = await stderrOf(world, "unmap", "any:80");
  assertEquals(triedAt(world), [0]);
  assertStringIncludes(stderr, "The port stays open until its lifetime ends");
});

Deno.test("unmap names the refusal when the second request has no answer, within --timeout", async () => {
  const world: TestWorld = new TestWorld({
    faultsFor: (request) =>
      !isDeletion(request)
        ? {}
        : world.deletions.length === 1
        ? { refuse: true, latencyMs: 500 }
        : { silent: true },
  });
  await world.run("map", "8080:80", "-q");
  const startMs = world.clock.now();
  const { exitCode, stderr } = await stderrOf(world, "unmap", "80", "-t", "2");
  assertEquals([exitCode, world.clock.now() - startMs], [5, 2000]);
  assertStringIncludes(stderr, RESULT_2);
});

Deno.test("unmap that a signal stops in the second request ends with the signal's code", async () => {
  const world: TestWorld = new TestWorld({
    faultsFor: (request) =>
      !isDeletion(request) ? {} : world.deletions.length === 1 ? { refuse: true } : { silent: true },
    onSend: (request, number) => {
      if (isDeletion(request) && number === 4) world.stop("SIGTERM");
    },
  });
  await world.run("map", "8080:80", "-q");
  assertEquals(await world.run("unmap", "80").then(({ exitCode }) => exitCode), 143);
});

Deno.test("unmap --all that is refused says that some may be gone, and when the last one ends", async () => {
  const world = new TestWorld({ faults: { partialDelete: true } });
  await world.run("map", "8080:80", "-q", "--lifetime", "1h");
  await world.run("map", "9000:90", "-q");
  assertEquals(await stderrOf(world, "unmap", "--all", "--tcp"), {
    exitCode: 5,
    stderr: "natpmp: error: tcp all: 10.0.0.1 refused to delete every mapping: not authorized or refused " +
      "(result 2). The router may have deleted some of them. The last mapping that this host knows of ends at 2026-01-01T02:00:00Z\n",
  });
});

Deno.test("unmap --all that is refused says no time where nothing is known", async () => {
  const world = new TestWorld({ faults: { partialDelete: true } });
  const { stderr } = await stderrOf(world, "unmap", "--all", "--tcp");
  assertMatch(
    stderr,
    /The router may have deleted some of them\. The others stay until their lifetimes end\n$/,
  );
});

// ---- watch ----

Deno.test("watch that may not delete reports that, and until when the mapping lives", async () => {
  const world = new TestWorld(REFUSES);
  const { exitCode, stderr } = await world.run("watch", "8080:80", "--for", "10m");
  assertEquals(exitCode, 0);
  assertStringIncludes(
    stderr,
    `natpmp: error: tcp 80: ${RESULT_2} The port stays open until 2026-01-01T02:00:00Z, ${UNLESS}\n`,
  );
  assertEquals(triedAt(world), [0, 8080]);
  // So that status shows it and a later unmap can try again.
  assertEquals(world.fakeStatePaths.state.gateways[0]?.entries.map(({ internalPort }) => internalPort), [80]);
});

Deno.test("watch --json that may not delete has expiresAt in the error", async () => {
  const world = new TestWorld(REFUSES);
  const { stdout } = await world.run("watch", "8080:80", "--for", "10m", "--json");
  const error = stdout.trimEnd().split("\n").map((line) => JSON.parse(line)).find(({ event }) =>
    event === "error"
  );
  assertEquals([error.protocol, error.internalPort, error.error.kind, error.error.expiresAt], [
    "tcp",
    80,
    "not-authorized",
    "2026-01-01T02:00:00Z",
  ]);
});

Deno.test("watch gives back at a router that looks up the external port", async () => {
  const world = new TestWorld(BY_EXTERNAL_PORT);
  const { exitCode, stdout, stderr } = await world.run("watch", "8080:80/both", "--for", "10m");
  assertEquals([exitCode, stderr, world.mappings], [0, "", []]);
  assertStringIncludes(stdout, "unmapped tcp 8080 -> 80\n");
  assertStringIncludes(stdout, "unmapped udp 8080 -> 80\n");
});

Deno.test("watch gives back half of a pair, granted in an earlier try, at a router that looks up the external port", async () => {
  let tries = 0;
  const world = new TestWorld({
    faultsFor: (request) => {
      const isUdp = request.kind === "map" && request.protocol === "udp" && request.lifetimeSeconds > 0;
      if (!isUdp) return { deleteByExternalPort: true };
      return tries++ < 20 ? { silent: true } : { refuse: true };
    },
  });
  let during: string[] | undefined;
  world.clock.sleep(9 * MINUTE_MS).then(() => during = world.mappings);
  await world.run("watch", "8080:80/both", "--for", "10m");
  assertEquals(during, []);
});

// ---- give-backs and cron ----

Deno.test("map that fails gives half of a pair back at a router that looks up the external port", async () => {
  const world = new TestWorld({
    faultsFor: (request) =>
      request.kind === "map" && request.protocol === "udp"
        ? { refuse: true }
        : { deleteByExternalPort: true },
  });
  const { exitCode, stderr } = await world.run("map", "8080:80/both");
  assertEquals([exitCode, world.mappings], [5, []]);
  assertEquals(stderr.includes("could not be released"), false, stderr);
});

Deno.test("map --if-due that a configuration left behind deletes at a router that looks up the external port", async () => {
  const cron = new CronLine({ mappings: ["8080:80", "9000:90"] }, BY_EXTERNAL_PORT);
  await cron.run();
  cron.write({ mappings: ["8081:80"] });
  const { exitCode, mail } = await cron.next();
  assertEquals([exitCode, cron.world.mappings], [0, ["tcp 10.0.0.2 8081:80"]], mail);
});

Deno.test("map --if-due that may not delete what a configuration left says until when it lives, once", async () => {
  const cron = new CronLine({ mappings: ["8080:80", "9000:90"] }, REFUSES);
  await cron.run();
  cron.write({ mappings: ["8080:80"] });
  const first = await cron.next();
  assertEquals(first.exitCode, 5);
  assertStringIncludes(first.mail, `tcp 90: ${RESULT_2} The port stays open until 2026-01-01T02:00:00Z`);
  assertEquals(await cron.next(), { exitCode: 5, mail: "" });
});

Deno.test("doctor deletes its test mapping at a router that looks up the external port", async () => {
  const world = new TestWorld(BY_EXTERNAL_PORT);
  const { stdout } = await world.run("doctor");
  assertEquals(world.mappings, []);
  assertStringIncludes(stdout, "  deleted\n");
});
