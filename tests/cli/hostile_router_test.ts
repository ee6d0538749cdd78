/**
 * A router that wants to do harm: junk of every version, length and port, mutations of right answers, floods, lies.
 * Whatever it sends, a command ends within its deadline, with an exit code that has a meaning and lines that are whole,
 * and nobody sees a stack trace.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual, assertMatch, assertNotMatch } from "@std/assert";
import { encodeResponse, type Request } from "../../lib/natpmp/message.ts";
import type { Faults } from "../../lib/simulator/mod.ts";
import { seeded } from "../support/seeded.ts";
import { TestWorld } from "../support/test_world.ts";

const RUNS = 150;
const WATCHES = 30;

/** The exit codes that a router can cause. */
const CAUSES = [0, 4, 5, 6, 7, 8, 9, 10];

/** One router's whims, the same in every run. */
class Malice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** What it does wrong with a request. */
  faults(request: Request): Faults {
    const happens = (chance: number) => this.#random() < chance;
    return {
      ...(happens(0.8) ? { answerBytes: this.#bytes(request) } : {}),
      ...(happens(0.3) ? { bytesBefore: this.#bytes(request) } : {}),
      ...(happens(0.2) ? { resultCode: 1 + this.#below(0xffff) } : {}),
      ...(happens(0.2) ? { resultCode: 1 + this.#below(6) } : {}),
      ...(happens(0.1) ? { wrongPort: true } : {}),
      ...(happens(0.1) ? { wrongAddress: true } : {}),
      ...(happens(0.1) ? { wrongInternalPort: true } : {}),
      ...(happens(0.1) ? { truncateBytes: this.#below(17) } : {}),
      ...(happens(0.1) ? { trailingBytes: this.#below(1400) } : {}),
      ...(happens(0.2) ? { latencyMs: this.#below(3000) } : {}),
      ...(happens(0.1) ? { floodDatagrams: this.#below(200) } : {}),
      ...(happens(0.1) ? { duplicate: true } : {}),
      ...(happens(0.1) ? { reorder: true } : {}),
      ...(happens(0.1) ? { silent: true } : {}),
      ...(happens(0.2) ? { deleteByExternalPort: true } : {}),
      ...(happens(0.1) ? { zeroAddress: true } : {}),
      ...(happens(0.1) ? { rotatePortEvery: 1 } : {}),
      ...(happens(0.1) ? { claimedLifetimeSeconds: this.#below(3) } : {}),
      ...(happens(0.1) ? { epochOffsetSeconds: this.#below(200_000) - 100_000 } : {}),
    };
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** Noise, noise that begins like a response, or the right answer with some bytes changed, cut or lengthened. */
  #bytes(request: Request): Uint8Array {
    const kind = this.#below(4);
    const right = this.#answer(request);
    const length = kind < 2 ? this.#below(this.#below(8) === 0 ? 1400 : 40) : right.length;
    const data = new Uint8Array(kind === 3 ? this.#below(30) : length);
    if (kind < 2) data.forEach((_, i) => data[i] = this.#below(256));
    else data.set(right.subarray(0, data.length));
    if (kind === 1 && data.length > 3) data.set([this.#below(4), 0x80 | this.#below(4), 0, this.#below(14)]);
    for (let n = this.#below(3); n > 0 && data.length > 0; n--) {
      data[this.#below(data.length)] = this.#below(256);
    }
    return data;
  }

  #answer(request: Request): Uint8Array {
    const epochSeconds = this.#below(2 ** 32);
    if (request.kind !== "map") {
      return encodeResponse({ kind: "address", epochSeconds, externalAddress: "203.0.113.9" });
    }
    const { protocol, internalPort, lifetimeSeconds } = request;
    const isDeletion = lifetimeSeconds === 0;
    return encodeResponse({
      kind: "map",
      protocol,
      epochSeconds,
      internalPort,
      externalPort: isDeletion ? 0 : 1 + this.#below(65_535),
      lifetimeSeconds: isDeletion ? 0 : 1 + this.#below(this.#below(2) === 0 ? 5 : 2 ** 32 - 1),
    });
  }
}

/** A world with a hostile router, which may have been an honest one when a lease was granted. */
async function hostile(seed: number, knowsLease: boolean): Promise<TestWorld> {
  const malice = new Malice(seed);
  let isHonest = true;
  const world = new TestWorld({ faultsFor: (request) => isHonest ? {} : malice.faults(request) });
  if (knowsLease) await world.run("map", "8080:80/both", "--quiet");
  isHonest = false;
  world.stdout.text = world.stderr.text = "";
  world.requests.length = 0;
  return world;
}

/** Checks the output of a command, that of `--verbose` included, which shows a defect's trace. */
function assertWhole(text: string, what: string): void {
  assertNotMatch(text, /^ +at |Error: |undefined(?! result)|NaN|\[object/m, what);
  assertNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}]/u, what);
  // A message lists each reason for which datagrams were discarded: a flood cannot make it long.
  for (const line of text.split("\n")) assertLessOrEqual(line.length, 1500, what);
}

/** Failures that are neither silence nor a refusal. */
const ROUTERS_FAULTS =
  /^The router did not confirm the deletion|counts the seconds since its start wrong|^The external address is unknown/;

/** Every port is one, and every error is the router's. */
function assertSound(value: unknown, what: string): void {
  if (value === null || typeof value !== "object") return;
  const { kind, message } = value as { readonly kind?: unknown; readonly message?: unknown };
  if (kind === "failure") assertMatch(String(message), ROUTERS_FAULTS, what);
  for (const [key, inner] of Object.entries(value)) {
    if (key === "externalPort") assert(Number.isInteger(inner) && inner >= 1 && inner <= 65_535, what);
    assertSound(inner, what);
  }
}

/** Command lines, how long each may take, and how often each may send: three times a second for each request. */
const COMMANDS: readonly { args: string; seconds: number; sends: number }[] = [
  { args: "address -t 1", seconds: 1, sends: 3 },
  { args: "map 8080:80 -t 1", seconds: 2, sends: 6 },
  // Two mappings, the deletion of the first one, and the address.
  { args: "map 8080:80/both --exact -t 1", seconds: 4, sends: 12 },
  { args: "map any:81 82/both --any-port -t 1", seconds: 4, sends: 12 },
  { args: "map 1:0 --allow-port-zero -t 1", seconds: 2, sends: 6 },
  { args: "map 8080:80/both --if-due -t 1", seconds: 9, sends: 12 },
  // A refused deletion and the second try share the time, and not the sends.
  { args: "unmap 8080:80 -t 1", seconds: 1, sends: 6 },
  { args: "unmap --all -t 1", seconds: 2, sends: 6 },
  { args: "status --probe -t 1", seconds: 1, sends: 3 },
  // One of them is for the search of UPnP.
  { args: "doctor -t 1", seconds: 4, sends: 12 },
];

for (const { args, seconds, sends } of COMMANDS) {
  Deno.test(`${args} survives ${RUNS} hostile routers`, async () => {
    const exitCodes = new Set<number>();
    for (let seed = 1; seed <= RUNS; seed++) {
      const what = `seed ${seed}`;
      const isJson = seed % 2 === 0;
      const world = await hostile(seed, seed % 3 === 0);
      const startMs = world.clock.now();
      const { exitCode, stdout, stderr } = await world.run(...args.split(" "), isJson ? "--json" : "-v");
      exitCodes.add(exitCode);
      assert(CAUSES.includes(exitCode), `${what}: exit ${exitCode}: ${stderr}`);
      assertLessOrEqual(world.clock.now() - startMs, seconds * 1000, what);
      assertLessOrEqual(world.requests.length, sends, what);
      assertWhole(stderr, what);
      if (!isJson) assertWhole(stdout, what);
      else if (stdout !== "") {
        assertMatch(stdout, /^[^\n]+\n$/, what);
        assertSound(JSON.parse(stdout), what);
      }
    }
    assert(exitCodes.size >= 3, `only ${[...exitCodes]}: the routers do not do much`);
  });
}

Deno.test(`watch survives ${WATCHES} hostile routers, asks no more than is right, and stops in time`, async () => {
  const events = new Set<string>();
  for (let seed = 1; seed <= WATCHES; seed++) {
    const what = `seed ${seed}`;
    const world = await hostile(seed, seed % 3 === 0);
    const startMs = world.clock.now();
    const { exitCode, stdout, stderr } = await world.run(
      "watch",
      "8080:80/both",
      "90",
      "--for",
      "10m",
      "--json",
    );
    assertEquals([exitCode, stderr], [0, ""], what);
    assertLessOrEqual(world.clock.now() - startMs, 603_000, what);
    // Two a second, though it grants leases of a second and answers at once.
    assertLessOrEqual(world.requests.length, 1200, what);
    for (const line of stdout.trimEnd().split("\n")) {
      const event = JSON.parse(line);
      events.add(event.event);
      assertSound(event, what);
    }
  }
  for (const event of ["mapped", "changed", "expired", "error", "stopped"]) assert(events.has(event), event);
});
