/**
 * What keeps a run of `map --if-due` from its work, and what is mailed of it.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Request } from "../../../lib/natpmp/message.ts";
import type { Faults } from "../../../lib/simulator/mod.ts";
import { CronLine } from "../../support/cron_line.ts";
import { faultyFor, type TestWorldOptions } from "../../support/test_world.ts";

const TWO = { mappings: ["8080:80", "9000:90"] };
const ONE = { mappings: ["8080:80"] };
const SILENT = { exitCode: 0, mail: "" };
const GATEWAY_LOCK = "/state/natpmp/gateway-10.0.0.1-5351.lock";
const HOUR_MS = 3_600_000;

function isDeletion(request: Request): boolean {
  return request.kind === "map" && request.lifetimeSeconds === 0;
}

/** A gateway with a fault in its answers to deletions, and in no others. */
function faultyDeletions(faults: Faults): TestWorldOptions {
  return { faultsFor: (request) => isDeletion(request) ? faults : {} };
}

/** What is remembered as granted. */
function remembered({ world }: CronLine): string[] {
  return world.fakeStatePaths.state.gateways.flatMap(({ entries }) =>
    entries.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`)
  );
}

/** What was asked for since a number of requests, re-sends included. */
function asked({ world }: CronLine, since: number): string[] {
  return world.requests.slice(since).map((request) =>
    request.kind === "map"
      ? `${isDeletion(request) ? "delete " : ""}${request.protocol} ${request.internalPort}`
      : request.kind
  );
}

// ---- deletions ----

Deno.test("map --if-due mails a refused deletion once, ends with 5, and tries again at each run", async () => {
  const cron = new CronLine(TWO, faultyDeletions({ refuse: true }));
  await cron.run();
  cron.write(ONE);
  const first = await cron.next();
  assertEquals(first.exitCode, 5);
  assertMatch(
    first.mail,
    /^natpmp: error: tcp 90: 10\.0\.0\.1 refused to delete the mapping: not authorized[^\n]*\n$/,
  );
  assertEquals(await cron.next(), { exitCode: 5, mail: "" });
  assertEquals([cron.world.deletions.length, remembered(cron)], [4, ["tcp 80", "tcp 90"]]);
});

Deno.test("map --if-due renews what is due although a deletion is refused", async () => {
  const cron = new CronLine(TWO, faultyDeletions({ refuse: true }));
  await cron.run();
  cron.write(ONE);
  await cron.world.clock.advance(HOUR_MS);
  const count = cron.world.requests.length;
  assertEquals((await cron.run()).exitCode, 5);
  assertEquals(asked(cron, count), ["address", "delete tcp 90", "delete tcp 90", "tcp 80"]);
});

/** Has somebody else take the gateway's lock as soon as a run has asked for the address. */
function busyAfterAddress({ world }: CronLine): void {
  const { files } = world.fakeStatePaths;
  const { tryLock } = files;
  let turns = 0;
  files.tryLock = (path, holder) => {
    if (path === GATEWAY_LOCK && turns++ > 0) files.locks.set(GATEWAY_LOCK, "natpmp watch, process 9");
    return tryLock.call(files, path, holder);
  };
}

for (const more of [[], ["--json"]]) {
  Deno.test(`map --if-due${more.map((word) => ` ${word}`).join("")} mails nothing of a deletion whose turn does not come, and deletes at the next run`, async () => {
    const cron = new CronLine({ portFile: "/run/port", ...TWO });
    await cron.run();
    cron.write({ portFile: "/run/port", ...ONE });
    const { files } = cron.world.fakeStatePaths;
    const { tryLock } = files;
    for (let run = 0; run < 4; run++) {
      busyAfterAddress(cron);
      await cron.world.clock.advance(60_000);
      assertEquals(await cron.run(...more), SILENT, `run ${run}`);
      files.tryLock = tryLock;
      files.locks.delete(GATEWAY_LOCK);
    }
    assertEquals([cron.world.deletions, remembered(cron)], [[], ["tcp 80", "tcp 90"]]);
    assertEquals(await cron.next(), { exitCode: 0, mail: "tcp 90 unmapped\n" });
    assertEquals(remembered(cron), ["tcp 80"]);
  });
}

Deno.test("map --if-due does not mail a refused deletion again because a turn did not come in between", async () => {
  const cron = new CronLine(TWO, faultyDeletions({ refuse: true }));
  await cron.run();
  cron.write(ONE);
  assertEquals((await cron.next()).exitCode, 5);
  const { files } = cron.world.fakeStatePaths;
  const { tryLock } = files;
  busyAfterAddress(cron);
  assertEquals(await cron.next(), SILENT);
  files.tryLock = tryLock;
  files.locks.delete(GATEWAY_LOCK);
  assertEquals(await cron.next(), { exitCode: 5, mail: "" });
});

// ---- a silent router, and leftovers ----

Deno.test("map --if-due waits once for a router that answers no mapping, and mails one line for all of them", async () => {
  const cron = new CronLine({ mappings: ["8080:80", "8081:81", "8082:82"] }, {
    faultsFor: faultyFor("tcp", { silent: true }),
  });
  const startMs = cron.world.clock.now();
  const { exitCode, mail } = await cron.run();
  assertEquals([exitCode, cron.world.clock.now() - startMs], [4, 7750]);
  assertMatch(mail, /^natpmp: error: tcp 80, tcp 81, tcp 82: 10\.0\.0\.1:5351 did not answer[^\n]+\n$/);
  assertEquals(await cron.next(), { exitCode: 4, mail: "" });
});

for (const args of [["map"], ["map", "--if-due", "--quiet"]]) {
  Deno.test(`${args.join(" ")} warns of an external port that could not be released`, async () => {
    const { world } = new CronLine(ONE, {
      faultsFor: (request) =>
        isDeletion(request) ? { silent: true } : faultyFor("udp", { refuse: true })(request),
    });
    const { exitCode, stdout, stderr } = await world.run(...args, "8080:80/both");
    assertEquals([exitCode, stdout], [5, ""]);
    const warning = "natpmp: warning: Cannot release external tcp port 8080: it stays open for 7200 s\n";
    assertStringIncludes(stderr, warning);
    assertEquals(stderr.split("\n").length, 3, stderr);
  });
}

// ---- what ends a run ----

interface Ending {
  readonly what: string;
  readonly options?: TestWorldOptions;
  readonly exitCode: number;
  readonly mail: RegExp;
  readonly kind: string;
  /** Whether the question was sent. */
  readonly sent: boolean;
}

const ENDINGS: readonly Ending[] = [
  {
    what: "nothing listens on",
    options: { gateway: { actsAsNat: false }, conditions: { reportsPortUnreachable: true } },
    exitCode: 8,
    mail: /^natpmp: error: PCP, NAT-PMP: no program listens on UDP port 5351 of 10\.0\.0\.1 [^\n]+\n$/,
    kind: "not-supported",
    sent: false,
  },
  {
    what: "answers with two bytes of PCP",
    options: { faults: { answerBytes: Uint8Array.of(2, 0x80) } },
    exitCode: 4,
    mail: /^natpmp: error: 10\.0\.0\.1:5351 gave no valid answer [^\n]+\n$/,
    kind: "timeout",
    sent: true,
  },
  {
    what: "cannot be reached through a socket",
    options: { hasNoSocket: true },
    exitCode: 1,
    mail: /^natpmp: error: [^\n]+\n$/,
    kind: "failure",
    sent: false,
  },
];

for (const { what, options, exitCode, mail, kind, sent } of ENDINGS) {
  Deno.test(`map --if-due at a gateway that ${what} asks for nothing but the address, and mails the failure of the run once`, async () => {
    const cron = new CronLine(TWO, options);
    const first = await cron.run();
    assertEquals(first.exitCode, exitCode, first.mail);
    assertMatch(first.mail, mail);
    assertEquals(new Set(asked(cron, 0)), new Set(sent ? ["address"] : []));
    assertEquals(await cron.next(), { exitCode, mail: "" });
    const before = cron.world.stdout.text.length;
    const args = ["map", "--config", "/etc/natpmp.json", "--if-due", "--json"];
    assertEquals((await cron.world.run(...args)).exitCode, exitCode);
    const { error, mappings } = JSON.parse(cron.world.stdout.text.slice(before));
    assertEquals([error.kind, mappings], [kind, undefined]);
  });
}

/** The request at which a run is asked to stop, in a run in which there is something to delete, to move and to renew. */
const STOPS: readonly (readonly [what: string, at: (request: Request) => boolean])[] = [
  ["the address", ({ kind }) => kind === "address"],
  ["a deletion", (request) => isDeletion(request) && request.kind === "map" && request.internalPort === 90],
  [
    "what has to move",
    (request) => isDeletion(request) && request.kind === "map" && request.internalPort === 80,
  ],
  ["a renewal", (request) => request.kind === "map" && !isDeletion(request)],
];

for (const [what, isAt] of STOPS) {
  for (const [name, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.test(`map --if-due that gets ${name} while it asks for ${what} ends at once with ${exitCode}`, async () => {
      let isStopping = false;
      const cron: CronLine = new CronLine({ mappings: ["8080:80", "9000:90", "2222:22"] }, {
        faultsFor: (request) => ({ silent: isStopping && isAt(request) }),
        onSend: (request) => {
          if (isStopping && isAt(request)) cron.world.stop(name);
        },
      });
      await cron.run();
      await cron.world.clock.advance(HOUR_MS);
      cron.write({ mappings: ["8081:80", "2222:22"] });
      isStopping = true;
      const startMs = cron.world.clock.now();
      assertEquals((await cron.run()).exitCode, exitCode);
      assertEquals(cron.world.clock.now(), startMs);
    });
  }
}

Deno.test("map --if-due that is stopped while there is only something to delete does not end with 0", async () => {
  let isStopping = false;
  const cron: CronLine = new CronLine(TWO, {
    faultsFor: (request) => ({ silent: isStopping && isDeletion(request) }),
    onSend: (request) => {
      if (isStopping && isDeletion(request)) cron.world.stop();
    },
  });
  await cron.run();
  cron.write({ mappings: [] });
  isStopping = true;
  assertEquals((await cron.next()).exitCode, 130);
  assertEquals(remembered(cron), ["tcp 80", "tcp 90"]);
});

Deno.test("map --if-due that is stopped in the random wait after a loss of state ends with 143", async () => {
  const cron = new CronLine(TWO);
  await cron.run();
  await cron.world.clock.advance(60_000);
  cron.world.gateway.reboot(cron.world.clock.now());
  cron.world.clock.sleep(1000).then(() => cron.world.stop("SIGTERM"));
  const count = cron.world.requests.length;
  assertEquals((await cron.run()).exitCode, 143);
  assertEquals(asked(cron, count), ["address"]);
});
