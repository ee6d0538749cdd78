/**
 * What people, hooks and port files hear from `map --if-due` of leases that ended.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NoGatewayError } from "../../../lib/errors.ts";
import type { Faults } from "../../../lib/simulator/mod.ts";
import { CONFIG_PATH as PATH, CronLine } from "../../support/cron_line.ts";

const HOUR_MS = 3_600_000;
const FILE = {
  exec: "all",
  portFile: "ports",
  mappings: ["8080:80", { external: 2222, internal: 22, exec: "ssh", portFile: "ssh" }],
};

/** The hooks since a number of them, as in `ssh: expired tcp 22 (was 2222)`. */
function hooksSince({ world: { fakeMachine: { hooks } } }: CronLine, count: number): string[] {
  return hooks.slice(count).map(({ command, environment: variables }) =>
    `${command}: ${variables.NATPMP_EVENT} ${variables.NATPMP_PROTOCOL} ${variables.NATPMP_INTERNAL_PORT} ` +
    `(was ${variables.NATPMP_PREVIOUS_EXTERNAL_PORT})`
  );
}

/** The port files that there are. */
function portFiles({ world: { fakeMachine: { files } } }: CronLine): Record<string, string> {
  const { [PATH]: _, ...others } = Object.fromEntries(files);
  return others;
}

/** A cron line whose gateway can be made to misbehave from now on. */
function faultyLine(faults: Faults) {
  let isFaulty = false;
  const cron = new CronLine(FILE, { faultsFor: () => isFaulty ? faults : {} });
  return { cron, setFaulty: (value: boolean) => void (isFaulty = value) };
}

for (const [what, faults] of [["silent", { silent: true }], ["refusing", { resultCode: 2 }]] as const) {
  Deno.test(`map --if-due runs the hook with expired, once, when a ${what} router let the lease run out`, async () => {
    const { cron, setFaulty } = faultyLine(faults);
    await cron.run();
    setFaulty(true);
    await cron.next();
    assertEquals(hooksSince(cron, 2), []);
    await cron.world.clock.advance(2 * HOUR_MS);
    await cron.run();
    const expired = ["all: expired tcp 80 (was 8080)", "ssh: expired tcp 22 (was 2222)"];
    assertEquals(hooksSince(cron, 2), expired);
    assertEquals(cron.world.fakeMachine.hooks.at(-1)?.environment.NATPMP_EXTERNAL_PORT, undefined);
    assertEquals(cron.world.fakeMachine.hooks.at(-1)?.environment.NATPMP_GATEWAY, "10.0.0.1");
    await cron.next();
    assertEquals(hooksSince(cron, 2), expired);
    setFaulty(false);
    await cron.next();
    assertEquals(hooksSince(cron, 4), [
      "all: mapped tcp 80 (was undefined)",
      "ssh: mapped tcp 22 (was undefined)",
    ]);
    setFaulty(true);
    await cron.world.clock.advance(3 * HOUR_MS);
    await cron.run();
    assertEquals(hooksSince(cron, 6), expired);
  });
}

const EXPIRED = [
  "tcp 80 expired: external port 8080 is closed\n",
  "tcp 22 expired: external port 2222 is closed\n",
];

for (const [what, faults] of [["silent", { silent: true }], ["refusing", { resultCode: 2 }]] as const) {
  Deno.test(`map --if-due prints one line for each lease that a ${what} router let run out, once`, async () => {
    for (const hookCode of [0, 3]) {
      const { cron, setFaulty } = faultyLine(faults);
      await cron.run();
      setFaulty(true);
      await cron.next();
      await cron.world.clock.advance(2 * HOUR_MS);
      cron.world.fakeMachine.hookEnd = () => ({ code: hookCode });
      const { mail } = await cron.run();
      for (const line of EXPIRED) assertStringIncludes(mail, line);
      for (let run = 0; run < 3; run++) assertEquals((await cron.next()).mail, "", `run ${run}`);
    }
  });

  Deno.test(`map --if-due --json has expired for each lease that a ${what} router let run out, once`, async () => {
    const { cron, setFaulty } = faultyLine(faults);
    await cron.run();
    setFaulty(true);
    await cron.next();
    await cron.world.clock.advance(2 * HOUR_MS);
    const { mappings } = JSON.parse((await cron.run("--json")).mail);
    // A refusal is of one protocol, and each mapping has its own.
    const by = what === "refusing" ? { via: "nat-pmp" } : {};
    assertEquals(mappings.map(({ error: _, ...rest }: { error?: unknown }) => rest), [
      { protocol: "tcp", internalPort: 80, expired: true, ...by },
      { protocol: "tcp", internalPort: 22, expired: true, ...by },
    ]);
    assertEquals((await cron.next()).mail, "");
    await cron.world.clock.advance(15 * 60_000);
    assertEquals((await cron.run("--json")).mail, "");
  });
}

Deno.test("map --if-due prints that a lease ran out, and later that the router answers and the new lease", async () => {
  const { cron, setFaulty } = faultyLine({ silent: true });
  cron.write({ mappings: ["8080:80"] });
  await cron.run();
  setFaulty(true);
  await cron.world.clock.advance(3 * HOUR_MS);
  assertMatch(
    (await cron.run()).mail,
    /^tcp 80 expired: external port 8080 is closed\nnatpmp: error: 10\.0\.0\.1:5351 did not answer [^\n]+\n$/,
  );
  setFaulty(false);
  assertEquals(
    (await cron.next()).mail,
    [
      "10.0.0.1 answers again\n",
      "tcp 203.0.113.7:8080 -> 80, 7200 s (mapped again: the lease had expired)\n",
    ].join(""),
  );
});

Deno.test("map --if-due --json has answersAgain, once, when the router is back", async () => {
  const { cron, setFaulty } = faultyLine({ silent: true });
  await cron.run();
  setFaulty(true);
  await cron.next();
  setFaulty(false);
  await cron.world.clock.advance(60_000);
  assertEquals(JSON.parse((await cron.run("--json")).mail).answersAgain, true);
  assertEquals((await cron.run("--json")).mail, "");
});

Deno.test("map --if-due names what stays open, and until when, while the router is silent", async () => {
  const { cron, setFaulty } = faultyLine({ silent: true });
  await cron.run();
  setFaulty(true);
  assertEquals(
    (await cron.next()).mail,
    "natpmp: error: 10.0.0.1:5351 did not answer within 7.75 s (attempts: 5). Unless the router has restarted, " +
      "tcp 80, tcp 22 stay open until 2026-01-01T02:00:00Z. Run natpmp doctor to see whether this is the right " +
      "router, or wait longer with --timeout\n",
  );
});

Deno.test("map --if-due advises to turn on NAT-PMP only where this router never granted anything", async () => {
  const never = new CronLine(FILE, { faults: { silent: true } });
  assertMatch((await never.run()).mail, /attempts: 5\)\. Run natpmp doctor .* Turn on UPnP, NAT-PMP/);
  const { cron, setFaulty } = faultyLine({ silent: true });
  await cron.run();
  setFaulty(true);
  await cron.world.clock.advance(3 * HOUR_MS);
  assertMatch((await cron.run()).mail, /attempts: 5\)\. Run natpmp doctor [^.]+ --timeout\n$/m);
});

Deno.test("map --if-due runs the hook with expired and removes port files also without any gateway", async () => {
  const cron = new CronLine(FILE);
  await cron.run();
  const findGateway = cron.world.findGateway;
  const gone = () => Promise.reject(new NoGatewayError("This host has no default route"));
  cron.world.findGateway = gone;
  await cron.next();
  assertEquals([hooksSince(cron, 2), portFiles(cron)], [[], {
    "/etc/ports": "8080\n",
    "/etc/ssh": "2222\n",
  }]);
  await cron.world.clock.advance(2 * HOUR_MS);
  assertEquals((await cron.run()).exitCode, 3);
  assertEquals(hooksSince(cron, 2), ["all: expired tcp 80 (was 8080)", "ssh: expired tcp 22 (was 2222)"]);
  assertEquals(portFiles(cron), {});
  await cron.next();
  assertEquals(hooksSince(cron, 4), []);
  cron.world.findGateway = findGateway;
  assertEquals((await cron.next()).exitCode, 0);
  assertEquals(portFiles(cron), { "/etc/ports": "8080\n", "/etc/ssh": "2222\n" });
});

Deno.test("map --if-due runs a hook for expired again until it succeeds, and mails its failure once", async () => {
  const { cron, setFaulty } = faultyLine({ silent: true });
  await cron.run();
  setFaulty(true);
  await cron.next();
  await cron.world.clock.advance(2 * HOUR_MS);
  cron.world.fakeMachine.hookEnd = ({ command }) => ({ code: command === "ssh" ? 3 : 0 });
  assertMatch((await cron.run()).mail, /The hook for expired tcp 22 ended with exit code 3\n/);
  assertEquals(await cron.next(), { exitCode: 4, mail: "" });
  assertEquals(hooksSince(cron, 2), [
    "all: expired tcp 80 (was 8080)",
    "ssh: expired tcp 22 (was 2222)",
    "ssh: expired tcp 22 (was 2222)",
  ]);
  assertEquals(cron.world.fakeMachine.hooks.slice(2).map(({ isSilent }) => isSilent), [false, false, true]);
  cron.world.fakeMachine.hookEnd = () => ({ code: 0 });
  await cron.next();
  await cron.next();
  assertEquals(hooksSince(cron, 5), ["ssh: expired tcp 22 (was 2222)"]);
});

Deno.test("map --if-due runs the hook with expired for what ran out before the file let go of it", async () => {
  const cron = new CronLine(FILE);
  await cron.run();
  await cron.world.clock.advance(3 * HOUR_MS);
  cron.write({ ...FILE, mappings: [] });
  assertEquals(await cron.run(), { exitCode: 0, mail: EXPIRED.join("") });
  assertEquals(await cron.next(), { exitCode: 0, mail: "" });
  assertEquals(hooksSince(cron, 2), ["all: expired tcp 80 (was 8080)", "all: expired tcp 22 (was 2222)"]);
});

Deno.test("map --if-due runs the hook with unmapped for what had to move and was not granted anew", async () => {
  let isFull = false;
  const cron = new CronLine(FILE, {
    faultsFor: (request) =>
      isFull && request.kind === "map" && request.lifetimeSeconds > 0 ? { resultCode: 4 } : {},
  });
  await cron.run();
  isFull = true;
  cron.write({ ...FILE, mappings: ["8081:80", FILE.mappings[1]] });
  assertEquals((await cron.next()).exitCode, 7);
  assertEquals(hooksSince(cron, 2), ["all: unmapped tcp 80 (was 8080)"]);
});

Deno.test("map --config --if-due removes the port file of a mapping that left the file", async () => {
  const cron = new CronLine(FILE);
  await cron.run();
  cron.write({ ...FILE, mappings: FILE.mappings.slice(0, 1) });
  assertEquals(await cron.next(), { exitCode: 0, mail: "tcp 22 unmapped\n" });
  assertEquals(portFiles(cron), { "/etc/ports": "8080\n" });
});

Deno.test("map --config --if-due removes the port file of a mapping that an explicit map had asked for", async () => {
  const cron = new CronLine(FILE);
  await cron.world.run("map", "--config", PATH);
  cron.write({ mappings: ["8080:80"] });
  await cron.run();
  assertEquals(portFiles(cron), {});
});

Deno.test("map --config --if-due leaves a port file that other mappings of the file still have", async () => {
  const shared = [
    { external: 2222, internal: 22, portFile: "shared" },
    { external: 2223, internal: 23, portFile: "shared" },
  ];
  const cron = new CronLine({ mappings: shared });
  await cron.run();
  cron.write({ mappings: shared.slice(1) });
  await cron.next();
  assertEquals(portFiles(cron), { "/etc/shared": "2223\n" });
  cron.write({ mappings: [] });
  await cron.next();
  assertEquals(portFiles(cron), {});
});

Deno.test("map --config --if-due moves a port file that has another name now, though nothing is renewed", async () => {
  const cron = new CronLine(FILE);
  await cron.run();
  cron.write({ ...FILE, mappings: [FILE.mappings[0], { ...(FILE.mappings[1] as object), portFile: "new" }] });
  assertEquals(await cron.next(), { exitCode: 0, mail: "" });
  assertEquals(portFiles(cron), { "/etc/ports": "8080\n", "/etc/new": "2222\n" });
  const { fileHistory } = cron.world.fakeMachine;
  const count = fileHistory.length;
  await cron.next();
  assertEquals(fileHistory.length, count);
});

Deno.test("map --config --if-due leaves the port file of a mapping that it could not delete", async () => {
  let isRefusing = false;
  const cron = new CronLine(FILE, {
    faultsFor: (request) =>
      isRefusing && request.kind === "map" && request.lifetimeSeconds === 0 ? { resultCode: 2 } : {},
  });
  await cron.run();
  isRefusing = true;
  cron.write({ ...FILE, mappings: FILE.mappings.slice(0, 1) });
  assertEquals((await cron.next()).exitCode, 5);
  assertEquals(portFiles(cron), { "/etc/ports": "8080\n", "/etc/ssh": "2222\n" });
  isRefusing = false;
  await cron.next();
  assertEquals(portFiles(cron), { "/etc/ports": "8080\n" });
});
